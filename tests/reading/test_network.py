"""Inference with ONNX, and the layers of a network."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from digits.errors import InvalidInput
from digits.evaluation.inspection import feature_maps
from digits.reading import Reader
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.onnx_graph import (
    add_outputs,
    has_external_data,
    is_sealed,
    read_nodes,
    seal,
)
from digits.server.app import create_app
from tests.exported import exported


@pytest.fixture(scope="module")
def glyph() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)


@pytest.mark.parametrize("name", ["compact", "balanced", "tiny"])
def test_layers_are_what_torch_makes_of_a_glyph(name: str, glyph: np.ndarray) -> None:
    model, content = exported(name).model, exported(name).content
    layers = Network(content).open_layers().of(glyph)
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


WEIGHTS = files("digits.reading") / "weights"


@pytest.mark.parametrize("name", ["reader.onnx", "lines.onnx"])
def test_a_flipped_bit_is_noticed_wherever_it_is(name: str) -> None:
    content = (WEIGHTS / name).read_bytes()
    assert is_sealed(content)
    rng = np.random.default_rng(0)
    tail = np.arange(8 * (len(content) - 80), 8 * len(content))
    for bit in (*rng.integers(0, 8 * len(content), 100), *tail):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        assert not is_sealed(bytes(damaged)), bit


@pytest.mark.parametrize("kind", [Network, LineNetwork])
def test_a_file_that_is_not_to_the_bit_what_was_exported_is_refused(
    kind: type[Network | LineNetwork], tmp_path: Path
) -> None:
    name = "reader.onnx" if kind is Network else "lines.onnx"
    content = (WEIGHTS / name).read_bytes()
    for number, changed in enumerate((content[:-1], content + b"\0", content[: len(content) // 2])):
        path = tmp_path / f"{number}.onnx"
        path.write_bytes(changed)
        with pytest.raises(InvalidInput, match=r"made by digits export, to the bit.*Export it"):
            kind(path)


def changed_model(change: Callable[[onnx.ModelProto], None]) -> bytes:
    """The package's network with a change, and a sum that fits: made to deceive."""
    document = onnx.load_from_string((WEIGHTS / "reader.onnx").read_bytes())
    (sum_of_it,) = (entry for entry in document.metadata_props if entry.key == "sha256")
    document.metadata_props.remove(sum_of_it)
    change(document)
    return seal(document.SerializeToString())


def test_values_in_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def move_out(tensor: onnx.TensorProto) -> None:
        Path("values").write_bytes(tensor.raw_data)
        onnx.external_data_helper.set_external_data(tensor, "values")
        tensor.ClearField("raw_data")

    def move_out_a_weight(document: onnx.ModelProto) -> None:
        move_out(next(each for each in document.graph.initializer if each.raw_data))

    def move_out_a_constant(document: onnx.ModelProto) -> None:
        tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32))
        move_out(tensor)
        document.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=tensor))

    for change in (move_out_a_weight, move_out_a_constant):
        content = changed_model(change)
        assert has_external_data(content)
        with pytest.raises(InvalidInput, match="all values in the file, found names of others"):
            Network(content)


def test_a_network_that_is_refused_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    unsealed = (WEIGHTS / "reader.onnx").read_bytes()[: -len(seal(b""))]
    with pytest.raises(InvalidInput, match="expected a network in ONNX"):
        Network(seal(unsealed.replace(b"Conv", b"C\xe0nv")))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["nan", "inf", "-0.5", "1.5", "", "99 %", "9" * 5000])
def test_a_figure_in_the_metadata_that_is_none_is_refused_in_a_line(text: str) -> None:
    def say(document: onnx.ModelProto) -> None:
        (entry,) = (each for each in document.metadata_props if each.key == "test_accuracy")
        entry.value = text

    network = Network(changed_model(say))
    with pytest.raises(InvalidInput, match="expected test_accuracy from 0 to 1 in its") as caught:
        create_app(Reader(network))
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_nothing_is_written_or_told_about_who_uses_it(tmp_path: Path) -> None:
    code = "from digits import Reader; Reader()"
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
