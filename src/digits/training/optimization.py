"""Optimisation: the optimizer and the learning-rate schedule that a recipe names."""

import torch
from torch import nn
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
    if recipe.optimizer == "sgd":
        nesterov = momentum > 0
        return torch.optim.SGD(weights, rate, momentum=momentum, nesterov=nesterov, fused=fused)
    return torch.optim.Adam(weights, rate, betas=(momentum, recipe.beta2), fused=fused)


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
            recipe.learning_rate,
            total_steps=num_steps,
            pct_start=WARMUP,
            base_momentum=momentum - swing,
            max_momentum=momentum + swing,
        )
    if recipe.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_steps)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
