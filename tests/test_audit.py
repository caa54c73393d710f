"""Audit of labels: exchanged ones are found by networks that have not seen them, and drawn."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from digits.data import DataSet, Split
from digits.errors import InvalidInput
from digits.recipe import Recipe
from digits.report.audit import FEWEST_LISTED, MOST_SHOWN, PAGE, TABLE, Audit, audit, write_audit
from digits.training.cross_validation import cross_validate
from tests.conftest import blobs

Call = Callable[..., tuple[int, str, str]]

RECIPE = Recipe(name="small", network="fast", epochs=3, batch_size=50, learning_rate=0.02)


@pytest.fixture(scope="module")
def exchanged() -> tuple[DataSet, set[int]]:
    """400 training and 100 test images, 20 of which have another label."""
    images, labels = blobs(500)
    wrong = np.random.default_rng(0).permutation(500)[:20]
    labels[wrong] = (labels[wrong] + 3) % 10
    train, test = (
        Split("train", images[:400], labels[:400]),
        Split("test", images[400:], labels[400:]),
    )
    return DataSet("mnist", train, test, "made by the tests"), set(wrong.tolist())


def test_each_image_is_judged_once_and_groups_stay_together() -> None:
    images, labels = blobs(203)
    groups = torch.arange(203) // 4
    judged = cross_validate(RECIPE, Split("all", images, labels, groups=groups), num_folds=4)
    assert sorted(judged.folds.unique().tolist()) == [0, 1, 2, 3]
    assert (judged.folds.bincount() - 50).abs().max() <= 6
    for group in range(50):
        assert len(judged.folds[groups == group].unique()) == 1
    assert judged.probabilities.sum(dim=1).allclose(torch.ones(203).double())
    assert judged.accuracy(labels) > 0.9


def test_a_network_does_not_judge_what_it_was_trained_on() -> None:
    """Noise can be read by a network that has seen it, and by no other."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (200, 28, 28), dtype=torch.uint8, generator=generator)
    split = Split("all", images, torch.arange(200) % 10)
    assert (
        cross_validate(RECIPE.override(epochs=6), split, num_folds=3).accuracy(split.labels) < 0.25
    )


@pytest.fixture(scope="module")
def found(exchanged: tuple[DataSet, set[int]]) -> Audit:
    return audit(exchanged[0], RECIPE, num_folds=3)


def test_exchanged_labels_are_found_and_what_they_were(
    exchanged: tuple[DataSet, set[int]], found: Audit
) -> None:
    wrong = exchanged[1]
    first = found.suspects[:20]
    assert len({one.index for one in first} & wrong) >= 18
    for one in first:
        if one.index in wrong:
            assert int(one.label) == (int(one.suggested) + 3) % 10
            split, place = one.name.split()
            assert one.index == int(place) + (400 if split == "test" else 0)
    assert found.num_images == 500
    assert 0.85 < found.accuracy <= 0.96


def test_the_page_shows_each_picture_and_the_table_lists_all(
    exchanged: tuple[DataSet, set[int]], found: Audit, tmp_path: Path
) -> None:
    data, _ = exchanged
    page = write_audit(found, data, tmp_path / "audit").read_text()
    assert page.count("<li>") == page.count("data:image/png;base64,") == len(found.suspects)
    assert "http:" not in page
    assert "https:" not in page
    rows = list(csv.DictReader((tmp_path / "audit" / TABLE).read_text().splitlines()))
    assert [row["name"] for row in rows] == [one.name for one in found.suspects]
    assert len(found.suspects) == FEWEST_LISTED < MOST_SHOWN
    assert found.num_likely < 40


def test_the_command_writes_both_once(
    exchanged: tuple[DataSet, set[int]],
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("digits.run.load_set", lambda recipe, **_: exchanged[0])
    folder = tmp_path / "audit"
    arguments = ("audit", "--recipe", "fast", "--batch-size", "50", "--folds", "2")
    status, out, _ = call(*arguments, "--out", str(folder), "--json")
    assert status == 0
    assert json.loads(out)["page"] == str(folder / PAGE)
    assert {path.name for path in folder.iterdir()} == {PAGE, TABLE}
    status, _, errors = call(*arguments, "--out", str(folder))
    assert (status, errors.count("\n")) == (2, 1)
    assert "exists already" in errors


def test_the_test_images_can_be_judged_alone(exchanged: tuple[DataSet, set[int]]) -> None:
    data, wrong = exchanged
    found = audit(data, RECIPE, split="test", num_folds=2)
    assert found.num_images == len(found.suspects) == 100
    assert {one.name.split()[0] for one in found.suspects} == {"test"}
    of_test = {index for index in wrong if index >= 400}
    assert {one.index for one in found.suspects[: len(of_test)]} == of_test
    with pytest.raises(InvalidInput, match="split: expected all or train or test, found 'some'"):
        audit(data, RECIPE, split="some")


def test_too_many_parts_are_refused(exchanged: tuple[DataSet, set[int]]) -> None:
    with pytest.raises(InvalidInput, match="folds: expected 2 to the 500 images, found 501"):
        audit(exchanged[0], RECIPE, num_folds=501)
