"""Cut the power at every moment of a training run, and go on from all that the disk may hold then.

    python benchmarks/power_cut.py

Logs what `digits train` writes (write_log.py, by strace), for a run and for a series of two, and
makes every state that the disk may be in after a power cut (crash_states.py says what is assumed).
In each, every file must be whole, unless it has a temporary name, and all must be there that the
command had reported. From each, the command must go on, or begin anew where nothing is, and end
with the same bits as without the cut; so it must if the power is cut again meanwhile, from one of
the states that differ in temporary files alone. Prints what was found; takes five minutes.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from crash_states import Disk, State, read_state, without_temporary, write_state
from findings import Findings
from write_log import log_writes

from digits.cli import main as call_command
from digits.data import DataSet, Split
from digits.errors import DigitsError
from digits.recipe import Recipe
from digits.run import Run, runs_by_seed
from digits.sums import expect_sum

RECIPE = Recipe(
    name="cut", network="tiny", epochs=2, batch_size=32, validation_size=28, precision="float32"
)
OUT = Path("runs", "cut")
"""The folder of the run, or of the series, below the one in which the command is called."""

Results = list[tuple[bytes, Any]]
"""The weights of runs, and how well they do on the test set."""


class RecoveryError(Exception):
    """Something is not as promised after a power cut."""


@contextlib.contextmanager
def few_images() -> Iterator[None]:
    """Let training take 128 random images for MNIST."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (160, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.arange(160) % 10
    train, test = Split("train", images[:128], labels[:128]), Split("test", images, labels)
    data = DataSet(name="mnist", train=train, test=test, source="drawn at random")
    with patch("digits.training.loop.load_set", lambda recipe: data):
        yield


@dataclass(frozen=True)
class Training:
    """What the command `digits train` does, on few images."""

    recipe: Path
    num_seeds: int
    """Number of runs; two and more are a series."""

    def runs(self, folder: Path) -> list[Run]:
        """Open the runs that there are."""
        out = folder / OUT
        if self.num_seeds > 1:
            return runs_by_seed(out)
        return [Run(out)] if out.exists() else []

    def arguments(self, folder: Path) -> list[str]:
        """Say how to call the command there: to resume what there is, else to begin."""
        begin = ["--recipe", str(self.recipe), "--out", str(OUT)]
        seeds = ["--seeds", str(self.num_seeds)] if self.num_seeds > 1 else []
        return ["train", *(["--resume", str(OUT)] if self.runs(folder) else begin), *seeds]

    def command_line(self, folder: Path) -> tuple[list[str], dict[str, str]]:
        """Say how to start the command as a process of its own, and in which environment."""
        code = "import power_cut\nwith power_cut.few_images(): power_cut.call_command()"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return [sys.executable, "-c", code, *self.arguments(folder)], environment

    def go_on(self, folder: Path) -> None:
        """Call the command in this process, as starting one takes seconds.

        Raises:
            RecoveryError: If it fails.
        """
        said = io.StringIO()
        with (
            few_images(),
            contextlib.chdir(folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            patch("sys.argv", ["digits", *self.arguments(folder)]),
        ):
            try:
                call_command()
            except SystemExit as done:
                if done.code:
                    raise RecoveryError(said.getvalue().strip()) from done

    def count_done(self, folder: Path) -> int:
        """Count the epochs of all runs, and the runs that are finished; read every file of theirs.

        Raises:
            RecoveryError: If a file is damaged or missing, or two contradict each other.
        """
        try:
            return sum(map(_count_done, self.runs(folder)))
        except (DigitsError, ValueError) as error:
            raise RecoveryError(str(error)) from error

    def count_reported(self, said: str, num_before: int) -> int:
        """Count the epochs and finished runs that there are, by what the command said.

        Args:
            said: What it printed by now.
            num_before: How many there were when it began.
        """
        if "test accuracy" in said:  # the results of all runs come at the end
            return self.num_seeds * (RECIPE.epochs + 1)
        return num_before + len(re.findall("^epoch ", said, re.MULTILINE))

    def results(self, folder: Path) -> Results:
        """Read the results of all runs."""
        return [(run.model_path.read_bytes(), run.summary["test"]) for run in self.runs(folder)]


def _count_done(run: Run) -> int:
    num_epochs = len(run.load_checkpoint()["history"])
    if len(run.history) not in (num_epochs, num_epochs + 1):
        raise RecoveryError(f"{run} has {num_epochs} epochs, and a history of {len(run.history)}")
    _ = run.recipe
    if not run.is_finished:
        return num_epochs
    _ = run.summary, run.model
    for path in (
        run.recipe_path, run.history_path, run.checkpoint_path, run.model_path, run.summary_path,
    ):  # fmt: skip
        if not expect_sum(path, path.read_bytes()):
            raise RecoveryError(f"{run} is finished, but has no sums")
    return num_epochs + 1


@dataclass
class Outcome:
    """What a power cut may leave, but for temporary files."""

    states: dict[State, None] = field(default_factory=dict)
    """All that there may be in addition, in the order in which it may come about."""
    num_reported: int = 0
    """How many epochs and finished runs may have been reported before."""

    @property
    def fullest(self) -> State:
        """The state with most temporary files."""
        return max(self.states, key=len)


@dataclass
class PowerCuts:
    """Power cuts while the command trains, and what was found after them."""

    training: Training
    expected: Results
    """Results without a power cut."""
    num_calls: int = 0
    num_states: int = 0
    num_resumed: int = 0
    faults: list[str] = field(default_factory=list)

    def cut(self, before: State) -> list[Outcome]:
        """Call the command, and give all that may be left if the power is cut meanwhile.

        Args:
            before: What there is when the command begins.
        """
        outcomes: defaultdict[State, Outcome] = defaultdict(Outcome)
        disk, said = Disk(before), ""
        with _folder(before) as folder:
            num_done = self.training.count_done(folder)
            calls = log_writes(*self.training.command_line(folder), folder=folder)
            for call in calls:
                disk.replay(call)
                said += call.content.decode() if call.kind == "print" else ""
                for after in disk.after_cut():
                    outcome = outcomes[without_temporary(after)]
                    outcome.states[after] = None
                    # It may come about at several moments; the last has most to answer for.
                    outcome.num_reported = self.training.count_reported(said, num_done)
            if disk.state() != read_state(folder):
                raise AssertionError("the log lacks calls: replayed, it gives other files")
            self._expect_results(folder)
        self.num_calls += len(calls)
        self.num_states += sum(len(outcome.states) for outcome in outcomes.values())
        self.faults += (
            f"{path} has neither its old content nor its new"
            for files in outcomes
            for path, content in files
            if content is not None and content not in disk.whole[path.name]
        )
        return list(outcomes.values())

    def go_on(self, state: State, num_reported: int) -> None:
        """Go on from what a power cut left, and note what is not as it should be.

        Args:
            state: What it left.
            num_reported: How many epochs and finished runs must be there.
        """
        self.num_resumed += 1
        with _folder(state) as folder:
            try:
                num_done = self.training.count_done(folder)
                if num_done < num_reported:
                    raise RecoveryError(f"{num_reported} were reported, {num_done} are there")
                self.training.go_on(folder)
                self.training.count_done(folder)
                self._expect_results(folder)
            except RecoveryError as error:
                present = ", ".join(str(path) for path, _ in without_temporary(state)) or "nothing"
                self.faults.append(f"with {present}: {error}")

    def _expect_results(self, folder: Path) -> None:
        if self.training.results(folder) != self.expected:
            raise RecoveryError("the results are others than without a power cut")


@contextlib.contextmanager
def _folder(state: State = ()) -> Iterator[Path]:
    """Make a folder with these contents, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        write_state(state, Path(folder))
        yield Path(folder)


def run_power_cuts(*, num_seeds: int = 1, thorough: bool = False) -> dict[str, Any]:
    """Cut the power at every moment of a run, or of a series, and go on from what is left.

    While the command goes on, the power is cut once more, and it goes on again.

    Args:
        num_seeds: Number of runs; two and more are a series.
        thorough: Whether to go on from every state, and to cut the power once more after every
            outcome. If not, states that differ in temporary files alone are one, and the command
            goes on from the one with most of them; the power is cut once more after one outcome.

    Returns:
        Numbers of `calls` that were logged, after each of which the power is cut, of `states` that
        may follow, and of states from which the command went on (`resumed`); and the `faults`, a
        line each.
    """
    with _folder() as scratch, _folder() as uncut:
        recipe = scratch / f"{RECIPE.name}.toml"
        recipe.write_text(RECIPE.to_toml())
        training = Training(recipe, num_seeds)
        training.go_on(uncut)
        cuts = PowerCuts(training, training.results(uncut))
        outcomes = cuts.cut(())
        for outcome in outcomes:
            for state in outcome.states if thorough else [outcome.fullest]:
                cuts.go_on(state, outcome.num_reported)
        if cuts.faults:  # the command may not go on, to be cut once more
            outcomes.clear()
        for outcome in outcomes if thorough else outcomes[len(outcomes) // 2 :][:1]:
            for second in cuts.cut(outcome.fullest):
                cuts.go_on(second.fullest, second.num_reported)
    return {
        "calls": cuts.num_calls,
        "states": cuts.num_states,
        "resumed": cuts.num_resumed,
        "faults": cuts.faults,
    }


def attack(part: float, seed: int, folder: Path) -> Findings:
    """Cut the power while a run trains, and while a series of two does.

    Args:
        part: Of all states; less than 1 stands for one of each group.
        seed: Not needed: nothing is random.
        folder: Not needed: a fault is told with the files of its state.
    """
    findings, calls, resumed = Findings(), 0, 0
    for num_seeds in (1, 2) if part == 1 else (1,):
        found = run_power_cuts(num_seeds=num_seeds, thorough=part == 1)
        findings.tries += found["states"]
        findings.faults += found["faults"]
        calls, resumed = calls + found["calls"], resumed + found["resumed"]
    findings.details = {"calls": calls, "resumed": resumed}
    return findings


if __name__ == "__main__":
    for num_seeds in (1, 2):
        found = run_power_cuts(num_seeds=num_seeds, thorough=True)
        print(f"seeds: {num_seeds}", *(f"{k}: {v}" for k, v in found.items()), sep=", ", flush=True)
