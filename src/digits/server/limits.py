"""What a request may be and take. docs/serving.md has this table; a test holds it to that."""

import os

from digits.reading.ink.picture import MAX_PIXELS

MAX_HEAD_BYTES = 64_000
"""Of a request before its body. Past it: 431."""

MAX_BODY_BYTES = 20_000_000
"""Of a request's body. Past it: 413."""

MAX_GLYPHS_BYTES = 6_000_000
"""Of a batch of glyphs, which the event loop itself makes sense of. Past it: 413."""

MAX_BYTES_AT_ONCE = 200_000_000
"""Of all requests that are being received or wait to be read. Past it: 503."""

MAX_GLYPHS = 1024
"""In a batch. Past it: 422."""

MAX_REQUESTS = 128
"""Received, waiting and being read at once; one more is refused: 503."""

UPLOAD_SECONDS = 30.0
"""In which a request must have arrived, and its answer been taken. Past it: 408, or nothing."""

READING_SECONDS = 20.0
"""In which it must be read, waiting included. Past it: 503."""

RETRY_SECONDS = 1
"""After which one who met a 503 may ask again."""

NUM_READERS = max(2, min(4, os.cpu_count() or 2))
"""Pictures read at once. With two, one that takes long does not stop all others."""

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_BYTES_AT_ONCE",
    "MAX_GLYPHS",
    "MAX_GLYPHS_BYTES",
    "MAX_HEAD_BYTES",
    "MAX_PIXELS",
    "MAX_REQUESTS",
    "NUM_READERS",
    "READING_SECONDS",
    "RETRY_SECONDS",
    "UPLOAD_SECONDS",
]
