"""Corrections: what the server keeps of them, what it refuses, and where it ends."""

import io
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from digits.reading.reader import Reader
from digits.server import limits
from tests.reading.test_ink import png_that_claims
from tests.server.conftest import PICTURE, Client, assert_problem, png
from tests.server.learning import correct, status, taking
from tests.server.test_process import started

Call = Callable[..., tuple[int, str, str]]


def files(folder: Path) -> list[str]:
    """All files below a folder, hidden ones too, with their labels alone."""
    return sorted(path.parent.name for path in folder.rglob("*") if path.is_file())


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def taker(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that is asked for what it refuses; nothing must be left of it."""
    folder = tmp_path_factory.mktemp("taker")
    with taking(reader, folder / "kept") as client:
        yield client
    assert files(folder) == []


def test_a_correction_is_kept_under_its_label(reader: Reader, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "corrections"
    with taking(reader, folder) as client:
        assert status(client)["corrections"] == 0
        response = correct(client, PICTURE, "1995")
        assert response.status_code == 201
        assert response.json() == {
            "corrections": 1,
            "is_learning": False,
            "learned": "none",
            "message": "",
        }
        assert correct(client, png("7"), "007").json()["corrections"] == 2
    assert files(folder) == ["007", "1995"]
    (path,) = (folder / "1995").iterdir()
    assert path.suffix == ".png"
    np.testing.assert_array_equal(Image.open(path), Image.open(io.BytesIO(PICTURE)))
    assert reader.read(path).text == "1995"


def test_corrections_are_there_when_a_server_starts_again(reader: Reader, tmp_path: Path) -> None:
    for count in (1, 2):
        with taking(reader, tmp_path) as client:
            assert status(client)["corrections"] == count - 1
            assert correct(client, PICTURE, "1995").status_code == 201
    assert files(tmp_path) == ["1995", "1995"]


def test_a_server_that_was_not_told_to_learn_keeps_nothing(client: Client) -> None:
    assert client.get("/v1/network").json()["learning"] is None
    assert correct(client, PICTURE, "1995").status_code == 404
    assert client.post("/v1/learning").status_code == 404


def test_only_pixels_are_kept_of_a_picture(reader: Reader, tmp_path: Path) -> None:
    image = Image.open(io.BytesIO(PICTURE)).convert("RGBA")
    image.putalpha(image.convert("L").point(lambda level: 255 - level))
    told = PngImagePlugin.PngInfo()
    told.add_text("comment", "<script>alert(1)</script>")
    sent = encoded(image, pnginfo=told, icc_profile=b"a profile", dpi=(72, 72))
    with taking(reader, tmp_path) as client:
        assert correct(client, sent + b"<?php evil() ?>", "1995").status_code == 201
    (path,) = tmp_path.glob("*/*")
    kept = Image.open(path)
    kept.load()
    assert kept.info == {}
    assert kept.mode == "RGB"
    assert b"script" not in path.read_bytes()
    assert b"php" not in path.read_bytes()
    assert reader.read(path).text == "1995"  # what was transparent is paper


def two_frames() -> bytes:
    frames = [Image.new("L", (30, 30), level) for level in (0, 255)]
    return encoded(frames[0], save_all=True, append_images=frames[1:])


HOSTILE = {
    "nothing": (b"", "Expected a picture as PNG, found none."),
    "no picture": (b"#!/bin/sh\nrm -r /", "Expected a picture as PNG, found none."),
    "a JPEG": (encoded(Image.new("L", (30, 30)), "JPEG"), "Expected a picture as PNG"),
    "a bomb": (png_that_claims(60_000, 60_000), "Expected a picture as PNG, found none."),
    "too many pixels": (encoded(Image.new("L", (1001, 1000))), "at most 1,000,000 pixels"),
    "a strip": (encoded(Image.new("L", (3000, 3))), "found a strip of 3,000 × 3 pixels"),
    "a part": (PICTURE[: len(PICTURE) // 2], "damaged or cut off"),
    "a blank one": (encoded(Image.new("L", (30, 30), 255)), "found a blank one"),
    "an animation": (two_frames(), "Expected a still picture"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_of_digits_is_refused(reader: Reader, tmp_path: Path, name: str) -> None:
    content, detail = HOSTILE[name]
    with taking(reader, tmp_path) as client:
        assert_problem(correct(client, content, "7"), 422, detail)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "label", ["", "x", "-1", "1.5", "7 ", "7\n", "../7", "７", "7/8", "1" * 33]
)
def test_what_is_no_label_is_refused(taker: Client, label: str) -> None:
    assert_problem(correct(taker, PICTURE, label), 422, "label: expected 1 to 32 digits.")


@pytest.mark.parametrize("query", ["", "?label=1&label=2"])
def test_one_label_is_expected(taker: Client, query: str) -> None:
    headers = {"Content-Type": "image/png"}
    response = taker.post(f"/v1/corrections{query}", data=PICTURE, headers=headers)
    assert_problem(response, 422, "label: expected one")


def test_a_picture_of_too_many_bytes_is_refused(taker: Client) -> None:
    content = PICTURE + bytes(limits.MAX_CORRECTION_BYTES)
    assert_problem(correct(taker, content, "7"), 413, f"{limits.MAX_CORRECTION_BYTES:,} bytes")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Host": "example.org"},
        # What forms can send, and scripts without leave, may come from any site.
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
    ids=str,
)
def test_other_sites_can_t_plant_corrections(taker: Client, headers: dict[str, str]) -> None:
    assert correct(taker, PICTURE, "7", **headers).status_code in (403, 415, 421)


def test_other_sites_can_t_have_anything_learned(taker: Client) -> None:
    origin = {"Origin": "https://example.org"}
    for path in ("/v1/learning", "/v1/learning/adopt", "/v1/learning/revert"):
        assert_problem(taker.post(path, headers=origin), 403, "--allow-origin")
    asked = origin | {"Access-Control-Request-Method": "POST"}
    assert taker.options("/v1/corrections", headers=asked).status_code == 403


def test_a_full_folder_says_so(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CORRECTIONS", 2)
    with taking(reader, tmp_path) as client:
        assert [correct(client, PICTURE, "1995").status_code for _ in range(3)] == [201, 201, 507]
        assert_problem(
            correct(client, PICTURE, "1"), 507, "The server is full, with 2 corrections; remove"
        )
        next(tmp_path.glob("*/*")).unlink()
        assert correct(client, PICTURE, "1").status_code == 201
        next(tmp_path.glob("*/*")).unlink()
        monkeypatch.setattr(limits, "MAX_CORRECTIONS_BYTES", len(PICTURE))
        assert_problem(correct(client, PICTURE, "1"), 507, " bytes; remove some of them there.")
    assert len(files(tmp_path)) == 1


def test_a_folder_that_can_t_be_written_is_reported(
    reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "7").write_text("in the way")
    with taking(reader, tmp_path) as client, caplog.at_level(logging.ERROR):
        refused = correct(client, PICTURE, "7")
        assert_problem(refused, 507, "The correction can't be written; see the server's log.")
        assert correct(client, PICTURE, "8").status_code == 201
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert str(tmp_path) in caplog.text
    assert str(tmp_path) not in refused.text


def test_a_folder_that_can_t_be_made_is_refused_in_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output, errors = call("serve", "--port", "0", "--learn", str(tmp_path / "file" / "x"))
    assert (status, output) == (1, "")
    assert errors.startswith(f"digits: Can't write {tmp_path / 'file' / 'x'}: ")
    assert errors.count("\n") == 1


def test_corrections_of_other_machines_are_to_be_asked_for(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    status, output, errors = call("serve", "--host", "0.0.0.0", "--learn", str(folder))
    assert (status, output) == (2, "")
    assert errors.startswith("digits: --learn: expected localhost or 127.0.0.1 as the host")
    assert errors.endswith("add --learn-from-anyone.\n")
    assert errors.count("\n") == 1
    assert not folder.exists()


def test_several_servers_keep_theirs_in_one_folder(reader: Reader, tmp_path: Path) -> None:
    with (
        taking(reader, tmp_path) as first,
        taking(reader, tmp_path) as second,
        ThreadPoolExecutor(8) as threads,
    ):

        def send(index: int) -> int:
            with Client((first, second)[index % 2].port) as client:
                return int(correct(client, PICTURE, str(index % 3)).status_code)

        assert set(threads.map(send, range(40))) == {201}
        assert status(first)["corrections"] == status(second)["corrections"] == 40
    assert [files(tmp_path).count(label) for label in "012"] == [14, 13, 13]


def test_a_server_that_is_killed_leaves_whole_pictures(tmp_path: Path) -> None:
    folder, noise = tmp_path / "kept", np.random.default_rng(0).integers(0, 256, (300, 300, 3))
    picture = encoded(Image.fromarray(noise.astype(np.uint8)))
    with started(tmp_path, tmp_path / "log", options=("--learn", str(folder))) as served:

        def send_until_it_ends(_: int) -> None:
            with Client(served.port) as client:
                while True:
                    try:
                        if correct(client, picture, "5").json()["corrections"] > 20:
                            served.process.kill()
                    except (OSError, ValueError):  # it was killed
                        return

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(send_until_it_ends, range(4)))
    kept = list(folder.glob("5/[!.]*"))
    assert len(kept) > 20
    for path in kept:
        np.testing.assert_array_equal(Image.open(path), noise)
    with (
        started(tmp_path, tmp_path / "log", options=("--learn", str(folder))) as served,
        Client(served.port) as client,
    ):
        assert status(client)["corrections"] == len(kept)
