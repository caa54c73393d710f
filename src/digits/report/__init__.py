"""HTML report of a training run, or of several beside each other, in one self-contained file.

```
run, data ─material─▶ predictions, facts ─illustrations─▶ figures with captions ──────┐
                             │                                                         ├─page─▶ HTML
                             └─tiles, drawing, known_runs, advice; comparison─▶ SVG, words ─┘
```
Each figure is also written as a PNG file.
"""

from pathlib import Path

from digits.errors import InvalidInput
from digits.files import write_atomic
from digits.models import reads_lines
from digits.report.comparison import write_comparison
from digits.report.illustrations import Illustration, Section, illustrate
from digits.report.material import Facts, Material
from digits.report.page import render
from digits.run import Run, load_set

__all__ = ["Facts", "Illustration", "Material", "Section", "write_comparison", "write_report"]


def write_report(run: Run | str | Path, *, device: str = "auto") -> Path:
    """Write the report and the figures of a run into its folder, replacing earlier ones.

    Args:
        run: A finished run, or its folder.
        device: Device to compute predictions on: auto, cpu, cuda or mps.

    Returns:
        Path of the report, `run.report_path`. The figures are in `run.figures_path`.

    Raises:
        InvalidInput: If the run's network reads lines.
        DigitsError: If the run is unfinished or damaged, its network is not registered, the data
            cannot be fetched, or the folder is not writable.
    """
    run = run if isinstance(run, Run) else Run(run)
    if reads_lines(run.recipe.network):
        raise InvalidInput(
            f"{run.folder} reads lines; the report draws what networks make of single digits. "
            f"Its results: digits evaluate {run.folder}"
        )
    material = Material(run, load_set(run.recipe), device=device)
    sections = illustrate(material)
    page = render(material, sections)
    for section in sections:
        for illustration in section.illustrations:
            if illustration.png is not None:
                write_atomic(run.figures_path / f"{illustration.name}.png", illustration.png)
    write_atomic(run.report_path, page.encode())
    return run.report_path
