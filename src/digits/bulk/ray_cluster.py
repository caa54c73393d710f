"""Ray: how a cluster is joined, or started here, and what it says when it fails."""

import logging
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from digits.errors import DigitsError, InvalidInput, OutOfMemory
from digits.extras import optional_imports
from digits.files import escaped

LOCAL = "local"
"""The address that stands for a cluster which is started on this machine, and ends with us."""

OBJECT_STORE_BYTES = 200_000_000
"""Limit on memory: bytes that a cluster which is started here keeps of what goes between
processes, which is names and numbers."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # what is done here is told to nobody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of what it will do with GPUs
}
"""What Ray is told by the environment, unless that says something else already."""


OURS = re.compile(r"^digits\.(?:errors|extras)\.\w+: (.+)$", re.MULTILINE)
"""The line of an error of this package, at the end of a worker's trace."""

REACH_SECONDS = 5.0
"""Limit on waiting for the machine at an address to answer; Ray itself tries for minutes."""


@contextmanager
def cluster_at(address: str) -> Iterator[None]:
    """Be connected to a cluster.

    Args:
        address: As `ray.init` takes it: `auto` is the one that was started on this machine; `local`
            starts one, with all processors, which ends with the connection.

    Raises:
        InvalidInput: If there is no cluster, or it runs other versions of Ray or Python.
        MissingExtraError: If Ray is not installed.
    """
    _reach(address)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with optional_imports("Reading on a cluster"):
        import ray
        import ray.data
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    here: dict[str, Any] = {}
    if address == LOCAL:
        here = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        ray.init(address=address, logging_level=logging.CRITICAL, log_to_driver=False, **here)
    except Exception as error:  # Ray's own, the system's, or none in particular
        ray.shutdown()
        raise InvalidInput(f"--ray: no cluster to use at {address}: {_line(error)}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Expect that something answers at an address that names a machine and a port."""
    host, mark, port = address.removeprefix("ray://").rpartition(":")
    if not mark or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InvalidInput(
            f"--ray: no cluster at {address}: {_line(error)} Start one with: ray start --head"
        ) from error


@contextmanager
def native_output_dropped() -> Iterator[None]:
    """Drop what Ray's library in C++ writes to standard error; what Python writes still gets there.

    The library says there whatever it does, and can't be told otherwise; it keeps logs as well.
    """
    if sys.stderr is not sys.__stderr__:  # it goes elsewhere already
        yield
        return
    with os.fdopen(os.dup(2), "w", buffering=1, errors="replace") as terminal:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        sys.stderr = terminal
        try:
            yield
        finally:
            sys.stderr = sys.__stderr__
            os.dup2(terminal.fileno(), 2)


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """Turn what Ray raises into an error of one line: that of this package, where one is behind it.

    Raises:
        DigitsError: If the cluster fails, or what runs on it.
    """
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        raise _cause(error) from error


def _cause(error: BaseException) -> DigitsError:
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, DigitsError | InvalidInput | OutOfMemory):
            return chain
        if isinstance(chain, ModuleNotFoundError):
            return DigitsError(
                f"A machine of the cluster lacks the package {chain.name}; install digits with its "
                "extra ray on all."
            )
        chain = getattr(chain, "cause", None) or chain.__cause__
    # Ray Data gives what a worker raised as text alone.
    if told := OURS.findall(str(error)):
        return DigitsError(told[-1])
    return DigitsError(
        f"The cluster failed; the same command goes on with what is missing. Ray says: "
        f"{_line(error)}"
    )


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return escaped((lines or [type(error).__name__])[-1])[:300].rstrip(".") + "."
