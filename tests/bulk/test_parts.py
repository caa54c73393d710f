"""Parts of a table, as a cluster's workers write them: the rows of one process, each file once."""

import pickle
import re
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits.bulk.cluster import MANIFEST, ChunkReader, Instructions, read_on_cluster
from digits.bulk.ray_cluster import told_in_a_line
from digits.bulk.records import read_source
from digits.bulk.rows import rows_of
from digits.errors import DigitsError, InvalidInput
from tests.bulk.logged_reading import chunks_of, read_and_log, the_reader
from tests.reading.drawings import draw

pytest.importorskip("pyarrow")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures, one that is none, and one that kills whoever reads it."""
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    for text in ("7", "19", "305"):
        Image.fromarray(draw(text)).save(folder / f"{text}.png")
    (folder / "damaged.png").write_bytes(b"none")
    (folder / "deadly.png").write_bytes(b"deadly")
    return folder


def read_parts(folder: Path, out: Path) -> None:
    """Read all chunks of a folder by one worker, as one of a cluster would."""
    reader = ChunkReader(
        pickle.dumps(Instructions(read_and_log, "line", str(out), version("digits")))
    )
    with closing(reader):
        for number, chunk in enumerate(chunks_of(folder)):
            batch = {"number": np.array([number]), "chunk": np.array([pickle.dumps(chunk)], object)}
            assert reader(batch) == {"count": [1]}


def resume(folder: Path, out: Path, **settings: Any) -> Any:
    """Call for a cluster where there is none."""
    return read_on_cluster("127.0.0.1:1", chunks_of(folder), read_and_log, settings, out=str(out))


def test_parts_have_the_rows_of_one_process_and_a_reason_for_each_other_file(
    pictures: Path, tmp_path: Path
) -> None:
    from pyarrow import parquet

    out = tmp_path / "out"
    with pytest.raises(InvalidInput, match=r"no cluster at 127\.0\.0\.1:1: Connection refused\. S"):
        resume(pictures, out)
    read_parts(pictures, out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    found = parquet.read_table(out).to_pylist()
    (deadly,) = [row for row in found if row["file"].endswith("deadly.png")]
    assert "died" in deadly["reason"]
    whole = [
        row._asdict()
        for chunk in chunks_of(pictures)
        for source in chunk.sources()
        if not source.name.endswith("deadly.png")
        for row in rows_of(read_source(the_reader(), source), "line")
    ]
    assert [row for row in found if row != deadly] == [
        {name: row[name] for name in deadly} for row in whole
    ]
    # All is there, so no cluster is needed; and who reads the same again writes the same.
    tally = resume(pictures, out)
    assert (tally.files, tally.new, tally.pages_failed, tally.rows) == (5, 0, 2, 5)
    read_parts(pictures, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_a_folder_of_other_files_or_settings_is_refused(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InvalidInput, match="no cluster"):
        resume(pictures, out, threshold=0.78)
    with pytest.raises(InvalidInput, match=r"begun with other threshold; name another folder\."):
        resume(pictures, out, threshold=0.5)
    facts = (out / MANIFEST).read_bytes()
    for damaged in (b"{", b"[1]"):
        (out / MANIFEST).write_bytes(damaged)
        with pytest.raises(InvalidInput, match=rf"{MANIFEST} is damaged; name another folder\."):
            resume(pictures, out, threshold=0.78)
    (out / MANIFEST).write_bytes(facts)
    (pictures / "7.png").unlink()
    with pytest.raises(InvalidInput, match=r"begun with other files; name another folder\."):
        resume(pictures, out, threshold=0.78)
    assert [path.name for path in out.iterdir()] == [MANIFEST]
    with pytest.raises(InvalidInput, match=r"not of this table, such as .*png; name another"):
        resume(pictures, pictures)


def test_what_a_killed_command_or_worker_had_not_finished_is_removed(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    leftovers = [out / f".{name}.{32 * 'e'}" for name in (MANIFEST, "part-000002.parquet")]
    others = [out / f".part-000002.parquet.{4 * 'e'}", out / f".other.parquet.{32 * 'e'}"]
    for leftover in leftovers:
        leftover.write_bytes(b"{")
    with pytest.raises(InvalidInput, match="no cluster"):  # it is this table, hardly begun
        resume(pictures, out)
    read_parts(pictures, out)
    for other in others:
        other.write_bytes(b"{")
    assert resume(pictures, out).files == 5
    assert not any(leftover.exists() for leftover in leftovers)
    assert all(other.exists() for other in others)


def test_a_machine_with_another_version_is_named() -> None:
    instructions = Instructions(read_and_log, "line", "out", "0.0.1")
    said = re.escape(f"has digits {version('digits')}, and this one 0.0.1;")
    with pytest.raises(DigitsError, match=said):
        ChunkReader(pickle.dumps(instructions))


def test_an_error_that_ray_gives_as_text_is_told_as_it_is() -> None:
    exceptions = pytest.importorskip("ray.exceptions")
    trace = "Traceback:\n  File worker.py, line 1\ndigits.errors.DigitsError: The disk is full."
    with pytest.raises(DigitsError, match=r"^The disk is full\.$"), told_in_a_line():
        raise exceptions.RaySystemError(trace)
