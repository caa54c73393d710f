"""Libraries in C: whether they load, in a process of their own, and what is loaded with them.

An instruction that a processor lacks ends the process that comes to it, so another one tells.
"""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digits.children import start_child
from digits.doctor.faults import (
    BROKEN_LIBRARY,
    ILLEGAL_INSTRUCTION,
    MISSING_SYSTEM_LIBRARY,
    TWO_OPENMP_RUNTIMES,
    Finding,
)
from digits.doctor.part import Part

LIBRARIES = {
    "numpy": "numpy",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "onnxruntime": "onnxruntime",
}
"""Libraries that reading needs, and the packages that bring them."""
LOAD_SECONDS = 60.0
"""Longest time that all of them may take to load, from a slow disk."""

RUNTIMES = {"libgomp": "GNU's", "libiomp5": "Intel's", "libomp": "LLVM's"}
"""Runtimes of OpenMP, by what the names of their files begin with."""
WINDOWS_ILLEGAL_INSTRUCTION = 0xC000001D
"""Exit status of a process on Windows that came to an instruction that the processor lacks."""


@dataclass(frozen=True)
class Loaded:
    """What came of loading the libraries."""

    names: list[str]
    """Libraries that loaded."""
    failed: str | None
    """The library that did not, if any; those after it were not tried."""
    reason: str
    """Why it did not: the error, or the signal that ended the process."""
    cpu_features: dict[str, bool] = field(default_factory=dict)
    """Features of the processor that NumPy tells, empty if that is not there."""
    openmp: list[str] = field(default_factory=list)
    """Files of OpenMP runtimes in the process, and such as torch would bring."""


def start_loading() -> "subprocess.Popen[bytes]":
    """Start the process that loads the libraries."""
    return start_child("digits.doctor.libraries", "load")


def load() -> None:
    """Load the libraries, and print a line of JSON before each and one at the end."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for whatever a library prints
    os.dup2(1, 2)

    def tell(**facts: Any) -> None:
        print(json.dumps(facts), file=lines, flush=True)

    for name in LIBRARIES:
        tell(library=name)
        try:
            import_module(name)
        except Exception as error:  # NumPy raises others than ImportError, too
            tell(failed=name, reason=" ".join(str(error).split()))
            return
    # The name is private; numpy.show_runtime() prints what is in it, with much else.
    core = sys.modules.get("numpy._core._multiarray_umath")
    cpu_features = getattr(core, "__cpu_features__", {})
    tell(cpu_features=cpu_features, openmp=sorted(set(_openmp_in_process())))


def finish_loading(process: "subprocess.Popen[bytes]") -> Loaded:
    """Wait for the process, and tell what came of it."""
    try:
        output, _ = process.communicate(timeout=LOAD_SECONDS)
        reason = _end_of(process.returncode)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        reason = f"it does not end within {LOAD_SECONDS:g} s"
    told: dict[str, Any] = {}
    begun: list[str] = []
    for line in output.decode(errors="replace").splitlines():
        with suppress(ValueError):  # half a line
            facts = json.loads(line)
            begun += [facts["library"]] if "library" in facts else []
            told |= facts
    if "openmp" in told:
        return Loaded(begun, None, "", told["cpu_features"], told["openmp"])
    failed = begun[-1] if begun else "Python"
    return Loaded(begun[:-1], failed, told.get("reason", reason))


def _end_of(status: int) -> str:
    """Name the signal that ended a process, or its exit status."""
    if status & 0xFFFFFFFF == WINDOWS_ILLEGAL_INSTRUCTION:
        return "SIGILL"
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"


def examine_libraries(loaded: Loaded) -> Part:
    """Examine what came of loading them: failures, and OpenMP runtimes of several makers."""
    findings: list[Finding] = []
    if loaded.failed is not None:
        findings.append(_failure(loaded.failed, loaded.reason))
    kinds = {kind: Path(file) for file in loaded.openmp if (kind := _kind_of(file))}
    if len(kinds) > 1:
        found = " and ".join(f"{RUNTIMES[kind]} {path}" for kind, path in kinds.items())
        findings.append(TWO_OPENMP_RUNTIMES.found(found=found))
    return Part("libraries", {"load": loaded.names, "OpenMP": loaded.openmp}, tuple(findings))


def _failure(library: str, reason: str) -> Finding:
    if reason == "SIGILL":
        return ILLEGAL_INSTRUCTION.found(library=library)
    package = LIBRARIES.get(library, library)
    missing = re.search(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file", reason)
    if missing:
        install = "install it with the system's packages"
        if library == "cv2":  # the package with windows, which overwrote the one without
            install = (
                f"run: {sys.executable} -m pip uninstall -y opencv-python opencv-contrib-python "
                f"{package}; {sys.executable} -m pip install {package}"
            )
        return MISSING_SYSTEM_LIBRARY.found(library=library, file=missing[1], install=install)
    return BROKEN_LIBRARY.found(library=library, reason=reason, package=package)


def _openmp_in_process() -> list[str]:
    """List the files of OpenMP runtimes in this process, and of those that torch has with it."""
    found = list(filter(_kind_of, _files_in_process()))
    spec = find_spec("torch")  # loads nothing
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "lib"
        found += [str(path) for path in folder.glob("lib*omp*") if _kind_of(path.name)]
    return found


def _files_in_process() -> set[str]:
    """List the libraries in this process, on Linux and macOS."""
    if sys.platform == "darwin":
        import ctypes

        system = ctypes.CDLL(None)
        system._dyld_get_image_name.restype = ctypes.c_char_p
        names = (system._dyld_get_image_name(i) for i in range(system._dyld_image_count()))
        return {os.fsdecode(name) for name in names if name}
    try:
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return set()
    return {line.split(maxsplit=5)[5] for line in lines if line.count("/") > 0}


def _kind_of(file: str) -> str | None:
    """The OpenMP runtime that a file is, by its name."""
    match = re.match(r"(libgomp|libiomp5|libomp)(?:md)?[-.]", Path(file).name)
    return match[1] if match else None
