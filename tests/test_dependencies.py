"""Dependencies: pinned as tested, locked with hashes, and listed with licences that are known."""

import re
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from constraints import pins
from installed import CONSTRAINTS, PYPROJECT, installed
from licences import DOCUMENT, LOOKED_UP, licence, reasons, replace_tables
from lock import LOCKS, Lock
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

EVERYTHING = {name: each.distribution for name, each in installed("dev").items()}

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause"),
    *("BSL-1.0", "CC-PDDC", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib"),
}
"""Licences that ask to keep their notice, and no more."""

COPYLEFT_FILES = re.compile(
    r"(libavcodec|libgfortran|libquadmath|libgomp|libzmq|axe\.min\.js|copying\.l?gpl)", re.I
)
"""Beginnings of names of files, in wheels, whose licence asks for more."""

as_tested = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info[:2] != (3, 11),
    reason="other systems and Pythons install some other packages",
)


def locked(lock: Lock) -> dict[str, tuple[Requirement, list[str]]]:
    """The requirements of a lock, and the hashes of each, by name."""
    text = (ROOT / "requirements" / lock.name).read_text().replace("\\\n", "")
    found: dict[str, tuple[Requirement, list[str]]] = {}
    for line in re.findall(r"^[^#\s-].*", text, flags=re.MULTILINE):
        requirement = Requirement(line.partition(" --hash=")[0])
        found[canonicalize_name(requirement.name)] = (
            requirement,
            re.findall(r"--hash=sha256:([0-9a-f]{64})(?:\s|$)", line),
        )
    return found


def pinned() -> dict[str, str]:
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): version for name, version in pairs}


@as_tested
def test_constraints_pin_what_is_installed_and_no_more() -> None:
    assert pins() == CONSTRAINTS.read_text(), "install it: make test; or pin it: make upgrade"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_has_the_versions_of_the_constraints_and_hashes_of_each(lock: Lock) -> None:
    versions = pinned()
    for name, (requirement, hashes) in locked(lock).items():
        assert hashes, name
        if name in versions:
            assert str(requirement.specifier) == f"=={versions[name]}", "write it with: make lock"
        else:  # which the tests don't meet
            assert requirement.marker is not None
            assert not requirement.marker.evaluate({"sys_platform": "linux"}), name


@as_tested
@pytest.mark.parametrize(("name", "extra"), [("read.txt", None), ("train.txt", "train")])
def test_a_lock_has_all_of_an_installation_but_torch(name: str, extra: str | None) -> None:
    (lock,) = (lock for lock in LOCKS if lock.name == name)
    here = {
        name
        for name, (requirement, _) in locked(lock).items()
        if requirement.marker is None or requirement.marker.evaluate()
    }
    assert here == installed(extra).keys() - {"torch"}, "write it with: make lock"


def test_the_lock_of_the_build_has_what_the_build_requires() -> None:
    (lock,) = (lock for lock in LOCKS if lock.name == "build.txt")
    required = tomllib.loads(PYPROJECT.read_text())["build-system"]["requires"]
    for name in [canonicalize_name(Requirement(each).name) for each in required]:
        needed = map(Requirement, distribution(name).requires or [])
        here = {each.name for each in needed if each.marker is None or each.marker.evaluate()}
        assert {name, *here} <= locked(lock).keys()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_index_and_lets_no_sources_be_built(lock: Lock) -> None:
    text = (ROOT / "requirements" / lock.name).read_text()
    assert "://" not in text
    options = re.findall(r"^-.*", text, flags=re.MULTILINE)
    assert options == ["--only-binary :all:"]


@as_tested
def test_the_list_shows_what_is_installed() -> None:
    document = DOCUMENT.read_text()
    assert replace_tables(document) == document, "write it with: make lock"


def test_each_dependency_of_ours_has_its_reason_beside_it() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    declared = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {canonicalize_name(Requirement(each).name) for some in declared for each in some}
    assert reasons().keys() == names - {"digits"}


def test_every_licence_is_known_and_an_spdx_expression() -> None:
    for name, of in EVERYTHING.items():
        assert canonicalize_license_expression(licence(of)) == licence(of), name


def test_licences_are_looked_up_only_where_metadata_leaves_them_open() -> None:
    assert LOOKED_UP.keys() <= EVERYTHING.keys()
    for name in LOOKED_UP:
        assert "License-Expression" not in EVERYTHING[name].metadata, name


def test_licences_that_ask_for_more_are_explained() -> None:
    (section,) = re.findall(r"^## Licences that.*?(?=^## )", DOCUMENT.read_text(), re.M | re.S)
    explained = set(re.findall(r"`([\w-]+)`", section))
    for name, of in EVERYTHING.items():
        parts = set(re.split(r" AND | OR ", licence(of)))
        if parts - PERMISSIVE or any(COPYLEFT_FILES.match(file.name) for file in of.files or []):
            assert name in explained, name
