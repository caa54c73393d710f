"""The demo: the page without a server, with a way back to the handbook."""

import os
import tempfile
from functools import cache
from pathlib import Path

from digits.reading import Reader
from digits.static_page import write_static_page

RUNTIME = "DIGITS_RUNTIME"
"""Variable of the environment that names the runtime's package, where npm can't fetch it."""


_BACK = '<a class="button" href="../index.html">Handbook</a>'
"""The way back, which a page on its own does not have."""


@cache
def demo() -> dict[str, bytes]:
    """Write the page with the networks that come along: the content of each file by its path.

    Raises:
        DigitsError: If the runtime can't be fetched.
    """
    given = os.environ.get(RUNTIME)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "demo")
        write_static_page(Reader(), page, runtime=Path(given) if given else None)
        index = page / "index.html"
        html = index.read_text(encoding="utf-8")
        index.write_text(html.replace("</header>", f"{_BACK}</header>"), encoding="utf-8")
        return {
            path.relative_to(page).as_posix(): path.read_bytes()
            for path in sorted(page.rglob("*"))
            if path.is_file()
        }
