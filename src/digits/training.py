"""The training loop: a recipe and a data set to a run folder.

The set lies on the device as uint8; a batch is taken by index, changed and normalised there. All
that decides what comes next is in `Training`, and in its checkpoint: a run that was stopped at any
moment goes on to the same bits as one that was not.
"""

import itertools
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Num
from torch import Tensor, nn
from torch.optim import lr_scheduler

from digits.augment import augment
from digits.data import DigitSet, load
from digits.errors import DigitsError, InvalidInput
from digits.evaluation import evaluate, predict
from digits.hardware import (
    autocast,
    derive_seed,
    describe_machine,
    describe_versions,
    find_commit,
    memory_format,
    random_state,
    seeded,
    select_device,
    select_precision,
    set_random_state,
    synchronize,
)
from digits.metrics import compute_metrics
from digits.models import build_model, count_parameters
from digits.progress import TrainingProgress
from digits.recipe import DEFAULT_RECIPE, Recipe, load_recipe
from digits.run import EpochRecord, Run

LOOK_EVERY = 25
"""Steps between looks at the loss. Each look waits for the device."""

ORDER, AUGMENT = 1, 2
"""Purposes of random numbers, apart from the global generator's (first weights, dropout)."""


class Interrupted(KeyboardInterrupt):
    """The run was stopped from outside, and saved; `run` can be resumed."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"Stopped and saved. Go on with: digits train --resume {run.folder}")
        self.run = run


def train(
    recipe: str | Path | Recipe = DEFAULT_RECIPE,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    progress: TrainingProgress | None = None,
    **overrides: Any,
) -> Run:
    """Train a network and evaluate it on the test set.

    Args:
        recipe: A name such as "classic", a TOML file, or a `Recipe`.
        out: The run folder to make; `runs/<recipe>-<time>` if not given.
        device: auto, cpu, cuda or mps.
        progress: Where to say how it goes; standard output if not given.
        **overrides: Fields of the recipe to change, such as `epochs=1`.

    Returns:
        The finished run.

    Raises:
        InvalidInput: If recipe, fields or device can't be, or `out` exists.
        DigitsError: If data can't be had, the disk refuses, or the loss is no longer finite.
        Interrupted: On Ctrl-C or SIGTERM, once the run is saved.

    Example:
        >>> import digits
        >>> run = digits.train("classic", epochs=1)  # doctest: +SKIP
    """
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    chosen = chosen.override(**overrides)
    place = select_device(device)
    if out is not None and Path(out).exists():
        raise InvalidInput(f"{out} exists already; name another folder, or --resume it.")
    data = load(chosen.dataset)
    chosen = _complete(chosen, data, place)
    with seeded(chosen.seed, place):
        training = Training(chosen, data, place)
        run = _create_run(out, chosen, training)
        return _train_to_end(run, training, data, progress or TrainingProgress())


def resume(
    folder: str | Path, *, device: str | None = None, progress: TrainingProgress | None = None
) -> Run:
    """Go on with a run that was stopped, to the bits that it would have reached.

    Args:
        folder: The run folder. A finished run is returned as it is.
        device: The one it ran on, if not given; another one may give other bits.
        progress: Where to say how it goes; standard output if not given.

    Raises:
        InvalidInput: If there is no run at `folder`.
        DigitsError: If it is damaged, of another format, or being trained by another process.
        Interrupted: On Ctrl-C or SIGTERM, once the run is saved.
    """
    run = Run(folder)
    if run.is_finished:
        return run
    checkpoint = run.load_checkpoint()
    recipe = run.recipe
    place = select_device(device or str(checkpoint.get("device", "auto")))
    data = load(recipe.dataset)
    with seeded(recipe.seed, place):
        training = Training(recipe, data, place)
        try:
            training.load_state_dict(checkpoint)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise DigitsError(
                f"{run.checkpoint_path} does not fit its recipe ({reason}); train anew."
            ) from error
        return _train_to_end(run, training, data, progress or TrainingProgress())


class Training:
    """The state of a run: the network, its optimizer, and how far it is.

    Args:
        recipe: Complete: mean, std and precision are given.
        data: The set; its training images are moved to the device.
        device: Where to train.
    """

    def __init__(self, recipe: Recipe, data: DigitSet, device: torch.device) -> None:
        assert recipe.mean is not None
        assert recipe.std is not None
        self.recipe, self.device = recipe, device
        split, self.validation = data.split(recipe.validation_size)
        if recipe.batch_size > len(split):
            raise InvalidInput(
                f"batch_size: expected at most the {len(split):,} training images, "
                f"found {recipe.batch_size:,}."
            )
        self.split = split.to(device)
        model = build_model(recipe.network, mean=recipe.mean, std=recipe.std)
        self.model = model.to(device, memory_format=memory_format(device))  # type: ignore[call-overload]
        self.optimizer = _build_optimizer(recipe, self.model, device)
        self.schedule = _build_schedule(
            recipe, self.optimizer, recipe.epochs * self.num_steps_per_epoch
        )
        self.augment_generator = torch.Generator().manual_seed(derive_seed(recipe.seed, AUGMENT))
        self.history: list[EpochRecord] = []
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.model.train()
        self.step = 0
        self.seconds = 0.0
        # Sums stay on the device: asking for them at each step would make it wait.
        self.loss_sum = torch.zeros((), device=self.device)
        self.num_right = torch.zeros((), dtype=torch.int64, device=self.device)
        self._batches = self._shuffle()

    def _shuffle(self) -> tuple[Int[Tensor, " batch"], ...]:
        """Indices of each batch of the running epoch; its seed alone decides, so none are saved."""
        seed = derive_seed(self.recipe.seed, ORDER, self.epoch)
        order = torch.randperm(len(self.split), generator=torch.Generator().manual_seed(seed))
        return order.to(self.device).split(self.recipe.batch_size)

    @property
    def epoch(self) -> int:
        """The epoch that is running, or next, from 1."""
        return len(self.history) + 1

    @property
    def num_steps_per_epoch(self) -> int:
        """The last batch of an epoch may be smaller."""
        return ceil(len(self.split) / self.recipe.batch_size)

    @property
    def num_steps_done(self) -> int:
        """Of the whole run."""
        return len(self.history) * self.num_steps_per_epoch + self.step

    @property
    def is_epoch_over(self) -> bool:
        """Whether every training image was seen once."""
        return self.step == self.num_steps_per_epoch

    @property
    def is_done(self) -> bool:
        """Whether all epochs are in the history."""
        return len(self.history) == self.recipe.epochs

    @property
    def mean_loss(self) -> float:
        """Of the running epoch so far, in nats an image. Waits for the device."""
        return float(self.loss_sum) / self._num_seen

    @property
    def images_per_second(self) -> float:
        """Of the running epoch so far."""
        return self._num_seen / self.seconds

    @property
    def _num_seen(self) -> int:
        return min(self.step * self.recipe.batch_size, len(self.split))

    def advance(self) -> None:
        """Train on the next batch."""
        started = time.perf_counter()
        indices = self._batches[self.step]
        images, labels = self.split.images[indices][:, None], self.split.labels[indices]
        if self.recipe.augmentation:
            images = augment(images, self.recipe.augmentation, self.augment_generator)
        images = images.contiguous(memory_format=memory_format(self.device))
        self.learning_rate = self.optimizer.param_groups[0]["lr"]
        loss, num_right = train_step(
            self.model, self.optimizer, images, labels, precision=self.recipe.precision
        )
        self.schedule.step()
        self.loss_sum += loss * len(labels)
        self.num_right += num_right
        self.step += 1
        if self.is_epoch_over:
            synchronize(self.device)
        self.seconds += time.perf_counter() - started

    def end_epoch(self) -> EpochRecord:
        """Look at the validation images, and put the epoch into the history."""
        validation_loss = validation_accuracy = None
        if self.validation is not None:
            logits = predict(
                self.model,
                self.validation.images,
                device=self.device.type,
                precision=self.recipe.precision,
            )
            metrics = compute_metrics(logits, self.validation.labels)
            validation_loss = metrics.negative_log_likelihood
            validation_accuracy = metrics.accuracy
        record = EpochRecord(
            epoch=self.epoch,
            train_loss=self.mean_loss,
            train_accuracy=int(self.num_right) / len(self.split),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=self.learning_rate,
            seconds=self.seconds,
        )
        self.history.append(record)
        self._begin_epoch()
        return record

    def check_finite(self) -> None:
        """Stop a run that has gone wrong, before it is saved over the last good checkpoint.

        Raises:
            DigitsError: If the loss, or a weight, is infinite or not a number.
        """
        weights_finite = all(bool(p.isfinite().all()) for p in self.model.parameters())
        if not isfinite(float(self.loss_sum)) or not weights_finite:
            raise DigitsError(
                f"The loss is no longer finite in epoch {self.epoch}, step {self.step}: the steps "
                f"are too large. Try --learning-rate {self.recipe.learning_rate / 10:g}"
                f"{' or --precision float32' if self.recipe.precision != 'float32' else ''}. "
                f"The last good checkpoint ({len(self.history)} epochs) is kept."
            )

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data from which `load_state_dict` goes on to the same bits."""
        return {
            "device": self.device.type,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": random_state(self.device),
            "augment_generator": self.augment_generator.get_state(),
            "history": [asdict(record) for record in self.history],
            "step": self.step,
            "seconds": self.seconds,
            "loss_sum": self.loss_sum,
            "num_right": self.num_right,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where `state_dict` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.augment_generator.set_state(state["augment_generator"])
        self.history = [EpochRecord(**record) for record in state["history"]]
        self._begin_epoch()
        self.step = int(state["step"])
        self.seconds = float(state["seconds"])
        self.loss_sum = state["loss_sum"].to(self.device)
        self.num_right = state["num_right"].to(self.device)
        set_random_state(state["random"])


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Num[Tensor, "batch 1 28 28"],
    labels: Int[Tensor, " batch"],
    *,
    precision: str = "float32",
) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
    """Move the weights once, down the gradient of the mean cross-entropy of a batch.

    Args:
        model: In training mode.
        optimizer: Of the model's parameters.
        images: Raw pixels, 0 to 255, on the model's device. (batch, 1, 28, 28)
        labels: True digits, 0 to 9, there too. (batch,)
        precision: float32 or bfloat16.

    Returns:
        The loss in nats, and how many images were read right, both before the move.
    """
    with autocast(images.device, precision):
        logits = model(images)
    logits = logits.float()
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()


def _complete(recipe: Recipe, data: DigitSet, device: torch.device) -> Recipe:
    """Put what the data and the machine decide into the recipe, which then says all."""
    split, _ = data.split(recipe.validation_size)
    changes: dict[str, Any] = {"precision": select_precision(recipe.precision, device)}
    # A histogram has 256 numbers where a float copy of the set would take 188 MB.
    counts = torch.bincount(split.images.flatten(), minlength=256).double()
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts * levels).sum() / counts.sum()
    variance = (counts * (levels - mean) ** 2).sum() / counts.sum()
    if recipe.mean is None:
        changes["mean"] = round(float(mean), 4)
    if recipe.std is None:
        changes["std"] = round(float(variance.sqrt()), 4)
    return recipe.override(**changes)


def _build_optimizer(
    recipe: Recipe, model: nn.Module, device: torch.device
) -> torch.optim.Optimizer:
    # Fused: one pass over the weights instead of ten.
    fused = device.type in ("cpu", "cuda")
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), recipe.learning_rate, momentum=0.9, nesterov=True, fused=fused
        )
    return torch.optim.Adam(model.parameters(), recipe.learning_rate, fused=fused)


def _build_schedule(
    recipe: Recipe, optimizer: torch.optim.Optimizer, num_steps: int
) -> lr_scheduler.LRScheduler:
    if recipe.schedule == "one_cycle":
        return lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=num_steps)
    if recipe.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_steps)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)


def _create_run(out: str | Path | None, recipe: Recipe, training: Training) -> Run:
    checkpoint = training.state_dict()
    if out is not None:
        return Run.create(Path(out), recipe, checkpoint)
    stem = f"{recipe.name}-{datetime.now():%Y%m%d-%H%M%S}"
    # Another run may begin in the same second.
    names = itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2)))
    folder = next(path for name in names if not (path := Path("runs", name)).exists())
    return Run.create(folder, recipe, checkpoint)


def _train_to_end(run: Run, training: Training, data: DigitSet, progress: TrainingProgress) -> Run:
    """Train until the recipe is fulfilled, then evaluate on the test set and sum up."""
    recipe = training.recipe
    num_parameters = count_parameters(training.model)
    with run.locked(), _stop_signals() as stopped:
        progress.start(
            f"{recipe.name}: {num_parameters:,} parameters, {len(training.split):,} images, "
            f"{training.device.type}, {recipe.precision}, seed {recipe.seed} → {run.folder}",
            num_epochs=recipe.epochs,
            num_steps=recipe.epochs * training.num_steps_per_epoch,
            num_steps_done=training.num_steps_done,
        )
        try:
            while not training.is_done:
                training.advance()
                if training.step % LOOK_EVERY == 0 or training.is_epoch_over or stopped.is_set():
                    training.check_finite()
                    progress.step(
                        epoch=training.epoch,
                        num_steps_done=training.num_steps_done,
                        loss=training.mean_loss,
                        images_per_second=training.images_per_second,
                    )
                if training.is_epoch_over:
                    record = training.end_epoch()
                    run.save_checkpoint(training.state_dict(), training.history)
                    progress.epoch(record, images_per_second=len(training.split) / record.seconds)
                if stopped.is_set():
                    run.save_checkpoint(training.state_dict(), training.history)
                    raise Interrupted(run)
        finally:
            progress.stop()
        run.save_model(training.model)
        test = evaluate(run, data.test, device=training.device.type)
        run.save_summary(
            {
                "recipe": recipe.name,
                "seed": recipe.seed,
                "test": test.to_dict(),
                "training_seconds": sum(record.seconds for record in training.history),
                "training_images": len(training.split),
                "parameters": num_parameters,
                "device": training.device.type,
                "precision": recipe.precision,
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "commit": find_commit(),
                "versions": describe_versions(),
                "machine": describe_machine(),
            }
        )
    return run


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that a step is never cut in two.

    A second one acts at once, as without this.
    """
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped  # only the main thread may handle signals
        return
    previous = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def stop(number: int, frame: object) -> None:
        stopped.set()
        restore()

    for number in previous:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        restore()
