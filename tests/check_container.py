"""Carry out the Dockerfile without Docker, and try what comes out where nothing can be written.

    python3.13 tests/check_container.py         # on Linux

Needs no package, and unshare, mount and setpriv. Fails with what was expected and found.
"""

import json
import os
import re
import subprocess
import time
import urllib.request
import venv
from fnmatch import fnmatch
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

PLACE = "/opt/digits"
"""Where the image has the installation."""

# As docker run --read-only --cap-drop ALL --security-opt no-new-privileges.
CONFINED = [
    *("unshare", "--map-root-user", "--mount", "sh", "-c"),
    "mount -o remount,bind,ro / && "
    'exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"',
    "sh",
]

VERSION = "1.2.3"
"""What docker build --build-arg VERSION=1.2.3 would say."""

SAMPLE = ROOT / "src" / "digits" / "reading" / "samples" / "paper.jpg"
TEXT = "237845"


def expect(what: str, expected: object, found: object) -> None:
    if found != expected:
        raise SystemExit(f"{what}: expected {expected!r}, found {found!r}.")
    print(f"container: {what}", flush=True)


class Instruction(NamedTuple):
    """An instruction of the Dockerfile: `RUN`, and what to run."""

    name: str
    arguments: str

    def words(self) -> list[str]:
        """The words of its exec form, which no shell splits."""
        words: list[str] = json.loads(self.arguments[self.arguments.index("[") :])
        return words


Stage = list[Instruction]


def stages() -> list[Stage]:
    """The instructions of each stage; the first is its `FROM`."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in text.splitlines():
        if line:
            name, _, arguments = line.partition(" ")
            if name == "FROM":
                found.append([])
            found[-1].append(Instruction(name, arguments))
    return found


def arguments(stage: Stage, name: str) -> list[str]:
    """What a stage's instructions of one name say."""
    return [each.arguments for each in stage if each.name == name]


def only(stage: Stage, name: str) -> Instruction:
    """The one instruction of a stage that has this name."""
    (found,) = (each for each in stage if each.name == name)
    return found


def environment(stage: Stage) -> dict[str, str]:
    """The variables that a stage sets."""
    pairs = [pair for line in arguments(stage, "ENV") for pair in line.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def context() -> list[Path]:
    """The files of the clone that .dockerignore lets Docker see, relative to the clone."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    assert lines[0] == "*", "what isn't named stays outside"
    named = [line[1:] for line in lines if line.startswith("!")]
    outside = [line.removeprefix("**/") for line in lines[1:] if not line.startswith("!")]
    found = [path for name in named for top in ROOT.glob(name) for path in [top, *top.rglob("*")]]
    relative = [path.relative_to(ROOT) for path in found if path.is_file()]
    return [
        path
        for path in relative
        if not any(fnmatch(part, name) for part in path.parts for name in outside)
    ]


def copied(stage: Stage) -> dict[Path, Path]:
    """Files of the clone that a stage copies from it, by the places they get in its folder."""
    found = {}
    for line in arguments(stage, "COPY"):
        *sources, place = line.split()
        for source in sources:
            for file in context():
                if file == Path(source):
                    found[Path(place, file.name)] = file
                elif file.is_relative_to(source):
                    found[Path(place, file.relative_to(source))] = file
    return found


def build(folder: Path) -> Path:
    """Carry out the first stage below a folder; returns the installation."""
    stage = stages()[0]
    expect("no version is made up", ["VERSION=0.0.0+unknown"], arguments(stage, "ARG"))
    work, place = folder / "build", folder / PLACE.strip("/")
    for to, file in copied(stage).items():
        (work / to).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / file, work / to)
    # The image's Python is nobody else's: here, that is an environment of its own.
    venv.create(folder / "python", with_pip=True)
    path = f"{folder / 'python' / 'bin'}:{os.environ['PATH']}"
    for command in arguments(stage, "RUN"):
        subprocess.run(
            command.replace(PLACE, str(place)),
            shell=True,
            cwd=work,
            env={**os.environ, **environment(stage), "VERSION": VERSION, "PATH": path},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    return place


def try_image(place: Path) -> None:
    """Do what Docker does with the second stage: start it, ask how it is, and stop it."""
    stage = stages()[1]
    variables = {
        name: value.replace(PLACE, str(place)).replace("$PATH", os.environ["PATH"])
        for name, value in environment(stage).items()
    }
    command = [*only(stage, "ENTRYPOINT").words(), "--port", "0"]
    shown = subprocess.check_output(["digits", "--version"], env=variables, cwd="/", text=True)
    expect("the version is the one that was said", f"digits {VERSION}\n", shown)
    before = sorted(place.rglob("*"))
    with subprocess.Popen(
        [*CONFINED, *command], env=variables, cwd="/", stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[4]
            port = address.rstrip("/").rpartition(":")[2]
            check = [word.replace("8000", port) for word in only(stage, "HEALTHCHECK").words()]
            health = subprocess.run([*CONFINED, *check], env=variables, cwd="/")
            expect("the container says that it is healthy", 0, health.returncode)
            request = urllib.request.Request(f"{address}v1/read", SAMPLE.read_bytes())
            answer = json.load(urllib.request.urlopen(request, timeout=30))
            expect("and reads a picture, though it can write nothing", TEXT, answer["text"])
        finally:
            begin = time.monotonic()
            server.terminate()
    expect("SIGTERM ends it well", 0, server.returncode)
    expect("within five seconds", True, time.monotonic() - begin < 5)
    health = subprocess.run([*CONFINED, *check], env=variables, stderr=subprocess.DEVNULL)
    expect("and then it is not healthy", 1, health.returncode)
    expect("no file came or went", before, sorted(place.rglob("*")))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        try_image(build(Path(folder)))
