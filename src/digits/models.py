"""Convolutional networks (CNNs), the layers they share, and a registry for a user's own.

A network takes raw pixels, 0 to 255, of shape (n, 1, 28, 28), in any dtype, and returns ten logits
for each image; but for `LineRecognizer`, which reads lines. The documents' convolutions are 3×3
without padding: each makes the maps two pixels narrower.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor, nn

from digits.errors import InvalidInput, suggest
from digits.reading.symbols import NUM_OUTPUTS

NUM_CLASSES = 10

Make = TypeVar("Make", bound=Callable[[], nn.Module])


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
        return (pixels.float() / 255).sub_(self.mean).div_(self.std)


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


class Residual(nn.Sequential):
    """A chain of layers whose output is added to its input."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute x plus what the layers make of it."""
        changed: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return x + changed


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


class Accurate(nn.Sequential):
    """Six convolutions, two of them at full size, trained in ten minutes. 418,634 parameters.

    Source: chains of unpadded 3×3 convolutions as in An et al. 2020, arXiv:2008.10400.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 32, 3, bias=False)  # (n, 32, 26, 26)
        self.norm1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 48, 3, bias=False)  # (n, 48, 24, 24)
        self.pool2 = nn.MaxPool2d(2)  # (n, 48, 12, 12)
        self.norm2 = nn.BatchNorm2d(48)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(48, 64, 3, bias=False)  # (n, 64, 10, 10)
        self.norm3 = nn.BatchNorm2d(64)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv4 = nn.Conv2d(64, 96, 3, bias=False)  # (n, 96, 8, 8)
        self.norm4 = nn.BatchNorm2d(96)
        self.relu4 = nn.ReLU(inplace=True)
        self.conv5 = nn.Conv2d(96, 128, 3, bias=False)  # (n, 128, 6, 6)
        self.norm5 = nn.BatchNorm2d(128)
        self.relu5 = nn.ReLU(inplace=True)
        self.conv6 = nn.Conv2d(128, 160, 3, bias=False)  # (n, 160, 4, 4)
        self.norm6 = nn.BatchNorm2d(160)
        self.relu6 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()  # (n, 2560)
        self.fc = nn.Linear(2560, NUM_CLASSES)


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


class Tiny(nn.Sequential):
    """Separable convolutions, and a mean instead of a linear layer. 4,814 parameters."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.conv1 = nn.Conv2d(1, 16, 3, bias=False)  # (n, 16, 26, 26)
        self.norm1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = Separable(16, 24, pool=True)  # (n, 24, 12, 12)
        self.conv3 = Separable(24, 28)  # (n, 28, 10, 10)
        self.conv4 = Separable(28, 32, pool=True)  # (n, 32, 4, 4)
        self.conv5 = Separable(32, 32)  # (n, 32, 2, 2)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()  # (n, 32)
        self.fc = nn.Linear(32, NUM_CLASSES)


NETWORKS: dict[str, Callable[[float, float], nn.Module]] = {
    "classic": Classic,
    "deep": Deep,
    "compact": Compact,
    "fast": Fast,
    "balanced": Balanced,
    "accurate": Accurate,
    "tiny": Tiny,
    "glyph-classifier": GlyphClassifier,
    "line-recognizer": LineRecognizer,
}
BUILT_IN = frozenset(NETWORKS)


def register_network(name: str) -> Callable[[Make], Make]:
    """Register a network of your own under a name, for `digits.train` and all that follows.

    This is a decorator of the network's class. The class is called without arguments; its instance
    takes normalised pixels, float32 (n, 1, 28, 28), and returns ten logits for each image. This
    works in Python only, as the command `digits` does not know your code.

    A run keeps the name, not the code: whoever loads the run has to register the same network
    first. Weights may fit another one, but would mean nothing in it. A name may be registered
    again, as when a notebook's cell is run twice; the last registration counts.

    Args:
        name: The network's name in recipes; not one of a network that comes with the package.

    Raises:
        InvalidInput: If the name is taken or is no text.

    Example:
        >>> @register_network("linear")
        ... class Linear(nn.Sequential):
        ...     def __init__(self):
        ...         super().__init__(nn.Flatten(), nn.Linear(784, 10))
        >>> run = digits.train("compact", name="linear", network="linear")  # doctest: +SKIP
    """
    if not isinstance(name, str):
        raise InvalidInput(
            f"Expected a name, as in @digits.register_network('mine'), found {name!r}."
        )
    if name in BUILT_IN:
        raise InvalidInput(f"The name {name!r} is taken by a network of digits; choose another.")

    def register(make: Make) -> Make:
        NETWORKS[name] = partial(RegisteredNetwork, name, make)
        return make

    return register


class RegisteredNetwork(nn.Sequential):
    """A registered network behind the normalisation that all networks have."""

    def __init__(self, name: str, make: Callable[[], nn.Module], mean: float, std: float) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        try:
            network = make()
        except Exception as error:
            raise InvalidInput(f"Network {name!r} can't be made: {_reason(error)}") from error
        if not isinstance(network, nn.Module):
            raise InvalidInput(
                f"Network {name!r}: expected an nn.Module, found {type(network).__name__}."
            )
        self.network = network
        _try_out(self, name)


def _try_out(model: nn.Module, name: str) -> None:
    """Try a network on two images before time is spent on it; lazy layers get their sizes here.

    Raises:
        InvalidInput: If it can't take the images, returns no logits, or can't learn.
    """
    pixels = torch.randint(0, 256, (2, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            model.eval()(pixels)
            # As in training: with the channels last, `view` fails where `reshape` does not.
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            logits = model(pixels)
    except Exception as error:
        raise InvalidInput(f"Network {name!r} fails on two images: {_reason(error)}") from error
    if not isinstance(logits, Tensor) or logits.shape != (2, NUM_CLASSES):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InvalidInput(
            f"Network {name!r}: expected logits (2, {NUM_CLASSES}) for two images, found {found}."
        )
    if bool((logits >= 0).all()) and torch.allclose(logits.float().sum(dim=1), torch.ones(2)):
        raise InvalidInput(
            f"Network {name!r}: expected logits, found probabilities; remove its softmax."
        )
    if count_parameters(model) == 0:
        raise InvalidInput(f"Network {name!r}: expected parameters to train, found none.")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    try:
        with torch.random.fork_rng(devices=[]):
            F.cross_entropy(model.train()(pixels).float(), torch.tensor([0, 1])).backward()
    except Exception as error:
        raise InvalidInput(
            f"Network {name!r} fails in training mode on two images: {_reason(error)}"
        ) from error
    model.load_state_dict(before)  # as batch normalisation has counted these images
    model.zero_grad()


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def build_model(name: str, *, mean: float, std: float) -> nn.Module:
    """Build a network with new weights, drawn from torch's global generator.

    Args:
        name: A name in `NETWORKS`.
        mean: Mean of the training pixels, on the scale where white is 1.
        std: Standard deviation of the training pixels, on the same scale.

    Returns:
        A network: raw pixels (n, 1, 28, 28) to logits (n, 10); a network that reads lines takes
        and gives what `LineRecognizer` says.

    Raises:
        InvalidInput: If there is no network of that name, or a registered one does not fit.
    """
    if name not in NETWORKS:
        raise InvalidInput(
            f"No network is called {name!r}; {suggest(name, NETWORKS)} "
            "Register your own first, in Python, with digits.register_network."
        )
    return NETWORKS[name](mean, std)


def reads_lines(name: str) -> bool:
    """Whether the network of this name reads lines of handwriting; all others read glyphs."""
    return NETWORKS.get(name) is LineRecognizer


def count_parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
