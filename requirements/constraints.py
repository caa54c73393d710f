"""Bring what is installed up to date, and pin it in constraints.txt.

    python requirements/constraints.py          # or: make upgrade

torch stays as it is, since which build of it one takes depends on the machine, and the measured
figures depend on its version. To pin another, install it first.
"""

import subprocess
import sys

from installed import CONSTRAINTS, ROOT, installed, version_of

from digits.files import write_atomic

HEADING = """\
# The versions that the tests run with. Used by every install: pip install -c constraints.txt
"""


def upgrade() -> None:
    """Install the newest versions that pyproject.toml admits, for development and all else."""
    torch = f"torch=={version_of(installed('dev')['torch'].distribution)}"
    newest = ["install", "--upgrade", "--upgrade-strategy", "eager", torch, "-e", ".[dev]"]
    subprocess.run([sys.executable, "-m", "pip", *newest], cwd=ROOT, check=True)


def pins() -> str:
    """Pin what is installed: the text of constraints.txt."""
    found = [each.distribution for each in installed("dev").values()]
    lines = sorted((f"{each.name}=={version_of(each)}\n" for each in found), key=str.lower)
    return HEADING + "".join(lines)


if __name__ == "__main__":
    upgrade()
    write_atomic(CONSTRAINTS, pins().encode())
