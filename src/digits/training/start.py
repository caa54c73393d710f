"""Weights to begin with: the first layers of a network that was trained before."""

from importlib.resources import files

import torch
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.models import LineRecognizer
from digits.recipe import Recipe

STARTED_LAYERS = ("conv1", "conv2", "conv3", "fc1")
"""Layers of `LineRecognizer` that are those of the network that reads glyphs."""

READER = files("digits.reading") / "weights" / "reader.onnx"
"""The network that comes with the package."""


def start(model: nn.Module, recipe: Recipe) -> None:
    """Give a network the weights to begin with that its recipe names.

    Raises:
        InvalidInput: If the recipe's network, mean or standard deviation is not one that the
            reader's layers fit.
    """
    if recipe.start == "random":
        return
    if not isinstance(model, LineRecognizer):
        raise InvalidInput(
            f"start: expected random for network {recipe.network!r}, as the reader's layers fit "
            f"line-recognizer only, found {recipe.start!r}."
        )
    weights = _load_reader()
    for name, found in (("mean", recipe.mean), ("std", recipe.std)):
        expected = round(float(weights[f"normalize.{name}"]), 4)
        if found != expected:
            raise InvalidInput(
                f"{name}: expected {expected:g}, with which the reader was trained, found {found}."
            )
    for name in STARTED_LAYERS:
        layer = getattr(model, name)
        with torch.no_grad():
            layer.weight.copy_(weights[f"{name}.weight"].reshape(layer.weight.shape))
            # The exporter put the normalisation of batches into weights and biases.
            layer.bias.copy_(weights[f"{name}.weight_bias"])


def _load_reader() -> dict[str, Tensor]:
    """Load the weights of the network that comes with the package, by their names in its module."""
    import onnx  # takes half a second, which other runs need not wait for

    graph = onnx.load_from_string(READER.read_bytes()).graph
    return {
        tensor.name.removeprefix("model."): torch.tensor(onnx.numpy_helper.to_array(tensor))
        for tensor in graph.initializer
    }
