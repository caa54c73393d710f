"""Processes that train one network together, on one machine or several.

Each has all of the network, and computes its own shards of a batch. What came of a shard goes to
the others, so that all of them make the same step. The first one writes the run.
"""

import io
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from digits.children import start_child
from digits.errors import DigitsError, InvalidInput

TIMEOUT = timedelta(minutes=10)
"""Limit on how long a process waits for another, as while the first one evaluates. That one ended
is noticed at once; this is for a machine that no longer answers."""

MEETING_SECONDS = 0.02
"""Time after which the first process asks again for those that have not come yet."""

ALIGNMENT = 8
"""Bytes at whose multiples a tensor begins among others, so that it can be of any type."""

INTERFACE = "GLOO_SOCKET_IFNAME"
"""Variable of the environment that says by which network interface processes of the CPU meet."""

TORCHRUN = "env://"
"""Place at which processes of torchrun meet."""

READY = b"."
"""What a started process says once it has imported everything."""


class Lost(DigitsError):  # noqa: N818 - it names the state of the others
    """Another of the processes ended, or no longer answers."""


@dataclass(frozen=True)
class Processes:
    """The processes that train a network together, as one of them sees them."""

    rank: int = 0
    """Number of this process among them, from 0."""
    num: int = 1
    """Number of processes."""
    num_threads: int | None = None
    """Number of threads that each may use; as many as torch has if not given."""
    are_elastic: bool = False
    """Whether torchrun started them; it may start them again, and then another number of them."""

    def any_has(self, has: bool) -> bool:
        """Tell whether one of the processes has what each of them says whether it has."""
        if self.num == 1:
            return has
        answers = [torch.tensor([has]) for _ in range(self.num)]
        self.exchange([[answer] for answer in answers])
        return any(map(bool, answers))

    def exchange(self, results: Sequence[Sequence[Tensor]]) -> None:
        """Let each process have what the others computed, in place of what it holds.

        Args:
            results: Lists of tensors, of the same types and shapes in all processes. The first is
                the first process's, the second is the second's, and so on in turn.

        Raises:
            Lost: If another process ended.
        """
        if self.num == 1:
            return
        for number, tensors in enumerate(results):
            owner = number % self.num
            packed = _pack(tensors) if owner == self.rank else _room_for(tensors)
            # One after the other: where a process ended, those that are left must not wait for
            # each other in two places.
            with _expecting_all(self.num):
                dist.broadcast(packed, owner)
            if owner != self.rank:
                _unpack(packed, tensors)

    def share(self, content: bytes = b"", *, source: int = 0) -> bytes:
        """Give the others the bytes that one process has.

        Args:
            content: The bytes, in the process that has them.
            source: Number of that process.

        Raises:
            Lost: If another process ended.
        """
        if self.num == 1:
            return content
        with _expecting_all(self.num):
            size = torch.tensor([len(content)])
            dist.broadcast(size, source)
            bits = torch.empty(int(size), dtype=torch.uint8)
            if self.rank == source and content:
                bits = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            if len(bits):
                dist.broadcast(bits, source)
        return bits.numpy().tobytes()

    def share_state(self, state: dict[str, Any] | None = None) -> dict[str, Any]:
        """Give the others the state that the first process has: tensors and plain data."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = io.BytesIO(self.share(buffer.getvalue()))
        shared: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
        return shared

    def release(self) -> None:
        """Tell the others that there is nothing to train."""
        if self.num > 1:
            self.share_state({})

    def expect_ready(self, problem: str = "") -> None:
        """Wait until all processes are ready to train.

        Args:
            problem: Why this one is not; empty if it is.

        Raises:
            DigitsError: If one is not.
            Lost: If another process ended.
        """
        problems = [self.share(problem.encode(), source=rank) for rank in range(self.num)]
        for rank, found in enumerate(problems):
            if found:
                raise DigitsError(f"Process {rank} of {self.num}: {found.decode()}")


ALONE = Processes()
"""One process, as is the ordinary case."""


@contextmanager
def together(num: int | None = None) -> Iterator[Processes]:
    """Train with other processes within the context: with those of torchrun, or with new ones.

    Args:
        num: Number of processes on this machine, with this one; if not given, those of torchrun, or
            this one alone.

    Raises:
        InvalidInput: If torchrun has started some already.
        DigitsError: If they can't be started.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        with _started(num or 1) as processes:
            yield processes
        return
    if num is not None:
        raise InvalidInput("torchrun has started the processes already; leave --processes away.")
    rank, num = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    with joined(TORCHRUN, rank, num):
        yield Processes(rank, num, are_elastic=True)


@contextmanager
def joined(place: str, rank: int, num: int) -> Iterator[None]:
    """Join the other processes at a place that all of them know.

    Args:
        place: The place, as a URL.
        rank: Number of this process, from 0.
        num: Number of processes.

    Raises:
        Lost: If one of them does not come.
    """
    if num == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count())
    with _expecting_all(num):
        store = _meet(place, rank, num)
        dist.init_process_group(store=store, rank=rank, world_size=num, timeout=TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _meet(place: str, rank: int, num: int) -> dist.Store:
    """Find the others at a place, where processes that have died since may have met before.

    torchrun keeps what its processes wrote there when it starts them again, so one might look for
    another where that no longer is. So the first one answers each of the others by a name that only
    those who are there now can know.

    Returns:
        A store of these processes alone.
    """
    if place == TORCHRUN:
        store, _, _ = next(rendezvous(place, rank=rank, world_size=num, timeout=TIMEOUT))
    else:  # a file, which is named to torch as it is: of a URL, it would not undo the escapes
        store = dist.FileStore(place, num)  # type: ignore[attr-defined]
    me = uuid4().hex
    if rank > 0:
        store.set(f"{rank} is", me)
        name = store.get(f"answer to {me}").decode()
        store.set(f"{me} met {name}", "")
        return dist.PrefixStore(name, store)  # type: ignore[attr-defined]
    missing, deadline = set(range(1, num)), time.monotonic() + TIMEOUT.total_seconds()
    while missing:
        if time.monotonic() > deadline:
            raise RuntimeError("not all of them came")
        for other in sorted(missing):
            if store.check([f"{other} is"]):
                its = store.get(f"{other} is").decode()
                store.set(f"answer to {its}", me)
                if store.check([f"{its} met {me}"]):
                    missing.remove(other)
        time.sleep(MEETING_SECONDS)
    return dist.PrefixStore(me, store)  # type: ignore[attr-defined]


@contextmanager
def _started(num: int) -> Iterator[Processes]:
    """Start processes on this machine, which end with the context, or with this process."""
    if num == 1:
        yield ALONE
        return
    if not dist.is_available():
        raise DigitsError("This build of torch trains with one process; leave --processes away.")
    num_threads = max(1, torch.get_num_threads() // num)
    with tempfile.TemporaryDirectory(prefix="digits-") as folder, _on_this_machine():
        place = str(Path(folder, "meeting"))
        others = [
            start_child("digits.training.following", "follow_parent", place, rank, num, num_threads)
            for rank in range(1, num)
        ]
        try:
            for process in others:
                assert process.stdout is not None
                if process.stdout.read(len(READY)) != READY:
                    raise DigitsError("A process to train with could not be started.")
            with joined(place, 0, num):
                yield Processes(0, num, num_threads)
        finally:
            for process in others:
                process.communicate()  # closes the input, with which it ends


@contextmanager
def _on_this_machine() -> Iterator[None]:
    """Let processes meet where no other machine can reach them, unless the user says where."""
    interfaces = (name for _, name in socket.if_nameindex())
    loopback = next((name for name in interfaces if name.startswith("lo")), None)
    if loopback is None or INTERFACE in os.environ:
        yield
        return
    os.environ[INTERFACE] = loopback
    try:
        yield
    finally:
        del os.environ[INTERFACE]


@contextmanager
def _expecting_all(num: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise Lost(
            f"One of the {num} processes that train together ended or does not answer, perhaps for "
            "want of memory; resume the run."
        ) from error


def _pack(tensors: Sequence[Tensor]) -> UInt8[Tensor, " bytes"]:
    """Lay the bytes of tensors one after the other."""
    every = [tensor.detach().contiguous().flatten().view(torch.uint8) for tensor in tensors]
    return torch.cat([F.pad(bits, (0, _room(bits) - len(bits))) for bits in every])


def _room_for(tensors: Sequence[Tensor]) -> UInt8[Tensor, " bytes"]:
    """Make room for the bytes of tensors."""
    size = sum(map(_room, tensors))
    return torch.empty(size, dtype=torch.uint8, device=tensors[0].device)


def _unpack(packed: UInt8[Tensor, " bytes"], tensors: Sequence[Tensor]) -> None:
    """Give tensors the values that bytes stand for."""
    for bits, tensor in zip(packed.split([*map(_room, tensors)]), tensors, strict=True):
        values = bits[: tensor.nbytes].view(tensor.dtype).view(tensor.shape)
        tensor.detach().copy_(values)


def _room(tensor: Tensor) -> int:
    """Number of bytes that a tensor takes among others."""
    return tensor.nbytes + -tensor.nbytes % ALIGNMENT
