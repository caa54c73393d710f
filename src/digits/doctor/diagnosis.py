"""Diagnosis: every part of an installation, examined in turn."""

from collections.abc import Callable
from functools import partial

from digits.doctor.connections import examine_connections
from digits.doctor.faults import NOT_EXAMINED
from digits.doctor.libraries import examine_libraries, finish_loading, start_loading
from digits.doctor.machine import examine_machine, thread_limit
from digits.doctor.packages import examine_packages, is_installed
from digits.doctor.part import Part
from digits.doctor.storage import examine_cache, examine_runs, examine_temporary
from digits.doctor.terminal import examine_terminal
from digits.doctor.threads import examine_threads
from digits.doctor.weights import examine_weights


def examine() -> list[Part]:
    """Examine an installation and the machine under it.

    What can't be examined is a finding, too, so that one part does not hide the others.
    """
    try:
        process = start_loading()  # meanwhile, what needs no library
    except OSError as error:  # the current folder is gone, or there can be no more processes
        return [_not_examined("libraries", error), *_without_libraries()]
    parts = _without_libraries()
    loaded = finish_loading(process)
    parts += [
        _examine("machine", partial(examine_machine, loaded.cpu_features)),
        _examine("libraries", partial(examine_libraries, loaded)),
    ]
    if loaded.failed is None and is_installed("train"):  # without it, nothing is written
        parts += [
            _examine("cache", examine_cache),
            _examine("runs", examine_runs),
            _examine("temporary files", examine_temporary),
        ]
    return parts


def _without_libraries() -> list[Part]:
    return [
        _examine("packages", examine_packages),
        _examine("threads", lambda: examine_threads(thread_limit())),
        _examine("weights", examine_weights),
        _examine("connections", examine_connections),
        _examine("terminal", examine_terminal),
    ]


def _examine(name: str, examination: Callable[[], Part]) -> Part:
    try:
        return examination()
    except Exception as error:
        return _not_examined(name, error)


def _not_examined(name: str, error: Exception) -> Part:
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Part(name, {}, (NOT_EXAMINED.found(part=name, reason=reason),))
