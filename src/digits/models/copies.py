"""Copies of a network that share its weights, for threads that pass images through it at once."""

import copy
import random

import numpy as np
import torch
from torch import nn

GENERATORS = (torch.Generator, np.random.Generator, random.Random)
"""Sources of random numbers: in a copy, each would give what it gives in the original."""


def copy_sharing_weights(model: nn.Module) -> nn.Module | None:
    """Copy a network so that the copy has the same parameters, and all else of its own.

    Args:
        model: The network.

    Returns:
        The copy, whose parameters share memory with the network's but have gradients of their own;
        None if the network can't be copied, or a copy would draw the same random numbers.
    """
    kept = (value for module in model.modules() for value in vars(module).values())
    if any(isinstance(value, GENERATORS) for value in kept):
        return None
    try:
        copied = copy.deepcopy(model)
    except Exception:  # the code of a user's network, or a tensor that it keeps with its gradient
        return None
    for parameter, shared in zip(copied.parameters(), model.parameters(), strict=True):
        parameter.data, parameter.grad = shared.data, None
    return copied
