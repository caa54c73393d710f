import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.errors import DigitsError, InvalidInput
from digits.history import EpochRecord, History
from digits.models import build_model
from digits.recipe import Recipe
from digits.run import FORMAT, Run
from digits.sums import NAME as SUMS
from tests.older_runs import without_sums

RECIPE = Recipe(name="small", network="compact", epochs=1, mean=0.13, std=0.31)
SUMMARY = {
    "training_seconds": 1.0,
    "test": {"accuracy": 0.5, "errors": 5, "images": 10, "interval": [0.2, 0.8]},
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run, made without training."""
    run = Run.create(tmp_path / "run", RECIPE, {"tensor": torch.arange(5)})
    record = EpochRecord(1, 1000, 0.5, 0.9, None, None, 0.001, 1.0)
    run.save_checkpoint({"tensor": torch.arange(1000)}, [record])
    run.save_model(build_model("compact", mean=0.13, std=0.31))
    run.save_summary(SUMMARY)
    return Run(tmp_path / "run")


def test_a_run_reads_back_what_was_written(run: Run) -> None:
    assert run.is_finished
    assert run.recipe == RECIPE
    assert run.history == [EpochRecord(1, 1000, 0.5, 0.9, None, None, 0.001, 1.0)]
    assert torch.equal(run.load_checkpoint()["tensor"], torch.arange(1000))
    assert run.summary["test"] == SUMMARY["test"]


def test_a_history_is_a_list_that_prints_as_a_table(run: Run) -> None:
    records = [
        EpochRecord(9, 55_000, 0.51234, 0.9, 0.25, 0.98765, 0.001, 1.0),
        EpochRecord(10, 16_500, 0.4, 0.95, None, None, 1e-8, 12.345),
    ]
    without_sums(run.folder)
    run.save_checkpoint({}, records)
    history = run.history
    assert history == records
    assert history[-1] == records[1]
    assert str(history).splitlines() == [
        "epoch  images  train loss  train accuracy  validation loss  validation accuracy  "
        "learning rate  seconds",
        "    9  55,000      0.5123          90.00%           0.2500               98.77%  "
        "        0.001      1.0",
        "   10  16,500      0.4000          95.00%                –                    –  "
        "        1e-08     12.3",
    ]
    shown = history._repr_html_()
    assert shown.count("<tr>") == 3
    assert "<th>validation accuracy</th>" in shown
    assert "<td>98.77%</td>" in shown
    assert str(History()).split()[0] == "epoch"


def test_a_model_is_rebuilt_from_its_file_alone(run: Run, tmp_path: Path) -> None:
    model = build_model("compact", mean=0.13, std=0.31).eval()
    run.save_model(model)
    pixels = torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8)
    assert torch.equal(run.model(pixels), model(pixels))
    assert not run.model.training


def test_a_run_folder_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DigitsError, match="No space left on device"):
        Run.create(tmp_path / "run", RECIPE, {})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_last_checkpoint(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(run.folder.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DigitsError, match="No space left on device"):
            run.save_checkpoint({"tensor": torch.zeros(3)}, [])
    assert torch.equal(run.load_checkpoint()["tensor"], torch.arange(1000))
    assert sorted(run.folder.iterdir()) == before


def test_an_existing_folder_or_file_is_not_written_into(tmp_path: Path, run: Run) -> None:
    with pytest.raises(InvalidInput, match="exists already"):
        Run.create(run.folder, RECIPE, {})
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="exists already"):
        Run.create(tmp_path / "file", RECIPE, {})
    with pytest.raises(DigitsError, match="Can't write"):
        Run.create(tmp_path / "file" / "run", RECIPE, {})


def test_missing_and_strange_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No run folder at"):
        Run(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"expected a recipe\.toml"):
        Run(tmp_path)


def read_all(run: Run) -> None:
    run = Run(run.folder)
    _ = run.recipe, run.history, run.summary, run.model
    run.load_checkpoint()


FILES = ["recipe.toml", "history.jsonl", "checkpoint.pt", "model.safetensors", "summary.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_said_to_be_damaged(run: Run, name: str, keep: float) -> None:
    path = run.folder / name
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DigitsError, match=f"{name} is damaged") as caught:
        read_all(run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_a_missing_file_is_named(run: Run, name: str) -> None:
    (run.folder / name).unlink()
    with pytest.raises(DigitsError, match=name):
        read_all(run)


def test_weights_with_another_mean_or_temperature_are_damaged(run: Run) -> None:
    content = run.model_path.read_bytes()
    changed = content.replace(b"0.13", b"0.18")
    assert changed != content
    run.model_path.write_bytes(changed)
    with pytest.raises(DigitsError, match=r"model\.safetensors is damaged"):
        _ = run.model
    with pytest.raises(DigitsError, match=r"model\.safetensors is damaged"):
        _ = run.temperature


@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_a_flipped_bit_is_noticed_wherever_it_is(run: Run, name: str) -> None:
    path = run.folder / name
    content = path.read_bytes()
    # An odd step meets all bits of a byte; large files are tried at two hundred places.
    for bit in range(0, 8 * len(content), max(7, len(content) // 25 | 1)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(bytes(damaged))
        with pytest.raises(DigitsError, match="is damaged") as caught:
            read_all(run)
        assert "\n" not in str(caught.value)


def read_each(run: Run) -> Iterator[Callable[[], object]]:
    """Ways to read one file each."""
    again = Run(run.folder)
    for name in ("recipe", "history", "summary", "model", "temperature"):
        yield partial(getattr, again, name)
    yield again.load_checkpoint


def test_a_finished_run_without_its_sums_is_refused_whatever_is_read(run: Run) -> None:
    (run.folder / SUMS).unlink()
    for read in read_each(run):
        with pytest.raises(DigitsError) as caught:
            read()
        assert str(caught.value) == (
            f"{run.folder} is incomplete: it has no {SUMS}; restore it from a copy, or train anew."
        )
    run.summary_path.write_text("{")
    for read in read_each(run):
        with pytest.raises(DigitsError, match=r"summary\.json is damaged"):
            read()


def test_a_run_that_was_finished_before_there_were_sums_is_read(run: Run) -> None:
    recipe, summary, temperature = run.recipe, dict(run.summary), run.temperature
    without_sums(run.folder)
    for read in read_each(run):
        read()
    again = Run(run.folder)
    del summary["sums"]
    assert (again.recipe, again.summary, again.temperature) == (recipe, summary, temperature)


def test_a_run_that_lost_its_weights_is_finished_anew(run: Run) -> None:
    run.model_path.unlink()
    assert not run.is_finished
    run.load_checkpoint()
    run.save_model(build_model("compact", mean=0.13, std=0.31))
    assert not run.is_finished
    read = run.model  # as the test set is looked at before there is a summary
    run.save_summary(SUMMARY)
    read_all(run)
    assert not read.training


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="this system has no sha256sum")
def test_the_sums_are_those_that_the_system_s_command_checks(run: Run) -> None:
    command = ["sha256sum", "--check", "--strict", SUMS]
    done = subprocess.run(command, cwd=run.folder, capture_output=True, text=True, check=True)
    assert {line.removesuffix(": OK") for line in done.stdout.splitlines()} == {*FILES}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        json.dumps({"format": FORMAT}),
        json.dumps({"format": FORMAT, "test": 3}),
        "[" * 100_000,
        "\xff",
        json.dumps({"format": FORMAT, "training_seconds": 1, "test": {"accuracy": 0.9}}),
        json.dumps({"format": FORMAT, **SUMMARY, "training_seconds": "long"}),
    ],
)
def test_a_summary_of_another_shape_is_damaged(run: Run, text: str) -> None:
    run.summary_path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DigitsError, match=r"summary\.json is damaged"):
        _ = run.summary


@pytest.mark.parametrize("line", ["{}", '{"epoch": 1}', "no JSON", "[1, 2]"])
def test_a_history_of_another_shape_is_damaged(run: Run, line: str) -> None:
    run.history_path.write_text(run.history_path.read_text() + line + "\n")
    with pytest.raises(DigitsError, match=r"history\.jsonl is damaged"):
        _ = run.history


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_the_history_that_are_none_are_damage(run: Run) -> None:
    without_sums(run.folder)
    text = run.history_path.read_text()
    run.history_path.write_text(text.replace('"train_loss": 0.5', '"train_loss": null'))
    with pytest.raises(DigitsError, match=r"train_loss is None"):
        _ = run.history


def test_what_a_killed_process_left_half_written_is_swept_up(run: Run) -> None:
    leftover = run.folder / (".checkpoint.pt." + 32 * "a")
    leftover.write_bytes(b"half")
    with run.locked():
        assert not leftover.exists()
    read_all(run)


def test_a_run_of_another_format_is_refused_and_says_what_to_do(run: Run) -> None:
    (run.folder / SUMS).unlink()
    run.summary_path.write_text(json.dumps({"format": 99, **SUMMARY}))
    with pytest.raises(
        DigitsError, match=f"format 99; this version of digits reads format {FORMAT}"
    ):
        _ = run.summary
    run.save_checkpoint({"format": 99}, [])
    with pytest.raises(DigitsError, match="format 99"):
        run.load_checkpoint()


def test_a_run_whose_recipe_has_a_field_of_an_older_version_is_of_an_older_format(
    run: Run,
) -> None:
    without_sums(run.folder)
    text = run.recipe_path.read_text()
    run.recipe_path.write_text(text.replace("writing_styles = 0.0", "pens = 0.5"))
    with pytest.raises(DigitsError) as caught:
        _ = Run(run.folder).recipe
    assert str(caught.value) == (
        f"{run.recipe_path} is of an older format, with 'pens', which no longer means the same; "
        f"this version of digits reads format {FORMAT}. Use the version that wrote it (a finished "
        f"run's summary.json names it), or train anew with: digits train --recipe {run.recipe_path}"
    )


def test_an_unfinished_run_says_how_to_resume_it(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", RECIPE, {})
    assert not run.is_finished
    for name in ("model", "summary"):
        with pytest.raises(DigitsError, match=r"not finished.*Resume with: digits train --resume"):
            getattr(run, name)


def test_a_checkpoint_that_would_run_code_is_refused(run: Run, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "executed"),)

    without_sums(run.folder)
    run.save_checkpoint({"hostile": Hostile()}, [])
    with pytest.raises(DigitsError, match=r"checkpoint\.pt is damaged"):
        run.load_checkpoint()
    assert not (tmp_path / "executed").exists()


def test_two_processes_can_not_train_one_run_and_a_dead_ones_lock_is_free(run: Run) -> None:
    code = (
        "from digits import Run\n"
        f"with Run({str(run.folder)!r}).locked(): print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DigitsError, match="another process"), run.locked():
            pass
        other.kill()
    with run.locked():
        pass
