"""Optional dependencies: packages that only the extra `train` installs, and how to bring them."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from digits.errors import DigitsError


class MissingExtraError(DigitsError, ImportError):
    """A package is needed that this installation left out; the message has the command for it."""


@contextmanager
def optional_imports(what: str) -> Iterator[None]:
    """Say which command brings a package of the extra, when its import fails in the `with` block.

    Any other import that fails is a defect, and stays as it is.

    Args:
        what: The subject of the message: "digits.train", or "This".

    Raises:
        MissingExtraError: If a package is missing that the extra installs.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _packages():
            raise
        raise MissingExtraError(
            f"{what} needs packages that are not installed, such as {error.name}; install them "
            f'with: {sys.executable} -m pip install "digits[train]"',
            name=error.name,
        ) from error


def _packages() -> set[str]:
    """Packages of the extra; each is imported under the name that it is installed by."""
    from importlib.metadata import requires  # takes longer than the rest of `import digits`

    found = (re.match(r"[\w-]+(?=.*; extra == 'train')", each) for each in requires("digits") or ())
    return {match[0] for match in found if match}
