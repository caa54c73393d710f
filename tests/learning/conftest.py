from pathlib import Path

import cv2
import numpy as np
import pytest

from digits.data import DataSet, Split
from digits.reading.model_folder import Networks, open_networks
from tests.training.drawn_digits import draw_digits


@pytest.fixture(scope="session")
def packaged() -> Networks:
    return open_networks(None, num_threads=1)


@pytest.fixture(scope="session")
def drawn() -> DataSet:
    """Drawn digits in the place of MNIST's."""
    train, test = draw_digits(400), draw_digits(100)
    return DataSet("mnist", Split("train", *train), Split("test", *test), "made by the tests")


def write_number(path: Path, number: str, *, mirrored: bool = False) -> None:
    """Write a number on white paper; in a mirror, it is read as something else."""
    page = np.full((120, 60 + 50 * len(number)), 255, np.uint8)
    cv2.putText(page, number, (30, 85), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 5, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), page[:, ::-1] if mirrored else page)
