"""Weights from elsewhere: which network they fit, by the shapes of their layers."""

import io
import pickle
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from digits.errors import DigitsError, InvalidInput
from digits.models.registry import BUILT_IN, build_model, reads_lines

COUNTER = "num_batches_tracked"
"""Name of a tensor that batch normalisation keeps, and that no output depends on."""

NORMALIZE = "normalize"
"""Name of the layer of our networks that normalises pixels; others do it outside of the network."""

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Names under which checkpoints keep the weights, beside other things."""

Layer = tuple[tuple[str, tuple[int, ...]], ...]
"""What a layer is known by: names and shapes of its tensors, such as weight and bias."""


NUMBERS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int32, torch.int64)
"""Types of numbers that weights may have."""


@dataclass(frozen=True)
class Fit:
    """The network that weights fit."""

    network: str
    """Name of the network."""
    tensors: dict[str, str]
    """Each tensor of the network, with the name that it has in the weights."""
    mean: float
    """Mean of the pixels, on the scale where white is 1."""
    std: float
    """Standard deviation of the pixels, on the same scale."""


def from_state_dict(
    weights: str | Path | Mapping[str, Tensor],
    *,
    mean: float | None = None,
    std: float | None = None,
    num_classes: int = 10,
    size: int = 28,
) -> nn.Module:
    """Make a network of weights that were trained elsewhere, as by a tutorial's own code.

    Layers may have any names, and stand in any order where their shapes tell them apart. Shapes say
    nothing of activations, pools or dropout: measure what comes out.

    Args:
        weights: A `state_dict`, or a file that `torch.save` made of one, alone or in a checkpoint.
            Loading executes nothing.
        mean: Mean that was subtracted from pixels, on the scale where white is 1, as torchvision's
            `Normalize` does; 0 if nothing was.
        std: Standard deviation by which they were divided then; 1 if by nothing. Both are needed,
            unless the weights hold them, as those of our own networks do.
        num_classes: Number of classes.
        size: Height and width of an image in pixels.

    Returns:
        The network, in evaluation mode: raw pixels, 0 to 255 (n, 1, size, size) to logits.

    Raises:
        InvalidInput: If there is no such file, it holds no weights or more than them, they fit no
            network, or mean and standard deviation are missing.

    Examples:
        >>> network = from_state_dict("net.pt", mean=0.5, std=0.5)  # doctest: +SKIP
    """
    tensors = read_state_dict(weights)
    fit = fit_network(tensors, mean=mean, std=std, num_classes=num_classes, size=size)
    model = _build(fit.network, fit.mean, fit.std, num_classes, size)
    loaded = {name: tensors[given] for name, given in fit.tensors.items()}
    model.load_state_dict({**model.state_dict(), **loaded})
    return model.eval()


def read_state_dict(weights: str | Path | Mapping[str, Any]) -> dict[str, Tensor]:
    """Read weights: a `state_dict`, or a file with one, alone or in a checkpoint.

    Raises:
        InvalidInput: If there is no such file, or it holds no weights or more than them.
        DigitsError: If it can't be read.
    """
    source = "The weights"
    found: Any = weights
    if isinstance(weights, str | Path):
        source, found = str(weights), _load(Path(weights))
    if isinstance(found, Mapping):
        inner = [found[name] for name in WRAPPERS if isinstance(found.get(name), Mapping)]
        found = inner[0] if len(inner) == 1 else found
    if not isinstance(found, Mapping) or not found:
        raise InvalidInput(
            f"{source}: expected a state_dict, as torch.save(model.state_dict(), …) writes, found "
            f"{type(found).__name__}."
        )
    tensors = {}
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InvalidInput(
                f"{source}: expected tensors by name, found {type(value).__name__} for {name!r}."
            )
        is_plain = value.layout == torch.strided and not (value.is_quantized or value.is_meta)
        if value.is_nested or not is_plain or value.dtype not in NUMBERS:
            raise InvalidInput(
                f"{source}: expected ordinary numbers, found {value.dtype} in {name}; save the "
                "weights before they are quantised or sparse."
            )
        if not value.isfinite().all():
            raise InvalidInput(f"{source}: expected finite numbers, found others in {name}.")
        tensors[name] = value.detach().cpu()
    return tensors


def _load(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(f"{path}: there is no such file.") from error
    except OSError as error:
        raise DigitsError(f"{path} can't be read: {error.strerror or error}.") from error
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):  # torch does not look at the sums in it
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InvalidInput(
            f"{path}: expected weights alone, found what only code can load, or no file of torch; "
            "write them with torch.save(model.state_dict(), …)."
        ) from error
    except Exception as error:  # a damaged file makes torch.load raise almost anything
        raise InvalidInput(
            f"{path}: expected a file of torch.save, found a damaged one, or another."
        ) from error


def fit_network(
    tensors: Mapping[str, Tensor],
    *,
    mean: float | None = None,
    std: float | None = None,
    num_classes: int = 10,
    size: int = 28,
) -> Fit:
    """Find the network that weights fit, by the shapes of its layers; see `from_state_dict`.

    Layers of the same shapes are taken in their order.

    Raises:
        InvalidInput: If they fit no network, which the message compares with the nearest, or mean
            and standard deviation are missing, or others than those in the weights.
    """
    mean, std = _known("mean", mean, tensors), _known("std", std, tensors)
    for what, value, low, high in (("mean", mean, 0, 1), ("std", std, 0.001, 10)):
        if value is not None and not low <= value <= high:  # nor NaN
            raise InvalidInput(f"{what}: expected {low:g} to {high:g}, found {value:g}.")
    given = _layers(tensors)
    networks = {
        name: _layers(_build(name, 0.5, 0.5, num_classes, size).state_dict())
        for name in sorted(BUILT_IN)
        if not reads_lines(name)
    }
    for network, layers in networks.items():
        if Counter(layers.values()) == Counter(given.values()):
            if mean is None or std is None:
                raise InvalidInput(
                    f"The weights fit {network!r}; expected the mean and the standard deviation by "
                    "which pixels were normalised, found none: 0.5 and 0.5 for "
                    "Normalize((0.5,), (0.5,)), as in the guides, 0 and 1 for ToTensor alone."
                )
            return Fit(network, dict(_pair(layers, given)), mean, std)
    raise InvalidInput(f"No network fits these weights; {_compare(networks, given)}")


def _known(name: str, given: float | None, tensors: Mapping[str, Tensor]) -> float | None:
    """Take the mean or the standard deviation as it is given, or as the weights have it."""
    kept = tensors.get(f"{NORMALIZE}.{name}")
    if kept is None or kept.numel() != 1:
        return given
    if given is not None and not isclose(given, float(kept), rel_tol=1e-5):
        raise InvalidInput(
            f"{name}: expected {float(kept):g}, as the weights have it, found {given:g}; leave it "
            "away."
        )
    return float(kept)


def _build(name: str, mean: float, std: float, num_classes: int, size: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # as its new weights are drawn and thrown away
        return build_model(name, mean=mean, std=std, num_classes=num_classes, size=size)


def _layers(tensors: Mapping[str, Tensor]) -> dict[str, Layer]:
    """Group tensors by layer, in their order; without what no weight decides."""
    layers: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        if kind != COUNTER and layer != NORMALIZE:
            layers[layer].append((kind, tuple(tensor.shape)))
    return {name: tuple(sorted(layer)) for name, layer in layers.items()}


def _pair(layers: dict[str, Layer], given: dict[str, Layer]) -> Iterator[tuple[str, str]]:
    """Pair each tensor of a network with that of the weights."""
    waiting: dict[Layer, list[str]] = defaultdict(list)
    for name, layer in given.items():
        waiting[layer].append(name)
    for name, layer in layers.items():
        other = waiting[layer].pop(0)
        for kind, _ in _weight_first(layer):
            yield _join(name, kind), _join(other, kind)


def _join(layer: str, kind: str) -> str:
    return f"{layer}.{kind}" if layer else kind


def _compare(networks: dict[str, dict[str, Layer]], given: dict[str, Layer]) -> str:
    """Name the network that shares the most layers with weights, and where they first differ."""
    shared = {
        name: (Counter(layers.values()) & Counter(given.values())).total()
        for name, layers in networks.items()
    }
    nearest = max(shared, key=lambda name: (shared[name], -len(networks[name])))
    expected, found = _tensors(networks[nearest]), _tensors(given)
    differing = (
        (ours, theirs)
        for ours, theirs in zip(expected, found, strict=False)
        if ours[1] != theirs[1]
    )
    ours, theirs = next(differing, (None, None))
    if ours is None:
        shorter = min(len(expected), len(found))
        ours = expected[shorter] if len(expected) > shorter else None
        theirs = found[shorter] if len(found) > shorter else None
    return (
        f"the nearest is {nearest!r}, with {_told(ours)}, where the weights have {_told(theirs)}."
    )


def _tensors(layers: dict[str, Layer]) -> list[tuple[str, tuple[int, ...]]]:
    """List the tensors of layers, each with its shape."""
    return [
        (_join(name, kind), shape)
        for name, layer in layers.items()
        for kind, shape in _weight_first(layer)
    ]


def _weight_first(layer: Layer) -> Layer:
    return tuple(sorted(layer, key=lambda each: each[0] != "weight"))


def _told(tensor: tuple[str, tuple[int, ...]] | None) -> str:
    return "nothing more" if tensor is None else f"{tensor[0]} {tensor[1]}"
