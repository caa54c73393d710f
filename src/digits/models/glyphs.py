"""Convolutional networks (CNNs) that read glyphs.

They take raw pixels, 0 to 255, of shape (n, 1, size, size), in any dtype, and return a logit of
each class for each image. The comments are for images of 28 pixels, and numbers of parameters for
ten classes besides. The guides' convolutions are 3×3 without padding: each makes the maps two
pixels narrower.

Each network takes the mean and the standard deviation of the training pixels, as in `Normalize`,
the number of classes, and the height and width of an image in pixels.
"""

import torch
from torch import nn

from digits.models.layers import Enlarge, Normalize, Repeated, Separable

SMALLEST = 28
"""Height and width of the smallest images, in pixels, that every network has room for."""


class GlyphNetwork(nn.Sequential):
    """A network that reads glyphs; smaller images than it has room for are enlarged first.

    Args:
        size: Height and width of an image in pixels.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < SMALLEST:
            self.enlarge = Enlarge(SMALLEST)
        self.size = size

    def count_values(self) -> int:
        """Count the values that the layers so far make of an image."""
        with torch.no_grad():
            maps = self.eval()(torch.zeros(1, 1, self.size, self.size, dtype=torch.uint8))
        self.train()
        return int(maps.numel())


class Classic(GlyphNetwork):
    """The step-by-step, project and script guides: two convolutions, one pool, two linear layers.

    1,199,882 parameters.
    """

    def __init__(self, mean: float, std: float, *, num_classes: int = 10, size: int = 28) -> None:
        super().__init__(size)
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 3)  # (n, 32, 26, 26)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, 3)  # (n, 64, 24, 24)
        # Max pooling commutes with ReLU; pooled first, ReLU has a quarter of the work.
        self.pool = nn.MaxPool2d(2)  # (n, 64, 12, 12)
        self.relu2 = nn.ReLU(inplace=True)
        self.dropout1 = nn.Dropout2d(0.25)  # whole feature maps
        self.flatten = nn.Flatten()  # (n, 9216)
        self.fc1 = nn.Linear(self.count_values(), 128)
        self.relu3 = nn.ReLU(inplace=True)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, num_classes)


class Deep(GlyphNetwork):
    """The deep guide: four convolutions, two pools, two linear layers. 593,200 parameters."""

    def __init__(self, mean: float, std: float, *, num_classes: int = 10, size: int = 28) -> None:
        super().__init__(size)
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
        self.fc1 = nn.Linear(self.count_values(), 50)
        self.relu5 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(50, num_classes)


class Compact(GlyphNetwork):
    """The compact guide: two convolutions, each with a pool, two linear layers.

    121,930 parameters.
    """

    def __init__(self, mean: float, std: float, *, num_classes: int = 10, size: int = 28) -> None:
        super().__init__(size)
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 3)  # (n, 32, 26, 26)
        self.pool1 = nn.MaxPool2d(2)  # (n, 32, 13, 13)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, 3)  # (n, 64, 11, 11)
        self.pool2 = nn.MaxPool2d(2)  # (n, 64, 5, 5)
        self.relu2 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 1600)
        self.fc1 = nn.Linear(self.count_values(), 64)
        self.relu3 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(64, num_classes)


class Fast(GlyphNetwork):
    """One convolution with stride, to be trained in a second. 208,746 parameters.

    Two pixels at each edge, with 0.2 % of the ink, are cropped.
    """

    def __init__(self, mean: float, std: float, *, num_classes: int = 10, size: int = 28) -> None:
        super().__init__(size)
        self.crop = nn.ZeroPad2d(-2)  # (n, 1, 24, 24)
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 5, stride=2, bias=False)  # (n, 32, 10, 10)
        self.pool1 = nn.MaxPool2d(2)  # (n, 32, 5, 5)
        self.norm1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 800)
        self.fc1 = nn.Linear(self.count_values(), 256, bias=False)
        self.norm2 = nn.BatchNorm1d(256)
        self.relu2 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(256, num_classes)


class Balanced(GlyphNetwork):
    """Three convolutions, two linear layers, to be trained in ten seconds. 103,978 parameters."""

    def __init__(self, mean: float, std: float, *, num_classes: int = 10, size: int = 28) -> None:
        super().__init__(size)
        self.crop = nn.ZeroPad2d(-2)  # (n, 1, 24, 24), as in Fast
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 5, stride=2, bias=False)  # (n, 32, 10, 10)
        self.norm1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 32, 3, bias=False)  # (n, 32, 8, 8)
        self.norm2 = nn.BatchNorm2d(32)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(32, 64, 3, bias=False)  # (n, 64, 6, 6)
        self.pool3 = nn.MaxPool2d(2)  # (n, 64, 3, 3)
        self.norm3 = nn.BatchNorm2d(64)
        self.relu3 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 576)
        self.fc1 = nn.Linear(self.count_values(), 128, bias=False)
        self.norm4 = nn.BatchNorm1d(128)
        self.relu4 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(128, num_classes)


class GlyphClassifier(GlyphNetwork):
    """The network that reads glyphs: Balanced, a little wider. 155,466 parameters.

    It is made to run without torch. Channels are multiples of 16 and each norm follows its layer,
    so that other runtimes fuse the two and fill their vectors: 40,000 glyphs a second on two cores.
    """

    def __init__(self, mean: float, std: float, *, num_classes: int = 10, size: int = 28) -> None:
        super().__init__(size)
        self.crop = nn.ZeroPad2d(-2)  # (n, 1, 24, 24), as in Fast
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 5, stride=2, bias=False)  # (n, 32, 10, 10)
        self.norm1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 48, 3, bias=False)  # (n, 48, 8, 8)
        self.norm2 = nn.BatchNorm2d(48)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(48, 64, 3, bias=False)  # (n, 64, 6, 6)
        self.norm3 = nn.BatchNorm2d(64)
        self.relu3 = nn.ReLU(inplace=True)
        self.pool3 = nn.MaxPool2d(2)  # (n, 64, 3, 3)
        self.flatten = nn.Flatten()  # (n, 576)
        self.fc1 = nn.Linear(self.count_values(), 192, bias=False)
        self.norm4 = nn.BatchNorm1d(192)
        self.relu4 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(192, num_classes)


class Accurate(GlyphNetwork):
    """Six convolutions, two of them at full size, trained in ten minutes. 418,634 parameters.

    Args:
        mean: As in `Normalize`.
        std: As in `Normalize`.
        num_classes: Number of classes.
        size: Height and width of an image in pixels.
        width: How many times as many channels each convolution has; the comments are for 1.

    Source: chains of unpadded 3×3 convolutions as in An et al. 2020, arXiv:2008.10400.
    """

    def __init__(
        self, mean: float, std: float, *, num_classes: int = 10, size: int = 28, width: int = 1
    ) -> None:
        super().__init__(size)
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32 * width, 3, bias=False)  # (n, 32, 26, 26)
        self.norm1 = nn.BatchNorm2d(32 * width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32 * width, 48 * width, 3, bias=False)  # (n, 48, 24, 24)
        self.pool2 = nn.MaxPool2d(2)  # (n, 48, 12, 12)
        self.norm2 = nn.BatchNorm2d(48 * width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(48 * width, 64 * width, 3, bias=False)  # (n, 64, 10, 10)
        self.norm3 = nn.BatchNorm2d(64 * width)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv4 = nn.Conv2d(64 * width, 96 * width, 3, bias=False)  # (n, 96, 8, 8)
        self.norm4 = nn.BatchNorm2d(96 * width)
        self.relu4 = nn.ReLU(inplace=True)
        self.conv5 = nn.Conv2d(96 * width, 128 * width, 3, bias=False)  # (n, 128, 6, 6)
        self.norm5 = nn.BatchNorm2d(128 * width)
        self.relu5 = nn.ReLU(inplace=True)
        self.conv6 = nn.Conv2d(128 * width, 160 * width, 3, bias=False)  # (n, 160, 4, 4)
        self.norm6 = nn.BatchNorm2d(160 * width)
        self.relu6 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 2560)
        self.fc = nn.Linear(self.count_values(), num_classes)


class Tiny(GlyphNetwork):
    """Separable convolutions, one of them applied three times, and a mean. 2,500 parameters."""

    def __init__(self, mean: float, std: float, *, num_classes: int = 10, size: int = 28) -> None:
        super().__init__(size)
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 8, 3, bias=False)  # (n, 8, 26, 26)
        self.norm1 = nn.BatchNorm2d(8)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = Separable(8, 16, pool=True)  # (n, 16, 12, 12)
        self.conv3 = Repeated(16, times=3)  # (n, 16, 12, 12)
        self.conv4 = Separable(16, 22, pool=True)  # (n, 22, 5, 5)
        self.conv5 = Separable(22, 22)  # (n, 22, 3, 3)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()  # (n, 22)
        self.fc = nn.Linear(self.count_values(), num_classes)
