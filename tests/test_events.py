"""The file of a run's events: only whole lines are read, and what was cut off is removed."""

from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.events import EventLog, is_at_line, read_lines


def test_who_reads_from_where_he_stopped_misses_nothing_and_gets_nothing_twice(
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.jsonl"
    log, lines, offset = EventLog(path), [], 0
    for step in range(3):
        log.write({"step": step})
        found = read_lines(path, offset)
        lines += found
        offset += sum(map(len, found))
        assert is_at_line(path, offset)
    log.close()
    assert lines == [b'{"step":0}\n', b'{"step":1}\n', b'{"step":2}\n']
    assert read_lines(path, offset) == []
    assert not is_at_line(path, offset - 1)


@pytest.mark.parametrize("damage", [b'{"step":1', b'{"step"\n{"step":2}\n', b"\0\0\0\0"])
def test_what_a_killed_process_or_a_power_cut_left_is_removed(
    tmp_path: Path, damage: bytes
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"step":0}\n' + damage)
    log = EventLog(path)
    assert not log.is_empty
    log.write({"step": 3})
    log.close()
    assert path.read_bytes() == b'{"step":0}\n{"step":3}\n'


def test_a_line_that_is_being_written_is_not_read_yet(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_lines(path, 0) == []
    path.write_bytes(b'{"step":0}\n{"st')
    assert read_lines(path, 0) == [b'{"step":0}\n']
    assert read_lines(path, 11) == []


def test_a_line_may_be_longer_than_what_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits.events.CHUNK_BYTES", 4)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"step":0}\n')
    assert read_lines(path, 0) == [b'{"step":0}\n']


def test_events_that_cannot_be_written_are_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match=r"^Can't write .*: Is a directory.$"):
        EventLog(tmp_path)


def test_of_a_line_that_the_disk_has_no_room_for_nothing_stays(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # POSIX
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.write({"step": 0})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (15, limits[1]))
        with pytest.raises(DigitsError, match=r"^Can't write .*events.jsonl: "):
            log.write({"step": 1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b'{"step":0}\n'
    log.write({"step": 2})
    log.close()
    assert path.read_bytes() == b'{"step":0}\n{"step":2}\n'
