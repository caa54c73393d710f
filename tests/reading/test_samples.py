"""The sample pictures that come with the package."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import SAMPLES

FOLDER = Path(str(files("digits.reading") / "samples"))

TEXTS = {"paper.jpg": "237845", "drawing.png": "4816", "form.png": "14032025"}


@pytest.mark.parametrize("name", TEXTS)
def test_each_sample_is_read_right(name: str, call: Callable[..., tuple[int, str, str]]) -> None:
    assert call("read", str(FOLDER / name)) == (0, f"{TEXTS[name]}\n", "")


def test_there_are_no_others_and_they_are_small() -> None:
    assert {path.name for path in FOLDER.iterdir()} == TEXTS.keys() == SAMPLES.keys()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


@pytest.mark.mnist
@pytest.mark.parametrize("name", TEXTS)
def test_the_script_makes_them_anew(name: str) -> None:
    made = SAMPLES[name]().astype(float)
    with Image.open(FOLDER / name) as committed:
        difference = np.abs(np.asarray(committed, float) - made)
    assert difference.mean() < 2, "what JPEG loses"
