"""Comparison of runs on a page: paired errors, what differs, and what is refused."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scipy.stats import binomtest

from digits.data import DataSet
from digits.errors import InvalidInput
from digits.evaluation.paired import PairedErrors, pair_errors
from digits.evaluation.prediction import predict
from digits.report import write_comparison
from digits.run import Run
from tests.test_report import Page, make_run, metrics_of

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, blob_set: DataSet) -> None:
    monkeypatch.setattr("digits.report.comparison.load_set", lambda recipe: blob_set)


@pytest.fixture
def runs(tmp_path: Path, blob_set: DataSet) -> list[Run]:
    test = metrics_of(blob_set)
    return [
        make_run(tmp_path / "first", test),
        make_run(tmp_path / "second", test, network="fast", name="other", validation=False),
    ]


@pytest.mark.parametrize("counts", [(0, 0), (1, 8), (34, 23), (500, 400)])
def test_the_probability_is_that_of_the_exact_test(counts: tuple[int, int]) -> None:
    p = PairedErrors(*counts, 7).p_value
    assert p == pytest.approx(binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0)


def test_errors_are_paired_image_by_image() -> None:
    first = torch.tensor([True, True, False, False, True])
    second = torch.tensor([True, False, True, False, False])
    assert pair_errors(first, second) == PairedErrors(only_first=2, only_second=1, both=1)


def test_the_page_has_the_paired_counts_and_what_differs(
    runs: list[Run], blob_set: DataSet
) -> None:
    path = write_comparison(runs)
    assert path == runs[0].folder.parent / "comparison.html"
    labels = blob_set.test.labels
    wrong = [predict(run.model, blob_set.test.images).argmax(dim=1) != labels for run in runs]
    alone = [int((wrong[a] & ~wrong[b]).sum()) for a, b in ((0, 1), (1, 0))]
    page = Page(path)
    both = int((wrong[0] & wrong[1]).sum())
    errors = [run.summary["test"]["errors"] for run in runs]
    assert ("read the test images again" in page.text) == (errors != [int(w.sum()) for w in wrong])
    assert re.search(rf"A, B\s*{alone[0]}\s+{alone[1]}\s*{both}", page.text)
    assert f"{sum(alone)} test images are read right by some" in page.text
    assert f"{both} are read wrong by all" in page.text
    assert re.search(r"network\s*compact\s*fast", page.text)
    assert "epochs" not in page.text.partition("Settings in which")[2].partition("On the same")[0]
    shown = [attributes for _, attributes in page.tags if "data-who" in attributes]
    assert len(shown) == sum(alone)


def test_what_is_left_out_is_said(runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits.report.sprite.MOST_PIXELS", 5 * 28 * 28)
    page = Page(write_comparison(runs))
    assert len([True for _, attributes in page.tags if "data-who" in attributes]) == 5
    assert "; 5 are shown, and the others left out" in page.text


def test_runs_that_can_t_be_compared_are_refused_in_one_line(
    tmp_path: Path, runs: list[Run], blob_set: DataSet
) -> None:
    other = make_run(tmp_path / "clothes", metrics_of(blob_set), dataset="fashion-mnist")
    for given, message in (
        (runs[:1], "two to 8 runs to compare, found 1"),
        ([runs[0]] * 9, "found 9"),
        ([*runs, Run(runs[0].folder)], "first twice"),
        ([*runs, other], "one data set, found .*first of mnist and .*clothes of fashion-mnist"),
    ):
        with pytest.raises(InvalidInput, match=message) as caught:
            write_comparison(given)
        assert "\n" not in str(caught.value)


def test_the_command_compares_several_runs(call: Call, runs: list[Run], tmp_path: Path) -> None:
    out = tmp_path / "side by side.html"
    folders = [str(run.folder) for run in runs]
    status, output, errors = call("report", *folders, "--out", str(out), "--json")
    assert (status, errors) == (0, "")
    assert "side by side.html" in output
    assert out.is_file()
    status, _, errors = call("report", folders[0], "--out", str(out))
    assert status == 2
    assert "--out is for several runs" in errors


def test_a_series_stands_for_its_runs(call: Call, runs: list[Run], tmp_path: Path) -> None:
    for seed, run in enumerate(runs):
        (tmp_path / f"seed-{seed}").symlink_to(run.folder)
    status, _, errors = call("report", str(tmp_path))
    assert (status, errors) == (0, "")
    assert (tmp_path / "comparison.html").is_file()
