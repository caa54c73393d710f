"""Make the notebooks from their text: run every cell in a fresh kernel, and keep what it gives.

    python notebooks/execute.py [tutorial]

`NAME.py` is what one edits and reviews, `NAME.ipynb` what people open.
"""

import argparse
import hashlib
import re
import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbformat import NotebookNode, writes

from digits.data import describe
from digits.files import write_atomic

HERE = Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"
"""Name of the format in which an output refers to a widget of the kernel."""


def texts() -> list[Path]:
    """The notebooks' texts."""
    return sorted(path for path in HERE.glob("*.py") if path != Path(__file__))


def read_text(path: Path) -> NotebookNode:
    """A notebook without outputs, the same each time, from its text."""
    notebook: NotebookNode = jupytext.read(path)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # drawn at random otherwise
    notebook.metadata = {
        "jupytext": {
            "formats": "ipynb,py:percent",
            # The text holds cells only. What Jupyter saves there is then what we have.
            "notebook_metadata_filter": "-all",
            "cell_metadata_filter": "-all",
        },
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "digits": {"sources": digest(notebook)},
    }
    return notebook


def digest(notebook: NotebookNode) -> str:
    """SHA-256 of all that a notebook's outputs come from."""
    sources = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(sources.encode()).hexdigest()


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run all cells in a fresh kernel, in an empty folder, and put the outputs into the notebook.

    Raises:
        CellExecutionError: If a cell fails; tells which, and how.
    """
    describe()  # fetched in a cell, the data would tell where it lies on this machine
    metadata = notebook.metadata.copy()
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=None,  # how long a cell takes is up to the machine
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,
        ).execute()
    notebook.metadata = metadata  # the kernel wrote its version into it
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _as_seen(output.text)
            else:  # a slider dies with its kernel, its figure stays
                output.get("data", {}).pop(WIDGET, None)
    return notebook


def _as_seen(text: str) -> str:
    """What is left on the screen of text in which a progress bar was drawn and wiped out."""
    lines = [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).lstrip("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    names = [path.stem for path in texts()]
    parser.add_argument("name", nargs="?", choices=names, help="which (default: all)")
    chosen = parser.parse_args().name
    for name in [chosen] if chosen else names:
        path = HERE / f"{name}.py"
        notebook = execute(read_text(path))
        target = path.with_suffix(".ipynb")
        write_atomic(target, (writes(notebook) + "\n").encode())
        print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
