"""Page to review what is doubtful: one HTML file with cut-outs, and a box for each right value."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

from digits.bulk.formats import plain_cell
from digits.bulk.rows import Row

MOST_SHOWN = 500
"""Limit on the page's size: most doubtful rows with cut-outs on it, and most without."""


@dataclass
class Review:
    """Doubtful rows, as many as a page shows: those with cut-outs, and others."""

    shown: list[dict[str, Any]] = field(default_factory=list)
    """Rows with the keys of their cut-outs, as JSON has them."""
    blind: list[dict[str, Any]] = field(default_factory=list)
    """Rows that have no cut-out, such as of files that can't be read."""
    cutouts: dict[str, str] = field(default_factory=dict)
    """Cut-outs, PNG files in Base64."""

    def add(self, row: Row, cutouts: Mapping[str, str]) -> None:
        """Show a row, if there is room.

        Args:
            row: The row.
            cutouts: Those of its file, as the journal's entry has them.
        """
        own = cutouts_of(row, cutouts)
        rows = self.shown if own else self.blind
        if len(rows) >= MOST_SHOWN:
            return
        named = {json.dumps([row.file, name]): cutouts[name] for name in own}
        self.cutouts |= named
        rows.append({**row._asdict(), "file": plain_cell(row.file), "cutouts": list(named)})

    def page(self, *, num_files: int, num_rows: int, num_doubtful: int) -> bytes:
        """Make the page, which needs no server, and loads nothing.

        Args:
            num_files: Number of files that were read.
            num_rows: Number of rows, doubtful ones among them.
            num_doubtful: Number of rows that are doubtful.
        """
        template, style, look, script = (
            (files("digits") / "templates" / name).read_text(encoding="utf-8")
            for name in ("review.html", "style.css.j2", "review.css", "review.js")
        )
        data = {"rows": self.shown + self.blind, "cutouts": self.cutouts}
        # A name of a file could end the element, or begin a comment in it.
        safe = json.dumps(data).replace("<", "\\u003c")
        num_shown = len(self.shown) + len(self.blind)
        left_out = f" The first {num_shown:,} are shown." if num_shown < num_doubtful else ""
        page = Template(template).substitute(
            style=style + look,
            script=script,
            script_sum=b64encode(sha256(script.encode()).digest()).decode(),
            data=safe,
            num_files=f"{num_files:,}",
            num_rows=f"{num_rows:,}",
            num_doubtful=f"{num_doubtful:,}",
            left_out=left_out,
        )
        return page.encode()


def cutouts_of(row: Row, cutouts: Mapping[str, str]) -> list[str]:
    """Names of a row's cut-outs: its line's, or those of all doubtful lines of its page."""
    page = f"{row.page}"
    if row.line is not None:
        return [name for name in (f"{page} {row.line}", page) if name in cutouts][:1]
    return [name for name in cutouts if name == page or name.startswith(f"{page} ")]
