from dataclasses import replace

import numpy as np
import pytest

from digits.training.composition import Writers
from digits.training.composition.manner import Manner, draw_manner
from tests.training.drawn_digits import draw_digits


@pytest.fixture(scope="session")
def writers() -> Writers:
    return Writers(*draw_digits(600), seed=0)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def plain() -> Manner:
    """A writer whose digits are all as MNIST's, in a line that runs level."""
    return replace(
        draw_manner(np.random.default_rng(0)),
        scale=1.0,
        slant=0.0,
        gap=2.0,
        gap_deviation=0.0,
        size_deviation=0.0,
        width=1.0,
        zero_size=1.0,
        zero_rise=0.0,
        one_size=1.0,
        drift=0.0,
        wave=0.0,
        upstroke=0.0,
        has_foot=False,
        has_bar=False,
        allographs={},
    )
