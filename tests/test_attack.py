"""The attack finds what it is made to find: each part is shown a fault, and counts it."""

import asyncio
import io
import json
import os
import random
import re
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, cast

import attack
import clients
import damaged_files
import descriptions
import kills
import mutations
import numpy as np
import pytest
import serving
import soak
import targets
import torch
import uvicorn
from fastapi import FastAPI
from findings import Faults, Findings
from malformed import http_request
from PIL import Image
from readme import ATTACKS

from digits.errors import DigitsError, InvalidInput
from digits.history import EpochRecord
from digits.models import build_model
from digits.reading.ink import Picture, open_picture, open_pictures
from digits.reading.ink.formats import PACKAGES
from digits.reading.reader import Reader
from digits.recipe import Recipe
from digits.run import Run
from digits.server import limits
from digits.server.connection import LimitedHttpProtocol
from tests.older_runs import without_sums
from tests.server.conftest import serving as serving_in_a_thread
from tests.tools import needs

PICTURES = ("PNG", "JPEG", "WebP", "BMP", "TIFF", "GIF")
APART = ("AVIF", "HEIC", "JPEG 2000", "PDF", "PPM")


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_whole_before_they_are_damaged(name: str, tmp_path: Path) -> None:
    for sample in targets.TARGETS[name].samples(tmp_path):
        with Image.open(io.BytesIO(sample)) as image:
            num_frames = getattr(image, "n_frames", 1)
        pages = list(open_pictures(sample))
        assert len(pages) == num_frames
        assert all(isinstance(page, Picture) for page in pages)


@pytest.mark.parametrize("name", APART)
def test_files_in_other_formats_are_whole_before_they_are_damaged(
    name: str, tmp_path: Path
) -> None:
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    samples = targets.TARGETS[name].samples(tmp_path)
    for sample in {len(one): one for one in samples[:2] + samples[-2:]}.values():
        assert all(isinstance(page, Picture) for page in open_pictures(sample))


def test_an_interlaced_picture_shows_the_same() -> None:
    image = targets.drawings()[1]
    with Image.open(io.BytesIO(targets.interlaced(image))) as found:
        assert found.info["interlace"] == 1
        np.testing.assert_array_equal(np.asarray(found), np.asarray(image))


@pytest.mark.parametrize("name", PICTURES)
def test_damage_is_the_same_for_the_same_seed_and_of_many_kinds(name: str, tmp_path: Path) -> None:
    target = targets.TARGETS[name]
    samples = target.samples(tmp_path)
    made = [target.make(samples, random.Random(seed)) for seed in range(200)]
    assert made == [target.make(samples, random.Random(seed)) for seed in range(200)]
    assert len(set(made)) > 180
    assert len(set(made) & set(samples)) < 20


def test_checksums_of_a_damaged_png_are_right_again() -> None:
    whole = targets.save(targets.drawings()[0], "PNG")
    damaged = whole[:20] + b"\0\0\0\x09" + whole[24:]  # another height
    with pytest.raises(InvalidInput):
        open_picture(damaged)
    with Image.open(io.BytesIO(mutations.repair_png(damaged))) as found:
        assert found.height == 9


def raise_error(content: bytes, folder: Path) -> object:
    raise ValueError("not\ntold")


def say_two_lines(content: bytes, folder: Path) -> object:
    raise DigitsError("one\ntwo")


def blame_oneself(content: bytes, folder: Path) -> object:
    raise DigitsError("which is a defect of digits")


def refuse(content: bytes, folder: Path) -> object:
    raise InvalidInput("Expected a picture.")


def take_long(content: bytes, folder: Path) -> object:
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    return None


@pytest.mark.parametrize(
    ("read", "pattern"),
    [
        (raise_error, "ValueError: not told"),
        (say_two_lines, r"refused with 'one\\ntwo'"),
        (blame_oneself, "refused with 'which is a defect of digits'"),
        (take_long, r"took \d+\.\d s"),
        (refuse, None),
    ],
)
def test_what_is_no_refusal_in_a_line_is_a_fault(
    read: Callable[[bytes, Path], object],
    pattern: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(damaged_files, "LIMIT_SECONDS", 0.04)
    target = targets.Target(".x", 1, targets.no_samples, read)
    fault = damaged_files.attempt(target, b"", tmp_path).fault
    assert (fault is None) == (pattern is None)
    assert pattern is None or re.fullmatch(pattern, str(fault))


def misbehave(content: bytes, folder: Path) -> object:
    """Die of one file in thirty-two, print because of another, and refuse the rest."""
    if content[0] % 32 == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    if content[0] % 32 == 3:
        print("EP Error")
    raise InvalidInput("Expected another.")


def one_byte(content: bytes, other: bytes, rng: random.Random) -> bytes:
    return bytes([rng.randrange(256)])


def test_a_file_that_a_process_dies_of_is_found_and_kept(tmp_path: Path) -> None:
    target = targets.Target(".x", 1, targets.no_samples, misbehave, one_byte)
    made = [damaged_files.make(target, [b""], "planted", 2, index)[0] for index in range(30)]
    deadly = [index for index, byte in enumerate(made) if byte % 32 == 7]
    told = [index for index, byte in enumerate(made) if byte % 32 == 3]
    assert deadly
    assert told
    (tmp_path / "work" / "run").mkdir(parents=True)
    findings = damaged_files.attack_files(
        {"planted": 30}, {"planted": target}, tmp_path / "work" / "run", tmp_path / "kept", 2
    )
    assert findings.tries == 30
    assert findings.details["formats"] == {"planted": {"tries": 30, "refused": 30 - len(deadly)}}
    for index in deadly:
        (fault,) = (each for each in findings.faults if each.startswith(f"planted-2-{index}.x"))
        assert "the process died: -9" in fault
    assert len(findings.faults) == len(deadly) + len(told)
    kept = {path.name: path.read_bytes()[0] for path in (tmp_path / "kept").iterdir()}
    assert kept == {f"planted-2-{index}.x": made[index] for index in deadly + told}
    assert findings.largest_bytes > 0


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The folder of a finished run, made without training."""
    recipe = Recipe(name="small", network="tiny", epochs=1, mean=0.13, std=0.31)
    run = Run.create(tmp_path / "run", recipe, {"tensor": torch.arange(5)})
    run.save_checkpoint({}, [EpochRecord(1, 1000, 0.5, 0.9, None, None, 0.001, 1.0)])
    run.save_model(build_model("tiny", mean=0.13, std=0.31))
    test = {"accuracy": 0.5, "errors": 5, "images": 10, "interval": [0.2, 0.8]}
    run.save_summary({"training_seconds": 1.0, "test": test})
    return run.folder


@pytest.mark.parametrize("name", [*targets.SUMMED, "SHA256SUMS", "checkpoint.pt"])
def test_damage_to_a_run_is_refused_or_does_not_matter(name: str, finished: Path) -> None:
    target = targets.TARGETS[f"run's {name}"]
    samples = target.samples(finished)
    assert target.read(samples[0], finished)
    outcomes = [
        damaged_files.attempt(target, target.make(samples, random.Random(seed)), finished)
        for seed in range(20)
    ]
    assert any(outcome.is_refused for outcome in outcomes)
    assert [outcome.fault for outcome in outcomes if outcome.fault] == []


def test_damage_to_a_run_that_goes_unnoticed_is_a_fault(finished: Path) -> None:
    without_sums(finished)
    content = (finished / "history.jsonl").read_bytes().replace(b"0.9", b"0.8")
    outcome = damaged_files.attempt(targets.TARGETS["run's history.jsonl"], content, finished)
    assert outcome.fault == "UnnoticedDamage: history.jsonl is damaged, and was read"


def test_a_network_with_a_wrong_sum_that_is_opened_is_a_fault(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = targets.TARGETS["ONNX"]
    (finished / "network.onnx").write_bytes(b"")
    content = target.samples(finished)[0]
    assert damaged_files.attempt(target, content[:-1], finished).is_refused
    monkeypatch.setattr(targets, "open_network", lambda content: None)
    fault = damaged_files.attempt(target, content[:-1], finished).fault
    assert fault is not None
    assert "UnnoticedDamage" in fault


@pytest.mark.mnist
def test_a_killed_training_must_end_with_the_bits_of_the_undisturbed_one(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("--data", str(few_digits), "--validation-size", "500", "--batch-size", "50")
    monkeypatch.setattr(kills, "TRAIN", (*kills.TRAIN, *few, "--epochs", "1"))
    whole, killed = tmp_path / "train", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    with kills.one_thread():
        commands = kills.Commands(tmp_path)
        status, said, commands.seconds["train"] = commands.finish(
            (*kills.TRAIN, "--out", "run"), whole
        )
        assert status == 0, said
        assert commands.most_bytes > 100_000_000
        weights = whole / "run" / "model.safetensors"
        content = weights.read_bytes()
        weights.write_bytes(content + b"\0")
        found = kills.kill_training(commands, killed, random.Random(0))
    assert found == "ended with other weights"
    assert (killed / "run" / "model.safetensors").read_bytes() == content


@pytest.mark.mnist
def test_an_import_that_was_killed_must_end_with_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = kills.Commands(tmp_path)
    commands.seconds["data"] = 0.3
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    assert kills.kill_import(commands, tmp_path / "one", random.Random(0)) == ""
    status, said, _ = commands.finish(("data", "--from", "nowhere"), tmp_path / "other")
    assert status == 2, said
    monkeypatch.setattr(commands, "finish", lambda command, folder: (2, said, 1.0))
    found = kills.kill_import(commands, tmp_path / "other", random.Random(0))
    assert found.startswith("ended with 2: ")


async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Do no harm."""
    writer.write(http_request("/healthz", method="GET"))


def test_hostile_clients_are_ended_and_one_that_is_not_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.5)
    monkeypatch.setattr(clients, "ARRIVAL_SECONDS", 0.1)
    monkeypatch.setattr(clients, "BYTE_SECONDS", 0.02)
    amounts = {client: 2 for client in clients.CLIENTS if client is not clients.not_taken}
    with serving_in_a_thread(Reader(num_threads=1)) as client:
        address = ("127.0.0.1", client.port)
        became = asyncio.run(clients.do_round(address, amounts, random.Random(0)))
        # It is closed without an answer if its head comes late as well.
        assert set(became["stopped_body"]) <= {"408", "closed"}
        assert all(counts.total() == 2 for counts in became.values())
        assert not any("held" in counts for counts in became.values())
        monkeypatch.setattr(LimitedHttpProtocol, "_start_receive_timer", lambda self: None)
        became = asyncio.run(clients.do_round(address, {asks: 2}, random.Random(0)))
        assert became["asks"] == {"200": 2}
        monkeypatch.setattr(clients, "GRACE_SECONDS", 0.5)
        became = asyncio.run(clients.do_round(address, {clients.silent: 2}, random.Random(0)))
        assert became["silent"] == {"held": 2}


def test_an_honest_client_that_is_refused_or_waits_is_a_fault() -> None:
    faults = Faults()
    clients.expect_served({"glyph": clients.Honest(Counter({"200": 9}), 0.5)}, "then", faults)
    assert faults == []
    clients.expect_served({"glyph": clients.Honest(Counter({"503": 1}), 0.5)}, "then", faults)
    clients.expect_served({"glyph": clients.Honest(Counter({"200": 1}), 1.5)}, "then", faults)
    assert len(faults) == 2
    assert "1.50 s, more than 1 s" in faults[1]


@contextmanager
def served(app: FastAPI, folder: Path) -> Iterator[serving.Server]:
    """Serve in a thread of this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        address = ("127.0.0.1", listener.getsockname()[1])
        yield serving.Server(cast(Any, None), address, folder / "log")
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def test_an_answer_that_is_not_described_is_a_fault(tmp_path: Path) -> None:
    app = FastAPI()

    @app.post("/double")
    def double(number: int) -> int:
        return 2 * number

    @app.post("/broken")
    def broken(number: int) -> int:
        raise RuntimeError

    findings = Findings()
    with served(app, tmp_path) as server:
        descriptions.ask(server, 3, 0, findings)
    assert findings.tries > 6
    assert findings.faults
    assert all(fault.startswith("POST /broken") for fault in findings.faults)


FAILING_SERVER = """
import http.server, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(500)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


@needs("wrk")
def test_a_server_that_fails_under_load_and_does_not_end_has_both_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SERVE", [sys.executable, "-c", FAILING_SERVER])
    for module, name, value in (
        (serving, "WARM_UP_SECONDS", 1),
        (serving, "ANSWER_SECONDS", 1),
        (serving, "MANY", 200),
        (soak, "MANY", 200),
        (soak, "LOAD_SECONDS", 1),
        (soak, "TOLD_SECONDS", 0.2),
        (soak, "END_SECONDS", 0.5),
    ):
        monkeypatch.setattr(module, name, value)
    findings = soak.attack(0.001, 0, tmp_path)
    assert any("'500'" in fault for fault in findings.faults)
    assert any("SIGTERM under load: status None" in fault for fault in findings.faults)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The attack with two parts, of which the second finds a fault."""

    def find(part: float, seed: int, kept: Path) -> Findings:
        found = Findings()
        found.add("one", 2.5, 1000)
        if kept.name == "soak":
            found.faults.expect(False, f"seed {seed}")
        return found

    monkeypatch.setattr(attack, "PARTS", {"kills": find, "soak": find})
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("digits.load", lambda name: None)
    path = tmp_path / "attack.json"

    def run(*arguments: str, status: object) -> dict[str, Any]:
        monkeypatch.setattr("sys.argv", ["attack.py", "--out", str(path), *arguments])
        if status is None:
            attack.main()
        else:
            with pytest.raises(SystemExit) as stopped:
                attack.main()
            assert str(stopped.value.code).startswith(str(status))
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    return run


def test_all_parts_are_in_one_file_and_a_fault_in_one_is_the_command_s(
    planted: Callable[..., dict[str, Any]],
) -> None:
    found = planted("--only", "kills", "--seed", "4", status=None)
    assert list(found["parts"]) == ["kills"]
    found = planted("--only", "soak", "--part", "0.5", status="1 faults")
    assert {"machine", "versions"} <= set(found)
    assert list(found["parts"]) == ["kills", "soak"]
    assert found["parts"]["kills"]["seed"] == 4
    assert found["parts"]["soak"] | {"wall_seconds": 0, "commit": ""} == {
        "part": 0.5,
        "seed": 0,
        "commit": "",
        "wall_seconds": 0,
        "tries": 1,
        "faults": 1,
        "longest_seconds": 2.5,
        "longest": "one",
        "largest_bytes": 1000,
        "largest": "one",
        "first_faults": ["seed 0"],
    }


def test_the_committed_attack_left_nothing_out_and_found_no_fault() -> None:
    parts = json.loads(attack.RESULT.read_text())["parts"]
    assert list(parts) == list(attack.PARTS) == list(ATTACKS)
    assert {name: part["faults"] for name, part in parts.items()} == dict.fromkeys(parts, 0)
    assert {name: part["part"] for name, part in parts.items()} == dict.fromkeys(parts, 1)
