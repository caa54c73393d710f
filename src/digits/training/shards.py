"""Shards of a batch: computed side by side on a CPU, each by a thread of its own, added in order.

Threads that share each operation of a training step meet fifty times a step, and wait for each
other by spinning; where other programs run too, those that wait take the cores from those that
work. Threads that have a shard each meet once. Which thread computes a shard changes no bit.
"""

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from digits.hardware import derive_seed
from digits.training.seeds import DROPOUT

NUM_SHARDS = 2
"""Number of shards of a batch on a CPU. Four cost two cores 10 to 20 % more time."""

MIN_IMAGES = 16
"""Fewest images in a shard; a batch with fewer for each is not cut. Batch normalisation needs good
statistics. Source: chosen, not compared."""

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Layers that draw from torch's global generator, which the threads share."""

Judged = tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]
"""Loss of each image, and whether it was read right."""

JudgeShard = Callable[[nn.Module, Int[Tensor, " n"], int], Judged]
"""Function that passes a shard's images through a network in training mode, and judges the outputs.

It takes the network, the images' indices, and the place of the first of them in the batch.
"""


class Shards:
    """Gradients of a network, computed by shards of a batch.

    On a CPU, each shard has a replica of the network: the same weights, gradients of its own. Batch
    normalisation takes a shard's own statistics; the network keeps the mean of what the replicas
    keep. Elsewhere, and where a network can't be copied, a batch is one shard.

    Args:
        model: The network to train, on its device.
        device: The device.
        seed: Seed of the replicas' dropout.
    """

    def __init__(self, model: nn.Module, device: torch.device, *, seed: int) -> None:
        self._model, self._seed = model, seed
        self._replicas = _replicate(model) if device.type == "cpu" else []
        num_threads = torch.get_num_threads()
        self.num_threads = max(1, num_threads // max(1, len(self._replicas)))
        """Number of threads that the operations of a shard may use."""
        self._pool = None
        if self._replicas and num_threads > 1:
            # The thread that asks for the gradient takes a shard, too.
            self._pool = ThreadPoolExecutor(
                NUM_SHARDS - 1, "shard", torch.set_num_threads, (self.num_threads,)
            )
        self._draws: bool | None = None
        """Whether the network draws from torch's global generator; None before it was seen."""

    def backward(
        self, indices: Int[Tensor, " n"], judge: JudgeShard, *, epoch: int, step: int
    ) -> Judged:
        """Compute each image's loss, and give the parameters the gradient of the mean loss.

        Args:
            indices: Indices of the batch's images.
            judge: Judges what the network makes of a shard.
            epoch: Number of the epoch, from 1.
            step: Number of the batch in it, from 0.
        """
        if not self._replicas:
            self._model.zero_grad()
            losses, right = judge(self._model, indices, 0)
            losses.mean().backward()
            return losses.detach(), right
        num_shards = max(1, min(NUM_SHARDS, len(indices) // MIN_IMAGES))
        parts, replicas = indices.tensor_split(num_shards), self._replicas[:num_shards]
        firsts = list(accumulate((len(part) for part in parts), initial=0))
        for shard, replica in enumerate(replicas):
            replica.prepare((self._seed, DROPOUT, epoch, step, shard))

        def compute(shard: int) -> Judged:
            losses, right = judge(replicas[shard].model, parts[shard], firsts[shard])
            (losses.sum() / len(indices)).backward()
            return losses.detach(), right

        judged = self._compute_each(compute, num_shards)
        _add_gradients(self._model, replicas)
        for unused in self._replicas[
            num_shards:
        ]:  # whose statistics would count, and be of no batch
            unused.copy_statistics(replicas[0])
        all_losses, all_right = zip(*judged, strict=True)
        return torch.cat(all_losses), torch.cat(all_right)

    def _compute_each(self, compute: Callable[[int], Judged], num_shards: int) -> list[Judged]:
        """Compute the shards side by side, or in order where that decides what each draws."""
        if self._pool is None or self._draws is not False:
            before = torch.get_rng_state()
            judged = [compute(shard) for shard in range(num_shards)]
            self._draws = self._draws or not torch.equal(torch.get_rng_state(), before)
            return judged
        others = [self._pool.submit(compute, shard) for shard in range(1, num_shards)]
        return [compute(0), *(other.result() for other in others)]

    @torch.no_grad()
    def average_statistics(self) -> None:
        """Give the network's buffers the mean of the replicas'; of counts, those of the first."""
        if self._replicas:
            buffers = zip(*(replica.model.buffers() for replica in self._replicas), strict=True)
            for mine, copies in zip(self._model.buffers(), buffers, strict=True):
                is_mean = mine.is_floating_point()
                mine.copy_(torch.stack(copies).mean(dim=0) if is_mean else copies[0])

    def state_dict(self) -> list[list[Tensor]]:
        """The replicas' buffers: all that they have and the network has not."""
        return [list(replica.model.buffers()) for replica in self._replicas]

    @torch.no_grad()
    def load_state_dict(self, state: list[list[Tensor]]) -> None:
        """Restore the state that `state_dict` gave, once the network's is restored.

        Raises:
            ValueError: If it is that of another number of shards, or of another network.
        """
        if not self._replicas:
            return
        if not state:  # the run was begun on a GPU
            state = [list(self._model.buffers()) for _ in self._replicas]
        for replica, buffers in zip(self._replicas, state, strict=True):
            for mine, saved in zip(replica.model.buffers(), buffers, strict=True):
                mine.copy_(saved)


class _Replica:
    """A copy of a network with the same weights, whose dropout draws from its own generator."""

    def __init__(self, original: nn.Module) -> None:
        self.model = copy.deepcopy(original).train()
        self.parameters = list(self.model.parameters())
        for parameter, shared in zip(self.parameters, original.parameters(), strict=True):
            parameter.data = shared.data
        self._generator = torch.Generator()
        self._has_dropout = False
        for parent in list(self.model.modules()):
            for name, layer in parent.named_children():
                if type(layer) in DROPOUTS:
                    setattr(parent, name, _Dropout(layer, self._generator))
                    self._has_dropout = True

    @torch.no_grad()
    def copy_statistics(self, other: "_Replica") -> None:
        """Take over the statistics of another replica."""
        for mine, its in zip(self.model.buffers(), other.model.buffers(), strict=True):
            mine.copy_(its)

    def prepare(self, seed: tuple[int, ...]) -> None:
        """Forget the last batch's gradients, and seed the dropout."""
        for parameter in self.parameters:
            parameter.grad = None
        if self._has_dropout:
            self._generator.manual_seed(derive_seed(*seed))


class _Dropout(nn.Module):
    """Dropout of single values or whole channels, drawn from a given generator."""

    def __init__(self, layer: nn.Module, generator: torch.Generator) -> None:
        super().__init__()
        assert isinstance(layer.p, float | int)
        self._part_kept, self._generator = 1 - layer.p, generator
        self._is_by_channel = type(layer) is not nn.Dropout
        self.train(layer.training)

    def forward(self, x: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """Leave out a part of x, and scale up the rest."""
        if not self.training or self._part_kept == 1:
            return x
        shape = (*x.shape[:2], *(1 for _ in x.shape[2:])) if self._is_by_channel else x.shape
        is_kept = torch.empty(shape, dtype=torch.bool)
        is_kept.bernoulli_(self._part_kept, generator=self._generator)
        return x * is_kept / max(self._part_kept, 1e-12)


def _replicate(model: nn.Module) -> list[_Replica]:
    """Make the replicas of a network; none if it can't be copied, as it keeps what it computed."""
    try:
        return [_Replica(model) for _ in range(NUM_SHARDS)]
    except (RuntimeError, TypeError):
        return []


def _add_gradients(model: nn.Module, replicas: list[_Replica]) -> None:
    """Give a network's parameters the sum of their copies' gradients."""
    sums, added = [], []
    copies = zip(*(replica.parameters for replica in replicas), strict=True)
    for parameter, same in zip(model.parameters(), copies, strict=True):
        gradients = [copied.grad for copied in same if copied.grad is not None]
        parameter.grad = gradients[0] if gradients else None
        sums += gradients[:1] * (len(gradients) - 1)
        added += gradients[1:]
    if sums:
        torch._foreach_add_(sums, added)
