"""Import of weights that were trained elsewhere: from a file to a finished run."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from digits.data import load
from digits.files import escaped
from digits.hardware import describe_machine, describe_versions, find_commit, select_device
from digits.models import count_parameters
from digits.models.foreign import fit_network, from_state_dict, read_state_dict
from digits.recipe import Recipe
from digits.run import Run, expect_absent
from digits.training.calibration import find_temperature
from digits.training.loop import complete
from digits.training.tasks import evaluate_task


def import_weights(
    weights: str | Path,
    out: str | Path,
    *,
    mean: float | None = None,
    std: float | None = None,
    dataset: str = "mnist",
    device: str = "auto",
) -> Run:
    """Import a file of weights as a run: find its network and temperature, and evaluate it.

    The run is a finished one, for `digits.evaluate`, `digits.Reader` and export. Its recipe has the
    network, mean and standard deviation, and its summary the name that each tensor had; how the
    weights were trained is not known, so its history is empty.

    Args:
        weights: A file that `torch.save` made of a `state_dict`; see `from_state_dict`.
        out: The run folder to make.
        mean: As in `from_state_dict`.
        std: As in `from_state_dict`.
        dataset: The data set that they were trained on.
        device: Device to compute on: auto, cpu, cuda or mps.

    Returns:
        The finished run.

    Raises:
        InvalidInput: If the weights fit no network, mean and standard deviation are missing, or
            `out` exists.
        DigitsError: If the data can't be had, or the disk refuses.
    """
    expect_absent(Path(out))
    tensors = read_state_dict(weights)
    data = load(dataset)
    num_classes, size = len(data.classes), data.size
    fit = fit_network(tensors, mean=mean, std=std, num_classes=num_classes, size=size)
    model = from_state_dict(tensors, mean=mean, std=std, num_classes=num_classes, size=size)
    recipe = Recipe(
        name="imported",
        description=f"weights of {escaped(Path(weights).name)}, trained elsewhere",
        network=fit.network,
        dataset=dataset,
        mean=fit.mean,
        std=fit.std,
        epochs=1,
        validation_size=0,  # any training image may have been trained on
        precision="float32",
    )
    recipe = complete(recipe, data, select_device(device))
    temperature = find_temperature(model, recipe, data, device=device)
    run = Run.create(Path(out), recipe, {"recipe": recipe.to_toml()})
    run.save_model(model, temperature, classes=data.classes, size=data.size)
    test = evaluate_task([run], data.test, device=device)
    run.save_summary(
        {
            "recipe": recipe.name,
            "dataset": recipe.dataset,
            "seed": recipe.seed,
            "imported": {
                "sha256": hashlib.sha256(Path(weights).read_bytes()).hexdigest(),
                "tensors": fit.tensors,
            },
            "temperature": temperature,
            "test": test.to_dict(),
            "training_seconds": 0.0,
            "training_images": None,
            "parameters": count_parameters(model),
            "device": select_device(device).type,
            "precision": recipe.precision,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": find_commit(),
            "versions": describe_versions(),
            "machine": describe_machine(),
        }
    )
    return run
