"""Inference with ONNX: a network's probabilities, and the feature maps of its layers."""

import json
import os
import string
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from digits.errors import DigitsError, InvalidInput
from digits.files import escaped
from digits.reading.onnx_graph import SUM, add_outputs, has_external_data, is_sealed, read_nodes

# From 1.31 on, the runtime writes into the home folder and reports each process to its makers,
# unless telemetry is off before it is loaded. So this is the one module that loads it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

DIGITS = tuple(string.digits)
"""Names of the classes of a network that pictures can be read with."""

SIZE = 28
"""Height and width of the glyphs that it takes, in pixels."""

MAX_BATCH = 512
"""Most glyphs in a batch; larger batches are no faster and take more memory."""

BEGINS_LAYER = {"Conv": "convolution", "Gemm": "fully connected", "MatMul": "fully connected"}
"""Operations that begin a layer, as they have trained weights, and how the layer is named."""

FOLLOWS = {
    "Relu": "ReLU",
    "MaxPool": "max pooling",
    "AveragePool": "mean pooling",
    "GlobalAveragePool": "mean",
    "ReduceMean": "mean",
    "BatchNormalization": "batch normalisation",
    "Add": "sum",
}
"""Operations that belong to the layer before them, and how they are named."""

VIEWS = "views."
"""Prefix of the names of the constants that make the views, which are no layer."""


@dataclass(frozen=True)
class Layer:
    """Output of one layer of the network for one glyph."""

    name: str
    """Operations of the layer: "convolution, ReLU, max pooling"."""
    maps: Float[np.ndarray, "channels h w"]
    """Feature maps; a fully connected layer has one value a unit, so h = w = 1."""


class OnnxNetwork:
    """A network in ONNX, made by `digits export`: what all kinds of networks have in common.

    Args:
        model: The file, or its content; the network that comes with the package if not given.
        packaged: Name of the file that comes with the package.
        num_threads: Number of threads to compute with; all cores if not given.

    Raises:
        InvalidInput: If the file is no network in ONNX, is not as `digits export` made it, or keeps
            values in other files.
        DigitsError: If the file can't be read.
    """

    def __init__(
        self, model: str | Path | bytes | None, *, packaged: str, num_threads: int | None
    ) -> None:
        self._name = "The network" if isinstance(model, bytes) else str(model or packaged)
        self._content = _read_content(model, packaged=packaged)
        if not is_sealed(self._content):  # damage need not stop a network from computing
            again = "Export it again." if model else "digits doctor has the command that mends it."
            raise InvalidInput(
                f"{self._name}: expected a network in ONNX, made by digits export, to the bit; "
                f"found bytes that are not the sum's, or no sum. {again}"
            )
        self._threads = num_threads
        self._session = _open_session(self._content, self._name, num_threads=num_threads)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the file's content, which whoever unpickles it opens anew."""
        return partial(type(self), num_threads=self._threads), (self._content,)

    @property
    def content(self) -> bytes:
        """The file's content."""
        return self._content

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata in the file: recipe, commit, temperature, figures."""
        found = dict(self._session.get_modelmeta().custom_metadata_map)
        found.pop(SUM, None)
        return found

    def figure(self, name: str, *, high: float) -> float | None:
        """Look up a number in the metadata, from 0 to `high`; None if there is none.

        Raises:
            InvalidInput: If it is no such number.
        """
        text = self.metadata.get(name)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = nan
        if not 0 <= value <= high:
            raise InvalidInput(
                f"{self._name}: expected {name} from 0 to {high:g} in its metadata, "
                f"found {text[:40]!r}."
            )
        return value


class Network(OnnxNetwork):
    """A network that reads glyphs, made by `digits export`.

    Args:
        model: The file, or its content; the network that comes with the package if not given.
        num_threads: Number of threads to compute with; all cores if not given.

    Raises:
        InvalidInput: If the file is no such network.
        DigitsError: If the file can't be read.
    """

    def __init__(
        self, model: str | Path | bytes | None = None, *, num_threads: int | None = None
    ) -> None:
        super().__init__(model, packaged="reader.onnx", num_threads=num_threads)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shapes = [item.shape[1:] for item in (*inputs, *outputs)]
        match shapes:
            case [[1, int(height), int(width)], [int(num_classes)]] if height == width:
                self.size, self.num_classes = height, num_classes
            case _:
                raise InvalidInput(
                    f"{self._name}: expected a network made by digits export, which takes images "
                    f"(n, 1, size, size) and gives (n, classes), found {shapes}."
                )
        if inputs[0].name != "images":
            raise InvalidInput(
                f"{self._name}: expected a network made by digits export, whose input is images, "
                f"found {inputs[0].name!r}."
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; those of files that name none are digits.

        Raises:
            InvalidInput: If they are not as many as the network has.
        """
        text = self.metadata.get("classes")
        try:
            found: Any = list(DIGITS) if text is None else json.loads(text)
        except (ValueError, RecursionError):
            found = None
        is_list = isinstance(found, list) and all(isinstance(name, str) for name in found)
        if not is_list or len(found) != self.num_classes:
            raise InvalidInput(
                f"{self._name}: expected the names of {self.num_classes} classes in its metadata, "
                f"found {(text or 'none')[:40]!r}."
            )
        return tuple(found)

    def expect_digits(self) -> None:
        """Refuse a network that tells apart anything else than the ten digits.

        Raises:
            InvalidInput: If it is one.
        """
        if self.classes != DIGITS or self.size != SIZE:
            first = ", ".join(escaped(name)[:20] for name in self.classes[:3])
            raise InvalidInput(
                f"{self._name}: expected a network that tells the ten digits apart on images of "
                f"28×28 pixels, to read pictures with; found one of {self.num_classes} classes "
                f"({first}, …) on {self.size}×{self.size}."
            )

    def probabilities(self, glyphs: UInt8[np.ndarray, "n h w"]) -> Float[np.ndarray, "n classes"]:
        """Compute the probabilities of the classes; of digits, as the mean over three views.

        Args:
            glyphs: White on black, framed as MNIST's; for another set, as its images are.

        Returns:
            Calibrated probabilities; rows sum to 1. (n, classes)

        Raises:
            InvalidInput: If they are no such glyphs.
        """
        glyphs = np.asarray(glyphs)
        size = self.size
        if glyphs.dtype != np.uint8 or glyphs.shape[1:] != (size, size):
            raise InvalidInput(
                f"Expected glyphs uint8 (n, {size}, {size}), found {glyphs.dtype} {glyphs.shape}."
            )
        batches = [
            self._session.run(None, {"images": glyphs[i : i + MAX_BATCH, None].astype(np.float32)})
            for i in range(0, len(glyphs), MAX_BATCH)
        ]
        return np.concatenate(
            [batch[0] for batch in batches] or [np.zeros((0, self.num_classes), np.float32)]
        )

    def open_layers(self) -> "Layers":
        """Open the network for the outputs of its layers.

        Raises:
            InvalidInput: If its graph can't be extended by these outputs.
        """
        try:
            return Layers(self._content, num_threads=self._threads)
        except Exception as error:  # the runtime's errors have no common class
            raise InvalidInput("The layers of this network can't be looked at.") from error


class Layers:
    """The layers of a network; `Network.open_layers` makes it."""

    def __init__(self, content: bytes, *, num_threads: int | None) -> None:
        self._names: dict[str, str] = {}
        """Operations of each layer, by the name of its output in the graph."""
        output = ""
        for node in read_nodes(content):
            if any(name.startswith(VIEWS) for name in node.inputs):
                continue
            if node.operation in BEGINS_LAYER:
                name = BEGINS_LAYER[node.operation]
            elif node.operation in FOLLOWS and output:
                name = f"{self._names.pop(output)}, {FOLLOWS[node.operation]}"
            elif node.operation == "Softmax":
                output = ""  # the layer ends in logits; the mean over the views is no part of it
                continue
            else:
                continue
            output = node.output
            self._names[output] = name
        extended = add_outputs(content, self._names)
        self._session = _open_session(extended, "The network", num_threads=num_threads)

    def of(self, glyph: UInt8[np.ndarray, "h w"]) -> list[Layer]:
        """Compute the outputs of the layers for a glyph, from the first to the logits."""
        # The first image of a batch is the glyph itself, the others are the views of it.
        found = self._session.run([*self._names], {"images": glyph[None, None].astype(np.float32)})
        return [
            Layer(name, np.asarray(values[0], np.float32).reshape(len(values[0]), *_size(values)))
            for name, values in zip(self._names.values(), found, strict=True)
        ]


def _size(values: np.ndarray) -> tuple[int, int]:
    return (values.shape[2], values.shape[3]) if values.ndim == 4 else (1, 1)


def _open_session(
    content: bytes, name: str, *, num_threads: int | None
) -> onnxruntime.InferenceSession:
    """Open a network in ONNX.

    Args:
        content: The file's content.
        name: The file, for the message.
        num_threads: Number of threads to compute with; all cores if not given.

    Raises:
        InvalidInput: If the content is no network.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is told by the exception
    options.intra_op_num_threads = num_threads or 0
    # Threads that wait for the next operation would take the cores from those of other programs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # The runtime would look for them in the current folder.
        if has_external_data(content):
            raise InvalidInput(f"{name}: expected all values in the file, found names of others.")
        # Without a fallback: it has none but the same again, which it announces on standard output.
        return onnxruntime.InferenceSession(
            content, options, ["CPUExecutionProvider"], enable_fallback=0
        )
    except InvalidInput:
        raise
    except Exception as error:  # the runtime's errors have no common class
        raise InvalidInput(f"{name}: expected a network in ONNX, made by digits export.") from error


def _read_content(model: str | Path | bytes | None, *, packaged: str) -> bytes:
    """Read an ONNX file, or the one of a name that comes with the package.

    Raises:
        InvalidInput: If there is no such file.
        DigitsError: If it can't be read.
    """
    if model is None:
        return (files("digits.reading") / "weights" / packaged).read_bytes()
    if isinstance(model, bytes):
        return model
    path = Path(model)
    if path.is_dir():
        raise InvalidInput(f"{path}: expected an ONNX file; make one with digits export {path}.")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(f"{path}: there is no such file.") from error
    except OSError as error:
        raise DigitsError(f"{path} can't be read: {error.strerror}.") from error
