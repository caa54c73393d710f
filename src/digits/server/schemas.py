"""Schemas of requests and responses, for OpenAPI, and their JSON."""

import base64
import json
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digits.errors import InvalidInput
from digits.reading.network import Layer
from digits.reading.results import Digit, Reading
from digits.server.limits import MAX_GLYPHS

Pixel = Annotated[float, Field(ge=0, le=255, multiple_of=1)]  # in JSON, 7.0 is an integer too
# Validation stops at the first fault: a hostile request may have a million of them.
Row = Annotated[list[Pixel], Field(min_length=28, max_length=28, fail_fast=True)]
Glyph = Annotated[list[Row], Field(min_length=28, max_length=28, fail_fast=True)]
Probability = Annotated[float, Field(ge=0, le=1)]
Label = Annotated[int, Field(ge=0, le=9)]
Box = Annotated[
    tuple[float, float, float, float],
    Field(
        description="Left, top, width and height, in pixels of the picture in its EXIF orientation."
    ),
]
NUM_PIXELS = 28 * 28


class GlyphBatch(BaseModel):
    """Single digits of 28×28 pixels, white on black, framed as in MNIST."""

    model_config = ConfigDict(strict=True)

    glyphs: Annotated[list[Glyph], Field(min_length=1, max_length=MAX_GLYPHS, fail_fast=True)]


class Alternative(BaseModel):
    """A less likely label."""

    label: Label
    confidence: Probability


class GlyphReading(BaseModel):
    """The digit read from a glyph."""

    label: Label = Field(description="The likeliest digit, also when refused.")
    confidence: Probability = Field(description="Calibrated probability of the label.")
    probabilities: Annotated[list[Probability], Field(min_length=10, max_length=10)] = Field(
        description="Probabilities of the ten digits; what they lack to 1 is that of no digit."
    )
    alternatives: list[Alternative] = Field(description="The two next likeliest digits.")
    reason: str | None = Field(description="Why the digit is refused; null if it is not.")


class DigitReading(GlyphReading):
    """A digit read in a picture."""

    box: Box
    glyph: str = Field(
        description="Input of the network: 28×28 bytes, row by row, 0 black, 255 white; base64.",
        json_schema_extra={"contentEncoding": "base64"},
    )


class GlyphReadings(BaseModel):
    """One digit for each glyph, in the order of the request."""

    digits: list[GlyphReading]


class LineReading(BaseModel):
    """A line read in a picture: words beside each other."""

    text: str = Field(
        description="Its digits; a question mark stands for a refused one, or for a mark as high."
    )
    written: str = Field(
        description="The text with its separators, as they are written.", examples=["12,50"]
    )
    confidence: Probability = Field(
        description="Probability that each of its digits is right, and that there are no others."
    )
    box: Box


class LeftOutMark(BaseModel):
    """Ink that was seen in a picture and is no digit."""

    kind: Literal["separator", "not a digit", "rule", "speck"] = Field(description="What it is.")
    text: str = Field(
        description="The separator as it is written; empty for other kinds.", examples=[","]
    )
    box: Box


class PictureReading(BaseModel):
    """All that was read in a picture."""

    text: str = Field(description="All lines; a question mark stands for a refused digit.")
    turned: Literal[0, 90, 180, 270] = Field(
        description="Degrees clockwise by which the picture was turned to be read; its boxes are "
        "those of the picture before that."
    )
    lines: list[LineReading] = Field(description="Lines from top to bottom.")
    digits: list[DigitReading] = Field(description="Digits of all lines, in reading order.")
    left_out: list[LeftOutMark] = Field(description="Marks that were seen and are no digits.")


class LayerMaps(BaseModel):
    """Activations of one layer of the network."""

    name: str = Field(examples=["convolution, ReLU, max pooling"])
    channels: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    low: float = Field(description="Activation that byte 0 stands for.")
    high: float = Field(description="Activation that byte 255 stands for.")
    maps: str = Field(
        description="One byte per activation, channel by channel, row by row; base64.",
        json_schema_extra={"contentEncoding": "base64"},
    )


class LayerReadings(BaseModel):
    """Activations of all layers, from the first to the ten logits."""

    layers: list[LayerMaps]


class HealthStatus(BaseModel):
    """Whether the server is alive, or ready."""

    status: str = Field(examples=["ready"])


class LearningStatus(BaseModel):
    """Corrections that the server keeps, and the network that it learned from them."""

    corrections: int = Field(ge=0, description="Number of corrections that are kept.")
    is_learning: bool = Field(description="Whether a network is being learned.")
    learned: Literal["none", "ready", "in use"] = Field(
        description="Whether a network was learned, and whether it reads now."
    )
    message: str = Field(
        description="What the last attempt to learn came to, or its latest line; empty if there "
        "was none."
    )


class NetworkCard(BaseModel):
    """The network in use."""

    parameters: int | None = Field(description="Number of weights; null if the file does not say.")
    test_accuracy: Probability | None = Field(
        description="Accuracy on MNIST's 10,000 test images; null if the file does not say, or is "
        "of a network that was trained and tested on another set."
    )
    threshold: Probability = Field(description="Confidence below which a digit is refused.")
    names_digits: bool = Field(
        description="Whether this network names each digit that is found in a picture; else the "
        "network of lines does, and this one is asked where that is unsure."
    )
    learning: LearningStatus | None = Field(
        description="What was learned from corrections; null if the server takes none."
    )


def parse_glyphs(content: bytes, *, is_json: bool) -> UInt8[np.ndarray, "n 28 28"]:
    """Parse the body of a request: JSON, or bytes, 784 per glyph.

    Raises:
        InvalidInput: If it has no glyphs, too many, or is malformed.
    """
    if is_json:
        try:
            batch = GlyphBatch.model_validate_json(content)
        except ValidationError as error:
            raise InvalidInput(_describe_first(error)) from error
        return np.array(batch.glyphs, np.uint8)
    count, rest = divmod(len(content), NUM_PIXELS)
    if rest or not 1 <= count <= MAX_GLYPHS:
        raise InvalidInput(
            f"Expected 1 to {MAX_GLYPHS:,} glyphs of 784 bytes each, found {len(content):,} bytes."
        )
    return np.frombuffer(content, np.uint8).reshape(count, 28, 28)


def _describe_first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"])
    return f"{keys.lstrip('.') or 'The body'}: {first['msg']}."[:300]


def reading_to_json(reading: Reading) -> bytes:
    """Encode a `PictureReading`."""
    digits = [{**digit.to_dict(), "glyph": _base64(digit.glyph)} for digit in reading.digits]
    return _json({**reading.to_dict(), "digits": digits})


def digits_to_json(digits: list[Digit]) -> bytes:
    """Encode `GlyphReadings`."""
    documents = [digit.to_dict() for digit in digits]
    for document in documents:
        del document["box"]
    return _json({"digits": documents})


def layers_to_json(layers: list[Layer]) -> bytes:
    """Encode `LayerReadings`."""
    return _json({"layers": [_layer(layer) for layer in layers]})


def _layer(layer: Layer) -> dict[str, Any]:
    channels, height, width = layer.maps.shape
    low, high = float(layer.maps.min()), float(layer.maps.max())
    scale = 255 / (high - low) if high > low else 0.0
    return {
        "name": layer.name,
        "channels": channels,
        "height": height,
        "width": width,
        "low": low,
        "high": high,
        "maps": _base64(np.rint((layer.maps - low) * scale).astype(np.uint8)),
    }


def _base64(pixels: np.ndarray) -> str:
    return base64.b64encode(pixels.tobytes()).decode("ascii")


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
