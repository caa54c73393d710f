"""Reading by a cluster of machines, with Ray Data: chunks of files to parts of a table.

The files are cut into chunks, the same whenever they are the same. A worker reads a chunk, and
writes the rows as one file, `part-000000.parquet`, whose name is the chunk's. So whatever dies, a
chunk is read or not: where a worker or a machine died, Ray has another read it, and who calls the
command again has only those read whose parts are missing. Two that read the same chunk write the
same file.
"""

import hashlib
import json
import pickle
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from tempfile import TemporaryFile
from typing import Any

from digits.bulk.chunks import Chunk
from digits.bulk.formats import open_parquet
from digits.bulk.ray_cluster import cluster_at, told_in_a_line
from digits.bulk.records import Record
from digits.bulk.rows import NO_DIGIT, NO_INK, By, rows_of
from digits.bulk.sources import Source
from digits.bulk.stores import Store
from digits.bulk.tables import Tally
from digits.bulk.workers import Worker
from digits.errors import DigitsError, InvalidInput
from digits.files import quoted

MANIFEST = "_digits.json"
"""The file beside the parts that says what they are of; programs that read tables pass over it."""


@dataclass(frozen=True)
class Instructions:
    """What a worker has to know; it goes to each pickled."""

    read: Callable[[Source], Record]
    by: By
    out: str
    version: str


def read_on_cluster(
    address: str,
    chunks: Iterable[Chunk],
    read: Callable[[Source], Record],
    settings: Mapping[str, Any],
    *,
    out: str,
    by: By = "line",
    on_file: Callable[[], object] = lambda: None,
) -> Tally:
    """Read chunks by a cluster, each to a part of a table; those whose part is there are left out.

    Args:
        address: The cluster: as `ray.init` takes it; `local` starts one on this machine.
        chunks: What to read.
        read: Reads a file. Each worker gets a copy, pickled.
        settings: What else decides the rows, as JSON has it: threshold, model.
        out: The folder of the parts: a path that leads to the same folder on all machines, or the
            address of a folder in an object store.
        by: What a row stands for.
        on_file: Called for each file, when all of its chunk were read.

    Returns:
        The numbers of files and rows in the table.

    Raises:
        InvalidInput: If the folder has parts of other files or settings, or the address leads to no
            cluster that can be used.
        DigitsError: If the cluster fails, or a part can't be written.
    """
    store, numbered = Store(out), dict(enumerate(chunks))
    if not numbered:
        return Tally()
    _expect_same(store, _facts(numbered.values(), by, settings))
    there = set(store.file_names())
    missing = {n: chunk for n, chunk in numbered.items() if _part(n) not in there}
    num_new = 0
    if missing:
        reading = Instructions(read, by, out, version("digits"))
        with cluster_at(address), closing(_read_all(missing, reading)) as counts:
            for count in counts:
                num_new += count
                for _ in range(count):
                    on_file()
    parts = [_part(number) for number in numbered]
    _expect_all(store, parts)
    store.remove_leftovers({MANIFEST, *parts})
    return _tally(store, parts, num_new)


class ChunkReader:
    """Reads chunks, one after the other, in a process of the cluster; Ray Data makes and calls it.

    Args:
        reading: What is to be read how, pickled.

    Raises:
        DigitsError: If the machine has another version of the package.
    """

    def __init__(self, reading: bytes) -> None:
        self._reading: Instructions = pickle.loads(reading)
        # A picture that kills whoever reads it kills a process of its own, and has a row.
        self._worker = Worker(pickle.dumps(self._reading.read))
        if version("digits") != self._reading.version:
            raise DigitsError(
                f"A machine of the cluster has digits {version('digits')}, and this one "
                f"{self._reading.version}; install the same on all."
            )

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        """Read some chunks, and write the part of each.

        Args:
            batch: Their numbers, as `number`, and they themselves, pickled, as `chunk`.

        Returns:
            The number of files of each, as `count`.
        """
        chunks = zip(batch["number"].tolist(), batch["chunk"].tolist(), strict=True)
        return {"count": [self._read(number, pickle.loads(chunk)) for number, chunk in chunks]}

    def close(self) -> None:
        """End the process that reads; where Ray ends this one, it ends by itself."""
        self._worker.end()
        self._worker.close()

    def _read(self, number: int, chunk: Chunk) -> int:
        records = [self._worker.read(source) for source in chunk.sources()]
        with TemporaryFile() as file:
            with open_parquet(file, self._reading.by) as write:
                write([row for record in records for row in rows_of(record, self._reading.by)])
            file.seek(0)
            Store(self._reading.out).write(_part(number), file.read())
        return len(records)


def _read_all(chunks: Mapping[int, Chunk], reading: Instructions) -> Generator[int, None, None]:
    """Read chunks by all processors that the cluster has; yields how many files, as they come."""
    import ray
    from ray.data import ActorPoolStrategy, from_items

    items = [{"number": n, "chunk": pickle.dumps(chunk)} for n, chunk in chunks.items()]
    cpus = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
    most = max(1, min(len(items), int(cpus)))
    with told_in_a_line():
        counts = from_items(items, override_num_blocks=len(items)).map_batches(
            ChunkReader,
            batch_size=1,
            fn_constructor_args=(pickle.dumps(reading),),
            compute=ActorPoolStrategy(
                min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=2
            ),
            num_cpus=1,
        )
        for row in counts.iter_rows():
            yield int(row["count"])


def _part(number: int) -> str:
    """The name of a chunk's part; by their names, the parts are in the order of the files."""
    return f"part-{number:06}.parquet"


def _facts(chunks: Iterable[Chunk], by: By, settings: Mapping[str, Any]) -> dict[str, Any]:
    names = hashlib.sha256()
    for chunk in chunks:
        names.update(json.dumps(list(chunk.names)).encode())
    return {"digits": version("digits"), "by": by, **settings, "files": names.hexdigest()}


def _expect_same(store: Store, facts: dict[str, Any]) -> None:
    """Expect that the folder is empty, or was begun with the same facts; note them there."""
    names = store.file_names()
    if MANIFEST in names:
        try:
            found = dict(json.loads(store.read(MANIFEST)))
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"{quoted(store.address)}: {MANIFEST} is damaged; name another folder."
            ) from error
        other = [name for name in facts if found.get(name) != facts[name]]
        if other:
            raise InvalidInput(
                f"{quoted(store.address)} was begun with other {' and '.join(other)}; name "
                "another folder."
            )
    elif names:
        raise InvalidInput(
            f"{quoted(store.address)} has files that are not of this table, such as "
            f"{quoted(names[0])}; name another folder."
        )
    else:
        store.write(MANIFEST, (json.dumps(facts, indent=2) + "\n").encode())


def _expect_all(store: Store, parts: list[str]) -> None:
    missing = set(parts) - set(store.file_names())
    if missing:
        raise DigitsError(
            f"{len(missing):,} of {len(parts):,} parts were written, and are not in "
            f"{quoted(store.address)}; name a folder that all machines of the cluster share, or "
            "one in an object store."
        )


def _tally(store: Store, parts: list[str], num_new: int) -> Tally:
    from pyarrow.compute import field

    table = store.open_tables(parts)
    has_failed = (field("text") == "") & ~field("reason").isin([NO_INK, NO_DIGIT])
    return Tally(
        files=_num_files(table),
        new=num_new,
        pages_failed=table.count_rows(filter=has_failed),
        rows=table.count_rows(),
        to_review=table.count_rows(
            filter=field("reason").is_valid() | field("confidence").is_null()
        ),
    )


def _num_files(table: Any) -> int:
    """Number of files in a table, whose rows stand together."""
    count, last = 0, None
    for batch in table.scanner(columns=["file"]).to_batches():
        for name in batch.column("file").to_pylist():
            count, last = count + (name != last), name
    return count
