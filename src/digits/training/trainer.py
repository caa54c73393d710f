"""Training state and training step: network, optimizer, schedule, random numbers, progress.

Its task gives the batches and the losses. All that decides what comes next is in
`Trainer.state_dict`: a run that was stopped at any step goes on to the same bits as one that was
not.
"""

import time
from dataclasses import asdict
from math import ceil, inf, isfinite
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from digits.data import DataSet
from digits.errors import DigitsError, InvalidInput
from digits.hardware import (
    autocast,
    derive_seed,
    limited_threads,
    memory_format,
    random_state,
    set_random_state,
    synchronize,
)
from digits.history import EpochRecord
from digits.models import build_model
from digits.recipe import Recipe
from digits.training.optimization import WeightAverage, build_optimizer, build_schedule
from digits.training.processes import ALONE, Processes
from digits.training.seeds import ORDER
from digits.training.shards import Judged, Shards
from digits.training.tasks import build_task, digest_code

CHECK_EVERY = 25
"""Steps between checks of the loss. Each check waits for the device."""


class Trainer:
    """State of a training run: the network, its optimizer, and the progress made.

    Args:
        recipe: A complete recipe: mean, std, precision and the digest of amounts are given.
        data: The data set.
        device: The device to train on.
        processes: The processes that train together.

    Raises:
        InvalidInput: If the recipe's batch size does not fit its data and network, the network is
            unknown or does not fit other fields, the recipe is of other amounts of augmentation
            than this code's, or of fewer shards than there are processes.
    """

    def __init__(
        self, recipe: Recipe, data: DataSet, device: torch.device, processes: Processes = ALONE
    ) -> None:
        assert recipe.mean is not None
        assert recipe.std is not None
        self.recipe, self.device, self.processes = recipe, device, processes
        self._expect_own_amounts()
        self._expect_enough_shards()
        split, validation = data.split(recipe.validation_size)
        self.validation = validation
        """The held-out images; None if there are none."""
        if recipe.batch_size > len(split):
            raise InvalidInput(
                f"batch_size: expected at most the {len(split):,} training images, "
                f"found {recipe.batch_size:,}; so few images need small batches and many epochs."
            )
        self.task = build_task(recipe, split, validation, device)
        model = build_model(
            recipe.network,
            mean=recipe.mean,
            std=recipe.std,
            num_classes=len(data.classes),
            size=data.size,
        )
        self.model = model.to(device, memory_format=memory_format(device))  # type: ignore[call-overload]
        self._expect_no_batch_of_one()
        self.shards = Shards(
            self.model, device, seed=recipe.seed, num=recipe.shards, processes=processes
        )
        self.optimizer = build_optimizer(recipe, self.model)
        self.schedule = build_schedule(recipe, self.optimizer, self.num_steps)
        decay = recipe.average_weights
        self.average = WeightAverage(self.model, decay) if decay else None
        self.history: list[EpochRecord] = []
        # Loss of each training image, and whether it was read right, when last trained on.
        self.losses = torch.full((len(split),), inf, device=device)
        self.right = torch.zeros(len(split), dtype=torch.bool, device=device)
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        started = time.perf_counter()
        self.model.train()
        self.step = 0
        # The sum stays on the device: reading it at each step would wait for the device.
        self.loss_sum = torch.zeros((), device=self.device)
        self.order = self._choose_images()
        self.seconds = time.perf_counter() - started

    def _choose_images(self) -> Int[Tensor, " n"]:
        """Choose the images of the running epoch, and shuffle them; gives their indices.

        Source: Jiang et al. 2019, arXiv:1910.00762, for training on the hardest examples. An
        image's loss is that of the last time it was trained on, so choosing costs nothing.
        """
        hardest = self.losses.topk(self._num_images(self.epoch)).indices.sort().values
        seed = derive_seed(self.recipe.seed, ORDER, self.epoch)
        shuffled = torch.randperm(len(hardest), generator=torch.Generator().manual_seed(seed))
        return hardest[shuffled.to(self.device)]

    def _num_images(self, epoch: int) -> int:
        fraction = 1.0 if epoch == 1 else self.recipe.hard_fraction
        return ceil(fraction * self.task.num_images)

    def _expect_no_batch_of_one(self) -> None:
        """Refuse batches of one image, whose variance batch normalisation can't divide by."""
        if not any(isinstance(module, nn.BatchNorm1d) for module in self.model.modules()):
            return
        size = self.recipe.batch_size
        for num_images in (self._num_images(epoch) for epoch in range(1, self.recipe.epochs + 1)):
            if size == 1 or num_images % size == 1:
                raise InvalidInput(
                    f"batch_size: expected one that leaves no batch of a single image, as network "
                    f"{self.recipe.network!r} normalises over batches, found {size:,} for "
                    f"{num_images:,} images."
                )

    def _expect_own_amounts(self) -> None:
        """Refuse a recipe of other amounts, with which a run would not be what it says."""
        found = self.recipe.augmentation.amounts
        expected = digest_code(self.recipe)
        if expected is not None and found != expected:
            raise InvalidInput(
                f"amounts: expected {expected!r}, the digest of what this version makes its "
                f"images by, found {found!r}; use the version that wrote the recipe, or train "
                "anew with a recipe that has no such field."
            )

    def _expect_enough_shards(self) -> None:
        """Refuse several processes, where one would have nothing to do or bits would be others."""
        num, found = self.processes.num, self.recipe.shards
        if num > 1 and (found is None or found < num):
            raise InvalidInput(
                f"shards: expected at least {num}, one for each process, found {found or 'none'} "
                f"in the recipe; use fewer processes, or train anew with --shards {num}."
            )

    @property
    def result(self) -> nn.Module:
        """The network that is evaluated and saved: with averaged weights, if the recipe says so."""
        return self.model if self.average is None else self.average.model

    @property
    def epoch(self) -> int:
        """Number of the epoch that is running, or comes next, from 1."""
        return len(self.history) + 1

    @property
    def num_steps(self) -> int:
        """Number of steps in the whole run. The last batch of an epoch may be smaller."""
        return sum(
            ceil(self._num_images(epoch) / self.recipe.batch_size)
            for epoch in range(1, self.recipe.epochs + 1)
        )

    @property
    def num_steps_done(self) -> int:
        """Number of steps made so far, in all epochs."""
        return self.schedule.last_epoch

    @property
    def is_epoch_over(self) -> bool:
        """Whether every image of the epoch was trained on once."""
        return self._num_seen == len(self.order)

    @property
    def is_check_due(self) -> bool:
        """Whether the loss should be checked after this step."""
        return self.step % CHECK_EVERY == 0 or self.is_epoch_over

    @property
    def is_done(self) -> bool:
        """Whether all epochs are in the history."""
        return len(self.history) == self.recipe.epochs

    @property
    def mean_loss(self) -> float:
        """Mean loss of the running epoch so far, in nats an image. Waits for the device."""
        return float(self.loss_sum) / self._num_seen

    @property
    def images_per_second(self) -> float:
        """Throughput of the running epoch so far."""
        return self._num_seen / self.seconds

    @property
    def _num_seen(self) -> int:
        return min(self.step * self.recipe.batch_size, len(self.order))

    def advance(self) -> None:
        """Train on the next batch."""
        started = time.perf_counter()
        begin = self.step * self.recipe.batch_size
        indices = self.order[begin : begin + self.recipe.batch_size]
        self.learning_rate = self.optimizer.param_groups[0]["lr"]
        losses, right = self.shards.backward(indices, self.judge, epoch=self.epoch, step=self.step)
        with limited_threads(self.shards.num_threads):
            if self.recipe.clip_gradients:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_gradients)
            self.optimizer.step()
            self.schedule.step()
            if self.average is not None:
                self.shards.average_statistics()
                self.average.update(self.model, self.num_steps_done)
        self.losses[indices], self.right[indices] = losses, right
        self.loss_sum += losses.sum()
        self.step += 1
        if self.is_check_due:
            synchronize(self.device)  # or the clock would count what was queued, not done
        self.seconds += time.perf_counter() - started

    def judge(self, model: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
        """Pass images of the running step's batch through a network, and judge the outputs."""
        images, targets = self.task.batch(indices, epoch=self.epoch, step=self.step, first=first)
        with autocast(self.device, self.recipe.precision):
            outputs = model(images.contiguous(memory_format=memory_format(self.device)))
        return self.task.judge(outputs.float(), targets)

    def recent(self, num_steps: int) -> tuple[float, float]:
        """Mean loss, in nats, and accuracy of the epoch's latest steps. Waits for the device."""
        latest = self.order[: self._num_seen][-num_steps * self.recipe.batch_size :]
        return float(self.losses[latest].mean()), float(self.right[latest].float().mean())

    def end_epoch(self) -> EpochRecord:
        """Evaluate on the validation images, and add the epoch to the history."""
        self.shards.average_statistics()
        validation_loss = validation_accuracy = None
        is_first = self.processes.rank == 0  # the one that keeps the history
        if is_first and (validated := self.task.validate(self.result)) is not None:
            validation_loss, validation_accuracy = validated
            if not isfinite(validation_loss):
                raise self._not_finite()
        with limited_threads(self.shards.num_threads):  # which add up in another order
            train_loss = float(self.losses.mean())
        record = EpochRecord(
            epoch=self.epoch,
            images=len(self.order),
            train_loss=train_loss,
            train_accuracy=float(self.right.double().mean()),
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
            raise self._not_finite()

    def _not_finite(self) -> DigitsError:
        return DigitsError(
            f"The loss is no longer finite in epoch {self.epoch}, step {self.step}: the steps "
            f"are too large. Try --learning-rate {self.recipe.learning_rate / 10:g}"
            f"{' or --precision float32' if self.recipe.precision != 'float32' else ''}. "
            f"A run keeps its last good checkpoint ({len(self.history)} epochs)."
        )

    def state_dict(self) -> dict[str, Any]:
        """State as tensors and plain data, from which a run goes on to the same bits."""
        self.shards.average_statistics()
        return {
            "recipe": self.recipe.to_toml(),
            "device": self.device.type,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": random_state(self.device),
            "shards": self.shards.state_dict(),
            "average": self.average and self.average.model.state_dict(),
            "history": [asdict(record) for record in self.history],
            "losses": self.losses,
            "right": self.right,
            "order": self.order,
            "step": self.step,
            "seconds": self.seconds,
            "loss_sum": self.loss_sum,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.shards.load_state_dict(state["shards"])
        if self.average is not None:
            self.average.model.load_state_dict(state["average"])
        self.history = [EpochRecord(**record) for record in state["history"]]
        self._begin_epoch()
        self.losses = state["losses"].to(self.device)
        self.right = state["right"].to(self.device)
        self.order = state["order"].to(self.device)
        self.step = int(state["step"])
        self.seconds = float(state["seconds"])
        self.loss_sum = state["loss_sum"].to(self.device)
        set_random_state(state["random"])
