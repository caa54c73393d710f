"""List each installation's dependencies in docs/reference/dependencies.md, with their licences.

    python requirements/licences.py             # or: make lock

Names, versions and licences are those of the installed packages' metadata; a licence that isn't
given as an SPDX expression is translated by the tables below, or the list isn't written.
"""

import re
from importlib.metadata import Distribution

from installed import PYPROJECT, ROOT, installed, version_of
from packaging.licenses import canonicalize_license_expression
from packaging.utils import canonicalize_name

from digits.files import write_atomic

DOCUMENT = ROOT / "docs" / "reference" / "dependencies.md"

INSTALLATIONS = (None, "train", "tutorial", "dev")
"""Extras, each of which contains those before it; first, the light installation."""

HEADING = ("| package | version | licence | what for |", "| --- | --- | --- | --- |")

SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What a licence that is unmistakable is called in SPDX, by what it is called in metadata."""

LOOKED_UP = {
    "axe-playwright-python": "MIT AND MPL-2.0",  # axe.min.js says so itself
    "cycler": "BSD-3-Clause",
    "defusedxml": "PSF-2.0",
    "docutils": "CC-PDDC AND BSD-2-Clause",  # one file under the GPL is not in the wheel
    "gitdb": "BSD-3-Clause",
    "ipython-pygments-lexers": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "jupyterlab": "BSD-3-Clause",
    "jupyterlab-pygments": "BSD-3-Clause",
    "jupyterlab-server": "BSD-3-Clause",
    "jupyterlab-widgets": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "PSF-2.0",  # the same text, with other names
    "mpmath": "BSD-3-Clause",
    "nest-asyncio2": "BSD-2-Clause",
    "nodeenv": "BSD-3-Clause",
    "prompt-toolkit": "BSD-3-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",  # it and PDFium; dist-info has all others' texts
    "scipy": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
    "sympy": "BSD-3-Clause",
    "tinycss2": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
    "webencodings": "BSD-3-Clause",
    "widgetsnbextension": "BSD-3-Clause",
}
"""Licences of packages whose metadata leaves them open, as their licence files have them."""


def licence(of: Distribution) -> str:
    """Tell a distribution's licence, as an SPDX expression.

    Raises:
        LookupError: If neither its metadata nor the tables here have it.
    """
    name = canonicalize_name(of.name)
    if name in LOOKED_UP:
        return LOOKED_UP[name]
    given = declared_licences(of)
    for text in given:
        try:
            return canonicalize_license_expression(SPDX.get(text, text))
        except ValueError:  # not SPDX's
            continue
    raise LookupError(f"{name}: read its licence, and add it to LOOKED_UP; found {given}.")


def declared_licences(of: Distribution) -> list[str]:
    """List what metadata calls a distribution's licence, the most exact first."""
    fields = ("License-Expression", "License", "Classifier")
    texts = [text for field in fields for text in of.metadata.get_all(field, [])]
    firsts = [text.strip().partition("\n")[0].strip() for text in texts]
    return [
        text.rpartition(" :: ")[2] for text in firsts if " :: " not in text or "License ::" in text
    ]


def reasons() -> dict[str, str]:
    """The reason for each dependency of ours, which stands behind it in pyproject.toml."""
    found = re.findall(
        r'^    "([\w-]+)(?:\[\w+\])?[<>=][^"]*",\s+# (.+)$', PYPROJECT.read_text(), re.MULTILINE
    )
    return {canonicalize_name(name): reason for name, reason in found}


def table(extra: str | None) -> str:
    """List what an installation brings that those before it do not."""
    before = INSTALLATIONS[: INSTALLATIONS.index(extra)]
    known = {name for each in before for name in installed(each)}
    rows = [
        f"| `{name}` | {version_of(of)} | {licence(of)} | {purpose(name, users)} |"
        for name, (of, users) in installed(extra).items()
        if name not in known
    ]
    return "\n".join([*HEADING, *rows])


def purpose(name: str, users: set[str]) -> str:
    """Tell what a package is for: our reason, or the packages that require it."""
    if "digits" in users:
        return reasons()[name]
    return "for " + ", ".join(f"`{user}`" for user in sorted(users))


def replace_tables(document: str) -> str:
    """Replace the tables in the document by new ones."""
    for extra in INSTALLATIONS:
        name = extra or "light"
        begin = f"<!-- {name}: written by requirements/licences.py -->"
        end = f"<!-- end of {name} -->"
        before, _, rest = document.partition(begin)
        document = f"{before}{begin}\n{table(extra)}\n{end}{rest.partition(end)[2]}"
    return document


if __name__ == "__main__":
    write_atomic(DOCUMENT, replace_tables(DOCUMENT.read_text()).encode())
