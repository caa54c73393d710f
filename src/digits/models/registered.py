"""A user's own network: how it is wrapped, and tried before time is spent on it."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.models.layers import Normalize, count_parameters


class RegisteredNetwork(nn.Sequential):
    """A registered network behind the normalisation that all networks have."""

    def __init__(
        self,
        name: str,
        make: Callable[[], nn.Module],
        mean: float,
        std: float,
        *,
        num_classes: int = 10,
        size: int = 28,
    ) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.size = size
        try:
            network = make()
        except Exception as error:
            raise InvalidInput(f"Network {name!r} can't be made: {_reason(error)}") from error
        if not isinstance(network, nn.Module):
            raise InvalidInput(
                f"Network {name!r}: expected an nn.Module, found {type(network).__name__}."
            )
        self.network = network
        _try_out(self, name, num_classes, size)


def _try_out(model: nn.Module, name: str, num_classes: int, size: int) -> None:
    """Try a network on two images before time is spent on it; lazy layers get their sizes here.

    Raises:
        InvalidInput: If it can't take the images, returns no logits, or can't learn.
    """
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, 1, size, size), generator=generator)
    try:
        with torch.no_grad():
            model.eval()(pixels)
            # As in training: with the channels last, `view` fails where `reshape` does not.
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            logits = model(pixels)
    except Exception as error:
        raise InvalidInput(f"Network {name!r} fails on two images: {_reason(error)}") from error
    if not isinstance(logits, Tensor) or logits.shape != (2, num_classes):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InvalidInput(
            f"Network {name!r}: expected logits (2, {num_classes}) for two images, found {found}."
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
