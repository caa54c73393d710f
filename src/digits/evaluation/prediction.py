"""Batched inference: the logits that a network in evaluation mode gives for images."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.hardware import (
    autocast,
    limited_threads,
    memory_format,
    select_device,
    select_precision,
)

BATCH_SIZE = 250
"""Images in a batch; larger batches are no faster and take more memory, for each thread."""


def predict(
    model: nn.Module,
    images: Num[Tensor, "n 28 28"],
    *,
    device: str = "auto",
    precision: str = "auto",
) -> Float[Tensor, "n 10"]:
    """Compute the logits of images; two calls give the same bits.

    Args:
        model: Maps raw pixels (n, 1, 28, 28) to logits (n, 10). It is left in evaluation mode.
        images: Raw pixels, 0 to 255. (n, 28, 28)
        device: Device to compute on: auto, cpu, cuda or mps. The model returns to its own after.
        precision: Number format to compute in: auto, float32 or bfloat16.

    Returns:
        Logits in float32, on the CPU. (n, 10)

    Raises:
        InvalidInput: If the images have another shape, or there are none.
    """
    if not isinstance(images, Tensor):
        raise InvalidInput(f"Expected images as a torch.Tensor, found {type(images).__name__}.")
    if images.ndim != 3 or images.shape[1:] != (28, 28) or len(images) == 0:
        raise InvalidInput(f"Expected images (n, 28, 28), n ≥ 1; found {tuple(images.shape)}.")
    batches = images[:, None].split(BATCH_SIZE)
    return torch.cat(predict_batches(model, batches, device=device, precision=precision))


def predict_batches(
    model: nn.Module,
    batches: Iterable[Num[Tensor, "_ 1 _ _"]],
    *,
    device: str = "auto",
    precision: str = "auto",
) -> list[Float[Tensor, "_ ..."]]:
    """Compute a network's outputs for batches of images, each batch of a size of its own.

    Args:
        model: The network. It is left in evaluation mode.
        batches: Raw pixels, 0 to 255. (n, 1, h, w)
        device: As in `predict`.
        precision: As in `predict`.

    Returns:
        The outputs for each batch in float32, on the CPU.
    """
    compute_device = select_device(device)
    precision = select_precision(precision, compute_device)
    model_device = next(model.parameters()).device
    model.to(compute_device).eval()

    def compute(batch: Num[Tensor, "_ 1 _ _"]) -> Float[Tensor, "_ ..."]:
        with torch.inference_mode(), autocast(compute_device, precision):
            pixels = batch.to(compute_device, memory_format=memory_format(compute_device))
            outputs: Tensor = model(pixels)
            return outputs.float()

    num_threads = torch.get_num_threads() if compute_device.type == "cpu" else 1
    try:
        # Threads that have a batch each do not wait for each other, as they would within one.
        with limited_threads(1), ThreadPoolExecutor(num_threads) as pool:
            outputs = list(pool.map(compute, batches))
    finally:
        model.to(model_device)
    return [output.cpu() for output in outputs]
