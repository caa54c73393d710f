"""Advice of a report: each rule speaks where its figure is, and is silent where it is not."""

from dataclasses import replace
from typing import Any

import pytest

from digits.evaluation.label_errors import DOUBTED_MNIST
from digits.history import EpochRecord
from digits.recipe import Augmentation, Recipe
from digits.report.advice import Evidence, advise

RECIPE = Recipe(name="mine", network="compact", epochs=3, validation_size=5000)
SMALL = RECIPE.override(validation_size=100)


def history(*losses: tuple[float, float | None], accuracies: Any = None) -> list[EpochRecord]:
    """An epoch for each pair of training and held-out loss."""
    accuracies = accuracies or [None if held is None else 0.98 for _, held in losses]
    return [
        EpochRecord(number, 1000, train, 0.98, held, accuracy, 1e-3, 1.0)
        for number, ((train, held), accuracy) in enumerate(
            zip(losses, accuracies, strict=True), start=1
        )
    ]


SOUND = Evidence(
    recipe=RECIPE,
    history=history((0.3, 0.2), (0.05, 0.06), (0.049, 0.059)),
    smallest_class=5_421,
    classes=tuple("0123456789"),
    num_images=10_000,
    largest_share=0.1135,
    interval=(0.99, 0.992),
    calibration_error=0.002,
    wrong=range(10_000, 10_090),
    pairs=[(index % 10, (index // 10 + index + 1) % 10) for index in range(90)],
)
"""A run of which there is nothing to say."""

ALIKE = [(4, 9)] * 12 + [(9, 4)] * 6
"""Eighteen errors, all of one pair."""


def test_nothing_is_said_of_a_run_without_findings() -> None:
    assert advise(SOUND) == []


@pytest.mark.parametrize(
    ("changes", "seen", "next"),
    [
        (
            {"wrong": range(8_865), "interval": (0.1074, 0.1199)},
            "11.35 % are read right; to answer with the most frequent class each time is right in",
            "--learning-rate 0.0001",
        ),
        (
            {"history": history((0.3, 0.2)), "usual_epochs": 5},
            "The run had 1 epoch; the recipe mine has 5",
            "--epochs 5",
        ),
        ({"history": history((0.01, 0.06))}, "0.010, the held-out loss 0.060", "augmentation"),
        ({"history": history((0.3, 0.2), (0.1, 0.1))}, "fell by 50 %, from 0.200", "--epochs 4"),
        (
            {"history": history((0.1, None), (0.09, None))},
            "training loss still fell by 10 %, from 0.100 to 0.090",
            "--epochs 4",
        ),
        (
            {"history": history(*[(0.05, 0.06)] * 3, accuracies=(0.98, 0.985, 0.981))},
            "fell by 0.40 points",
            "--schedule one_cycle",
        ),
        ({"smallest_class": 60}, "has 60 training images", "augmentation"),
        (
            {"pairs": [*SOUND.pairs[:72], *ALIKE]},
            "4 and 9 taken for each other make up 2",
            "matrix",
        ),
        (
            {"wrong": [5, *DOUBTED_MNIST[:3]]},
            "Of the 4 errors, 3",
            "less",
        ),
        (
            {"calibration_error": 0.034, "recipe": SMALL},
            "off by 3.4 points",
            "--validation-size 5000",
        ),
        (
            {"interval": (0.98, 0.99)},
            "0.50 points either way; a fifth of the errors less would be 0.18 points",
            "digits compare",
        ),
        (
            {"history": history((0.05, None))},
            "No training images were held out",
            "--validation-size",
        ),
    ],
)
def test_a_rule_speaks_with_its_figure(changes: dict[str, Any], seen: str, next: str) -> None:
    found = [advice for advice in advise(replace(SOUND, **changes)) if seen in advice.seen]
    assert len(found) == 1
    assert next in found[0].next


@pytest.mark.parametrize(
    "changes",
    [
        # Smoothed labels keep the training loss high, and the held-out loss has none.
        {"recipe": RECIPE.override(label_smoothing=0.1), "history": history((0.01, 0.06))},
        {"history": history((0.01, 0.025))},  # twice as high, and of no account
        {"history": history((0.1, 0.1), (0.09, 0.097))},  # 3 % in the last epoch
        {"history": history(*[(0.05, 0.06)] * 4, accuracies=(0.98, 0.97, 0.98, 0.979))},
        {"smallest_class": 500},
        {"pairs": ALIKE[:4], "wrong": range(10_000, 10_004), "interval": (0.9996, 0.9996)},
        {"recipe": RECIPE.override(dataset="fashion-mnist"), "wrong": [*DOUBTED_MNIST] * 9},
        {"calibration_error": 0.009},
        # Of few images, each of these is chance.
        {"calibration_error": 0.034, "interval": (0.89, 0.93), "num_images": 800},
        {
            "recipe": SMALL,
            "history": history(*[(0.05, 0.06)] * 4, accuracies=(0.9, 0.98, 0.98, 0.96)),
        },
        # Of three classes, any pair has a third of the errors.
        {"classes": ("a", "b", "c"), "pairs": [(0, 1)] * 40 + [(0, 2)] * 25 + [(1, 2)] * 25},
        {"wrong": [], "pairs": [], "interval": (0.9, 1.0)},
    ],
)
def test_a_rule_is_silent_below_its_threshold(changes: dict[str, Any]) -> None:
    assert advise(replace(SOUND, **changes)) == []


def test_epochs_that_the_recipe_has_are_advised_once() -> None:
    falling = replace(SOUND, history=history((0.3, 0.2), (0.1, 0.1)), usual_epochs=60)
    assert [advice.next for advice in advise(falling)] == ["Try all of them: `--epochs 60`."]
    assert advise(replace(SOUND, usual_epochs=3)) == []


def test_what_a_run_has_already_is_not_advised() -> None:
    recipe = replace(RECIPE, augmentation=Augmentation(rotation_degrees=10), schedule="cosine")
    swings = history(*[(0.01, 0.06)] * 3, accuracies=(0.98, 0.985, 0.981))
    said = " ".join(advice.next for advice in advise(replace(SOUND, recipe=recipe, history=swings)))
    assert "augmentation" not in said
    assert "one_cycle" not in said
    assert "--learning-rate 0.00033" in said
    uncalibrated = advise(replace(SOUND, calibration_error=0.034))
    assert [advice.next for advice in uncalibrated] == ["Do not take it for a probability yet."]
