"""Threads of OpenCV: a single one while a picture is read.

Those of its pool spin before and after each operation, for longer than most operations take on a
picture, and where other programs run too, they take the cores from those that work.
"""

import os
from contextlib import ContextDecorator
from threading import Lock

import cv2


class _SingleThread(ContextDecorator):
    """Context in which OpenCV computes with one thread; several threads may enter it.

    It does nothing where the environment says how many threads OpenCV may use.
    """

    def __init__(self) -> None:
        self._lock, self._num_entered, self._num_threads = Lock(), 0, 1

    def __enter__(self) -> None:
        with self._lock:
            self._num_entered += 1
            if self._num_entered == 1 and "OPENCV_FOR_THREADS_NUM" not in os.environ:
                self._num_threads = cv2.getNumThreads()
                cv2.setNumThreads(1)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._num_entered -= 1
            if self._num_entered == 0 and "OPENCV_FOR_THREADS_NUM" not in os.environ:
                cv2.setNumThreads(self._num_threads)


single_thread = _SingleThread()
