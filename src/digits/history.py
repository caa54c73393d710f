"""History of a training run: a record for each epoch, as a table and as lines of JSON."""

import json
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class EpochRecord:
    """Results of one epoch. Losses are in nats, accuracies from 0 to 1."""

    epoch: int
    """Number of the epoch, from 1."""
    images: int
    """Number of images trained on in this epoch."""
    train_loss: float
    """Mean over all training images, each when last trained on: with dropout, augmentation."""
    train_accuracy: float
    """Mean over the same."""
    validation_loss: float | None
    """Mean over the validation images; None if there are none."""
    validation_accuracy: float | None
    """Mean over the same."""
    learning_rate: float
    """Learning rate at the epoch's last step."""
    seconds: float
    """Time of training, without validation and checkpoint."""


class History(list[EpochRecord]):
    """Records of a run's epochs, first to last; printed, or shown in a notebook, a table."""

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *body = (
            "".join(f"<{tag}>{cell}</{tag}>" for cell in row)
            for tag, row in zip(["th", *["td"] * len(self)], self._rows(), strict=True)
        )
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def to_jsonl(self) -> str:
        """Format the records as lines of JSON, which `parse_history` reads."""
        return "".join(json.dumps(asdict(record)) + "\n" for record in self)

    def _rows(self) -> list[list[str]]:
        """Format each value for people, below the names of the fields."""
        head = [field.name.replace("_", " ") for field in fields(EpochRecord)]
        return [head, *([_shown(*item) for item in asdict(record).items()] for record in self)]


def parse_history(text: str) -> History:
    """Read what `History.to_jsonl` wrote.

    Raises:
        ValueError: If it is no JSON.
        TypeError: If a line is no record, or holds what is no number.
        RecursionError: If it is nested too deep.
    """
    return History(_parse_record(line) for line in text.splitlines())


def _parse_record(line: str) -> EpochRecord:
    record = EpochRecord(**json.loads(line))
    for name, value in asdict(record).items():
        may_be_none = name.startswith("validation")
        if not (isinstance(value, int | float) or (value is None and may_be_none)):
            raise TypeError(f"{name} is {value!r}")
    return record


def _shown(name: str, value: float | None) -> str:
    """Format a value of an epoch's record."""
    if value is None:
        return "–"
    formats = {"loss": ".4f", "accuracy": ".2%", "rate": ".3g", "seconds": ".1f"}
    return format(value, formats.get(name.rpartition("_")[2], ","))
