"""Cut the power at every moment of a training run, and go on from all that the disk may hold then.

    python benchmarks/power_cut.py

Logs what `digits train` writes (write_log.py, by strace), for a run and for a series of two, and
makes every state that the disk may be in after a power cut (crash_states.py says what is assumed).
In each, every file must be whole, unless it has a temporary name, and all must be there that the
command had reported. From each, the command must go on, or begin anew where nothing is, and end
with the same bits as without the cut. Prints what was found; takes N minutes.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
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
from write_log import log_writes

from digits.cli import main as call_command
from digits.data import DigitSet, Split
from digits.errors import DigitsError
from digits.recipe import Recipe
from digits.run import Run, runs_by_seed
from digits.sums import NAME as SUMS
from digits.sums import expect_sum

RECIPE = Recipe(
    name="cut", network="tiny", epochs=2, batch_size=32, validation_size=28, precision="float32"
)
OUT = Path("runs", "cut")
"""The folder of the run, or of the series, below the one in which the command is called."""


class RecoveryError(Exception):
    """Something is not as promised after a power cut."""


@dataclass
class Outcome:
    """What is left by power cuts, but for temporary files."""

    states: set[State] = field(default_factory=set)
    """All that there may be besides."""
    reported: int = 0
    """How much the command may have reported before."""


@contextlib.contextmanager
def few_images() -> Iterator[None]:
    """Let training take 128 random images for MNIST."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (160, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.arange(160) % 10
    train, test = Split("train", images[:128], labels[:128]), Split("test", images, labels)
    data = DigitSet(name="mnist", train=train, test=test, source="drawn at random")
    with patch("digits.training.loop.load", lambda name: data):
        yield


@dataclass(frozen=True)
class Training:
    """What the command `digits train` makes, on few images."""

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
        """Say how to start the command as a process of its own, in which environment."""
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

    def go_on_apart(self, folder: Path) -> None:
        """Call the command in a process of its own.

        Raises:
            RecoveryError: If it fails.
        """
        line, environment = self.command_line(folder)
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RecoveryError(done.stderr.strip())

    def count_reported(self, said: str) -> int:
        """Count the runs that the command reported to be begun or finished, and their epochs."""
        if "test accuracy" in said:  # results come at the end, for all runs
            return self.num_seeds * (2 + RECIPE.epochs)
        return len(re.findall(rf"^(?:{RECIPE.name}: |epoch )", said, re.MULTILINE))

    def count_done(self, folder: Path) -> int:
        """Count the runs that are begun or finished, and their epochs; read every file of theirs.

        Raises:
            RecoveryError: If a file is damaged or missing, or two contradict each other.
        """
        try:
            return sum(map(_count_done, self.runs(folder)))
        except (DigitsError, ValueError) as error:
            raise RecoveryError(str(error)) from error

    def results(self, folder: Path) -> list[tuple[bytes, Any]]:
        """Read the weights of the runs, and how well they do on the test set."""
        return [(run.model_path.read_bytes(), run.summary["test"]) for run in self.runs(folder)]


def _count_done(run: Run) -> int:
    num_epochs = len(run.load_checkpoint()["history"])
    if len(run.history) not in (num_epochs, num_epochs + 1):
        raise RecoveryError(
            f"{len(run.history)} epochs in the history, {num_epochs} in the checkpoint"
        )
    _ = run.recipe
    if not run.is_finished:
        return 1 + num_epochs
    _ = run.summary, run.model
    if not (run.folder / SUMS).exists():
        raise RecoveryError(f"a finished run has no {SUMS}")
    for path in (run.recipe_path, run.history_path, run.model_path, run.summary_path):
        expect_sum(path, path.read_bytes())
    return 2 + num_epochs


def run_power_cuts(*, num_seeds: int = 1, every_state: bool = False) -> dict[str, Any]:
    """Cut the power at every moment of a run, or of a series, and go on from what is left.

    Args:
        num_seeds: Number of runs; two and more are a series.
        every_state: Whether to go on from every state. If not, those that differ in temporary files
            alone are one, and the command goes on from the one with most of them.

    Returns:
        Numbers of `calls` that were logged, of distinct `states` that may follow a cut, of
        `outcomes`, which are states without temporary files, and of states from which the command
        went on (`resumed`); and the `faults`, a line each.
    """
    with tempfile.TemporaryDirectory() as scratch:
        recipe, uncut = Path(scratch, f"{RECIPE.name}.toml"), Path(scratch, "uncut")
        recipe.write_text(RECIPE.to_toml())
        uncut.mkdir()
        training = Training(recipe, num_seeds)
        calls = log_writes(*training.command_line(uncut), folder=uncut)

        disk, said = Disk(), ""
        outcomes: defaultdict[State, Outcome] = defaultdict(Outcome)
        for call in calls:
            disk.replay(call)
            said += call.content.decode() if call.kind == "print" else ""
            for state in disk.after_cut():
                outcome = outcomes[without_temporary(state)]
                outcome.states.add(state)
                outcome.reported = training.count_reported(said)  # by now, so the most
        if disk.state() != read_state(uncut):
            raise AssertionError("The log lacks calls: replayed, it gives other files.")

        faults = [
            f"{path} has neither its old content nor its new"
            for files in outcomes
            for path, content in files
            if content is not None and content not in disk.whole[path.name]
        ]
        num_resumed = 0
        for number, (files, outcome) in enumerate(outcomes.items()):
            go_on = training.go_on_apart if number == len(outcomes) // 2 else training.go_on
            for state in outcome.states if every_state else [max(outcome.states, key=len)]:
                folder = Path(scratch, str(num_resumed))
                folder.mkdir()
                write_state(state, folder)
                num_resumed += 1
                try:
                    done = training.count_done(folder)
                    if done < outcome.reported:
                        raise RecoveryError(
                            f"{outcome.reported} steps were reported, {done} are there"
                        )
                    go_on(folder)
                    training.count_done(folder)
                    if training.results(folder) != training.results(uncut):
                        raise RecoveryError("the results are others than without the cut")
                except RecoveryError as fault:
                    present = ", ".join(str(path) for path, _ in files) or "nothing"
                    faults.append(f"with {present}: {fault}")
                shutil.rmtree(folder)
    return {
        "calls": len(calls),
        "states": sum(len(outcome.states) for outcome in outcomes.values()),
        "outcomes": len(outcomes),
        "resumed": num_resumed,
        "faults": faults,
    }


if __name__ == "__main__":
    for num_seeds in (1, 2):
        print(run_power_cuts(num_seeds=num_seeds, every_state=True), flush=True)
