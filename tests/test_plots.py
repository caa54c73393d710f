import re
import warnings
from collections.abc import Callable
from dataclasses import astuple, replace
from functools import partial
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation, Text
from PIL import Image
from torch import Tensor
from torch.nn import functional

from digits import plots
from digits.errors import InvalidInput
from digits.evaluation.inspection import FeatureMaps
from digits.evaluation.intervals import estimate_mean
from digits.evaluation.metrics import RiskCoverage, reliability, risk_coverage
from digits.history import EpochRecord
from digits.plots.canvas import (
    DOTS_PER_INCH,
    NARROW_INCHES,
    SCREEN_DOTS_PER_INCH,
    SMALL,
    WIDTH_INCHES,
    show_signed,
)
from digits.plots.colours import DARK, LIGHT, Palette, style_sheet
from digits.plots.readings import explanation
from digits.reading.reader import Reader
from tests.drawn_texts import drawn_texts, touching
from tests.reading.drawings import draw

N = 5
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (N, 28, 28), dtype=torch.uint8, generator=GENERATOR)
LABELS = torch.tensor([0, 1, 2, 3, 3])
PROBABILITIES = torch.randn(N, 10, generator=GENERATOR).mul(3).double().softmax(dim=1)
CONFIDENCE, PREDICTED = PROBABILITIES.max(dim=1)
INDICES = torch.tensor([7, 11, 13, 17, 9999])
MATRIX = [
    [100 if row == column else (row * column) % 4 for column in range(10)] for row in range(10)
]
LINE = np.zeros((40, 60), np.uint8)
WORD = np.array([[5.0, 8], [5, 30], [50, 8], [50, 30]])
COLUMNS = np.array([[0.9, 0.1, 0.9, 0.0], [0.1, 0.6, 0.1, 0.0], [0.0, 0.3, 0.0, 1.0]])
COUNTS = {"shrunk": {"chalk": 2, "lamp": 0}, "framed": {"chalk": 17, "lamp": 19}}
STAGES = [
    FeatureMaps(("conv1", "relu1"), torch.rand(32, 26, 26)),
    FeatureMaps(("conv2",), torch.randn(3, 1, 1)),
]


def record(epoch: int, *, validation: bool = True) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        images=1000,
        train_loss=1 / epoch,
        train_accuracy=1 - 0.1 / epoch,
        validation_loss=0.5 / epoch if validation else None,
        validation_accuracy=1 - 0.05 / epoch if validation else None,
        learning_rate=1e-3,
        seconds=1.0,
    )


FIGURES: dict[str, Callable[[], Figure]] = {
    "samples": lambda: plots.samples(IMAGES, LABELS),
    "augmented digit": lambda: plots.augmented_digit(IMAGES[0], IMAGES.float()),
    "learning curves": lambda: plots.learning_curves([record(1), record(2), record(3)]),
    "importances": lambda: plots.importances({"batch_size": 0.8, "scale": 0.2}, num_trials=20),
    "one epoch": lambda: plots.learning_curves([record(1)]),
    "no validation": lambda: plots.learning_curves([record(1, validation=False)]),
    "confusion matrix": lambda: plots.confusion_matrix(MATRIX),
    "predictions": lambda: plots.predictions(IMAGES, LABELS, PROBABILITIES, INDICES),
    "mistakes": lambda: plots.mistakes(IMAGES, LABELS, PREDICTED, CONFIDENCE, INDICES),
    "reliability": lambda: plots.reliability_diagram(reliability(PROBABILITIES, LABELS)),
    "risk and coverage": lambda: plots.risk_coverage_curve(risk_coverage(PROBABILITIES, LABELS)),
    "filters": lambda: plots.filters(torch.randn(32, 1, 3, 3, generator=GENERATOR)),
    "feature maps": lambda: plots.feature_maps(IMAGES[0], STAGES),
    "pictures": lambda: plots.pictures(
        [IMAGES[0].numpy(), np.zeros((120, 160))], ["a photo\nof 3", "nothing"], right=[True, False]
    ),
    "columns": lambda: plots.columns(LINE, COLUMNS, "37"),
    "words": lambda: plots.words(LINE, [[WORD]]),
    "counts": lambda: plots.counts(COUNTS, 20),
    "saliency": lambda: plots.saliency_maps(
        IMAGES, torch.randn(N, 28, 28, generator=GENERATOR), PREDICTED, CONFIDENCE
    ),
    "pixel values": lambda: plots.pixel_values(IMAGES[0]),
    "convolution": lambda: plots.convolution(
        torch.rand(28, 28, generator=GENERATOR),
        torch.randn(3, 3, generator=GENERATOR),
        torch.randn(26, 26, generator=GENERATOR),
        row=25,
        column=0,
    ),
    "layer steps": lambda: plots.layer_steps(
        {"edge": torch.randn(3, 3, generator=GENERATOR), "nothing": torch.zeros(3, 3)},
        {
            "convolution": torch.randn(2, 26, 26, generator=GENERATOR),
            "ReLU": torch.zeros(2, 26, 26),
        },
    ),
    "receptive fields": lambda: plots.receptive_fields(IMAGES[0], {"conv1": 3, "fc": 28}),
    "channels": lambda: plots.channels(
        torch.rand(2, 28, 28, generator=GENERATOR),
        torch.tensor([-0.072, 0.075, 1.0]).expand(2, 3, 3),
        torch.zeros(2, 26, 26),
        torch.randn(26, 26, generator=GENERATOR),
        names=["ink", "edges"],
    ),
    "network": lambda: plots.network({"image": (1, 28, 28), "flatten": (784,), "fc": (10,)}),
    "kernel places": lambda: plots.kernel_places(3, 3),
    "computation": lambda: plots.computation(
        {"x": (0, 0), "y": (1, 0)}, [plots.Link("x", "y", "×", "w")], {"x": 2, "w": -3, "y": -6}
    ),
    "refusals": lambda: plots.refusals(torch.tensor([0.9, 0.4]), torch.tensor([True, False]), [0]),
    "one receptive field": lambda: plots.receptive_fields(IMAGES[0], {"conv1": 3}),
    "softmax": lambda: plots.softmax(
        torch.randn(10, generator=GENERATOR), torch.randn(10, generator=GENERATOR).softmax(dim=0)
    ),
    "lines": lambda: plots.lines(
        {"loss": ([1, 10, 100], [3.0, 2.0, 1.0]), "other": ([1, 10], [2.0, 2.0])},
        x_label="steps",
        y_label="loss",
        log_x=True,
    ),
    "settings": lambda: plots.settings({"batch_size": {"16": 0.9, "64": 0.99}, "rate": {"1": 0.1}}),
    "digit map": lambda: plots.digit_map({"PCA": torch.randn(N, 2, generator=GENERATOR)}, LABELS),
    "gallery": lambda: plots.gallery(IMAGES, ["a"] * N, num_columns=3),
    "seeds": lambda: plots.seeds({"mine": [0.98, 0.99], "theirs": [0.97, 0.975, 0.98]}),
}

NARROW: dict[str, Callable[[], Figure]] = {
    "samples": partial(plots.samples, IMAGES, LABELS),
    "augmented digit": partial(plots.augmented_digit, IMAGES[0], IMAGES.float()),
    "learning curves": partial(plots.learning_curves, [record(1), record(2)], target_entropy=0.1),
    "predictions": partial(plots.predictions, IMAGES, LABELS, PROBABILITIES, INDICES),
    "mistakes": partial(plots.mistakes, IMAGES, LABELS, PREDICTED, CONFIDENCE, INDICES),
    "reliability": partial(plots.reliability_diagram, reliability(PROBABILITIES, LABELS)),
    "risk and coverage": partial(plots.risk_coverage_curve, risk_coverage(PROBABILITIES, LABELS)),
    "filters": partial(plots.filters, torch.randn(32, 1, 3, 3, generator=GENERATOR)),
    "feature maps": partial(plots.feature_maps, IMAGES[0], STAGES),
    "saliency": partial(
        plots.saliency_maps,
        IMAGES,
        torch.randn(N, 28, 28, generator=GENERATOR),
        PREDICTED,
        CONFIDENCE,
    ),
}
"""The figures that a report lays out for a phone as well."""


def texts(figure: Figure) -> list[str]:
    """All that can be read on a figure."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering is most of the time that these tests take."""
    monkeypatch.setattr("digits.plots.canvas.DOTS_PER_INCH", 40)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_drawn_without_warning_and_their_texts_touch_nothing(name: str) -> None:
    figure = FIGURES[name]()
    drawn = drawn_texts(figure)
    assert drawn
    assert not touching(drawn, figure)
    assert name == "pixel values" or min(text.size for text in drawn) >= SMALL


@pytest.mark.parametrize("name", NARROW)
def test_figures_for_a_phone_are_legible_there(name: str) -> None:
    figure = NARROW[name](width_inches=NARROW_INCHES)  # type: ignore[call-arg]
    assert figure.get_figwidth() == NARROW_INCHES
    drawn = drawn_texts(figure)
    assert not touching(drawn, figure)
    # As wide as a card on a screen of 320 pixels, whose margins and padding take 50.
    assert min(text.size for text in drawn) * 270 / (72 * NARROW_INCHES) >= 9


def test_dark_figures_have_dark_paper_and_light_ink() -> None:
    with plots.dark():
        figure = plots.samples(IMAGES, LABELS)
        with Image.open(BytesIO(plots.to_png(figure))) as image:
            ground = image.convert("RGB").crop((0, 0, 1, 1)).tobytes()
        (name, *_) = figure.axes[0].get_xticklabels()
        assert to_hex(name.get_color()) == DARK.ink
    assert f"#{ground.hex()}" == DARK.paper
    assert to_hex(plots.samples(IMAGES, LABELS).get_facecolor()) == LIGHT.paper


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(colours: Palette) -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot((0.2126, 0.7152, 0.0722), linear))

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one) + 0.05, luminance(other) + 0.05))
        return high / low

    assert min(contrast(c, colours.paper) for c in (colours.ink, colours.soft, colours.blue)) >= 4.5
    strong = (colours.orange, colours.green, colours.purple, colours.edge)
    assert min(contrast(c, colours.paper) for c in strong) >= 3
    assert len(set(astuple(colours))) == len(astuple(colours))


def test_a_signed_value_is_as_strong_as_it_is_large() -> None:
    axes = Figure().subplots()
    show_signed(axes, np.array([[1.0, 0.11, 0.0, -0.5]]), limit=1)
    above, below = (image.to_rgba(np.asarray(image.get_array()))[0, :, 3] for image in axes.images)
    assert above == pytest.approx([1, 0.11, 0, 0], abs=1 / 255)
    assert below == pytest.approx([0, 0, 0, 0.5], abs=1 / 255)


def test_kernels_share_a_scale_so_that_small_weights_are_pale() -> None:
    kernels = {"edge": torch.ones(3, 3), "mean": torch.full((3, 3), 1 / 9)}
    figure = plots.layer_steps(kernels, {"convolution": torch.zeros(2, 4, 4)})
    limits = {axes.get_ylabel(): axes.images[0].get_clim() for axes in figure.axes}
    assert limits["edge"] == limits["mean"] == (0, 1)


def test_an_svg_takes_all_its_colours_from_the_page() -> None:
    figure = plots.saliency_maps(IMAGES, IMAGES.float(), PREDICTED, CONFIDENCE)
    text = plots.to_svg(figure, name="saliency", label="Digits & more")
    root = ElementTree.fromstring(text)
    assert root.attrib["aria-label"] == "Digits & more"
    assert not re.search("#[0-9a-f]{6}", text)
    named = set(re.findall(r"var\((--figure-\w+)\)", text))
    assert {"--figure-paper", "--figure-ink", "--figure-orange"} <= named
    for name in named:
        assert style_sheet().count(f"{name}:#") == 2  # light and dark
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(each.startswith("saliency-") for each in ids)
    assert set(re.findall(r"#([\w.-]+)", text)) == set(ids)
    # Each image is a mask over its own colour: two for a digit, ink and what is salient.
    assert text.count("<image") == text.count("<mask") == 2 * N


def test_figures_are_as_wide_as_a_page_shows_them() -> None:
    assert 1000 <= DOTS_PER_INCH * WIDTH_INCHES <= 1600
    assert FIGURES["confusion matrix"]().get_figwidth() == WIDTH_INCHES


@pytest.mark.parametrize("name", ["learning curves", "confusion matrix"])
def test_drawing_neither_follows_nor_changes_the_user_s_settings(name: str) -> None:
    plain = plots.to_png(FIGURES[name]())
    theirs: Any = {"font.size": 30, "axes.grid": True, "image.cmap": "jet"}
    theirs |= {"savefig.bbox": "tight", "savefig.transparent": True}
    with matplotlib.rc_context(theirs):
        before = dict(matplotlib.rcParams)
        assert plots.to_png(FIGURES[name]()) == plain
        assert dict(matplotlib.rcParams) == before


def test_learning_curves_show_training_and_validation_where_there_is_one() -> None:
    def lines(figure: Figure) -> list[list[object]]:
        return [[line.get_label() for line in axes.lines] for axes in figure.axes]

    both = plots.learning_curves([record(1), record(2)])
    assert lines(both) == [["train", "validation"]] * 2
    assert [axes.get_xlabel() for axes in both.axes] == ["epoch", "epoch"]
    alone = plots.learning_curves([record(1, validation=False), record(2, validation=False)])
    assert lines(alone) == [["train"]] * 2


def test_the_least_loss_that_smoothed_labels_admit_is_a_line_of_its_own() -> None:
    figure = plots.learning_curves([record(1), record(2)], target_entropy=0.5)
    line = figure.axes[0].lines[-1]
    assert np.asarray(line.get_ydata()).tolist() == [0.5, 0.5]
    assert line.get_label() in texts(figure)
    assert len(figure.axes[1].lines) == 2


def sure_but_for(wrong: set[int], num_images: int) -> RiskCoverage:
    """A curve for images of falling confidence, of which these are read wrong."""
    confidence = torch.linspace(0.99, 0.5, num_images).double()
    rest = (1 - confidence) / 9
    probabilities = rest[:, None].repeat(1, 10)
    probabilities[:, 3] = confidence
    labels = torch.tensor([int(index in wrong) + 3 for index in range(num_images)])
    return risk_coverage(probabilities, labels)


def test_the_risk_is_drawn_by_what_is_refused_as_far_as_there_is_risk() -> None:
    curve = sure_but_for({980, 990, 998}, 1000)
    figure = plots.risk_coverage_curve(curve)
    axes = figure.axes[0]
    (line,) = axes.lines
    refused, risk = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    for share in (0.001, 0.005, 0.01, 0.02, 0.5):
        at = np.searchsorted(refused, share * (1 + 1e-9)) - 1  # the step on which this share lies
        assert risk[at] == pytest.approx(curve.risk_at(1 - share))
    assert risk[0] == pytest.approx(0.003)
    low, high = axes.get_xlim()
    assert (low, high) == pytest.approx((0.0005, 1.5 * 0.02))
    assert axes.get_xscale() == "log"
    assert "log scale" in axes.get_xlabel()
    figure.draw_without_rendering()
    assert {"0.1 %", "1 %"} <= {label.get_text() for label in axes.get_xticklabels()}


@pytest.mark.parametrize("wrong", [set(), set(range(50)), {0}])
@pytest.mark.parametrize("num_images", [1, 2, 50])
def test_a_risk_that_never_or_always_is_can_be_drawn(wrong: set[int], num_images: int) -> None:
    figure = plots.risk_coverage_curve(sure_but_for(wrong, num_images))
    low, high = figure.axes[0].get_xlim()
    assert 0 < low < high <= 1
    assert plots.to_png(figure)


def test_the_confusion_matrix_shows_every_count_but_zeros() -> None:
    shown = [text.get_text() for text in plots.confusion_matrix(MATRIX).axes[0].texts]
    assert sorted(shown) == sorted(str(count) for row in MATRIX for count in row if count)


def test_names_of_classes_are_no_formulas() -> None:
    figure = plots.confusion_matrix([[3, 1], [0, 4]], ("$\\frac{x$", "$y$"))
    assert b"frac{x$" in plots.to_svg(figure, name="matrix", label="").encode()
    assert plots.to_png(figure)


def test_names_of_classes_may_be_in_any_script() -> None:
    figure = plots.confusion_matrix([[5, 1], [0, 4]], ("漢", "字"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = plots.to_svg(figure, name="matrix", label="a matrix")
    assert "漢" in svg


def test_a_confusion_matrix_without_errors_is_drawn() -> None:
    perfect = [[1000 * (row == column) for column in range(10)] for row in range(10)]
    figure = plots.confusion_matrix(perfect)
    assert [text.get_text() for text in figure.axes[0].texts] == ["1,000"] * 10
    assert plots.to_png(figure)


def test_mistakes_give_true_and_predicted_digit_confidence_and_index() -> None:
    shown = texts(
        plots.mistakes(IMAGES[:1], LABELS[:1], PREDICTED[:1], CONFIDENCE[:1], INDICES[:1])
    )
    assert f"0 read as {int(PREDICTED[0])}" in shown
    assert f"{plots.percent(float(CONFIDENCE[0]))}\nno. 7" in shown


def test_predictions_show_the_three_likeliest_readings() -> None:
    shown = texts(plots.predictions(IMAGES[:1], LABELS[:1], PROBABILITIES[:1], INDICES[:1]))
    top = PROBABILITIES[0].topk(3)
    assert {str(digit) for digit in top.indices.tolist()} <= set(shown)
    assert {plots.percent(value) for value in top.values.tolist()} <= set(shown)
    assert "no. 7" in shown


def test_a_convolution_shows_the_product_that_makes_each_number() -> None:
    image, kernel = torch.zeros(5, 5), torch.tensor([[-1.0, 0.5], [0.0, 2.0]])
    image[2, 3] = 0.25
    figure = plots.convolution(image, kernel, torch.full((4, 4), -1.5), row=2, column=3)
    shown = texts(figure)
    assert {"0.25\n× −1", "0.00\n× +0.5", "0.00\n× 0", "0.00\n× +2"} <= set(shown)
    assert "output, 4×4; here −1.5" in shown


def test_receptive_fields_are_squares_of_their_size_in_the_middle() -> None:
    (axes,) = plots.receptive_fields(IMAGES[0], {"conv4": 14}).axes
    (square,) = axes.patches
    assert isinstance(square, Rectangle)
    assert (*square.get_xy(), square.get_width(), square.get_height()) == (6.5, 6.5, 14, 14)


def test_a_network_shows_each_layer_with_its_shape_and_parameters() -> None:
    layers = {"image": (1, 28, 28), "conv1": (32, 26, 26), "fc": (10,)}
    shown = texts(plots.network(layers, {"conv1": 320}))
    assert {"image", "1×28×28", "conv1", "32×26×26", "320", "fc", "10"} <= set(shown)


@pytest.mark.parametrize(("padding", "stride", "width"), [(0, 1, 5), (1, 1, 7), (0, 2, 3)])
def test_a_kernel_s_places_are_as_many_as_a_convolution_gives_values(
    padding: int, stride: int, width: int
) -> None:
    found = functional.conv2d(
        torch.zeros(1, 1, 7, 7), torch.zeros(1, 1, 3, 3), padding=padding, stride=stride
    )
    assert found.shape[-1] == width
    shown = texts(plots.kernel_places(7, 3, padding=padding, stride=stride))
    assert f"stride {stride}: output {width}×{width}" in shown


def test_a_kernel_wider_than_its_image_has_no_place() -> None:
    with pytest.raises(InvalidInput, match="Expected something to draw, found nothing"):
        plots.kernel_places(3, 5)


def test_a_computation_shows_values_forward_and_derivatives_on_their_way_back() -> None:
    places = {"x": (0.0, 0.0), "y": (1.0, 0.0)}
    links, values = [plots.Link("x", "y", "×", "w")], {"x": 2.0, "w": -3.0, "y": -6.0}
    shown = set(texts(plots.computation(places, links, values)))
    assert {"× w = −3", "−6"} <= shown
    assert not any(text.startswith("∂") for text in shown)
    shown = set(texts(plots.computation(places, links, values, {"x": -3.0, "w": 2.0, "y": 1.0})))
    assert {"∂ −3", "∂ 2", "∂ 1"} <= shown


def test_refusals_count_the_mistakes_that_remain_and_the_right_answers_that_go() -> None:
    confidence = torch.tensor([0.3, 0.5, 0.5, 0.8, 0.8, 0.9])
    right = torch.tensor([False, True, False, False, False, True])
    figure = plots.refusals(confidence, right, [0, 0.6])
    counts = [
        note.get_text() for note in figure.findobj(Annotation) if isinstance(note, Annotation)
    ]
    assert counts == ["4", "0", "2", "1"], "mistakes and right answers, for each threshold"


class Drawn:
    """Values that a slider had drawn, each time."""

    def __init__(self) -> None:
        self.values: list[tuple[float, ...]] = []

    def __call__(self, *values: float) -> Figure:
        self.values.append(values)
        return plots.lines({"": ([0, 1], [0, values[0]])}, x_label="x", y_label="y")


def test_a_slider_is_the_plain_figure_where_widgets_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("digits.plots.sliders.find_spec", lambda name: None)
    drawn = Drawn()
    slider = plots.Slider(drawn, label="rate", values=[1, 2, 3], shown=[3, 1])
    shown = slider._repr_mimebundle_()
    assert shown.keys() == {"text/plain", "image/png"}
    assert shown["image/png"].startswith(b"\x89PNG")
    assert drawn.values == [(1, 3)], "in the order of the slider"


def test_a_slider_draws_what_it_is_moved_to() -> None:
    pytest.importorskip("ipywidgets")
    drawn = Drawn()
    slider = plots.Slider(drawn, label="rate", values=[1, 2, 3], shown=[3, 1])
    control, picture = slider.widget().children
    control.value = 2
    assert drawn.values == [(3,), (2,)]
    assert bytes(picture.value) == slider.figure(2) != slider.figure(3)


@pytest.mark.parametrize("shown", [[], [4]])
def test_a_slider_shows_only_what_can_be_chosen(shown: list[int]) -> None:
    with pytest.raises(InvalidInput, match="Expected some of the slider's values"):
        plots.Slider(Drawn(), label="rate", values=[1, 2, 3], shown=shown)


def test_lines_show_every_series() -> None:
    many = {f"no. {i}": ([0, 1], [i, i]) for i in range(12)}
    axes = plots.lines(many, x_label="x", y_label="y").axes[0]
    assert [line.get_label() for line in axes.lines] == list(many)


def test_lines_over_whole_numbers_have_whole_ticks() -> None:
    steps, rates = list(range(1, 21)), [rate / 8 for rate in range(1, 21)]
    for x, whole in ((steps, True), (rates, False)):
        axes = plots.lines({"": (x, [1.0] * len(x))}, x_label="x", y_label="y").axes[0]
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert len(ticks) > 3
        assert all(tick == round(tick) for tick in ticks) == whole


def test_the_best_setting_stands_out() -> None:
    axes, *rest = plots.settings({"batch_size": {"16": 0.9, "64": 0.99, "256": 0.95}}).axes
    assert [text.get_text() for text in axes.texts] == ["90.0", "99.0", "95.0"]
    assert axes.get_xlabel() == "batch size"
    first, best, last = np.asarray(axes.collections[0].get_facecolor()).tolist()
    assert first == last != best
    assert not any(other.axison for other in rest)


def test_seeds_show_each_run_and_the_interval_of_their_mean() -> None:
    axes = plots.seeds({"mine": [0.98, 0.99, 0.985]}).axes[0]
    (bar,) = axes.patches
    assert isinstance(bar, Rectangle)
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx(
        estimate_mean([0.98, 0.99, 0.985]).interval
    )
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [0.98, 0.99, 0.985]


def test_pictures_say_without_colour_what_was_right() -> None:
    titles = [axes.get_title() for axes in FIGURES["pictures"]().axes]
    assert titles == ["a photo\nof 3 ✓", "nothing ✗"]


def test_pictures_without_their_titles_are_refused() -> None:
    with pytest.raises(InvalidInput, match="a title for each of 2 pictures, found 1 titles"):
        plots.pictures([LINE, LINE], ["a line"])


def test_a_symbol_stands_at_its_peak_along_the_line() -> None:
    figure = plots.columns(LINE, COLUMNS, "37")
    below = figure.axes[1]
    peaks = {text.get_text(): text.xy[0] for text in below.texts if isinstance(text, Annotation)}
    assert peaks == {"3": 22.5, "7": 52.5}  # a column is 15 pixels wide


def test_a_word_is_framed_and_has_the_numbers_of_its_line_and_place() -> None:
    (axes,) = plots.words(LINE, [[WORD], [WORD, WORD + 5]]).axes
    assert [text.get_text() for text in axes.texts] == ["1.1", "2.1", "2.2"]
    framed = axes.patches[-1].get_path()
    assert framed.get_extents().bounds == (10, 13, 45, 22)
    assert np.array_equal(
        np.asarray(framed.vertices)[1], [10, 35]
    )  # down the left side, not across


def test_probabilities_of_other_symbols_are_refused() -> None:
    with pytest.raises(InvalidInput, match="a row for a blank and 3 symbols, found 3 rows"):
        plots.columns(LINE, COLUMNS, "379")


def test_counts_show_each_kind_at_each_step() -> None:
    assert {"2", "0", "17", "19", "shrunk", "framed", "chalk", "lamp"} <= set(
        texts(FIGURES["counts"]())
    )


def test_a_notebook_shows_a_figure_that_ends_a_cell() -> None:
    figure = plots.softmax(torch.zeros(10), torch.full((10,), 0.1))
    shown = figure._repr_png_()  # type: ignore[attr-defined]
    width = int.from_bytes(shown[16:20], "big")
    assert width == round(SCREEN_DOTS_PER_INCH * WIDTH_INCHES)


def test_filters_share_one_scale_about_zero() -> None:
    weights = torch.randn(8, 1, 3, 3)
    above, below = plots.filters(weights).axes[0].images
    assert above.get_clim() == below.get_clim() == pytest.approx((0, float(weights.abs().max())))


def test_feature_maps_state_layers_and_sizes() -> None:
    shown = texts(plots.feature_maps(IMAGES[0], STAGES))
    assert "input:  28×28 pixels" in shown
    first, second = (next(t for t in shown if t.startswith(name)) for name in ("conv1", "conv2"))
    assert first.startswith("conv1 → relu1:  32 maps of 26×26, 20 shown; ")
    low, high = (f"{value:.2g}".replace("-", "−") for value in STAGES[1].maps.aminmax())
    assert second == f"conv2:  3 maps of 1×1; {low} dark, {high} bright"


def test_an_explanation_frames_digits_and_dots_what_was_left_out() -> None:
    reading = Reader().read(draw("12,50", spacing=0.8))
    figure = explanation(reading)
    frames = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    dotted = [frame for frame in frames if frame.get_linestyle() == ":"]
    assert len(frames) - len(dotted) == len(reading.digits) == 4
    (mark,) = reading.left_out
    assert [frame.get_bbox().bounds for frame in dotted] == [
        pytest.approx(reading.picture.from_original(mark.box))
    ]
    assert {"1250", "separator"} <= set(texts(figure))
    assert plots.to_png(figure)
    narrow = explanation(reading, width_inches=NARROW_INCHES)
    assert not touching(drawn_texts(narrow), narrow)
    crowded = explanation(replace(reading, left_out=(mark, mark, mark)))
    drawn = drawn_texts(crowded)
    assert [text.text for text in drawn].count("separator") == 1
    assert not touching(drawn, crowded)


@pytest.mark.parametrize("confidence", [0.1, 0.5, 1.0])
def test_a_reliability_diagram_of_one_confidence_is_drawn(confidence: float) -> None:
    rest = (1 - confidence) / 9
    probabilities = torch.full((30, 10), rest, dtype=torch.float64)
    probabilities[:, 4] = confidence
    labels = torch.full((30,), 4)
    figure = plots.reliability_diagram(reliability(probabilities, labels))
    assert "30" in texts(figure)
    assert plots.to_png(figure)


def test_constant_pictures_are_drawn() -> None:
    blank = torch.zeros(1, 28, 28)
    certain, digit = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    for figure in (
        plots.filters(torch.zeros(4, 1, 3, 3)),
        plots.feature_maps(blank[0], [FeatureMaps(("conv",), torch.zeros(4, 5, 5))]),
        plots.saliency_maps(blank, blank, digit, certain),
        plots.samples(blank[:0], digit[:0]),
    ):
        assert plots.to_png(figure)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0, "0.0 %"), (0.5, "50.0 %"), (0.9994, "99.9 %"), (0.99999, ">99.9 %"), (1, ">99.9 %")],
)
def test_confidence_is_never_rounded_up_to_certainty(fraction: float, text: str) -> None:
    assert plots.percent(fraction) == text


def none(tensor: Tensor) -> Tensor:
    return tensor[:0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.learning_curves([]),
        lambda: plots.importances({}, num_trials=0),
        lambda: plots.augmented_digit(IMAGES[0], none(IMAGES)),
        lambda: plots.mistakes(*map(none, (IMAGES, LABELS, PREDICTED, CONFIDENCE, INDICES))),
        lambda: plots.predictions(*map(none, (IMAGES, LABELS, PROBABILITIES, INDICES))),
        lambda: plots.feature_maps(IMAGES[0], []),
        lambda: plots.layer_steps({}, {}),
        lambda: plots.receptive_fields(IMAGES[0], {}),
        lambda: plots.network({}),
        lambda: plots.computation({}, [], {}),
        lambda: plots.lines({}, x_label="x", y_label="y"),
        lambda: plots.settings({}),
        lambda: plots.digit_map({}, LABELS),
        lambda: plots.digit_map({"PCA": torch.zeros(0, 2)}, none(LABELS)),
        lambda: plots.gallery(none(IMAGES), []),
        lambda: plots.seeds({}),
        lambda: plots.pictures([], []),
        lambda: plots.counts({}, 20),
    ],
)
def test_nothing_to_draw_is_said(draw: Callable[[], Figure]) -> None:
    with pytest.raises(InvalidInput, match="Expected something to draw, found nothing"):
        draw()
