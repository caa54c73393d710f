"""Learning from corrections: from a folder of labelled pictures to a model folder."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

import torch
from torch import nn

from digits.data import DataSet, load
from digits.errors import DigitsError, InvalidInput
from digits.files import make_folder
from digits.hardware import describe_versions, limited_threads
from digits.learning.corrections import Correction, read_corrections
from digits.learning.glyphs import GlyphLearner
from digits.learning.learner import Learner, Move
from digits.learning.lines import LineLearner
from digits.learning.retention import ROUNDING, TEST_LIMIT, share_right
from digits.reading.model_folder import (
    Networks,
    expect_nothing_at,
    is_model_folder,
    open_networks,
    write_model_folder,
)
from digits.reading.reader import Reader
from digits.reading.scoring import RIGHT, score_pictures

LEARNERS: dict[str, type[Learner[Any]]] = {"lines": LineLearner, "glyphs": GlyphLearner}
"""The networks that learn, by their names in `Networks`; first the one that takes longest."""

HELD_OUT = 3
"""Every so many-th correction is held out at first, to see what is learned from the others."""

FEWEST = 6
"""Fewest corrections of which some are held out."""


@dataclass(frozen=True)
class Learned:
    """What was learned from corrections."""

    model: Path
    """The model folder, for `Reader` and for the commands that read."""
    facts: dict[str, Any] = field(repr=False)
    """Figures before and after, as in the folder's `model.json`."""
    seconds: float
    """Time that it took, in seconds."""

    @property
    def summary(self) -> str:
        """What was learned, in a line."""
        return summarize(self.facts)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns:
            The model folder, the summary, the facts and the seconds.
        """
        found = {"model": str(self.model), "summary": self.summary, **self.facts}
        return {**found, "seconds": self.seconds}


def learn(
    folder: str | Path,
    *,
    out: str | Path | None = None,
    model: str | Path | None = None,
    seed: int = 0,
) -> Learned:
    """Fine-tune the networks that read pictures on corrections: pictures that they misread.

    Both learn: that of glyphs from pictures of one digit, that of lines from all. They are written
    if more corrections are read right, and all else as well as before, or nearly so.

    Args:
        folder: The corrections, in folders named by what stands on them, `7/a.png` and
            `1995/b.jpg`; or in another layout that `digits.load` takes.
        out: The model folder to make; `runs/learned-<time>` if not given.
        model: The model folder to go on from; the networks that come with the package if not given.
        seed: Seed of all that is drawn: the same corrections and the same seed give the same bits.

    Returns:
        The model folder, and what its networks read before and after.

    Raises:
        InvalidInput: If there are no corrections, a label is no number, `out` exists, or `model` is
            no model folder.
        DigitsError: If there is nothing to learn, no better model comes of it, or MNIST can't be
            had.

    Examples:
        >>> learned = digits.learn("corrections")  # doctest: +SKIP
        >>> digits.Reader(learned.model).read("photo.jpg").text  # doctest: +SKIP
        '1995'
    """
    started = perf_counter()
    place = Path("runs", f"learned-{datetime.now():%Y%m%d-%H%M%S}") if out is None else Path(out)
    expect_nothing_at(place)
    if seed < 0:
        raise InvalidInput(f"seed: expected 0 or more, found {seed}.")
    try:
        make_folder(place.parent)  # now, and not after two minutes
    except OSError as error:
        raise DigitsError(f"Can't write {place}: {error.strerror or error}.") from error
    old = _open(model)
    corrections, left_out = read_corrections(Path(folder), old, seed=seed)
    before = _read(old, corrections)
    if all(before):
        raise DigitsError(
            f"There is nothing to learn: every picture in {folder} ({len(before)} in all) is read "
            "right already; bring some that are read wrong or refused."
        )
    data = load("mnist")
    held_out = corrections[HELD_OUT - 1 :: HELD_OUT] if len(corrections) >= FEWEST else []
    parts = [corrections]
    if held_out:
        parts.append([each for each in corrections if each not in held_out])
    (new, *tried), moves = _teach(old, parts, data, seed=seed)
    after = _read(new, corrections)
    tests = [share_right(networks.glyphs, data.test) for networks in (old, new)]
    facts: dict[str, Any] = {
        "corrections": _counts(before, after),
        "held_out": None,
        "mnist_test": {"before": tests[0], "after": tests[1]},
        "moved": {name: move.share for name, move in moves.items()},
        "retention": {
            name: {"before": value, "after": move.after[name]}
            for move in moves.values()
            for name, value in move.before.items()
        },
        "still_wrong": [
            each.name for each, right in zip(corrections, after, strict=True) if not right
        ],
        "left_out": [each._asdict() for each in left_out],
        "seed": seed,
        "versions": describe_versions(),
    }
    for networks in tried:
        facts["held_out"] = _counts(before[HELD_OUT - 1 :: HELD_OUT], _read(networks, held_out))
    if sum(after) <= sum(before) or tests[0] - tests[1] > TEST_LIMIT + ROUNDING:
        raise DigitsError(
            f"Nothing was written, as no better model came of it: {summarize(facts)} Look through "
            "the labels, or bring more pictures."
        )
    write_model_folder(place, glyphs=new.glyphs.content, lines=new.lines.content, facts=facts)
    return Learned(place, facts, perf_counter() - started)


def summarize(facts: dict[str, Any]) -> str:
    """Say in a line what was learned.

    Args:
        facts: Figures before and after, as in a `model.json`.
    """
    held, test = facts["held_out"], facts["mnist_test"]
    parts = [f"{_compared(facts['corrections'])} corrections are read right"]
    if held is not None:
        parts.append(f"{_compared(held)} of those held out at first")
    parts.append(f"{test['after']:.2%} of MNIST's test set (before: {test['before']:.2%})")
    return ", ".join(parts) + "."


def _open(model: str | Path | None) -> Networks:
    """Open the networks to go on from.

    Raises:
        InvalidInput: If it is no model folder.
    """
    if model is not None and not is_model_folder(model):
        raise InvalidInput(
            f"{model}: expected a model folder made by digits learn, to go on from; leave it away "
            "for the networks of the package."
        )
    return open_networks(model)


def _teach(
    old: Networks, parts: list[list[Correction]], data: DataSet, *, seed: int
) -> tuple[list[Networks], dict[str, Move]]:
    """Let the networks learn from each part of the corrections.

    Returns:
        The networks that learned from each part, and how far their weights were moved, which is
        chosen for the first part, and holds for all.
    """
    stop = Event()
    # Each thread computes a network alone: two that share one wait for each other.
    with limited_threads(1), ThreadPoolExecutor(2, "learn", torch.set_num_threads, (1,)) as pool:
        try:
            made = {
                name: pool.submit(kind, getattr(old, name).content, data, seed=seed, stop=stop)
                for name, kind in LEARNERS.items()
            }
            learners = {name: future.result() for name, future in made.items()}
            lessons = [
                {name: pool.submit(_learn, learner, part) for name, learner in learners.items()}
                for part in parts
            ]
            tuned = [
                {name: future.result() for name, future in lesson.items()} for lesson in lessons
            ]
            chosen = {
                name: pool.submit(learner.choose_move, tuned[0][name])
                for name, learner in learners.items()
            }
            moves = {name: future.result() for name, future in chosen.items()}
        finally:
            stop.set()  # after Ctrl-C, nobody waits for what the threads compute
    networks = [
        Networks(
            **{
                name: learner.moved(models[name], moves[name].share)
                for name, learner in learners.items()
            }
        )
        for models in tuned
    ]
    return networks, moves


def _learn(learner: Learner[Any], corrections: list[Correction]) -> nn.Module:
    """Fine-tune a network, if the corrections say anything to it."""
    if not learner.can_learn_from(corrections):
        return learner.model
    return learner.learn(corrections)


def _read(networks: Networks, corrections: Sequence[Correction]) -> list[bool]:
    """Tell which corrections are read right, with nothing refused.

    There may be too much on one to be read, and yet one digit to learn from.
    """
    pictures = [(each.name, each.number, each.source) for each in corrections]
    found = score_pictures(Reader(networks), pictures)
    return [one.verdict == RIGHT for one in found.pictures]


def _counts(before: list[bool], after: list[bool]) -> dict[str, int]:
    return {"pictures": len(after), "right_before": sum(before), "right_after": sum(after)}


def _compared(counts: dict[str, int]) -> str:
    return "{right_after} of {pictures} (before: {right_before})".format(**counts)
