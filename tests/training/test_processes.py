"""Processes that train together: the same bits as one process alone, whatever becomes of them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digits.data import DataSet
from digits.errors import InvalidInput
from digits.recipe import Recipe, load_recipe
from digits.run import Run
from digits.training import resume, together, train, train_or_resume
from digits.training.processes import Processes, _pack, _room_for, _unpack
from digits.training.shards import Shards
from digits.training.trainer import Trainer
from tests.conftest import blobs
from tests.training.test_shards import CPU, Closed
from tests.training.test_training import SMALL, Silent, train_until_stopped, weights

TRAIN = [
    *("train", "--recipe", "recipe.toml", "--data", "blobs.npz", "--out", "run"),
]
STOPPED = "digits: Stopped and saved. Resume with: digits train --resume run"

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="looks at processes where Linux shows them"
)


def shown_recipe() -> Recipe:
    """Dropout, augmentation, an average, clipped gradients; a last batch of fewer shards."""
    return load_recipe("classic").override(
        epochs=4, batch_size=96, validation_size=100, shards=4, shift_pixels=1.0,
        average_weights=0.9, clip_gradients=1.0, precision="float32",
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What one process makes; recipe and data are beside it."""
    folder = tmp_path_factory.mktemp("alone")
    prepare(folder)
    recipe = load_recipe(folder / "recipe.toml").override(dataset=str(folder / "blobs.npz"))
    return train(recipe, out=folder / "run", progress=Silent())


def prepare(folder: Path) -> None:
    train_images, train_labels = blobs(300)
    test_images, test_labels = blobs(100, seed=1)
    np.savez(
        folder / "blobs.npz",
        x_train=train_images.numpy(), y_train=train_labels.numpy(),
        x_test=test_images.numpy(), y_test=test_labels.numpy(),
    )  # fmt: skip
    (folder / "recipe.toml").write_text(shown_recipe().to_toml())


@contextmanager
def started(folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a folder with recipe and data."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "120", "OMP_NUM_THREADS": "2"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def children(process: subprocess.Popen[str], command: str) -> list[int]:
    """Processes that a process started whose command contains this."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(n) for n in listed if command in Path(f"/proc/{n}/cmdline").read_text()]


def is_running(process: int) -> bool:
    """Whether there is such a process; one that ended and nobody waited for is a zombie."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def has_epochs(folder: Path, num: int) -> Callable[[], bool]:
    history = folder / "run" / "history.jsonl"
    return lambda: history.exists() and history.read_text().count("\n") >= num


def expect_same(folder: Path, alone: Run, *, processes: int) -> None:
    """The run has the weights and the history of the one that one process made alone."""
    run = Run(folder / "run")
    ours, theirs = run.model.state_dict(), alone.model.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    histories = [[vars(r) | {"seconds": 0} for r in each.history] for each in (run, alone)]
    assert histories[0] == histories[1]
    assert run.summary["test"] == alone.summary["test"]
    assert run.summary["processes"] == processes


def test_two_processes_and_one_that_ctrl_c_divides_make_the_same_bits(
    alone: Run, tmp_path: Path
) -> None:
    prepare(tmp_path)
    with started(tmp_path, "digits", *TRAIN, "--processes", "2") as process:
        wait_until(has_epochs(tmp_path, 1), process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors.splitlines()[-1]) == (1, STOPPED)
    resume = ("train", "--resume", "run", "--processes", "3", "--json")
    with started(tmp_path, "digits", *resume) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(output)["processes"] == 3
    expect_same(tmp_path, alone, processes=3)


@needs_proc
def test_a_killed_process_ends_the_others_with_one_line_and_the_run_goes_on(
    alone: Run, tmp_path: Path
) -> None:
    prepare(tmp_path)
    with started(tmp_path, "digits", *TRAIN, "--processes", "2") as process:
        wait_until(has_epochs(tmp_path, 1), process)
        (follower,) = children(process, "follow_parent")
        os.kill(follower, signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith("digits: One of the 2 processes that train together")
    assert "Traceback" not in errors
    resume(tmp_path / "run", progress=Silent())
    expect_same(tmp_path, alone, processes=1)


@needs_proc
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    prepare(tmp_path)
    with started(tmp_path, "digits", *TRAIN, "--processes", "2", "--epochs", "1000") as process:
        wait_until(has_epochs(tmp_path, 1), process)
        (follower,) = children(process, "follow_parent")
        process.kill()
        process.wait()
    deadline = time.monotonic() + 60
    while is_running(follower):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@needs_proc
def test_torchrun_starts_killed_processes_again_and_they_go_on(alone: Run, tmp_path: Path) -> None:
    prepare(tmp_path)
    torchrun = ("torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "2")
    with started(tmp_path, *torchrun, "-m", "digits", *TRAIN) as process:
        wait_until(has_epochs(tmp_path, 1), process)
        os.kill(children(process, "digits")[1], signal.SIGKILL)
        output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert output.count("test accuracy") == 1
    expect_same(tmp_path, alone, processes=2)


@pytest.mark.usefixtures("with_blobs")
def test_shards_that_a_recipe_numbers_have_the_same_bits_on_any_number_of_threads(
    tmp_path: Path,
) -> None:
    found = []
    for num_threads in (1, 3):
        torch.set_num_threads(num_threads)
        run = train(shown_recipe(), out=tmp_path / str(num_threads), epochs=1, progress=Silent())
        found.append(weights(run))
    torch.set_num_threads(1)
    assert len(set(found)) == 1


def test_recipes_say_nothing_of_shards_unless_asked_so_that_older_runs_are_resumed() -> None:
    assert "shards" not in SMALL.to_toml()
    assert "shards = 3" in SMALL.override(shards=3).to_toml()


def test_tensors_of_all_types_come_out_as_they_were() -> None:
    tensors = [
        torch.tensor([True, False, True]),
        torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        torch.tensor(2**60 + 1),
        torch.randn(3).bfloat16(),
        torch.zeros(0),
        torch.tensor([-0.0, float("inf"), float("nan")]),
    ]
    received = [torch.empty_like(tensor) for tensor in tensors]
    packed = _pack(tensors)
    assert packed.shape == _room_for(tensors).shape
    _unpack(packed, received)
    for tensor, found in zip(tensors, received, strict=True):
        assert found.stride() == tensor.stride()
        torch.testing.assert_close(found, tensor, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(("shards", "found"), [(None, "none"), (2, "2")])
def test_more_processes_than_shards_are_refused(
    blob_set: DataSet, shards: int | None, found: str
) -> None:
    recipe = SMALL.override(mean=0.1, std=0.3, shards=shards)
    with pytest.raises(InvalidInput, match=f"at least 3, one for each process, found {found} in"):
        Trainer(recipe, blob_set, CPU, Processes(0, 3))


def test_a_network_that_is_not_cut_into_shards_is_refused() -> None:
    def make_shards(**how: Any) -> Shards:
        return Shards(Closed(0.1, 0.3), CPU, seed=0, **how)

    with pytest.raises(InvalidInput, match="network: expected one that can be copied"):
        make_shards(num=1, processes=Processes(0, 2))
    assert make_shards(num=1).num_threads == 1


@pytest.mark.usefixtures("with_blobs")
def test_what_is_started_again_goes_on_with_its_run_and_with_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_until_stopped(folder, SMALL)
    expected = train(SMALL, out=tmp_path / "other", progress=Silent())
    with pytest.raises(InvalidInput, match="exists already"):
        train_or_resume(SMALL.override(seed=1), out=folder, progress=Silent())
    run = train_or_resume(SMALL, out=folder, progress=Silent())
    assert weights(run) == weights(expected)
    assert train_or_resume(SMALL, out=folder, progress=Silent()).is_finished


@pytest.mark.parametrize(
    ("arguments", "launched", "said"),
    [
        (["--processes", "2", "--seeds", "2"], False, "--seeds trains its runs with one process"),
        (["--processes", "2", "--out", "run"], True, "leave --processes away"),
        ([], True, "--out: expected a run folder"),
        (["--processes", "0"], False, "--processes"),
    ],
)
def test_what_does_not_go_with_several_processes_is_refused_in_one_line(
    call: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    launched: bool,
    said: str,
) -> None:
    if launched:
        for name, value in {"TORCHELASTIC_RUN_ID": "a", "RANK": "0", "WORLD_SIZE": "1"}.items():
            monkeypatch.setenv(name, value)
    status, _, errors = call("train", "--recipe", "fast", *arguments)
    assert status == 2
    assert said in errors
    assert errors.count("\n") == 1


def test_one_process_is_alone_and_joins_nothing() -> None:
    with together() as processes:
        assert processes == Processes()
    assert not torch.distributed.is_initialized()
