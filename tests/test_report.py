import json
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from digits import report
from digits.data import DataSet
from digits.errors import DigitsError
from digits.evaluation.metrics import compute_metrics
from digits.files import write_atomic
from digits.history import EpochRecord
from digits.models import build_model, count_parameters
from digits.recipe import Augmentation, Recipe
from digits.report import Material, write_report
from digits.report.illustrations import Illustration, _learning_curves
from digits.report.page import format_duration
from digits.run import Run
from tests.older_runs import without_sums

FIGURES = {
    "samples", "augmentation", "learning-curves", "confusion-matrix", "reliability",
    "risk-coverage", "predictions", "mistakes", "filters", "feature-maps", "saliency",
}  # fmt: skip


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [
            str(attributes[attribute]) for _, attributes in self.tags if attribute in attributes
        ]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, blob_set: DataSet) -> None:
    """Use small data; draw each figure once and do not render it: figures have their own tests."""

    def drawn_once(
        name: str, title: str, caption: str, alt: str, draw: Callable[[], object], **_: object
    ) -> Illustration:
        draw()
        return Illustration(name, title, caption, b"rendered", "<svg></svg>")

    monkeypatch.setattr("digits.report.load_set", lambda recipe, **_: blob_set)
    monkeypatch.setattr("digits.report.illustrations.illustration", drawn_once)
    monkeypatch.setattr("digits.report.illustrations.SALIENCY_SAMPLES", 1)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, blob_set: DataSet) -> Page:
    """An ordinary report, rendered in full."""
    run = make_run(tmp_path_factory.mktemp("runs") / "run", metrics_of(blob_set))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.report.load_set", lambda recipe, **_: blob_set)
        return Page(write_report(run))


def make_run(folder: Path, test: Any, *, validation: bool = True, **fields: Any) -> Run:
    """A finished run of one epoch, with fresh weights."""
    recipe = Recipe(
        **{"name": "mine", "network": "compact", "mean": 0.5, "std": 0.5, "epochs": 1, **fields}
    )
    torch.manual_seed(0)
    model = build_model(recipe.network, mean=0.5, std=0.5)
    run = Run.create(folder, recipe, {})
    loss, accuracy = (0.25, 0.9) if validation else (None, None)
    run.save_checkpoint({}, [EpochRecord(1, 1000, 0.5, 0.8, loss, accuracy, 1e-3, 1.0)])
    run.save_model(model, 1.5)
    run.save_summary(
        {
            "recipe": recipe.name,
            "seed": 0,
            "test": test,
            "training_seconds": 83.2,
            "parameters": count_parameters(model),
            "device": "cpu",
            "precision": "float32",
            "finished": "2025-01-02T03:04:05+00:00",
            "commit": None,
            "versions": {"digits": "0.1.0", "torch": "2.6.0"},
            "machine": {"processor": "An <abacus>", "cores": 2, "cpu_capability": "AVX"},
        }
    )
    return run


def metrics_of(data: DataSet, logits: Tensor | None = None) -> dict[str, Any]:
    if logits is None:
        logits = torch.randn(len(data.test), 10, generator=torch.Generator().manual_seed(0))
    return compute_metrics(logits, data.test.labels).to_dict()


def test_the_report_needs_no_other_file_and_runs_its_own_script_alone(page: Page) -> None:
    images = page.values("xlink:href")
    assert any(value.startswith("data:image/png;base64,") for value in images)
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in images)
    assert not page.values("src")
    assert all(value.startswith("#") for value in page.values("href"))
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    style = page.source.split("</style>")[0]
    assert style.count("url(") == style.count('url("data:image/png;base64,')
    assert "@import" not in style
    script = page.source.partition("<script>")[2].partition("</script>")[0]
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in page.values("content")[-1]


def test_the_report_is_small_enough_to_send(page: Page) -> None:
    assert len(page.source) < 1_500_000


def test_links_within_the_page_lead_somewhere(page: Page) -> None:
    anchors = page.values("id")
    assert len(anchors) == len(set(anchors))
    assert {value.removeprefix("#") for value in page.values("href")} <= set(anchors)


def test_every_picture_says_what_it_shows_and_headings_have_an_order(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert pictures
    assert all(attributes["role"] == "img" for attributes in pictures)
    assert all(attributes["aria-label"] for attributes in pictures)
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_report_states_the_result_and_how_it_was_made(
    tmp_path: Path, blob_set: DataSet
) -> None:
    test = metrics_of(blob_set) | {"accuracy": 0.98765, "interval": [0.98123, 0.99321]}
    page = Page(write_report(make_run(tmp_path / "run", test, description="my own")))
    text = page.text
    assert "90.00\N{NO-BREAK SPACE}% of the validation images" in page.source  # never broken there
    for expected in (
        "98.77 %",  # accuracy
        "98.12–99.32 %, 95 % interval",
        "1 min 23 s",
        "121,930",
        "my own",
        "An <abacus>",
        "CPU capability",
        "torch 2.6.0",
        "not run from a git checkout",
        'network = "compact"',
        "Precision, %",
        "validation loss 0.250; 90.00 % of the validation images",
    ):
        assert expected in text


def test_figures_lie_in_their_folder(tmp_path: Path, blob_set: DataSet) -> None:
    augmentation = Augmentation(rotation_degrees=10, scale=0.1)
    run = make_run(tmp_path / "run", metrics_of(blob_set), augmentation=augmentation)
    text = Page(write_report(run)).text
    assert {path.name for path in run.figures_path.iterdir()} == {f"{n}.png" for n in FIGURES}
    assert "rotated by up to 10° either way, scaled by up to 10 %. The label stays" in text


def test_a_recipe_without_augmentation_is_said_to_have_none(
    tmp_path: Path, blob_set: DataSet
) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set))
    assert "This recipe uses no augmentation" in Page(write_report(run)).text
    assert not (run.figures_path / "augmentation.png").exists()


def test_hostile_names_are_text(tmp_path: Path, blob_set: DataSet) -> None:
    hostile = "</title><script>alert(1)</script><img src=http://example.org/x onerror=alert(2)>"
    run = make_run(tmp_path / "run", metrics_of(blob_set), description=hostile)
    page = Page(write_report(run))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "onerror" not in {name for _, attributes in page.tags for name in attributes}
    assert not any("example.org" in value for value in page.values("src"))
    assert page.text.count(hostile) >= 2  # below the heading, and in the recipe


@pytest.mark.parametrize("network", ["classic", "deep", "compact"])
def test_every_network_gets_a_report(tmp_path: Path, blob_set: DataSet, network: str) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set), network=network)
    assert write_report(run) == run.report_path


def test_a_run_without_validation_has_a_report(tmp_path: Path, blob_set: DataSet) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set), validation=False)
    assert "no images were held out" in Page(write_report(run)).text


def test_a_run_without_mistakes_has_a_report(
    tmp_path: Path, blob_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    perfect = 50 * F.one_hot(blob_set.test.labels, 10).float()
    monkeypatch.setattr("digits.report.material.predict", lambda *args, **kwargs: perfect)
    run = make_run(tmp_path / "run", metrics_of(blob_set, perfect))
    text = Page(write_report(run)).text
    assert "every test image was read correctly" in text
    assert "No image was read wrong." in text
    assert "100.00 %" in text
    assert not (run.figures_path / "mistakes.png").exists()


def test_a_network_that_knows_nothing_has_a_report(
    tmp_path: Path, blob_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = torch.zeros(len(blob_set.test), 10)
    monkeypatch.setattr("digits.report.material.predict", lambda *args, **kwargs: same)
    run = make_run(tmp_path / "run", metrics_of(blob_set, same))
    assert "0 of 100 images are read with more than 93 %" in Page(write_report(run)).text


@pytest.mark.parametrize(("scale", "found"), [(20, "overconfident by"), (0.1, "underconfident by")])
def test_the_report_says_by_how_much_the_network_was_over_or_underconfident(
    tmp_path: Path,
    blob_set: DataSet,
    monkeypatch: pytest.MonkeyPatch,
    scale: float,
    found: str,
) -> None:
    logits = scale * F.one_hot(blob_set.test.labels.clone(), 10).float()
    logits[:10] = logits[:10].roll(1, dims=1)  # a tenth is read wrong
    probabilities = logits.double().softmax(dim=1)
    monkeypatch.setattr("digits.report.material.predict", lambda *args, **kwargs: logits)
    monkeypatch.setattr(
        "digits.report.material.temperature_of", lambda run, data, device: scale / 4.4
    )
    run = make_run(tmp_path / "run", metrics_of(blob_set, logits))
    text = Page(write_report(run)).text
    points = abs(100 * (float(probabilities.amax(dim=1).mean()) - 0.9))
    assert f"before that it was {found} {points:.2f} percentage points" in text
    calibrated = 100 * float((4.4 * torch.eye(10)[0]).softmax(dim=0).amax())
    assert f"{calibrated:.2f} % on average, and 90.00 % of the test images" in text
    assert f"a temperature of {scale / 4.4:.2f}" in text


def test_predictions_that_differ_from_those_of_the_training_are_said_to(
    tmp_path: Path, blob_set: DataSet
) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set) | {"errors": 1})
    assert "the network read them again" in Page(write_report(run)).text


def test_files_are_written_whole_and_the_page_last(
    tmp_path: Path, blob_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set))
    written: list[Path] = []

    def recorded(path: Path, content: bytes) -> None:
        written.append(path)
        write_atomic(path, content)

    before = {path for path in run.folder.rglob("*") if path.is_file()}
    monkeypatch.setattr(report, "write_atomic", recorded)
    write_report(run)
    after = {path for path in run.folder.rglob("*") if path.is_file()}
    assert after - before == set(written)
    assert written[-1] == run.report_path


def test_a_report_is_the_same_the_second_time(tmp_path: Path, blob_set: DataSet) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set))
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


@pytest.mark.parametrize("missing", ["versions", "parameters", "machine"])
def test_a_summary_that_lacks_something_is_one_line(
    tmp_path: Path, blob_set: DataSet, missing: str
) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set))
    without_sums(run.folder)
    summary = json.loads(run.summary_path.read_text())
    del summary[missing]
    run.summary_path.write_text(json.dumps(summary))
    with pytest.raises(
        DigitsError, match=rf"summary.json: a value .* is missing .*{missing}"
    ) as caught:
        write_report(Run(run.folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_learning_curves_say_what_label_smoothing_leaves(
    tmp_path: Path,
    blob_set: DataSet,
    label_smoothing: float,
) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set), label_smoothing=label_smoothing)
    curves = _learning_curves(Material(run, blob_set, device="cpu"))
    assert ("below 0.500, the dashed line" in curves.caption) == (label_smoothing > 0)


def test_an_empty_history_is_one_line(tmp_path: Path, blob_set: DataSet) -> None:
    run = make_run(tmp_path / "run", metrics_of(blob_set))
    without_sums(run.folder)
    run.history_path.write_text("")
    with pytest.raises(
        DigitsError, match=r"history\.jsonl: expected a line for each epoch, found none"
    ):
        write_report(Run(run.folder))


@pytest.mark.parametrize(
    ("seconds", "text"), [(9.96, "10.0 s"), (83, "1 min 23 s"), (7384, "2 h 3 min")]
)
def test_durations_are_written_in_hours_minutes_and_seconds(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
