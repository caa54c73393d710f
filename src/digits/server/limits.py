"""Request limits: how large, how many and how slow requests may be, and how much is kept of them.

docs/guides/serving.md lists them in a table; a test compares the two.
"""

import os

from digits.reading.ink.limits import MAX_PIXELS, MAX_WEBP_PIXELS

MAX_HEAD_BYTES = 64_000
"""Size of a request's head (request line and headers); a longer one is refused with 431."""

MAX_PIPELINED = 16
"""Number of a connection's requests that wait for the response to one before; one more ends it."""

MAX_BODY_BYTES = 20_000_000
"""Size of a request's body; a larger one is refused with 413."""

MAX_GLYPHS_BYTES = 6_000_000
"""Size of a body with glyphs, which the event loop itself parses; a larger one gets 413."""

MAX_BYTES_AT_ONCE = 200_000_000
"""Size of all bodies held at once; a request that would exceed it is refused with 503."""

MAX_GLYPHS = 1024
"""Number of glyphs in a request, and in a batch for the network; more in a request get 422."""

MAX_REQUESTS = 128
"""Number of requests queued and read at once; one more is refused with 503."""

MAX_ARRIVING = 512
"""Number of requests whose bodies are on their way; one more is refused with 503."""

UPLOAD_SECONDS = 30.0
"""Time for a request to arrive (then 408), and for a stalled client to take its response (then
the connection is closed)."""

READING_SECONDS = 20.0
"""Time in which a request must be read, time in the queue included; then it gets 503."""

SHUTDOWN_SECONDS = 3.0
"""Time in which requests in progress are answered when the server ends; others get 503."""

RETRY_SECONDS = 1
"""Value of the Retry-After header of each 503."""

NUM_READERS = max(2, min(4, os.cpu_count() or 2))
"""Number of pictures read at once. With at least two, a slow picture does not block the others."""

MAX_CORRECTION_BYTES = 1_000_000
"""Size of a correction's picture; a larger one is refused with 413."""

MAX_CORRECTION_PIXELS = 1_000_000
"""Pixels of a correction's picture; one of more is refused with 422."""

MAX_LABEL_DIGITS = 32
"""Digits of a correction's label; one of more is refused with 422."""

MAX_CORRECTIONS = 10_000
"""Number of corrections that a folder keeps; one more is refused with 507."""

MAX_CORRECTIONS_BYTES = 1_000_000_000
"""Size of all corrections that a folder keeps; one that would exceed it is refused with 507."""

MAX_LEARNED = 100
"""Number of learned networks that a folder keeps; no other is learned."""

MAX_STREAMS = 32
"""Number of windows that watch a run at once; one more is refused with 503."""

MAX_TRAINED = 100
"""Number of runs in the folder of `--train`; one more is refused with 507."""

__all__ = [
    "MAX_ARRIVING",
    "MAX_BODY_BYTES",
    "MAX_BYTES_AT_ONCE",
    "MAX_CORRECTIONS",
    "MAX_CORRECTIONS_BYTES",
    "MAX_CORRECTION_BYTES",
    "MAX_CORRECTION_PIXELS",
    "MAX_GLYPHS",
    "MAX_GLYPHS_BYTES",
    "MAX_HEAD_BYTES",
    "MAX_LABEL_DIGITS",
    "MAX_LEARNED",
    "MAX_PIPELINED",
    "MAX_PIXELS",
    "MAX_REQUESTS",
    "MAX_STREAMS",
    "MAX_TRAINED",
    "MAX_WEBP_PIXELS",
    "NUM_READERS",
    "READING_SECONDS",
    "RETRY_SECONDS",
    "SHUTDOWN_SECONDS",
    "UPLOAD_SECONDS",
]
