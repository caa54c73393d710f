"""The networks of the five documents, and the layers they share.

Every network takes raw pixels, 0 to 255, of shape (n, 1, 28, 28), in any dtype, and returns ten
logits an image. All convolutions are 3×3 without padding: each takes two pixels off the width.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from digits.errors import InvalidInput, suggest

NUM_CLASSES = 10


class Normalize(nn.Module):
    """The first layer: raw pixels to zero mean and unit deviation.

    As part of the network it can't be forgotten, or differ, where the network is used.

    Args:
        mean: Of the pixels, on the scale where white is 1.
        std: Of the pixels, on the same scale; above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, pixels: Num[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
        """Scale pixels from 0–255 to (0–1 - mean) / std."""
        return (pixels.float() / 255 - self.mean) / self.std


class Classic(nn.Sequential):
    """Documents 000, 001 and 002: two convolutions, one pool, two linear layers.

    1,199,882 parameters.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 3)  # (n, 32, 26, 26)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, 3)  # (n, 64, 24, 24)
        # The largest of four commutes with ReLU; pooled first, ReLU has a quarter of the work.
        self.pool = nn.MaxPool2d(2)  # (n, 64, 12, 12)
        self.relu2 = nn.ReLU(inplace=True)
        self.dropout1 = nn.Dropout2d(0.25)  # whole feature maps
        self.flatten = nn.Flatten()  # (n, 9216)
        self.fc1 = nn.Linear(9216, 128)
        self.relu3 = nn.ReLU(inplace=True)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, NUM_CLASSES)


class Deep(nn.Sequential):
    """Document 003: four convolutions, two pools, two linear layers. 593,200 parameters."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 3)  # (n, 32, 26, 26)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, 3)  # (n, 64, 24, 24)
        self.pool1 = nn.MaxPool2d(2)  # (n, 64, 12, 12)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(64, 128, 3)  # (n, 128, 10, 10)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv4 = nn.Conv2d(128, 256, 3)  # (n, 256, 8, 8)
        self.pool2 = nn.MaxPool2d(2)  # (n, 256, 4, 4)
        self.relu4 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 4096)
        self.fc1 = nn.Linear(4096, 50)
        self.relu5 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(50, NUM_CLASSES)


class Compact(nn.Sequential):
    """Document 004: two convolutions, each with a pool, two linear layers. 121,930 parameters."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 3)  # (n, 32, 26, 26)
        self.pool1 = nn.MaxPool2d(2)  # (n, 32, 13, 13)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, 3)  # (n, 64, 11, 11)
        self.pool2 = nn.MaxPool2d(2)  # (n, 64, 5, 5)
        self.relu2 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 1600)
        self.fc1 = nn.Linear(1600, 64)
        self.relu3 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(64, NUM_CLASSES)


NETWORKS: dict[str, Callable[[float, float], nn.Module]] = {
    "classic": Classic,
    "deep": Deep,
    "compact": Compact,
}


def build_model(name: str, *, mean: float, std: float) -> nn.Module:
    """Make a network with fresh weights, drawn from torch's global generator.

    Args:
        name: One of `NETWORKS`.
        mean: Of the training pixels, on the scale where white is 1.
        std: Of the training pixels, on the same scale.

    Returns:
        A network: raw pixels (n, 1, 28, 28) to logits (n, 10).

    Raises:
        InvalidInput: If there is no network of that name.
    """
    if name not in NETWORKS:
        raise InvalidInput(f"No network is called {name!r}; {suggest(name, NETWORKS)}")
    return NETWORKS[name](mean, std)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
