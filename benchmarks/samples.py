"""Make the sample pictures that come with the package: digits on paper, a drawing, a form.

    python benchmarks/samples.py

Digits of MNIST's test set on a page in uneven light, strokes of synthetic handwriting as the page
draws them, and a form with boxes. The same seed gives the same pictures.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from pen_paths import number
from PIL import Image

import digits
from digits.files import write_atomic

FOLDER = Path(__file__).parents[1] / "src" / "digits" / "reading" / "samples"

Canvas = Float[np.ndarray, "h w"]
"""How much ink there is: 0 none, 1 as dark as the pen writes."""


def write(canvas: Canvas, text: str, places: list[tuple[int, int]], side: int, seed: int) -> None:
    """Write digits of MNIST's test set onto a canvas.

    Args:
        canvas: Where the ink is added.
        text: The digits.
        places: Upper left corner of each, in pixels.
        side: Side of the square that an image of 28×28 is enlarged to, in pixels.
        seed: Chooses the images.
    """
    rng = np.random.default_rng(seed)
    test = digits.load("mnist").test
    images, labels = test.images.numpy(), test.labels.numpy()
    for digit, (left, top) in zip(text, places, strict=True):
        image = images[rng.choice(np.flatnonzero(labels == int(digit)))] / 255
        large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
        smooth = cv2.GaussianBlur(large, (0, 0), side / 50)
        ink = np.clip((smooth - 0.3) / 0.2, 0, 1)  # an edge as sharp as a pen's
        spot = canvas[top : top + side, left : left + side]
        np.maximum(spot, ink, out=spot)


def make_paper(seed: int = 6) -> UInt8[np.ndarray, "h w 3"]:
    """A falling row on a page under a lamp: bright in the middle, dim at the edges."""
    rng = np.random.default_rng(seed)
    height, width = 720, 960
    ink = np.zeros((height, width))
    places = [(70 + 136 * i, 60 + 74 * i + int(rng.integers(-8, 9))) for i in range(6)]
    write(ink, "237845", places, 150, seed)
    y, x = np.indices((height, width))
    distance = np.hypot((x - 0.55 * width) / width, (y - 0.35 * height) / height)
    light = 1 / (1 + 1.6 * distance**2)
    fibres = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 1.2)
    paper = np.array([214, 205, 186]) * (light * (1 + 0.02 * fibres))[..., None]
    pen = np.array([38, 36, 48]) * light[..., None]
    cover = cv2.GaussianBlur(ink, (0, 0), 0.8)[..., None]
    grain = rng.normal(0, 1.5, (height, width, 1))
    return np.clip(paper * (1 - cover) + pen * cover + grain, 0, 255).astype(np.uint8)


def make_drawing() -> UInt8[np.ndarray, "h w"]:
    """A row drawn with a thick pen, black on white."""
    fine = 4  # drawn larger, for smooth edges
    picture = np.full((fine * 200, fine * 440), 255, np.uint8)
    for stroke in number("4816", left=30, top=35, height=130, style=2, seed=1):
        points = np.round(fine * np.array(stroke)).astype(np.int32)
        cv2.polylines(picture, [points], isClosed=False, color=0, thickness=fine * 12)
    return np.asarray(cv2.resize(picture, (440, 200), interpolation=cv2.INTER_AREA), np.uint8)


def make_form() -> UInt8[np.ndarray, "h w 3"]:
    """A row of eight boxes, a digit in each, in the blue of a ballpoint pen."""
    box, margin, top = 84, 40, 40
    height, width = 100 + 2 * top, 8 * box + 2 * margin
    page = np.full((height, width, 3), (250, 249, 245), np.uint8)
    for index in range(8):
        left = margin + index * box
        cv2.rectangle(page, (left, top), (left + box, top + 100), (120, 120, 120), 2)
    rng = np.random.default_rng(5)
    shifts = rng.integers(-5, 6, (8, 2)).tolist()
    places = [(margin + 8 + box * i + dx, top + 16 + dy) for i, (dx, dy) in enumerate(shifts)]
    ink = np.zeros((height, width))
    write(ink, "14032025", places, 68, seed=14)
    cover = 0.9 * cv2.GaussianBlur(ink, (0, 0), 0.6)[..., None]
    return np.asarray(page * (1 - cover) + np.array([35, 50, 140]) * cover, np.uint8)


SAMPLES: dict[str, Callable[[], UInt8[np.ndarray, "h w ..."]]] = {
    "paper.jpg": make_paper,
    "drawing.png": make_drawing,
    "form.png": make_form,
}
"""How each picture is made, by its file's name."""


def main() -> None:
    for name, make in SAMPLES.items():
        content = BytesIO()
        kind = Image.registered_extensions()[Path(name).suffix]
        Image.fromarray(make()).save(content, kind, quality=85, optimize=True)
        write_atomic(FOLDER / name, content.getvalue())
        print(f"{FOLDER / name}, {len(content.getvalue()) / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
