"""Illustrations of a report: what they show is computed here, and drawn by `digits.plots`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from matplotlib.figure import Figure

from digits import plots
from digits.errors import InvalidInput
from digits.evaluation.inspection import feature_maps, first_filters, saliency
from digits.evaluation.metrics import (
    Reliability,
    expected_calibration_error,
    reliability,
    risk_coverage,
)
from digits.recipe import Augmentation
from digits.report.material import Material
from digits.report.tiles import MOST_CLASSES
from digits.training.augmentation import augment
from digits.training.targets import smoothed_entropy

NUM_COPIES = 21
"""Number of copies of the augmented digit."""
NUM_PREDICTIONS = 6
"""Number of ordinary predictions shown, and of the least confident ones."""
NUM_MISTAKES = 24
"""Most misclassified images shown."""
NO_CONVOLUTION = "There is nothing to show: this network has no nn.Conv2d layers."
SALIENCY_SAMPLES = 10
"""Noisy copies of each image over which SmoothGrad averages."""
SALIENCY_NOISE = 0.15 * 255
"""Noise of SmoothGrad in pixel values; its paper recommends 10 to 20 % of the range."""


@dataclass(frozen=True)
class Illustration:
    """A figure with title and caption; where there is no figure, the caption says why."""

    name: str
    """Name of the PNG file, without its suffix, and of the anchor in the page."""
    title: str
    caption: str
    png: bytes | None = None
    """Content of the PNG file."""
    svg: str = ""
    """The figure as an element of the page, in the colours of the page's scheme."""
    narrow_svg: str = ""
    """The same, laid out for a phone; empty where the one is legible there, if it scrolls."""


def illustration(
    name: str,
    title: str,
    caption: str,
    alt: str,
    draw: Callable[..., Figure],
    *,
    is_fluid: bool = True,
    is_on_page: bool = True,
) -> Illustration:
    """Draw a figure for a page, for a phone and as a file.

    Args:
        name: Name of the file, without its suffix, and of the anchor in the page.
        title: Title in the page.
        caption: What there is to see.
        alt: Alternative text of the figure.
        draw: A function of `digits.plots`, with what it draws.
        is_fluid: Whether the function can lay the figure out anew, by `width_inches`.
        is_on_page: Whether the page shows it; if not, it is a file alone.

    Returns:
        The figure with its texts.
    """
    figure = draw()
    png, narrow = plots.to_png(figure), ""
    if not is_on_page:
        return Illustration(name, title, caption, png)
    if is_fluid:
        phone = draw(width_inches=plots.NARROW_INCHES)
        narrow = plots.to_svg(phone, name=f"{name}-narrow", label=alt)
    figure.set_layout_engine("none")  # everything has its place now; finding it takes long
    # An SVG is sharp at any size and follows the page's scheme in one figure, on paper too; all of
    # them are a third of the PNG files.
    svg = plots.to_svg(figure, name=f"{name}-wide", label=alt)
    return Illustration(name, title, caption, png, svg, narrow)


@dataclass(frozen=True)
class Section:
    """A section of the report."""

    title: str
    illustrations: tuple[Illustration, ...]


def illustrate(material: Material) -> list[Section]:
    """Draw all figures of a report, by section."""
    return [
        Section("The data", (_samples(material), _augmentation(material))),
        Section("Training", (_learning_curves(material),)),
        Section("Evaluation", (_confusion(material), _reliability(material), _risk(material))),
        Section("Predictions", (_predictions(material), _mistakes(material))),
        Section(
            "Inside the network", (_filters(material), _feature_maps(material), _saliency(material))
        ),
    ]


def _samples(material: Material) -> Illustration:
    images, labels, size = material.train.images, material.train.labels, material.train.size
    return illustration(
        name="samples",
        title=f"{_plural(material).capitalize()} and their labels",
        caption=f"The first five training images of each {material.noun}, below their label. An "
        f"image has {size}×{size} pixels, whose values run from 0 (paper) to 255 (ink).",
        alt=f"A table of images, five of each {material.noun}.",
        draw=partial(plots.samples, images, labels, classes=material.names),
    )


def _augmentation(material: Material) -> Illustration:
    augmentation = material.recipe.augmentation
    name, title = "augmentation", "Augmentation"
    if not augmentation:
        caption = (
            "This recipe uses no augmentation: in every epoch the network sees each training "
            "image exactly as it was written."
        )
        return Illustration(name, title, caption)
    original = material.train.images[0]
    generator = torch.Generator().manual_seed(material.recipe.seed)
    label = material.train.labels[0]
    copies = original.expand(NUM_COPIES, 1, -1, -1)
    labels = label.expand(NUM_COPIES)
    num_classes = len(material.classes)
    copies, _ = augment(copies, labels, augmentation, generator, num_classes=num_classes)
    return illustration(
        name=name,
        title=title,
        caption="Each time a training image is used, it is changed at random: "
        f"{_amounts(augmentation)}. The label stays the same, so the network learns to ignore "
        "such changes.",
        alt=f"An image of {material.classes[int(label)]} and {NUM_COPIES} changed copies of it.",
        draw=partial(plots.augmented_digit, original, copies[:, 0]),
    )


def _amounts(augmentation: Augmentation) -> str:
    amounts = {
        "rotated by up to {:g}° either way": augmentation.rotation_degrees,
        "shifted by up to {:g} pixels along each axis": augmentation.shift_pixels,
        "scaled by up to {:g} %": 100 * augmentation.scale,
        "slanted by up to {:g}° either way": augmentation.shear_degrees,
        "made up to {:g} % wider or narrower": 100 * augmentation.stretch,
        "distorted elastically by up to about {:g} pixels": augmentation.elastic_pixels,
        "in {:g} % of cases given another writing style": 100 * augmentation.writing_styles,
        "in {:g} % of cases given other strokes": 100 * augmentation.stroke_variation,
        "in {:g} % of cases degraded like a poor scan": 100 * augmentation.degradation,
        "in {:g} % of cases turned into an outlier, which is no digit": 100 * augmentation.outliers,
    }
    return ", ".join(text.format(amount) for text, amount in amounts.items() if amount)


def _learning_curves(material: Material) -> Illustration:
    last = material.history[-1]
    reached = f"After epoch {last.epoch} the training loss is {last.train_loss:.3f}"
    if last.validation_loss is not None and last.validation_accuracy is not None:
        reached += (
            f" and the validation loss {last.validation_loss:.3f}; "
            f"{100 * last.validation_accuracy:.2f} % of the validation images, from which the "
            "network does not learn, are read correctly. "
        )
    else:
        reached += "; no images were held out for validation. "
    if (fraction := material.recipe.hard_fraction) < 1:
        reached += (
            f"From the second epoch on, it learns from the {100 * fraction:g} % of the images with "
            "the highest loss; the others enter the training figures with their last result. "
        )
    target_entropy = None
    if smoothing := material.recipe.label_smoothing:
        target_entropy = smoothed_entropy(smoothing, len(material.classes))
        reached += (
            f"As labels are smoothed by {smoothing:g}, no training loss can fall below "
            f"{target_entropy:.3f}, the dashed line; validation loss is without smoothing. "
        )
    return illustration(
        name="learning-curves",
        title="Learning curves",
        caption=reached + "The training figures are recorded while the network learns, with "
        "dropout, augmentation and label smoothing where the recipe has them, so they can be worse "
        "than the validation figures.",
        alt="Two line charts over the epochs: training and validation loss, and accuracy.",
        draw=partial(plots.learning_curves, material.history, target_entropy=target_entropy),
    )


def _confusion(material: Material) -> Illustration:
    counts = torch.tensor(material.facts.confusion_matrix)
    errors = counts - counts.diagonal().diag()
    most = int(errors.max())
    true, predicted = divmod(int(errors.argmax()), len(errors))
    found = (
        f"The most frequent mistake is {material.classes[true]} read as "
        f"{material.classes[predicted]}, {_times(most)}."
        if most
        else "No image was read wrong."
    )
    return illustration(
        name="confusion-matrix",
        title="Confusion matrix",
        caption=f"Numbers of test images by true {material.noun} (row) and predicted "
        f"{material.noun} (column). The grey diagonal holds the correct predictions; the stronger "
        f"the blue, the more mistakes, on a scale of their own. {found}",
        alt=f"A table of {len(counts)} by {len(counts)} counts. {found}",
        draw=partial(plots.confusion_matrix, material.facts.confusion_matrix, material.names),
        is_fluid=False,
        is_on_page=len(material.classes) > MOST_CLASSES,  # else it is a table there
    )


def _reliability(material: Material) -> Illustration:
    labels = material.test.labels
    bins, before = (
        reliability(probabilities, labels)
        for probabilities in (material.probabilities, material.uncalibrated)
    )
    error = expected_calibration_error(material.probabilities, labels)
    top, total, edge = int(bins.counts[-1]), int(bins.counts.sum()), float(bins.edges[-2])
    return illustration(
        name="reliability",
        title="Calibration",
        caption="Is the network as sure as it is right? Its confidence, the probability that it "
        f"gives to its prediction, is {100 * bins.mean_confidence:.2f} % on average, and "
        f"{100 * bins.mean_accuracy:.2f} % of the test images are read correctly: it is "
        f"{_overconfidence(bins)}. Its logits are divided by a temperature of "
        f"{material.temperature:.2f}, which was not chosen on these images; before that it was "
        f"{_overconfidence(before)}. In the reliability diagram, a point stands for the images of "
        "about the same confidence; on the dashed line, the two agree. "
        f"{top:,} of {total:,} images are read with more than {100 * edge:.0f} % confidence; "
        "where there are few images, the interval is long and the point says little. The expected "
        "calibration error, the distance from the line averaged over images, is "
        f"{100 * error:.2f} percentage points.",
        alt="Accuracy against confidence in bins, before and after the logits were divided by the "
        "temperature, and the number of test images in each bin.",
        draw=partial(plots.reliability_diagram, bins, before),
    )


def _overconfidence(bins: Reliability) -> str:
    """Say by how much a network is surer than it is right, or less sure."""
    points = 100 * (bins.mean_confidence - bins.mean_accuracy)
    if abs(points) < 0.005:
        return "as sure as it is right, within 0.01 percentage points"
    return f"{'over' if points > 0 else 'under'}confident by {abs(points):.2f} percentage points"


def _risk(material: Material) -> Illustration:
    curve = risk_coverage(material.probabilities, material.test.labels)
    return illustration(
        name="risk-coverage",
        title="Risk and coverage",
        caption="In selective prediction the least confident images are refused, and left to a "
        "person. Coverage is the share of images that are read, risk the share of those that are "
        f"read wrong: {100 * curve.risk_at(1):.2f} % at full coverage, "
        f"{100 * curve.risk_at(0.99):.2f} % at 99 % coverage, and "
        f"{100 * curve.risk_at(0.95):.2f} % at 95 % coverage.",
        alt="The error rate falls with the share of images that are refused.",
        draw=partial(plots.risk_coverage_curve, curve),
    )


def _predictions(material: Material) -> Illustration:
    first = torch.arange(min(NUM_PREDICTIONS, len(material.test)))
    rest = material.confidence[len(first) :].argsort(stable=True) + len(first)
    indices = torch.cat([first, rest[:NUM_PREDICTIONS]])
    draw = partial(
        plots.predictions,
        material.test.images[indices],
        material.test.labels[indices],
        material.probabilities[indices],
        indices,
        classes=material.names,
    )
    return illustration(
        name="predictions",
        title="Predictions and confidence",
        caption=f"The first {len(first)} test images, followed by those with the least confident "
        f"predictions. The bars show the probabilities of the three most probable "
        f"{_plural(material)}. Images are numbered from 0.",
        alt=f"Test images, each with bars for its three most probable {_plural(material)}.",
        draw=draw,
    )


def _mistakes(material: Material) -> Illustration:
    name, title = "mistakes", "Mistakes, the most confident first"
    shown = material.mistakes[:NUM_MISTAKES]
    if len(shown) == 0:
        return Illustration(name, title, "There are none: every test image was read correctly.")
    draw = partial(
        plots.mistakes,
        material.test.images[shown],
        material.test.labels[shown],
        material.predicted[shown],
        material.confidence[shown],
        shown,
        classes=material.names,
    )
    return illustration(
        name=name,
        title=title,
        caption=f"The {len(shown)} most confident of the {len(material.mistakes):,} misclassified "
        f"test images. Above each image are its true and its predicted {material.noun}; below it "
        "are the confidence of the prediction and the image’s number in the test set, from 0.",
        alt=f"Test images that were read wrong, with the predicted {_plural(material)}.",
        draw=draw,
        is_on_page=False,  # there they can be sorted
    )


def _filters(material: Material) -> Illustration:
    name, title = "filters", "Filters of the first layer"
    try:
        weights = first_filters(material.model)
    except InvalidInput:
        return Illustration(name, title, NO_CONVOLUTION)
    count, channels, height, width = weights.shape
    if channels != 1:
        caption = f"They are not shown, because they have {channels} input channels."
        return Illustration(name, title, caption)
    return illustration(
        name=name,
        title=title,
        caption=f"The {count} filters that are convolved with the image, all on one scale. Each "
        f"has {height}×{width} weights. A filter responds most where ink lies under its orange "
        "weights and paper under its blue ones; the stronger the colour, the more a weight counts.",
        alt=f"{count} small grids of weights, orange above zero and blue below.",
        draw=partial(plots.filters, weights),
    )


def _feature_maps(material: Material) -> Illustration:
    image, label = material.test.images[0], material.classes[int(material.test.labels[0])]
    name, title = "feature-maps", "Feature maps"
    try:
        stages = feature_maps(material.model, image)
    except InvalidInput:
        return Illustration(name, title, NO_CONVOLUTION)
    return illustration(
        name=name,
        title=title,
        caption=f"The first test image ({label}) and its feature maps behind each convolution "
        "and the layers that follow it. There is one map for each filter, bright where the filter "
        "responds strongly. All maps of a stage share one scale, whose ends are given; those that "
        "vary most are shown.",
        alt=f"An image of {label}, and rows of feature maps, one block for each convolution.",
        draw=partial(plots.feature_maps, image, stages),
    )


def _saliency(material: Material) -> Illustration:
    labels = material.test.labels
    # The first image of each class that occurs.
    chosen = torch.tensor([int((labels == label).nonzero()[0]) for label in labels.unique()])
    images = material.test.images[chosen]
    gradients = saliency(material.model, images, num_samples=SALIENCY_SAMPLES, noise=SALIENCY_NOISE)
    draw = partial(
        plots.saliency_maps,
        images,
        gradients,
        material.predicted[chosen],
        material.confidence[chosen],
        classes=material.names,
    )
    return illustration(
        name="saliency",
        title="Saliency maps",
        caption=f"The first test image of each {material.noun}. The stronger the orange, the more "
        f"the logit of the predicted {material.noun} changes with that pixel: the magnitude of its "
        f"gradient, averaged over {SALIENCY_SAMPLES} noisy copies (SmoothGrad), each image on its "
        "own scale. The maps show where the network is sensitive, not why it decides as it does.",
        alt="Test images, with the pixels to which the network is most sensitive in orange.",
        draw=draw,
    )


def _plural(material: Material) -> str:
    return "digits" if material.noun == "digit" else "classes"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
