"""Decoding: what nobody waits for is not decoded, and what can't be is told in a line."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.errors import InvalidInput
from digits.reading.ink import decoding, limits, open_picture, pages
from digits.reading.reader import Reader
from digits.reading.work import GivenUp
from tests.reading.test_ink import png_that_claims, saved

PNG = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)), "PNG")
NUM_PIXELS = 90 * 90


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> limits.Room:
    """A room for one picture, in which all are decoded."""
    room = limits.Room(NUM_PIXELS)
    monkeypatch.setattr(pages, "DECODING", room)
    return room


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Image.Image]:
    """Images that were decoded."""
    found: list[Image.Image] = []
    load = Image.Image.load

    def recorded(image: Image.Image) -> Any:
        found.append(image)
        return load(image)

    monkeypatch.setattr(Image.Image, "load", recorded)
    return found


@pytest.mark.usefixtures("room")
def test_a_picture_that_is_given_up_is_not_decoded(decoded: list[Image.Image]) -> None:
    with pytest.raises(GivenUp):
        open_picture(PNG, is_given_up=lambda: True)
    with pytest.raises(GivenUp):
        open_picture(Image.open(io.BytesIO(PNG)), is_given_up=lambda: True)
    assert not decoded


def test_a_reading_that_is_given_up_waits_for_room_no_longer(
    room: limits.Room, decoded: list[Image.Image], tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    reader = Reader(num_threads=1)
    is_waiting, is_over = threading.Event(), threading.Event()
    num_asked = 0

    def is_given_up() -> bool:
        nonlocal num_asked
        num_asked += 1
        if num_asked == 2:  # once ahead of the wait, and once in it
            is_waiting.set()
        return is_over.is_set()

    with ThreadPoolExecutor(1) as threads, room.room_for(NUM_PIXELS):
        reading = threads.submit(reader.read, path, is_given_up=is_given_up)
        assert is_waiting.wait(30)
        is_over.set()
        with pytest.raises(GivenUp):
            reading.result(30)
    assert not decoded
    with room.room_for(NUM_PIXELS):  # it is free again
        pass


@pytest.mark.parametrize("num_asked", [2, 3])
def test_a_picture_is_given_up_once_there_is_room_and_once_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
    room: limits.Room,
    decoded: list[Image.Image],
    num_asked: int,
) -> None:
    answers = iter([*(num_asked - 1) * [False], True])
    converted: list[Image.Image] = []
    monkeypatch.setattr(decoding, "picture_of", converted.append)
    with pytest.raises(GivenUp):
        open_picture(PNG, is_given_up=lambda: next(answers))
    assert bool(decoded) == (num_asked == 3)
    assert not converted
    with room.room_for(NUM_PIXELS):
        pass


def test_an_image_is_given_up_once_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    converted: list[Image.Image] = []
    monkeypatch.setattr(decoding, "picture_of", converted.append)
    with pytest.raises(GivenUp):
        open_picture(Image.open(io.BytesIO(PNG)), is_given_up=lambda: next(answers))
    assert not converted


@pytest.mark.parametrize("rotate", [True, False])
def test_an_image_of_a_file_that_is_cut_off_is_told_to_be(rotate: bool) -> None:
    image = Image.open(io.BytesIO(PNG[: len(PNG) // 2]))
    with pytest.raises(InvalidInput, match=r"^The picture is damaged or cut off: "):
        Reader(num_threads=1).read(image, rotate=rotate)


def test_an_image_that_is_too_large_is_refused_before_it_is_decoded(
    decoded: list[Image.Image],
) -> None:
    image = Image.open(io.BytesIO(png_that_claims(9_000, 9_000)))
    with pytest.raises(InvalidInput, match="at most 64,000,000 pixels, found 81,000,000"):
        open_picture(image)
    assert not decoded
