"""Code blocks of the handbook's pages: found, and run as a reader would who goes down the page."""

import ast
import contextlib
import os
import re
import signal
import socket
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

RUN = ("sh", "python")
"""Languages whose blocks are run."""
SHOWN = ("json", "nginx", "powershell", "text", "toml", "")
"""Languages whose blocks are only to be read; the last has no name."""

FENCE = re.compile(
    r"^(?: *<!-- not run: (?P<reason>.*?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>[^\s`]*)[^\n`]*\n(?P<code>.*?)^(?P=indent)``` *$",
    re.MULTILINE | re.DOTALL,
)
STATED = re.compile(r"(?:^|\s)# +(?:prints (?P<text>.+)|(?P<number>[\d?][\d?.,%]*))$")
"""A comment that says what the statement before it prints; `…` stands for anything."""

FOREGROUND = re.compile(
    r"^(?=(?:digits serve|python -m http\.server)\b(?!.*&(?: *#.*)?$))", re.MULTILINE
)
"""Where a command begins that serves until it is stopped."""

PAGE_SECONDS = 900.0
"""Longest run of a page's blocks: one that takes longer hangs, however busy the machine is."""

PREAMBLE = """\
set -e
# A server in the foreground stays while the page goes on, until the next one or the page's end.
serving() {
    if [ -n "$server" ]; then kill "$server"; wait "$server" || true; fi
    : > "$LOGS/server"  # at once: what the last one said is there no more
    "$@" > "$LOGS/server" &
    server=$!
    until grep --quiet http:// "$LOGS/server"; do kill -0 "$server"; sleep 0.1; done
}
"""


@dataclass(frozen=True)
class Block:
    """A block of code, as it stands on its page."""

    language: str
    code: str
    reason: str | None
    """Why it is not run, if it is not."""


@dataclass(frozen=True)
class Script:
    """Blocks of one language as a program, which marks where what is stated begins and ends."""

    code: str
    stated: list[tuple[str, str]]
    """Each statement with a comment of what it prints, and what that is, by number."""


class Failed(Exception):  # noqa: N818 - what became of a page's blocks
    """A block failed, or printed something else than it says."""


def find_blocks(text: str) -> list[Block]:
    """Find the blocks of a page in Markdown."""
    return [
        Block(found["language"], textwrap.dedent(found["code"]), found["reason"])
        for found in FENCE.finditer(text)
    ]


def run_page(text: str, folder: Path, environment: dict[str, str]) -> None:
    """Run a page's blocks in a folder: the shell's in order, then Python's in one process.

    Where the page names the server's usual port, it is a free one. Whatever the blocks start ends
    with them.

    Raises:
        Failed: If a block fails, or prints something else than its comment says.
    """
    port = _free_port()
    blocks = {
        language: "\n".join(
            _at_port(block.code, port)
            for block in find_blocks(text)
            if block.language == language and block.reason is None
        )
        for language in RUN
    }
    scripts = {"sh": _shell_script(blocks["sh"]), "python": _python_script(blocks["python"])}
    logs = folder.with_name(f"{folder.name}-logs")
    logs.mkdir()
    for language, script in scripts.items():
        if script.code:
            (logs / language).write_text(script.code)
    status = _run_group(
        'bash -e "$LOGS/sh" && if [ -e "$LOGS/python" ]; then python "$LOGS/python"; fi',
        folder,
        environment | {"LOGS": str(logs), "PYTHONUNBUFFERED": "1"},
        logs,
    )
    printed = (logs / "output").read_text()
    if status:
        told = (logs / "errors").read_text()
        raise Failed(f"exit status {status}\n{printed[-3000:]}\n{told[-3000:]}")
    for language, script in scripts.items():
        for number, (statement, stated) in enumerate(script.stated):
            begin, end = (f"\n{_mark(language, number, word)}\n" for word in ("from", "to"))
            (found,) = re.findall(f"{re.escape(begin)}(.*?){re.escape(end)}", printed, re.DOTALL)
            pattern = ".*".join(re.escape(part) for part in stated.split("…"))
            if not re.fullmatch(pattern, found.strip(), re.DOTALL):
                raise Failed(f"{statement.strip()}\nprinted: {found.strip()}")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _at_port(code: str, port: int) -> str:
    code = re.sub(r"(127\.0\.0\.1|localhost):8000\b", rf"\1:{port}", code)
    code = code.replace("http.server 8000", f"http.server {port}")
    return re.sub(r"\bdigits serve\b(?!.*--port)", f"digits serve --port {port}", code)


def _mark(language: str, number: int, word: str) -> str:
    return f"@@ {language} {number} {word}"


def _shell_script(code: str) -> Script:
    """Make a script of shell blocks; lines that end with a backslash go on."""
    code = FOREGROUND.sub("serving ", code)
    lines: list[str] = [PREAMBLE]
    stated: list[tuple[str, str]] = []
    for line in re.findall(r"(?:.*\\\n)*.*\n?", code):
        comment = STATED.search(line.rstrip())
        if comment:
            begin, end = (_mark("sh", len(stated), word) for word in ("from", "to"))
            stated.append((line, comment["text"] or comment["number"]))
            line = f"printf '\\n%s\\n' '{begin}'\n{line}printf '\\n%s\\n' '{end}'\n"
        lines.append(line)
    return Script("".join(lines), stated)


def _python_script(code: str) -> Script:
    """Make a script of Python blocks."""
    lines = code.splitlines()
    stated: list[tuple[str, str]] = []
    for statement in reversed(ast.parse(code).body):
        assert statement.end_lineno is not None
        first, last = statement.lineno - 1, statement.end_lineno - 1
        comment = STATED.search(lines[last])
        if comment:
            begin, end = (
                f"print('\\n{_mark('python', len(stated), word)}')" for word in ("from", "to")
            )
            stated.append(
                ("\n".join(lines[first : last + 1]), comment["text"] or comment["number"])
            )
            lines[first : last + 1] = [begin, *lines[first : last + 1], end]
    return Script("\n".join(lines), stated)


def _run_group(script: str, folder: Path, environment: dict[str, str], logs: Path) -> int:
    """Run a script in a process group of its own, of which nothing is left."""
    with (logs / "output").open("w") as output, (logs / "errors").open("w") as errors:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            return process.wait(timeout=PAGE_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"it runs longer than {PAGE_SECONDS:.0f} s") from error
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing was left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
