"""Log of what a command writes below a folder, by system call, in order (needs strace)."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

KIND = {
    "open": "create",
    "openat": "create",
    "creat": "create",
    "write": "write",
    "close": "close",
    "fsync": "sync",
    "fdatasync": "sync",
    "mkdir": "mkdir",
    "mkdirat": "mkdir",
    "rename": "rename",
    "renameat": "rename",
    "renameat2": "rename",
    "unlink": "remove",
    "unlinkat": "remove",
    "rmdir": "remove",
}
"""What is logged of each system call. One that is missing here shows when the log is replayed."""

SUCCEEDED = re.compile(r"^(?P<seconds>[\d.]+) (?P<name>\w+)\((?P<arguments>.*)\) += \d+", re.DOTALL)
"""A line of strace about a call that did something; all text in it is in hexadecimal."""

PLACE = re.compile(r'(?:\w+<[^>]*>, )?"[^"]*"|\w+<[^>]*>')
"""An argument that says where: an open file, a path, or an open folder and a path below it."""


class Call(NamedTuple):
    """A system call that changed what is below the folder, or promised something about it."""

    kind: str
    """One of create, truncate, write, close, sync, mkdir, rename, remove, print."""
    path: Path
    """What it is about, relative to the folder; of a text that was printed, the folder."""
    content: bytes = b""
    """What was written or printed."""
    target: Path | None = None
    """The new path of what was renamed."""


def why_not() -> str | None:
    """Say why calls can't be logged here, if they can't."""
    command = ["strace", "--seccomp-bpf", "-f", "-o", "/dev/null", "true"]
    try:
        subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError:
        return "this system has no strace"
    except subprocess.CalledProcessError as error:
        return f"strace can't trace here: {error.stderr.decode().strip()[:200]}"
    return None


def log_writes(
    command: Sequence[str], environment: Mapping[str, str], *, folder: Path
) -> list[Call]:
    """Run a command in a folder; log what it and its processes write there, and what it prints.

    Calls of several threads are in the order in which they began.

    Raises:
        CalledProcessError: If the command fails.
    """
    folder = folder.resolve()
    with tempfile.TemporaryDirectory() as logs:
        # A file for each thread, as lines of several would be mixed.
        strace = [
            "strace", "-ff", "--seccomp-bpf", "-y", "-xx", "-s", str(1 << 24),
            "--absolute-timestamps=unix,ns", "-e", f"trace={','.join(KIND)}",
            "-o", f"{logs}/thread",
        ]  # fmt: skip
        subprocess.run(
            [*strace, *command], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        lines = [
            match
            for log in Path(logs).iterdir()
            for line in log.read_text().splitlines()
            if (match := SUCCEEDED.match(line))
        ]
    lines.sort(key=lambda line: line["seconds"])  # all have as many digits
    return [call for line in lines for call in _calls(line["name"], line["arguments"], folder)]


def _calls(name: str, arguments: str, folder: Path) -> Iterator[Call]:
    """Translate a call, if it is about what is below the folder, or prints."""
    if name == "write":
        file, _, written = arguments.partition(", ")
        if file.startswith("1<"):
            yield Call("print", Path(), _decode(written))
        elif path := _below(folder, file):
            yield Call("write", path, _decode(written))
        return
    first, *others = PLACE.findall(arguments)
    path = _below(folder, first)
    if path is None:
        return
    if name in ("open", "openat", "creat"):
        if "O_CREAT" in arguments or name == "creat":
            yield Call("create", path)
        if "O_TRUNC" in arguments or name == "creat":
            yield Call("truncate", path)
    else:
        yield Call(KIND[name], path, target=_below(folder, others[0]) if others else None)


def _below(folder: Path, place: str) -> Path | None:
    """Find the path relative to the folder; None if the place is elsewhere."""
    opened, named = (_decode(text).decode() for text in place.rpartition(">")[::2])
    # What is open may be a pipe, which has a name too.
    path = (Path("/", opened) if opened else folder) / named
    return path.relative_to(folder) if path.is_relative_to(folder) else None


def _decode(text: str) -> bytes:
    """Collect the bytes that a text has in hexadecimal."""
    return bytes.fromhex("".join(re.findall(r"\\x([0-9a-f]{2})", text)))
