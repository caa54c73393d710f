"""Load test of the server, beside a baseline; overload, malformed requests, graceful shutdown.

    python benchmarks/serving.py --minutes 10

Needs Linux and wrk (a Debian package). Takes half an hour; prints each figure, writes all to
results/serving.json, and exits with 1 if a fault was found.

- Speed: one drawn digit, as a glyph and as a picture, sent by 1, 8 and 64 connections without
  pauses; this server and the baseline (plain_server.py) in turn, medians of several rounds. The
  baseline runs twice: with its defaults, and with one thread for each of torch's operations, which
  is faster where many requests, and the load generator, share the cores.
  The two do not do the same: this server classifies several views of a glyph, gives the reason when
  it refuses one, and finds the digits in a picture; the baseline takes the whole picture for one
  digit.
- Half load: up to 64 connections that pause for random, independent times, so that requests arrive
  at half the best rate. (hey keeps a rate too, but all its connections send at the same moment.)
- Endurance: twice the best rate, from more connections than the server admits requests.
- Malformed requests: 10,000, the same each time.
- End: SIGTERM while pictures are being read.

The load generator shares the machine with the server. wrk corrects latencies for coordinated
omission: it counts the waits of requests that a slow response kept from being sent.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from drawn_digit import encode, glyph, photograph
from findings import Faults
from malformed import MAKERS, send

from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.server import limits

FOLDER = Path(__file__).parent
RESULT = FOLDER / "results" / "serving.json"
CONNECTIONS = (1, 8, 64)
MANY = 4 * limits.MAX_REQUESTS
"""Number of connections with which there are more requests than the server admits."""

TIMES_TOP = 2.1
"""Rate of the endurance test, in best rates: a little more than the twice that is claimed."""

START_SECONDS = 60
WARM_UP_SECONDS = 20
HALF_LOAD_SECONDS = 30
ANSWER_SECONDS = 30
NUM_MALFORMED = 10_000
NUM_AT_END = 16
"""Number of requests in progress when the server gets SIGTERM."""

EXPECTED = {"200", "503", "415", "422"}
"""Statuses of the responses to mixed requests, of which some are to be refused."""

SERVE = [str(Path(sys.executable).parent / "digits"), "serve", "--port", "0"]

SCRIPT = r"""
local threads, requests = {}, {}

function setup(thread) table.insert(threads, thread) end

function init(args)
  answers, no_retry_after = {}, 0
  local longest = 2 * tonumber(args[1])
  if longest > 0 then
    delay = function() return longest * math.random() end
  end
  for i = 2, #args, 3 do
    local file = assert(io.open(args[i + 2], "rb"))
    local headers = {["Content-Type"] = args[i + 1]}
    table.insert(requests, wrk.format("POST", args[i], headers, file:read("*a")))
    file:close()
  end
end

function request() return requests[math.random(#requests)] end

function response(status, headers)
  local key = tostring(status)
  answers[key] = (answers[key] or 0) + 1
  if status == 503 and not (headers["retry-after"] or headers["Retry-After"]) then
    no_retry_after = no_retry_after + 1
  end
end

function done(summary, latency)
  local found = {}
  for status, count in pairs(threads[1]:get("answers")) do
    table.insert(found, string.format('"%s": %d', status, count))
  end
  local errors = summary.errors
  io.write(string.format(
    '{"per_second": %.1f, "p50": %.2f, "p95": %.2f, "p99": %.2f, "answers": {%s}, ' ..
    '"no_retry_after": %d, "socket_errors": %d, "timeouts": %d, "longest": %.2f}\n',
    1e6 * summary.requests / summary.duration,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    table.concat(found, ", "), threads[1]:get("no_retry_after"),
    errors.connect + errors.read + errors.write, errors.timeout, latency.max / 1000))
end
"""


class Server(NamedTuple):
    """A server in a process of its own."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    log: Path

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes]:
        """Send a request on a new connection; returns status and body."""
        connection = http.client.HTTPConnection(*self.address, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def memory(self, figure: str = "VmRSS") -> float:
        """Size of its resident set, in MB; as "VmHWM" the largest that it was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(f"{figure}:")[2].split()[0]) / 1000


class Request(NamedTuple):
    """A request that is sent again and again; wrk reads its body from a file."""

    path: str
    kind: str
    body: Path


def write_requests(folder: Path) -> dict[str, Request]:
    """Write the bodies of all requests to files; returns the requests by name."""

    def request(path: str, kind: str, name: str, body: bytes) -> Request:
        (folder / name).write_bytes(body)
        return Request(path, kind, folder / name)

    whole = json.dumps({"glyphs": [glyph()]}).encode()
    narrow = json.dumps({"glyphs": [[row[:27] for row in glyph()]]}).encode()
    picture = encode(".png")
    return {
        "glyph": request("/v1/glyphs", "application/json", "glyph.json", whole),
        "picture": request("/v1/read", "image/png", "picture.png", picture),
        "narrow": request("/v1/glyphs", "application/json", "narrow.json", narrow),
        "cut": request("/v1/read", "image/png", "cut.png", picture[:500]),
        "text": request("/v1/glyphs", "text/plain", "text.txt", b"7"),
    }


@contextmanager
def started(command: list[str], log: Path, **environment: str) -> Iterator[Server]:
    """Start a server, wait for its address, and end it afterwards, whatever happens."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
    try:
        yield Server(process, wait_for_address(process, log), log)
    finally:
        process.terminate()
        try:
            process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_address(process: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"http://([\d.]+):(\d+)", log.read_text())
        if found:
            return found[1], int(found[2])
        time.sleep(0.05)
    sys.exit(f"A server did not start: {log.read_text().strip() or 'it printed nothing'}")


def load(
    server: Server,
    requests: list[Request],
    connections: int,
    seconds: float,
    *,
    gap: float = 0.0,
    each_second: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Put load on a server with wrk.

    Args:
        server: The server to send requests to.
        requests: Requests, of which each connection sends a random one at a time.
        connections: Number of connections; each waits for a response before its next request.
        seconds: Duration of the load.
        gap: Mean pause of a connection before each request, in seconds.
        each_second: Called about once a second meanwhile.

    Returns:
        Requests per second, percentiles of latency in ms, and counts.
    """
    script = requests[0].body.with_name("load.lua")
    script.write_text(SCRIPT)
    url = "http://{}:{}".format(*server.address)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    command += [f"--timeout={ANSWER_SECONDS}s", "-s", str(script), url, "--", str(1000 * gap)]
    for request in requests:
        command += [request.path, request.kind, str(request.body)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            while True:
                try:
                    output, _ = process.communicate(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    each_second()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        sys.exit(f"wrk ended with {process.returncode}: {output.strip()}")
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def describe(figures: dict[str, Any]) -> str:
    return "{per_second:7,.0f}/s  p50 {p50:7.2f}  p95 {p95:7.2f}  p99 {p99:7.2f} ms".format_map(
        figures
    )


def expect_read(figures: dict[str, Any], what: str, faults: Faults) -> None:
    """Check that all responses are readings."""
    lost = figures["socket_errors"] + figures["timeouts"]
    faults.expect(set(figures["answers"]) == {"200"} and not lost, f"{what}: {figures}")


def measure_speed(
    servers: dict[str, Server],
    request: Request,
    name: str,
    arguments: argparse.Namespace,
    faults: Faults,
) -> dict[str, Any]:
    """Measure all servers in turn, several times, for each number of connections."""
    result: dict[str, Any] = {}
    for connections in CONNECTIONS:
        rounds: dict[str, list[dict[str, Any]]] = {server_name: [] for server_name in servers}
        for server in servers.values():
            load(server, [request], connections, arguments.seconds / 2)  # warm-up
        for _, (server_name, server) in itertools.product(range(arguments.rounds), servers.items()):
            rounds[server_name].append(load(server, [request], connections, arguments.seconds))
            expect_read(rounds[server_name][-1], f"{server_name}, {name}", faults)
        medians = {
            server_name: {
                key: round(statistics.median(figures[key] for figures in each), 2)
                for key in ("per_second", "p50", "p95", "p99")
            }
            for server_name, each in rounds.items()
        }
        rate = medians["digits"]["per_second"]
        times = {
            server_name: round(rate / figures["per_second"], 2)
            for server_name, figures in medians.items()
            if server_name != "digits"
        }
        result[str(connections)] = {**medians, "times": times}
        for server_name, figures in medians.items():
            print(f"{name:<8} {connections:>3}  {server_name:<17} {describe(figures)}", flush=True)
        print(f"{name:<8} {connections:>3}  times their rate: {times}", flush=True)
    return result


def measure_half_load(
    server: Server, request: Request, name: str, speed: dict[str, Any], faults: Faults
) -> dict[str, Any]:
    """Measure latency at half the best rate that was found."""
    top = max(each["digits"]["per_second"] for each in speed.values())
    # The server closes connections that are idle for five seconds; no pause may be as long.
    connections = max(1, min(64, round(top)))
    gap = max(0.0, 2 * connections / top - speed["1"]["digits"]["p50"] / 1000)
    figures = load(server, [request], connections, HALF_LOAD_SECONDS, gap=gap)
    expect_read(figures, f"half load, {name}", faults)
    share = figures["per_second"] / top
    print(f"{name:<8} at {share:.0%} of its best rate  {describe(figures)}", flush=True)
    kept = {key: figures[key] for key in ("per_second", "p50", "p95", "p99")}
    return {"connections": connections, "share_of_top": round(share, 3), **kept}


def expect_alive(server: Server, when: str, faults: Faults) -> None:
    """Check that the server is alive and reads a digit."""
    try:
        health, _ = server.ask("GET", "/healthz")
        status, body = server.ask("POST", "/v1/read", encode(".png"), "image/png")
        is_right = health == status == 200 and json.loads(body)["text"] == "7"
    except OSError:
        is_right = False
    faults.expect(is_right, f"{when}: the server does not respond, or misreads a digit")


def mix_requests(requests: dict[str, Request]) -> list[Request]:
    """Mix requests as they come in: most are glyphs, some are to be refused."""
    mix = [requests["glyph"]] * 16 + [requests["picture"]] * 2
    return [*mix, requests["cut"], requests["narrow"], requests["text"]]


def endure(server: Server, mix: list[Request], minutes: float, faults: Faults) -> dict[str, Any]:
    """Overload the server with twice its best rate; measure the growth of its memory."""
    top = load(server, mix, 64, WARM_UP_SECONDS)["per_second"]
    # A connection's cycle is a response and a pause. How long responses take under such a load
    # comes from a trial.
    gap = (MANY - limits.MAX_REQUESTS) / 2 / top
    trial = load(server, mix, MANY, WARM_UP_SECONDS, gap=gap)
    gap = max(0.0, gap + MANY / (TIMES_TOP * top) - MANY / trial["per_second"])
    memory: list[float] = []
    figures = load(
        server,
        mix,
        MANY,
        60 * minutes,
        gap=gap,
        each_second=lambda: memory.append(server.memory()),
    )
    part = max(1, min(60, len(memory) // 3))
    first, last = statistics.median(memory[:part]), statistics.median(memory[-part:])
    answers = figures["answers"]
    unexpected = {status: count for status, count in answers.items() if status not in EXPECTED}
    result = {
        "minutes": minutes,
        "connections": MANY,
        "top_per_second": top,
        "times_top": round(figures["per_second"] / top, 2),
        "read_per_second": round(answers.get("200", 0) / (60 * minutes), 1),
        **{key: value for key, value in figures.items() if key[0] != "p"},
        "memory_mb": {
            "first_minute": round(first, 1),
            "last_minute": round(last, 1),
            "most": round(max(memory), 1),
        },
        "memory_growth_percent": round(100 * (last / first - 1), 2),
    }
    print(f"endurance: {figures['per_second']:,.0f}/s, {result['times_top']} times the best rate")
    print(f"  answers {answers}, socket errors {figures['socket_errors']}", flush=True)
    print(f"  memory {first:.0f} MB, then {last:.0f} MB ({last / first - 1:+.1%})", flush=True)
    lost = figures["socket_errors"] + figures["timeouts"] + figures["no_retry_after"]
    faults.expect(not lost and not unexpected, f"endurance: {figures}")
    faults.expect("503" in answers, "endurance: no request was refused, so there was no overload")
    expect_alive(server, "after endurance", faults)
    return result


def send_malformed(server: Server, count: int, faults: Faults) -> dict[str, Any]:
    """Send malformed requests, eight at a time; count the statuses of the responses."""
    result: dict[str, Counter[str]] = {maker.__name__: Counter() for maker in MAKERS}
    before = server.memory()

    def send_one(index: int) -> tuple[str, str, bytes]:
        rng = random.Random(index)
        maker = rng.choice(MAKERS)
        request = maker(rng)
        return maker.__name__, send(server.address, request), request.content[:80]

    with ThreadPoolExecutor(8) as threads:
        for name, status, start in threads.map(send_one, range(count)):
            result[name][status] += 1
            # 503 is the only 5xx that is no fault: the server may be overloaded.
            is_bad = status in ("silent", "unreachable") or (status[0] == "5" and status != "503")
            faults.expect(not is_bad, f"{name}: {status} to {start!r}")
    for name, statuses in result.items():
        print(f"{name:<15} {dict(sorted(statuses.items()))}", flush=True)
    total = sum(result.values(), Counter[str]())
    after = server.memory()
    print(f"malformed: {dict(sorted(total.items()))}")
    print(f"  memory {before:.0f} MB, then {after:.0f} MB", flush=True)
    expect_alive(server, "after malformed requests", faults)
    return {
        "answers": dict(sorted(total.items())),
        "of_each": {name: dict(sorted(statuses.items())) for name, statuses in result.items()},
        "memory_mb": {"before": round(before, 1), "after": round(after, 1)},
    }


def end(server: Server, faults: Faults) -> dict[str, Any]:
    """Send SIGTERM during readings; check the responses and the exit status."""
    slow = photograph(1500)
    with ThreadPoolExecutor(NUM_AT_END) as threads:
        pending = [
            threads.submit(server.ask, "POST", "/v1/read", slow, "image/jpeg")
            for _ in range(NUM_AT_END)
        ]
        wait_for_running(server, NUM_AT_END)
        server.process.send_signal(signal.SIGTERM)
        start = time.perf_counter()
        exit_status = server.process.wait(ANSWER_SECONDS)
        seconds = time.perf_counter() - start
        statuses = Counter(outcome(each.result) for each in pending)
    logged = server.log.read_text().splitlines()[1:]  # after its address
    print(f"SIGTERM: {dict(statuses)}, exit status {exit_status} after {seconds:.1f} s", flush=True)
    faults.expect(statuses == {"200": NUM_AT_END}, f"at the end: {dict(statuses)}")
    faults.expect(exit_status == 0, f"exit status {exit_status}")
    faults.expect(not logged, f"the server logged {len(logged)} lines, the last: {logged[-1:]}")
    return {"answers": dict(statuses), "exit_status": exit_status, "seconds": round(seconds, 2)}


def outcome(result: Callable[[], tuple[int, bytes]]) -> str:
    try:
        return str(result()[0])
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def wait_for_running(server: Server, count: int) -> None:
    """Wait until so many requests are in progress, besides the one to /metrics."""
    limit = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < limit:
        _, counts = server.ask("GET", "/metrics")
        found = re.search(rb"^digits_requests_running (\S+)", counts, re.MULTILINE)
        if found and float(found[1]) > count:
            return
    sys.exit(f"Expected {count} requests in progress at once, found fewer.")


def measure(arguments: argparse.Namespace, folder: Path, faults: Faults) -> dict[str, Any]:
    """Run all measurements, on servers started for them."""
    plain = [sys.executable, "-m", "uvicorn", "--app-dir", str(FOLDER), "plain_server:app"]
    plain += ["--port", "0", "--no-access-log"]
    requests = write_requests(folder)
    with started(SERVE, folder / "digits.log") as server:
        with (
            started(plain, folder / "plain.log") as as_it_comes,
            started(plain, folder / "one.log", OMP_NUM_THREADS="1") as one_thread,
        ):
            servers = {"digits": server, "plain": as_it_comes, "plain, one thread": one_thread}
            speed = {
                name: measure_speed(servers, requests[name], name, arguments, faults)
                for name in ("glyph", "picture")
            }
        half_load = {
            name: measure_half_load(server, requests[name], name, each, faults)
            for name, each in speed.items()
        }
        return {
            "speed": speed,
            "half_load": half_load,
            "endurance": endure(server, mix_requests(requests), arguments.minutes, faults),
            "malformed": send_malformed(server, arguments.malformed, faults),
            "end": end(server, faults),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10, help="duration of the endurance test")
    parser.add_argument("--seconds", type=float, default=6, help="duration of each round for speed")
    parser.add_argument(
        "--rounds", type=int, default=5, help="number of rounds for each figure of speed"
    )
    parser.add_argument(
        "--malformed", type=int, default=NUM_MALFORMED, help="number of malformed requests"
    )
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("Expected wrk on the path, found none; on Debian and Ubuntu: apt-get install wrk")
    if not Path("/proc/self/status").exists():
        sys.exit(f"Expected Linux's /proc, to measure memory; found {os.name}.")
    faults = Faults()
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(arguments, Path(folder), faults)
    except KeyboardInterrupt:
        sys.exit("Interrupted; nothing is written.")
    servers = {name: version(name) for name in ("fastapi", "uvicorn", "onnxruntime")}
    result |= {
        "faults": faults,
        "machine": describe_machine(),
        "versions": describe_versions() | servers,
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    print(f"→ {RESULT}")
    if faults:
        sys.exit(f"{len(faults)} faults; the first: {faults[0]}")


if __name__ == "__main__":
    main()
