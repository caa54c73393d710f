"""Attack the command, the reader and the server for 80 minutes, and count what breaks.

    python benchmarks/attack.py
    python benchmarks/attack.py --part 0.01 --out runs/attack.json      # tries all, in minutes
    python benchmarks/attack.py --only files --seed 1 --out runs/1.json  # other damage

The parts, one after the other:

- `kills`: trainings, exports and imports of data are killed at random moments, also while they
  write, and begun again; they must end with the bits of those that nothing disturbed.
- `power`: the power is cut at every moment of a training (power_cut.py).
- `files`: files of every format that is read, damaged at random; each must be read, or refused in
  one line, in little time and memory, and what has a sum must never be taken for whole.
- `slow`: pictures made to be slow, each of which must be read, or refused, in two seconds.
- `description`: schemathesis asks a server what its description allows, and what it does not.
- `clients`: slow and lying clients, and malformed requests; an honest client is served meanwhile.
- `soak`: 512 connections at twice the best rate, with damaged pictures, and SIGTERM at the end.

Needs Linux, strace and wrk (Debian packages). Writes results/attack.json after each part; a part
that is left out keeps what was measured before. What shows a fault is kept in runs/attack/. Exits
with 1 if there was one.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import clients
import damaged_files
import descriptions
import kills
import power_cut
import slow_pictures
import soak
from findings import Findings

import digits
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "attack.json"
KEPT = ROOT / "runs" / "attack"

PARTS: dict[str, Callable[[float, int, Path], Findings]] = {
    "kills": kills.attack,
    "power": power_cut.attack,
    "files": damaged_files.attack,
    "slow": slow_pictures.attack,
    "description": descriptions.attack,
    "clients": clients.attack,
    "soak": soak.attack,
}
"""Each takes the part of its amounts, the seed, and the folder for what shows a fault."""


def measure(
    names: list[str], part: float, seed: int, results: dict[str, Any], write: Callable[[], None]
) -> None:
    """Attack part by part.

    Args:
        names: The parts.
        part: Of their amounts.
        seed: Seed of all that is random.
        results: Results by part, to which these are added.
        write: Writes the results; called after each part.
    """
    for name in names:
        print(f"{name}:", flush=True)
        began = time.monotonic()
        found = PARTS[name](part, seed, KEPT / name)
        facts = {"part": part, "seed": seed, "commit": find_commit()}
        wall_seconds = round(time.monotonic() - began, 1)
        results[name] = {**facts, "wall_seconds": wall_seconds, **found.to_dict()}
        print(show(name, results[name]), flush=True)
        write()


def show(name: str, result: dict[str, Any]) -> str:
    """Describe a part's results in a line."""
    return (
        f"{name}: {result['tries']:,} tries, {result['faults']} faults, longest "
        f"{result['longest_seconds']:.2f} s, largest {result['largest_bytes'] / 1e6:,.0f} MB, "
        f"in {result['wall_seconds'] / 60:.1f} minutes"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], metavar="NAME")
    parser.add_argument(
        "--part", type=float, default=1.0, help="of the amounts, above 0, to try it (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--out", type=Path, default=RESULT, help=f"default: {RESULT.name}")
    arguments = parser.parse_args()
    if not 0 < arguments.part <= 1:
        parser.error(f"--part: expected above 0, to 1, found {arguments.part}")
    if "soak" in arguments.only and not shutil.which("wrk"):
        parser.error("expected wrk on the path, found none; on Debian: apt-get install wrk")
    digits.load("mnist")  # fetched now, if it is not there
    packages = ("pillow", "onnxruntime", "uvicorn", "schemathesis")
    facts = {
        "machine": describe_machine(),
        "versions": describe_versions() | {name: version(name) for name in packages},
    }
    results: dict[str, Any] = {}
    if arguments.out.exists():
        results = json.loads(arguments.out.read_text())["parts"]

    def write() -> None:
        parts = {name: results[name] for name in PARTS if name in results}
        text = json.dumps(facts | {"parts": parts}, indent=2, allow_nan=False)
        write_atomic(arguments.out, (text + "\n").encode())

    measure(arguments.only, arguments.part, arguments.seed, results, write)
    print(f"→ {arguments.out}")
    num_faults = sum(results[name]["faults"] for name in arguments.only)
    if num_faults:
        sys.exit(f"{num_faults} faults; what shows them is in {KEPT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
