"""Places of a study: each is filled by one trial, whichever process takes it, and however often.

A study of optuna knows trials by numbers, of which each attempt has one of its own. A place is what
outlives an attempt: a process that takes one holds a lock, which the system frees when the process
ends. So a running trial whose lock is free is of a process that was killed, and its place is taken
anew at once, without a heartbeat to wait for.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from filelock import FileLock, Timeout
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from digits.errors import DigitsError

PLACE = "place"
"""Name of the attribute of a trial that holds its place."""

FILLED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of trials that count."""

POLL_SECONDS = 0.5
"""Time between two questions whether others have ended."""

BUSY_SECONDS = 60
"""Limit on the time that a process waits for others to write to the database."""


def open_storage(path: Path) -> optuna.storages.RDBStorage:
    """Open the database of a search, or make it."""
    # As a URI, so that a "?" in the name of a folder is not taken for settings.
    uri = f"sqlite:///file:{quote(str(path.resolve()))}?uri=true"
    return optuna.storages.RDBStorage(
        uri, engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}}
    )


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with the database.

    Raises:
        DigitsError: If it is damaged, or can't be read or written.
    """
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        reason = " ".join(str(error.__cause__ or error).split())[:120]
        raise DigitsError(
            f"Can't use {path} ({reason}); restore it from a copy, or search anew with another "
            "--out."
        ) from error


class Places:
    """Places of a study, from 0.

    Args:
        study: The study.
        folder: The folder of the search, for locks.
    """

    def __init__(self, study: optuna.Study, folder: Path) -> None:
        self.study, self._folder = study, folder
        self._lock = FileLock(folder / ".lock")
        self._held: FileLock | None = None

    @property
    def filled(self) -> dict[int, FrozenTrial]:
        """Trials that were carried out, by their places, in order."""
        trials = self.study.get_trials(deepcopy=False, states=FILLED)
        return dict(sorted((trial.user_attrs[PLACE], trial) for trial in trials))

    def take(self, num_places: int, ask: Callable[[int], Trial]) -> tuple[int, Trial] | None:
        """Take the first place that is free; if others are at the last ones, wait for them.

        Args:
            num_places: Number of places that are to be filled.
            ask: Begins a trial for a place, without other processes beside it.

        Returns:
            The place and its trial; None if all places are filled.
        """
        while True:
            with self._lock:
                self._free_places_of_the_dead()
                running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                taken = {*self.filled, *(trial.user_attrs[PLACE] for trial in running)}
                free = [place for place in range(num_places) if place not in taken]
                if free:
                    return free[0], self._begin(free[0], ask)
                if not any(trial.user_attrs[PLACE] < num_places for trial in running):
                    return None
            time.sleep(POLL_SECONDS)

    def fill(self, trial: Trial, value: float | None, attributes: Mapping[str, Any]) -> None:
        """Fill the place of a trial that was taken.

        Args:
            trial: The trial.
            value: What it came to; None if it was given up.
            attributes: What else there is to say of it, as JSON has it.
        """
        assert self._held is not None
        for name, attribute in attributes.items():
            trial.set_user_attr(name, attribute)
        with self._lock:
            state = TrialState.PRUNED if value is None else TrialState.COMPLETE
            self.study.tell(trial, value, state=state)
            self.leave()

    def leave(self) -> None:
        """Leave the place that was taken; unless it was filled, it is free for others."""
        if self._held is not None:
            path, held, self._held = Path(self._held.lock_file), self._held, None
            held.release()
            with suppress(OSError):  # it was removed as it was freed
                path.unlink()

    def _begin(self, place: int, ask: Callable[[int], Trial]) -> Trial:
        trial = ask(place)
        self._held = FileLock(self._lock_path(trial.number), timeout=0)
        self._held.acquire()
        trial.set_user_attr(PLACE, place)
        return trial

    def _free_places_of_the_dead(self) -> None:
        """Give up trials whose process has ended."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            path = self._lock_path(trial.number)
            try:
                with FileLock(path, timeout=0):
                    self.study.tell(trial.number, state=TrialState.FAIL)
            except Timeout:
                continue
            with suppress(OSError):
                path.unlink()

    def _lock_path(self, number: int) -> Path:
        return self._folder / f".{self.study.study_name}-{number}.lock"
