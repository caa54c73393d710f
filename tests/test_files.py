"""Files that are whole or absent, and on the disk with all folders that lead to them."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.files import write_atomic
from digits.recipe import Recipe
from digits.run import Run


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files and folders in the order in which they are flushed to the disk."""
    found: list[Path] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    return found


def failing_on_folders(number: int) -> Callable[[int], None]:
    """An `os.fsync` that fails on folders, as a broken disk or a limited file system does."""
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_dir():
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    return fail


proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system has no /proc")


@proc
def test_each_new_folder_is_flushed_with_the_one_above_it(
    tmp_path: Path, synced: list[Path]
) -> None:
    write_atomic(tmp_path / "a" / "b" / "file", b"content")
    temporary = synced.pop(-2)
    assert temporary.parent == tmp_path / "a" / "b"
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    synced.clear()
    write_atomic(tmp_path / "a" / "b" / "other", b"content")
    assert synced[1:] == [tmp_path / "a" / "b"], "the others are there already"


@proc
def test_the_folder_of_all_runs_is_flushed_too(tmp_path: Path, synced: list[Path]) -> None:
    Run.create(tmp_path / "runs" / "one", Recipe(name="a", network="fast", epochs=1), {})
    assert synced[0] == tmp_path
    assert synced[-1] == tmp_path / "runs"


@proc
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", failing_on_folders(number))
    with pytest.raises(DigitsError, match=f"Can't write .*file: {os.strerror(number)}"):
        write_atomic(tmp_path / "file", b"content")
    with pytest.raises(DigitsError, match="Can't write"):
        Run.create(tmp_path / "run", Recipe(name="a", network="fast", epochs=1), {})


@proc
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
def test_a_file_system_that_cant_flush_folders_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", failing_on_folders(number))
    write_atomic(tmp_path / "a" / "file", b"content")
    assert (tmp_path / "a" / "file").read_bytes() == b"content"
