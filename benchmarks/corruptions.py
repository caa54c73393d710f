"""Fifteen image corruptions in the manner of MNIST-C, for measuring robustness, never for training.

These are implementations of our own, of about the strengths of Mu and Gilmer 2019,
arXiv:1906.02337. Each takes images uint8 (n, 28, 28), white on black, and a NumPy generator, and
returns new images.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Images = UInt8[np.ndarray, "n 28 28"]
Corruption = Callable[[Images, np.random.Generator], Images]

SIZE = 28


def _bytes(values: Float[np.ndarray, "n 28 28"]) -> Images:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _unit(images: Images) -> Float[np.ndarray, "n 28 28"]:
    return images.astype(np.float64) / 255


def shot_noise(images: Images, rng: np.random.Generator) -> Images:
    return _bytes(rng.poisson(_unit(images) * 3) / 3)


def impulse_noise(images: Images, rng: np.random.Generator) -> Images:
    hit = rng.random(images.shape)
    corrupted = np.where(hit < 0.085, 255, images)
    return np.where(hit > 0.915, 0, corrupted).astype(np.uint8)


def glass_blur(images: Images, rng: np.random.Generator) -> Images:
    """Blur, exchange pixels with near ones, blur again."""
    corrupted = np.stack([cv2.GaussianBlur(image, (0, 0), 0.7) for image in images])
    indices = np.arange(SIZE)
    for _ in range(2):
        y = np.clip(indices[:, None] + rng.integers(-1, 2, images.shape), 0, SIZE - 1)
        x = np.clip(indices[None, :] + rng.integers(-1, 2, images.shape), 0, SIZE - 1)
        corrupted = corrupted[np.arange(len(images))[:, None, None], y, x]
    return np.stack([cv2.GaussianBlur(image, (0, 0), 0.7) for image in corrupted])


def motion_blur(images: Images, rng: np.random.Generator) -> Images:
    corrupted = []
    for image, angle in zip(images, rng.uniform(-45, 45, len(images)), strict=True):
        kernel = np.zeros((9, 9), np.float32)
        kernel[4] = np.exp(-np.square(np.arange(9) - 4) / 18)
        turn = cv2.getRotationMatrix2D((4, 4), float(angle), 1)
        turned = cv2.warpAffine(kernel, turn, (9, 9))
        corrupted.append(cv2.filter2D(image, -1, turned / turned.sum()))
    return np.stack(corrupted)


def _affine(images: Images, matrices: Float[np.ndarray, "n 2 2"]) -> Images:
    middle = np.array([13.5, 13.5])
    corrupted = []
    for image, matrix in zip(images, matrices, strict=True):
        offset = middle - matrix @ middle
        full = np.concatenate([matrix, offset[:, None]], axis=1)
        corrupted.append(cv2.warpAffine(image, full, (SIZE, SIZE)))
    return np.stack(corrupted)


def _signs(images: Images, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    return rng.choice([-1.0, 1.0], len(images))


def shear(images: Images, rng: np.random.Generator) -> Images:
    slants = np.tan(0.4) * _signs(images, rng)
    return _affine(images, np.array([[[1, slant], [0, 1]] for slant in slants]))


def scale(images: Images, rng: np.random.Generator) -> Images:
    return _affine(images, np.tile(0.7 * np.eye(2), (len(images), 1, 1)))


def rotate(images: Images, rng: np.random.Generator) -> Images:
    angles = 0.4 * _signs(images, rng)
    cos, sin = np.cos(angles), np.sin(angles)
    return _affine(images, np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1))


def brightness(images: Images, rng: np.random.Generator) -> Images:
    return _bytes(_unit(images) + 0.5)


def translate(images: Images, rng: np.random.Generator) -> Images:
    corrupted = np.zeros_like(images)
    for index, (dy, dx) in enumerate(rng.integers(-6, 7, (len(images), 2))):
        ys, xs = slice(max(0, dy), SIZE + min(0, dy)), slice(max(0, dx), SIZE + min(0, dx))
        from_y, from_x = (
            slice(max(0, -dy), SIZE - max(0, dy)),
            slice(max(0, -dx), SIZE - max(0, dx)),
        )
        corrupted[index, ys, xs] = images[index, from_y, from_x]
    return corrupted


def stripe(images: Images, rng: np.random.Generator) -> Images:
    """Invert the left quarter and the right quarter."""
    corrupted = images.copy()
    corrupted[:, :, :7] = 255 - corrupted[:, :, :7]
    corrupted[:, :, 21:] = 255 - corrupted[:, :, 21:]
    return corrupted


def fog(images: Images, rng: np.random.Generator) -> Images:
    corrupted = []
    for image in _unit(images):
        cloud = np.zeros((SIZE, SIZE))
        for points, amount in ((3, 1.0), (5, 0.5), (9, 0.25), (17, 0.125)):
            coarse = rng.random((points, points))
            cloud += amount * cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        cloud = (cloud - cloud.min()) / np.ptp(cloud)
        corrupted.append((image + 1.2 * cloud) / 2.2)
    return _bytes(np.stack(corrupted))


def spatter(images: Images, rng: np.random.Generator) -> Images:
    """Add drops, up to 80 % as bright as white."""
    corrupted = []
    for image in _unit(images):
        field = cv2.GaussianBlur(rng.normal(size=(SIZE, SIZE)), (0, 0), 1.2)
        drops = np.clip((field / field.std() - 1.5) * 2, 0, 1)
        corrupted.append(np.maximum(image, drops * 0.8))
    return _bytes(np.stack(corrupted))


def _with_strokes(
    images: Images,
    rng: np.random.Generator,
    draw: Callable[[UInt8[np.ndarray, "28 28"], tuple[int, int], tuple[int, int]], None],
) -> Images:
    corrupted = images.copy()
    for image in corrupted:
        start = int(rng.integers(0, 5)), int(rng.integers(0, SIZE))
        end = int(rng.integers(SIZE - 5, SIZE)), int(rng.integers(0, SIZE))
        draw(image, start, end)
    return corrupted


def dotted_line(images: Images, rng: np.random.Generator) -> Images:
    def draw(
        image: UInt8[np.ndarray, "28 28"], start: tuple[int, int], end: tuple[int, int]
    ) -> None:
        for part in np.arange(0, 1.01, 0.1):
            x, y = (round(a + part * (b - a)) for a, b in zip(start, end, strict=True))
            image[y : y + 1, x : x + 2] = 255

    return _with_strokes(images, rng, draw)


def zigzag(images: Images, rng: np.random.Generator) -> Images:
    def draw(
        image: UInt8[np.ndarray, "28 28"], start: tuple[int, int], end: tuple[int, int]
    ) -> None:
        parts = np.linspace(0, 1, 9)
        across = np.where(np.arange(9) % 2, 2.0, -2.0)
        points = np.array(start) + parts[:, None] * (np.array(end) - start)
        points[:, 1] += across
        cv2.polylines(image, [np.rint(points).astype(np.int32)], False, 255, 1)

    return _with_strokes(images, rng, draw)


def canny_edges(images: Images, rng: np.random.Generator) -> Images:
    return np.stack([cv2.Canny(cv2.GaussianBlur(image, (0, 0), 1), 80, 160) for image in images])


CORRUPTIONS: tuple[Corruption, ...] = (
    shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness, translate,
    stripe, fog, spatter, dotted_line, zigzag, canny_edges,
)  # fmt: skip
