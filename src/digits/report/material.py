"""What a report is made of: a run, the data, and what its network makes of the test set."""

from dataclasses import dataclass

from jaxtyping import Float64, Int64
from torch import Tensor

from digits.data import DataSet
from digits.data.catalog import noun
from digits.errors import DigitsError
from digits.evaluation import predict
from digits.run import Run
from digits.training.calibration import temperature_of

LONGEST_NAME = 12
"""Most letters of a class's name in a figure: as many as Fashion-MNIST's longest, and one more."""


@dataclass(frozen=True)
class Facts:
    """Results and circumstances of a run, from its summary."""

    num_images: int
    num_errors: int
    accuracy: float
    interval: tuple[float, float]
    classes: list[dict[str, float]]
    """Label, support, precision, recall and F1 score of each class."""
    confusion_matrix: list[list[int]]
    seconds: float
    """Training time."""
    num_parameters: int
    details: dict[str, str]
    """Device, machine, versions and further details, by name."""


class Material:
    """Everything the figures draw from: a run, the data, and the predictions for the test set."""

    def __init__(self, run: Run, data: DataSet, *, device: str) -> None:
        self.recipe, self.history, self.model = run.recipe, run.history, run.model
        if not self.history:
            raise DigitsError(f"{run.history_path}: expected a line for each epoch, found none.")
        self.facts = _facts(run, len(data.classes))
        self.train, self.test, self.classes = data.train, data.test, data.classes
        self.names = tuple(map(shorten, data.classes))
        """Names of the classes, as short as figures have room for."""
        self.title = data.title
        """Name of the data set, to show."""
        self.noun = noun(data.classes)
        """What an image shows: "digit", or "class"."""
        precision = self.recipe.precision
        logits = predict(self.model, self.test.images, device=device, precision=precision)
        self.temperature = temperature_of(run, data, device=device)
        """The temperature by which the network's logits are divided."""
        self.uncalibrated: Float64[Tensor, "n classes"] = logits.double().softmax(dim=1)
        """Softmax outputs for the test images as the network gives them. (n, classes)"""
        self.probabilities: Float64[Tensor, "n classes"] = (
            logits.double() / self.temperature
        ).softmax(dim=1)
        """Calibrated probabilities of the test images. (n, classes)"""
        self.confidence: Float64[Tensor, " n"] = self.probabilities.amax(dim=1)
        self.predicted: Int64[Tensor, " n"] = self.probabilities.argmax(dim=1)
        wrong = (self.predicted != self.test.labels).nonzero()[:, 0]
        order = self.confidence[wrong].argsort(descending=True, stable=True)
        self.mistakes: Int64[Tensor, " errors"] = wrong[order]
        """Indices of the misclassified test images, the most confident first."""


def shorten(name: str) -> str:
    """Leave the middle out of a class's name that is too long for a figure.

    >>> shorten("letters of the first kind")
    'letters…kind'
    """
    return name if len(name) <= LONGEST_NAME else f"{name[:7]}…{name[8 - LONGEST_NAME :]}"


def _facts(run: Run, num_classes: int) -> Facts:
    summary = run.summary
    try:
        test, versions = summary["test"], summary["versions"]
        classes = [_of_class(row) for row in test.get("classes") or test["digits"]]
        matrix = [[int(count) for count in row] for row in test["confusion_matrix"]]
        if [row["label"] for row in classes] != list(range(num_classes)):
            raise ValueError(f"the classes are not 0 to {num_classes - 1}")
        if [len(row) for row in matrix] != [num_classes] * num_classes:
            raise ValueError(f"the confusion matrix is not of {num_classes} classes")
        return Facts(
            num_images=int(test["images"]),
            num_errors=int(test["errors"]),
            accuracy=float(test["accuracy"]),
            interval=(float(test["interval"][0]), float(test["interval"][1])),
            classes=classes,
            confusion_matrix=matrix,
            seconds=float(summary["training_seconds"]),
            num_parameters=int(summary["parameters"]),
            details={
                "Finished": str(summary["finished"]),
                "Device": str(summary["device"]),
                "Precision": str(summary["precision"]),
                "Seed": str(summary["seed"]),
                **{_titled(name): str(value) for name, value in summary["machine"].items()},
                "Versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
                "Commit": str(summary["commit"] or "unknown: not run from a git checkout"),
            },
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DigitsError(
            f"{run.summary_path}: a value that the report needs is missing "
            f"({type(error).__name__}: {error}); train anew."
        ) from error


def _of_class(row: dict[str, float]) -> dict[str, float]:
    """Take the figures of a class; in older summaries, the label is a digit."""
    label = row["label"] if "label" in row else row["digit"]
    figures = {key: float(row[key]) for key in ("support", "precision", "recall", "f1")}
    return {"label": float(label), **figures}


def _titled(name: str) -> str:
    """Convert a key to a label: `cpu_capability` to "CPU capability"."""
    return name.replace("_", " ").capitalize().replace("Cpu", "CPU").replace("Gpu", "GPU")
