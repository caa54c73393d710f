"""Machine: its processor, the cores and the memory that a process may use, and its GPU."""

import ctypes
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from math import ceil
from pathlib import Path

from digits.devices import processor_name
from digits.doctor.faults import LIMITED_CORES, NO_AVX2, Finding
from digits.doctor.part import Part

FEATURES = {
    "AVX": "AVX",
    "AVX2": "AVX2",
    "AVX512F": "AVX-512",
    "NEON": "NEON",
    "SVE": "SVE",
}
"""Features of processors that NumPy tells, and how they are written."""
FLAGS = {
    "avx512_bf16": "AVX-512 bfloat16",
    "amx_bf16": "AMX bfloat16",
    "bf16": "bfloat16",
    "svebf16": "SVE bfloat16",
}
"""Features that Linux tells, and how they are written."""
X86 = ("x86_64", "AMD64")

CGROUPS = Path("/sys/fs/cgroup")
GIGABYTE = 1e9


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def examine_machine(cpu_features: dict[str, bool]) -> Part:
    """Examine the machine.

    Args:
        cpu_features: What NumPy tells of the processor, as `libraries.Loaded` has it.
    """
    cores, quota, memory = usable_cores(), cpu_quota(), _memory_limit()
    features = [shown for name, shown in FEATURES.items() if cpu_features.get(name)]
    findings: list[Finding] = []
    if platform.machine() in X86 and cpu_features.get("AVX2") is False:
        findings.append(NO_AVX2.found())
    else:
        features += [shown for flag, shown in FLAGS.items() if flag in _cpu_flags()]
    if quota is not None and quota < cores:
        findings.append(LIMITED_CORES.found(cores=cores, quota=quota, workers=max(1, int(quota))))
    return Part(
        "machine",
        {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": processor_name(),
            "features": features,
            "cores": os.cpu_count() or 1,
            "usable cores": cores,
            "core limit": quota,
            "memory limit": None if memory is None else f"{memory / GIGABYTE:.1f} GB",
            "GPU": _gpu(),
            "torch for CUDA": _cuda_of_torch(),
        },
        tuple(findings),
    )


def thread_limit() -> int:
    """Number of threads that compute without waiting for a core."""
    cores, quota = usable_cores(), cpu_quota()
    return cores if quota is None else min(cores, max(1, ceil(quota)))


def cpu_quota() -> float | None:
    """Cores' worth of time that the control groups of this process allow; None without a limit."""
    quotas: list[float] = []
    for folder in _cgroups("cpu"):
        with suppress(OSError, ValueError, ZeroDivisionError):
            if (folder / "cpu.max").exists():
                limit, period = (folder / "cpu.max").read_text().split()
            else:
                limit = (folder / "cpu.cfs_quota_us").read_text().strip()
                period = (folder / "cpu.cfs_period_us").read_text().strip()
            if limit not in ("max", "-1"):
                quotas.append(int(limit) / int(period))
    return min(quotas, default=None)


def _memory_limit() -> int | None:
    """Bytes of memory that the control groups of this process allow; None without a limit."""
    limits: list[int] = []
    for folder in _cgroups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):
                limits.append(int((folder / name).read_text()))
    # Version 1 writes "no limit" as the largest number of whole pages.
    return min((limit for limit in limits if limit < 1 << 60), default=None)


def _cgroups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, of both versions.

    In a container the names may be those of the host, which are not to be seen there; the group of
    the container is at the root then, which is the last one.
    """
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", maxsplit=2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controllers
        group = root / name.lstrip("/")
        while group != root:
            yield group
            group = group.parent
        yield root


def _cpu_flags() -> set[str]:
    """List the flags of the first processor, as Linux tells them."""
    with suppress(OSError):
        found = re.search(r"^(?:flags|Features)\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        return set(found[1].split()) if found else set()
    return set()


def _gpu() -> str | None:
    """Name the GPU: NVIDIA's as its driver tells it, or Apple's."""
    if sys.platform == "darwin":
        return "Apple's (mps)" if platform.machine() == "arm64" else None
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    count, cuda, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    driver.cuDeviceGetName(name, len(name), 0)
    driver.cuDriverGetVersion(ctypes.byref(cuda))
    more = f" and {count.value - 1} more" if count.value > 1 else ""
    version = f"{cuda.value // 1000}.{cuda.value % 1000 // 10}"
    return f"{name.value.decode(errors='replace')}{more} (driver for CUDA {version})"


def _cuda_of_torch() -> str | None:
    """The version of CUDA that torch was built for, from its file of versions."""
    spec = find_spec("torch")  # loads nothing
    if spec is None or spec.origin is None:
        return None
    with suppress(OSError):
        text = (Path(spec.origin).parent / "version.py").read_text()
        found = re.search(r"^cuda.*= '([\d.]+)'", text, re.M)
        return found[1] if found else "none"
    return None
