"""The network that reads lines of handwriting."""

from torch import nn

from digits.models.layers import Normalize, Residual
from digits.reading.symbols import NUM_OUTPUTS


class LineRecognizer(nn.Sequential):
    """GlyphClassifier slid along a line, with layers of context above it. 623,748 parameters.

    It takes lines (n, 1, 40, w), w even, and gives columns (n, 20, w / 2); `reading.symbols` says
    what their channels are. The first four layers are GlyphClassifier's, made convolutional: the
    last pooling has a stride of one across, so that a column stands every two pixels, and the fully
    connected layer is a convolution.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((2, 2, 0, 0))
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 5, stride=2)  # (n, 32, 18, w / 2)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 48, 3, padding=(0, 1))  # (n, 48, 16, w / 2)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(48, 64, 3, padding=(0, 1))  # (n, 64, 14, w / 2)
        self.relu3 = nn.ReLU(inplace=True)
        self.pad3 = nn.ZeroPad2d((0, 1, 0, 0))
        self.pool3 = nn.MaxPool2d(2, stride=(2, 1))  # (n, 64, 7, w / 2)
        self.fc1 = nn.Conv2d(64, 192, 3, padding=(0, 2), dilation=(1, 2))  # (n, 192, 5, w / 2)
        self.relu4 = nn.ReLU(inplace=True)
        self.context1 = nn.Sequential(*_context(192, 128, (3, 3)))  # (n, 128, 3, w / 2)
        self.context2 = nn.Sequential(*_context(128, 128, (3, 3)))  # (n, 128, 1, w / 2)
        self.context3 = Residual(*_context(128, 128, (1, 3), dilation=2))
        self.context4 = Residual(*_context(128, 128, (1, 3), dilation=4))
        self.out = nn.Conv2d(128, NUM_OUTPUTS, 1)  # (n, 20, 1, w / 2)
        self.flatten = nn.Flatten(2)  # (n, 20, w / 2)


def _context(
    channels_in: int, channels_out: int, kernel: tuple[int, int], *, dilation: int = 1
) -> list[nn.Module]:
    """Convolve without padding in height, and with padding in width."""
    padding = (0, dilation * (kernel[1] // 2))
    return [
        nn.Conv2d(
            channels_in, channels_out, kernel, padding=padding, dilation=(1, dilation), bias=False
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    ]
