"""The reader with any network: that of the package, of an ONNX file, or of a training run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits import reading
from digits.errors import InvalidInput
from digits.extras import optional_imports
from digits.reading.line_network import LineNetwork
from digits.reading.model_folder import Networks, is_model_folder
from digits.reading.network import Network

if TYPE_CHECKING:
    from digits.run import Run


class Reader(reading.Reader):
    """Reads the digits of pictures.

    Args:
        model: A run or its folder, whose network is exported in memory (with torch; it takes some
            seconds); an ONNX file made by `digits export`, or its content; a folder made by `digits
            learn`, which holds both networks; a `Network`, a `LineNetwork`, or `Networks`. Those
            that come with the package if not given. A network of glyphs alone names the digits that
            the package's line network finds; one of lines alone takes the place of that.
        threshold: Confidence below which a digit is refused: 0 refuses none, 1 all; 0.78 if not
            given.
        num_threads: Number of threads to compute with; all cores if not given.

    Raises:
        InvalidInput: If the file is no such network, the folder no run, or the threshold is not
            from 0 to 1.
        DigitsError: If the file can't be read, or the run is unfinished, damaged or not to be
            exported.
        ImportError: If it is a run, and torch is not installed.

    Examples:
        >>> Reader("runs/mine").read("photo.jpg").text  # doctest: +SKIP
        '1995'
    """

    def __init__(
        self,
        model: "Run | str | Path | bytes | Network | LineNetwork | Networks | None" = None,
        *,
        threshold: float | None = None,
        num_threads: int | None = None,
    ) -> None:
        super().__init__(_as_network(model), threshold=threshold, num_threads=num_threads)


def _as_network(model: Any) -> str | Path | bytes | Network | LineNetwork | Networks | None:
    """Export a run; anything else that holds a network stays as it is."""
    if model is None or isinstance(model, bytes | Network | LineNetwork | Networks):
        return model
    path = getattr(model, "folder", model)
    if not isinstance(path, str | Path):
        raise InvalidInput(
            f"model: expected a run, a model folder or an ONNX file, found {type(model).__name__}."
        )
    if not Path(path).is_dir() or is_model_folder(path):
        return path
    with optional_imports("Reading with a run"):
        from digits.export import convert
        from digits.run import Run
    return convert(Run(path)).content
