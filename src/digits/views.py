"""Test-time augmentation: three views of each image, to average a network's probabilities over.

The mean over several views is right more often than the answer to one of them.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

VIEWS = ((1.0, 0.0), (0.8, 0.0), (1.0, 0.35))
"""The views: the image as it is, a narrower one, and one that leans less to the right. Each has
the factor by which its width changes, and the shift of a row to the right for each row that it lies
below the middle, in pixels."""

KEYS = -0.75
"""Coefficient of the bicubic kernel; torch and OpenCV use the same."""


class Views(nn.Module):
    """The views of each image, in batches of one view after the other.

    A view changes each row by a linear map, so that one product of matrices makes all views in any
    runtime.

    Args:
        size: Height and width of an image in pixels.
        num_views: How many of `VIEWS` are made; the first is the image itself.

    Source: for the kernel, Keys 1981, Cubic convolution interpolation for digital image processing.
    """

    interpolation: Tensor
    """Weight of each pixel of a row in each pixel of the same row of a view. (y, views, x, x)"""

    def __init__(self, size: int = 28, num_views: int = len(VIEWS)) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("interpolation", _interpolate(size)[:, :num_views].clone())

    def forward(self, images: Num[Tensor, "n 1 h w"]) -> Float[Tensor, "_ 1 h w"]:
        """Make the views of raw pixels, 0 to 255; the first n are the images as they are."""
        views = images.float().transpose(0, 2) @ self.interpolation  # (y, views, n, x)
        return views.clamp(0, 255).permute(1, 2, 0, 3).reshape(-1, 1, self.size, self.size)


def _interpolate(size: int) -> Float[Tensor, "y views x x"]:
    """Compute the weights of bicubic interpolation along the rows; see `Views.interpolation`."""
    pixels = torch.arange(size, dtype=torch.float64)
    x, y = pixels - size // 2, pixels[:, None] - size // 2
    sources = torch.stack([(x - shift * y) / width for width, shift in VIEWS], dim=1) + size // 2
    distances = (pixels[:, None] - sources[:, :, None]).abs()
    near = ((KEYS + 2) * distances - (KEYS + 3)) * distances**2 + 1
    far = KEYS * (((distances - 5) * distances + 8) * distances - 4)
    return near.where(distances <= 1, far.where(distances < 2, 0)).float()
