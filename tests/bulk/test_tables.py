"""Tables: each file once, each row in one of them, and gone on with whatever ends the process."""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits.bulk.journal import open_journal
from digits.bulk.records import Record, read_source
from digits.bulk.rows import COLUMNS, rows_of
from digits.bulk.sources import Source
from digits.bulk.tables import Outputs, write_tables
from digits.errors import DigitsError, InvalidInput
from digits.reading.reader import Reader
from tests.bulk.records import FAILED, Readings, line_of, page_of, record, sources
from tests.reading.drawings import draw

Call = Callable[..., tuple[int, str, str]]

SETTINGS = {"threshold": 0.78}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(num_threads=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_record_has_a_row_for_each_digit_line_or_picture() -> None:
    both = record(0)
    assert [row.text for row in rows_of(both, "line")] == ["1000", "0001"]
    assert [row.text for row in rows_of(both, "digit")] == [*"1000", *"0001"]
    assert [(row.line, row.position) for row in rows_of(both, "digit")][3:5] == [(1, 4), (2, 1)]
    (row,) = rows_of(both, "picture")
    assert (row.text, row.confidence) == ("1000\n0001", round(0.9999 * 0.995, 4))


@pytest.mark.parametrize("by", COLUMNS)
def test_what_has_no_digits_still_has_one_row_that_says_why(by: Any) -> None:
    for index, reason in ((3, "Expected a picture, found none."), (4, "there is no ink")):
        (row,) = rows_of(record(index), by)
        assert (row.text, row.confidence, row.reason) == ("", None, reason)
        assert row.has_failed == (index == 3)
        assert not row.is_sure(0)


def test_a_row_is_sure_if_it_is_as_sure_as_asked_and_nothing_of_it_was_refused() -> None:
    (refused,) = rows_of(record(2), "line")
    (doubtful,) = rows_of(record(1), "line")
    assert not refused.is_sure(0.5)
    assert doubtful.is_sure(0.97)
    assert not doubtful.is_sure(0.99)
    page = page_of(line_of(1, "12", 0.999))
    page["left_out"] = [{"kind": "not a digit", "box": [0, 400, 9, 20], "text": ""}]
    (whole,) = rows_of(Record("a.png", (page,)), "picture")
    assert not whole.is_sure(0.5)
    assert rows_of(Record("a.png", (page,)), "line")[0].is_sure(0.99)


def test_a_mark_in_a_digit_s_place_has_a_row_of_its_own(reader: Reader, folder: Path) -> None:
    """So that a digit which is taken for a mark does not go unseen."""
    Image.fromarray(draw("12A34")).save("a.png")
    rows = rows_of(read_source(reader, Source("a.png", folder / "a.png")), "digit")
    assert [(row.position, row.text) for row in rows] == list(enumerate("12?34", start=1))
    assert [row.is_sure(0.9) for row in rows] == [True, True, False, True, True]
    lefts = [row.left for row in rows if row.left is not None]
    assert lefts == sorted(lefts)
    assert len(lefts) == 5


@pytest.mark.parametrize("by", COLUMNS)
def test_all_formats_have_the_same_rows(by: Any, folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for ending in ("csv", "jsonl", "parquet"):
        write_tables(Outputs(Path(f"t.{ending}"), by=by), sources(10), Readings(), SETTINGS)
    rows = [row for index in range(10) for row in rows_of(record(index), by)]
    expected = [{name: getattr(row, name) for name in COLUMNS[by]} for row in rows]
    assert [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()] == expected
    assert parquet.read_table("t.parquet").to_pylist() == expected
    as_text = [{n: "" if v is None else str(v) for n, v in row.items()} for row in expected]
    assert cells(Path("t.csv")) == as_text


def test_rows_in_parquet_are_written_some_at_a_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("digits.bulk.tables.ROWS_TOGETHER", 4)
    write_tables(Outputs(Path("t.parquet")), sources(20), Readings(), SETTINGS)
    file = parquet.ParquetFile("t.parquet")
    assert (file.num_row_groups, file.metadata.num_rows) == (6, 24)
    assert [file.metadata.row_group(index).num_rows for index in range(6)] == 6 * [4]


def test_a_name_is_no_formula_and_names_the_same_file(folder: Path) -> None:
    names = ["=1+1.png", "+2.png", "-3.png", "@4.png", "5,\"\n'.png", "\udcff6.png", "7.png"]
    given = [Source(name, b"") for name in names]

    def read(them: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        return (record(1, name=source.name) for source in them)

    write_tables(Outputs(Path("t.csv")), given, read, SETTINGS)
    found = [row["file"] for row in cells(Path("t.csv"))]
    assert found == [*(f"./{name}" for name in names[:4]), names[4], "\\udcff6.png", "7.png"]


@pytest.mark.parametrize("by", COLUMNS)
def test_each_row_is_in_one_of_the_two_tables(by: Any, folder: Path) -> None:
    outputs = Outputs(Path("t.csv"), by=by, sure=0.99)
    tally = write_tables(outputs, sources(25), Readings(), SETTINGS)
    sure, doubtful = cells(Path("t.csv")), cells(Path("t.review.csv"))
    assert (len(sure), len(doubtful)) == (tally.rows, tally.to_review)
    rows = [row for index in range(25) for row in rows_of(record(index), by)]
    assert [row["text"] for row in sure] == [row.text for row in rows if row.is_sure(0.99)]
    assert [row["text"] for row in doubtful] == [row.text for row in rows if not row.is_sure(0.99)]
    assert {row["file"] for row in sure + doubtful} == {row.file for row in rows}
    assert (tally.files, tally.new, tally.pages_failed) == (25, 25, 5)


def test_what_was_stopped_goes_on_where_it_was(folder: Path) -> None:
    outputs = Outputs(Path("t.csv"), sure=0.99)
    write_tables(replace(outputs, table=Path("whole.csv")), sources(20), Readings(), SETTINGS)
    first, second = Readings(stop_after=7), Readings()
    with pytest.raises(DigitsError, match=r"Stopped; .* 7 more files .* The same command goes on"):
        write_tables(outputs, sources(20), first, SETTINGS)
    assert not Path("t.csv").exists()
    assert write_tables(outputs, sources(20), second, SETTINGS).new == 14
    names = [source.name for source in sources(20)]
    assert (first.names, second.names) == (names[:7], [names[3], *names[7:]])  # 3 had failed
    assert Path("t.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert Path("t.review.csv").read_bytes() == Path("whole.review.csv").read_bytes()


def test_a_finished_table_takes_what_is_new_and_each_file_once(folder: Path) -> None:
    outputs = Outputs(Path("t.jsonl"))
    write_tables(outputs, sources(5), Readings(), SETTINGS)
    before = Path("t.jsonl").read_bytes()
    again = Readings()
    assert write_tables(outputs, sources(5), again, SETTINGS).new == 1
    assert (again.names, Path("t.jsonl").read_bytes()) == (["scans/3.png"], before)  # it failed
    more = Readings()
    tally = write_tables(outputs, sources(8) + sources(8), more, SETTINGS)
    assert (tally.files, tally.new, len(more.names)) == (8, 4, 4)
    assert Path("t.jsonl").read_bytes().startswith(before)


def test_a_journal_that_is_torn_anywhere_is_gone_on_with(folder: Path) -> None:
    outputs = Outputs(Path("t.csv"))
    write_tables(outputs, sources(6), Readings(), SETTINGS)
    table, journal = Path("t.csv").read_bytes(), outputs.journal.read_bytes()
    ends = [0, *(place + 1 for place, byte in enumerate(journal) if byte == ord("\n"))]
    for length in range(0, len(journal), 23):
        for torn in (journal[:length], journal[:length] + b"\0\0\n\0"):
            if length < ends[1] and torn.endswith(b"\0"):
                continue  # nothing of its first line says that it is ours
            Path("t.csv").unlink(missing_ok=True)
            outputs.journal.write_bytes(torn)
            readings = Readings()
            write_tables(outputs, sources(6), readings, SETTINGS)
            whole_lines = sum(end <= length for end in ends[2:-1])
            missing = 6 - whole_lines + (whole_lines > 3)  # the file of the fourth had failed
            assert (Path("t.csv").read_bytes(), len(readings.names)) == (table, missing)


def test_a_file_is_known_by_where_it_is_and_standard_input_by_its_bytes(folder: Path) -> None:
    outputs = Outputs(folder / "year.jsonl")
    named = [Source("1.png", folder / month / "1.png") for month in ("jan", "feb")]
    same = Source(str(folder / "jan" / "1.png"), Path("jan/../jan/1.png"))
    piped = [Source("-", content) for content in (b"a", b"b", b"a")]

    def read(given: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        return (record(1, name=source.name) for source in given)

    for new, given in ((1, named[:1]), (1, named), (0, [same]), (2, piped), (0, piped)):
        assert write_tables(outputs, given, read, SETTINGS).new == new
    assert outputs.table.read_text().count('"file"') == 4


def test_what_failed_is_tried_again_and_has_its_last_rows_in_its_place(folder: Path) -> None:
    outputs = Outputs(Path("t.jsonl"))
    write_tables(outputs, sources(5), Readings(), SETTINGS)

    def read(given: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        return (record(1, name=source.name) for source in given)

    tally = write_tables(outputs, sources(5), read, SETTINGS)
    assert (tally.files, tally.new, tally.pages_failed) == (5, 1, 0)
    rows = [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(row["file"] for row in rows)) == [s.name for s in sources(5)]
    assert [row["text"] for row in rows if row["file"] == "scans/3.png"] == ["1001"]
    assert write_tables(outputs, sources(5), read, SETTINGS).new == 0


def test_a_damaged_line_costs_its_own_file_alone(folder: Path) -> None:
    outputs = Outputs(Path("t.jsonl"))
    write_tables(outputs, sources(6), Readings(), SETTINGS)
    first, damaged, *others = outputs.journal.read_bytes().splitlines(keepends=True)
    outputs.journal.write_bytes(first + b"\0" + damaged[1:] + b"".join(others))
    readings = Readings()
    assert write_tables(outputs, sources(6), readings, SETTINGS).files == 6
    assert readings.names == ["scans/0.png", "scans/3.png"]  # the second had failed


def test_other_settings_than_the_table_s_are_refused_in_a_line(folder: Path) -> None:
    write_tables(Outputs(Path("t.csv")), sources(3), Readings(), SETTINGS)
    before = Path("t.csv").read_bytes()
    for outputs, settings, said in (
        (Outputs(Path("t.csv"), by="digit"), SETTINGS, "by: line then, digit now"),
        (Outputs(Path("t.csv"), sure=0.9), SETTINGS, "sure: none then, 0.9 now"),
        (Outputs(Path("t.csv")), {"threshold": 0.5}, "threshold: 0.78 then, 0.5 now"),
    ):
        with pytest.raises(InvalidInput, match=said) as refused:
            write_tables(outputs, sources(4), Readings(), settings)
        assert "\n" not in str(refused.value)
    assert Path("t.csv").read_bytes() == before


@pytest.mark.parametrize("name", ["t.csv", "t.review.csv", "r.html", "t.csv.journal"])
def test_what_digits_did_not_write_is_left_as_it_is(name: str, folder: Path) -> None:
    outputs = Outputs(Path("t.csv"), sure=0.99, report=Path("r.html"))
    Path(name).write_text("a person's\nown notes\n")
    with pytest.raises(InvalidInput, match=rf"{name} (exists|is no journal)"):
        write_tables(outputs, sources(3), Readings(), SETTINGS)
    assert Path(name).read_text() == "a person's\nown notes\n"
    assert [path.name for path in folder.iterdir()] == [name]


def test_a_table_that_a_person_changed_is_left_as_it_is(folder: Path) -> None:
    outputs = Outputs(Path("t.csv"), sure=0.99)
    write_tables(outputs, sources(3), Readings(), SETTINGS)
    with Path("t.review.csv").open("a") as file:
        file.write("checked\n")
    with pytest.raises(InvalidInput, match="did not write it as it is"):
        write_tables(outputs, sources(4), Readings(), SETTINGS)
    assert Path("t.review.csv").read_text().endswith("checked\n")


def test_a_table_is_written_by_one_process_at_a_time(folder: Path) -> None:
    outputs = Outputs(Path("t.csv"))

    def read(given: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        with pytest.raises(DigitsError, match="in use by another process"):
            write_tables(outputs, sources(3), Readings(), SETTINGS)
        return Readings()(given, num_known)

    assert write_tables(outputs, sources(3), read, SETTINGS).new == 3
    with open_journal(Path("other.journal"), SETTINGS):  # and is free afterwards
        pass


@contextmanager
def room_for(num_bytes: int) -> Iterator[None]:
    """Let no file grow past a size, which the system refuses as it refuses on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_where_there_is_no_room_one_line_says_so_and_nothing_is_lost(
    name: str, folder: Path
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    outputs = Outputs(Path(name))
    with room_for(500), pytest.raises(DigitsError, match=r"Can't write .*journal: File too large"):
        write_tables(outputs, sources(40), Readings(), SETTINGS)
    assert outputs.journal.stat().st_size == 500
    with pytest.raises(DigitsError, match="Stopped"):
        write_tables(outputs, sources(40), Readings(stop_after=36), SETTINGS)
    with (
        room_for(outputs.journal.stat().st_size + 1), pytest.raises(DigitsError, match="File too")
    ):  # fmt: skip
        write_tables(outputs, sources(40), Readings(), SETTINGS)
    whole = Outputs(Path(f"whole-{name}"))
    for each in (outputs, whole):
        assert write_tables(each, sources(40), Readings(), SETTINGS).files == 40
    assert outputs.table.read_bytes() == whole.table.read_bytes()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("room", [1, 300])
def test_a_full_disk_while_tables_are_made_leaves_what_was_read(room: int, folder: Path) -> None:
    outputs = Outputs(Path("t.jsonl"))
    # What fails is tried again, which takes room for the journal.
    given = [source for index, source in enumerate(sources(51)) if index % 5 != FAILED]
    with pytest.raises(DigitsError, match="Stopped"):
        write_tables(outputs, given, Readings(stop_after=40), SETTINGS)
    with room_for(room), pytest.raises(DigitsError, match=r"Can't write t\.jsonl: File too large"):
        write_tables(outputs, given[:40], Readings(), SETTINGS)
    assert [path.name for path in folder.iterdir()] == ["t.jsonl.journal"]
    assert write_tables(outputs, given[:40], Readings(), SETTINGS).files == 40


@pytest.fixture
def scans(folder: Path) -> Path:
    """A folder of 120 small pictures, of which one is none."""
    made = folder / "scans"
    made.mkdir()
    for index in range(120):
        Image.fromarray(draw(str(index % 10), height=22, thickness=3, margin=3)).resize(
            (28, 28)
        ).save(made / f"{index}.png")
    (made / "60.png").write_bytes(b"no picture")
    return made


READ = ("read", "scans", "--out", "t.csv", "--sure", "0.9", "--report", "r.html")


def start() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "digits", *READ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def has_read(num: int) -> bool:
    """Whether so many files are in the journal."""
    journal = Path("t.csv.journal")
    return journal.exists() and journal.read_bytes().count(b"\n") > num


def stopped_when(is_time: Callable[[], bool], number: signal.Signals) -> tuple[int, str]:
    """Start the command and end it when it is time; its status and errors."""
    with start() as process:
        while process.poll() is None:
            if is_time():
                os.kill(process.pid, number)
                break
            time.sleep(0.001)
        _, errors = process.communicate()
        return process.returncode, errors


@pytest.mark.usefixtures("scans")
def test_a_command_that_is_killed_is_gone_on_with_by_the_same(call: Call, folder: Path) -> None:
    status, _, errors = call(*("whole.csv" if word == "t.csv" else word for word in READ))
    assert (status, errors) == (1, "")
    Path("r.html").rename("whole.html")
    for num, number in ((0, signal.SIGKILL), (40, signal.SIGKILL), (70, signal.SIGINT)):
        found, errors = stopped_when(partial(has_read, num), number)
        if number == signal.SIGINT:
            assert found == 1
            assert errors.startswith("digits: Stopped; what was read of ")
            assert errors.count("\n") == 1
        else:
            assert found == -signal.SIGKILL
        assert not Path("t.csv").exists()
    stopped_when(lambda: any(folder.glob(".t.csv.*")), signal.SIGKILL)
    if Path("t.csv").exists():  # it was written before the signal came
        assert Path("t.csv").read_bytes() == Path("whole.csv").read_bytes()
    status, said, errors = call(*READ)
    assert (status, errors) == (1, "")
    assert not list(folder.glob(".*"))
    assert "120 files, " in said
    assert "120 of them new" not in said
    for name, other in (("t.csv", "whole.csv"), ("t.review.csv", "whole.review.csv")):
        assert Path(name).read_bytes() == Path(other).read_bytes()
    assert Path("r.html").read_bytes() == Path("whole.html").read_bytes()


@pytest.mark.usefixtures("folder")
def test_the_command_says_how_much_is_sure_and_where(call: Call) -> None:
    Image.fromarray(draw("1995")).save("a.png")
    Path("b.png").write_bytes(b"no picture")
    status, said, errors = call("read", "a.png", "b.png", "--out", "out/t.jsonl", "--sure", "0.5")
    assert (status, errors) == (1, "")
    assert said == (
        "1 sure in out/t.jsonl, 1 to review in out/t.review.csv\n"
        "2 files, 2 of them new; 1 page that can't be read\n"
    )
    assert json.loads(Path("out/t.jsonl").read_text())["text"] == "1995"
    status, said, _ = call("read", "a.png", "--out", "u.csv", "--by", "digit", "--json")
    tally = {"files": 1, "new": 1, "pages_failed": 0, "rows": 4, "to_review": 0}
    assert (status, json.loads(said)) == (0, tally)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--out", "t.xlsx"], 2, "expected a name that ends in .csv, .jsonl, .parquet"),
        (["--sure", "0.9"], 2, "name it with --out"),
        (["--by", "digit"], 2, "name it with --out"),
        (["--out", "t.csv", "--sure", "99"], 2, "--sure: expected 0 to 1, found 99"),
        (["--out", "t.csv", "--report", "t.csv"], 2, "expected another file than the table's"),
        (["--out", "t.csv", "--explain", "e.png"], 2, "leave --out out"),
        (["--out", "a.png/t.csv"], 1, "Can't write"),
        (["--out", "t.csv", "missing.png"], 1, None),
        (["--out", "t.csv", "empty"], 2, "expected pictures, found none"),
    ],
)
def test_what_can_t_be_as_asked_is_one_line(
    call: Call, arguments: list[str], status: int, message: str | None
) -> None:
    Image.fromarray(draw("7")).save("a.png")
    Path("empty").mkdir()
    pictures = ["a.png"] if arguments[-1] != "empty" else []
    found, _, errors = call("read", *pictures, *arguments)
    assert found == status, errors
    if message is not None:
        assert message in errors
        assert errors.count("\n") == 1
        assert not Path("t.csv").exists()
