"""Shards of a batch: computed side by side, each by a thread or a process, and added in order.

Threads that share each operation of a training step meet fifty times a step, and wait for each
other by spinning; where other programs run too, those that wait take the cores from those that
work. Threads that have a shard each meet once. Which thread computes a shard changes no bit, nor
does which process.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from itertools import accumulate, chain
from typing import get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.hardware import derive_seed, limited_threads
from digits.models.copies import copy_sharing_weights
from digits.training.processes import ALONE, Processes
from digits.training.seeds import DROPOUT

NUM_SHARDS = 2
"""Number of shards of a batch on a CPU, where a recipe does not say. Four cost two cores 10 to 20 %
more time."""

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

    Each shard has a replica of the network: the same weights, gradients of its own. Batch
    normalisation takes a shard's own statistics; the network keeps the mean of what the replicas
    keep. Where a network can't be copied, a batch is one shard.

    Each process has all replicas, and computes its own shards; then it takes over what came of the
    others.

    Args:
        model: The network to train, on its device.
        device: The device.
        seed: Seed of the replicas' dropout.
        num: Number of shards, in which operations have one thread each; if not given, 2 on a CPU,
            which share the threads that there are, and 1 elsewhere.
        processes: The processes that share the work.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        *,
        seed: int,
        num: int | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self._model, self._seed, self._num, self._processes = model, seed, num, processes
        self._all_threads = processes.num_threads or torch.get_num_threads()
        num = num or (NUM_SHARDS if device.type == "cpu" else 1)
        self._replicas = _replicate(model, num, device) if num > 1 else []
        if processes.num > 1 and not self._replicas:
            raise self._not_in_processes()
        self._num_at_once = 1
        if device.type == "cpu":
            self._num_at_once = min(self._all_threads, len(self._own(len(self._replicas))))
        self._pool = None
        if self._num_at_once > 1:
            # The thread that asks for the gradient takes shards, too.
            self._pool = ThreadPoolExecutor(
                self._num_at_once - 1, "shard", torch.set_num_threads, (self.num_threads,)
            )

    @property
    def num_threads(self) -> int:
        """Number of threads that an operation of a training step may use."""
        if self._num is not None:
            return 1
        return max(1, self._all_threads // max(1, len(self._replicas)))

    def _own(self, num_shards: int) -> range:
        """Numbers of the shards that this process computes."""
        return range(self._processes.rank, num_shards, self._processes.num)

    def _not_in_processes(self) -> InvalidInput:
        return InvalidInput(
            "network: expected one that can be copied and draws no random numbers but for dropout, "
            "to train with several processes, found another; use one process."
        )

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
        if self._processes.num > 1 and (before.was_drawn_from() or self._was_reached()):
            raise self._not_in_processes()
        if self._pool is not None and before.was_drawn_from():
            # Which thread drew first was chance. From now on, the shards are computed in order.
            self._pool = None
            before.restore()
            judged = self._judge_shards(indices, judge, place)
        if self._was_reached():
            before.restore()
            self.average_statistics()
            self._model.zero_grad()
            return None
        _add_gradients(self._model, self._replicas)
        return judged

    def _was_reached(self) -> bool:
        """Whether a function that the network holds computed with it, not with the replica."""
        return any(parameter.grad is not None for parameter in self._model.parameters())

    def _judge_shards(
        self, indices: Int[Tensor, " n"], judge: JudgeShard, place: tuple[int, int]
    ) -> Judged:
        """Compute each image's loss, and give the replicas the gradients of their shards."""
        num_shards = max(1, min(len(self._replicas), len(indices) // MIN_IMAGES))
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

        computed = self._compute_each(compute, self._own(num_shards))
        judged = self._exchange(computed, parts)
        for replica in spare:
            replica.prepare()
            replica.copy_buffers(self._replicas[0].model)
        all_losses, all_right = zip(*judged, strict=True)
        return torch.cat(all_losses), torch.cat(all_right)

    def _compute_each(
        self, compute: Callable[[int], Judged], shards: Sequence[int]
    ) -> dict[int, Judged]:
        """Compute shards, side by side if there are threads for it."""

        def compute_all(numbers: Sequence[int]) -> dict[int, Judged]:
            return {shard: compute(shard) for shard in numbers}

        if self._pool is None:
            return compute_all(shards)
        mine, *theirs = (shards[at :: self._num_at_once] for at in range(self._num_at_once))
        others = [self._pool.submit(compute_all, numbers) for numbers in theirs]
        try:
            computed = compute_all(mine)
        finally:
            wait(others)  # also where it failed, so that nothing goes on by itself
        for other in others:
            computed |= other.result()
        return computed

    def _exchange(
        self, computed: dict[int, Judged], parts: Sequence[Tensor]
    ) -> list[tuple[Tensor, Tensor]]:
        """Give the other processes what came of this one's shards, and take what came of theirs."""
        if self._processes.num == 1:
            return [computed[shard] for shard in range(len(parts))]
        judged = [
            computed[shard] if shard in computed else _unjudged(part)
            for shard, part in enumerate(parts)
        ]
        replicas = self._replicas[: len(parts)]
        have_gradients = [replica.fill_gradients() for replica in replicas]
        self._processes.exchange(
            [
                [have, *outcome, *replica.gradients, *replica.model.buffers()]
                for have, outcome, replica in zip(have_gradients, judged, replicas, strict=True)
            ]
        )
        for replica, have in zip(replicas, have_gradients, strict=True):
            replica.keep_gradients(have)
        return judged

    @torch.no_grad()
    def average_statistics(self) -> None:
        """Give the network's buffers the mean of the replicas'; of counts, those of the first."""
        if self._replicas:
            self.copy_statistics_to(self._model)

    @torch.no_grad()
    def copy_statistics_to(self, model: nn.Module) -> None:
        """Give a copy of the network the buffers that the network would have if training ended."""
        models = [replica.model for replica in self._replicas] or [self._model]
        buffers = zip(*(each.buffers() for each in models), strict=True)
        for its, copies in zip(model.buffers(), buffers, strict=True):
            is_mean = its.is_floating_point() and len(copies) > 1
            its.copy_(torch.stack(copies).mean(dim=0) if is_mean else copies[0])

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

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.model = model.train()
        self.parameters = list(model.parameters())
        self._generator = torch.Generator(device)
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

    @property
    def gradients(self) -> list[Tensor]:
        """The gradients of the parameters that have one."""
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def fill_gradients(self) -> Bool[Tensor, " parameters"]:
        """Give each parameter a gradient; tells which ones had it."""
        have = [parameter.grad is not None for parameter in self.parameters]
        for parameter in self.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return torch.tensor(have, device=self.parameters[0].device)

    def keep_gradients(self, kept: Bool[Tensor, " parameters"]) -> None:
        """Take away the gradients of all other parameters."""
        for parameter, is_kept in zip(self.parameters, kept.tolist(), strict=True):
            if not is_kept:
                parameter.grad = None

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
    is_kept = torch.empty(shape, dtype=torch.bool, device=x.device)
    is_kept.bernoulli_(part_kept, generator=generator)
    return x * is_kept / max(part_kept, 1e-12)


def _replicate(model: nn.Module, num: int, device: torch.device) -> list[_Replica]:
    """Make a replica for each shard; none if the network can't be copied."""
    copies = [copy_sharing_weights(model) for _ in range(num)]
    return [_Replica(copied, device) for copied in copies if copied is not None]


def _unjudged(part: Int[Tensor, " n"]) -> Judged:
    """Make room for what came of a shard that another process computed."""
    return torch.empty(len(part), device=part.device), torch.empty_like(part, dtype=torch.bool)


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
