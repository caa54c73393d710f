"""Distributions that an installation of `digits` brings, with all that these require in turn."""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"

OF_SOME_BUILDS = re.compile(r"(cuda|nvidia)-.*|triton")
"""Names of what only some builds of torch bring: those for GPUs."""


class Dependency(NamedTuple):
    """A distribution, and the names of those that require it."""

    distribution: Distribution
    users: set[str]


def installed(extra: str | None = None) -> dict[str, Dependency]:
    """List what an installation brings here, by normalised names.

    Args:
        extra: The extra that it is of; without one, it is the light installation.

    Raises:
        PackageNotFoundError: If a part of it isn't installed.
    """
    found = {"digits": Dependency(distribution("digits"), set())}
    waiting = [("digits", extra or "")]
    looked_at: set[tuple[str, str]] = set()
    while waiting:
        user, extra = waiting.pop()
        if (user, extra) in looked_at:
            continue
        looked_at.add((user, extra))
        for requirement in map(Requirement, found[user].distribution.requires or []):
            name = canonicalize_name(requirement.name)
            is_meant = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            if is_meant and not OF_SOME_BUILDS.fullmatch(name):
                if name not in found:
                    found[name] = Dependency(distribution(name), set())
                found[name].users.add(user)
                waiting += [(name, each) for each in ("", *requirement.extras)]
    del found["digits"]
    return dict(sorted(found.items()))


def version_of(of: Distribution) -> str:
    """Tell a distribution's version, without what tells builds apart: torch has `+cpu`."""
    return Version(of.version).public
