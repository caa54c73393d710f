"""The network as it is drawn in the page: its sums, experiments with it, and ways to it."""

import re
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from pen_paths import written
from playwright.sync_api import Locator, Page, expect

from digits.reading.reader import Reader
from tests.server.browser import (
    DESKTOP,
    SMALL_PHONE,
    Open,
    draw_at_once,
    needs_chromium,
    num_too_small,
    settled,
    violations,
)

pytestmark = needs_chromium

FIGURE = re.compile(r"[+−]?\d+(?:\.\d+)?")


def figures(text: str) -> list[float]:
    return [float(found.replace("−", "-")) for found in FIGURE.findall(text)]


def look_inside(page: Page, digit: int = 4) -> np.ndarray:
    """Draw a digit and go to the drawing of the network; returns the glyph."""
    draw_at_once(page, written(digit, 0, left=60, top=40, height=130))
    assert settled(page) == str(digit)
    page.locator("#inside").scroll_into_view_if_needed()
    expect(page.locator("#inside-lead")).to_contain_text(f"how the {digit} above")
    expect(page.locator("#inside-mean")).to_contain_text("views")  # all of it is drawn
    pixels: list[int] = page.locator(".digit canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 == 0)]"
    )
    return np.array(pixels, np.uint8).reshape(28, 28)


@pytest.mark.parametrize("size", [DESKTOP, SMALL_PHONE])
def test_the_longest_probability_has_room_beside_its_bar(
    open_page: Open, size: tuple[int, int]
) -> None:
    page = open_page(size)
    look_inside(page)
    cut = page.locator(".chances .best > :last-child").evaluate_all(
        """values => values.filter((value) => {
            value.textContent = "100.00 %";
            return value.scrollWidth > value.clientWidth;
        }).length"""
    )
    assert page.locator(".chances .best").count() == 3
    assert cut == 0


def maps_of(page: Page, title: str) -> Locator:
    """The maps of a layer in the flow."""
    name = page.get_by_role("heading", name=title, exact=True)
    return page.locator(".stage").filter(has=name).locator("canvas[tabindex]")


def place(page: Page) -> tuple[int, int, int]:
    """Channel, row and column of the value that is explained."""
    channel = figures(page.locator(".detail h3").inner_text().partition(":")[2])[0]
    row, column, _ = figures(page.locator(".detail .value").inner_text())
    return int(channel) - 1, int(row) - 1, int(column) - 1


def test_the_sum_written_out_adds_up_to_the_value_that_the_runtime_computes(
    open_page: Open, reader: Reader
) -> None:
    page = open_page()
    layers = reader.network.open_layers().of(look_inside(page))
    for title, layer in (("convolution 1", layers[0]), ("convolution 2", layers[1])):
        maps_of(page, title).click()
        map_box = page.locator(".detail canvas[tabindex]").bounding_box()
        assert map_box is not None
        page.mouse.move(map_box["x"] + 0.55 * map_box["width"], map_box["y"] + 60)
        channel, row, column = place(page)
        value = figures(page.locator(".detail .value b").inner_text())[0]
        assert value == pytest.approx(layer.maps[channel, row, column], abs=0.006)
        bias, total = (
            figures(page.locator(".detail .step-line b").nth(i).inner_text())[0] for i in range(2)
        )
        assert value == max(total, 0)
        term = page.locator(".detail .terms li").first
        if title == "convolution 2":
            term.locator("button").click()
        sums = [figures(each)[0] for each in page.locator(".term > b").all_inner_texts()]
        sums = sums[: page.locator(".detail .terms li").count()]
        rest = page.locator(".detail .more").all_inner_texts()
        others = [figures(each)[1] for each in rest]
        assert bias + sum(sums) + sum(others) == pytest.approx(total, abs=1e-9)
        products = [figures(each)[0] for each in term.locator(".products b").all_inner_texts()]
        assert len(products) == (25 if title == "convolution 1" else 9)
        assert sum(products) == pytest.approx(sums[0], abs=1e-9)


def test_the_value_under_the_mouse_is_said_beside_it(open_page: Open, reader: Reader) -> None:
    page = open_page()
    layers = reader.network.open_layers().of(look_inside(page))
    maps_of(page, "convolution 2").hover()
    name, _, rest = page.locator(".said").inner_text().partition(". ")
    row, column, value = figures(rest)
    expected = layers[1].maps[int(figures(name)[0]) - 1, int(row) - 1, int(column) - 1]
    assert value == pytest.approx(expected, abs=0.006)
    page.locator("#inside-title").hover()
    expect(page.locator(".said")).to_be_hidden()


def test_what_another_network_read_is_told_apart_from_what_this_one_says(open_page: Open) -> None:
    page = open_page()
    look_inside(page)
    expect(page.locator("#inside-lead")).to_contain_text("4 above passes through the network of")
    expect(page.locator("#inside-mean")).to_contain_text("read by another network")

    def misread(route: Any) -> None:
        answer = route.fetch()
        reading = answer.json()
        digits = [digit | {"label": 9} for digit in reading["digits"]]
        route.fulfill(json=reading | {"digits": digits})

    page.route("**/v1/read", misread)
    page.locator("#clear").click()
    draw_at_once(page, written(4, 0, left=60, top=40, height=130))
    expect(page.locator("#inside-lead")).to_contain_text(
        "how the 9 above passes through the network of single digits. It takes it for a 4; "
        "9 is what another network says"
    )


def test_a_network_that_names_the_digits_itself_is_said_to_be_the_one_that_read(
    open_page: Open,
) -> None:
    page = open_page()

    def describe(route: Any) -> None:
        route.fulfill(json=route.fetch().json() | {"names_digits": True})

    page.route("**/v1/network", describe)
    page.reload()
    look_inside(page)
    expect(page.locator("#inside-lead")).to_contain_text("4 above passes through the network. ")
    expect(page.locator("#inside-mean")).to_contain_text("A reading is the mean over 3 views")
    expect(page.locator("#inside-mean")).not_to_contain_text("another network")


def luminance(colour: list[int]) -> float:
    """Relative luminance, as the guidelines for accessible pages define it."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (each / 255 for each in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[int], other: list[int]) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_maps_stand_out_from_the_page_and_small_values_from_zero(
    open_page: Open, scheme: str
) -> None:
    page = open_page(scheme=scheme)
    ground, activations = page.evaluate(
        """async () => {
            const { colours } = await import("/page/inside/palette.js");
            const ground = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);
            const rgb = (packed) => [0, 8, 16].map((shift) => (packed >> shift) & 255);
            return [ground.map(Number), [...colours(false)].map(rgb)];
        }"""
    )
    assert contrast(ground, activations[0]) > 1.16
    assert contrast(activations[0], activations[len(activations) // 10]) > 1.15
    lightness = [luminance(colour) for colour in activations[::16]]
    assert lightness in (sorted(lightness), sorted(lightness, reverse=True))


def test_the_widest_figures_fit_beside_their_bars(open_page: Open) -> None:
    page = open_page()
    look_inside(page)
    is_cut_off = page.locator(".chances > * > :last-child").evaluate_all(
        """figures => figures.map((figure) => {
            const isScore = figure.closest(".scores");
            figure.textContent = isScore ? "−123.45" : "> 99.99 %";
            figure.parentElement.classList.add("best");
            return figure.scrollWidth > figure.clientWidth;
        })"""
    )
    assert is_cut_off == 30 * [False]


def test_of_another_digit_what_is_strong_is_explained(open_page: Open, reader: Reader) -> None:
    page = open_page()
    look_inside(page)
    page.locator(".detail canvas[tabindex]").click(position={"x": 3, "y": 3})
    assert place(page)[1:] == (0, 0)
    page.locator("#clear").click()
    (maps, *_) = (layer.maps for layer in reader.network.open_layers().of(look_inside(page, 7)))
    channel, row, column = place(page)
    assert maps[channel, row, column] == maps[channel].max() > 0


def test_what_speaks_for_one_digit_and_another_adds_up(open_page: Open) -> None:
    page = open_page()
    look_inside(page)
    words = page.locator("#inside-why p[role=status]")
    for other in range(10):
        if other == 4:
            continue
        page.get_by_label("And not this one").select_option(str(other))
        a, lead, b, for_a, _, for_b, _, rest, _ = figures(words.inner_text())
        assert (a, b) == (4, other)
        assert for_a + for_b + rest == pytest.approx(lead, abs=1e-9)


def test_a_filter_that_is_switched_off_changes_the_probabilities_as_in_the_runtime(
    open_page: Open, reader: Reader
) -> None:
    page = open_page()
    glyph = look_inside(page)
    before = page.locator("#inside-chances li").all_inner_texts()
    page.locator("#inside-why .votes button").first.click()
    channel = place(page)[0]
    page.get_by_role("button", name="Switch off").click()
    shown = page.locator("#inside-chances li").all_inner_texts()
    assert shown != before
    model = onnx.load_from_string(reader.network.content)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("model.conv3"):
            values = numpy_helper.to_array(tensor).copy()
            values[channel] = 0
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    last = next(node for node in model.graph.node if node.op_type == "Softmax")
    model.graph.output.append(onnx.ValueInfoProto(name=last.output[0]))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    images = glyph[None, None].astype(np.float32)
    (expected,) = session.run([last.output[0]], {"images": images})
    for label, text in enumerate(shown):
        _, percents = figures(text)
        assert percents == pytest.approx(100 * expected[0][label], abs=0.06)
    page.get_by_role("button", name="Reset").click()
    assert page.locator("#inside-chances li").all_inner_texts() == before


def test_what_is_done_to_the_digit_changes_its_reading_at_once(open_page: Open) -> None:
    page = open_page()
    look_inside(page)
    state = page.locator("#inside-state")
    expect(state).to_contain_text("4, ")
    marks = page.locator("#inside-chances em:visible")
    expect(marks).to_have_count(0)
    change = "(slider) => { slider.value = 90; slider.dispatchEvent(new Event('input')); }"
    page.locator("input[name=rotation]").evaluate(change)
    assert not state.inner_text().startswith("4")
    expect(marks).to_have_count(10)  # of what the probabilities were
    for name in ("right", "down", "blur", "noise"):
        seen = page.locator("#inside-chances").inner_text()
        page.locator(f"input[name={name}]").evaluate(change.replace("90", "3"))
        assert page.locator("#inside-chances").inner_text() != seen


def test_the_keyboard_reaches_each_value_and_the_page_says_it(
    open_page: Open, reader: Reader
) -> None:
    page = open_page()
    layers = reader.network.open_layers().of(look_inside(page))
    spoken = page.locator("#inside-spoken")
    maps_of(page, "max pooling").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    channel, row, column = place(page)
    assert (row, column) == (1, 0)
    value = layers[2].maps[channel, 1, 0]
    expect(spoken).to_contain_text(f"max pooling: map {channel + 1} of 64. Row 2, column 1: ")
    said = figures(spoken.inner_text().partition("column 1: ")[2])[0]
    assert said == pytest.approx(value, abs=0.006)
    page.locator(".stage [role=radio][tabindex='0']").first.focus()
    page.keyboard.press("End")
    expect(spoken).to_contain_text("scores: the score of 9")


def test_a_finger_opens_a_map_and_a_value_below_its_layer(open_page: Open) -> None:
    page = open_page(SMALL_PHONE, touch=True)
    look_inside(page)
    assert page.locator(".detail").evaluate("it => it.scrollWidth <= it.clientWidth")
    maps = maps_of(page, "convolution 3")
    maps.tap()
    assert maps.evaluate("maps => maps.closest('.stage').nextElementSibling.matches('.detail')")
    large = page.locator(".detail canvas[tabindex]")
    large.tap(position={"x": 5, "y": 5})
    assert place(page)[1:] == (0, 0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert num_too_small(page, "#inside :is(button, select, input, [role=radio])") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, SMALL_PHONE], ids=["desktop", "phone"])
def test_the_guide_goes_step_by_step_and_all_of_it_is_accessible(
    open_page: Open, scheme: str, size: tuple[int, int]
) -> None:
    page = open_page(size, scheme=scheme)
    page.locator("#inside").scroll_into_view_if_needed()
    page.locator("#inside-start").click()  # with the example, as nothing is drawn
    guide, said = page.locator("#inside-guide"), set()
    while guide.is_visible():
        expect(page.locator(".pointed")).to_be_in_viewport()
        said.add(guide.inner_text())
        if "Step 6" in guide.inner_text():
            assert violations(page) == []
        turned = page.locator("input[name=rotation]").input_value()
        guide.get_by_role("button").last.click()
    assert len(said) == 9
    assert turned != "0"
    expect(page.locator("#inside-reset")).to_be_disabled()
    expect(page.locator("#inside-start")).to_be_focused()


@pytest.mark.parametrize("body", [b"", b"no network"])
def test_a_network_that_cannot_be_shown_is_reported_in_one_line(
    open_page: Open, body: bytes
) -> None:
    page = open_page()

    def answer(route: Any) -> None:
        route.fulfill(body=body, content_type="application/octet-stream")

    page.route("**/v1/network/onnx", answer)
    page.reload()
    page.locator("#inside").scroll_into_view_if_needed()
    expect(page.locator("#inside-lead")).to_contain_text(
        "The inside of the network can’t be shown."
    )
    expect(page.locator("#inside-flow")).to_be_hidden()
