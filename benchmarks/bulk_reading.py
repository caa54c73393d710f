"""Time the reading of many files by one process, and by 1 and 2 workers, in turn.

    python benchmarks/bulk_reading.py
    python benchmarks/bulk_reading.py --part 0.05 --out FILE     # a trial
    python benchmarks/bulk_reading.py --workers 1 2 4 8          # on a machine with more cores

Reads MNIST's test digits, a PNG of 28×28 pixels each, and pages of rows composed of them, a JPEG of
2 megapixels each: as `digits read FOLDER` does by itself, with a thread for each core, and as it
does with workers. All must read the same. A rate is that of the files after the first ones, which
are read while workers start; how long these took is measured apart. Prints medians, and writes all
to results/bulk_reading.json. Takes four minutes on two cores that do nothing else.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from composed_rows import SPACINGS, compose_rows
from jaxtyping import UInt8
from PIL import Image

import digits
from digits.bulk.records import Record, read_source
from digits.bulk.sources import find_sources
from digits.bulk.workers import read_with_workers
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reading import Reader

RESULT = Path(__file__).parent / "results" / "bulk_reading.json"
NUM_GLYPHS, NUM_PAGES = 3000, 30
ROUNDS = 3
PAGE_SIZE = 1240, 1754
"""Width and height of a page in pixels: A4 at 150 pixels an inch."""

ROWS_ON_PAGE = 11


class Timing(NamedTuple):
    """How long files took to read in one way."""

    start_seconds: float
    """Until the first record was there."""
    files_per_second: float
    worker_megabytes: float
    """Largest resident set of a worker; 0 without any, or where the system does not show it."""


def write_glyphs(folder: Path, num: int) -> None:
    for place, image in enumerate(digits.load("mnist").test.images[:num].numpy()):
        Image.fromarray(255 - image).save(folder / f"{place}.png")


def write_pages(folder: Path, num: int) -> None:
    rows = compose_rows(SPACINGS["clean"], num * ROWS_ON_PAGE)
    for place in range(num):
        page = compose_page([row.picture for row in islice(rows, ROWS_ON_PAGE)])
        Image.fromarray(page).save(folder / f"{place}.jpg", quality=90)


def compose_page(rows: list[UInt8[np.ndarray, "_ _"]]) -> UInt8[np.ndarray, "h w"]:
    """Put rows below each other on a sheet of the same paper."""
    width, height = PAGE_SIZE
    rng = np.random.default_rng(len(rows))
    page = np.clip(rng.normal(225, 3, (height, width)), 0, 255).astype(np.uint8)
    for place, row in enumerate(rows):
        top = 60 + place * 150
        page[top : top + row.shape[0], 60 : 60 + row.shape[1]] = row[:, : width - 120]
    return page


KINDS: dict[str, tuple[Callable[[Path, int], None], int]] = {
    "glyphs": (write_glyphs, NUM_GLYPHS),
    "pages": (write_pages, NUM_PAGES),
}
"""What is read: how it is written, and how many files there are."""


def read_folder(folder: Path, num_workers: int) -> Iterator[Record]:
    """Read a folder as the command does; without workers, by this process."""
    sources = find_sources([folder])
    read = partial(read_source, Reader(num_threads=1 if num_workers else None))
    if not num_workers:
        return map(read, sources)
    return read_with_workers(read, sources, num_workers=num_workers)


def time_reading(folder: Path, num: int, num_workers: int) -> tuple[Timing, list[Record]]:
    """Time the reading of a folder of so many files; gives the records as well."""
    started = time.perf_counter()
    records = read_folder(folder, num_workers)
    found = [next(records)]
    begun = time.perf_counter()
    found += islice(records, num - 1)
    ended = time.perf_counter()
    megabytes = max(map(peak_megabytes, children()), default=0.0)
    assert not list(records), "there are no more"
    # When the first record is there, each worker has read about one file.
    rate = (num - max(1, num_workers)) / (ended - begun)
    return Timing(begun - started, rate, megabytes), found


def children() -> list[str]:
    """The processes that this one started, where Linux shows them."""
    return [
        pid
        for path in Path("/proc/self/task").glob("*/children")
        for pid in path.read_text().split()
    ]


def peak_megabytes(pid: str) -> float:
    """Measure the largest resident set that a process had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def measure(kind: str, num: int, ways: list[int], rounds: int) -> dict[str, Any]:
    """Measure all ways to read files of a kind, in turn."""
    write, _ = KINDS[kind]
    times: dict[int, list[Timing]] = {way: [] for way in ways}
    texts: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), num)
        list(islice(read_folder(Path(folder), 0), 3))  # warm-up
        for _ in range(rounds):
            for way in ways:
                timing, records = time_reading(Path(folder), num, way)
                times[way].append(timing)
                texts.append([page["text"] for record in records for page in record.pages])
    if any(each != texts[0] for each in texts):
        sys.exit(f"{kind}: workers read something else than one process.")
    plain, *_ = medians = [median_of(times[way]) for way in ways]
    result = {
        name_of(way): {
            **figures._asdict(),
            "times_plain": figures.files_per_second / plain.files_per_second,
            "rounds": [each.files_per_second for each in times[way]],
        }
        for way, figures in zip(ways, medians, strict=True)
    }
    for name, each in result.items():
        print(
            f"{kind}: {name}: {each['files_per_second']:,.1f} files/s, "
            f"{each['times_plain']:.2f} times; the first after {each['start_seconds']:.1f} s; "
            f"{each['worker_megabytes']:.0f} MB a worker",
            flush=True,
        )
    return {"files": num, "ways": result}


def median_of(timings: list[Timing]) -> Timing:
    return Timing(*(statistics.median(column) for column in zip(*timings, strict=True)))


def name_of(num_workers: int) -> str:
    return {0: "plain", 1: "1 worker"}.get(num_workers, f"{num_workers} workers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2], metavar="N", help="default: 1 2"
    )
    parser.add_argument(
        "--part", type=float, default=1.0, help="of the files, above 0, to try it (default: 1)"
    )
    parser.add_argument("--out", type=Path, default=RESULT, help=f"default: {RESULT.name}")
    arguments = parser.parse_args()
    if not 0 < arguments.part <= 1:
        parser.error(f"--part: expected above 0, to 1, found {arguments.part}")
    if arguments.part < 1 and arguments.out == RESULT:
        parser.error("a part is no result; name a file with --out")
    ways = [0, *arguments.workers]
    kinds = {
        kind: measure(kind, max(8, round(arguments.part * num)), ways, ROUNDS)
        for kind, (_, num) in KINDS.items()
    }
    facts = {"machine": describe_machine(), "versions": describe_versions()}
    document = {"part": arguments.part, "kinds": kinds, **facts, "commit": find_commit()}
    write_atomic(arguments.out, (json.dumps(document, indent=2) + "\n").encode())
    print(f"→ {arguments.out}")


if __name__ == "__main__":
    main()
