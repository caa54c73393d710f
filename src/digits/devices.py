"""Names of devices and precisions, which the command offers before torch is imported."""

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Devices to compute on; auto takes CUDA, else Apple's GPU, else the CPU."""

PRECISIONS = ("auto", "float32", "bfloat16")
"""Precisions of the arithmetic; auto takes bfloat16 where the device has units for it."""
