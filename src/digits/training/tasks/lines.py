"""Lines: composed of a training set's digits, other ones in each epoch, to be read as symbols."""

from math import ceil
from threading import Lock

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from digits.data import Split
from digits.errors import InvalidInput
from digits.evaluation.prediction import predict_batches
from digits.hardware import derive_seed
from digits.recipe import Recipe
from digits.training.composition import (
    Composers,
    LineBatch,
    Order,
    Writers,
    compose_from_split,
)
from digits.training.line_targets import LineTargets, judge_lines, make_targets
from digits.training.seeds import COMPOSE, STYLES

GROUP = 4
"""Number of batches that are composed together, and sorted by width."""


class LineTask:
    """Batches of lines, each decided by the recipe's seed, the epoch and the step.

    An epoch has as many lines as there are training images. An index stands for a place in it, at
    which no line comes again.

    Args:
        recipe: A complete recipe.
        split: The training images.
        validation: The held-out images.
        device: The device to train on.

    Raises:
        InvalidInput: If a field of the recipe is given that lines have no use for.
    """

    def __init__(
        self, recipe: Recipe, split: Split, validation: Split | None, device: torch.device
    ) -> None:
        _expect_no_unused_fields(recipe)
        self._recipe, self._device = recipe, device
        writers = Writers(split.images, split.labels, seed=derive_seed(recipe.seed, STYLES))
        self._composers = Composers(writers, _num_composers(device))
        self._validation = None if validation is None else compose_from_split(validation)
        self._composing = Lock()
        self._composed: tuple[tuple[int, int], list[LineBatch]] | None = None
        self.num_images = len(split)

    def batch(
        self, indices: Int[Tensor, " n"], *, epoch: int, step: int, first: int
    ) -> tuple[Num[Tensor, "n 1 40 w"], LineTargets]:
        """Compose the lines of a step, and make the targets of a part; see `Task.batch`."""
        group, place = divmod(step, GROUP)
        with self._composing:
            if self._composed is None or self._composed[0] != (epoch, group):
                self._composed = (epoch, group), self._compose(epoch, group)
            batch = self._composed[1][place].part(first, len(indices))
        return torch.from_numpy(batch.images)[:, None].to(self._device), make_targets(batch)

    def _compose(self, epoch: int, group: int) -> list[LineBatch]:
        """Compose a group of batches, while the next ones are begun with."""
        num_groups = ceil(self.num_images / (GROUP * self._recipe.batch_size))
        place = (epoch - 1) * num_groups + group
        end = min(place + 1 + self._composers.num_ahead, self._recipe.epochs * num_groups)
        orders = [self._order(*divmod(at, num_groups)) for at in range(place, end)]
        return self._composers.compose(orders[0], orders[1:])

    def _order(self, epoch: int, group: int) -> Order:
        """Order a group of batches; the last one of an epoch may have fewer, the last smaller."""
        size = self._recipe.batch_size
        begin = group * GROUP * size
        end = min(begin + GROUP * size, self.num_images)
        sizes = [min(size, end - at) for at in range(begin, end, size)]
        return Order(sizes, (derive_seed(self._recipe.seed, COMPOSE, epoch + 1, group),))

    def judge(
        self, outputs: Float[Tensor, "n channels columns"], targets: LineTargets
    ) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]:
        """Compute the loss of each line, and whether it was read exactly."""
        return judge_lines(outputs, targets)

    def validate(self, model: nn.Module) -> tuple[float, float] | None:
        """Compute mean loss and accuracy on lines of held-out digits; see `Task.validate`."""
        if self._validation is None:
            return None
        outputs = predict_batches(
            model,
            [torch.from_numpy(batch.images)[:, None] for batch in self._validation],
            device=self._device.type,
            precision=self._recipe.precision,
        )
        judged = [
            judge_lines(output, make_targets(batch))
            for output, batch in zip(outputs, self._validation, strict=True)
        ]
        losses = torch.cat([losses for losses, _ in judged]).double()
        right = torch.cat([right for _, right in judged]).double()
        return float(losses.mean()), float(right.mean())


def _num_composers(device: torch.device) -> int:
    """Number of processes to compose in, by the threads that torch may use.

    On a CPU, one composes as many lines as four threads train on; with one thread, none is needed.
    """
    num_threads = torch.get_num_threads()
    return num_threads - 1 if device.type != "cpu" else ceil((num_threads - 1) / 4)


def _expect_no_unused_fields(recipe: Recipe) -> None:
    """Refuse fields that say nothing about lines, which are composed anew and have no label."""
    is_given = {
        "augmentation": bool(recipe.augmentation),
        "hard_fraction": recipe.hard_fraction < 1,
        "label_smoothing": recipe.label_smoothing > 0,
    }
    for name, given in is_given.items():
        if given:
            raise InvalidInput(
                f"{name}: expected none for network {recipe.network!r}, whose lines are composed; "
                "leave it away."
            )
