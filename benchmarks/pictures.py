"""Draw the figures of the handbook, in light and dark, from two runs, a kernel and a reading.

    python benchmarks/pictures.py --classic runs/CLASSIC --compact runs/COMPACT

The runs are of these recipes, with seed 0. `benchmarks/readme.py` draws the plot of recipes.
"""

import argparse
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from PIL import Image

import digits
from digits import plots
from digits.evaluation.inspection import feature_maps
from digits.files import write_atomic
from digits.plots.readings import explanation
from digits.report import Material
from digits.report.illustrations import NUM_MISTAKES
from digits.run import Run, load_set

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PICTURE = ROOT / "src" / "digits" / "reading" / "samples" / "paper.jpg"


def draw_feature_maps(run: Run) -> Figure:
    """Draw what each layer of a network makes of the first test image."""
    image = load_set(run.recipe).test.images[0]
    return plots.feature_maps(image, feature_maps(run.model, image))


def draw_mistakes(run: Run) -> Figure:
    """Draw the mistakes that a network was surest of."""
    material = Material(run, load_set(run.recipe), device="cpu")
    shown = material.mistakes[:NUM_MISTAKES]
    return plots.mistakes(
        material.test.images[shown],
        material.test.labels[shown],
        material.predicted[shown],
        material.confidence[shown],
        shown,
    )


def draw_convolution() -> Figure:
    """Draw what convolution, ReLU and pooling make of the first training image, a 5."""
    image = digits.load("mnist").train.images[0].float() / 255
    edge = torch.tensor([-1.0, 0.0, 1.0]).repeat(3, 1)
    kernels = {"left edges": edge, "upper edges": edge.T, "mean": torch.full((3, 3), 1 / 9)}
    maps = F.conv2d(image[None, None], torch.stack(list(kernels.values()))[:, None])[0]
    activated = maps.relu()
    pooled = F.max_pool2d(activated, 2)
    return plots.layer_steps(
        kernels, {"convolution": maps, "ReLU": activated, "2×2 max pooling": pooled}
    )


def write(name: str, draw: Callable[[], Figure]) -> None:
    """Write a figure in light, and in dark beside it."""
    write_atomic(IMAGES / f"{name}.png", small_png(draw()))
    with plots.dark():
        write_atomic(IMAGES / f"{name}-dark.png", small_png(draw()))


def small_png(figure: Figure) -> bytes:
    """Render a figure as PNG with a palette, a third as large as without."""
    buffer = BytesIO()
    with Image.open(BytesIO(plots.to_png(figure))) as image:
        image.convert("RGB").quantize(256).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--classic", type=Path, required=True, help="a run of the recipe classic")
    parser.add_argument("--compact", type=Path, required=True, help="a run of the recipe compact")
    chosen = parser.parse_args()
    write("feature_maps", lambda: draw_feature_maps(Run(chosen.classic)))
    write("mistakes", lambda: draw_mistakes(Run(chosen.compact)))
    write("convolution", draw_convolution)
    reading = digits.Reader().read(PICTURE)
    write("reading", lambda: explanation(reading))


if __name__ == "__main__":
    main()
