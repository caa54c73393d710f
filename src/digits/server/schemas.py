"""What the routes take and give, as OpenAPI describes it."""

import base64
import json
from typing import Annotated, Any

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digits.errors import InvalidInput
from digits.reading.network import Layer
from digits.reading.results import Digit, Reading
from digits.server.limits import MAX_GLYPHS

Pixel = Annotated[float, Field(ge=0, le=255, multiple_of=1)]  # JSON knows no integers: 7.0 is one
# The first fault is told, and no other looked for: of a hostile request, there may be a million.
Row = Annotated[list[Pixel], Field(min_length=28, max_length=28, fail_fast=True)]
Glyph = Annotated[list[Row], Field(min_length=28, max_length=28, fail_fast=True)]
Probability = Annotated[float, Field(ge=0, le=1)]
Label = Annotated[int, Field(ge=0, le=9)]
NUM_PIXELS = 28 * 28


class GlyphBatch(BaseModel):
    """Digits of 28×28 pixels, white on black, framed as MNIST's."""

    model_config = ConfigDict(strict=True)

    glyphs: Annotated[list[Glyph], Field(min_length=1, max_length=MAX_GLYPHS, fail_fast=True)]


class Alternative(BaseModel):
    """Another guess."""

    label: Label
    confidence: Probability


class GlyphReading(BaseModel):
    """What a glyph is read as."""

    label: Label = Field(description="The best guess, also when refused.")
    confidence: Probability = Field(description="Probability of the best guess, calibrated.")
    probabilities: Annotated[list[Probability], Field(min_length=10, max_length=10)] = Field(
        description="Of the ten digits; what is missing to 1 is the doubt that it is one."
    )
    alternatives: list[Alternative] = Field(description="The two next guesses.")
    reason: str | None = Field(description="Why it is refused; null if it is not.")


class DigitReading(GlyphReading):
    """A digit on a picture."""

    box: tuple[float, float, float, float] = Field(
        description="Left, top, width and height, in pixels of the picture, held upright."
    )
    glyph: str = Field(
        description="What the network saw: 28×28 bytes, row by row, 0 black to 255 white, base64.",
        json_schema_extra={"contentEncoding": "base64"},
    )


class GlyphReadings(BaseModel):
    """A digit for each glyph, in their order."""

    digits: list[GlyphReading]


class PictureReading(BaseModel):
    """What was read on a picture."""

    text: str = Field(description="All lines; a refused mark is a question mark.")
    lines: list[str] = Field(description="Each line's text, from top to bottom.")
    digits: list[DigitReading] = Field(description="In the order in which they are read.")


class LayerMaps(BaseModel):
    """What one layer of the network makes of a glyph."""

    name: str = Field(examples=["convolution, ReLU, max pooling"])
    channels: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    low: float = Field(description="What byte 0 stands for.")
    high: float = Field(description="What byte 255 stands for.")
    maps: str = Field(
        description="A byte a value, channel by channel, row by row, base64.",
        json_schema_extra={"contentEncoding": "base64"},
    )


class LayerReadings(BaseModel):
    """What the network does inside, from the first layer to the ten logits."""

    layers: list[LayerMaps]


class State(BaseModel):
    """How the server is."""

    status: str = Field(examples=["ready"])


class NetworkCard(BaseModel):
    """What reads."""

    parameters: int | None = Field(description="Trained weights; null if the file does not say.")
    test_accuracy: Probability | None = Field(description="On MNIST's 10,000 test images.")
    threshold: Probability = Field(description="Read with less confidence, a mark is refused.")


def parse_glyphs(content: bytes, *, is_json: bool) -> UInt8[np.ndarray, "n 28 28"]:
    """The glyphs of a request, from JSON or from bytes, 784 a glyph.

    Raises:
        InvalidInput: If it holds none, too many, or something else.
    """
    if is_json:
        try:
            batch = GlyphBatch.model_validate_json(content)
        except ValidationError as error:
            raise InvalidInput(_first(error)) from error
        return np.array(batch.glyphs, np.uint8)
    count, rest = divmod(len(content), NUM_PIXELS)
    if rest or not 1 <= count <= MAX_GLYPHS:
        raise InvalidInput(
            f"Expected 1 to {MAX_GLYPHS:,} glyphs of 784 bytes each, found {len(content):,} bytes."
        )
    return np.frombuffer(content, np.uint8).reshape(count, 28, 28)


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"])
    return f"{place.lstrip('.') or 'The body'}: {found['msg']}."[:300]


def reading_to_json(reading: Reading) -> bytes:
    """As `PictureReading`."""
    digits = [{**digit.to_dict(), "glyph": _base64(digit.glyph)} for digit in reading.digits]
    return _json({"text": reading.text, "lines": list(reading.lines), "digits": digits})


def digits_to_json(digits: list[Digit]) -> bytes:
    """As `GlyphReadings`."""
    plain = [digit.to_dict() for digit in digits]
    for facts in plain:
        del facts["box"]
    return _json({"digits": plain})


def layers_to_json(layers: list[Layer]) -> bytes:
    """As `LayerReadings`."""
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
