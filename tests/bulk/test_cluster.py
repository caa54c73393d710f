"""Reading by a cluster: the rows of one process, each file once, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_cluster import a_machine, two_machines
from PIL import Image

from digits.bulk.cluster import read_on_cluster
from digits.bulk.records import read_source
from digits.bulk.rows import Row, rows_of
from digits.bulk.tables import Tally
from digits.errors import InvalidInput
from tests.bulk.logged_reading import chunks_of, read_and_log, the_reader
from tests.reading.drawings import draw

pytest.importorskip("pyarrow")
pytest.importorskip("ray", reason="needs the extra ray")
ROOT = Path(__file__).parents[2]
NUM_FILES = 40

# Ray and what it stands on leave files and sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_machines() as made:
        yield made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Pictures of a number each; one that is none, and one that kills whoever reads it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(NUM_FILES - 2):
        Image.fromarray(draw(f"{number}")).save(folder / f"{number}.png")
    (folder / "damaged.png").write_bytes(b"none")
    (folder / "deadly.png").write_bytes(b"deadly")
    return folder


def expected_rows(folder: Path) -> list[Row]:
    """The rows of one process, but for the picture that would kill it."""
    return [
        row
        for chunk in chunks_of(folder)
        for source in chunk.sources()
        if not source.name.endswith("deadly.png")
        for row in rows_of(read_source(the_reader(), source), "line")
    ]


def expect_whole(out: Path, folder: Path) -> None:
    """Expect that the parts have all rows of one process, in order, and a reason for the deadly."""
    from pyarrow import parquet

    found = parquet.read_table(out).to_pylist()
    deadly = [row for row in found if row["file"].endswith("deadly.png")]
    assert len(deadly) == 1
    assert "died" in deadly[0]["reason"]
    columns = list(found[0])
    assert [row for row in found if row not in deadly] == [
        {name: getattr(row, name) for name in columns} for row in expected_rows(folder)
    ]


def log_of(folder: Path) -> list[tuple[int, str]]:
    """Who had which file read, in the order in which they were."""
    path = folder.with_name("log")
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(pid), name) for pid, name in (line.split(" ") for line in lines)]


def read_all(address: str, folder: Path, out: Path, on_file: Callable[[], object]) -> Tally:
    return read_on_cluster(
        address, chunks_of(folder), read_and_log, {}, out=str(out), on_file=on_file
    )


def test_a_worker_and_a_machine_are_killed_and_each_file_has_its_rows_once(
    cluster: Any, pictures: Path, tmp_path: Path
) -> None:
    out, count = tmp_path / "out", 0
    third = cluster.add_node(**a_machine())

    def kill() -> None:
        nonlocal count
        count += 1
        if count == 3:
            os.kill(log_of(pictures)[-1][0], signal.SIGKILL)
        if count == 10:
            cluster.remove_node(third, allow_graceful=False)

    tally = read_all(cluster.address, pictures, out, kill)
    assert (tally.files, tally.new, tally.pages_failed) == (NUM_FILES, NUM_FILES, 2)
    expect_whole(out, pictures)
    again = read_all("127.0.0.1:1", pictures, out, kill)  # all is there: no cluster is needed
    assert (again.files, again.new, again.rows) == (NUM_FILES, 0, tally.rows)
    with pytest.raises(InvalidInput, match=r"begun with other threshold; name another folder"):
        read_on_cluster(
            cluster.address, chunks_of(pictures), read_and_log, {"threshold": 1}, out=str(out)
        )


def test_a_command_that_was_killed_goes_on_with_what_is_missing(
    cluster: Any, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tests.bulk.logged_reading"]
    command += [cluster.address, str(pictures), str(out)]
    with subprocess.Popen(command, cwd=ROOT) as driver:
        while len(list(out.glob("part-*"))) < 5:
            assert driver.poll() is None
            time.sleep(0.05)
        driver.kill()
    # Its workers end when the cluster sees that it is gone; a part that they still write is whole.
    before = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 5 <= len(before) < NUM_FILES
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    expect_whole(out, pictures)
    after = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert before.items() <= after.items()


def test_no_cluster_at_the_address_is_one_line(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no cluster at 127\.0\.0\.1:1: Connection refused\. S"):
        read_all("127.0.0.1:1", pictures, tmp_path / "out", lambda: None)
