"""Batched inference: the logits that a network in evaluation mode gives for images."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

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
from digits.models import GlyphNetwork, RegisteredNetwork
from digits.models.copies import copy_sharing_weights

BATCH_SIZE = 125
"""Images in a batch. Twice as many are hardly faster, and take `classic` from 0.6 to 1.0 GB."""


BLOCK_SIZE = 1 << 20
"""Numbers in a block of memory to which outputs are moved."""


def predict(
    model: nn.Module,
    images: Num[Tensor, "n h w"],
    *,
    device: str = "auto",
    precision: str = "auto",
) -> Float[Tensor, "n classes"]:
    """Compute the logits of images; two calls give the same bits.

    Args:
        model: Maps raw pixels (n, 1, h, w) to logits (n, classes). It is left in evaluation mode.
        images: Raw pixels, 0 to 255. (n, h, w)
        device: Device to compute on: auto, cpu, cuda or mps. The model returns to its own after.
        precision: Number format to compute in: auto, float32 or bfloat16.

    Returns:
        Logits in float32, on the CPU. (n, classes)

    Raises:
        InvalidInput: If the images have another shape, or there are none.
    """
    if not isinstance(images, Tensor):
        raise InvalidInput(f"Expected images as a torch.Tensor, found {type(images).__name__}.")
    is_ours = isinstance(model, GlyphNetwork | RegisteredNetwork)  # others do not tell
    size = model.size if is_ours else images.shape[-1]
    if images.ndim != 3 or images.shape[1:] != (size, size) or len(images) == 0:
        raise InvalidInput(
            f"Expected images (n, {size}, {size}), n ≥ 1; found {tuple(images.shape)}."
        )
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

    def compute(network: nn.Module, batch: Num[Tensor, "_ 1 _ _"]) -> Float[Tensor, "_ ..."]:
        with torch.inference_mode(), autocast(compute_device, precision):
            pixels = batch.to(compute_device, memory_format=memory_format(compute_device))
            outputs: Tensor = network(pixels)
            return outputs.float()

    copies = _copy_for_threads(model) if compute_device.type == "cpu" else []
    try:
        if copies:
            return _compute_side_by_side(compute, copies, batches)
        outputs = [compute(model, batch) for batch in batches]
        return [output.cpu() for output in outputs]  # now, as each waits for the device
    finally:
        model.to(model_device)


def _copy_for_threads(model: nn.Module) -> list[nn.Module]:
    """Make the network and its copies: one for each thread, or none where one thread does it all.

    A network may keep what it computes on its way, so no two threads share one.
    """
    copies = [copy_sharing_weights(model) for _ in range(torch.get_num_threads() - 1)]
    made = [copied for copied in copies if copied is not None]
    return [model, *made] if made else []


def _compute_side_by_side(
    compute: Callable[[nn.Module, Tensor], Tensor],
    copies: list[nn.Module],
    batches: Iterable[Tensor],
) -> list[Tensor]:
    """Compute each batch by one thread: threads that share one would wait for each other."""
    idle: SimpleQueue[nn.Module] = SimpleQueue()
    for copied in copies:
        idle.put(copied)

    def compute_one(batch: Tensor) -> Tensor:
        network = idle.get()
        try:
            return compute(network, batch)
        finally:
            idle.put(network)

    threads = ThreadPoolExecutor(len(copies), "predict", torch.set_num_threads, (1,))
    with limited_threads(1), threads:
        return _moved_to_blocks(threads.map(compute_one, batches))


def _moved_to_blocks(outputs: Iterable[Tensor]) -> list[Tensor]:
    """Move each output to a large block of memory, as soon as it is there.

    Amid the memory that a network needs for a moment, small outputs that stay would keep it from
    being used again: `classic` took 2 to 3 GB in float32.
    """
    block = torch.empty(0)
    moved: list[Tensor] = []
    for output in outputs:
        if output.numel() > len(block):
            block = torch.empty(max(output.numel(), BLOCK_SIZE))
        place, block = block[: output.numel()], block[output.numel() :]
        moved.append(place.view(output.shape).copy_(output))
    return moved
