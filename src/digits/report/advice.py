"""Advice: what to try next, by what is seen of a run. Each rule is silent, or says its figure.

Thresholds are our own choice; what they were set beside stands with each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb, sqrt

from digits.evaluation.label_errors import DOUBTED_MNIST
from digits.history import EpochRecord
from digits.recipe import Recipe
from digits.training.calibration import MIN_HELD_OUT

OVERFITTING_RATIO, OVERFITTING_GAP = 3.0, 0.02
"""Held-out loss by training loss, at least, and their difference in nats, at least."""

STILL_FALLING = 0.05
"""Least fall of the loss in the last epoch, as a fraction of what it was."""

SWING, SWING_ERRORS = 0.003, 2.0
"""Least fall of the held-out accuracy from one epoch to the next, as a fraction of the images (15
of 5,000), and in standard errors of that accuracy: among few images, it swings by chance."""

CALIBRATION_ERROR = 0.01
"""Least expected calibration error, 0 to 1; those of the recipes are 0.001 to 0.002
(benchmarks/results/calibration.json). It must also exceed the width of the accuracy's interval: on
few images, a network that is as sure as it is right has an error, too."""

PAIR_SHARE, PAIR_FACTOR, PAIR_ERRORS = 0.15, 2.0, 5
"""Least share of a pair of classes in all errors, by how much more that is than if all pairs were
alike, at least, and least number of errors. Of the 45 pairs of ten digits, each would have 0.02."""

DOUBTED_SHARE = 0.1
"""Least share, of the errors, of images whose label people doubt; of all test images of MNIST, they
are 0.0015."""

FEW_IMAGES = 500
"""Training images of a class below which a set is small; the smallest class of MNIST has 5,421."""

GAIN = 0.2
"""Share of the errors that a change is hoped to save: a fifth is more than most changes in
docs/experiments.md did."""


@dataclass(frozen=True)
class Advice:
    """What is seen of a run, and what to try next."""

    seen: str
    """A sentence with its figure."""
    next: str
    """What to try, in a sentence or two."""


@dataclass(frozen=True)
class Evidence:
    """The numbers that the rules judge by."""

    recipe: Recipe
    history: Sequence[EpochRecord]
    smallest_class: int
    """Number of training images of the class that has fewest."""
    classes: Sequence[str]
    num_images: int
    """Number of test images."""
    largest_share: float
    """Share of the most frequent class in the test images, 0 to 1."""
    interval: tuple[float, float]
    """Wilson interval (95 %) of the test accuracy, 0 to 1."""
    calibration_error: float
    """Expected calibration error on the test images, 0 to 1."""
    wrong: Sequence[int]
    """Test images that were read wrong, from 0."""
    pairs: Sequence[tuple[int, int]]
    """True and predicted class of each of them."""
    usual_epochs: int | None = None
    """Epochs of the recipe that comes with the package by the run's name, if there is one."""


def nothing_learned(evidence: Evidence) -> Advice | None:
    """Speak where naming the most frequent class each time would be right as often, or more."""
    low, _ = evidence.interval
    if low > evidence.largest_share:
        return None
    accuracy = 1 - len(evidence.wrong) / evidence.num_images
    return Advice(
        f"{100 * accuracy:.2f} % are read right; to answer with the most frequent class each time "
        f"is right in {100 * evidence.largest_share:.2f} %: the network has learned nothing yet.",
        f"Try a tenth of the learning rate (`--learning-rate "
        f"{evidence.recipe.learning_rate / 10:.2g}`), and look at the labels: are they of these "
        "images?",
    )


def cut_short(evidence: Evidence) -> Advice | None:
    """Speak where the run had fewer epochs than its recipe has."""
    epochs, usual = len(evidence.history), evidence.usual_epochs
    if usual is None or epochs >= usual:
        return None
    return Advice(
        f"The run had {epochs} epoch{'s' if epochs > 1 else ''}; the recipe "
        f"{evidence.recipe.name} has {usual}.",
        f"Try all of them: `--epochs {usual}`.",
    )


def overfitting(evidence: Evidence) -> Advice | None:
    """Speak where the training loss is far below the held-out loss; not with smoothed labels."""
    last = evidence.history[-1]
    if last.validation_loss is None or evidence.recipe.label_smoothing:
        return None
    gap = last.validation_loss - last.train_loss
    if gap < OVERFITTING_GAP or last.validation_loss < OVERFITTING_RATIO * last.train_loss:
        return None
    lacking = "" if evidence.recipe.augmentation else "augmentation (`--rotation-degrees 10`), "
    decay = max(1e-4, 3 * evidence.recipe.weight_decay)
    return Advice(
        f"The training loss is {last.train_loss:.3f}, the held-out loss "
        f"{last.validation_loss:.3f}: the network has learned its training images by heart.",
        f"Try {lacking}weight decay (`--weight-decay {decay:g}`), a network with dropout, or fewer "
        "epochs.",
    )


def nothing_held_out(evidence: Evidence) -> Advice | None:
    """Speak where no images are held out, by which to choose."""
    if evidence.history[-1].validation_loss is not None:
        return None
    some = max(1, min(5000, evidence.smallest_class * len(evidence.classes) // 10))
    return Advice(
        "No training images were held out.",
        "That is right for a last run. To compare settings, hold some out "
        f"(`--validation-size {some}`): who chooses by the test images has no others to measure "
        "on.",
    )


def still_learning(evidence: Evidence) -> Advice | None:
    """Speak where the loss still falls in the last epoch."""
    if len(evidence.history) < 2:
        return None
    before, last = (
        record.train_loss if record.validation_loss is None else record.validation_loss
        for record in evidence.history[-2:]
    )
    fall = (before - last) / before if before > 0 else 0.0
    if fall < STILL_FALLING or cut_short(evidence) is not None:
        return None
    which = "training" if evidence.history[-1].validation_loss is None else "held-out"
    epochs = len(evidence.history)
    return Advice(
        f"In the last epoch the {which} loss still fell by {100 * fall:.0f} %, from {before:.3f} "
        f"to {last:.3f}.",
        f"Try more epochs: `--epochs {2 * epochs}`.",
    )


def swinging(evidence: Evidence) -> Advice | None:
    """Speak where the held-out accuracy falls from one epoch to the next, in the second half."""
    found = [record.validation_accuracy for record in evidence.history]
    later = [value for value in found[len(found) // 2 :] if value is not None]
    falls = [before - after for before, after in pairwise(later)]
    num_held_out = evidence.recipe.validation_size
    if not falls or not num_held_out:
        return None
    spread = sqrt(max(value * (1 - value) for value in later) / num_held_out)
    if max(falls) < max(SWING, SWING_ERRORS * spread):
        return None
    rate = evidence.recipe.learning_rate
    lower = f"a lower learning rate (`--learning-rate {rate / 3:.2g}`)"
    way = (
        f"Try one that runs down (`--schedule one_cycle`), or {lower}."
        if evidence.recipe.schedule == "constant"
        else f"Try {lower}."
    )
    return Advice(
        f"The held-out accuracy swings: from one epoch to the next it fell by "
        f"{100 * max(falls):.2f} points, late in the training.",
        way,
    )


def miscalibrated(evidence: Evidence) -> Advice | None:
    """Speak where confidence and accuracy are far apart."""
    low, high = evidence.interval
    if evidence.calibration_error < max(CALIBRATION_ERROR, high - low):
        return None
    way, num_held_out = "", evidence.recipe.validation_size or 0
    if num_held_out < MIN_HELD_OUT and evidence.smallest_class >= FEW_IMAGES:
        way = (
            f" At least {MIN_HELD_OUT:,} held-out images (`--validation-size 5000`) give a better "
            "temperature."
        )
    return Advice(
        f"Confidence is off by {100 * evidence.calibration_error:.1f} points on average (the "
        "expected calibration error).",
        f"Do not take it for a probability yet.{way}",
    )


def confused_pair(evidence: Evidence) -> Advice | None:
    """Speak where two classes make up many of the errors."""
    pairs = [(min(pair), max(pair)) for pair in evidence.pairs]
    if not pairs:
        return None
    first, second = most = max(sorted(set(pairs)), key=pairs.count)
    count = pairs.count(most)
    alike = 1 / comb(len(evidence.classes), 2)
    if count < PAIR_ERRORS or count < max(PAIR_SHARE, PAIR_FACTOR * alike) * len(pairs):
        return None
    one, other = evidence.classes[first], evidence.classes[second]
    return Advice(
        f"{one} and {other} taken for each other make up {100 * count / len(pairs):.0f} % of the "
        f"errors ({count} of {len(pairs):,}).",
        "Look at them in the confusion matrix: what they have in common is what the network has "
        "not learned, or what nobody could tell.",
    )


def doubted_labels(evidence: Evidence) -> Advice | None:
    """Speak where errors are test images of MNIST whose label people doubt."""
    if evidence.recipe.dataset != "mnist":
        return None
    found = sorted({*DOUBTED_MNIST} & {*evidence.wrong})
    if not found or len(found) < DOUBTED_SHARE * len(evidence.wrong):
        return None
    listed = ", ".join(map(str, found))
    return Advice(
        f"Of the {len(evidence.wrong):,} errors, {len(found)} are images with whose label fewer "
        f"than three of five people agree (no. {listed}).",
        "No network need read these as they are labelled: what can still be won is less than the "
        "errors say.",
    )


def small_set(evidence: Evidence) -> Advice | None:
    """Speak where a class has few training images."""
    if evidence.smallest_class >= FEW_IMAGES:
        return None
    way = (
        "More pictures help most."
        if evidence.recipe.augmentation
        else "More pictures help most; augmentation (`--rotation-degrees 10`, "
        "`--shift-pixels 1.5`, `--scale 0.1`) comes next."
    )
    return Advice(
        f"The smallest class has {evidence.smallest_class:,} training images; MNIST's has 5,421.",
        way,
    )


def wide_interval(evidence: Evidence) -> Advice | None:
    """Speak where the interval is wider than the gain that one may hope for."""
    if not evidence.wrong:
        return None
    half = (evidence.interval[1] - evidence.interval[0]) / 2
    gain = GAIN * len(evidence.wrong) / evidence.num_images
    if half < gain:
        return None
    return Advice(
        f"The interval reaches {100 * half:.2f} points either way; a fifth of the errors less "
        f"would be {100 * gain:.2f} points.",
        "One run can't show such a gain. Train several seeds of both (`--seeds 5`) and ask "
        "`digits compare`; or set two runs side by side, image by image: `digits report RUN "
        "OTHER`.",
    )


RULES: tuple[Callable[[Evidence], Advice | None], ...] = (
    nothing_learned,
    cut_short,
    overfitting,
    still_learning,
    swinging,
    small_set,
    confused_pair,
    doubted_labels,
    miscalibrated,
    wide_interval,
    nothing_held_out,
)
"""The rules in the order of what they say: first what may gain most."""


def advise(evidence: Evidence) -> list[Advice]:
    """Ask each rule what to try next."""
    return [advice for rule in RULES if (advice := rule(evidence)) is not None]
