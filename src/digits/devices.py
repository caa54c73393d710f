"""Names of devices and precisions, which the command offers before torch is imported."""

import platform
from pathlib import Path

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Devices to compute on; auto takes CUDA, else Apple's GPU, else the CPU."""

PRECISIONS = ("auto", "float32", "bfloat16")
"""Precisions of the arithmetic; auto takes bfloat16 where the device has units for it."""


def processor_name() -> str:
    """Name the processor, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
