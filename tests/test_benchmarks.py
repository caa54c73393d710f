"""What the benchmarks count is right, and their pictures are always the same."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import clients
import damaged_files
import gpu
import numpy as np
import pytest
import torch
from alignment import align, count_wrong
from composed_rows import SPACINGS, Row, compose_rows, touching_edges
from findings import Faults
from hypothesis import given
from hypothesis import strategies as st
from not_digits import KINDS, displays
from PIL import Image
from ruled_paper import ruled_paper
from silent_errors import most_accepted
from targets import TARGETS, save

from digits.data import DataSet
from digits.models import NETWORKS
from digits.recipe import load_recipe


@pytest.mark.parametrize(
    ("true", "got", "pairs"),
    [
        ("", "", []),
        ("12", "12", [("1", "1"), ("2", "2")]),
        ("12", "2", [("1", None), ("2", "2")]),
        ("12", "132", [("1", "1"), (None, "3"), ("2", "2")]),
        ("12", "17", [("1", "1"), ("2", "7")]),
        ("12", "?2?", [("1", "?"), ("2", "2"), (None, "?")]),
    ],
)
def test_pairs_what_is_written_with_what_was_read(
    true: str, got: str, pairs: list[tuple[str | None, str | None]]
) -> None:
    assert align(true, got) == pairs


@given(st.text("0123", max_size=8), st.text("0123?", max_size=8))
def test_pairs_keep_both_texts_in_order(true: str, got: str) -> None:
    pairs = align(true, got)
    assert "".join(written or "" for written, _ in pairs) == true
    assert "".join(read or "" for _, read in pairs) == got


@pytest.mark.parametrize(
    ("true", "got", "wrong"),
    [("123", "123", 0), ("123", "173", 1), ("123", "1?3", 0), ("123", "13", 0), ("", "1?4", 2)],
)
def test_counts_accepted_digits_that_are_wrong_or_not_there(
    true: str, got: str, wrong: int
) -> None:
    assert count_wrong(true, got) == wrong


def test_accepts_the_most_readings_with_so_many_wrong() -> None:
    confidences = [0.9, 0.8, 0.7, 0.6, 0.5]
    right = [True, True, False, True, False]
    assert most_accepted(confidences, right, 1) == 2
    assert most_accepted(confidences, right, 25) == 4
    assert most_accepted(confidences, right, 40) == 5


def test_a_threshold_accepts_all_of_one_confidence_or_none() -> None:
    assert most_accepted([0.9, 0.8, 0.8], [True, True, False], 1) == 1


def test_what_was_not_read_is_never_accepted() -> None:
    assert most_accepted([0.9, 0.0], [True, True], 1) == 1
    assert most_accepted([], [], 1) == 0


@pytest.mark.mnist
@pytest.mark.parametrize("kind", SPACINGS)
def test_composes_the_same_rows_again(kind: str) -> None:
    first, again = (list(compose_rows(SPACINGS[kind], 3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.text == other.text
        np.testing.assert_array_equal(one.picture, other.picture)
    assert all(4 <= len(row.text) <= 11 for row in first)


@pytest.mark.mnist
def test_draws_the_same_ruled_paper_again() -> None:
    first, again = (ruled_paper(True, 0.8, 3, seed=1) for _ in range(2))
    assert first.text == again.text
    np.testing.assert_array_equal(first.picture, again.picture)


@pytest.mark.parametrize("make", KINDS)
def test_only_displays_show_digits(
    make: Callable[[np.random.Generator], Iterator[Row]],
) -> None:
    rows = list(islice(make(np.random.default_rng(0)), 6))
    assert all(row.text == "" for row in rows) is (make is not displays)
    assert all(row.picture.std() > 0 for row in rows)


def test_digits_touch_the_edges_of_their_pictures() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 6:22, 10:18] = 255
    (picture,) = touching_edges(image)
    assert picture[0].any()
    assert picture[-1].any()
    assert np.flatnonzero(picture.any(axis=0)).tolist() == list(range(7, 21))


@pytest.fixture
def tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, with_blobs: DataSet
) -> Iterator[Callable[..., tuple[int, dict[str, Any]]]]:
    """The benchmark of GPUs on the CPU, with 600 pictures: its exit status, and what it wrote."""
    monkeypatch.setattr("digits.load", lambda name: with_blobs)
    path = tmp_path / "gpu.json"

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        command = ["gpu.py", "--device", "cpu", "--out", str(path), *arguments]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as stopped:
            gpu.main()
        return int(stopped.value.code or 0), json.loads(path.read_text())

    with patch.dict(NETWORKS):
        yield run


PARTS = ["fast", "balanced", "accurate-x2", "accurate-x4", "fast-captured"]


def test_measures_all_that_a_gpu_should_show(
    tried: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    status, result = tried("--part", "0.04")
    assert status == 0
    assert result["device"] == "cpu"
    assert {"machine", "versions", "commit"} <= set(result)
    assert list(result["parts"]) == PARTS
    for part in result["parts"].values():
        accuracies = [seed["accuracy"] for seed in part["seeds"]]
        assert [seed["seed"] for seed in part["seeds"]] == [0, 1]
        assert part["seeds_left_out"] == 0
        assert "error" not in part
        assert all(
            seed["accuracy"] == (part["test_images"] - seed["errors"]) / part["test_images"]
            for seed in part["seeds"]
        )
        assert part["accuracy_mean"] == statistics.mean(accuracies)
        assert part["accuracy_std"] == statistics.stdev(accuracies)
        assert part["accuracy_min"] == min(accuracies)
        assert 0 <= part["committee_accuracy"] <= 1
        assert all(seed["seconds"] > 0 for seed in part["seeds"])
    assert result["parts"]["accurate-x4"]["parameters"] == 6_374_666


def test_captured_steps_are_those_of_training(with_blobs: DataSet, tmp_path: Path) -> None:
    cpu, recipe = torch.device("cpu"), load_recipe("fast").override(batch_size=32)
    captured = islice(gpu.train_captured(recipe, with_blobs, cpu), 2)
    trained = islice(gpu.train_by_command(recipe, with_blobs, "cpu"), 2)
    for one, other in zip(captured, trained, strict=True):
        assert one.recipe == other.recipe
        assert torch.equal(one.logits, other.logits)


def trained_parts(*, fails_after: int) -> dict[str, gpu.Part]:
    """Two parts whose networks read 0, 1, 2 and so on of 4 images wrong; the first one fails."""

    def train(fails_after: int | None) -> Iterator[gpu.Trained]:
        for seed in count():
            if seed == fails_after:
                raise RuntimeError("CUDA error:\n  none here")
            recipe, labels = load_recipe("fast").override(seed=seed), torch.arange(4)
            logits = torch.eye(10)[(labels + (labels < seed)) % 10]
            yield gpu.Trained(recipe, 1, 0.5, logits, labels)

    return {
        "broken": gpu.Part(lambda: train(fails_after), 1),
        "whole": gpu.Part(lambda: train(None), 1),
    }


def test_a_part_that_fails_keeps_its_seeds_and_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    written: list[str] = []
    results = gpu.measure(
        trained_parts(fails_after=1),
        3,
        time.monotonic() + 1000,
        lambda results: written.append(json.dumps(results)),
    )
    assert json.loads(written[-1]) == results
    assert results["broken"]["error"] == "RuntimeError: CUDA error: none here"
    assert results["broken"]["seeds_left_out"] == 2
    assert results["broken"]["accuracy_std"] is None, "one seed has no spread"
    assert [seed["errors"] for seed in results["whole"]["seeds"]] == [0, 1, 2]
    assert results["whole"]["accuracy_mean"] == 0.75
    assert len(json.loads(written[0])["broken"]["seeds"]) == 1, "each seed is written at once"
    assert "CUDA error" in gpu.show("broken", results["broken"])
    assert "CUDA error" in capsys.readouterr().err


def test_what_there_was_no_time_for_is_left_out() -> None:
    written: list[dict[str, Any]] = []
    results = gpu.measure(trained_parts(fails_after=9), 3, time.monotonic(), written.append)
    assert written
    for name, part in results.items():
        assert part["seeds"] == []
        assert part["seeds_left_out"] == 3
        assert "3 seeds left out" in gpu.show(name, part)


def test_a_part_has_its_share_of_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(step=10)  # seconds, at each look
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    parts = trained_parts(fails_after=100)
    results = gpu.measure(parts, 100, 1000.0, lambda results: None)
    num_seeds = [len(part["seeds"]) for part in results.values()]
    assert 0 < num_seeds[0] < 100
    assert num_seeds[0] == pytest.approx(num_seeds[1], abs=2)
    assert next(clock) < 1000 + 100


@pytest.mark.parametrize(("side", "seconds"), [(2000, 2.0), (2001, 5.0)])
def test_a_picture_of_four_megapixels_may_take_two_seconds_and_a_larger_one_five(
    side: int, seconds: float
) -> None:
    target = TARGETS["PNG"]
    content = save(Image.new("1", (side, side)), "PNG")
    assert damaged_files.limit_of(target, content) == seconds
    assert damaged_files.limit_of(target, content[:10]) == 2.0, "it says no size"
    assert damaged_files.limit_of(TARGETS["recipe"], content) == 5.0


def test_late_answers_are_counted_and_are_faults_only_of_a_server_that_is_idle() -> None:
    honest = clients.Honest()
    for seconds in [*99 * [0.01], 0.2]:
        honest.add("200", seconds)
    assert honest.to_dict() == {
        "answers": {"200": 100},
        "median_seconds": 0.01,
        "percentile_99_seconds": 0.0119,
        "longest_seconds": 0.2,
        "late": 1,
    }
    faults = Faults()
    clients.expect_served({"glyph": honest}, "then", faults)
    assert faults == []
    clients.expect_served({"glyph": honest}, "then", faults, clients.IDLE_SECONDS)
    assert faults == ["then: an honest glyph took 0.20 s, more than 0.1 s"]
