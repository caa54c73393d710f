"""Notebooks as Markdown, with the outputs that are kept in them; nothing is executed."""

import base64
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class NotebookPage:
    """A notebook as a page."""

    markdown: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    """What it shows, and the notebook itself, by their paths beside the page."""


def render_notebook(path: Path) -> NotebookPage:
    """Render a notebook that was executed.

    Raises:
        ValueError: If an output is of a kind that the notebooks did not have so far.
    """
    # Beside the page, the link would be one to the page.
    itself = f"{path.stem}/{path.name}"
    page = NotebookPage(files={itself: path.read_bytes()})
    blocks = [
        block
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for block in _cell(cell, path.stem, page.files)
    ]
    title, _, rest = "\n\n".join(blocks).partition("\n")
    download = f"[Download this notebook]({itself}){{ .md-button download={path.name} }}"
    page.markdown = f"{title}\n\n{download}\n{rest}\n"
    return page


def _cell(cell: dict[str, Any], stem: str, files: dict[str, bytes]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        # Markdown within a block of HTML is Markdown on GitHub and in Jupyter by itself.
        return [source.replace("<details><summary>", '<details markdown="1"><summary>')]
    if not source:
        return []
    return [
        _fenced(source, "python"),
        *(_output(output, stem, files) for output in cell["outputs"]),
    ]


def _output(output: dict[str, Any], stem: str, files: dict[str, bytes]) -> str:
    if output["output_type"] == "stream":
        return _printed("".join(output["text"]))
    formats = output.get("data", {})
    if "image/png" in formats:
        content = base64.b64decode(formats["image/png"])
        name = f"{stem}/figure-{len(files)}.png"
        files[name] = content
        width, height = struct.unpack(">II", content[16:24])
        size = f"width={width} height={height} loading=lazy"
        return f"![What the code above draws]({name}){{ .figure {size} }}"
    if "text/markdown" in formats:
        return "".join(formats["text/markdown"])
    if "text/plain" in formats:
        return _printed("".join(formats["text/plain"]))
    raise ValueError(f"{stem}: expected a figure or text, found {output['output_type']}.")


def _printed(text: str) -> str:
    return _fenced(text.rstrip("\n"), "{ .text .no-copy .printed }")


def _fenced(text: str, language: str) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence} {language}\n{text}\n{fence}"
