"""A run's report: figures as PNG files, and one HTML file that holds them all and needs no other.

What is drawn is computed here from the run and the data, handed to `digits.plots`, and set into
`templates/report.html.j2` with a sentence or two on what it shows.
"""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float64, Int64
from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import Tensor

from digits import plots
from digits.data import DigitSet, load
from digits.errors import DigitsError, InvalidInput
from digits.evaluation import predict
from digits.evaluation.inspection import feature_maps, first_filters, saliency
from digits.evaluation.metrics import reliability, risk_coverage
from digits.files import write_atomic
from digits.recipe import Augmentation
from digits.run import Run
from digits.training.augmentation import augment

NUM_COPIES = 21
"""Of the augmented digit."""
NUM_PREDICTIONS = 6
"""Ordinary ones, and as many of those the network is least sure of."""
NUM_MISTAKES = 24
NO_CONVOLUTION = "There are none to show: this network has no nn.Conv2d layers."
SALIENCY_SAMPLES = 10
SALIENCY_NOISE = 0.15 * 255
"""In pixel values; 10 to 20 % of the range is what the SmoothGrad paper advises."""


@dataclass(frozen=True)
class Illustration:
    """A figure with what is said about it. Without a figure, the caption says why."""

    name: str
    """Of the file, without .png, and of the anchor in the page."""
    title: str
    caption: str
    alt: str = ""
    png: bytes | None = None

    @property
    def data_uri(self) -> str:
        """The figure as an address that is the picture itself."""
        assert self.png is not None
        return "data:image/png;base64," + b64encode(self.png).decode()


@dataclass(frozen=True)
class Section:
    """Illustrations that belong together."""

    title: str
    illustrations: tuple[Illustration, ...]


@dataclass(frozen=True)
class Facts:
    """What the page takes from a run's summary."""

    num_images: int
    num_errors: int
    accuracy: float
    interval: tuple[float, float]
    calibration_error: float
    digits: list[dict[str, float]]
    confusion_matrix: list[list[int]]
    seconds: float
    num_parameters: int
    details: dict[str, str]
    """Name to value: device, machine, versions and so on."""


class Material:
    """What the illustrations are made of: a run, the data, and what the network makes of them."""

    def __init__(self, run: Run, data: DigitSet, *, device: str) -> None:
        self.recipe, self.history, self.model = run.recipe, run.history, run.model
        if not self.history:
            raise DigitsError(f"{run.history_path} is empty: expected a line an epoch.")
        self.facts = _facts(run)
        self.train, self.test = data.train, data.test
        precision = self.recipe.precision
        logits = predict(self.model, self.test.images, device=device, precision=precision)
        self.probabilities: Float64[Tensor, "n 10"] = logits.double().softmax(dim=1)
        """Of the test images."""
        self.confidence: Float64[Tensor, " n"] = self.probabilities.amax(dim=1)
        self.predicted: Int64[Tensor, " n"] = self.probabilities.argmax(dim=1)
        wrong = (self.predicted != self.test.labels).nonzero()[:, 0]
        order = self.confidence[wrong].argsort(descending=True, stable=True)
        self.mistakes: Int64[Tensor, " errors"] = wrong[order]
        """Numbers of the test images that were read wrong, most confident first."""


def write_report(run: Run | str | Path, *, device: str = "auto") -> Path:
    """Write a run's figures and its report into its folder; those of an earlier call are replaced.

    Args:
        run: A finished run, or its folder.
        device: What predictions are computed on: auto, cpu, cuda or mps.

    Returns:
        The report, `run.report_path`. The figures are in `run.figures_path`.

    Raises:
        DigitsError: If the run is not finished or is damaged, its network is not registered here,
            the data can't be had, or the folder can't be written.
    """
    run = run if isinstance(run, Run) else Run(run)
    material = Material(run, load(run.recipe.dataset), device=device)
    sections = _illustrate(material)
    page = _render(material, sections)
    for section in sections:
        for illustration in section.illustrations:
            if illustration.png is not None:
                write_atomic(run.figures_path / f"{illustration.name}.png", illustration.png)
    write_atomic(run.report_path, page.encode())
    return run.report_path


def _facts(run: Run) -> Facts:
    summary = run.summary
    try:
        test, versions = summary["test"], summary["versions"]
        return Facts(
            num_images=int(test["images"]),
            num_errors=int(test["errors"]),
            accuracy=float(test["accuracy"]),
            interval=(float(test["interval"][0]), float(test["interval"][1])),
            calibration_error=float(test["expected_calibration_error"]),
            digits=[
                {key: float(row[key]) for key in ("digit", "support", "precision", "recall", "f1")}
                for row in test["digits"]
            ],
            confusion_matrix=[[int(count) for count in row] for row in test["confusion_matrix"]],
            seconds=float(summary["training_seconds"]),
            num_parameters=int(summary["parameters"]),
            details={
                "Finished": str(summary["finished"]),
                "Device": str(summary["device"]),
                "Precision": str(summary["precision"]),
                "Seed": str(summary["seed"]),
                **{_titled(name): str(value) for name, value in summary["machine"].items()},
                "Versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
                "Commit": str(summary["commit"] or "not known: not run from a checkout"),
            },
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DigitsError(
            f"{run.summary_path} lacks what a report needs ({type(error).__name__}: {error})."
        ) from error


def _render(material: Material, sections: list[Section]) -> str:
    environment = Environment(
        loader=PackageLoader("digits"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda fraction: f"{100 * fraction:.2f}"
    environment.filters["duration"] = _duration
    return environment.get_template("report.html.j2").render(
        recipe=material.recipe,
        facts=material.facts,
        num_errors_here=len(material.mistakes),
        sections=sections,
    )


def _illustrate(material: Material) -> list[Section]:
    return [
        Section("The data", (_samples(material), _augmentation(material))),
        Section("Learning", (_learning_curves(material),)),
        Section("How good it is", (_confusion(material), _reliability(material), _risk(material))),
        Section("What it reads", (_predictions(material), _mistakes(material))),
        Section(
            "Inside the network", (_filters(material), _feature_maps(material), _saliency(material))
        ),
    ]


def _samples(material: Material) -> Illustration:
    images, labels = material.train.images, material.train.labels
    return Illustration(
        name="samples",
        title="Digits and their labels",
        caption="The first five training images of each digit, under the label that people gave "
        "them. An image is 28×28 numbers from 0 (paper) to 255 (ink).",
        alt="A table of handwritten digits, five of each from 0 to 9.",
        png=plots.to_png(plots.samples(images, labels)),
    )


def _augmentation(material: Material) -> Illustration:
    augmentation = material.recipe.augmentation
    name, title = "augmentation", "Augmentation"
    if not augmentation:
        caption = (
            "This recipe uses none: in every epoch the network sees each training image exactly "
            "as it was written."
        )
        return Illustration(name, title, caption)
    original = material.train.images[0]
    generator = torch.Generator().manual_seed(material.recipe.seed)
    label = material.train.labels[0]
    copies = original.expand(NUM_COPIES, 1, -1, -1)
    copies, _ = augment(copies, label.expand(NUM_COPIES), augmentation, generator)
    return Illustration(
        name=name,
        title=title,
        caption="Each time an image comes up in training it is changed a little, at random: "
        f"{_amounts(augmentation)}. The label stays, so the network learns what does not matter.",
        alt=f"A handwritten {int(label)} and {NUM_COPIES} changed copies of it.",
        png=plots.to_png(plots.augmented_digit(original, copies[:, 0])),
    )


def _amounts(augmentation: Augmentation) -> str:
    amounts = {
        "rotated by up to {:g}° either way": augmentation.rotation_degrees,
        "shifted by up to {:g} pixels along each axis": augmentation.shift_pixels,
        "scaled by up to {:g} %": 100 * augmentation.scale,
        "slanted by up to {:g}° either way": augmentation.shear_degrees,
        "made up to {:g} % wider or narrower": 100 * augmentation.stretch,
        "bent by up to {:g} pixels or so": augmentation.elastic_pixels,
        "in {:g} % of cases with other strokes": 100 * augmentation.pens,
        "in {:g} % with things around it": 100 * augmentation.surroundings,
        "in {:g} % made nonsense, to which no answer is right": 100 * augmentation.nonsense,
    }
    return ", ".join(text.format(amount) for text, amount in amounts.items() if amount)


def _learning_curves(material: Material) -> Illustration:
    last = material.history[-1]
    reached = f"After epoch {last.epoch} the training loss is {last.train_loss:.3f}"
    if last.validation_loss is not None and last.validation_accuracy is not None:
        reached += (
            f" and the validation loss {last.validation_loss:.3f}; "
            f"{100 * last.validation_accuracy:.2f} % of the validation images, which the network "
            "does not learn from, are read right. "
        )
    else:
        reached += "; no images were held out for validation. "
    if (fraction := material.recipe.hard_fraction) < 1:
        reached += (
            f"From the second epoch on, it learns from the {100 * fraction:g} % of the images with "
            "the highest loss; the others count as they came out last. "
        )
    return Illustration(
        name="learning-curves",
        title="Loss and accuracy, epoch by epoch",
        caption=reached + "Training figures are taken while the network is still learning, with "
        "dropout, augmentation and smoothed labels if it has them: they can be worse than those of "
        "validation.",
        alt="Two line charts over the epochs: loss and accuracy, of training and validation.",
        png=plots.to_png(plots.learning_curves(material.history)),
    )


def _confusion(material: Material) -> Illustration:
    counts = torch.tensor(material.facts.confusion_matrix)
    errors = counts - counts.diagonal().diag()
    most = int(errors.max())
    true, predicted = divmod(int(errors.argmax()), len(errors))
    found = (
        f"The most frequent mistake: a {true} read as a {predicted}, {_times(most)}."
        if most
        else "No digit was read wrong."
    )
    return Illustration(
        name="confusion-matrix",
        title="Which digits are taken for which",
        caption="Test images by true digit (row) and by what they were read as (column). Those on "
        f"the grey diagonal are right; the darker the blue, the more mistakes. {found}",
        alt=f"A table of ten by ten counts. {found}",
        png=plots.to_png(plots.confusion_matrix(material.facts.confusion_matrix)),
    )


def _reliability(material: Material) -> Illustration:
    bins = reliability(material.probabilities, material.test.labels)
    top, total, edge = int(bins.counts[-1]), int(bins.counts.sum()), float(bins.edges[-2])
    return Illustration(
        name="reliability",
        title="Is it as right as it is sure?",
        caption="Test images sorted by confidence, the probability that the network gives to its "
        "first guess. On the dashed line it is right exactly as often as it says. "
        f"{top:,} of {total:,} images are read with more than {100 * edge:.0f} % confidence; "
        "where there are few images, the interval is long and the point says little. The expected "
        "calibration error, the distance from the line averaged over images, is "
        f"{100 * material.facts.calibration_error:.2f} percentage points.",
        alt="Accuracy against confidence in bins, and the number of test images in each.",
        png=plots.to_png(plots.reliability_diagram(bins)),
    )


def _risk(material: Material) -> Illustration:
    curve = risk_coverage(material.probabilities, material.test.labels)
    return Illustration(
        name="risk-coverage",
        title="What is left wrong when it may refuse?",
        caption="Where confidence means something, one can leave the images of which the network "
        "is least sure to a person. Share of wrong answers among those that are read, from the "
        f"surest image to all: {100 * curve.risk_at(1):.2f} % of all are wrong, "
        f"{100 * curve.risk_at(0.99):.2f} % of the surest 99 %, and "
        f"{100 * curve.risk_at(0.95):.2f} % of the surest 95 %.",
        alt="A line that rises from no errors among the surest images to those of all.",
        png=plots.to_png(plots.risk_coverage_curve(curve)),
    )


def _predictions(material: Material) -> Illustration:
    first = torch.arange(min(NUM_PREDICTIONS, len(material.test)))
    rest = material.confidence[len(first) :].argsort(stable=True) + len(first)
    indices = torch.cat([first, rest[:NUM_PREDICTIONS]])
    figure = plots.predictions(
        material.test.images[indices],
        material.test.labels[indices],
        material.probabilities[indices],
        indices,
    )
    return Illustration(
        name="predictions",
        title="Predictions and their confidence",
        caption=f"The first {len(first)} test images, and after them those of which the network "
        "is least sure. Bars: the probabilities of its three likeliest readings. Images are "
        "numbered from 0.",
        alt="Handwritten digits, each with bars for its three likeliest readings.",
        png=plots.to_png(figure),
    )


def _mistakes(material: Material) -> Illustration:
    name, title = "mistakes", "The most confident mistakes"
    shown = material.mistakes[:NUM_MISTAKES]
    if len(shown) == 0:
        return Illustration(name, title, "There are none: every test image was read right.")
    figure = plots.mistakes(
        material.test.images[shown],
        material.test.labels[shown],
        material.predicted[shown],
        material.confidence[shown],
        shown,
    )
    return Illustration(
        name=name,
        title=title,
        caption=f"{len(shown)} of the {len(material.mistakes):,} test images that were read wrong, "
        "those with the highest confidence. Above each: the true digit and what it was read as; "
        "below: the confidence in that, and the image’s number in the test set, from 0.",
        alt="Handwritten digits that were read wrong, with what they were read as.",
        png=plots.to_png(figure),
    )


def _filters(material: Material) -> Illustration:
    name, title = "filters", "Filters of the first layer"
    try:
        weights = first_filters(material.model)
    except InvalidInput:
        return Illustration(name, title, NO_CONVOLUTION)
    count, channels, height, width = weights.shape
    if channels != 1:
        caption = f"They are not shown: they look at {channels} channels, not at the image itself."
        return Illustration(name, title, caption)
    return Illustration(
        name=name,
        title=title,
        caption=f"The {count} filters that slide over the image, each {height}×{width} weights, "
        "all on one scale. A filter responds most where ink lies under its red weights and paper "
        "under its blue ones.",
        alt=f"{count} small grids of weights, red above zero and blue below.",
        png=plots.to_png(plots.filters(weights)),
    )


def _feature_maps(material: Material) -> Illustration:
    image, label = material.test.images[0], int(material.test.labels[0])
    name, title = "feature-maps", "A digit on its way through the network"
    try:
        stages = feature_maps(material.model, image)
    except InvalidInput:
        return Illustration(name, title, NO_CONVOLUTION)
    return Illustration(
        name=name,
        title=title,
        caption=f"The first test image, a {label}, and what each convolution, with the layers that "
        "follow it, makes of it: one small picture a filter, bright where it responds strongly. "
        "All pictures of a stage have the same scale; those that vary most are shown.",
        alt=f"A handwritten {label}, and rows of feature maps, one block for each convolution.",
        png=plots.to_png(plots.feature_maps(image, stages)),
    )


def _saliency(material: Material) -> Illustration:
    labels = material.test.labels
    # The first of each digit that there is.
    chosen = torch.tensor([int((labels == digit).nonzero()[0]) for digit in labels.unique()])
    images = material.test.images[chosen]
    gradients = saliency(material.model, images, num_samples=SALIENCY_SAMPLES, noise=SALIENCY_NOISE)
    figure = plots.saliency_maps(
        images, gradients, material.predicted[chosen], material.confidence[chosen]
    )
    return Illustration(
        name="saliency",
        title="Pixels that move the answer",
        caption="The first test image of each digit. The stronger the orange, the more the score "
        "of the network’s answer changes with that pixel: the size of the logit’s gradient, "
        f"averaged over {SALIENCY_SAMPLES} noisy copies, each picture on its own scale. It shows "
        "where the network is sensitive, not why it decides as it does.",
        alt="Handwritten digits with the pixels that move the network’s answer most in orange.",
        png=plots.to_png(figure),
    )


def _titled(name: str) -> str:
    """`cpu_capability` as "CPU capability"."""
    return name.replace("_", " ").capitalize().replace("Cpu", "CPU").replace("Gpu", "GPU")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
