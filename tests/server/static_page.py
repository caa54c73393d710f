"""A static page that the tests export once, and a web space that shows it and nothing else."""

import functools
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from digits.static_page.runtime import ARCHIVE, PACKAGE
from tests.tools import needs

needs_npm = needs("npm")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_space(folder: Path) -> Iterator[str]:
    """Show a folder as any web space does; yields its address."""
    handler = functools.partial(_Quiet, directory=os.fspath(folder))
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def fetch_runtime(folder: Path) -> Path:
    """Fetch the package of onnxruntime-web, as a user does by hand."""
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", os.fspath(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return folder / ARCHIVE


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_runtime(tmp_path_factory.mktemp("runtime"))
