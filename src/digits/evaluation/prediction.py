"""Inference: a network's logits over images, in evaluation mode."""

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.hardware import autocast, memory_format, select_device, select_precision

BATCH_SIZE = 500
"""Images at once; larger ones are no faster and take more memory."""


def predict(
    model: nn.Module,
    images: Num[Tensor, "n 28 28"],
    *,
    device: str = "auto",
    precision: str = "auto",
) -> Float[Tensor, "n 10"]:
    """Logits of images, in evaluation mode: twice the same, to the bit.

    Args:
        model: Raw pixels (n, 1, 28, 28) to logits (n, 10). Left in evaluation mode.
        images: Raw pixels, 0 to 255. (n, 28, 28)
        device: Of the computing: auto, cpu, cuda or mps.
        precision: Of the computing: auto, float32 or bfloat16.

    Returns:
        Logits in float32, on the CPU. (n, 10)

    Raises:
        InvalidInput: If the images are of another shape, or there are none.
    """
    if not isinstance(images, Tensor):
        raise InvalidInput(f"Expected images as a torch.Tensor, found {type(images).__name__}.")
    if images.ndim != 3 or images.shape[1:] != (28, 28) or len(images) == 0:
        raise InvalidInput(f"Expected images (n, 28, 28), n ≥ 1; found {tuple(images.shape)}.")
    place = select_device(device)
    precision = select_precision(precision, place)
    home = next(model.parameters()).device
    model.to(place).eval()
    logits = []
    try:
        with torch.inference_mode(), autocast(place, precision):
            for batch in images.split(BATCH_SIZE):
                pixels = batch[:, None].to(place, memory_format=memory_format(place))
                logits.append(model(pixels).float())
    finally:
        model.to(home)
    return torch.cat(logits).cpu()
