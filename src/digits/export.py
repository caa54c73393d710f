"""Export to ONNX, to torch's formats, to C: raw pixels in, probabilities out, as torch has them.

A network of glyphs gives calibrated probabilities; one of lines gives, in each column, those of the
classes and the edges of a box.
"""

import io
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num, UInt8
from torch import Tensor, nn

from digits.data import DataSet
from digits.data.catalog import is_path
from digits.errors import DigitsError, InvalidInput
from digits.evaluation.lines import Lines
from digits.files import write_atomic
from digits.hardware import describe_versions
from digits.int8 import quantize_onnx
from digits.models import SMALLEST, Tiny, reads_lines
from digits.quantization import count_bytes, quantize, write_c
from digits.reading import symbols
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.onnx_graph import seal
from digits.run import Run, load_set
from digits.training.calibration import count_views, temperature_of
from digits.training.tasks import compose_lines
from digits.views import VIEWS, Views

OPSET = 18
"""Oldest opset that torch's exporter writes without conversion; runtimes since 2023 know it."""

TOLERANCE = 1e-4
"""Largest difference allowed between a probability of ONNX and of torch."""

HALF_TOLERANCE = 5e-3
"""Largest difference allowed where the weights of a network of lines are rounded to float16."""

NUM_CHECKED = 1000
"""Number of test images on which the two are compared."""

NUM_CALIBRATED = 1000
"""Number of training images that say how large the values of each layer become."""

MOST_CHANGED = 0.01
"""Largest share of the images on which the two are compared that integers of eight bits may read as
another class, 0 to 0.1; one always may be. Source: of 5,000 training images, none to two are with
`fast`, `balanced` and `compact`."""

TORCH_FORMATS = {"torchscript": "model.ts", "pt2": "model.pt2"}
"""Formats of torch itself, with the name of the file in the run folder."""

HALVED = 20_000
"""Fewest weights of a layer that are rounded. Smaller layers would save 3 % more, and double the
difference."""


@dataclass(frozen=True)
class Converted:
    """A network converted to ONNX."""

    content: bytes
    """The ONNX file's content."""
    temperature: float
    """Temperature by which the logits are divided; 1 for lines."""
    largest_difference: float
    """Largest difference between a probability of ONNX and of torch."""


@dataclass(frozen=True)
class Export:
    """The ONNX file that was written."""

    path: Path
    num_bytes: int
    temperature: float
    """Temperature by which the logits are divided."""
    largest_difference: float
    """Largest difference between a probability of ONNX and of torch."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON."""
        return {
            "path": str(self.path),
            "bytes": self.num_bytes,
            "temperature": self.temperature,
            "largest_difference": self.largest_difference,
        }


@dataclass(frozen=True)
class Int8Export(Export):
    """The ONNX file in integers of eight bits that was written."""

    num_float_bytes: int
    """Bytes of the file in floating point."""
    num_changed: int
    """Number of test images, of those compared, that have another likeliest class than in torch."""
    num_compared: int
    """Number of test images on which the two were compared."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON."""
        return {
            **super().to_dict(),
            "float_bytes": self.num_float_bytes,
            "changed": self.num_changed,
            "compared": self.num_compared,
        }


@dataclass(frozen=True)
class CExport:
    """The header in C that was written."""

    path: Path
    num_bytes: int
    """Bytes of weights, scales and biases once it is compiled."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON."""
        return {"path": str(self.path), "bytes": self.num_bytes}


class Calibrated(nn.Module):
    """Calibrated probabilities of a network: the mean over the views, with temperature scaling.

    Args:
        model: Maps raw pixels (n, 1, size, size) to logits (n, classes).
        temperature: Temperature by which the logits are divided.
        num_classes: Number of classes.
        size: Height and width of an image in pixels.
        num_views: Number of views of each image.
    """

    def __init__(
        self,
        model: nn.Module,
        temperature: float,
        *,
        num_classes: int = 10,
        size: int = 28,
        num_views: int = len(VIEWS),
    ) -> None:
        super().__init__()
        self.views, self.model, self.temperature = Views(size, num_views), model, temperature
        self.num_classes, self.num_views = num_classes, num_views

    def forward(self, images: Num[Tensor, "n 1 h w"]) -> Float[Tensor, "n classes"]:
        """Compute the probabilities of raw pixels, 0 to 255."""
        logits: Tensor = self.model(self.views(images))
        probabilities = (logits / self.temperature).softmax(dim=1)
        return probabilities.reshape(self.num_views, -1, self.num_classes).mean(dim=0)


class LineOutputs(nn.Module):
    """Outputs of a network that reads lines, told apart.

    Args:
        model: Maps raw pixels (n, 1, 40, w) to channels of columns (n, 20, w / 2).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, images: Num[Tensor, "n 1 40 w"]
    ) -> tuple[Float[Tensor, "n 16 columns"], Float[Tensor, "n 4 columns"]]:
        """Compute the classes' log-probabilities, and the distances of the edges of a box."""
        outputs: Tensor = self.model(images)
        scores, distances = outputs.split([symbols.NUM_CLASSES, 4], dim=1)
        return scores.log_softmax(dim=1), distances


def export(run: Run, path: Path | None = None) -> Export:
    """Write a run's network as one ONNX file, for `Reader` and for any other runtime.

    Its input is `images`, float32 (n, 1, size, size), 0 to 255, any n; its output is
    `probabilities` (n, classes), calibrated by the run's temperature; of digits, the mean over
    three views of each image. The metadata names the classes.

    A network that reads lines takes `images`, float32 (n, 1, 40, w), any n and any even w. It gives
    `log_probabilities` (n, 16, w / 2) and `boxes` (n, 4, w / 2), as `reading.symbols` says. Its
    weights are rounded to float16, if that makes little difference.

    Args:
        run: A finished run.
        path: The file to write; `model.onnx` in the run's folder if not given.

    Returns:
        The path and facts of the file.

    Raises:
        DigitsError: If the run is unfinished, the network can't be written in ONNX, or what was
            written does not agree with torch.
    """
    path = path or run.folder / "model.onnx"
    made = convert(run)
    write_atomic(path, made.content)
    return Export(path, len(made.content), made.temperature, made.largest_difference)


def export_int8(run: Run, path: Path | None = None) -> Int8Export:
    """Write a run's network as ONNX in integers of eight bits: a third of the size.

    Weights are int8, with a scale for each channel, and maps uint8, of the range that they have for
    training images. Input and output are those of `export`. The runtime has to know ONNX's
    QuantizeLinear by channel, as onnxruntime does.

    Args:
        run: A finished run of a network that reads glyphs.
        path: The file to write; `model-int8.onnx` in the run's folder if not given.

    Returns:
        The path and facts of the file.

    Raises:
        InvalidInput: If the network reads lines.
        DigitsError: As `export` does.
    """
    _expect_glyphs(run, "integers of eight bits")
    path = path or run.folder / "model-int8.onnx"
    made = convert(run)
    data = load_set(run.recipe, is_same=False)
    split, _ = data.split(run.recipe.validation_size)
    content = quantize_onnx(made.content, split.images[:NUM_CALIBRATED].numpy())
    # What is large and in floating point still: the weights that make the views.
    content = _with_half_weights(content)
    facts = _facts(run, made.temperature)
    facts.pop("test_accuracy", None)  # that of another network
    content = _with_metadata(content, {**facts, "weights": "int8"})
    images = data.test.images[:NUM_CHECKED]
    found = Network(content).probabilities(images.numpy())
    with torch.inference_mode():
        expected = _calibrated(run, made.temperature)(images[:, None].float()).numpy()
    num_changed = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    most = max(1, int(MOST_CHANGED * len(images)))
    if num_changed > most:
        raise DigitsError(
            f"{run.folder}: expected integers of eight bits to read at most {most} of "
            f"{len(images):,} images otherwise than torch, found {num_changed:,}; nothing was "
            "written. Export it in floating point."
        )
    write_atomic(path, content)
    return Int8Export(
        path=path,
        num_bytes=len(content),
        temperature=made.temperature,
        largest_difference=float(np.abs(found - expected).max()),
        num_float_bytes=len(made.content),
        num_changed=num_changed,
        num_compared=len(images),
    )


def export_torch(run: Run, format: str, path: Path | None = None) -> Export:
    """Write a run's network in a format of torch, which needs none of this package's code.

    Input and output are those of `export`, and the file `digits.json` in it holds the same
    metadata. `torch.jit.load(path)` gives the network of a TorchScript file, and
    `torch.export.load(path).module()` that of a PT2 archive.

    Args:
        run: A finished run of a network that reads glyphs.
        format: The format: torchscript or pt2.
        path: The file to write; `model.ts` or `model.pt2` in the run's folder if not given.

    Returns:
        The path and facts of the file.

    Raises:
        InvalidInput: If the network reads lines, or the format is another.
        DigitsError: As `export` does.
    """
    if format not in TORCH_FORMATS:
        raise InvalidInput(f"format: expected {' or '.join(TORCH_FORMATS)}, found {format!r}.")
    _expect_glyphs(run, format)
    path = path or run.folder / TORCH_FORMATS[format]
    data = load_set(run.recipe, is_same=False)
    temperature = temperature_of(run, data)
    model = _calibrated(run, temperature)
    facts = {"digits.json": json.dumps(_facts(run, temperature))}
    make = _to_torchscript if format == "torchscript" else _to_pt2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch's formats will change
        try:
            content, read = make(model, facts)
        except Exception as error:  # a user's own network may compute what can't be expressed
            raise DigitsError(
                f"The network can't be written as {format}: {_reason(error)}"
            ) from error
        images = data.test.images[:NUM_CHECKED, None].float()
        with torch.inference_mode():
            difference = float((read(images) - model(images)).abs().max())
    if not difference <= TOLERANCE:
        raise _disagreement(run, difference, format)
    write_atomic(path, content)
    return Export(path, len(content), temperature, difference)


def export_c(run: Run, path: Path | None = None) -> CExport:
    """Write a run's network as one header in C, in integers, for microcontrollers.

    Its function `digits_read` takes 28 × 28 pixels, 0 to 255, and gives ten logits and the
    likeliest digit, or as many pixels and classes as its set has: without views and temperature.

    Args:
        run: A finished run of the network `tiny`.
        path: The file to write; `model.h` in the run's folder if not given.

    Returns:
        The path and facts of the file.

    Raises:
        InvalidInput: If the run is of another network, or of images that it enlarges.
        DigitsError: If the run is unfinished.
    """
    if run.recipe.network != "tiny":
        raise InvalidInput(
            "Expected a run of the network 'tiny', as the code in C is of that one and fits "
            f"microcontrollers; found one of {run.recipe.network!r}."
        )
    if run.size < SMALLEST:
        raise InvalidInput(
            f"Expected a run on images of at least {SMALLEST} pixels, as the code in C enlarges "
            f"none; found one on {run.size}."
        )
    path = path or run.folder / "model.h"
    split, _ = load_set(run.recipe, is_same=False).split(run.recipe.validation_size)
    assert isinstance(run.model, Tiny)
    layers = quantize(run.model, split.images[:NUM_CALIBRATED])
    write_atomic(path, write_c(layers, size=run.size).encode())
    return CExport(path, count_bytes(layers))


def convert(run: Run) -> Converted:
    """Convert a run's network to the content of an ONNX file; see `export`.

    Args:
        run: A finished run.

    Returns:
        The content, with its temperature and its difference to torch.

    Raises:
        DigitsError: As `export` does.
    """
    data = load_set(run.recipe, is_same=False)
    if reads_lines(run.recipe.network):
        return _convert_lines(run, data)
    temperature = temperature_of(run, data)
    model = _calibrated(run, temperature)
    content = _to_onnx(model)
    difference = _largest_difference(content, model, data.test.images[:NUM_CHECKED])
    if not difference <= TOLERANCE:
        raise _disagreement(run, difference)
    return Converted(_with_metadata(content, _facts(run, temperature)), temperature, difference)


def _calibrated(run: Run, temperature: float) -> Calibrated:
    return Calibrated(
        run.model.float(),
        temperature,
        num_classes=len(run.classes),
        size=run.size,
        num_views=count_views(run.classes),
    ).eval()


def _facts(run: Run, temperature: float) -> dict[str, str]:
    return {"classes": json.dumps(run.classes), **describe(run, temperature)}


def _expect_glyphs(run: Run, format: str) -> None:
    if reads_lines(run.recipe.network):
        raise InvalidInput(
            f"Expected a run whose network reads single digits, to be written as {format}; found "
            f"{run.folder}, which reads lines. Export it in ONNX."
        )


def _convert_lines(run: Run, mnist: DataSet) -> Converted:
    """Convert a network that reads lines, with rounded weights if they do as well."""
    model = LineOutputs(run.model.float()).eval()
    lines = compose_lines(mnist.test)
    content = _lines_to_onnx(model)
    for rounded, tolerance in ((_with_half_weights(content), HALF_TOLERANCE), (content, TOLERANCE)):
        difference = _largest_line_difference(rounded, model, lines)
        if difference <= tolerance:
            facts = {"task": "lines", **describe(run, 1.0)}
            return Converted(_with_metadata(rounded, facts), 1.0, difference)
    raise _disagreement(run, difference)


def _disagreement(run: Run, difference: float, format: str = "ONNX") -> DigitsError:
    return DigitsError(
        f"{run.folder}: expected {format} to agree with torch within {TOLERANCE:g}, found a "
        f"difference of {difference:.2g}; nothing was written."
    )


def describe(run: Run, temperature: float) -> dict[str, str]:
    """List the metadata of the ONNX file: recipe, figures and versions."""
    summary, recipe = run.summary, run.recipe
    if is_path(recipe.dataset):  # the file may go anywhere, and need not tell of folders here
        recipe = recipe.override(dataset=f"./{Path(recipe.dataset).name}")
    try:
        return {
            "recipe": recipe.to_toml(),
            "dataset": recipe.dataset,
            "temperature": f"{temperature:.4f}",
            "test_accuracy": f"{summary['test']['accuracy']:.4f}",
            "training_images": str(summary["training_images"]),
            "parameters": str(summary["parameters"]),
            "commit": str(summary["commit"]),
            "versions": json.dumps(summary["versions"]),
        }
    except KeyError as error:
        raise DigitsError(
            f"{run.summary_path}: expected {error}, found none; train anew."
        ) from error


def _to_onnx(model: Calibrated) -> bytes:
    """Write a network of glyphs in ONNX, for any number of images."""
    return _write(model, _example(model), {0: torch.export.Dim("n")}, ["probabilities"])


def _lines_to_onnx(model: nn.Module) -> bytes:
    """Write a network of lines in ONNX, for any number of images and columns."""
    shape = {0: torch.export.Dim("n"), 3: symbols.COLUMN_STEP * torch.export.Dim("columns")}
    example = torch.zeros(2, 1, symbols.LINE_HEIGHT, 96)
    return _write(model, example, shape, ["log_probabilities", "boxes"])


def _write(
    model: nn.Module, example: Tensor, dynamic_shape: dict[int, Any], output_names: list[str]
) -> bytes:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's, about itself
            program = torch.onnx.export(
                model,
                (example,),
                input_names=["images"],
                output_names=output_names,
                dynamic_shapes=(dynamic_shape,),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
            assert program is not None
            content = seal(program.model_proto.SerializeToString())
    except Exception as error:  # a user's own network may compute what ONNX can't express
        raise DigitsError(f"The network can't be written in ONNX: {_reason(error)}") from error
    finally:
        logger.setLevel(level)
    return content


def _to_torchscript(model: Calibrated, facts: dict[str, str]) -> tuple[bytes, nn.Module]:
    """Write a network as TorchScript; gives the file's content, and the network read from it."""
    buffer = io.BytesIO()
    script = torch.jit.trace(model, _example(model))
    torch.jit.save(script, buffer, _extra_files=facts)
    content = buffer.getvalue()
    return content, torch.jit.load(io.BytesIO(content))


def _to_pt2(model: Calibrated, facts: dict[str, str]) -> tuple[bytes, nn.Module]:
    """Write a network as a PT2 archive; gives the file's content, and the network read from it."""
    buffer = io.BytesIO()
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(model, (_example(model),), dynamic_shapes=shapes)
    torch.export.save(program, buffer, extra_files=facts)
    content = buffer.getvalue()
    return content, torch.export.load(io.BytesIO(content)).module()


def _example(model: Calibrated) -> Float[Tensor, "2 1 size size"]:
    size = model.views.size
    return torch.zeros(2, 1, size, size)


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _largest_difference(content: bytes, model: nn.Module, images: UInt8[Tensor, "n h w"]) -> float:
    found = Network(content).probabilities(images.numpy())
    with torch.inference_mode():
        expected = model(images[:, None].float()).numpy()
    return float(np.abs(found - expected).max())


def _largest_line_difference(content: bytes, model: nn.Module, lines: Lines) -> float:
    """Find the largest difference of a class's probability, in batches of several widths."""
    network, differences = LineNetwork(content), []
    for images in lines.batches:
        found = np.stack([line.log_probabilities for line in network.columns(list(images))])
        with torch.inference_mode():
            expected, _ = model(torch.from_numpy(images)[:, None].float())
        differences.append(np.abs(np.exp(found) - expected.exp().numpy()).max())
    return float(np.max(differences))


def _with_half_weights(content: bytes) -> bytes:
    """Store the large layers' weights as float16; a runtime makes them float32 as it loads them."""
    import onnx

    document = onnx.load_from_string(content)
    graph, casts = document.graph, []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < HALVED:
            continue
        name = tensor.name
        with np.errstate(over="ignore"):  # what overflows is found when the two are compared
            half = values.astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del document.metadata_props[:]
    return seal(document.SerializeToString())


def _with_metadata(content: bytes, facts: dict[str, str]) -> bytes:
    """Add metadata about the network, and remove all about the machine.

    The exporter notes for each node the files of the machine that its code is in.
    """
    import onnx

    document = onnx.load_from_string(content)
    graph = document.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    onnx.helper.set_model_props(document, facts)
    document.producer_name, document.producer_version = "digits", describe_versions()["digits"]
    return seal(document.SerializeToString())
