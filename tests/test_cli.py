"""The command as people and programs meet it: real processes, real files, real kills."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from digits.recipe import load_measurement, recipe_names

pytestmark = pytest.mark.mnist

DIGITS = [sys.executable, "-c", "from digits.cli import main; main()"]

# With several threads, as people have them, runs are to be the same to the bit too.
ENVIRONMENT = {**os.environ, "COLUMNS": "120", "OMP_NUM_THREADS": "2"}


def digits(
    *arguments: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DIGITS, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
        timeout=240,
    )


def start(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DIGITS, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
    )


def kill_when(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Send SIGKILL as soon as the files are as they should be; the process must not end first."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def quick(few_digits: Path) -> list[str]:
    """Options with which an epoch takes half a second."""
    options = ["--recipe", "fast", "--validation-size", "500", "--batch-size", "50"]
    return [*options, "--data", str(few_digits)]


@pytest.fixture(scope="module")
def undisturbed(quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of three epochs that nothing disturbed, with its report, and what was said of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    options = ["--epochs", "3", "--out", "run", "--report"]
    done = digits("train", *quick, *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


@pytest.fixture(scope="module")
def finished(undisturbed: tuple[Path, str]) -> Path:
    """The folder of that run."""
    return undisturbed[0]


def test_training_says_how_it_goes_and_what_came_out(undisturbed: tuple[Path, str]) -> None:
    folder, output = undisturbed
    lines = output.splitlines()
    assert re.search(r"epoch  1/3  loss 0\.\d{4}  accuracy \d\d\.\d\d%  validation loss", lines[1])
    assert re.search(r"test accuracy +9\d\.\d\d%  \(95 % interval 9\d.* of 10,000 wrong\)", output)
    assert re.search(r"training time +\d+\.\d s", output)
    assert re.search(r"report +run/report\.html", output)
    assert (folder / "report.html").is_file()
    assert "\x1b" not in output, "no control sequences in a pipe"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_terminal_shows_loss_speed_and_time_left_while_training(
    quick: list[str], tmp_path: Path
) -> None:
    terminal, theirs = os.openpty()
    process = subprocess.Popen(
        # In small batches an epoch takes longer than the terminal waits between two drawings.
        [*DIGITS, "train", *quick, "--batch-size", "10", "--epochs", "2", "--out", "run"],
        stdout=theirs,
        cwd=tmp_path,
        env={**ENVIRONMENT, "TERM": "xterm"},
    )
    os.close(theirs)
    screen = bytearray()
    with suppress(OSError):  # Linux's way to say that the other end was closed
        while shown := os.read(terminal, 4096):
            screen += shown
    os.close(terminal)
    assert process.wait(timeout=120) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.decode())
    assert re.search(r"epoch 2/2 .*loss 0\.\d{4}  [\d,]+ images/s \d\d:\d\d", text)
    assert re.search(r"epoch  2/2  loss 0\.\d{4}  accuracy \d\d\.\d\d%  validation loss", text)


def test_json_output_is_one_document_and_nothing_else(
    quick: list[str],
    call: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = digits("train", *quick, "--epochs", "1", "--json", cwd=tmp_path)
    (folder,) = tmp_path.glob("runs/*")
    summary = json.loads((folder / "summary.json").read_text())
    expected = {"folder": str(folder.relative_to(tmp_path)), "report": None, **summary}
    assert json.loads(trained.stdout) == expected
    evaluated = digits("evaluate", folder, "--json", cwd=tmp_path)
    assert json.loads(evaluated.stdout)["test"] == summary["test"]

    def document(*arguments: str) -> Any:
        status, output, _ = call(*arguments, "--json")
        assert status == 0
        return json.loads(output)

    monkeypatch.setattr("digits.report.illustrate", lambda material: [])  # figures take long
    assert Path(document("report", str(folder))["report"]).is_file()
    assert [recipe["name"] for recipe in document("recipes")] == recipe_names()
    data = document("data")
    assert (data["train"], data["test"]) == (60_000, 10_000)


def test_a_run_killed_again_and_again_ends_with_the_same_bits(
    quick: list[str], finished: Path, tmp_path: Path
) -> None:
    """SIGKILL just after the folder appears, after an epoch, and before the summary."""
    run = tmp_path / "run"
    process = start("train", *quick, "--epochs", "3", "--out", "run", cwd=tmp_path)
    kill_when(process, run.exists)
    assert not (run / "history.jsonl").read_text()
    process = start("train", "--resume", "run", cwd=tmp_path)
    kill_when(process, lambda: (run / "history.jsonl").read_text().count("\n") >= 1)
    process = start("train", "--resume", "run", cwd=tmp_path)
    kill_when(process, (run / "model.safetensors").exists)
    assert not (run / "summary.json").exists()

    done = digits("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    summaries = [json.loads((r / "summary.json").read_text()) for r in (run, finished)]
    assert summaries[0]["test"] == summaries[1]["test"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(
    quick: list[str], finished: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start("train", *quick, "--epochs", "3", "--out", "run", cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()  # the first epoch is over: this lands in one of the next two
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors == "digits: Stopped and saved. Resume with: digits train --resume run\n"
    done = digits("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (
        finished / "model.safetensors"
    ).read_bytes()


def test_tables_of_an_evaluation_fit_into_eighty_columns(
    finished: Path, call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, shown, _ = call("evaluate", str(finished))
    assert "…" not in shown
    tables = shown.split("\n\n", 1)[1].splitlines()
    assert max(map(len, tables)) <= 80
    assert sum(line.startswith("read as") for line in tables) == 1


def test_evaluating_shows_a_table_and_several_runs_are_a_committee(
    finished: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    status, shown, _ = call("evaluate", str(finished))
    assert status == 0
    assert call("evaluate", str(finished))[1] == shown
    for word in ("accuracy", "95 % interval", "precision", "recall", "F1", "negative log"):
        assert word in shown

    def evaluated(*runs: Path) -> Any:
        return json.loads(call("evaluate", *map(str, runs), "--json")[1])["test"]

    alone, together = evaluated(finished), evaluated(finished, finished)
    assert together["confusion_matrix"] == alone["confusion_matrix"], "twice the same opinion"


# A process's peak begins with that of the one it was started from: with this one's, it would be
# that of all tests before.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, timeout=240)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system does not tell a process's peak")
def test_training_classic_stays_under_the_memory_it_promises(tmp_path: Path) -> None:
    quick = ["--recipe", "classic", "--epochs", "1", "--validation-size", "50000"]
    command = [sys.executable, "-c", PEAK, *DIGITS, "train", *quick, "--out", "run"]
    done = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout.splitlines()[-1]) * unit < 1.2e9


def test_the_list_of_recipes_shows_what_was_measured(tmp_path: Path) -> None:
    shown = digits("recipes", cwd=tmp_path).stdout
    for name in recipe_names():
        figures = r"\d s .*9\d\.\d\d% ± " if load_measurement(name) else "not measured"
        assert re.search(rf"{name} .*{figures}", shown)


ERRORS: list[tuple[list[str], int, str]] = [
    (["train", "--recipe", "clasic"], 2, "did you mean 'classic'"),
    (["train", "--recipe", "bad.toml"], 2, "bad.toml: expected TOML"),
    (["train", "--recipe", "range.toml"], 2, "range.toml: epochs: expected 1 to 10,000, found 0"),
    (["train", "--recipe", "none.toml"], 2, "No recipe file at none.toml"),
    (["train", "--epochs", "0"], 2, "epochs: expected 1 to 10,000, found 0"),
    (["train", "--epochs", "many"], 2, "--epochs"),
    (["train", "--batch-size", "-1"], 2, "batch_size: expected 1 to 60,000, found -1"),
    (["train", "--validation-size", "5000", "--batch-size", "60000"], 2, "at most the 55,000"),
    (["train", "--learning-rate", "nan"], 2, "learning_rate: expected"),
    (["train", "--network", "resnet"], 2, "No network is called 'resnet'"),
    (["train", "--device", "tpu"], 2, "device: expected auto or cpu"),
    (["train", "--out", "file"], 2, "file exists already"),
    (["train", "--out", "/proc/nothing/here"], 1, "Can't write"),
    (["train", "--resume", "nowhere"], 2, "No run folder at nowhere"),
    (["train", "--resume", "empty"], 2, "expected a recipe.toml"),
    (["train", "--resume", "run", "--epochs", "3"], 2, "--resume goes on as the run began"),
    (["trane"], 2, "Did you mean 'train'"),
    (["train", "--colour", "red"], 2, "--colour"),
    (["evaluate"], 2, "Missing argument"),
    (["evaluate", "nowhere"], 2, "No run folder at nowhere"),
    (["evaluate", "damaged"], 1, "model.safetensors is damaged"),
    (["evaluate", "unfinished"], 1, "not finished"),
    (["report", "damaged"], 1, "is damaged"),
    (["data", "--from", "nowhere"], 2, "nowhere"),
]


@pytest.mark.parametrize(
    ("arguments", "of", "message"),
    [
        (["train"], "digits.training.train", "; try a smaller --batch-size"),
        (["train", "--resume", "run"], "digits.run.Run.__init__", ""),
        (["evaluate", "run"], "digits.run.Run.__init__", ""),
        (["report", "run"], "digits.run.Run.__init__", ""),
    ],
    ids=lambda value: str(value)[:20],
)
def test_want_of_memory_is_one_line_and_only_new_training_has_batches_to_make_smaller(
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[..., tuple[int, str, str]],
    arguments: list[str],
    of: str,
    message: str,
) -> None:
    def fail(*_: object, **options: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(of, fail)
    assert call(*arguments) == (1, "", f"digits: There is not enough memory{message}.\n")


@pytest.fixture(scope="module")
def workshop(finished: Path) -> Path:
    """A folder with one of each thing that can be wrong."""
    folder = finished.parent
    (folder / "file").touch()
    (folder / "empty").mkdir()
    (folder / "bad.toml").write_text("epochs = = 3")
    (folder / "range.toml").write_text("network = 'classic'\nepochs = 0")
    shutil.copytree(finished, folder / "damaged")
    for name in ("model.safetensors", "summary.json"):
        path = folder / "damaged" / name
        path.write_bytes(path.read_bytes()[:-100])
    shutil.copytree(finished, folder / "unfinished")
    for name in ("model.safetensors", "summary.json"):
        (folder / "unfinished" / name).unlink()
    return folder


@pytest.mark.parametrize(("arguments", "status", "message"), ERRORS, ids=lambda v: str(v)[:40])
def test_what_goes_wrong_is_one_line_and_a_status(
    workshop: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[..., tuple[int, str, str]],
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    if "/proc" in " ".join(arguments) and not Path("/proc").exists():
        pytest.skip("needs a folder that nobody can write to, such as Linux's /proc")
    before = sorted(workshop.rglob("*"))
    monkeypatch.chdir(workshop)
    found, output, errors = call(*arguments)
    assert message in errors
    assert errors.count("\n") == 1, errors
    assert found == status
    assert output == ""
    assert sorted(workshop.rglob("*")) == before, "something was written"


def test_a_missing_gpu_is_said_with_what_there_is(tmp_path: Path) -> None:
    failed = digits("train", "--device", "cuda", cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert failed.returncode == 2
    assert re.search(r"one that this machine has \(.*cpu\), found 'cuda'", failed.stderr)


def test_completion_offers_commands_and_recipes(tmp_path: Path) -> None:
    def complete(line: str) -> str:
        words: dict[str, Any] = {
            "_DIGITS_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split())),
        }
        return digits(cwd=tmp_path, **words).stdout

    assert {"train", "evaluate", "report"} <= set(complete("digits ").split())
    assert set(recipe_names()) <= set(complete("digits train --recipe ").split())


def test_help_names_every_command_and_version_tells(tmp_path: Path) -> None:
    shown = digits("--help", cwd=tmp_path).stdout
    assert all(
        name in shown
        for name in ("data", "recipes", "train", "evaluate", "report", "read", "export")
    )
    assert digits("--version", cwd=tmp_path).stdout.startswith("digits ")
    fields = digits("train", "--help", cwd=tmp_path).stdout
    assert "(1 to 10,000)" in fields
    assert "(constant, cosine, one_cycle)" in fields
