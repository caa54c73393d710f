"""Conversion of arrays and images, whatever their pixels are, to grey or colour of 8 bits.

One strip follows the other: a conversion of the whole would take its memory once more at each step.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image

from digits.errors import InvalidInput
from digits.reading.ink.limits import check_size

STRIP_ROWS = 64
"""Limit on a picture's memory: rows, once shrunk, of the strips in which it is converted."""

Strips = Callable[[], Iterable[np.ndarray]]
"""Gives the numbers of a picture, strip by strip from top to bottom, each time it is called."""


def image_of(array: np.ndarray) -> Image.Image:
    """Convert an array to a Pillow image of 8 bits, grey or colour."""
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidInput(
            f"Expected an array of shape (h, w), (h, w, 3) or (h, w, 4), found {array.shape}."
        )
    check_size(array.shape[1], array.shape[0])
    if array.dtype.kind not in "buif":
        raise InvalidInput(f"Expected an array of numbers, found {array.dtype}.")
    if array.dtype == bool:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype != np.uint8:
        parts = [array[top : top + STRIP_ROWS] for top in range(0, len(array), STRIP_ROWS)]
        array = _to_bytes(lambda: parts)
    return Image.fromarray(np.ascontiguousarray(array))


def reduce_image(image: Image.Image, reduction: int) -> Image.Image:
    """Shrink a large picture by a whole number, for details that are not kept."""
    strips = _strips(image, reduction)
    height = -(-image.height // reduction)
    if _has_wide_levels(image):
        values = (Image.fromarray(np.asarray(strip).astype(np.float32)) for strip in strips)
        return _stacked((one.reduce(reduction) for one in values), "F", height)
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return _stacked((strip.convert(mode).reduce(reduction) for strip in strips), mode, height)


def to_8_bits(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to grey if it has no colours, else to red, green and blue.

    Where it is transparent, it is put on a ground.

    Raises:
        InvalidInput: If its numbers are not finite.
    """
    if _has_wide_levels(image):
        return Image.fromarray(_to_bytes(lambda: map(np.asarray, _strips(image))))
    if image.has_transparency_data:
        return _on_ground(image)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    if image.mode == mode:
        return image
    return _stacked((strip.convert(mode) for strip in _strips(image)), mode, image.height)


def _has_wide_levels(image: Image.Image) -> bool:
    """Whether an image's levels are integers or floats of more than 8 bits."""
    return image.mode.startswith(("I", "F"))


def _strips(image: Image.Image, reduction: int = 1) -> Iterator[Image.Image]:
    height = reduction * STRIP_ROWS
    for top in range(0, image.height, height):
        yield image.crop((0, top, image.width, min(top + height, image.height)))


def _stacked(strips: Iterable[Image.Image], mode: str, height: int) -> Image.Image:
    """Put strips below each other, in an image of their width."""
    strips = iter(strips)
    first = next(strips)
    whole = Image.new(mode, (first.width, height))
    whole.paste(first, (0, 0))
    top = first.height
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def _on_ground(image: Image.Image) -> Image.Image:
    """Fill what is transparent with white, or with black if what can be seen is light."""
    seen, light, num_opaque = 0, 0, 0
    for strip in _strips(image):
        pixels = strip.convert("RGBA")
        alpha = np.asarray(pixels.getchannel("A"))
        grey = np.asarray(pixels.convert("RGB").convert("L"))
        seen += int(alpha.sum(dtype=np.int64))
        light += int(np.multiply(grey, alpha, dtype=np.uint16).sum(dtype=np.int64))
        num_opaque += int(np.count_nonzero(alpha > 127))
    has_ground = 2 * num_opaque > image.width * image.height  # then its content tells nothing
    level = "black" if light > 127 * seen and not has_ground else "white"

    def on_ground(strip: Image.Image) -> Image.Image:
        ground = Image.new("RGBA", strip.size, level)
        return Image.alpha_composite(ground, strip.convert("RGBA")).convert("RGB")

    return _stacked(map(on_ground, _strips(image)), "RGB", image.height)


def _to_bytes(strips: Strips) -> np.ndarray:
    """Scale numbers of any range to 0 to 255."""
    bounds = [(values.min(), values.max()) for values in _floats(strips)]
    low, high = float(np.min(bounds)), float(np.max(bounds))
    if not np.isfinite(low + high):
        raise InvalidInput("Expected finite numbers, found NaN or infinity.")
    return np.concatenate([_scaled(values, low, high) for values in _floats(strips)])


def _floats(strips: Strips) -> Iterator[np.ndarray]:
    for values in strips():
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is told
            yield values.astype(np.float32)


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if low < 0 or high > 255:  # another scale: 16 bits, or standardised
        if high - low > float(np.finfo(np.float32).max):
            values, low, high = values / 2, low / 2, high / 2
        values = (values - low) * (255 / ((high - low) or 1))  # one level everywhere is blank
    elif high <= 1:
        values = values * 255
    levels: np.ndarray = np.rint(values).astype(np.uint8)
    return levels
