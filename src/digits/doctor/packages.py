"""Packages: which are installed, in which versions, and which stand in each other's way."""

import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from digits.doctor.faults import (
    MISSING_PACKAGE,
    SHADOWED_PACKAGE,
    TWO_PACKAGES,
    UNFIT_PACKAGE,
    Finding,
)
from digits.doctor.part import Part
from digits.extras import EXTRAS

RIVALS = {
    "cv2": (
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"),
}
"""Packages that bring the same module, the one first that digits needs."""
OFTEN_SHADOWED = ("digits", "numpy", "cv2", "onnxruntime", "torch")
"""Modules that a script beside a file of their name would not find."""


@dataclass(frozen=True)
class Requirement:
    """A package that digits, or an extra of it, needs."""

    package: str
    bounds: str
    """Versions, such as `>=0.34,<0.55`; any if empty."""
    extra: str | None
    """The extra that needs it; None if digits does."""
    inner_extras: tuple[str, ...] = ()
    """Extras of the package that are asked for."""

    def __str__(self) -> str:
        return self.package + self.bounds

    def admits(self, found: str) -> bool:
        """Whether a version is within the bounds; only numbers count, not what follows them."""
        for operator, bound in re.findall(r"(>=|<)([\d.]+)", self.bounds):
            is_below = numbers_of(found) < numbers_of(bound)
            if is_below != (operator == "<"):
                return False
        return True


def numbers_of(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with, without zeros at the end.

    >>> numbers_of("2.13.0+cpu")
    (2, 13)
    """
    match = re.match(r"\d+(\.\d+)*", text)
    numbers = [int(number) for number in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def requirements() -> Iterator[Requirement]:
    """Yield what digits needs on this system and Python, itself and by its extras."""
    for line in requires("digits") or ():
        needed, _, marker = line.partition(";")
        marker = marker.replace('"', "'")
        if "sys_platform != 'win32'" in marker and sys.platform == "win32":
            continue
        python = re.search(r"python_version >= '([\d.]+)'", marker)
        if python and sys.version_info < numbers_of(python[1]):
            continue
        extra = re.search(r"extra == '(\w+)'", marker)
        match = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?([^;]*)", needed.strip())
        assert match is not None
        yield Requirement(
            match[1],
            match[3].strip(" ()").replace(" ", ""),
            extra[1] if extra else None,
            tuple(match[2].split(",")) if match[2] else (),
        )


def is_installed(extra: str) -> bool:
    """Whether all packages of an extra are installed, and those of the extras in it."""
    return all(
        all(map(is_installed, each.inner_extras))
        if each.package == "digits"
        else _version_of(each.package) is not None
        for each in requirements()
        if each.extra == extra
    )


def examine_packages() -> Part:
    """Examine versions, rivals and extras."""
    versions: dict[str, str] = {}
    findings: list[Finding] = []
    for each in requirements():
        if each.extra not in (None, *EXTRAS) or each.package == "digits":
            continue
        found = _version_of(each.package)
        if found is not None:
            versions[each.package] = found
        if found is None and each.extra is None:
            findings.append(MISSING_PACKAGE.found(package=each.package, requirement=each))
        elif found is not None and not each.admits(found):
            findings.append(UNFIT_PACKAGE.found(requirement=each, version=found))
    for module, names in RIVALS.items():
        there = {name: found for name in names if (found := _version_of(name)) is not None}
        if len(there) > 1:
            shown = " and ".join(f"{name} {found}" for name, found in there.items())
            findings.append(
                TWO_PACKAGES.found(
                    module=module, packages=shown, names=" ".join(there), package=names[0]
                )
            )
    for name in OFTEN_SHADOWED:
        if Path(f"{name}.py").is_file():
            findings.append(SHADOWED_PACKAGE.found(file=f"{name}.py"))
    missing = [extra for extra in EXTRAS if not is_installed(extra)]
    command = f'{sys.executable} -m pip install "digits[{",".join(missing)}]"'
    return Part(
        "packages",
        {
            "digits": _version_of("digits"),
            "Python": f"{platform.python_version()} ({sys.executable})",
            "versions": versions,
            "extras": [extra for extra in EXTRAS if extra not in missing],
            "missing extras": missing,
            **({"bring them with": command} if missing else {}),
        },
        tuple(dict.fromkeys(findings)),
    )


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
