"""Hardware: device, precision, memory, random seeds, and a description of the machine."""

import ctypes
import os
import platform
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from digits.devices import DEVICES, PRECISIONS, processor_name
from digits.errors import InvalidInput


def select_device(name: str = "auto") -> torch.device:
    """Select the device of this name; auto takes CUDA, else Apple's GPU, else the CPU.

    Raises:
        InvalidInput: If the name is unknown or this machine, or this torch, has no such device.
    """
    if name not in DEVICES:
        raise InvalidInput(f"device: expected {' or '.join(DEVICES)}, found {name!r}.")
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name]:
        there = " or ".join(kind for kind, is_there in available.items() if is_there)
        raise InvalidInput(f"device: expected one that this machine has ({there}), found {name!r}.")
    if name == "cuda":
        # cuBLAS is deterministic only with a fixed workspace. It and torch look at this when they
        # multiply for the first time, which may be before a training that needs it.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(name)


def select_precision(name: str, device: torch.device) -> str:
    """Select the precision of this name; auto takes bfloat16 where the device has units for it.

    Returns:
        "float32" or "bfloat16".
    """
    if name not in PRECISIONS:
        raise InvalidInput(f"precision: expected {' or '.join(PRECISIONS)}, found {name!r}.")
    if name != "auto":
        return name
    return "bfloat16" if _has_bfloat16_units(device) else "float32"


def _has_bfloat16_units(device: torch.device) -> bool:
    if device.type == "cuda":
        # torch.cuda.is_bf16_supported() says yes to emulation as well, which is slow.
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Compute in this precision within the context; weights stay in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def memory_format(device: torch.device) -> torch.memory_format:
    """Memory format of images and weights: channels last where convolutions are faster with it."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def keep_freed_memory() -> None:
    """Let this process reuse the memory that it frees, up to 256 MB of it.

    A training step allocates and frees the same blocks again and again. By default, glibc returns
    large ones to the system each time, and every page of them is faulted in anew. Threads share two
    arenas, or each that was ever begun would keep as much as it once needed.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold, arena_max = -1, -3, -8  # from malloc.h
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 256 << 20)
        libc.mallopt(mmap_threshold, 32 << 20)  # the largest value that glibc accepts
        libc.mallopt(arena_max, 2)


_limiting = threading.Lock()
_unlimited: list[int] = []


@contextmanager
def limited_threads(num: int) -> Iterator[None]:
    """Let an operation of torch use so many threads; in this thread, and those begun meanwhile.

    Afterwards it is as before, also where several threads limited it at once.
    """
    with _limiting:
        # While it is limited, a thread can't ask what the limit was before.
        _unlimited.append(_unlimited[0] if _unlimited else torch.get_num_threads())
        torch.set_num_threads(num)
    try:
        yield
    finally:
        with _limiting:
            torch.set_num_threads(_unlimited.pop())


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, and restore those of CPU and CUDA afterwards.

    On CUDA this also allows deterministic kernels only.
    """
    is_cuda = device.type == "cuda"
    with (
        torch.random.fork_rng(devices=[device.index or 0] if is_cuda else []),
        _deterministic_kernels() if is_cuda else nullcontext(),
    ):
        torch.manual_seed(seed)
        yield


@contextmanager
def _deterministic_kernels() -> Iterator[None]:
    # Elsewhere this would do nothing but load torch's compiler, in a second.
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)


def derive_seed(seed: int, *path: int) -> int:
    """Derive a seed for one purpose, independent of those of other paths and other seeds."""
    state = np.random.SeedSequence([seed, *path]).generate_state(1, np.uint64)
    return int(state[0] >> 1)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Get the states of torch's global generators for this device and the CPU."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state()
    return states


def set_random_state(states: dict[str, Tensor]) -> None:
    """Restore the states that `random_state` gave."""
    for kind, state in states.items():
        if kind == "cpu":
            torch.set_rng_state(state)
        else:
            torch.get_device_module(kind).set_rng_state(state)


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its queued work, so that time is measured right."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def describe_machine() -> dict[str, str | int]:
    """Describe the machine, for records of measurements."""
    machine: dict[str, str | int] = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    return machine


def describe_versions() -> dict[str, str]:
    """List the versions of the packages that a result depends on."""
    try:
        digits = version("digits")
    except PackageNotFoundError:  # used from a checkout, which the commit tells
        digits = "not installed"
    return {
        "digits": digits,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def find_commit() -> str | None:
    """Find the commit of this code, with "+" if it was changed since; None outside a checkout."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        # An installed copy may lie inside another project's checkout.
        git("ls-files", "--error-unmatch", here.name)
        # The measurements beside the recipes do not change results.
        changes = git("status", "--porcelain", ".", ":(exclude)recipes/*.json")
        return git("rev-parse", "HEAD") + ("+" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return None
