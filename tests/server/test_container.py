"""The Dockerfile keeps its promises; tests/check_container.py carries it out as well."""

import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from digits.reading.reader import Reader
from tests.check_container import (
    PLACE,
    ROOT,
    arguments,
    context,
    copied,
    environment,
    only,
    stages,
)
from tests.server.conftest import serving

BUILD, IMAGE = stages()

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_both_stages_begin_with_one_python_that_is_tested() -> None:
    base = only(BUILD, "FROM").arguments.partition(" ")[0]
    assert only(IMAGE, "FROM").arguments == base
    version = re.fullmatch(r"python:(\d\.\d+)-slim", base)
    assert version is not None, "a version, or the image is another one day"
    assert f"Programming Language :: Python :: {version[1]}" in PROJECT["classifiers"]


def test_all_that_is_fetched_has_its_hash_in_a_lock() -> None:
    installs = [line for line in arguments(BUILD, "RUN") if " -m pip " in line]
    for line in installs:
        fetches = "--no-index" not in line
        assert ("--require-hashes --no-deps -r requirements/" in line) == fetches, line
    assert len(installs) == 4
    assert arguments(IMAGE, "RUN") == []
    assert "PIP_NO_CACHE_DIR" in environment(BUILD)


def test_docker_sees_what_the_image_is_made_of_and_no_more() -> None:
    seen = set(context())
    assert set(copied(BUILD).values()) == seen
    assert {Path("LICENSE"), Path("pyproject.toml"), Path("requirements/read.txt")} <= seen
    assert {path.parts[0] for path in seen if len(path.parts) > 1} == {"requirements", "src"}
    assert {path.suffix for path in seen if path.parts[0] == "requirements"} == {".txt"}
    assert not [path for path in seen if "__pycache__" in path.parts]
    for name in PROJECT["license-files"]:
        assert Path(name) in seen


def test_the_image_is_only_the_installation() -> None:
    assert arguments(IMAGE, "COPY") == [f"--from=build {PLACE} {PLACE}"]
    assert environment(IMAGE)["PATH"].startswith(f"{PLACE}/bin:")


def test_it_does_not_run_as_root() -> None:
    user, group = map(int, only(IMAGE, "USER").arguments.split(":"))
    assert user > 1000
    assert group > 1000
    names = [each.name for each in IMAGE]
    assert names.index("COPY") < names.index("USER"), "its files are root's"


def test_the_command_is_one_that_gets_docker_s_signals() -> None:
    entry = only(IMAGE, "ENTRYPOINT")
    assert entry.arguments.startswith("["), "a shell would keep SIGTERM for itself"
    assert entry.words() == ["digits", "serve", "--host", "0.0.0.0"]
    assert only(IMAGE, "EXPOSE").arguments == "8000"


def check_health(port: int) -> int:
    """Run the health check as it is written, but for the port; returns its exit status."""
    python, *words = only(IMAGE, "HEALTHCHECK").words()
    assert python == "python"
    command = [sys.executable, *(word.replace("8000", str(port)) for word in words)]
    proxy = {"http_proxy": "http://127.0.0.1:1"}
    return subprocess.run(command, env=proxy, stderr=subprocess.DEVNULL, timeout=60).returncode


def test_the_health_check_tells_whether_the_server_answers(reader: Reader) -> None:
    with serving(reader, loopback_only=False) as client:
        assert check_health(client.port) == 0
    assert check_health(client.port) == 1


def test_the_health_check_notices_an_answer_that_is_none() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:  # 501 to everything
        answering = threading.Thread(target=other.handle_request)
        answering.start()
        assert check_health(other.server_port) == 1
        answering.join(60)


def test_the_guide_runs_it_as_it_is_tried() -> None:
    guide = (ROOT / "docs" / "guides" / "serving.md").read_text()
    for option in ("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"):
        assert option in guide
    assert "--publish 127.0.0.1:8000:8000" in guide
