"""What trackers got of a run, read back by their own libraries."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digits.errors import DigitsError, InvalidInput
from digits.run import Run
from digits.training import Interrupted, resume, train
from digits.training.trackers import SCALARS
from tests.training.test_training import SMALL, Silent, weights

pytestmark = [
    pytest.mark.usefixtures("with_blobs"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of libraries, in themselves
]

Series = dict[str, list[tuple[int, float]]]


QUICK = SMALL.override(network="fast", batch_size=100)


@pytest.fixture(autouse=True, scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow's database is in a folder of these tests, as making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
        yield


@pytest.fixture(autouse=True)
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test has an experiment of its own."""
    monkeypatch.chdir(tmp_path)  # where MLflow makes a folder for files that a run may have
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", str(tmp_path))
    return str(tmp_path)


def mlflow_run() -> tuple[Any, Any]:
    """MLflow's client, and the only run that it has of a test."""
    client = pytest.importorskip("mlflow").MlflowClient()
    experiment = client.get_experiment_by_name(os.environ["MLFLOW_EXPERIMENT_NAME"])
    (found,) = client.search_runs([experiment.experiment_id])
    return client, found


def events_of(run: Run) -> Series:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = events.EventAccumulator(str(run.tensorboard_path)).Reload()
    return {
        name: [(event.step, event.value) for event in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


def metrics_of(run: Run) -> Series:
    client, found = mlflow_run()
    assert found.info.run_name == run.folder.name
    return {
        name: [(m.step, m.value) for m in client.get_metric_history(found.info.run_id, name)]
        for name in found.data.metrics
    }


READ_BACK: dict[str, Callable[[Run], Series]] = {"tensorboard": events_of, "mlflow": metrics_of}
both = pytest.mark.parametrize("name", READ_BACK)


def expect_all_of(run: Run, found: Series) -> None:
    """Each epoch is there once, in order, with the numbers of the run's history."""
    for name, field in SCALARS.items():
        expected = [(record.epoch, getattr(record, field)) for record in run.history]
        assert [step for step, _ in found[name]] == [step for step, _ in expected]
        assert [value for _, value in found[name]] == pytest.approx([v for _, v in expected])
    ((step, accuracy),) = found["test/accuracy"]
    assert step == len(run.history)
    assert accuracy == pytest.approx(run.summary["test"]["accuracy"])


@both
def test_a_tracker_gets_each_epoch_and_the_results_and_changes_no_bit(
    name: str, tmp_path: Path
) -> None:
    pytest.importorskip(name)
    run = train(QUICK, out=tmp_path / "run", progress=Silent(), log=[name])
    expect_all_of(run, READ_BACK[name](run))
    alone = train(QUICK, out=tmp_path / "alone", progress=Silent())
    assert weights(run) == weights(alone)
    again = resume(run.folder, log=[name])
    expect_all_of(again, READ_BACK[name](again))


@both
def test_a_run_that_was_stopped_has_no_epoch_twice_and_none_missing(
    name: str, tmp_path: Path
) -> None:
    """It goes on with the trackers that it began with, without being told."""
    pytest.importorskip(name)
    stop = Silent(3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        train(QUICK.override(epochs=3), out=tmp_path / "run", progress=stop, log=[name])
    run = resume(tmp_path / "run", progress=Silent())
    expect_all_of(run, READ_BACK[name](run))


def test_a_tracker_that_lost_its_last_epoch_gets_it_again(tmp_path: Path) -> None:
    """A process that is killed leaves a file of events that ends anywhere."""
    pytest.importorskip("tensorboard")
    run = train(
        QUICK.override(epochs=3), out=tmp_path / "run", progress=Silent(), log=["tensorboard"]
    )
    (events,) = run.tensorboard_path.iterdir()
    whole = events.read_bytes()
    for length in (len(whole) // 3, len(whole) // 2, len(whole) - 1, 0):
        for path in run.tensorboard_path.iterdir():
            path.unlink()
        events.write_bytes(whole[:length])
        resume(run.folder, log=["tensorboard"])
        expect_all_of(run, events_of(run))


def test_a_finished_run_is_brought_to_a_tracker(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = train(QUICK, out=tmp_path / "run", progress=Silent())
    assert not run.tensorboard_path.exists()
    expect_all_of(run, events_of(resume(run.folder, log=["tensorboard"])))


def test_mlflow_has_the_fields_of_the_recipe(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    train(QUICK.override(epochs=1), out=tmp_path / "run", progress=Silent(), log=["mlflow"])
    _, found = mlflow_run()
    assert found.data.params["learning_rate"] == str(QUICK.learning_rate)
    assert found.data.params["shift_pixels"] == "1.0"
    assert found.info.status == "FINISHED"


def test_a_tracker_that_is_away_is_told_in_one_line_and_the_run_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(DigitsError, match=r"Can't write to a tracker .*saved; ") as failed:
            train(QUICK, out=tmp_path / "run", progress=Silent(), log=["mlflow"])
    assert "\n" not in str(failed.value)
    run = resume(tmp_path / "run", progress=Silent())
    expect_all_of(run, metrics_of(run))


def test_a_tracker_of_an_unknown_name_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="did you mean 'tensorboard'"):
        train(QUICK, out=tmp_path / "run", log=["tensorbord"])
    assert not (tmp_path / "run").exists()


RESOLVED = """
import socket, threading

def resolve(host, *args, **kwargs):
    names.add(host)
    raise socket.gaierror(socket.EAI_NONAME, "there is no network")

names, socket.getaddrinfo = set(), resolve

from digits.training.trackers import expect_trackers

expect_trackers(["mlflow"])
import mlflow

try:
    mlflow.MlflowClient().create_run("0")
except mlflow.MlflowException:
    pass
for thread in threading.enumerate():
    if thread.name == "GetTelemetryConfig":
        thread.join()
print(*names)
"""
"""Prints the machines that MLflow looks for when a run is made."""


def test_mlflow_tells_its_makers_nothing(tmp_path: Path) -> None:
    """In an environment of people: where tests run, it is silent by itself."""
    pytest.importorskip("mlflow")
    kept = ("PATH", "PYTHONPATH", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {
        "HOME": str(tmp_path),
        "MLFLOW_TRACKING_URI": "http://tracker.invalid",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    command = [sys.executable, "-c", RESOLVED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tracker.invalid"]
