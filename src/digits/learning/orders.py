"""Orders in which things come again and again: each once in a round, in another order each time."""

import torch
from jaxtyping import Int64
from torch import Tensor


def in_rounds(num: int, length: int, *, seed: int) -> Int64[Tensor, " length"]:
    """List the numbers below `num` in random order, again and again.

    Args:
        num: How many there are, at least 1.
        length: Length of the list.
        seed: Seed of the orders.
    """
    generator = torch.Generator().manual_seed(seed)
    rounds = [torch.randperm(num, generator=generator) for _ in range(-(-length // num))]
    return torch.cat(rounds)[:length]
