"""Drawing of a network as SVG: its layers as blocks, with what they hold and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from math import log2

from torch import nn

from digits.models.costs import LayerCost, image_shape, layer_costs

WIDTH = 320
"""Width of the drawing in its own units; as many pixels on the narrowest phone."""
LINE, LEAST = 16, 58
"""Height of a line of text, and least height of a stage, in the same units."""
LARGEST = 48
"""Side of the largest maps as they are drawn, in the same units."""
LONGEST = 42
"""Most characters of a line beside a block."""
NO_CHANGE = ("Normalize", "Identity", "Dropout", "Dropout2d")
"""Kinds of layers that nothing is said about below a block: in use they change no shape."""

KINDS = {
    "Conv2d": "convolution",
    "Linear": "fully connected",
    "MaxPool2d": "max pooling",
    "AvgPool2d": "average pooling",
    "AdaptiveAvgPool2d": "mean of each map",
    "BatchNorm1d": "batch norm",
    "BatchNorm2d": "batch norm",
    "Flatten": "flattened",
    "Enlarge": "enlarged",
    "ReLU": "ReLU",
}
"""Words for kinds of layers; others go by the name of their class."""


@dataclass(frozen=True)
class Stage:
    """A layer that multiplies or changes the shape, with the layers after it that do neither."""

    name: str
    what: str
    """Its operation, in words."""
    shape: tuple[int, ...]
    """Shape of its output for one image: channels, height and width; or one number of values."""
    num_parameters: int
    num_multiply_adds: int
    followed_by: tuple[str, ...] = ()
    """Operations on its output that leave the shape as it is."""


def stages_of(model: nn.Module, costs: Sequence[LayerCost], size: int) -> list[Stage]:
    """Join the layers of a network to stages, in order.

    Args:
        model: The network.
        costs: Its layers, as `layer_costs` counts them.
        size: Height and width of an image in pixels.
    """
    modules = dict(model.named_modules())
    stages = [Stage("input", "image", (1, size, size), 0, 0)]
    for cost in costs:
        last = stages[-1]
        if cost.shape is None:  # it did not run
            continue
        if cost.num_multiply_adds or cost.shape != last.shape:
            what = _operation(modules[cost.name], cost.kind)
            stages.append(
                Stage(cost.name, what, cost.shape, cost.num_parameters, cost.num_multiply_adds)
            )
            continue
        followed_by = last.followed_by
        word = KINDS.get(cost.kind, cost.kind)
        if cost.kind not in NO_CHANGE and word not in followed_by:
            followed_by = (*followed_by, word)
        num_parameters = last.num_parameters + cost.num_parameters
        stages[-1] = replace(last, num_parameters=num_parameters, followed_by=followed_by)
    return stages


def draw_network(model: nn.Module, size: int, network: str) -> tuple[str, list[LayerCost]]:
    """Draw a network as SVG, from the image at the top to the scores at the bottom.

    Colours are the page's custom properties. Bars show each stage's share of all parameters and of
    all multiplications.

    Args:
        model: The network.
        size: Height and width of an image in pixels.
        network: Its name.

    Returns:
        The SVG element, and the layers with their costs.
    """
    costs = layer_costs(model, image_shape(network, size))
    stages = stages_of(model, costs, size)
    parameters = max(1, sum(stage.num_parameters for stage in stages))
    multiply_adds = max(1, sum(stage.num_multiply_adds for stage in stages))
    parts, top = [], 4
    for index, stage in enumerate(stages):
        lines = _lines(stage)
        height = max(LEAST, LINE * len(lines) + 6)
        parts += [_block(stage, size, top, height), *_labels(lines, top)]
        if index:
            shares = (stage.num_parameters / parameters, stage.num_multiply_adds / multiply_adds)
            parts += _bars(shares, top + LINE * len(lines) + 4)
        top += height + 22
        if index < len(stages) - 1:
            parts.append(f'<path class="flow" d="M34 {top - 18} v13 m-4 -5 l4 5 l4 -5"/>')
    description = f"From top to bottom: {'; '.join(map(_in_words, stages))}."
    svg = (
        f'<svg class="network" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="The network {escape(network)}, layer by layer" '
        'aria-describedby="network-description">'
        f'<desc id="network-description">{escape(description)}</desc>{"".join(parts)}</svg>'
    )
    return svg, costs


def _operation(module: nn.Module, kind: str) -> str:
    word = KINDS.get(kind, kind)
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        stride, grouped = module.stride[0], module.groups > 1
        each = ", each map alone" if grouped else ""
        return f"{height}×{width} {word}" + (f", stride {stride}" if stride > 1 else "") + each
    if isinstance(module, nn.ZeroPad2d):
        return "edges cropped" if min(module.padding) < 0 else "edges padded"
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        size = module.kernel_size
        return f"{size}×{size} {word}" if isinstance(size, int) else word
    return word


def format_shape(shape: Sequence[int]) -> str:
    """Format a shape: "32 maps of 10×10", "1,600 values"."""
    if len(shape) == 3:
        channels, height, width = shape
        return f"{channels:,} map{'s' if channels > 1 else ''} of {height}×{width}"
    return f"{shape[0]:,} values" if len(shape) == 1 else " × ".join(map(str, shape))


def _in_words(stage: Stage) -> str:
    after = f", then {', '.join(stage.followed_by)}" if stage.followed_by else ""
    return (
        f"{stage.what}{after}, {format_shape(stage.shape)}, {stage.num_parameters:,} parameters, "
        f"{stage.num_multiply_adds:,} multiplications"
    )


def _block(stage: Stage, size: int, top: int, height: int) -> str:
    """Draw maps as a stack of squares, one for each doubling of their number; values as a bar."""
    if len(stage.shape) == 3:
        channels, rows, columns = stage.shape
        scale = LARGEST / max(size, rows, columns)
        count = 1 + round(log2(max(1, channels)))
        w, h = max(3.0, scale * columns), max(3.0, scale * rows)
        gap = 2.0
        left, upper = 34 - (w + gap * (count - 1)) / 2, top + (height - h - gap * (count - 1)) / 2
        squares = (
            f'<rect x="{left + gap * i:.1f}" y="{upper + gap * i:.1f}" width="{w:.1f}" '
            f'height="{h:.1f}"/>'
            for i in range(count)
        )
        return f'<g class="maps">{"".join(squares)}</g>'
    length = min(52.0, 4 + 4 * log2(max(1, stage.shape[0])))
    return (
        f'<rect class="values" x="{34 - length / 2:.1f}" y="{top + height / 2 - 5:g}" '
        f'width="{length:.1f}" height="10" rx="2"/>'
    )


def _lines(stage: Stage) -> list[str]:
    costs = []
    if stage.num_parameters:
        costs.append(f"{stage.num_parameters:,} parameters")
    if stage.num_multiply_adds:
        costs.append(f"{stage.num_multiply_adds:,} mult.")
    after = f"then {', '.join(stage.followed_by)}" if stage.followed_by else ""
    return list(filter(None, (stage.what, after, format_shape(stage.shape), " · ".join(costs))))


def _labels(lines: list[str], top: int) -> list[str]:
    """Write what a stage is, and below it what it makes and costs."""
    return [
        f'<text class="{kind}" x="72" y="{top + 12 + LINE * line}">{escape(_cut(text))}</text>'
        for line, (kind, text) in enumerate(zip(("what", *("note",) * 3), lines, strict=False))
    ]


def _cut(text: str) -> str:
    """Cut a text that would leave the drawing: names of a user's own layers can be long."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _bars(shares: tuple[float, float], top: int) -> list[str]:
    """Draw the stage's share of all parameters, and of all multiplications."""
    present = [
        (kind, share) for kind, share in zip(("parameters", "work"), shares, strict=True) if share
    ]
    return [
        f'<rect class="{kind}" x="72" y="{top + 6 * line}" width="{max(1.5, 240 * share):.1f}" '
        'height="4"/>'
        for line, (kind, share) in enumerate(present)
    ]
