"""The network that computes in the page: its numbers beside those of torch and of the runtime."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from playwright.sync_api import Page, sync_playwright
from torch import Tensor, nn

from digits.assets import PAGE
from digits.evaluation.inspection import saliency
from digits.export import _with_half_weights
from digits.reading.network import Network
from digits.reading.onnx_graph import seal
from digits.reading.reader import Reader
from tests.exported import GLYPH_NETWORKS
from tests.exported import exported as exported_once
from tests.reading.drawings import draw
from tests.server.browser import CHROMIUM, FLAGS, needs_chromium

pytestmark = needs_chromium

GLYPH = np.asarray(Reader().read(draw("3")).digits[0].glyph)
"""A digit, white on black."""

PIXELS = [int(value) for value in GLYPH.ravel()]

UNNAMED = ("flatten", "temperature", "softmax")
"""Kinds of steps that the runtime's layers do not name."""

OPEN = """(bytes) => {
    const buffer = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)).buffer;
    try { window.network = Network.open(buffer); } catch (error) { return error.message; }
    return network.steps.map(({ windows, weights, positions, ...step }) => step);
}"""


class Files(SimpleHTTPRequestHandler):
    """Serves the files of the page, without a word on standard error."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, directory=str(PAGE))

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of the same origin as the page's files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/icon.svg")
        page.evaluate(
            "async () => { window.Network = (await import('/inside/network.js')).Network; }"
        )
        yield page
        browser.close()
        server.shutdown()


class Exported:
    """A network of random weights and batch statistics: in torch, in ONNX, and in the page."""

    def __init__(self, name: str, page: Page) -> None:
        self.name, self.page = name, page
        self.model, self.content = exported_once(name).model, exported_once(name).content
        self.steps = opened(page, self.content)


def opened(page: Page, content: bytes) -> Any:
    """Open a network in the page; returns its steps, or the message of an error."""
    return page.evaluate(OPEN, base64.b64encode(content).decode())


@pytest.fixture(scope="module", params=GLYPH_NETWORKS)
def exported(request: pytest.FixtureRequest, page: Page) -> Exported:
    return Exported(request.param, page)


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (0, "< 0.01 %"),
        (0.00004, "< 0.01 %"),
        (0.0042, "0.42 %"),
        (0.714, "71.4 %"),
        (0.9966, "99.66 %"),
        (0.99996, "> 99.99 %"),
        (1, "> 99.99 %"),
    ],
)
def test_no_probability_is_shown_as_certain(probability: float, shown: str, page: Page) -> None:
    script = "async (value) => (await import('/figures.js')).percent(value)"
    assert page.evaluate(script, probability) == shown


def logits_of(exported: Exported) -> Tensor:
    with torch.no_grad():
        logits: Tensor = exported.model(torch.tensor(GLYPH)[None, None].float())[0]
    return logits


def test_each_layer_has_the_values_of_the_runtime(exported: Exported) -> None:
    network = Network(exported.content)
    found = exported.page.evaluate(
        """(pixels) => {
            const activations = network.run(pixels, { views: true });
            const values = network.steps.map((_, step) => [...activations.values(step)]);
            return { values, mean: [...activations.mean] };
        }""",
        PIXELS,
    )
    layers = network.open_layers().of(GLYPH)
    for number, layer in enumerate(layers, start=1):
        steps = [
            (step, values)
            for step, values in zip(exported.steps, found["values"], strict=True)
            if step["layer"] == number and step["kind"] not in UNNAMED
        ]
        assert ", ".join(step["kind"] for step, _ in steps) == layer.name
        step, values = steps[-1]
        assert (step["channels"], step["height"], step["width"]) == layer.maps.shape
        np.testing.assert_allclose(values, layer.maps.ravel(), rtol=1e-4, atol=1e-4)
    assert len(layers) == exported.steps[-1]["layer"]
    expected = network.probabilities(GLYPH[None])[0]
    np.testing.assert_allclose(found["mean"], expected, atol=1e-4)


def test_the_numbers_of_an_explanation_add_up_to_the_value(exported: Exported) -> None:
    found = exported.page.evaluate(
        """(pixels) => {
            const activations = network.run(pixels);
            const places = ({ channels, height, width }) =>
                [[0, 0, 0], [channels - 1, height - 1, width - 1], [channels >> 1, height >> 1, 1]];
            // As text, since the browser's protocol takes long for many small objects.
            return JSON.stringify(network.steps.flatMap((step, index) =>
                places(step).slice(0, step.height > 1 ? 3 : 1).map(([channel, y, x]) => {
                    const at = (channel * step.height + y) * step.width + x;
                    const told = network.explain(activations, index, channel, y, x);
                    return [activations.values(index)[at], told];
                })));
        }""",
        PIXELS,
    )
    kinds = set()
    for value, told in json.loads(found):
        kinds.add(told["kind"])
        assert told["value"] == value
        np.testing.assert_allclose(sum_of(told), value, rtol=1e-5, atol=1e-4)
    assert kinds == {step["kind"] for step in exported.steps}


def sum_of(told: dict[str, Any]) -> float:
    """Add up what an explanation lists."""
    inputs = [term["input"] for term in told.get("terms", []) if "input" in term]
    match told["kind"]:
        case "convolution" | "fully connected":
            products = [term["input"] * term["weight"] for term in told["terms"]]
            np.testing.assert_allclose(products, [term["product"] for term in told["terms"]])
            np.testing.assert_allclose(sum(told["sums"]) + told["bias"], told["sum"])
            return float(sum(products) + told["bias"])
        case "max pooling":
            assert inputs[told["winner"]] == max(inputs)
            return float(max(inputs))
        case "mean" | "mean pooling":
            return float(np.mean(inputs))
        case "sum":
            return float(sum(inputs))
        case "normalisation" | "batch normalisation" | "temperature":
            return float(told["before"] * told["scale"] + told["shift"])
        case "ReLU":
            return float(max(told["before"], 0))
        case "flatten" | "crop":
            return float(told["before"])
        case "softmax":
            return float(np.exp(told["score"] - told["highest"]) / told["total"])
        case _:
            return float(told["value"])


@pytest.mark.parametrize("exported", ["compact", "fast", "tiny"], indirect=True)
def test_a_receptive_field_is_what_changes_the_pixel(exported: Exported) -> None:
    """Rows and columns of noise on the image change the maps there, and nowhere else."""
    fields = exported.page.evaluate(
        """(pixels) => {
            const isDifferent = (a, b, step) => {
                const { channels, height, width } = network.steps[step];
                const at = (height >> 1) * width + (width >> 1);
                let sum = 0;
                for (let c = 0; c < channels; c++) {
                    const i = c * height * width + at;
                    sum += Math.abs(a.values(step)[i] - b.values(step)[i]);
                }
                return sum > 0;
            };
            const noisy = () => Float32Array.from(pixels, () => 255 * Math.random());
            const changed = network.steps.map(() => [new Set(), new Set()]);
            const before = network.run(noisy());
            for (let line = 0; line < 28; line++) {
                for (const axis of [0, 1]) {
                    const isOn = (i) => (axis ? i % 28 : Math.floor(i / 28)) === line;
                    const image = noisy().map((noise, i) => isOn(i) ? noise : before.values(0)[i]);
                    const after = network.run(image);
                    changed.forEach((lines, step) => {
                        if (isDifferent(before, after, step)) lines[axis].add(line);
                    });
                }
            }
            return changed.map(([rows, columns], step) => {
                const { height, width } = network.steps[step];
                const range = (lines) => {
                    const [first, last] = [Math.min(...lines), Math.max(...lines)];
                    return [first, last - first + 1];
                };
                const field = network.receptiveField(step, height >> 1, width >> 1, 0);
                const [[top, rowsChanged], [left, columnsChanged]] = [range(rows), range(columns)];
                return [{ left, top, width: columnsChanged, height: rowsChanged }, field];
            });
        }""",
        PIXELS,
    )
    for step, (changed, field) in zip(exported.steps, fields, strict=True):
        assert changed == field, step["name"]


def test_saliency_is_the_gradient_of_torch(exported: Exported) -> None:
    found = exported.page.evaluate("(pixels) => [...network.saliency(pixels)]", PIXELS)
    expected = saliency(exported.model, torch.tensor(GLYPH)[None])[0].numpy().ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_what_speaks_for_a_class_adds_up_to_its_score(exported: Exported) -> None:
    found = exported.page.evaluate(
        """(pixels) => {
            const { maps, ...rest } = network.contributions(network.run(pixels), 3);
            return { maps: [...maps], ...rest };
        }""",
        PIXELS,
    )
    score = float(logits_of(exported)[3])
    assert found["score"] == pytest.approx(score, rel=1e-4, abs=1e-4)
    assert sum(found["maps"]) + found["rest"] == pytest.approx(score, rel=1e-4, abs=1e-3)
    last = exported.steps[found["step"]]
    assert len(found["maps"]) == last["channels"]
    assert last["height"] > 1
    behind = [step["kind"] for step in exported.steps[found["step"] + 1 : -2]]
    if behind == ["flatten", "fully connected"]:  # a linear map: what is left is its bias
        bias = float(exported.model.fc.bias[3].detach())
        assert found["rest"] == pytest.approx(bias, abs=1e-3)


SWITCHES = {
    "accurate": ("convolution 2", "relu2"),
    "balanced": ("convolution 3", "relu3"),
    "classic": ("convolution 2", "relu2"),
    "compact": ("convolution 1", "relu1"),
    "deep": ("fully connected 1", "relu5"),
    "fast": ("convolution", "relu1"),
    "glyph-classifier": ("convolution 3", "relu3"),
    "tiny": ("convolution 3", "conv2.relu2"),
}
"""For each network, a step and the ReLU behind which its maps are switched off."""


def test_a_map_that_is_off_is_zero_for_all_that_follows(exported: Exported) -> None:
    name, relu = SWITCHES[exported.name]

    def switch_off(layer: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output.index_fill(1, torch.arange(8), 0)

    as_it_is = logits_of(exported)
    hook = exported.model.get_submodule(relu).register_forward_hook(switch_off)
    expected = logits_of(exported)
    gradient = saliency(exported.model, torch.tensor(GLYPH)[None])[0].numpy().ravel()
    hook.remove()
    found, of_pixels = exported.page.evaluate(
        """([pixels, name]) => {
            const step = network.steps.findIndex((step) => step.name === name);
            const off = Array.from({ length: 8 }, (_, channel) => [step, channel]);
            const activations = network.run(pixels, { off });
            const gradient = network.saliency(pixels, undefined, activations);
            return [[...activations.logits], [...gradient]];
        }""",
        [PIXELS, name],
    )
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_pixels, gradient, rtol=1e-3, atol=1e-3 * abs(gradient).max())
    assert float((as_it_is - expected).abs().max()) > 1e-3


@pytest.mark.parametrize("exported", ["fast"], indirect=True)
def test_noise_smooths_saliency_as_torch_s_does(exported: Exported) -> None:
    script = "(pixels) => [...network.saliency(pixels, 3, { samples: 64, noise: 40 })]"
    found = exported.page.evaluate(script, PIXELS)
    images = torch.tensor(GLYPH)[None]

    class Threes(nn.Module):
        """The score of a three alone, so that it wins."""

        def forward(self, pixels: Tensor) -> Tensor:
            logits: Tensor = exported.model(pixels)
            return logits[:, 3:4]

    smooth, grainy = (
        saliency(Threes(), images, num_samples=num, noise=noise, seed=1)[0].numpy().ravel()
        for num, noise in ((64, 40), (1, 0))
    )
    likeness = np.corrcoef([found, smooth, grainy])[0]
    assert likeness[1] > 0.95 > likeness[2]


@pytest.fixture(scope="module")
def packaged() -> bytes:
    return Network().content


def with_bytes(content: bytes, name: str) -> bytes:
    """Store a matrix in 8 bits: each row by a scale of its own."""
    document = onnx.load_from_string(content)
    (tensor,) = [tensor for tensor in document.graph.initializer if tensor.name == name]
    values = numpy_helper.to_array(tensor)
    scale = np.abs(values).max(axis=1) / 127
    document.graph.initializer.remove(tensor)
    stored = {"q": np.rint(values / scale[:, None]).astype(np.int8), "s": scale.astype(np.float32)}
    document.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in stored.items())
    node = helper.make_node("DequantizeLinear", ["q", "s"], [name], axis=0)
    document.graph.node.insert(0, node)
    return seal(document.SerializeToString())


@pytest.mark.parametrize("store", [_with_half_weights, lambda c: with_bytes(c, "model.fc1.weight")])
def test_weights_are_read_as_they_are_stored(store: Any, packaged: bytes, page: Page) -> None:
    content = store(packaged)
    assert len(content) < len(packaged)
    opened(page, content)
    script = "(pixels) => [...network.run(pixels, { views: true }).mean]"
    expected = Network(content).probabilities(GLYPH[None])[0]
    np.testing.assert_allclose(page.evaluate(script, PIXELS), expected, atol=1e-4)


def test_what_is_not_known_is_named_in_a_line(packaged: bytes, page: Page) -> None:
    document = onnx.load_from_string(packaged)
    (node, *_) = [node for node in document.graph.node if node.op_type == "Relu"]
    node.op_type = "Selu"
    message = opened(page, document.SerializeToString())
    assert message.endswith("its operation is not known here, Selu.")
    for content in (packaged[:-500], b"\x89PNG\r\n\x1a\n" * 20, b""):
        assert opened(page, content).startswith("Expected a network in ONNX, found")
