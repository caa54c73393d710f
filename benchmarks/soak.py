"""A soak: 512 connections at twice the best rate, damaged pictures among them, and SIGTERM then."""

import random
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from findings import Findings
from serving import (
    EXPECTED,
    MANY,
    SERVE,
    Request,
    Server,
    endure,
    load,
    mix_requests,
    started,
    write_requests,
)
from targets import TARGETS

MINUTES = 30.0
KINDS = ("PNG", "JPEG", "WebP", "BMP", "TIFF", "GIF")
NUM_DAMAGED = 48
"""Damaged pictures; one request in eight is one of them."""

TIMES_MIXED = 16
"""Number of copies of the other requests for that."""

GROWTH_MB = 50.0
"""Most by which the server's memory may grow, from the first minute to the last."""

MOST_MB = 400.0
"""Most memory that the server may ever hold: twice what pictures of these sizes take, far below the
760 MB that four of the largest and all bodies that wait may (docs/guides/serving.md)."""

LOAD_SECONDS = 20
"""Duration of the load in which the server is told to end, and the moment at which it is."""

TOLD_SECONDS = 5.0
END_SECONDS = 5.0
"""Time in which the server must have ended, as docs/guides/serving.md says: requests in
progress are answered meanwhile, or get 503 after `limits.SHUTDOWN_SECONDS`."""


def damaged_pictures(folder: Path, seed: int) -> list[Request]:
    """Write damaged pictures of all formats to files, as requests."""
    found = []
    for number in range(NUM_DAMAGED):
        kind = KINDS[number % len(KINDS)]
        target = TARGETS[kind]
        content = target.make(target.samples(folder), random.Random(f"{seed} {kind} {number}"))
        path = folder / f"damaged-{number}{target.suffix}"
        path.write_bytes(content)
        found.append(Request("/v1/read", f"image/{kind.lower()}", path))
    return found


def end_under_load(server: Server, mix: list[Request], findings: Findings) -> dict[str, Any]:
    """Send SIGTERM while all connections ask; the process must end in time, with status 0."""
    with ThreadPoolExecutor(1) as threads:
        figures = threads.submit(load, server, mix, MANY, LOAD_SECONDS)
        time.sleep(TOLD_SECONDS)
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        try:
            status: int | None = server.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        seconds = time.monotonic() - began
        answers = figures.result()["answers"]
    print(f"SIGTERM under load: exit status {status} after {seconds:.1f} s", flush=True)
    findings.faults.expect(status == 0, f"SIGTERM under load: status {status}, {seconds:.1f} s")
    unexpected = set(answers) - EXPECTED
    findings.faults.expect(not unexpected, f"SIGTERM under load: answers {answers}")
    return {"exit_status": status, "seconds": round(seconds, 2), "answers": answers}


def attack(part: float, seed: int, kept: Path) -> Findings:
    """Soak a server for a part of the time, then end it."""
    findings = Findings()
    with (
        tempfile.TemporaryDirectory() as name,
        started(SERVE, Path(name) / "server.log") as server,
    ):
        folder = Path(name)
        mix = TIMES_MIXED * mix_requests(write_requests(folder))
        mix += damaged_pictures(folder, seed)
        endured = endure(server, mix, part * MINUTES, findings.faults)
        first, last = (endured["memory_mb"][when] for when in ("first_minute", "last_minute"))
        grown = f"memory grew from {first} to {last} MB"
        findings.faults.expect(last - first <= GROWTH_MB, grown)
        most = server.memory("VmHWM")
        findings.faults.expect(most <= MOST_MB, f"the server held {most:.0f} MB")
        findings.tries = sum(endured["answers"].values())
        findings.longest_seconds, findings.longest = endured["longest"] / 1000, "an answer"
        findings.largest_bytes, findings.largest = round(1e6 * most), "the server"
        findings.details = {"endurance": endured, "end": end_under_load(server, mix, findings)}
        logged = server.log.read_text().splitlines()[1:]  # after its address
        findings.faults.expect(not logged, f"the server logged {logged[-1:]}")
    return findings
