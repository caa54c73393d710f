"""Child processes: functions of this package in processes of their own, with two pipes."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

# Ctrl-C is for the parent, which ends its children: where they are in no session of their own, too.
CODE = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from {module} import {function}; {function}()"
)


def environment() -> dict[str, str]:
    """The environment of a child that imports from where this process does."""
    search_path = [str(Path(folder).absolute()) for folder in sys.path]  # "" is the current one
    return os.environ | {"PYTHONPATH": os.pathsep.join(search_path)}


def start_child(module: str, function: str, *arguments: str | int) -> subprocess.Popen[bytes]:
    """Start a process that calls a function; its standard input and output are pipes to this one.

    The script that runs here is not imported there, as `multiprocessing` does. The child imports
    from where this process does, and from no other folder: not from the one that it is started in,
    where anything may lie.

    Args:
        module: Name of the module of the function.
        function: Its name; it is called without arguments.
        arguments: What it finds in `sys.argv[1:]`.
    """
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-c",
            CODE.format(module=module, function=function),
            *map(str, arguments),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )


def end_with_parent() -> None:
    """Have this process, which `start_child` started, end at once when its parent does."""
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> NoReturn:
    os.read(0, 1)  # the parent never writes, so this ends when the parent does
    os._exit(1)
