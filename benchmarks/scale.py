"""Read many pictures by a cluster of this machine's processors: how fast, in how much memory.

    python benchmarks/scale.py
    python benchmarks/scale.py --part 0.003 --out FILE     # a trial
    python benchmarks/scale.py --minutes 12                # begins no further kind after so long

Reads 100,000 glyphs, each a PNG of 28×28 pixels, in tables of their bytes, and 300 pages of rows
composed of them, each a JPEG of 2 megapixels in a file: as `digits read … --ray local` does. The
pictures and what was read are kept in runs/scale, below a name that stands for how many there are:
stopped, it goes on with what is missing, and the rate is that of what was read last. Prints rates
and memory, and writes them to results/scale.json as they come.
"""

import argparse
import io
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from bulk_reading import write_pages
from jaxtyping import UInt8
from PIL import Image

import digits
from digits.bulk.chunks import find_chunks
from digits.bulk.cluster import read_on_cluster
from digits.bulk.records import read_source
from digits.bulk.sources import find_sources
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reading import Reader

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "scale.json"

NUM_GLYPHS, NUM_PAGES = 100_000, 300
"""Number of pictures of each kind; glyphs are all of MNIST's, and the first of them again."""

ROWS_A_TABLE, ROWS_A_GROUP = 10_000, 500
"""Pictures in a table, and in a row group, which one worker reads."""

SAMPLE_SECONDS = 2.0
"""Time between two looks at the memory."""


def write_glyphs(folder: Path, num: int) -> None:
    """Write tables of glyphs, black on white."""
    import pyarrow
    from pyarrow import parquet

    mnist = digits.load("mnist")
    images = np.concatenate([mnist.train.images.numpy(), mnist.test.images.numpy()])
    for start in range(0, num, ROWS_A_TABLE):
        numbers = range(start, min(num, start + ROWS_A_TABLE))
        columns = {
            "path": [f"{number}.png" for number in numbers],
            "bytes": [encoded(255 - images[number % len(images)], "PNG") for number in numbers],
        }
        path = folder / f"glyphs-{start:07}.parquet"
        parquet.write_table(pyarrow.table(columns), path, row_group_size=ROWS_A_GROUP)


def encoded(image: UInt8[np.ndarray, "h w"], form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, form)
    return file.getvalue()


KINDS: dict[str, tuple[Callable[[Path, int], None], int, str]] = {
    "glyphs": (write_glyphs, NUM_GLYPHS, "*.parquet"),
    "pages": (write_pages, NUM_PAGES, "."),
}
"""What is read: how it is written, how much of it, and how it is named to the command."""


def pictures_of(kind: str, num: int, folder: Path) -> list[str]:
    """Write so many pictures of a kind, unless they are there, and give the arguments for them."""
    write, _, pattern = KINDS[kind]
    if not folder.is_dir():
        unfinished = folder.with_name(f".{folder.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        write(unfinished, num)
        unfinished.rename(folder)
    return sorted(map(str, folder.glob(pattern))) if "*" in pattern else [str(folder)]


@contextmanager
def watch_memory(samples: list[dict[str, float]]) -> Iterator[None]:
    """Note the memory of this process, and of the largest of a cluster's workers, now and then."""
    started, has_ended = time.perf_counter(), threading.Event()

    def watch() -> None:
        while not has_ended.wait(SAMPLE_SECONDS):
            samples.append({"seconds": round(time.perf_counter() - started, 1), **megabytes()})

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def megabytes() -> dict[str, float]:
    """Measure the resident sets: this process, the largest child of any kind, all of them."""
    this = psutil.Process()
    sizes = [0.0]
    for child in this.children(recursive=True):
        try:
            sizes.append(child.memory_info().rss / 1e6)
        except psutil.Error:  # it has ended
            continue
    own = this.memory_info().rss / 1e6
    return {
        "driver": round(own),
        "largest_child": round(max(sizes)),
        "all": round(own + sum(sizes)),
    }


def measure(kind: str, num: int) -> dict[str, Any]:
    """Read so many pictures of a kind, and tell how long it took, and in how much memory."""
    folder = ROOT / "runs" / "scale" / f"{kind}-{num}"
    arguments = pictures_of(kind, num, folder)
    chunks = find_chunks(arguments, lambda names: find_sources(map(Path, names)))
    reader, samples, times = Reader(num_threads=1), list[dict[str, float]](), list[float]()
    started = time.perf_counter()
    with watch_memory(samples):
        tally = read_on_cluster(
            "local",
            chunks,
            partial(read_source, reader),
            {"threshold": reader.threshold, "model": reader.digest},
            out=str(folder.with_name(f"{folder.name}-read")),
            on_file=lambda: times.append(time.perf_counter()),
        )
    ended = time.perf_counter()
    cores = psutil.cpu_count() or 1
    after_first = [moment for moment in times if moment - times[0] > 1e-2] if times else []
    rate = len(after_first) / (times[-1] - times[0]) if after_first else None
    return {
        **tally.to_dict(),
        "chunks": len(chunks),
        "cores": cores,
        "seconds": ended - started,
        "seconds_to_first_part": times[0] - started if times else None,
        "files_per_second": rate,
        "files_per_second_per_core": rate and rate / cores,
        "megabytes": samples[:: max(1, len(samples) // 50)],
        "most_megabytes": {
            name: max((sample[name] for sample in samples), default=None)
            for name in ("driver", "largest_child", "all")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", type=float, default=1.0, help="the share of all pictures")
    parser.add_argument("--minutes", type=float, default=12.0, help="begin no kind after so long")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    if arguments.part < 1 and arguments.out == RESULT:
        sys.exit("A part is no result: name a file with --out.")
    facts = {
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    result: dict[str, Any] = {**facts, "kinds": {}}
    started = time.perf_counter()
    for kind in arguments.kinds:
        if time.perf_counter() - started > 60 * arguments.minutes:
            print(f"{kind}: left out, as the time is over")
            continue
        found = measure(kind, max(1, round(KINDS[kind][1] * arguments.part)))
        result["kinds"][kind] = found
        write_atomic(arguments.out, (json.dumps(result, indent=2) + "\n").encode())
        shown = {name: value for name, value in found.items() if name != "megabytes"}
        print(kind, json.dumps(shown))


if __name__ == "__main__":
    main()
