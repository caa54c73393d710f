"""Optimisation: optimizer, learning-rate schedule and weight average that a recipe names."""

import copy
import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from digits.recipe import Recipe

WARMUP = 0.12
"""Part of a one-cycle run in which the learning rate rises. With 1/n, torch fails on n steps."""

MOMENTUM_SWING = 0.05
"""Amount by which a one-cycle run moves the momentum, up and down, against the learning rate; less
where that would leave 0 to 1."""


def build_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Build the optimizer that the recipe names, for the model on its device."""
    # A fused optimizer makes one pass over the weights instead of ten.
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    weights, rate, momentum = model.parameters(), recipe.learning_rate, recipe.momentum
    decay = recipe.weight_decay
    if recipe.optimizer == "sgd":
        kind = _without_compiler(torch.optim.SGD)
        return kind(
            weights, rate, momentum=momentum, nesterov=momentum > 0, weight_decay=decay, fused=fused
        )
    kind = _without_compiler(torch.optim.AdamW if decay else torch.optim.Adam)
    return kind(weights, rate, betas=(momentum, recipe.beta2), weight_decay=decay, fused=fused)


def _without_compiler(
    kind: type[torch.optim.Optimizer],
) -> Callable[..., torch.optim.Optimizer]:
    """Make a kind of optimizer that does not load torch's compiler, to tell it what to leave out.

    Nothing is compiled here, and loading it takes as long as `fast` trains.
    """
    names = ("step", "zero_grad", "state_dict", "load_state_dict", "add_param_group")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {**plain, "step": torch.no_grad()(plain["step"])})


def build_schedule(
    recipe: Recipe, optimizer: torch.optim.Optimizer, num_steps: int
) -> lr_scheduler.LRScheduler:
    """Build the learning-rate schedule that the recipe names.

    Source: Smith and Topin 2017, arXiv:1708.07120, for one_cycle.
    """
    if recipe.schedule == "one_cycle":
        momentum = recipe.momentum
        swing = min(MOMENTUM_SWING, momentum, (1 - momentum) / 2)
        return lr_scheduler.OneCycleLR(
            optimizer,
            [group["lr"] for group in optimizer.param_groups],
            total_steps=num_steps,
            pct_start=WARMUP,
            base_momentum=momentum - swing,
            max_momentum=momentum + swing,
        )
    if recipe.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_steps)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)


class WeightAverage:
    """Exponential moving average of a network's weights, and of its statistics of batches.

    Args:
        model: The network; the average begins with its weights.
        decay: Part of the average that stays at each step, once there were many.

    Source: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        """The network with the averaged weights."""
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, num_steps: int) -> None:
        """Move the average towards a network's weights.

        Args:
            model: The network.
            num_steps: Number of steps that it was trained for; of the first, less is kept.
        """
        decay = min(self.decay, (1 + num_steps) / (10 + num_steps))
        averages: list[Tensor] = []
        values: list[Tensor] = []
        for average, value in zip(_state(self.model), _state(model), strict=True):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)  # the number of batches that were normalised
        torch._foreach_lerp_(averages, values, 1 - decay)


def _state(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
