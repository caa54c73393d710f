"""Runs that are watched over HTTP: the stream of events, and training that is asked for."""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from digits.children import end_with_parent
from digits.events import EventLog
from digits.reading.reader import Reader
from digits.server import limits, streams
from digits.server.streams import Source
from digits.server.training import TrainingCommand
from digits.server.watch_page import serving_page
from digits.server.watch_process import HOST, PORT
from tests.server.conftest import Client, assert_problem, serving

EVENTS = "/v1/training/events"


def tell_a_run() -> None:
    """Stand for the process that trains: tell a run, a part of it once the test lets it go on."""
    end_with_parent()
    recipe, out = sys.argv[1:]
    Path(out).mkdir()
    log = EventLog(Path(out) / "events.jsonl")
    log.write({"kind": "began", "run": "r1", "recipe": recipe})
    for step in range(3):
        log.write({"kind": "point", "step": step})
    wait_for(Path(out).with_name("go on").exists)
    log.write({"kind": "finished", "step": 3})


def fail() -> None:
    """Stand for a process that can't train."""
    print("There is no room\nfor it.")
    sys.exit(1)


def wait_for(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.01)


TOLD = ["began", "point", "point", "point"]


class Listener:
    """A client of the stream, which collects messages."""

    def __init__(self, port: int, last_id: str = "") -> None:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self.response = requests.get(
            f"http://127.0.0.1:{port}{EVENTS}", headers=headers, stream=True, timeout=30
        )
        self._lines = self.response.iter_lines(chunk_size=1, decode_unicode=True)
        self.ids: list[str] = []

    def take(self, num: int) -> list[Any]:
        """The data of the next messages."""
        taken: list[Any] = []
        while len(taken) < num:
            line = next(self._lines)
            if line.startswith("id: "):
                self.ids.append(line.removeprefix("id: "))
            elif line.startswith("data: "):
                taken.append(json.loads(line.removeprefix("data: ")))
        return taken

    def rest(self) -> list[str]:
        """All lines until the server ends the stream."""
        return [line for line in self._lines if line]


def kinds(events: list[Any]) -> list[str]:
    return [event["kind"] for event in events]


@contextmanager
def training_by(function: str, reader: Reader, folder: Path) -> Iterator[Client]:
    """Serve, and train by a function of this module."""
    trainer = TrainingCommand(folder, child=(__name__, function))
    trainer.prepare()
    with serving(reader, trainer=trainer) as client:
        yield client


@pytest.fixture
def trains(reader: Reader, tmp_path: Path) -> Iterator[Client]:
    with training_by("tell_a_run", reader, tmp_path / "runs") as client:
        yield client


def go_on(tmp_path: Path) -> None:
    (tmp_path / "runs" / "go on").touch()


def test_all_listeners_get_the_same_events_in_order_whenever_they_come(
    trains: Client, tmp_path: Path
) -> None:
    early = Listener(trains.port)
    assert early.response.headers["Content-Type"].startswith("text/event-stream")
    assert early.response.headers["Cache-Control"] == "no-store"
    assert trains.post("/v1/training").json()["is_training"]
    assert kinds(first := early.take(4)) == TOLD
    late = Listener(trains.port)
    assert late.take(4) == first
    go_on(tmp_path)
    assert early.take(1) == late.take(1) == [{"kind": "finished", "step": 3}]
    assert early.ids == late.ids
    assert early.take(1) == [{"message": ""}], "the process ended"
    assert trains.post("/v1/read", data=b"").status_code == 422, "reading goes on"


def test_a_listener_that_was_cut_off_goes_on_without_a_gap_or_a_double(
    trains: Client, tmp_path: Path
) -> None:
    trains.post("/v1/training")
    before = Listener(trains.port)
    before.take(2)
    before.response.close()
    after = Listener(trains.port, before.ids[-1])
    assert [event["step"] for event in after.take(2)] == [1, 2]
    go_on(tmp_path)
    assert kinds(after.take(1)) == ["finished"]
    whole = Listener(trains.port)
    whole.take(5)
    assert before.ids + after.ids == whole.ids


@pytest.mark.parametrize(
    "last_id", ["00000000-57", "RUN-5", "RUN-999999999999999999999", "RUN--1", "?"]
)
def test_an_id_that_stands_for_no_place_begins_from_the_first_event(
    trains: Client, last_id: str
) -> None:
    trains.post("/v1/training")
    whole = Listener(trains.port)
    whole.take(4)
    last_id = last_id.replace("RUN", whole.ids[0].partition("-")[0])
    assert kinds(Listener(trains.port, last_id).take(4)) == TOLD


def test_there_is_a_limit_on_listeners_and_those_who_leave_make_room(
    trains: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_STREAMS", 1)
    first = Listener(trains.port)
    assert_problem(trains.get(EVENTS), 503, "1 windows are watching")
    first.response.close()
    wait_for(lambda: Listener(trains.port).response.status_code == 200)


def test_a_stream_with_nothing_new_is_kept_alive(
    trains: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    lines = Listener(trains.port)._lines
    assert [next(line for line in lines if line) for _ in range(2)] == [
        "retry: 1000",
        ": nothing new",
    ]


def test_a_server_that_ends_sends_what_there_is_and_ends_its_streams_at_once(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[Any] = []
    monkeypatch.setattr(uvicorn.server.logger, "error", lambda *words: cancelled.append(words))
    with training_by("tell_a_run", reader, tmp_path / "runs") as client:
        listener = Listener(client.port)
        client.post("/v1/training")
        listener.take(4)
    assert cancelled == [], "no request had to be cut off after its time"
    listener.rest()


def test_one_network_is_trained_at_a_time_and_so_many_are_kept(
    trains: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trains.get("/v1/training").json() == {
        "events": True,
        "on_request": True,
        "is_training": False,
        "message": "",
    }
    assert trains.post("/v1/training").status_code == 202
    assert_problem(trains.post("/v1/training"), 409, "A network is being trained already.")
    go_on(tmp_path)
    wait_for(lambda: not trains.get("/v1/training").json()["is_training"])
    monkeypatch.setattr(limits, "MAX_TRAINED", 1)
    assert_problem(trains.post("/v1/training"), 507, "The server keeps 1 runs already")


def test_why_nothing_is_trained_is_told_in_one_line(reader: Reader, tmp_path: Path) -> None:
    with training_by("fail", reader, tmp_path / "runs") as client:
        listener = Listener(client.port)
        client.post("/v1/training")
        assert listener.take(1) == [{"message": "There is no room for it."}]
        assert client.get("/v1/training").json()["message"] == "There is no room for it."


def test_a_server_without_torch_says_in_one_line_what_to_install(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('No torch', name='torch')")
    monkeypatch.syspath_prepend(tmp_path)
    trainer = TrainingCommand(tmp_path / "runs")
    trainer.prepare()
    with serving(reader, trainer=trainer) as client:
        listener = Listener(client.port)
        client.post("/v1/training")
        [ended] = listener.take(1)
    assert "not installed, such as torch; install them with: " in ended["message"]


def test_pages_of_other_sites_have_nothing_trained(trains: Client) -> None:
    foreign = {"Origin": "https://example.org"}
    assert trains.post("/v1/training", headers=foreign).status_code == 403
    assert not trains.get("/v1/training").json()["is_training"]


def test_a_server_that_was_not_told_to_train_does_not(client: Client) -> None:
    assert client.post("/v1/training").status_code == 405
    assert not client.get("/v1/training").json()["on_request"]
    assert client.get(EVENTS).status_code == 404


def test_training_for_other_machines_is_refused(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    status, _, said = call("serve", "--host", "0.0.0.0", "--train", str(tmp_path))
    assert status == 2
    assert "--train: expected localhost or 127.0.0.1 as the host" in said


def test_the_page_beside_a_command_says_why_training_failed(tmp_path: Path) -> None:
    folder = tmp_path / "of a\nrun"
    folder.mkdir()
    # A page that another test has open at the usual port would come here for its events.
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server((HOST, PORT)))
        page = stack.enter_context(serving_page())
        listener = Listener(int(page.expect_url().rstrip("/").rpartition(":")[2]))
        log = EventLog(folder / "events.jsonl")
        log.write({"kind": "began", "run": "r1"})
        log.close()
        page.follow(folder / "events.jsonl")
        assert kinds(listener.take(1)) == ["began"]
        page.fail("The loss is no longer finite.")
        assert listener.take(1) == [{"message": "The loss is no longer finite."}]


@pytest.mark.parametrize("first", ["5", "null", '{"kind":"began"}', '{"run":"a\\nb"}', "\x00"])
def test_a_damaged_file_of_events_ends_no_stream(tmp_path: Path, first: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"{first}\n{{}}\n")
    source = Source(path)
    messages, offset = source.read(0)
    assert [message.count(b"\n") for message in messages] == [3, 3]
    last_id = messages[-1].split()[1].decode()
    assert source.place_after(last_id) == offset == path.stat().st_size
