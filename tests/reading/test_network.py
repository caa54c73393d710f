"""Inference with ONNX, and the layers of a network."""

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from digits.evaluation.inspection import feature_maps
from digits.export import Calibrated, _to_onnx
from digits.models import build_model
from digits.reading.network import Network
from digits.reading.onnx_graph import add_outputs, read_nodes


@pytest.fixture(scope="module")
def glyph() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)


@pytest.mark.parametrize("name", ["compact", "balanced", "tiny"])
def test_layers_are_what_torch_makes_of_a_glyph(name: str, glyph: np.ndarray) -> None:
    torch.manual_seed(0)
    model = build_model(name, mean=33.0, std=78.0).eval()
    layers = Network(_to_onnx(Calibrated(model, 1.0))).open_layers().of(glyph)
    expected = feature_maps(model, torch.from_numpy(glyph))
    for layer, stage in zip(layers, expected, strict=False):  # which has convolutions only
        np.testing.assert_allclose(layer.maps, stage.maps.numpy(), atol=1e-4)
        assert layer.name.startswith("convolution")
    with torch.no_grad():
        logits = model(torch.from_numpy(glyph)[None, None].float())[0]
    np.testing.assert_allclose(layers[-1].maps.ravel(), logits.numpy(), atol=1e-4)


def test_the_layers_are_the_network_s_from_the_first_convolution_to_the_logits(
    glyph: np.ndarray,
) -> None:
    layers = Network().open_layers().of(glyph)
    assert [(layer.name, layer.maps.shape) for layer in layers] == [
        ("convolution, ReLU", (32, 10, 10)),
        ("convolution, ReLU", (48, 8, 8)),
        ("convolution, ReLU, max pooling", (64, 3, 3)),
        ("fully connected, ReLU", (192, 1, 1)),
        ("fully connected", (10, 1, 1)),
    ]


def test_the_graph_is_read_and_extended_as_the_library_of_the_format_would() -> None:
    content = (files("digits.reading") / "weights" / "reader.onnx").read_bytes()
    nodes = [
        (node.op_type, tuple(node.input), node.output[0])
        for node in onnx.load_from_string(content).graph.node
    ]
    assert list(read_nodes(content)) == nodes
    names = [output for _, _, output in nodes[:2]] + ["long" * 100]
    graph = onnx.load_from_string(add_outputs(content, names)).graph
    assert [value.name for value in graph.output] == ["probabilities", *names]
    assert [node.output[0] for node in graph.node] == [output for _, _, output in nodes]


def test_nothing_is_written_or_told_about_who_uses_it(tmp_path: Path) -> None:
    code = "from digits import Reader; Reader()"
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
