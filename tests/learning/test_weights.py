import copy

import numpy as np
import pytest
import torch
from torch import nn

from digits.errors import DigitsError
from digits.export import HALF_TOLERANCE, TOLERANCE, Calibrated, LineOutputs
from digits.learning.weights import interpolate, load_network, with_weights
from digits.reading.line_network import LineNetwork
from digits.reading.model_folder import Networks
from digits.reading.network import Network
from tests.training.drawn_digits import draw_digits

GLYPHS, LINES = "glyph-classifier", "line-recognizer"


def in_torch(network: Network, model: nn.Module, images: torch.Tensor) -> np.ndarray:
    calibrated = Calibrated(model, float(network.metadata["temperature"])).eval()
    with torch.no_grad():
        return np.asarray(calibrated(images[:, None].float()))


def lines_in_torch(model: nn.Module, images: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(LineOutputs(model).eval()(images[:, None].float())[0].exp())


def some_lines() -> torch.Tensor:
    images, _ = draw_digits(8)
    return nn.functional.pad(images, (12, 24, 6, 6))


def lines_in_onnx(network: LineNetwork, images: torch.Tensor) -> np.ndarray:
    return np.exp([each.log_probabilities for each in network.columns(list(images.numpy()))])


def moved(model: nn.Module) -> nn.Module:
    """A network with somewhat other weights."""
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in other.parameters():
            if weights.requires_grad:
                weights.add_(torch.randn(weights.shape, generator=generator), alpha=0.01)
    return other


def test_the_network_of_glyphs_gives_in_torch_what_it_gives_in_onnx(packaged: Networks) -> None:
    images, _ = draw_digits(40)
    network = packaged.glyphs
    for change in (copy.deepcopy, moved):
        model = change(load_network(network.content, GLYPHS))
        network = Network(with_weights(network.content, model), num_threads=1)
        found = network.probabilities(images.numpy())
        np.testing.assert_allclose(found, in_torch(network, model, images), atol=TOLERANCE)
    assert not np.allclose(found, packaged.glyphs.probabilities(images.numpy()), atol=0.01)


def test_the_network_of_lines_gives_in_torch_what_it_gives_in_onnx(packaged: Networks) -> None:
    images = some_lines()
    for change, tolerance in ((copy.deepcopy, TOLERANCE), (moved, HALF_TOLERANCE)):
        model = change(load_network(packaged.lines.content, LINES))
        network = LineNetwork(with_weights(packaged.lines.content, model), num_threads=1)
        found = lines_in_onnx(network, images)
        np.testing.assert_allclose(found, lines_in_torch(model, images), atol=tolerance)


def test_metadata_stays_but_for_what_other_weights_make_untrue(packaged: Networks) -> None:
    model = load_network(packaged.glyphs.content, GLYPHS)
    found = Network(with_weights(packaged.glyphs.content, model)).metadata
    assert packaged.glyphs.metadata.keys() - found.keys() == {"test_accuracy"}


def test_weights_are_interpolated(packaged: Networks) -> None:
    old = load_network(packaged.glyphs.content, GLYPHS)
    new = moved(old)
    quarter = interpolate(old, new, 0.25)
    for one, other, between in zip(
        old.parameters(), new.parameters(), quarter.parameters(), strict=True
    ):
        torch.testing.assert_close(between, 0.75 * one + 0.25 * other)


def test_the_scale_of_norms_is_fixed_and_all_else_is_trained(packaged: Networks) -> None:
    model = load_network(packaged.glyphs.content, GLYPHS)
    fixed = {name for name, weights in model.named_parameters() if not weights.requires_grad}
    assert fixed == {f"norm{number}.weight" for number in range(1, 5)}


def test_another_network_s_weights_are_refused(packaged: Networks) -> None:
    with pytest.raises(DigitsError, match="Expected the weights of the network 'line-recognizer'"):
        load_network(packaged.glyphs.content, LINES)
