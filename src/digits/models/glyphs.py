"""Convolutional networks (CNNs) that read glyphs.

They take raw pixels, 0 to 255, of shape (n, 1, 28, 28), in any dtype, and return ten logits for
each image. The guides' convolutions are 3×3 without padding: each makes the maps two pixels
narrower.
"""

from torch import nn

from digits.models.layers import Normalize, Repeated, Separable

NUM_CLASSES = 10


class Classic(nn.Sequential):
    """The step-by-step, project and script guides: two convolutions, one pool, two linear layers.

    1,199,882 parameters.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 3)  # (n, 32, 26, 26)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, 3)  # (n, 64, 24, 24)
        # Max pooling commutes with ReLU; pooled first, ReLU has a quarter of the work.
        self.pool = nn.MaxPool2d(2)  # (n, 64, 12, 12)
        self.relu2 = nn.ReLU(inplace=True)
        self.dropout1 = nn.Dropout2d(0.25)  # whole feature maps
        self.flatten = nn.Flatten()  # (n, 9216)
        self.fc1 = nn.Linear(9216, 128)
        self.relu3 = nn.ReLU(inplace=True)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, NUM_CLASSES)


class Deep(nn.Sequential):
    """The deep guide: four convolutions, two pools, two linear layers. 593,200 parameters."""

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
    """The compact guide: two convolutions, each with a pool, two linear layers.

    121,930 parameters.
    """

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


class Fast(nn.Sequential):
    """One convolution with stride, to be trained in a second. 208,746 parameters.

    Two pixels at each edge, with 0.2 % of the ink, are cropped.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.crop = nn.ZeroPad2d(-2)  # (n, 1, 24, 24)
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 5, stride=2, bias=False)  # (n, 32, 10, 10)
        self.pool1 = nn.MaxPool2d(2)  # (n, 32, 5, 5)
        self.norm1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 800)
        self.fc1 = nn.Linear(800, 256, bias=False)
        self.norm2 = nn.BatchNorm1d(256)
        self.relu2 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(256, NUM_CLASSES)


class Balanced(nn.Sequential):
    """Three convolutions, two linear layers, to be trained in ten seconds. 103,978 parameters."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
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
        self.fc1 = nn.Linear(576, 128, bias=False)
        self.norm4 = nn.BatchNorm1d(128)
        self.relu4 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(128, NUM_CLASSES)


class GlyphClassifier(nn.Sequential):
    """The network that reads glyphs: Balanced, a little wider. 155,466 parameters.

    It is made to run without torch. Channels are multiples of 16 and each norm follows its layer,
    so that other runtimes fuse the two and fill their vectors: 40,000 glyphs a second on two cores.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
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
        self.fc1 = nn.Linear(576, 192, bias=False)
        self.norm4 = nn.BatchNorm1d(192)
        self.relu4 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(192, NUM_CLASSES)


class Accurate(nn.Sequential):
    """Six convolutions, two of them at full size, trained in ten minutes. 418,634 parameters.

    Args:
        mean: As in `Normalize`.
        std: As in `Normalize`.
        width: How many times as many channels each convolution has; the comments are for 1.

    Source: chains of unpadded 3×3 convolutions as in An et al. 2020, arXiv:2008.10400.
    """

    def __init__(self, mean: float, std: float, *, width: int = 1) -> None:
        super().__init__()
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
        self.fc = nn.Linear(2560 * width, NUM_CLASSES)


class Tiny(nn.Sequential):
    """Separable convolutions, one of them applied three times, and a mean. 2,500 parameters."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
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
        self.fc = nn.Linear(22, NUM_CLASSES)
