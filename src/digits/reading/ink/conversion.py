"""Conversion of arrays and images, whatever their pixels are, to red, green and blue of 8 bits."""

import numpy as np
from PIL import Image

from digits.errors import InvalidInput
from digits.reading.ink.limits import check_size

STRIP_ROWS = 64
"""Limit on a picture's memory: rows, once shrunk, of the strips in which it is shrunk."""


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
    return Image.fromarray(np.ascontiguousarray(_to_bytes(array)))


def reduce_image(image: Image.Image, reduction: int) -> Image.Image:
    """Shrink a large picture by a whole number, for details that are not kept.

    One strip follows the other: each conversion of the whole would take its memory once more.
    """
    height = reduction * STRIP_ROWS
    boxes = ((0, top, image.width, top + height) for top in range(0, image.height, height))
    strips = (image.crop((*box[:3], min(box[3], image.height))) for box in boxes)
    if image.mode.startswith(("I", "F")):
        values = (np.asarray(strip).astype(np.float32) for strip in strips)
        return Image.fromarray(np.vstack([_shrunk(Image.fromarray(v), reduction) for v in values]))
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return Image.fromarray(np.vstack([_shrunk(strip.convert(mode), reduction) for strip in strips]))


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to red, green and blue, on a ground where it is transparent."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        return _on_ground(image.convert("RGBA"))
    return image.convert("RGB")


def _on_ground(image: Image.Image) -> Image.Image:
    """Fill what is transparent with white, or with black if what can be seen is light."""
    pixels = np.asarray(image)
    alpha = pixels[:, :, 3].astype(np.float32)
    grey = np.asarray(image.convert("RGB").convert("L"), np.float32)
    seen = float(alpha.sum())
    is_light = seen > 0 and float((grey * alpha).sum()) / seen > 127
    has_ground = 2 * np.count_nonzero(alpha > 127) > alpha.size  # then its content tells nothing
    ground = Image.new("RGBA", image.size, "black" if is_light and not has_ground else "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Scale numbers of any range to 0 to 255."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is told
        values = values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise InvalidInput("Expected finite numbers, found NaN or infinity.")
    if low < 0 or high > 255:  # another scale: 16 bits, or standardised
        if high - low > float(np.finfo(np.float32).max):
            values, low, high = values / 2, low / 2, high / 2
        values = (values - low) * (255 / ((high - low) or 1))  # one level everywhere is blank
    elif high <= 1:
        values = values * 255
    return np.rint(values).astype(np.uint8)


def _shrunk(image: Image.Image, reduction: int) -> np.ndarray:
    return np.asarray(image.reduce(reduction))
