"""Known runs: a run beside what its recipe reached with other seeds, as a strip and in words."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

from digits.errors import InvalidInput
from digits.evaluation.intervals import STUDENT_T
from digits.recipe import Recipe, differing_fields, load_measurement, load_recipe, parse_recipe
from digits.report.charts import Row, draw_strip

NOT_COMPARED = ("name", "description", "seed", "precision", "shards", "digest", "crop")
"""Fields that make a run no other recipe's: names, the seed, and what decides rounding alone."""


@dataclass(frozen=True)
class KnownRuns:
    """A run beside the measured runs of its recipe; where there are none, the words say why."""

    words: str
    svg: str | None = None
    """The strip: the known runs, their mean and spread, and this run with its 95 % interval."""


def place_among_known(
    recipe: Recipe, *, accuracy: float, interval: tuple[float, float], num_images: int
) -> KnownRuns:
    """Place a run among the measured runs of its recipe.

    Args:
        recipe: The run's recipe.
        accuracy: Its test accuracy, 0 to 1.
        interval: Wilson interval (95 %) of that, 0 to 1.
        num_images: Number of test images.
    """
    measured = load_measurement(recipe.name)
    if measured is None:
        return KnownRuns(
            f"It is not known how much runs of the recipe {recipe.name} differ from seed to seed: "
            "it was not measured. `digits train --seeds 5` tells."
        )
    if changed := _differences(recipe, measured):
        return KnownRuns(
            f"This run has settings of its own ({', '.join(changed)}), so it is not set beside the "
            f"measured runs of {recipe.name}."
        )
    seeds = {int(each["seed"]): float(each["accuracy"]) for each in measured["seeds"]}
    known, mean, spread = list(seeds.values()), measured["accuracy_mean"], measured["accuracy_std"]
    words = (
        f"{len(known)} measured runs of {recipe.name}, which differ in their seed alone, read "
        f"{100 * mean:.2f} % ± {100 * spread:.2f} % of the test images right (mean ± standard "
        f"deviation; {100 * min(known):.2f} to {100 * max(known):.2f} %). This run reads "
        f"{100 * accuracy:.2f} % right, {_where(accuracy, known, mean, spread)} Its interval, "
        f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %, is about something else: how far "
        f"other {num_images:,} test images could have given another result. One run is one run: it "
        "says how good this network is, and little about the recipe."
    )
    if recipe.seed in seeds:
        words += f" (One of the measured runs had this seed, {recipe.seed}, too.)"
    svg = draw_strip(
        title=f"This run beside {len(known)} measured runs of {recipe.name}",
        rows=[
            Row(
                f"{len(known)} measured runs",
                [(value, f"seed {seed}") for seed, value in seeds.items()],
                (mean - spread, mean + spread),
                mark=mean,
            ),
            Row("this run", [(accuracy, "this run")], interval, kind="strong"),
        ],
    )
    return KnownRuns(words, svg)


def _differences(recipe: Recipe, measured: dict[str, Any]) -> list[str]:
    """Name the fields in which a run's recipe differs from the measured one."""
    try:
        before = parse_recipe(measured["recipe"], name=recipe.name, source="the measurement")
    except InvalidInput:  # of an older version, in fields that are no more
        return ["another version of the recipe"]
    packaged = load_recipe(recipe.name)
    return [
        f"{name} {value}, there {other}"
        for name, (value, other) in differing_fields([recipe, before])
        # What the recipe leaves open, a run fills in: it follows from the training images.
        if name not in NOT_COMPARED and getattr(packaged, name, value) is not None
    ]


def _where(accuracy: float, known: list[float], mean: float, spread: float) -> str:
    """Say whether a run is as the known ones are: within the interval that the next one falls in.

    It is Student's prediction interval (95 %).
    """
    half = STUDENT_T[min(len(known), len(STUDENT_T) + 1) - 2] * spread * sqrt(1 + 1 / len(known))
    if abs(accuracy - mean) <= half:
        return "as is to be expected of another seed."
    side = "more" if accuracy > mean else "less"
    return (
        f"{side} than is to be expected of another seed ({100 * (mean - half):.2f} to "
        f"{100 * (mean + half):.2f} %, in 19 of 20 runs)."
    )
