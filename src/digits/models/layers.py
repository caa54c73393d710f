"""Layers of which networks are made, and the number of their parameters."""

import warnings

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor, nn

MOST_STANDARDISED = 3.0
"""Highest pixel, at most, of standardised images; those of MNIST have 2.82."""


class Normalize(nn.Module):
    """Normalisation of raw pixels to zero mean and unit standard deviation.

    As the network's first layer it can't be forgotten, or differ, where the network is used.

    Args:
        mean: Mean of the pixels, on the scale where white is 1.
        std: Standard deviation of the pixels, on the same scale; above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, pixels: Num[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
        """Normalise pixels from 0 to 255: (pixels / 255 - mean) / std."""
        if not self.training and _holds_floats(pixels):
            _warn_of_other_scale(pixels)
        return (pixels.float() / 255).sub_(self.mean).div_(self.std)


def _holds_floats(pixels: Tensor) -> bool:
    """Whether these are floats that can be looked at: not while a graph is made of the network."""
    is_traced = torch.jit.is_tracing()  # type: ignore[no-untyped-call, attr-defined]
    if is_traced or torch.compiler.is_compiling() or type(pixels) is not Tensor or pixels.is_meta:
        return False
    if pixels.is_cuda and torch.cuda.is_current_stream_capturing():
        return False
    return pixels.is_floating_point() and pixels.numel() > 0


def _warn_of_other_scale(pixels: Float[Tensor, "n 1 h w"]) -> None:
    """Warn of pixels from 0 to 1, or standardised, of which a network reads next to none right.

    A black image is one on any scale, and ink of which none is above 3 of 255 is none.
    """
    try:
        low, high = (float(bound) for bound in pixels.detach().aminmax())
    except RuntimeError:  # torch.func.vmap lets nobody look at values
        return
    if 0 < high <= 1 or low < 0 < high <= MOST_STANDARDISED:
        warnings.warn(
            f"Expected raw pixels from 0 to 255, found floats from {low:.3g} to {high:.3g}; leave "
            "out what scales them, such as torchvision's ToTensor, or multiply them by 255.",
            stacklevel=2,
        )


class Enlarge(nn.Module):
    """Enlargement of images by bilinear interpolation.

    Args:
        size: Height and width that they get, in pixels.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, pixels: Num[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 size size"]:
        """Enlarge images."""
        return F.interpolate(pixels.float(), (self.size, self.size), mode="bilinear")


class Residual(nn.Sequential):
    """A chain of layers whose output is added to its input."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute x plus what the layers make of it."""
        changed: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return x + changed


class Separable(nn.Sequential):
    """Depthwise separable convolution: 3×3 in each channel, then 1×1 across channels.

    It has (9 + out) / (9 out) of the parameters of a full convolution.

    Source: Chollet 2017, arXiv:1610.02357.
    """

    def __init__(self, channels_in: int, channels_out: int, *, pool: bool = False) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, groups=channels_in, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.relu1 = nn.ReLU(inplace=True)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        if pool:
            self.pool = nn.MaxPool2d(2)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.relu2 = nn.ReLU(inplace=True)


class Repeated(nn.Module):
    """A residual separable convolution that is applied several times, with the same weights.

    Each time has batch norms of its own. Maps stay as large as they are.

    Args:
        channels: Number of maps.
        times: How often it is applied.

    Source: Jastrzębski et al. 2018, arXiv:1710.04773, for shared residual layers with separate
    batch norms.
    """

    def __init__(self, channels: int, times: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norms1 = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(times))
        self.norms2 = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(times))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Apply it; the input of each time is added to what the layers make of it."""
        for norm1, norm2 in zip(self.norms1, self.norms2, strict=True):
            maps = self.relu(norm1(self.depthwise(x)))
            x = self.relu(x + norm2(self.pointwise(maps)))
        return x


def count_parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
