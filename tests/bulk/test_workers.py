"""Workers: they read what one process would, outlive each other, and end when they are to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.bulk.records import read_source
from digits.bulk.sources import Source, find_sources
from digits.bulk.workers import CHUNK, MAX_WORKERS, WINDOW, read_with_workers
from digits.errors import DigitsError
from digits.reading import Reader
from tests.bulk.mortal import Unborn, die, print_it, read_forever, read_name
from tests.reading.drawings import draw

Call = Callable[..., tuple[int, str, str]]

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="looks at processes where Linux shows them"
)
needs_kills = pytest.mark.skipif(sys.platform == "win32", reason="this system has no such signals")


def sources(*names: str) -> list[Source]:
    return [Source(name, b"") for name in names]


def numbered(num: int) -> list[Source]:
    return sources(*map(str, range(num)))


def texts(records: Any) -> list[str]:
    return [page.get("text", page.get("error")) for record in records for page in record.pages]


def children() -> set[int]:
    """The processes that this one started."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for path in found for pid in path.read_text().split()}


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(pid: int) -> bool:
    """Whether a process has ended, though its parent may not have noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of pictures, of which one is none."""
    for number, text in enumerate(("1995", "42", "7", "30 61", "2")):
        Image.fromarray(draw(text, thickness=4)).save(tmp_path / f"{number}.png")
    glyph = np.asarray(Image.open(tmp_path / "4.png").resize((28, 28)))
    Image.fromarray(glyph).save(tmp_path / "glyph.png")
    (tmp_path / "3-none.png").write_bytes(b"no picture")
    return tmp_path


def test_workers_read_what_one_process_reads_in_the_same_order(folder: Path) -> None:
    read = partial(read_source, Reader(num_threads=1))
    expected = list(map(read, find_sources([folder])))
    assert list(read_with_workers(read, find_sources([folder]), num_workers=2)) == expected
    assert len(expected) == 7


def test_the_command_prints_with_workers_what_it_prints_without(folder: Path, call: Call) -> None:
    for more in ((), ("--json", "--threshold", "1")):
        expected = call("read", str(folder), *more)
        assert expected[0] == 1
        assert call("read", str(folder), "--workers", "2", *more) == expected


@pytest.mark.parametrize("number", ["0", "257", "-1"])
def test_a_number_of_workers_that_cannot_be_is_wrong_usage(
    folder: Path, call: Call, number: str
) -> None:
    assert call("read", str(folder), f"--workers={number}") == (
        2,
        "",
        f"digits: workers: expected 1 to {MAX_WORKERS}, found {number}.\n",
    )


def test_one_picture_is_explained_by_this_process(folder: Path, call: Call) -> None:
    picture, out = str(folder / "1.png"), folder / "out.png"
    status, _, errors = call("read", picture, "--explain", str(out), "--workers", "1")
    assert (status, errors.count("\n")) == (2, 1)
    assert "leave --workers out" in errors
    assert not out.exists()


def test_sources_are_taken_as_there_is_room_for_records() -> None:
    num_taken = 0

    def endless() -> Iterator[Source]:
        nonlocal num_taken
        while True:
            num_taken += 1
            yield Source(str(num_taken), b"")

    with closing(read_with_workers(read_name, endless(), num_workers=1)) as records:
        for num_given in range(1, 5 * WINDOW):
            assert next(records).name == str(num_given)
            assert num_taken <= num_given + WINDOW + CHUNK


@needs_proc
def test_there_are_no_more_workers_than_files() -> None:
    records = read_with_workers(read_name, numbered(1), num_workers=MAX_WORKERS)
    before = children()
    assert texts([next(records)]) == ["0"]
    assert len(children() - before) == 1
    assert list(records) == []
    assert children() == before


def test_without_files_nothing_is_read() -> None:
    assert list(read_with_workers(read_name, [], num_workers=2)) == []


@needs_kills
def test_a_file_whose_worker_died_is_read_by_another(tmp_path: Path) -> None:
    files = sources("0", "mortal once", "1", "2")
    records = list(read_with_workers(partial(die, tmp_path), files, num_workers=1))
    assert (tmp_path / "tried").exists()
    assert texts(records) == ["0", "mortal once", "1", "2"]


@needs_kills
def test_a_file_that_kills_its_workers_is_an_error_and_the_rest_is_read(tmp_path: Path) -> None:
    files = [*sources("mortal"), *numbered(3 * WINDOW), *sources("mortal"), *numbered(20)]
    records = list(read_with_workers(partial(die, tmp_path), files, num_workers=2))
    assert [record.name for record in records] == [source.name for source in files]
    assert [record.name for record in records if record.has_failed] == ["mortal", "mortal"]
    assert "and so did another (SIGKILL); make it smaller" in texts(records)[0]


@needs_kills
@needs_proc
def test_workers_that_wait_and_are_killed_are_replaced() -> None:
    before = children()
    records = read_with_workers(read_name, numbered(5 * WINDOW), num_workers=2)
    found = [next(records) for _ in range(WINDOW)]
    for pid in children() - before:
        os.kill(pid, signal.SIGKILL)
    found += records
    assert texts(found) == [str(number) for number in range(5 * WINDOW)]


def test_workers_that_cannot_start_are_an_error_with_a_way_out() -> None:
    with pytest.raises(DigitsError, match=r"ended before it could begin, .* use fewer workers"):
        list(read_with_workers(Unborn(), numbered(3), num_workers=2))


def test_what_a_library_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    records = read_with_workers(print_it, numbered(3), num_workers=1)
    assert texts(records) == ["0", "1", "2"]
    output, errors = capfd.readouterr()
    assert (output, errors) == ("", "012")


def test_workers_import_nothing_from_the_folder_they_are_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pickle", "cv2", "digits"):
        Path(f"{name}.py").write_text("raise AssertionError")
    assert texts(read_with_workers(read_name, numbered(1), num_workers=1)) == ["0"]


@needs_proc
def test_workers_end_with_their_iterator_though_they_are_reading(tmp_path: Path) -> None:
    before = children()
    files = [*numbered(1), *sources("slow")]
    read = partial(read_forever, tmp_path)
    records = read_with_workers(partial(_read_or_stay, read), files, num_workers=2)
    next(records)
    wait_until((tmp_path / "pid").exists)
    assert children() > before
    records.close()
    assert children() == before


def _read_or_stay(stay: Callable[[Source], Any], source: Source) -> Any:
    return stay(source) if source.name == "slow" else read_name(source)


PARENT = """
import sys
from functools import partial
from pathlib import Path
from digits.bulk.sources import Source
from digits.bulk.workers import read_with_workers
from tests.bulk.mortal import read_forever

read = partial(read_forever, Path(sys.argv[1]))
list(read_with_workers(read, [Source("slow", b"")], num_workers=1))
"""


@needs_proc
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_the_process_that_started_it(
    tmp_path: Path, kill: signal.Signals
) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)]) as parent:
        wait_until((tmp_path / "pid").exists)
        parent.send_signal(kill)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: has_ended(pid))


@needs_proc
def test_ctrl_c_ends_all_with_one_line(folder: Path) -> None:
    for number in range(100, 400):
        (folder / f"{number}.png").symlink_to(folder / "0.png")
    command = [sys.executable, "-m", "digits", "read", str(folder), "--workers", "2"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(": 1995\n")
        found = Path(f"/proc/{process.pid}/task").glob("*/children")
        workers = [int(pid) for path in found for pid in path.read_text().split()]
        assert len(workers) == 2
        os.killpg(process.pid, signal.SIGINT)
        errors = process.stderr.read()
    said = [line for line in errors.splitlines() if "3-none.png" not in line]
    assert said == ["digits: Stopped."]
    assert process.returncode == 1
    assert all(map(has_ended, workers))
