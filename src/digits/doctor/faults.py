"""Faults that the doctor knows: the sentence for each, and the mend."""

import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """A fault that was found on this machine."""

    name: str
    """Name of the fault, under which the handbook has more."""
    message: str
    """What was expected, and what was found."""
    mend: str
    """What to do; a command where there is one."""
    is_fault: bool
    """Whether something fails, or computes far more slowly; a warning otherwise."""

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.message}; {self.mend}"


@dataclass(frozen=True)
class Fault:
    """A fault that the doctor knows; in braces, what is filled in when it is found."""

    name: str
    message: str
    mend: str
    is_fault: bool = True

    def found(self, **values: Any) -> Finding:
        """Fill in what was found."""
        values = {"python": sys.executable, **values}
        return Finding(
            self.name, self.message.format(**values), self.mend.format(**values), self.is_fault
        )


def setting(variable: str, value: str | None) -> str:
    """The command that sets an environment variable, or unsets it, in the shell of this system."""
    if sys.platform == "win32":
        return f"Remove-Item Env:{variable}" if value is None else f'$env:{variable} = "{value}"'
    return f"unset {variable}" if value is None else f"export {variable}={value}"


ILLEGAL_INSTRUCTION = Fault(
    "illegal-instruction",
    "expected {library} to load, found a processor without the instructions that it is built with",
    "give a virtual machine the host's processor (QEMU: -cpu host), or use a newer one",
)
MISSING_SYSTEM_LIBRARY = Fault(
    "missing-system-library",
    "expected {library} to load, found no {file}, a library of the system",
    "{install}",
)
BROKEN_LIBRARY = Fault(
    "broken-library",
    "expected {library} to load, found: {reason}",
    "run: {python} -m pip install --force-reinstall {package}",
)
TWO_OPENMP_RUNTIMES = Fault(
    "two-openmp-runtimes",
    "expected one OpenMP runtime in a process, found {found}",
    "take the other out: from LD_PRELOAD, or by an environment of its own for digits "
    "(python -m venv)",
)
DUPLICATE_OPENMP_ALLOWED = Fault(
    "duplicate-openmp-allowed",
    "expected KMP_DUPLICATE_LIB_OK to be unset, found {value}, which hides two OpenMP runtimes "
    "that may compute wrong results",
    "run: {command}",
    is_fault=False,  # scikit-learn sets it for all that its process starts, where nothing is wrong
)
SPINNING_THREADS = Fault(
    "spinning-threads",
    "expected threads that sleep while they wait, found {variable}={value}, with which they take "
    "the cores from each other",
    "run: {command}",
)
MORE_THREADS_THAN_CORES = Fault(
    "more-threads-than-cores",
    "expected {variable} of {cores} at most, as many cores as this process may use, found {value}",
    "run: {command}",
)
THREADS_NOT_A_NUMBER = Fault(
    "threads-not-a-number",
    "expected {variable} to be a number of threads, found {value!r}",
    "run: {command}",
)
LIMITED_CORES = Fault(
    "limited-cores",
    "expected time on all of the {cores} cores that this process sees, found a limit of {quota:g}",
    "give a container whole cores (docker run --cpuset-cpus), or read with: digits read --workers "
    "{workers}",
    is_fault=False,
)
NO_AVX2 = Fault(
    "no-avx2",
    "expected a processor with AVX2, found one without, on which networks compute slowly",
    "give a virtual machine the host's processor (QEMU: -cpu host)",
    is_fault=False,
)
MISSING_PACKAGE = Fault(
    "missing-package",
    "expected {package}, found that it is not installed",
    'run: {python} -m pip install "{requirement}"',
)
UNFIT_PACKAGE = Fault(
    "unfit-package",
    "expected {requirement}, found {version}",
    'run: {python} -m pip install "{requirement}"',
)
TWO_PACKAGES = Fault(
    "two-packages",
    "expected one package that brings {module}, found {packages}, which overwrite each other",
    "run: {python} -m pip uninstall -y {names}; {python} -m pip install {package}",
    is_fault=False,
)
SHADOWED_PACKAGE = Fault(
    "shadowed-package",
    "expected no {file} of your own, which Python takes for the package, found one in this folder",
    "give it another name",
    is_fault=False,
)
CACHE_IS_NO_FOLDER = Fault(
    "cache-is-no-folder",
    "expected DIGITS_DATA to name a folder, found {path}",
    "run: {command}",
)
DAMAGED_CACHE = Fault(
    "damaged-cache",
    "expected MNIST in {folder} as it was published, found {problems}",
    "run: digits data",
)
CACHE_NOT_WRITABLE = Fault(
    "cache-not-writable",
    "expected to write MNIST to {folder}, found: {reason}",
    "run: {command}",
)
CACHE_FULL = Fault(
    "cache-full",
    "expected {needed} MB of free space for MNIST in {folder}, found {free} MB",
    "make room, or run: {command}",
)
UNFINISHED_DOWNLOAD = Fault(
    "unfinished-download",
    "expected whole files, found {size} MB of a download that was broken off",
    "if none goes on now, run: {command}",
    is_fault=False,
)
RUNS_NOT_WRITABLE = Fault(
    "runs-not-writable",
    "expected to write {folder}, where commands put runs, found: {reason}",
    "go to a folder of your own, or give --out FOLDER",
)
NO_TEMPORARY_FOLDER = Fault(
    "no-temporary-folder",
    "expected a temporary folder that can be written to, found none",
    "make room, or run: {command}",
)
DAMAGED_WEIGHTS = Fault(
    "damaged-weights",
    "expected {file} as it was released, found {problem}",
    "run: {python} -m pip install --force-reinstall --no-deps digits=={version}",
)
MALFORMED_PROXY = Fault(
    "malformed-proxy",
    "expected {variable} to be an address such as http://proxy.example:3128, found {value!r}",
    "run: {command}",
)
DEAD_PROXY = Fault(
    "dead-proxy",
    "expected a proxy at {address}, which {variable} names, found: {reason}",
    "start it, or run: {command}",
)
SOCKS_PROXY = Fault(
    "socks-proxy",
    "expected the package PySocks, as {variable} names a SOCKS proxy, found that it is not "
    "installed",
    'run: {python} -m pip install "requests[socks]"',
)
LOCALHOST_BY_PROXY = Fault(
    "localhost-by-proxy",
    "expected NO_PROXY to have 127.0.0.1, as {variable} is set, found {value!r}: programs that ask "
    "digits serve go to the proxy",
    "run: {command}",
    is_fault=False,
)
NO_CERTIFICATES = Fault(
    "no-certificates",
    "expected {variable} to name certificates, found nothing at {value}",
    "run: {command}",
)
PORT_TAKEN = Fault(
    "port-taken",
    "expected port {port} to be free for digits serve, found that another program listens there",
    "run: digits serve --port 0",
    is_fault=False,
)
UNPRINTABLE_OUTPUT = Fault(
    "unprintable-output",
    "expected output in an encoding of all characters, such as utf-8, found {encoding}, in which "
    'some become "?"',
    "run: {command}",
    is_fault=False,
)

NOT_EXAMINED = Fault(
    "not-examined",
    "expected to examine the {part}, found: {reason}",
    "report this, with the output of: digits doctor --json",
    is_fault=False,
)

KNOWN = tuple(value for value in globals().values() if isinstance(value, Fault))
"""All faults that the doctor knows."""
