"""Quantisation: the smallest network in integers of eight bits, as C for microcontrollers.

Weights are int8, and so small are the maps. What multiplies a channel's sum, and what is added to
it, hold the steps of both, and the batch norm.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from textwrap import wrap

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int8, UInt8
from torch import Tensor, nn

from digits.models import Repeated, Separable, Tiny

LARGEST_WEIGHT = 127
LARGEST_VALUE = 255


@dataclass(frozen=True)
class Convolution:
    """A convolution of the network, with what follows before the next one.

    That is a pool, batch norm, what is added, and ReLU, in this order.
    """

    conv: nn.Conv2d
    norm: nn.Module
    """Batch norm."""
    pool: int = 1
    """Width of the pool."""
    adds: bool = False
    """Whether the input of the convolution before is added."""

    def __call__(
        self, maps: Float[Tensor, "n _ h w"], earlier: Float[Tensor, "n _ _ _"]
    ) -> Float[Tensor, "n _ _ _"]:
        """Compute its maps in floating point, as the network does."""
        values: Tensor = self.norm(F.max_pool2d(self.conv(maps), self.pool))
        return (values + earlier if self.adds else values).relu()


def list_convolutions(model: Tiny) -> Iterator[Convolution]:
    """List the convolutions in the order in which they are computed."""
    yield Convolution(model.conv1, model.norm1)
    for block in model.children():
        if isinstance(block, Separable):
            yield Convolution(block.depthwise, block.norm1)
            yield Convolution(block.pointwise, block.norm2, 2 if hasattr(block, "pool") else 1)
        elif isinstance(block, Repeated):
            for norm1, norm2 in zip(block.norms1, block.norms2, strict=True):
                yield Convolution(block.depthwise, norm1)
                yield Convolution(block.pointwise, norm2, adds=True)


@dataclass(frozen=True)
class Layer:
    """A convolution in integers, with what follows; or the linear layer, that of a mean.

    A channel's value is scale × sum + bias + skip × the value that is added.
    """

    weights: Int8[np.ndarray, "out *rest"]  # noqa: F821 - a shape
    """Weights, (out, in, height, width); layers that share them have the same array."""
    scales: Float32[np.ndarray, " out"]
    biases: Float32[np.ndarray, " out"]
    padding: int = 0
    pool: int = 1
    skip: float = 0.0
    num_values: int = 0
    """Number of values that it gives, in all its maps."""


@torch.inference_mode()
def quantize(model: Tiny, images: UInt8[Tensor, "n h w"]) -> list[Layer]:
    """Quantise a trained network.

    Args:
        model: The network, in evaluation mode.
        images: Training images, 0 to 255. The largest value that they have in a layer becomes 255.

    Returns:
        The layers, in the order in which they are computed.

    Source: Jacob et al. 2018, arXiv:1712.05877.
    """
    layers = []
    rounded = {m: _round(m.weight) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    maps = earlier = model.normalize(images[:, None])
    # A value is step × integer + zero; after ReLU, zero is 0.
    step = earlier_step = 1 / (LARGEST_VALUE * float(model.normalize.std))
    zero = -float(model.normalize.mean / model.normalize.std)
    for convolution in list_convolutions(model):
        conv = convolution.conv
        weights, weight_steps = rounded[conv]
        maps, earlier = convolution(maps, earlier), maps
        new_step = float(maps.max()) / LARGEST_VALUE
        at_0, at_1 = (convolution.norm(torch.full((1, len(weights), 1, 1), x)) for x in (0.0, 1.0))
        gains = (at_1 - at_0).flatten() * weight_steps
        shifts = at_0.flatten() + gains * zero * torch.from_numpy(weights).sum(dim=(1, 2, 3))
        layers.append(
            Layer(
                weights=weights,
                scales=(gains * step / new_step).numpy(),
                biases=(shifts / new_step).numpy(),
                padding=int(conv.padding[0]),
                pool=convolution.pool,
                skip=earlier_step / new_step if convolution.adds else 0.0,
                num_values=maps[0].numel(),
            )
        )
        step, earlier_step, zero = new_step, step, 0.0
    weights, weight_steps = rounded[model.fc]
    scales = weight_steps * step / maps[0, 0].numel()  # a mean is a sum over so many
    return [*layers, Layer(weights, scales.numpy(), model.fc.bias.numpy())]


def _round(weights: Tensor) -> tuple[Int8[np.ndarray, "out ..."], Float32[Tensor, " out"]]:
    """Round weights to int8; gives also the step of each output channel."""
    steps = weights.flatten(1).abs().amax(dim=1) / LARGEST_WEIGHT
    integers = (weights.flatten(1) / steps[:, None]).round().to(torch.int8)
    return integers.reshape(weights.shape).numpy(), steps


def write_c(layers: list[Layer], *, size: int = 28) -> str:
    """Write the layers, and a function that computes them, as a header in C.

    Args:
        layers: What `quantize` gave.
        size: Height and width of an image in pixels.

    Returns:
        The header, with all that it needs.
    """
    weights = {id(layer.weights): layer.weights for layer in layers}
    ends = np.cumsum([array.size for array in weights.values()])
    offsets = dict(zip(weights, (0, *ends.tolist()), strict=False))
    *hidden, linear = layers
    rows = [
        f"{{{offsets[id(layer.weights)]}, {len(layer.weights)}, {layer.weights.shape[1]}, "
        f"{layer.weights.shape[2]}, {layer.padding}, {layer.pool}, {_number(layer.skip)}}}"
        for layer in hidden
    ]
    template = (files("digits") / "templates" / "network.h").read_text(encoding="utf-8")
    even, odd = (max(layer.num_values for layer in hidden[i::2]) for i in (0, 1))
    return Template(template).substitute(
        num_bytes=f"{count_bytes(layers):,}",
        num_bytes_of_maps=f"{even + odd:,}",
        num_layers=len(hidden),
        layers=",\n    ".join(rows),
        weights=_numbers(weights.values()),
        scales=_numbers(layer.scales for layer in layers),
        biases=_numbers(layer.biases for layer in layers),
        num_even=even,
        num_odd=odd,
        size=size,
        num_classes=len(linear.weights),
        linear=offsets[id(linear.weights)],
    )


def count_bytes(layers: list[Layer]) -> int:
    """Count the bytes of weights, which layers may share, and of scales and biases."""
    weights = {id(layer.weights): layer.weights.nbytes for layer in layers}
    return sum(weights.values()) + sum(x.scales.nbytes + x.biases.nbytes for x in layers)


def _numbers(arrays: Iterable[np.ndarray]) -> str:
    """Write all numbers of arrays in lines of C."""
    text = ", ".join(_number(x) for array in arrays for x in array.flatten().tolist())
    return "\n    ".join(wrap(text, 96))


def _number(x: float) -> str:
    """Write an integer, or a float with the nine digits that give its bits back."""
    return str(x) if isinstance(x, int) else f"{x:.8e}f"
