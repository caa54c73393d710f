"""Reading that leaves a note of each file, slowly, so that it can be interrupted."""

import os
import sys
import time
from functools import cache
from pathlib import Path

from digits.bulk.chunks import Chunk, find_chunks
from digits.bulk.cluster import read_on_cluster
from digits.bulk.records import Record, read_source
from digits.bulk.sources import Source, find_sources
from digits.reader import Reader

SECONDS_A_FILE = 0.1
"""Time that a file takes at least."""


def chunks_of(folder: Path) -> list[Chunk]:
    return find_chunks([str(folder)], lambda names: find_sources(map(Path, names)))


def read_and_log(source: Source) -> Record:
    """Read a file, and note it, with the process of the cluster that had it read."""
    time.sleep(SECONDS_A_FILE)
    path = Path(source.name)
    if path.name == "deadly.png" and path.stat().st_size:
        os._exit(9)
    record = read_source(the_reader(), source)
    with path.parent.with_name("log").open("a") as log:
        log.write(f"{os.getppid()} {path.name}\n")
    return record


@cache
def the_reader() -> Reader:
    return Reader(num_threads=1)


if __name__ == "__main__":
    from tests.bulk.logged_reading import read_and_log as read  # by the name that others import

    address, folder, out = sys.argv[1:]
    read_on_cluster(address, chunks_of(Path(folder)), read, {}, out=out)
