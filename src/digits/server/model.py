"""The model that is served: the one of the package, an ONNX file, or a trained run."""

from pathlib import Path

from digits.reading.reader import Reader


def open_reader(model: Path | None = None) -> Reader:
    """The reader to serve with; it computes each request in the thread that reads it.

    Args:
        model: An ONNX file made by `digits export`, or a run folder, whose network is exported in
            memory; the network that comes with the package if not given.

    Raises:
        InvalidInput: If the file or folder is neither.
        DigitsError: If it can't be read, or the run can't be exported.
        ImportError: If it is a run, and torch is not installed.
    """
    content: Path | bytes | None = model
    if model is not None and model.is_dir():
        from digits.export import convert
        from digits.run import Run

        content = convert(Run(model)).content
    # More threads for one request would wait for those of the others.
    return Reader(content, num_threads=1)
