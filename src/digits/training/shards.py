"""Shards of a batch: computed side by side on a CPU, each by a thread of its own, added in order.

Threads that share each operation of a training step meet fifty times a step, and wait for each
other by spinning; where other programs run too, those that wait take the cores from those that
work. Threads that have a shard each meet once. Which thread computes a shard changes no bit.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from itertools import accumulate, chain
from typing import get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from digits.hardware import derive_seed, limited_threads
from digits.models.copies import copy_sharing_weights
from digits.training.seeds import DROPOUT

NUM_SHARDS = 2
"""Number of shards of a batch on a CPU. Four cost two cores 10 to 20 % more time."""

MIN_IMAGES = 16
"""Fewest images in a shard; a batch with fewer for each is not cut. Batch normalisation needs good
statistics. Source: chosen, not compared."""

Dropout = nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d
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
        self._all_threads = torch.get_num_threads()
        self._pool = None
        if self._replicas and self._all_threads > 1:
            # The thread that asks for the gradient takes a shard, too.
            self._pool = ThreadPoolExecutor(
                NUM_SHARDS - 1, "shard", torch.set_num_threads, (self.num_threads,)
            )

    @property
    def num_threads(self) -> int:
        """Number of threads that an operation of a training step may use."""
        return max(1, self._all_threads // max(1, len(self._replicas)))

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
        self._model.zero_grad()
        if self._replicas:
            with limited_threads(self.num_threads):
                judged = self._backward_in_shards(indices, judge, (epoch, step))
            if judged is not None:
                return judged
            self._replicas = []  # from now on, a batch is one shard
        with limited_threads(self.num_threads):
            losses, right = judge(self._model, indices, 0)
            losses.mean().backward()
            return losses.detach(), right

    def _backward_in_shards(
        self, indices: Int[Tensor, " n"], judge: JudgeShard, place: tuple[int, int]
    ) -> Judged | None:
        """Do as `backward`, with the replicas; None if they turn out to be none."""
        before = _Snapshot(self._replicas)
        judged = self._judge_shards(indices, judge, place)
        if self._pool is not None and before.was_drawn_from():
            # Which thread drew first was chance. From now on, the shards are computed in order.
            self._pool = None
            before.restore()
            judged = self._judge_shards(indices, judge, place)
        if any(parameter.grad is not None for parameter in self._model.parameters()):
            # A function that the network holds has computed with the network, not with the replica.
            before.restore()
            self.average_statistics()
            self._model.zero_grad()
            return None
        _add_gradients(self._model, self._replicas)
        return judged

    def _judge_shards(
        self, indices: Int[Tensor, " n"], judge: JudgeShard, place: tuple[int, int]
    ) -> Judged:
        """Compute each image's loss, and give the replicas the gradients of their shards."""
        num_shards = max(1, min(NUM_SHARDS, len(indices) // MIN_IMAGES))
        parts, spare = indices.tensor_split(num_shards), self._replicas[num_shards:]
        firsts = list(accumulate((len(part) for part in parts), initial=0))
        if spare:  # the shard's statistics follow those of all
            self.average_statistics()
            self._replicas[0].copy_buffers(self._model)

        def compute(shard: int) -> Judged:
            replica = self._replicas[shard]
            replica.prepare((self._seed, DROPOUT, *place, shard))
            losses, right = judge(replica.model, parts[shard], firsts[shard])
            (losses.sum() / len(indices)).backward()
            return losses.detach(), right

        judged = self._compute_each(compute, num_shards)
        for replica in spare:
            replica.prepare()
            replica.copy_buffers(self._replicas[0].model)
        all_losses, all_right = zip(*judged, strict=True)
        return torch.cat(all_losses), torch.cat(all_right)

    def _compute_each(self, compute: Callable[[int], Judged], num_shards: int) -> list[Judged]:
        """Compute the shards, side by side if there are threads for it."""
        if self._pool is None:
            return [compute(shard) for shard in range(num_shards)]
        others = [self._pool.submit(compute, shard) for shard in range(1, num_shards)]
        try:
            first = compute(0)
        finally:
            wait(others)  # also where it failed, so that nothing goes on by itself
        return [first, *(other.result() for other in others)]

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
        if not state:  # the run was begun where a batch is one shard
            state = [list(self._model.buffers()) for _ in self._replicas]
        for replica, buffers in zip(self._replicas, state, strict=True):
            for mine, saved in zip(replica.model.buffers(), buffers, strict=True):
                mine.copy_(saved)


class _Replica:
    """A copy of a network with the same weights, whose dropout draws from its own generator."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model.train()
        self.parameters = list(model.parameters())
        self._generator = torch.Generator()
        self._has_dropout = False
        for layer in model.modules():
            # A user's own kind may do what it likes.
            if isinstance(layer, Dropout) and type(layer) in get_args(Dropout):
                layer.forward = partial(_drop, layer, self._generator)  # type: ignore[method-assign]
                self._has_dropout = True

    @torch.no_grad()
    def copy_buffers(self, other: nn.Module) -> None:
        """Take over the statistics of the network, or of another replica."""
        for mine, its in zip(self.model.buffers(), other.buffers(), strict=True):
            mine.copy_(its)

    def prepare(self, seed: tuple[int, ...] = ()) -> None:
        """Forget the last batch's gradients, and seed the dropout."""
        for parameter in self.parameters:
            parameter.grad = None
        if self._has_dropout and seed:
            self._generator.manual_seed(derive_seed(*seed))


def _drop(
    layer: Dropout, generator: torch.Generator, x: Float[Tensor, "n ..."]
) -> Float[Tensor, "n ..."]:
    """Leave out a part of x, single values or whole channels, and scale up the rest."""
    part_kept = 1 - layer.p
    if not layer.training or part_kept == 1:
        return x
    is_by_channel = type(layer) is not nn.Dropout
    shape = (*x.shape[:2], *(1 for _ in x.shape[2:])) if is_by_channel else x.shape
    is_kept = torch.empty(shape, dtype=torch.bool)
    is_kept.bernoulli_(part_kept, generator=generator)
    return x * is_kept / max(part_kept, 1e-12)


def _replicate(model: nn.Module) -> list[_Replica]:
    """Make a replica for each shard; none if the network can't be copied."""
    copies = [copy_sharing_weights(model) for _ in range(NUM_SHARDS)]
    return [_Replica(copied) for copied in copies if copied is not None]


class _Snapshot:
    """State of torch's global generator, and of all that replicas keep of the batches they saw."""

    def __init__(self, replicas: list[_Replica]) -> None:
        self._replicas, self._random = replicas, torch.get_rng_state()
        self._buffers = [buffer.clone() for buffer in self._live_buffers()]

    def _live_buffers(self) -> Iterator[Tensor]:
        """Find the buffers: a network may have put others in their place."""
        return chain.from_iterable(replica.model.buffers() for replica in self._replicas)

    def was_drawn_from(self) -> bool:
        """Whether the generator has given numbers since."""
        return not torch.equal(torch.get_rng_state(), self._random)

    @torch.no_grad()
    def restore(self) -> None:
        """Take everything back to what it was."""
        torch.set_rng_state(self._random)
        for buffer, before in zip(self._live_buffers(), self._buffers, strict=True):
            buffer.copy_(before)


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
