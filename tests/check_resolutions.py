"""Try the wheel with the lowest and the newest versions that `pyproject.toml` promises.

    python3 tests/check_resolutions.py digits-….whl

Makes an environment for each, in a temporary folder, with uv, which it installs there, too. Needs
no package itself. Fails with what was expected and found.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"

PYTHONS = ("3.11", "3.12", "3.13")

# "Direct" is what pyproject.toml names; what these bring in turn is the newest that fits. Nobody
# builds archives of sources: a version without a wheel is no promise.
LOWEST = ("--resolution", "lowest-direct", "--no-build")

NUMPY = "numpy==2.0.*"
"""The oldest NumPy of the promised ones, which others that are new have to bear beside them."""


class Resolver:
    """Environments with versions of one's choice.

    Args:
        folder: An empty folder, where they are made.
        wheel: The wheel of `digits`.
    """

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.wheel = folder, wheel
        tools = folder / "tools"
        subprocess.run([sys.executable, "-m", "venv", tools], check=True)
        constraints = ("-c", ROOT / "constraints.txt")
        subprocess.run(
            [tools / "bin" / "pip", "install", "--quiet", *constraints, "uv"], check=True
        )
        self.command = tools / "bin" / "uv"

    def uv(self, *arguments: str | Path) -> str:
        """Run uv; what it says is shown if it fails."""
        command = [self.command, "pip", *arguments, "--no-config", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"uv pip {' '.join(map(str, arguments))}:\n{done.stderr}")
        return done.stdout

    def expect_fitting(self, *arguments: str) -> None:
        """Resolve the lowest versions without installing them: torch alone takes 3 GB."""
        self.uv("compile", PYPROJECT, *LOWEST, *arguments)

    def check(self, what: str, python: str, arguments: tuple[str, ...]) -> None:
        """Install the wheel with other versions beside it, read and serve."""
        place = self.folder / re.sub(r"\W", "-", f"{what}-{python}")
        subprocess.run([python, "-m", "venv", "--without-pip", place], check=True)
        there = ("--python", place / "bin" / "python")
        self.uv("install", *there, *arguments, "-r", PYPROJECT)
        self.uv("install", *there, "--no-deps", self.wheel)
        found = {
            each["name"]: each["version"]
            for each in json.loads(self.uv("list", *there, "--format", "json"))
        }
        if arguments == LOWEST:
            expect_bounds(found)
        done = subprocess.run(
            [place / "bin" / "python", "-I", ROOT / "tests" / "check_install.py"],
            capture_output=True,
            text=True,
            cwd=self.folder,
        )
        if done.returncode:
            raise SystemExit(f"{what}, {python}, {found}:\n{done.stdout}{done.stderr}")
        shown = ", ".join(f"{name} {found[name]}" for name in ("numpy", "onnxruntime", "pillow"))
        print(f"{what} on {python} ({shown}): reads and serves", flush=True)


def expect_bounds(found: dict[str, str]) -> None:
    """Expect each package at its lower bound: lower bounds without a wheel are passed over."""
    bounds: dict[str, list[str]] = {}
    for requirement in tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]:
        name, version = re.findall(r"^([\w-]+)>=([\d.]+)", requirement)[0]
        bounds.setdefault(name, []).append(version)
    for name, versions in bounds.items():
        if not any(normal(found[name]) == normal(version) for version in versions):
            raise SystemExit(f"{name}: expected {' or '.join(versions)}, found {found[name]}.")


def normal(version: str) -> str:
    """Write 2.0 and 2.0.0 alike."""
    return re.sub(r"(\.0)+$", "", version)


def main() -> None:
    """Try all resolutions, two at a time."""
    wheel = Path(sys.argv[1]).resolve()
    pythons = [f"python{version}" for version in PYTHONS if works(f"python{version}")]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        resolver = Resolver(Path(folder), wheel)
        jobs = [pool.submit(resolver.check, "lowest", python, LOWEST) for python in pythons]
        jobs += [
            pool.submit(resolver.check, "newest", pythons[-1], ("--upgrade",)),
            pool.submit(resolver.check, "newest beside NumPy 2.0", pythons[0], (NUMPY,)),
        ]
        for version in PYTHONS:
            everything = ("--all-extras", "--python-version", version, "--python-platform", "linux")
            jobs.append(pool.submit(resolver.expect_fitting, *everything))
        for job in jobs:
            job.result()
    print(f"lowest of all extras: they fit together on {', '.join(PYTHONS)}", flush=True)


def works(python: str) -> bool:
    """Whether there is a Python of this name."""
    return (
        shutil.which(python) is not None
        and subprocess.run([python, "--version"], capture_output=True).returncode == 0
    )


if __name__ == "__main__":
    main()
