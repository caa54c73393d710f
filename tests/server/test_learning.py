"""Learning from corrections: the command, the swap of readers, and the way back."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from digits.errors import DigitsError
from digits.reading.onnx_graph import seal
from digits.reading.reader import Reader
from digits.server import limits
from digits.server.learning import LearningCommand
from digits.server.readers import ReaderInUse
from tests.server.conftest import PICTURE, Client, Pending, SlowReader, assert_problem, png
from tests.server.learning import (
    LEARNS,
    WEIGHTS,
    correct,
    finished,
    learner_that,
    open_reader,
    status,
    status_when,
    taking,
)
from tests.server.test_process import wait_until_refused

UNSURE = 1.0
"""A threshold with which a reader refuses every digit, which tells it from the one learned."""

needs_fifo = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes")


@pytest.fixture(scope="module")
def unsure() -> Reader:
    return Reader(threshold=UNSURE, num_threads=1)


def learn(client: Client) -> dict[str, object]:
    """Send a correction, and have it learned from; returns what came of it."""
    assert correct(client, PICTURE, "1995").status_code == 201
    started = client.post("/v1/learning")
    assert started.status_code == 202
    assert started.json()["corrections"] == 1
    return finished(client)


@pytest.fixture(scope="module")
def glyph(unsure: Reader) -> bytes:
    """A clear digit."""
    return unsure.read(png("7")).digits[0].glyph.tobytes()


OCTETS = {"Content-Type": "application/octet-stream"}


def is_refused(client: Client, glyph: bytes) -> bool:
    """Whether a digit is refused, as the first reader does."""
    (digit,) = client.post("/v1/glyphs", data=glyph, headers=OCTETS).json()["digits"]
    return digit["reason"] is not None


def test_what_is_learned_is_used_and_left_again_without_a_restart(
    unsure: Reader, glyph: bytes, tmp_path: Path
) -> None:
    with taking(unsure, tmp_path) as client:
        assert is_refused(client, glyph)
        assert learn(client) == {
            "corrections": 1,
            "is_learning": False,
            "learned": "in use",
            "message": "Better by a third.",
        }
        assert not is_refused(client, glyph)
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
        assert client.post("/v1/layers", data=glyph, headers=OCTETS).status_code == 200
        assert client.get("/v1/network").json()["threshold"] < UNSURE
        assert client.post("/v1/learning/revert").json()["learned"] == "ready"
        assert is_refused(client, glyph)
        assert client.get("/v1/network").json()["threshold"] == UNSURE
        assert client.post("/v1/learning/adopt").json()["learned"] == "in use"
        assert not is_refused(client, glyph)


def test_the_file_of_the_network_is_that_of_the_reader_in_use(
    reader: Reader, tmp_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(seal(reader.network.content))
    learns_other = LEARNS.replace(str(WEIGHTS / "reader.onnx"), str(other))
    with taking(reader, tmp_path / "kept", learns_other) as client:
        before = client.get("/v1/network/onnx").headers["ETag"]
        learn(client)
        after = client.get("/v1/network/onnx", headers={"If-None-Match": before})
        assert after.content == other.read_bytes()
        client.post("/v1/learning/revert")
        assert client.get("/v1/network/onnx").headers["ETag"] == before


def test_the_command_is_told_the_folder_and_where_its_network_goes(
    reader: Reader, tmp_path: Path
) -> None:
    tells = f"import sys; print(*sys.argv[1:], file=open({str(tmp_path / 'told')!r}, 'w'));{LEARNS}"
    with taking(reader, tmp_path / "kept", tells) as client:
        learn(client)
    folder, flag, out, more = (tmp_path / "told").read_text().split()
    assert (folder, flag, more) == (str(tmp_path / "kept"), "--out", "--json")
    assert Path(out).parent == tmp_path / "kept" / ".learned"
    assert Path(f"{out}.json").is_file()


def test_what_was_learned_is_ready_when_a_server_starts_again(
    unsure: Reader, glyph: bytes, tmp_path: Path
) -> None:
    with taking(unsure, tmp_path) as client:
        learn(client)
    with taking(unsure, tmp_path) as client:
        assert status(client)["learned"] == "ready"
        assert is_refused(client, glyph)
        assert client.post("/v1/learning/adopt").status_code == 200
        assert not is_refused(client, glyph)


def test_a_request_stays_with_the_reader_that_it_began_with(
    unsure: Reader, glyph: bytes, tmp_path: Path
) -> None:
    slow = SlowReader(unsure)
    slow.threshold = UNSURE
    with taking(slow, tmp_path) as client:
        before = Pending(client, "/v1/glyphs", data=glyph, headers=OCTETS)
        assert slow.is_reading.acquire(timeout=30)
        assert learn(client)["learned"] == "in use"
        assert not is_refused(client, glyph)
        slow.may_read.set()
        assert before.wait().json()["digits"][0]["reason"] is not None


def test_no_request_is_lost_while_readers_are_swapped(
    unsure: Reader, glyph: bytes, tmp_path: Path
) -> None:
    with taking(unsure, tmp_path) as client, ThreadPoolExecutor(2) as threads:
        learn(client)
        is_over = threading.Event()

        def read() -> int:
            with Client(client.port) as own:
                number = 0
                while not is_over.is_set():
                    is_refused(own, glyph)  # fails unless it is answered
                    number += 1
                return number

        reading = [threads.submit(read) for _ in range(2)]
        for path in ("revert", "adopt", "revert"):
            assert client.post(f"/v1/learning/{path}").status_code == 200
            assert is_refused(client, glyph) == (path == "revert")
        is_over.set()
        assert all(future.result() > 0 for future in reading)


def test_a_reader_that_is_replaced_ends_with_its_threads(reader: Reader) -> None:
    def num_threads() -> int:
        return len([each for each in threading.enumerate() if each.name.startswith("glyphs")])

    before = num_threads()
    in_use = ReaderInUse(reader, lambda num_glyphs: None)
    served = in_use.prepare(reader)
    in_use.adopt(served)
    blank = np.zeros((1, 28, 28), np.uint8)
    assert len(asyncio.run(in_use.current.batcher.classify(blank))) == 1
    assert num_threads() == before + 1
    in_use.revert()
    del served
    gc.collect()
    while num_threads() > before:
        pass
    in_use.close()


REFUSES = """
import sys
print("digits: 3 epochs", file=sys.stderr)
sys.exit("digits: Expected a better network, found one that reads 3 of 100 digits less.")
"""

NEEDS_TORCH = """
import sys
sys.modules["torch"] = None
from digits.extras import optional_imports
try:
    with optional_imports("Learning"):
        import torch
except ImportError as error:
    sys.exit(f"digits: {error}")
"""

FAILING = {
    "one that refuses": (REFUSES, "Expected a better network, found one that reads 3 of 100"),
    "one without torch": (NEEDS_TORCH, 'pip install "digits[train]"'),
    "one that says nothing": ("import sys; sys.exit(3)", "Learning ended with status 3."),
    "one without a result": ("print('done')", "expected JSON with a model and a summary."),
    "one without a network": (
        'print(\'{"model": "/nowhere.onnx", "summary": "Good."}\')',
        "/nowhere.onnx: there is no such file",
    ),
}


def attempt(learner: LearningCommand) -> list[Reader]:
    """Learn without a server; returns what was adopted."""
    adopted: list[Reader] = []

    async def wait() -> None:
        learner.start(lambda reader: reader, adopted.append)
        while learner.is_learning:
            await asyncio.sleep(0)

    asyncio.run(wait())
    learner.close()
    return adopted


@pytest.mark.parametrize("name", FAILING)
def test_a_command_that_fails_is_told_of_in_one_line(tmp_path: Path, name: str) -> None:
    code, line = FAILING[name]
    learner = learner_that(code, tmp_path)
    assert attempt(learner) == []
    assert line in learner.message
    assert "\n" not in learner.message
    assert not list(tmp_path.glob(".learned/*"))


def test_a_command_that_is_not_there_is_told_of_in_one_line(tmp_path: Path) -> None:
    learner = LearningCommand(tmp_path, open_reader, command=("/nowhere/digits",))
    assert attempt(learner) == []
    assert learner.message == "Can't run /nowhere/digits: No such file or directory."


def test_as_many_networks_as_may_be_kept_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_LEARNED", 1)
    assert len(attempt(learner_that(LEARNS, tmp_path))) == 1
    learner = learner_that(LEARNS, tmp_path)
    assert attempt(learner) == []
    assert (
        learner.message == "The server is full, with 1 learned networks; remove some of them there."
    )


@needs_fifo
def test_one_network_is_learned_at_a_time_and_its_last_line_is_shown(
    reader: Reader, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    waits = f"""
import os, sys
print("epoch 1", "epoch 2", sep="\\n", file=sys.stderr, flush=True)
assert os.getpriority(os.PRIO_PROCESS, 0) == 19
open({str(tmp_path / "go")!r}).read()
{LEARNS}"""
    with taking(reader, tmp_path / "kept", waits) as client:
        assert_problem(client.post("/v1/learning"), 409, "Expected corrections to learn from")
        assert_problem(client.post("/v1/learning/adopt"), 409, "Expected a learned network")
        assert correct(client, PICTURE, "1995").status_code == 201
        assert client.post("/v1/learning").json()["is_learning"]
        status_when(client, lambda found: found["message"] == "epoch 2")
        assert_problem(client.post("/v1/learning"), 409, "A network is being learned already.")
        assert_problem(client.post("/v1/learning/adopt"), 409, "is being learned already.")
        assert client.get("/readyz").status_code == 200
        (tmp_path / "go").write_text("")
        assert finished(client)["message"] == "Better by a third."


def test_what_was_learned_and_can_t_be_understood_is_told_of_at_the_start(tmp_path: Path) -> None:
    (tmp_path / ".learned").mkdir()
    (tmp_path / ".learned" / "1.json").write_text("[]")
    with pytest.raises(DigitsError, match=r"1\.json: expected JSON with a model and a summary\."):
        learner_that(LEARNS, tmp_path).prepare()


SERVES = """
import sys
from pathlib import Path
from digits.reading.reader import Reader
from digits.server.learning import LearningCommand
from digits.server.readers import ReaderInUse
from digits.server.process import serve
folder, code = sys.argv[1:]
learner = LearningCommand(Path(folder), Reader, command=(sys.executable, "-c", code))
serve(Reader(num_threads=1), port=0, learner=learner)
"""

LEARNS_FOR_EVER = """
import subprocess, sys
with open({alive!r}, "w") as alive:
    alive.write("alive")
    alive.flush()
    subprocess.run([sys.executable, "-c", "import signal; signal.pause()"], stdout=alive)
"""
"""It holds one end of a pipe, and so does what it starts, as long as they are alive."""


@needs_fifo
@pytest.mark.parametrize("names", [("SIGTERM",), ("SIGINT", "SIGINT")], ids=str)
def test_a_server_that_ends_takes_the_command_with_it(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    code = LEARNS_FOR_EVER.format(alive=str(pipe))
    command = [sys.executable, "-c", SERVES, str(tmp_path / "kept"), code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        port = int(it.stdout.readline().split("/")[2].partition(":")[2])
        with Client(port) as client:
            assert correct(client, PICTURE, "1995").status_code == 201
            assert client.post("/v1/learning").status_code == 202
        with pipe.open() as other_end:  # waits for the command to open its own
            assert other_end.read(5) == "alive"
            for name in names:
                it.send_signal(getattr(signal, name))
                wait_until_refused(port)
            assert other_end.read() == ""  # which it does when nobody is left
        _, errors = it.communicate(timeout=60)
        assert (it.returncode, errors) == (0, "")
    assert not list((tmp_path / "kept" / ".learned").glob("*"))
