"""Weights of an exported network: from ONNX to a network that can be trained, and back.

Export folds batch normalisation into the layer before it. The network that is made here has it back
as the identity: its scale stays 1, and its shift is the bias that the folded layer has. What is
learned goes back into the graph that it came from, value by value; so views, temperature and
metadata stay what they are.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from digits.errors import DigitsError
from digits.models import build_model
from digits.reading.onnx_graph import SUM, seal

PREFIX, HALF = "model.", ".half"
"""Beginning of the names of a network's values in a graph, and end of those in float16."""

MEASURED = ("test_accuracy", "digit_error_rate")
"""Metadata that other weights make untrue."""

NORMS = nn.BatchNorm1d | nn.BatchNorm2d
"""Layers that export folds into those before them."""


def load_network(content: bytes, name: str) -> nn.Module:
    """Make a network of the weights in an ONNX file.

    Args:
        content: The file's content.
        name: The network's name, as `build_model` takes it: glyph-classifier or line-recognizer.

    Returns:
        The network in evaluation mode, which gives logits as that in the file does. Its parameters
        are those that `with_weights` writes back; all else of it is fixed.

    Raises:
        DigitsError: If there are other weights in the file than the network has.
    """
    import onnx

    graph = onnx.load_from_string(content).graph
    values = {
        tensor.name.removesuffix(HALF): torch.tensor(onnx.numpy_helper.to_array(tensor)).float()
        for tensor in graph.initializer
    }
    try:
        mean, std = (float(values[f"{PREFIX}normalize.{part}"]) for part in ("mean", "std"))
        model = build_model(name, mean=mean, std=std).eval()
        model.requires_grad_(False)
        for module in model.modules():
            if isinstance(module, NORMS) and module.running_var is not None:
                module.running_var.fill_(1 - module.eps)  # eps is added again
        for key, parameter in _folded(model):
            parameter.copy_(values[key].reshape_as(parameter)).requires_grad_()
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DigitsError(
            f"Expected the weights of the network {name!r}, made by digits export, found others "
            f"({reason}); learn with the networks of the package."
        ) from error
    return model


def with_weights(content: bytes, model: nn.Module) -> bytes:
    """Write a network's weights into an ONNX file's content.

    Args:
        content: The file's content. What its metadata says that was measured is left out.
        model: A network that `load_network` made of it, with other weights.
    """
    import onnx

    document = onnx.load_from_string(content)
    weights = {key: parameter.detach().numpy() for key, parameter in _folded(model)}
    for tensor in document.graph.initializer:
        value = weights.get(tensor.name.removesuffix(HALF))
        if value is not None:
            shaped = value.reshape(tuple(tensor.dims))
            dtype = np.float16 if tensor.name.endswith(HALF) else np.float32
            tensor.CopyFrom(onnx.numpy_helper.from_array(shaped.astype(dtype), tensor.name))
    facts = {entry.key: entry.value for entry in document.metadata_props}
    kept = {key: value for key, value in facts.items() if key not in (SUM, *MEASURED)}
    onnx.helper.set_model_props(document, kept)
    return seal(document.SerializeToString())


def interpolate(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """Make the network whose weights are this share of the way from an old to a new network's.

    Args:
        old: A network that `load_network` made.
        new: A copy of it, with other weights.
        share: 0 gives the old one, 1 the new one.

    Source: Wortsman et al. 2022, Robust fine-tuning of zero-shot models, arXiv:2109.01903.
    """
    between = copy.deepcopy(old)
    with torch.no_grad():
        for parameter, other in zip(between.parameters(), new.parameters(), strict=True):
            parameter.lerp_(other, share)
    return between


def _folded(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """List the parameters that a graph has, each by its name there."""
    layer = ""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            layer = f"{PREFIX}{name}.weight"
            yield layer, module.weight
            if module.bias is not None:
                yield f"{PREFIX}{name}.bias", module.bias
        elif isinstance(module, NORMS):
            yield f"{layer}_bias", module.bias
