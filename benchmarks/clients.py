"""Slow and lying clients, while an honest one goes on asking.

Each hostile client is a connection on which a request comes slowly, stops, lies about its length,
is one of thousands, or whose response nobody takes. The server must end each, and answer the honest
client in time.
"""

import asyncio
import http.client
import json
import random
import socket
import struct
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from drawn_digit import encode, glyph
from findings import Faults, Findings
from malformed import http_request
from serving import SERVE, Server, expect_alive, send_malformed, started

from digits.server import limits

NUM_ROUNDS = 4
NUM_MALFORMED = 10_000
NUM_WARM_UP = 4000
"""Malformed requests before the server's memory is measured for the first time, of whatever part
of the attack: some are as large as may be, several at once, and the system keeps what they took."""

ARRIVAL_SECONDS = 5.0
"""Time in which all clients of a round connect."""

BYTE_SECONDS = 0.5
"""Time between two bytes of a slow client."""

GRACE_SECONDS = 30.0
"""Time after `limits.UPLOAD_SECONDS` in which each hostile connection must have ended."""

HONEST_SECONDS = 0.05
"""Time between two honest requests of a kind."""

IDLE_SECONDS = {"glyph": 0.1, "picture": 5.0}
"""Time in which an honest request must be answered beside clients that give the server next to
nothing to compute. Pictures wait for those before them; glyphs wait for no picture."""

MOST_SECONDS = {"glyph": 1.0, "picture": 5.0}
"""The same beside requests of a thousand glyphs, which are parsed and computed before an honest
one: `not_taken` has four of them waiting all the time."""

LATE_SECONDS = 0.1
"""Time after which an answer is counted as late, whether or not it may be."""

GROWTH_MB = 50.0
"""Most by which the server's memory may grow."""

MOST_MB = 600.0
"""Most memory that the server may ever hold, far below the 760 MB that four of the largest pictures
and all bodies that wait may (docs/guides/serving.md)."""

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Does harm on a connection; what the server answers is read afterwards, until it ends it."""

KEPT_OPEN: dict[str, Any] = {"Connection": "keep-alive"}
MANY_GLYPHS = bytes(784 * limits.MAX_GLYPHS)
"""The body of the largest request for the network, whose memory the runtime keeps afterwards."""


async def send_slowly(writer: asyncio.StreamWriter, content: bytes) -> None:
    """Send one byte after the other, for longer than the server waits."""
    for byte in content:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(BYTE_SECONDS)


async def slow_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await send_slowly(writer, http_request(body=encode(".png"), X=1000 * "a"))


async def slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head, _, body = http_request(body=encode(".png")).partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    await send_slowly(writer, body)


async def stopped_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(http_request(body=b"ab", Content_Length="5000"))


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send nothing at all."""


async def too_short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that the body is shorter than it is: the rest is no request."""
    writer.write(http_request(body=encode(".png"), Content_Length="100", **KEPT_OPEN))


async def lying_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    start = http_request().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    writer.write(start + b"ffffff\r\nabc\r\n0\r\n\r\n")


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send thousands of requests and take no response meanwhile."""
    one = http_request("/healthz", method="GET", **KEPT_OPEN)
    for _ in range(50):
        writer.write(100 * one)
        await writer.drain()


async def not_taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask for large responses, and take none, until the server has enough of it."""
    assert isinstance(writer.transport, asyncio.ReadTransport)
    writer.transport.pause_reading()
    ask = http_request("/v1/glyphs", MANY_GLYPHS, "application/octet-stream", **KEPT_OPEN)
    while True:  # some megabytes of responses are in the system's buffers before one has to wait
        writer.write(ask)
        await writer.drain()
        await asyncio.sleep(BYTE_SECONDS)


async def half_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(http_request(body=encode(".png")))
    writer.write_eof()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break off in the middle, so that the server's next read fails."""
    request = http_request(body=encode(".png"))
    writer.write(request[: len(request) // 2])
    await writer.drain()
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


CLIENTS: dict[Client, int] = {
    stopped_body: 300,
    silent: 60,
    slow_head: 60,
    slow_body: 60,
    too_short: 100,
    lying_chunks: 30,
    flood: 20,
    not_taken: 4,
    half_closed: 100,
    reset: 200,
}
"""How many of each come in a round."""

IDLE = "beside slow and lying clients"
WHEN: dict[str, list[Client]] = {
    IDLE: [client for client in CLIENTS if client is not not_taken],
    "beside clients that ask for a thousand glyphs": [not_taken],
}
"""Which of them come together. Those that ask for much keep others waiting, as any load does."""


async def harm(client: Client, address: tuple[str, int], after: float) -> str:
    """Connect, do harm, and read until the server ends the connection; says how it did."""
    await asyncio.sleep(after)
    limit = limits.UPLOAD_SECONDS + GRACE_SECONDS
    writer = None
    answer = b""
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_connection(*address)
            await client(reader, writer)
            while received := await reader.read(1 << 20):
                answer = answer or received[:12]
    except TimeoutError:
        return "held"
    except OSError:
        pass  # the server ended it, while bytes were on their way
    finally:
        if writer is not None:
            writer.close()
    return answer.decode("latin-1").removeprefix("HTTP/1.1 ") or "closed"


async def do_round(
    address: tuple[str, int], amounts: dict[Client, int], rng: random.Random
) -> dict[str, Counter[str]]:
    """Let all clients of a round come at random moments; counts what became of each kind."""
    jobs = [client for client, amount in amounts.items() for _ in range(amount)]
    rng.shuffle(jobs)
    became = await asyncio.gather(
        *(harm(client, address, rng.uniform(0, ARRIVAL_SECONDS)) for client in jobs)
    )
    counts: dict[str, Counter[str]] = {client.__name__: Counter() for client in amounts}
    for client, what in zip(jobs, became, strict=True):
        counts[client.__name__][what] += 1
    return counts


@dataclass
class Honest:
    """What an honest client saw."""

    answers: Counter[str] = field(default_factory=Counter)
    longest_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)
    """Time of each request."""

    def add(self, answer: str, seconds: float) -> None:
        """Count a request."""
        self.answers[answer] += 1
        self.longest_seconds = max(self.longest_seconds, seconds)
        self.seconds.append(seconds)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        median, percentile_99 = np.percentile(self.seconds, [50, 99]).tolist()
        return {
            "answers": dict(self.answers),
            "median_seconds": round(median, 4),
            "percentile_99_seconds": round(percentile_99, 4),
            "longest_seconds": round(self.longest_seconds, 3),
            "late": sum(seconds > LATE_SECONDS for seconds in self.seconds),
        }


@contextmanager
def honest_clients(server: Server) -> Iterator[dict[str, Honest]]:
    """Send a glyph and a picture every now and then meanwhile, each on a new connection."""
    body = json.dumps({"glyphs": [glyph()]}).encode()
    requests = {
        "glyph": ("POST", "/v1/glyphs", body, "application/json"),
        "picture": ("POST", "/v1/read", encode(".png"), "image/png"),
    }
    found = {name: Honest() for name in requests}
    is_over = threading.Event()

    def go_on(name: str) -> None:
        while not is_over.wait(HONEST_SECONDS):
            started = time.monotonic()
            try:
                answer = str(server.ask(*requests[name])[0])
            except (OSError, http.client.HTTPException) as error:
                answer = type(error).__name__
            found[name].add(answer, time.monotonic() - started)

    threads = [threading.Thread(target=go_on, args=(name,)) for name in requests]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def expect_served(
    found: dict[str, Honest],
    when: str,
    faults: Faults,
    most_seconds: Mapping[str, float] = MOST_SECONDS,
) -> None:
    """Check that all honest requests were answered, and in time."""
    for name, honest in found.items():
        most = most_seconds[name]
        faults.expect(set(honest.answers) == {"200"}, f"{when}, {name}: {honest.answers}")
        is_in_time = honest.longest_seconds <= most
        took = f"{honest.longest_seconds:.2f} s, more than {most:g} s"
        faults.expect(is_in_time, f"{when}: an honest {name} took {took}")


def attack_server(server: Server, part: float, seed: int, findings: Findings) -> None:
    """Let hostile clients come in rounds, then send malformed requests."""
    faults = findings.faults
    server.ask("POST", "/v1/glyphs", MANY_GLYPHS, "application/octet-stream")
    send_malformed(server, NUM_WARM_UP, faults)
    before = server.memory()
    amounts = {client: max(1, round(part * amount)) for client, amount in CLIENTS.items()}
    became: dict[str, Counter[str]] = {client.__name__: Counter() for client in CLIENTS}
    beside: dict[str, dict[str, Honest]] = {}
    for when, clients in WHEN.items():
        with honest_clients(server) as beside[when]:
            for number in range(max(1, round(part * NUM_ROUNDS))):
                rng = random.Random(f"{seed} {number}")
                round_ = do_round(server.address, {each: amounts[each] for each in clients}, rng)
                for name, counts in asyncio.run(round_).items():
                    became[name] += counts
    num_malformed = max(1, round(part * NUM_MALFORMED))
    with honest_clients(server) as beside["beside malformed requests"]:
        malformed = send_malformed(server, num_malformed, faults)
    after = server.memory()
    for name, counts in became.items():
        print(f"{name:<15} {dict(sorted(counts.items()))}", flush=True)
        faults.expect("held" not in counts, f"{name}: {counts['held']} connections did not end")
    for when, found in beside.items():
        print(when, {name: each.to_dict() for name, each in found.items()}, flush=True)
        expect_served(found, when, faults, IDLE_SECONDS if when == IDLE else MOST_SECONDS)
    grown = f"memory grew from {before:.0f} to {after:.0f} MB"
    faults.expect(after - before <= GROWTH_MB, grown)
    expect_alive(server, "after all clients", faults)
    most = server.memory("VmHWM")
    faults.expect(most <= MOST_MB, f"the server held {most:.0f} MB")
    honest = [each for found in beside.values() for each in found.values()]
    num_honest = sum(each.answers.total() for each in honest)
    findings.tries = sum(counts.total() for counts in became.values()) + num_malformed + num_honest
    findings.longest_seconds = max(each.longest_seconds for each in honest)
    findings.longest = "an honest request"
    findings.largest_bytes, findings.largest = round(1e6 * most), "the server"
    findings.details |= {
        "connections": {name: dict(sorted(counts.items())) for name, counts in became.items()},
        "malformed": malformed["answers"],
        "honest": {
            when: {name: each.to_dict() for name, each in found.items()}
            for when, found in beside.items()
        },
        "memory_mb": {"before": round(before, 1), "after": round(after, 1)},
    }


def attack(part: float, seed: int, kept: Path) -> Findings:
    """Attack a server with a part of the clients."""
    findings = Findings()
    with (
        tempfile.TemporaryDirectory() as folder,
        started(SERVE, Path(folder) / "server.log") as server,
    ):
        with suppress(FileNotFoundError):  # a server that is gone has no memory
            attack_server(server, part, seed, findings)
        logged = server.log.read_text().splitlines()[1:]  # after its address
        findings.faults.expect(server.process.poll() is None, "the server is gone")
        findings.faults.expect(not logged, f"the server logged {logged[-1:]}")
    return findings
