"""Optional dependencies: packages that only an extra installs, and how to bring them."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from digits.errors import DigitsError

EXTRAS = ("train", "sklearn", "formats", "parquet", "ray", "search", "tensorboard", "mlflow")
"""Extras of people who use the package, the one that is needed most first."""

TRACKERS = ("tensorboard", "mlflow")
"""Extras that `digits train --log` writes by."""

IMPORTED_AS = {
    "mlflow-skinny": "mlflow",
    "pi-heif": "pi_heif",
    "scikit-learn": "sklearn",
}
"""Packages that are imported under another name than the one that they are installed by."""


class MissingExtraError(DigitsError, ImportError):
    """A package is needed that this installation left out; the message has the command for it."""


@contextmanager
def optional_imports(what: str) -> Iterator[None]:
    """Say which command brings a package of an extra, when its import fails in the `with` block.

    Any other import that fails is a defect, and stays as it is.

    Args:
        what: The subject of the message: "digits.train", or "This".

    Raises:
        MissingExtraError: If a package is missing that an extra installs.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        command = command_for(error.name)
        if command is None:
            raise
        raise MissingExtraError(
            f"{what} needs packages that are not installed, such as {error.name}; install them "
            f"with: {command}",
            name=error.name,
        ) from error


def command_for(package: str | None) -> str | None:
    """The command that brings a package, by the name that it is imported under, with its extra.

    None if no extra has it.
    """
    extra = _extras().get(package)
    return f'{sys.executable} -m pip install "digits[{extra}]"' if extra else None


def _extras() -> dict[str | None, str]:
    """The extra that installs each package, by the name that the package is imported under."""
    from importlib.metadata import requires  # takes longer than the rest of `import digits`

    found: dict[str | None, str] = {}
    for extra in EXTRAS:
        for requirement in requires("digits") or ():
            match = re.match(rf"[\w-]+(?=.*; extra == '{extra}')", requirement)
            if match:
                found.setdefault(IMPORTED_AS.get(match[0], match[0]), extra)
    return found
