"""The network that reads lines of handwriting."""

from torch import nn

from digits.models.layers import Normalize, Residual
from digits.reading.symbols import NUM_OUTPUTS

DROPOUT = 0.05
"""Part of the channels that are left out in training. Source: chosen, not compared."""


class LineRecognizer(nn.Sequential):
    """Convolutions slid along a line, the upper ones with context. 624,084 parameters.

    It takes lines (n, 1, 40, w), w even, and gives columns (n, 20, w / 2); `reading.symbols` says
    what their channels are. Down, its layers lose the line's height; across, the pooling has a
    stride of one, so that a column stands every two pixels.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((2, 2, 0, 0))
        self.normalize = Normalize(mean, std)
        self.block1 = _block(1, 32, 5, stride=2)  # (n, 32, 18, w / 2)
        self.block2 = _block(32, 48, 3, padding=(0, 1))  # (n, 48, 16, w / 2)
        self.block3 = _block(48, 64, 3, padding=(0, 1))  # (n, 64, 14, w / 2)
        self.pad3 = nn.ZeroPad2d((0, 1, 0, 0))
        self.pool3 = nn.MaxPool2d(2, stride=(2, 1))  # (n, 64, 7, w / 2)
        self.block4 = _block(64, 192, 3, padding=(0, 2), dilation=(1, 2))  # (n, 192, 5, w / 2)
        self.dropout4 = nn.Dropout2d(DROPOUT)
        self.block5 = _block(192, 128, 3, padding=(0, 1))  # (n, 128, 3, w / 2)
        self.dropout5 = nn.Dropout2d(DROPOUT)
        self.block6 = _block(128, 128, 3, padding=(0, 1))  # (n, 128, 1, w / 2)
        self.context1 = Residual(_block(128, 128, (1, 3), padding=(0, 2), dilation=(1, 2)))
        self.context2 = Residual(_block(128, 128, (1, 3), padding=(0, 4), dilation=(1, 4)))
        self.dropout = nn.Dropout2d(DROPOUT)
        self.out = nn.Conv2d(128, NUM_OUTPUTS, 1)  # (n, 20, 1, w / 2)
        self.flatten = nn.Flatten(2)  # (n, 20, w / 2)


def _block(
    channels_in: int,
    channels_out: int,
    kernel: int | tuple[int, int],
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> nn.Sequential:
    """Convolve, normalise the batch, rectify."""
    return nn.Sequential(
        nn.Conv2d(
            channels_in,
            channels_out,
            kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=False,
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
