"""Threads of OpenCV: one while pictures are read; before and after, as many as the user has."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from digits.reading.ink.threads import single_thread
from digits.reading.reader import Reader


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OPENCV_FOR_THREADS_NUM")
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("size", [28, 60])
def test_a_picture_is_read_with_one_thread_of_opencv(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    reader, seen = Reader(num_threads=1), []
    find = cv2.connectedComponentsWithStats

    def look(*arguments: Any, **named: Any) -> Any:
        seen.append(cv2.getNumThreads())
        return find(*arguments, **named)

    monkeypatch.setattr(cv2, "connectedComponentsWithStats", look)
    picture = np.full((size, size), 255, np.uint8)
    picture[6:-6, size // 2 - 1 : size // 2 + 1] = 0
    for read in (reader.read, lambda image: reader.read_glyphs([image])):
        read(picture)
        assert cv2.getNumThreads() == 3
    assert set(seen) == {1}


@pytest.mark.usefixtures("three_threads")
def test_the_last_of_several_readers_restores_the_number_of_threads() -> None:
    with single_thread:
        with single_thread:
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
def test_what_the_user_has_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FOR_THREADS_NUM", "3")
    with single_thread:
        assert cv2.getNumThreads() == 3
