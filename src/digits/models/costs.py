"""What a network is made of and what it costs: shapes, parameters and multiply-adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from digits.models.registry import reads_lines
from digits.reading.symbols import LINE_HEIGHT

LINE_WIDTH = 200
"""Width of the line whose cost is counted, in pixels: about ten digits."""


@dataclass(frozen=True)
class LayerCost:
    """A layer of a network, with what it costs to compute for one image."""

    name: str
    """Name of the layer in the network, such as `conv2.pointwise`."""
    kind: str
    """Name of the layer's class."""
    shape: tuple[int, ...] | None
    """Shape of its output for one image, without the batch; None if it did not run."""
    num_parameters: int
    """Number of its trainable parameters."""
    num_multiply_adds: int
    """Number of multiplications, each with an addition, in its convolutions and matrix products."""


def image_shape(network: str, size: int = 28) -> tuple[int, int, int]:
    """Shape of one image that the network of this name takes: channel, height and width.

    Lines have any width; here they have `LINE_WIDTH`. Other images have this size.
    """
    return (1, LINE_HEIGHT, LINE_WIDTH) if reads_lines(network) else (1, size, size)


def layer_costs(model: nn.Module, shape: Sequence[int]) -> list[LayerCost]:
    """Run a network once on an empty image, and count what each of its layers costs.

    What a module computes besides its children is its own; modules that only hold others, with
    nothing of their own, are left out.

    Args:
        model: The network; it is left in evaluation mode.
        shape: Shape of one image, without the batch.

    Returns:
        The layers in the order in which they are defined. Parameters that two layers share count
        for both.
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def record(layer: nn.Module, inputs: object, output: object, *, name: str) -> None:
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape[1:])

    modules = dict(model.named_modules())
    hooks = [
        layer.register_forward_hook(partial(record, name=name)) for name, layer in modules.items()
    ]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model.eval()(torch.zeros(1, *shape, dtype=torch.uint8))
    finally:
        for hook in hooks:
            hook.remove()
    # Two operations for each multiplication, as the addition that follows it is one, too.
    totals = {name: sum(counts.values()) // 2 for name, counts in counter.get_flop_counts().items()}
    root = type(model).__name__

    def count_in(prefix: str, layer: nn.Module) -> int:
        """Multiply-adds in a module; of one that only holds others, those of all of them."""
        held = ((f"{prefix}.{name}", child) for name, child in layer.named_children())
        return totals[prefix] if prefix in totals else sum(count_in(*each) for each in held)

    costs = []
    for name, layer in modules.items():
        prefix = f"{root}.{name}" if name else root
        children = (count_in(f"{prefix}.{name}", child) for name, child in layer.named_children())
        cost = LayerCost(
            name=name,
            kind=type(layer).__name__,
            shape=shapes.get(name),
            num_parameters=sum(
                p.numel() for p in layer.parameters(recurse=False) if p.requires_grad
            ),
            num_multiply_adds=count_in(prefix, layer) - sum(children),
        )
        is_leaf = not any(layer.children())
        if is_leaf or cost.num_parameters or cost.num_multiply_adds:
            costs.append(cost)
    return costs
