"""Fine-tuning: a network's weights moved by a loss on corrections and on rehearsed images."""

import copy
from collections.abc import Callable
from threading import Event

from torch import Tensor, nn

from digits.recipe import Recipe
from digits.training.optimization import build_optimizer, build_schedule

Loss = Callable[[nn.Module, int], Tensor]
"""Function that computes the loss of a network at a step, from 0."""


class Stopped(Exception):  # noqa: N818 - as GivenUp
    """Fine-tuning was told to stop."""


def fine_tune(
    model: nn.Module, loss: Loss, recipe: Recipe, *, num_steps: int, stop: Event
) -> nn.Module:
    """Move the weights of a copy of a network down a loss.

    The network stays in evaluation mode: what normalises its batches, and what would be left out by
    dropout, is as it will be when it reads.

    Args:
        model: A network that `load_network` made.
        loss: The loss at each step.
        recipe: How to optimise; what else it says is no matter.
        num_steps: Number of steps.
        stop: Tells to stop, once it is set.

    Raises:
        Stopped: If it was told to stop.
    """
    tuned = copy.deepcopy(model)
    optimizer = build_optimizer(recipe, tuned)
    schedule = build_schedule(recipe, optimizer, num_steps)
    weights = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    for step in range(num_steps):
        if stop.is_set():
            raise Stopped
        optimizer.zero_grad()
        loss(tuned, step).backward()
        if recipe.clip_gradients:
            nn.utils.clip_grad_norm_(weights, recipe.clip_gradients)
        optimizer.step()
        schedule.step()
    return tuned
