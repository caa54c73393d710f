"""Registry of networks by name: those of the package, and a user's own."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from torch import nn

from digits.errors import InvalidInput, suggest
from digits.models.glyphs import (
    Accurate,
    Balanced,
    Classic,
    Compact,
    Deep,
    Fast,
    GlyphClassifier,
    Tiny,
)
from digits.models.lines import LineRecognizer
from digits.models.registered import RegisteredNetwork

Make = TypeVar("Make", bound=Callable[[], nn.Module])

NETWORKS: dict[str, Callable[..., nn.Module]] = {
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
    takes normalised pixels, float32 (n, 1, 28, 28), and returns ten logits for each image, or as
    many as its data set has classes, of images as large as the set's. This works in Python only, as
    the command `digits` does not know your code.

    A run keeps the name, not the code: whoever loads the run has to register the same network
    first. Weights may fit another one, but would mean nothing in it. A name may be registered
    again, as when a notebook's cell is run twice; the last registration counts.

    On a CPU, each thread passes its images through a copy of the network (`copy.deepcopy`) that
    shares its weights. A network that can't be copied, draws from a generator of its own, or holds
    a function that computes with the network itself, is passed through by one thread at a time;
    the last bits may then depend on the number of threads.

    Args:
        name: The network's name in recipes; not one of a network that comes with the package.

    Returns:
        A decorator, which gives the class back as it is.

    Raises:
        InvalidInput: If the name is taken or is no text.

    Examples:
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


def build_model(
    name: str, *, mean: float, std: float, num_classes: int = 10, size: int = 28
) -> nn.Module:
    """Build a network with new weights, drawn from torch's global generator.

    Args:
        name: A name in `NETWORKS`.
        mean: Mean of the training pixels, on the scale where white is 1.
        std: Standard deviation of the training pixels, on the same scale.
        num_classes: Number of classes; no matter for a network that reads lines.
        size: Height and width of an image in pixels; no matter for one that reads lines.

    Returns:
        A network: raw pixels (n, 1, size, size) to logits (n, num_classes); a network that reads
        lines takes and gives what `LineRecognizer` says.

    Raises:
        InvalidInput: If there is no network of that name, or a registered one does not fit.
    """
    if name not in NETWORKS:
        raise InvalidInput(
            f"No network is called {name!r}; {suggest(name, NETWORKS)} "
            "Register your own first, in Python, with digits.register_network."
        )
    if reads_lines(name):
        return NETWORKS[name](mean, std)
    return NETWORKS[name](mean, std, num_classes=num_classes, size=size)


def reads_lines(name: str) -> bool:
    """Whether the network of this name reads lines of handwriting; all others read glyphs."""
    return NETWORKS.get(name) is LineRecognizer
