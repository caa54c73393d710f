import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from digits.data import DataSet, Split
from digits.errors import DigitsError, InvalidInput
from digits.evaluation import evaluate, predict
from digits.hardware import derive_seed
from digits.models import NETWORKS, Normalize, build_model
from digits.recipe import Augmentation, Recipe, load_recipe, recipe_names
from digits.run import Run
from digits.training import Interrupted, resume, train
from digits.training.augmentation import augment, digest_amounts, strokes
from digits.training.optimization import build_optimizer, build_schedule
from digits.training.progress import TrainingProgress
from digits.training.seeds import AUGMENT, ORDER
from digits.training.targets import cross_entropy, one_hot, smooth_labels, smoothed_entropy
from digits.training.tasks.glyphs import judge_glyphs
from digits.training.trainer import Trainer

SMALL = Recipe(
    name="small",
    network="compact",
    epochs=2,
    batch_size=64,
    validation_size=100,
    precision="float32",
    augmentation=Augmentation(shift_pixels=1),
)


class Silent(TrainingProgress):
    """Prints nothing; may act at one of the checks of the loss."""

    def __init__(self, act_after: int = -1, act: Any = None) -> None:
        super().__init__()
        self.console.quiet = True
        self.checks, self.act_after, self.act = 0, act_after, act

    def step(self, **kwargs: Any) -> None:
        self.checks += 1
        if self.checks == self.act_after:
            self.act()


@pytest.fixture
def with_few_blobs(monkeypatch: pytest.MonkeyPatch, blob_set: DataSet) -> None:
    """Training takes half of the small set for MNIST: 200 images, where 100 are held out."""
    train, half = blob_set.train, slice(300)
    few = replace(blob_set, train=Split("train", train.images[half], train.labels[half]))
    monkeypatch.setattr("digits.training.loop.load_set", lambda recipe, **_: few)


def train_until_stopped(folder: Path, recipe: Recipe = SMALL, **how: Any) -> Run:
    """A run that got a SIGTERM in its first epoch, and saved itself."""
    stop = Silent(1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        train(recipe, out=folder, progress=stop, **how)
    return Run(folder)


def weights(run: Run) -> bytes:
    return run.model_path.read_bytes()


@pytest.mark.usefixtures("with_blobs")
def test_training_learns_and_keeps_everything_in_its_folder(tmp_path: Path) -> None:
    run = train(SMALL, out=tmp_path / "run", progress=Silent())
    assert run.summary["test"]["accuracy"] == 1.0
    assert [record.epoch for record in run.history] == [1, 2]
    assert run.history[1].train_loss < run.history[0].train_loss
    assert run.history[1].validation_accuracy == 1.0
    needed = {"test", "training_seconds", "parameters", "recipe", "seed", "device", "precision"}
    assert needed | {"versions", "machine", "commit"} <= run.summary.keys()
    assert run.recipe.mean is not None, "the recipe of a run says exactly what ran"


def test_the_loop_equals_the_plain_one(with_blobs: DataSet, tmp_path: Path) -> None:
    """The same arithmetic written the way that textbooks do, from the same random numbers.

    By gradient descent: Adam, which divides gradients by their size, makes steps of those that are
    nothing but rounding.
    """
    descent = SMALL.override(optimizer="sgd", learning_rate=0.05, momentum=0.9)
    run = train(descent, out=tmp_path / "run", device="cpu", progress=Silent(), epochs=1)
    recipe = run.recipe
    split, _ = with_blobs.split(100)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model("compact", mean=recipe.mean or 0, std=recipe.std or 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(derive_seed(0, ORDER, 1)))
    for step in range(8):
        chosen = order[64 * step : 64 * (step + 1)]
        images = []
        for first, part in zip((0, len(chosen) // 2), chosen.tensor_split(2), strict=True):
            seed = derive_seed(0, AUGMENT, 1, step, first)
            changed, _ = augment(
                split.images[part][:, None],
                split.labels[part],
                recipe.augmentation,
                torch.Generator().manual_seed(seed),
            )
            images.append(changed)
        loss = F.cross_entropy(model(torch.cat(images)), split.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, value in run.model.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("decay", "kind"), [(0.0, torch.optim.Adam), (0.1, torch.optim.AdamW)])
def test_adam_is_that_of_torch(decay: float, kind: type[torch.optim.Optimizer]) -> None:
    recipe = SMALL.override(learning_rate=2e-3, weight_decay=decay)
    ours, plain = (nn.Linear(5, 3) for _ in range(2))
    plain.load_state_dict(ours.state_dict())
    torchs = kind(plain.parameters(), lr=2e-3, weight_decay=decay)  # type: ignore[call-arg]
    pairs = [(ours, build_optimizer(recipe, ours)), (plain, torchs)]
    inputs = torch.randn(4, 8, 5)
    for batch in inputs:
        for model, optimizer in pairs:
            optimizer.zero_grad()
            model(batch).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.state_dict(), plain.state_dict(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 8, 9, 10, 25, 100])
def test_one_cycle_rises_to_the_learning_rate_and_falls_to_nearly_nothing(num_steps: int) -> None:
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=2e-3)
    recipe = SMALL.override(schedule="one_cycle", learning_rate=2e-3)
    schedule = build_schedule(recipe, optimizer, num_steps)
    rates = []
    for _ in range(num_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) <= 2e-3
    assert rates[-1] < 1e-7
    if num_steps == 100:
        assert max(rates) == pytest.approx(2e-3, rel=1e-3)
        assert rates.index(max(rates)) == 11
        assert sum(rates) / num_steps == pytest.approx(1e-3, rel=0.05)


def test_label_smoothing_is_that_of_torch() -> None:
    logits, labels = torch.randn(8, 10), torch.arange(8)
    expected = F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.2)
    losses, right = judge_glyphs(logits, smooth_labels(one_hot(labels, 10), 0.2))
    torch.testing.assert_close(losses, expected)
    assert torch.equal(right, logits.argmax(dim=1) == labels)
    assert torch.equal(smooth_labels(one_hot(labels, 10), 0), one_hot(labels, 10))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
def test_no_prediction_has_less_loss_than_the_entropy_of_its_smoothed_label(
    label_smoothing: float,
) -> None:
    floor = smoothed_entropy(label_smoothing, 10)
    targets = smooth_labels(one_hot(torch.arange(10), 10), label_smoothing)
    best = cross_entropy(targets.clamp(min=1e-30).log(), targets)
    assert best.tolist() == pytest.approx([floor] * 10, abs=1e-6)
    random = torch.randn(100, 10, 10, generator=torch.Generator().manual_seed(0)).mul(5)
    losses = [float(cross_entropy(logits, targets).min()) for logits in random]
    assert min(losses) >= floor - 1e-6


def test_outliers_teach_that_all_ten_digits_are_equally_likely() -> None:
    """Any answer to them counts as right, and label smoothing leaves them as they are."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    images, targets = torch.rand(6, 1, 28, 28), one_hot(torch.tensor([3, 0, 0, 5, 9, 1]), 10)
    outliers = torch.tensor([False, True, False, True, False, False])
    targets = smooth_labels(torch.where(outliers[:, None], 0.1, targets), 0.1)
    assert bool((targets[outliers] == 0.1).all())
    expected = -model(images).log_softmax(dim=1)[outliers].mean(dim=1)
    losses, right = judge_glyphs(model(images), targets)
    torch.testing.assert_close(losses[outliers], expected)
    assert bool(right[outliers].all())
    optimizer = torch.optim.SGD(model.parameters(), 0.02)
    for _ in range(301):
        optimizer.zero_grad()
        judge_glyphs(model(images), targets)[0].mean().backward()
        optimizer.step()
    probabilities = model(images).detach().softmax(dim=1)
    assert float((probabilities[outliers] - 0.1).abs().max()) < 0.02
    assert float(probabilities[~outliers].amax(dim=1).min()) > 0.8


@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_gradients_are_clipped_to_their_norm(blob_set: DataSet, clip: float) -> None:
    recipe = SMALL.override(
        mean=0.1, std=0.3, optimizer="sgd", momentum=0.0, learning_rate=1.0, clip_gradients=clip
    )
    trainer = Trainer(recipe, blob_set, torch.device("cpu"))

    def weights() -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])

    before = weights()
    trainer.advance()
    moved = weights() - before
    assert (float(moved.norm()) == pytest.approx(0.01, rel=1e-3)) == bool(clip)


def test_epochs_after_the_first_train_on_the_images_whose_loss_was_highest(
    blob_set: DataSet,
) -> None:
    recipe = SMALL.override(mean=0.1, std=0.3, hard_fraction=0.3, epochs=3)
    trainer = Trainer(recipe, blob_set, torch.device("cpu"))
    chosen, records = [], []
    for _ in range(3):
        losses = trainer.losses.clone()
        chosen.append(trainer.order.clone())
        while not trainer.is_epoch_over:
            trainer.advance()
        seen = torch.zeros(500, dtype=torch.bool)
        seen[chosen[-1]] = True
        assert (losses[seen].min() >= losses[~seen]).all()
        assert torch.equal(trainer.losses[~seen], losses[~seen]), "what is not seen stays as it was"
        assert (trainer.losses[seen] != losses[seen]).all()
        records.append(trainer.end_epoch())
        assert records[-1].train_loss == pytest.approx(float(trainer.losses.mean()))
    assert [len(order.unique()) for order in chosen] == [500, 150, 150]
    assert [record.images for record in records] == [500, 150, 150]
    assert not torch.equal(chosen[1].sort().values, chosen[1]), "they come in random order"
    assert trainer.num_steps_done == trainer.num_steps == 8 + 3 + 3


@pytest.mark.usefixtures("with_blobs")
@pytest.mark.parametrize("overrides", [{}, {"network": "classic", "precision": "bfloat16"}])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    tmp_path: Path, overrides: dict[str, Any]
) -> None:
    first, again, other = (
        train(SMALL, out=tmp_path / name, progress=Silent(), seed=seed, epochs=1, **overrides)
        for name, seed in (("first", 7), ("again", 7), ("other", 8))
    )
    assert weights(first) == weights(again)
    assert weights(first) != weights(other)


@pytest.mark.usefixtures("with_few_blobs")
@pytest.mark.parametrize(
    ("schedule", "optimizer"),
    [("constant", "adam"), ("cosine", "sgd"), ("one_cycle", "adam"), ("one_cycle", "sgd")],
)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    tmp_path: Path, schedule: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second epoch, with dropout, augmentation, choice of images, each schedule."""
    monkeypatch.setattr("digits.training.trainer.CHECK_EVERY", 1)
    recipe = SMALL.override(
        network="classic", schedule=schedule, optimizer=optimizer, hard_fraction=0.9
    )
    whole = train(recipe, out=tmp_path / "whole", progress=Silent())

    def press_ctrl_c() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="digits train --resume"):
        train(recipe, out=tmp_path / "cut", progress=Silent(6, press_ctrl_c))
    cut = Run(tmp_path / "cut")
    assert not cut.is_finished
    assert (len(cut.history), cut.load_checkpoint()["step"]) == (1, 2)
    resumed = resume(cut.folder, progress=Silent())
    assert weights(resumed) == weights(whole)
    assert [r.train_loss for r in resumed.history] == [r.train_loss for r in whole.history]
    assert resumed.summary["test"] == whole.summary["test"]


@pytest.mark.usefixtures("with_few_blobs")
@pytest.mark.parametrize("name", [name for name in recipe_names() if name != "lines"])
def test_every_recipe_of_glyphs_is_resumed_to_the_same_bits(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits.training.trainer.CHECK_EVERY", 1)
    recipe = load_recipe(name).override(epochs=2, batch_size=40, validation_size=100)
    whole = train(recipe, out=tmp_path / "whole", progress=Silent())
    stop = Silent(6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        train(recipe, out=tmp_path / "cut", progress=stop)
    cut = Run(tmp_path / "cut")
    assert (len(cut.history), cut.load_checkpoint()["step"]) == (1, 1)
    assert weights(resume(cut.folder, progress=Silent())) == weights(whole)


@pytest.mark.usefixtures("with_blobs")
def test_a_finished_run_is_resumed_to_itself(tmp_path: Path) -> None:
    run = train(SMALL, out=tmp_path / "run", progress=Silent(), epochs=1)
    before = {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    resume(run.folder, progress=Silent())
    assert {path: path.stat().st_mtime_ns for path in run.folder.iterdir()} == before


@pytest.mark.usefixtures("with_blobs")
def test_a_loss_that_explodes_stops_the_run_and_leaves_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_linear(mean: float, std: float, **of_its_images: int) -> nn.Module:
        """Without ReLU nothing saturates: steps that are too large grow without end."""
        return nn.Sequential(
            Normalize(mean, std), nn.Flatten(), nn.Linear(784, 50), nn.Linear(50, 10)
        )

    monkeypatch.setitem(NETWORKS, "linear", build_linear)
    with pytest.raises(DigitsError, match=r"no longer finite in epoch.*--learning-rate 1") as e:
        train(
            SMALL, out=tmp_path / "run", progress=Silent(),
            network="linear", optimizer="sgd", learning_rate=10, epochs=40, mean=0.0, std=0.01,
        )  # fmt: skip
    assert "\n" not in str(e.value)
    saved = Run(tmp_path / "run").load_checkpoint()
    assert all(bool(weight.isfinite().all()) for weight in saved["model"].values())


@pytest.mark.usefixtures("with_blobs")
def test_impossible_requests_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    out = tmp_path / "run"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"batch_size": 501}, "expected at most the 500 training images, found 501"),
        ({"batch_size": 0}, "batch_size: expected 1 to"),
        ({"batch_size": 1, "network": "balanced"}, "found 1 for 500 images"),
        ({"batch_size": 499, "network": "balanced"}, "no batch of a single image"),
        ({"hard_fraction": 0.13, "network": "balanced"}, "found 64 for 65 images"),
        ({"epochs": -1}, "epochs: expected 1 to"),
        ({"network": "unheard"}, "No network is called 'unheard'"),
        ({"pens": 0.5}, "field 'pens' is now 'writing_styles' and 'stroke_variation'; rename it"),
        ({"device": "tpu"}, "device: expected auto or cpu"),
        ({"validation_size": 600}, "validation"),
    ]
    for overrides, message in cases:
        with pytest.raises(InvalidInput, match=message):
            train(SMALL, out=out, progress=Silent(), **overrides)
        assert not out.exists()
    out.mkdir()
    with pytest.raises(InvalidInput, match="exists already"):
        train(SMALL, out=out, progress=Silent())


@pytest.mark.usefixtures("with_blobs")
def test_training_on_all_images_has_no_validation(tmp_path: Path) -> None:
    run = train(SMALL, out=tmp_path / "run", progress=Silent(), epochs=1, validation_size=0)
    assert run.summary["training_images"] == 600
    assert run.history[0].validation_accuracy is None


@pytest.mark.usefixtures("with_blobs")
def test_training_leaves_the_callers_random_numbers_and_signals_alone(tmp_path: Path) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    torch.manual_seed(123)
    expected = torch.rand(1)
    torch.manual_seed(123)
    train(SMALL, out=tmp_path / "run", progress=Silent(), epochs=1)
    assert torch.equal(torch.rand(1), expected)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


@pytest.mark.usefixtures("with_blobs")
def test_default_folders_of_runs_that_start_together_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [train(SMALL, progress=Silent(), epochs=1) for _ in range(2)]
    assert runs[0].folder != runs[1].folder
    assert all(run.folder.parent == Path("runs") and run.is_finished for run in runs)


@pytest.mark.usefixtures("with_blobs")
@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ('network = "compact"', 'network = "deep"'),
        ("epochs = 2", "epochs = 1"),
        ("batch_size = 64", "batch_size = 500"),
        ("mean = ", "# mean = "),
        ("[augmentation]", "[augmentation]\nscale = 0.5\n#"),
    ],
)
def test_a_recipe_that_was_changed_meanwhile_is_refused(
    tmp_path: Path, line: str, changed: str
) -> None:
    run = train_until_stopped(tmp_path / "a")
    text = run.recipe_path.read_text()
    assert line in text
    run.recipe_path.write_text(text.replace(line, changed).replace("scale = 0.0\n", ""))
    with pytest.raises(DigitsError, match="is not what the run began with") as caught:
        resume(run.folder, progress=Silent())
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("with_blobs")
def test_a_run_of_other_amounts_of_augmentation_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = SMALL.override(stroke_variation=0.5)
    run = train_until_stopped(tmp_path / "a", recipe)
    assert run.recipe.augmentation.amounts == digest_amounts(recipe.augmentation)
    again = train(run.recipe, out=tmp_path / "b", epochs=1, progress=Silent())
    assert again.recipe == run.recipe.override(epochs=1)
    changed = replace(strokes.AMOUNTS, part_redrawn=0.5)
    monkeypatch.setattr(strokes, "AMOUNTS", changed)
    message = (
        r"amounts: expected '[0-9a-f]{12}'.*train anew with a recipe that has no such field\.$"
    )
    with pytest.raises(InvalidInput, match=message):
        resume(run.folder, progress=Silent())
    with pytest.raises(InvalidInput, match=message):
        train(run.recipe, out=tmp_path / "c", progress=Silent())
    assert not (tmp_path / "c").exists()
    without = train(
        run.recipe, out=tmp_path / "d", epochs=1, stroke_variation=0.0, progress=Silent()
    )
    assert without.is_finished, "what draws with no amounts may be of any"


@pytest.mark.usefixtures("with_blobs")
def test_a_checkpoint_that_lacks_something_is_refused(tmp_path: Path) -> None:
    run = train_until_stopped(tmp_path / "a")
    checkpoint = run.load_checkpoint()
    del checkpoint["model"]["conv1.weight"]
    run.save_checkpoint(checkpoint, [])
    with pytest.raises(DigitsError, match="does not fit its recipe") as caught:
        resume(run.folder, progress=Silent())
    assert "\n" not in str(caught.value)


def test_evaluation_is_the_same_twice_and_a_committee_is_the_mean_of_probabilities(
    with_blobs: DataSet, tmp_path: Path
) -> None:
    runs = [
        train(SMALL, out=tmp_path / str(seed), progress=Silent(), epochs=1, seed=seed)
        for seed in (0, 1)
    ]
    once, twice = (evaluate(runs[0], with_blobs.test) for _ in range(2))
    assert once == twice
    assert once.to_dict() == runs[0].summary["test"]  # JSON gives floats back to the bit
    together = evaluate([run.folder for run in runs], with_blobs.test)
    pixels = with_blobs.test.images[:, None]
    with torch.inference_mode():
        mean = sum((run.model(pixels) / run.temperature).double().softmax(dim=1) for run in runs)
    assert isinstance(mean, torch.Tensor)
    mean = mean / 2
    labels = with_blobs.test.labels
    assert together.num_errors == int((mean.argmax(dim=1) != labels).sum())
    assert together.negative_log_likelihood == pytest.approx(
        float(-mean[torch.arange(100), labels].log().mean()), rel=1e-4
    )


def test_evaluate_takes_images_and_labels_as_people_have_them(
    with_blobs: DataSet, tmp_path: Path
) -> None:
    run = train(SMALL, out=tmp_path / "run", progress=Silent(), epochs=1)
    images, labels = with_blobs.test.images, with_blobs.test.labels
    expected = evaluate(run, with_blobs.test)
    loader: Any = DataLoader(with_blobs.test, batch_size=100)  # type: ignore[arg-type]
    pairs = (
        (images, labels),
        (images.float(), labels.int()),
        (images[:, None], labels.byte()),
        (images.numpy(), labels.numpy()),
        (images.numpy(), labels.tolist()),
        next(iter(loader)),
    )
    for pair in pairs:
        assert evaluate(run, pair) == expected
    with pytest.warns(UserWarning, match="Expected raw pixels from 0 to 255"):
        evaluate(run, (images / 255, labels))


@pytest.mark.usefixtures("unchecked")
def test_evaluate_says_what_it_expected(with_blobs: DataSet, tmp_path: Path) -> None:
    junk: Any = [[0, 1], [2, 3]]
    model = build_model("compact", mean=0.5, std=0.5)
    with pytest.raises(InvalidInput, match=r"Expected a Split.*found dict"):
        evaluate([], {})  # type: ignore[arg-type]
    test = with_blobs.test
    for images, labels in (
        junk,
        (test.images, test.labels[:9]),
        (test.images, test.labels.float()),
        (test.images[:, :20], test.labels),
        (test.images[0], test.labels[0]),
    ):
        with pytest.raises(InvalidInput, match=r"Expected images \(n, 28, 28\) and whole numbers"):
            evaluate([], (images, labels))
    with pytest.raises(InvalidInput, match=r"a pair of images and labels, found \(str, object\)"):
        evaluate([], ("images", object()))
    with pytest.raises(InvalidInput, match=r"Expected images as a torch\.Tensor, found list"):
        predict(model, junk)
    with pytest.raises(InvalidInput, match=r"Expected images \(n, 28, 28\).*found \(3, 32, 32\)"):
        predict(model, torch.zeros(3, 32, 32))
    with pytest.raises(InvalidInput, match="No run folder"):
        evaluate(tmp_path / "nowhere", with_blobs.test)
    with pytest.raises(InvalidInput, match="at least one run"):
        evaluate([], with_blobs.test)
