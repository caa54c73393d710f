import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from microcontroller import compute_logits
from numpy.typing import NDArray
from torch import Tensor, nn

from digits.data import DataSet
from digits.errors import InvalidInput
from digits.export import export_c
from digits.models import Tiny
from digits.quantization import Layer, count_bytes, list_convolutions, quantize, write_c
from digits.recipe import Recipe
from digits.run import Run
from digits.training import train


@pytest.fixture(scope="module")
def model(blob_set: DataSet) -> Tiny:
    """A network whose batch norms are as different as training may make them."""
    torch.manual_seed(0)
    model = Tiny(0.1307, 0.3081)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)  # half of them turn the order of a pool
            nn.init.normal_(module.bias)
            module.momentum = None  # statistics are those of the batch below
    model.train()(blob_set.train.images[:, None])
    return model.eval()


@pytest.fixture(scope="module")
def layers(model: Tiny, blob_set: DataSet) -> list[Layer]:
    return quantize(model, blob_set.train.images)


@torch.inference_mode()
def test_the_convolutions_are_the_network_s(model: Tiny, blob_set: DataSet) -> None:
    images = blob_set.test.images[:, None]
    maps = earlier = model.normalize(images)
    for convolution in list_convolutions(model):
        maps, earlier = convolution(maps, earlier), maps
    torch.testing.assert_close(model.fc(maps.mean(dim=(2, 3))), model(images))


def compute_in_integers(layers: list[Layer], images: Tensor) -> Tensor:
    """What the layers are said to compute, in the plainest way."""
    maps = earlier = images[:, None].double()
    *hidden, linear = layers
    for layer in hidden:
        weights = torch.from_numpy(layer.weights).double()
        groups = maps.shape[1] // weights.shape[1]
        sums = F.conv2d(maps, weights, padding=layer.padding, groups=groups)
        values = F.max_pool2d(sums, layer.pool) * column(layer.scales) + column(layer.biases)
        if layer.skip:
            values += layer.skip * earlier
        maps, earlier = (values + 0.5).floor().clamp(0, 255), maps
    sums = maps.sum(dim=(2, 3)) @ torch.from_numpy(linear.weights).double().T
    return sums * torch.from_numpy(linear.scales) + torch.from_numpy(linear.biases)


def column(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(values)[:, None, None]


@torch.inference_mode()
def test_the_layers_compute_nearly_what_the_network_does(
    model: Tiny, layers: list[Layer], blob_set: DataSet
) -> None:
    images = blob_set.test.images
    expected = model(images[:, None])
    difference = compute_in_integers(layers, images) - expected
    assert difference.abs().mean() < 0.1 * expected.std()


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_c_computes_what_the_layers_say(
    layers: list[Layer], blob_set: DataSet, tmp_path: Path
) -> None:
    images = blob_set.test.images
    header = tmp_path / "model.h"
    header.write_text(write_c(layers))
    difference = (
        compute_logits(header, images.numpy()) - compute_in_integers(layers, images).numpy()
    )
    # A value that lies between two integers may be rounded to either.
    assert np.median(np.abs(difference)) < 1e-5
    assert np.abs(difference).max() < 0.1


def test_a_weight_is_off_by_half_a_step_at_most(model: Tiny, layers: list[Layer]) -> None:
    for convolution, layer in zip(list_convolutions(model), layers, strict=False):
        weights = convolution.conv.weight.detach().flatten(1).numpy()
        steps = np.abs(weights).max(axis=1, keepdims=True) / 127
        rounded = layer.weights.reshape(weights.shape) * steps
        assert (np.abs(rounded - weights) <= 0.501 * steps).all()


def test_shared_weights_are_written_once(model: Tiny, layers: list[Layer]) -> None:
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    num_channels = sum(len(layer.scales) for layer in layers)
    assert count_bytes(layers) == sum(w.numel() for w in weights) + 2 * 4 * num_channels
    assert count_bytes(layers) < 5000
    (numbers,) = [
        text.split("};")[0].split(",") for text in write_c(layers).split("digits_weights[] = {")[1:]
    ]
    assert len(numbers) == sum(w.numel() for w in weights)


@pytest.mark.usefixtures("with_blobs", "export_with_blobs")
def test_a_run_of_tiny_is_written_and_another_is_refused(tmp_path: Path) -> None:

    def trained(network: str) -> Run:
        recipe = Recipe(
            name=network, network=network, epochs=1, batch_size=100, validation_size=100
        )
        return train(recipe, out=tmp_path / network)

    run = trained("tiny")
    written = export_c(run)
    assert written.path == run.folder / "model.h"
    assert "digits_read(" in written.path.read_text()
    with pytest.raises(InvalidInput, match=r"Expected a run of the network 'tiny'.* 'fast'"):
        export_c(trained("fast"))
