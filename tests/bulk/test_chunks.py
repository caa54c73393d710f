"""What a cluster is to read, cut into chunks: the same for the same files, from files or tables."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import requests

from digits.bulk.chunks import (
    CHUNKS,
    FILES_A_CHUNK,
    Chunk,
    FilesChunk,
    StoredChunk,
    TableChunk,
    find_chunks,
)
from digits.bulk.sources import Source
from digits.bulk.stores import Store
from digits.errors import DigitsError, InvalidInput

pyarrow = pytest.importorskip("pyarrow")


def files(arguments: list[str]) -> Iterable[Source]:
    """As many files as the argument says."""
    return (Source(f"{number}.png", Path(f"{number}.png")) for number in range(int(arguments[0])))


def names_in(chunks: Iterable[Chunk]) -> list[str]:
    return [name for chunk in chunks for name in chunk.names]


@pytest.mark.parametrize("num_files", [1, CHUNKS - 1, CHUNKS * 3 + 1, CHUNKS * FILES_A_CHUNK + 7])
def test_each_file_is_in_one_chunk_and_few_files_are_for_many_workers(num_files: int) -> None:
    chunks = find_chunks([str(num_files)], files)
    assert names_in(chunks) == [source.name for source in files([str(num_files)])]
    assert len(chunks) >= min(num_files, CHUNKS)
    assert max(len(list(chunk.names)) for chunk in chunks) <= FILES_A_CHUNK
    assert chunks == find_chunks([str(num_files)], files)


def write_table(path: Path, names: tuple[str, str], num_rows: int = 50) -> None:
    from pyarrow import parquet

    columns = {names[0]: [f"{n}.png" for n in range(num_rows)], names[1]: [b"x"] * num_rows}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=20)


@pytest.mark.parametrize("name", ["path", "name", "file"])
def test_pictures_come_from_a_table_a_row_group_a_chunk(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / "pictures.parquet", (name, "bytes"))
    chunks = find_chunks([str(tmp_path / "pictures.parquet")], files)
    assert all(isinstance(chunk, TableChunk) for chunk in chunks)
    counts = [len(list(chunk.sources())) for chunk in chunks]
    assert counts == [20, 20, 10]
    sources = [source for chunk in chunks for source in chunk.sources()]
    assert sources == [Source(f"{n}.png", b"x") for n in range(50)]


def test_a_table_without_pictures_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "other.parquet", ("path", "image"))
    with pytest.raises(InvalidInput, match=r"expected a column bytes, .* found path, image"):
        find_chunks([str(tmp_path / "other.parquet")], files)


def test_a_table_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    for name in ("missing", "damaged"):
        with pytest.raises(DigitsError, match=rf"{name}\.parquet: "):
            find_chunks([str(tmp_path / f"{name}.parquet")], files)


def test_a_folder_by_its_address_has_pictures_and_tables(tmp_path: Path) -> None:
    for name in ("scan10.png", "scan2.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(name.encode())
    write_table(tmp_path / "more.parquet", ("path", "bytes"), 3)
    *found, table = find_chunks([tmp_path.as_uri()], files)
    assert names_in(found) == [
        f"{tmp_path.as_uri()}/{name}" for name in ("scan2.png", "scan10.png")
    ]
    assert [next(chunk.sources()).content for chunk in found] == [b"scan2.png", b"scan10.png"]
    assert len(list(table.sources())) == 3


@pytest.mark.parametrize("name", ["a b.png", "50%.png", "a#1.png", "what?.png", "ü.png"])
def test_a_file_of_a_store_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    (chunk,) = find_chunks([tmp_path.as_uri()], files)
    assert list(chunk.sources()) == [Source(f"{tmp_path.as_uri()}/{name}", b"x")]


def test_a_file_of_a_store_that_is_gone_is_a_source_with_its_reason(tmp_path: Path) -> None:
    (source,) = StoredChunk(tmp_path.as_uri(), ("gone.png",)).sources()
    with pytest.raises(DigitsError, match=r"gone\.png: No such file"):
        source.load()


def test_a_store_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="can't be opened"):
        find_chunks(["floppy://a/b"], files)


def test_files_are_left_to_each_machine_whatever_its_folder() -> None:
    (chunk,) = find_chunks(["1"], files)
    assert isinstance(chunk, FilesChunk)
    (source,) = chunk.sources()
    assert (source.name, source.content) == ("0.png", Path("0.png").absolute())


def test_a_file_that_is_named_twice_is_in_one_chunk(tmp_path: Path) -> None:
    assert names_in(find_chunks(["3", "2", "3"], files)) == ["0.png", "1.png", "2.png"]
    named = [Source("a.png", Path("a.png")), Source("same", Path("a.png").absolute())]
    assert names_in(find_chunks(["x"], lambda names: named)) == ["a.png"]
    write_table(tmp_path / "t.parquet", ("path", "bytes"))
    once = find_chunks([str(tmp_path / "t.parquet")], files)
    assert find_chunks([str(tmp_path / "t.parquet"), f"{tmp_path}/./t.parquet"], files) == once


def test_texts_in_the_column_of_bytes_are_refused(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = {"path": ["a.png"], "bytes": ["/etc/passwd"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    with pytest.raises(
        InvalidInput, match=r"t\.parquet: expected bytes in the column bytes, found"
    ):
        find_chunks([str(tmp_path / "t.parquet")], files)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 server that runs here."""
    server = shutil.which("moto_server")
    if server is None:
        pytest.skip("needs moto_server (moto[server], which takes an environment of its own)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {
        **keys,
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    command = [server, "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                assert process.poll() is None
                try:
                    requests.put(f"{address}/pictures", timeout=60).raise_for_status()
                    break
                except requests.ConnectionError:
                    time.sleep(0.1)
            yield "s3://pictures"
        finally:
            process.kill()


def test_pictures_are_found_in_an_object_store_and_files_are_written_there(bucket: str) -> None:
    store = Store(f"{bucket}/in")
    for name in ("scan10.png", "scan2.png", "sub/scan1.png"):
        store.write(name, name.encode())
    chunks = find_chunks([f"{bucket}/in", f"{bucket}/in/scan2.png"], files, recursive=True)
    names = ["scan2.png", "scan10.png", "sub/scan1.png"]
    assert [source for chunk in chunks for source in chunk.sources()] == [
        Source(f"{bucket}/in/{name}", name.encode()) for name in names
    ]
    with pytest.raises(DigitsError, match=r"pictures/in/gone\.png: No such file or directory\."):
        store.read("gone.png")
    with pytest.raises(DigitsError, match=r"bucket does not exist"):
        Store("s3://other/out").write("a", b"a")
