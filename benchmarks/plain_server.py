"""A baseline server to compare with: a FastAPI handler that calls PyTorch for each request.

It follows FastAPI's tutorials: the request is a typed body, the handler runs in a thread, the
network in inference mode. The network has the reader's architecture with random weights, which
make no difference in speed.
"""

import io
from typing import Annotated

import numpy as np
import torch
from fastapi import Body, FastAPI
from PIL import Image
from pydantic import BaseModel
from torch import Tensor

from digits.models import build_model


class GlyphBatch(BaseModel):
    """Glyphs of 28×28 pixels, white on black."""

    glyphs: list[list[list[int]]]


class Prediction(BaseModel):
    """The likeliest digit, and how likely each is."""

    label: int
    probabilities: list[float]


app = FastAPI()
model = build_model("glyph-classifier", mean=0.1307, std=0.3081).eval()


def classify(images: Tensor) -> Prediction:
    """Run the network on one image."""
    with torch.inference_mode():
        probabilities = model(images).softmax(dim=1)[0]
    return Prediction(label=int(probabilities.argmax()), probabilities=probabilities.tolist())


@app.post("/v1/glyphs")
def predict(batch: GlyphBatch) -> Prediction:
    """Classify a glyph."""
    return classify(torch.tensor(batch.glyphs, dtype=torch.float32).unsqueeze(1))


@app.post("/v1/read")
def predict_picture(picture: Annotated[bytes, Body(media_type="image/png")]) -> Prediction:
    """Classify a picture of one digit, dark on light."""
    image = Image.open(io.BytesIO(picture)).convert("L").resize((28, 28))
    pixels = 255 - np.asarray(image, np.float32)
    return classify(torch.from_numpy(pixels)[None, None])
