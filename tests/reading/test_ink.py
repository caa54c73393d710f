import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from digits.data import load
from digits.errors import InvalidInput
from digits.reading.ink import erase_ruled_lines, find_lines, frame_single, open_picture
from digits.reading.ink.binarization import binarize
from digits.reading.ink.drawings import binarize_drawing
from digits.reading.ink.formats import NOT_READ
from digits.reading.ink.ruled_lines import without_ruled_lines
from tests.reading.cases import large_on_ruled_sheet
from tests.reading.drawings import INK, PAPER, draw, enlarged, turned, write


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


PAGE = draw("7")
COLOUR = np.stack([PAGE, PAGE, np.minimum(PAGE, 180)], axis=2)
"""On yellow paper."""


def on_clear_ground(ink: int) -> Image.Image:
    """Ink of one grey level, all else transparent."""
    alpha = np.where(PAGE < 128, 255, 0).astype(np.uint8)
    return Image.fromarray(np.stack([np.full_like(PAGE, ink)] * 3 + [alpha], axis=2))


FORMS: dict[str, Any] = {
    "grey PNG": saved(Image.fromarray(PAGE), "PNG"),
    "colour PNG": saved(Image.fromarray(COLOUR), "PNG"),
    "JPEG": saved(Image.fromarray(COLOUR), "JPEG", quality=60),
    "CMYK JPEG": saved(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
    "WebP": saved(Image.fromarray(COLOUR), "WEBP"),
    "BMP": saved(Image.fromarray(COLOUR), "BMP"),
    "TIFF": saved(Image.fromarray(PAGE), "TIFF"),
    "GIF": saved(Image.fromarray(PAGE).convert("P"), "GIF"),
    "palette PNG": saved(Image.fromarray(COLOUR).quantize(8), "PNG"),
    "1-bit PNG": saved(Image.fromarray(PAGE > 128), "PNG"),
    "16-bit PNG": saved(Image.fromarray(PAGE.astype(np.uint16) * 257), "PNG"),
    "16-bit PNG of few levels": saved(Image.fromarray(PAGE.astype(np.uint16) * 4 + 300), "PNG"),
    "black on clear ground": saved(on_clear_ground(0), "PNG"),
    "white on clear ground": saved(on_clear_ground(255), "PNG"),
    "grey with alpha": saved(Image.fromarray(PAGE).convert("LA"), "PNG"),
    "Pillow image": Image.fromarray(PAGE),
    "array": PAGE,
    "array with a channel": PAGE[:, :, None],
    "channels first": np.moveaxis(COLOUR, 2, 0),
    "floats to 1": PAGE / 255,
    "floats to 255": PAGE.astype(np.float64),
    "standardised floats": (PAGE - PAGE.mean()) / PAGE.std(),
    "booleans": PAGE > 128,
    "16-bit array": PAGE.astype(np.uint16) * 257,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_digit_is_the_same_in_every_form(form: str) -> None:
    expected = frame_single(binarize(PAGE))
    found = frame_single(binarize(open_picture(FORMS[form]).grey))
    assert expected is not None
    assert found is not None
    difference = np.abs(found.pixels.astype(int) - expected.pixels.astype(int))
    assert difference.mean() < 8, form


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation: int) -> None:
    """Each of the eight ways in which a camera can store the same picture."""
    turns = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
             4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
             6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
             8: Image.Transpose.ROTATE_270}  # fmt: skip
    image = Image.fromarray(PAGE)
    stored = image.transpose(turns[orientation]) if orientation in turns else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(stored, "PNG", exif=exif)
    np.testing.assert_array_equal(open_picture(content).grey, PAGE)
    as_stored = open_picture(content, rotate=False).grey
    np.testing.assert_array_equal(as_stored, np.asarray(stored))


JPEG = saved(Image.fromarray(PAGE), "JPEG")


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is large."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def without_palette() -> bytes:
    """A PNG of numbers of colours, without the chunk that says which they are."""
    whole = saved(Image.fromarray(PAGE).convert("P"), "PNG")
    start = whole.index(b"PLTE") - 4
    (length,) = struct.unpack(">I", whole[start : start + 4])
    return whole[:start] + whole[start + length + 12 :]


def of_two_pages(format: str) -> bytes:
    pages = [Image.fromarray(draw(digit)) for digit in "12"]
    return saved(pages[0], format, save_all=True, append_images=pages[1:])


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A JPEG that says it has another size: its frame header holds height and width."""
    frame = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:frame] + struct.pack(">HH", height, width) + JPEG[frame + 4 :]


BAD: dict[str, tuple[Any, str]] = {
    "empty": (b"", "an empty file"),
    "no picture": (b"hello, world" * 20, "Expected a picture .* found none"),
    "cut off": (JPEG[: len(JPEG) // 2], "damaged or cut off"),
    "header only": (JPEG[:20], "found none|damaged or cut off"),
    "no palette": (without_palette(), "damaged or cut off: it has no palette"),
    "a bomb": (png_that_claims(60_000, 60_000), "at most 64,000,000 pixels, found more: make"),
    "a smaller bomb": (png_that_claims(9_000, 9_000), "found 81,000,000: make the picture smaller"),
    "more than may be reduced": (jpeg_that_claims(17_000, 16_000), "found 272,000,000: make the"),
    "a strip": (png_that_claims(40_000, 2), "a strip of 40,000 × 2"),
    "animated": (of_two_pages("GIF"), "one page, found a GIF of more: save each page as PNG"),
    "two pages": (of_two_pages("TIFF"), "one page, found a TIFF of more: save each page as PNG"),
    "zero-sized": (np.zeros((0, 5), np.uint8), "5 × 0 pixels"),
    "not finite": (np.full((20, 20), np.nan), "NaN or infinity"),
    "infinite": (np.full((20, 20), np.inf), "NaN or infinity"),
    "four dimensions": (np.zeros((2, 3, 20, 20)), r"found \(2, 3, 20, 20\)"),
    "five channels": (np.zeros((20, 20, 5)), r"found \(20, 20, 5\)"),
    "texts": (np.full((20, 20), "7"), "array of numbers"),
    "complex": (np.zeros((20, 20), complex), "array of numbers"),
    "absent": (Path("nowhere.png"), "no such file"),
    "a folder": (Path("/"), "no file"),
    "a device": (Path("/dev/zero"), "no file"),
    "a number": (7, "found int"),
    "a path with a zero byte": ("a\0b", "Can't be opened"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_line(name: str) -> None:
    source, message = BAD[name]
    with pytest.raises(InvalidInput, match=message) as caught:
        open_picture(source)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


NO_PICTURES = {
    "JPEG XL": b"\xff\x0a" + bytes(200),
    "PAM": b"P7\nWIDTH 1\n",
    "SVG": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
}
"""Files by their format, which is known and not read."""


@pytest.mark.parametrize("name", NO_PICTURES)
def test_a_format_that_is_not_read_is_named_with_a_way_out(name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"\(PNG, .*\), found {name}: save it as PNG or JPEG"):
        open_picture(NO_PICTURES[name])


def test_the_formats_that_are_not_read_are_all_tried_here() -> None:
    assert {other.name for other in NOT_READ} == NO_PICTURES.keys()


LEVELS = {
    "16-bit PNG": saved(Image.fromarray(np.full((90, 100), 65_535, np.uint16)), "PNG"),
    "16-bit TIFF": saved(Image.fromarray(np.full((90, 100), 65_535, np.uint16)), "TIFF"),
    "32-bit TIFF": saved(Image.fromarray(np.full((90, 100), 70_000, np.int32)), "TIFF"),
    "TIFF of floats": saved(Image.fromarray(np.full((90, 100), -1.5, np.float32)), "TIFF"),
    "PNG": saved(Image.fromarray(np.full((90, 100), 255, np.uint8)), "PNG"),
}
"""Files of pictures of one level everywhere."""


@pytest.mark.parametrize("form", LEVELS)
def test_a_file_of_one_level_everywhere_has_no_ink(form: str) -> None:
    """Its lightest and darkest level are no distance apart, which nothing may be divided by."""
    assert not binarize(open_picture(LEVELS[form]).grey).mask.any()


DTYPES = [np.dtype(code) for code in "?bBhHiIlLqQefdg"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_an_array_of_one_level_everywhere_has_no_ink(dtype: np.dtype) -> None:
    levels = [0, 1] if dtype.kind in "bu" else [0, 1, -1]
    if dtype.kind in "iu":
        levels += [np.iinfo(dtype).min, np.iinfo(dtype).max]
    if dtype.kind == "f":
        levels += [65_504, -65_504]  # the highest and lowest of 16 bits
    for level in levels:
        array = np.full((90, 100), level, dtype)
        assert not binarize(open_picture(array).grey).mask.any(), level


def test_the_widest_range_of_floats_is_scaled() -> None:
    array = np.full((90, 100), np.finfo(np.float32).max, np.float32)
    array[40:50, 30:70] = np.finfo(np.float32).min
    grey = open_picture(array).grey
    assert (int(grey[10, 10]), int(grey[45, 50])) == (255, 0)


@pytest.mark.parametrize("dtype", [each for each in DTYPES if each.kind == "f"], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_one_value_that_is_not_finite_is_told(dtype: np.dtype, value: float) -> None:
    array = np.zeros((90, 100), dtype)
    with np.errstate(over="ignore"):
        array[40, 50] = value
    with pytest.raises(InvalidInput, match="Expected finite numbers, found NaN or infinity"):
        open_picture(array)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_file_of_floats_that_are_not_finite_is_not_called_damaged(value: float) -> None:
    levels = np.zeros((90, 100), np.float32)
    levels[40, 50] = value
    image = Image.fromarray(levels)
    for source in (image, saved(image, "TIFF")):
        with pytest.raises(InvalidInput, match=r"^Expected finite numbers, found NaN or infinity"):
            open_picture(source)


def test_a_decompression_bomb_takes_no_memory() -> None:
    tracemalloc.start()
    for side in (60_000, 20_000):
        with pytest.raises(InvalidInput):
            open_picture(png_that_claims(side, side))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def test_large_pictures_are_shrunk_and_boxes_are_in_the_original_s_pixels() -> None:
    page = np.full((300, 400), PAPER, np.uint8)
    write(page, "4", (100, 180), 80, 6)
    page = enlarged(page, 10)
    for source in (page, saved(Image.fromarray(page), "JPEG")):
        picture = open_picture(source)
        assert max(picture.grey.shape) == 2000
        glyph = frame_single(binarize(picture.grey))
        assert glyph is not None
        _, top, _, height = picture.to_original(glyph.box)
        rows = np.flatnonzero((page < 128).any(axis=1))
        assert abs(top - rows[0]) < 30
        assert abs(height - np.ptp(rows)) < 50


def test_padding_with_copies_of_the_outermost_row_is_removed() -> None:
    rng = np.random.default_rng(0)
    page = np.clip(draw("3", margin=4) + rng.normal(0, 5, draw("3", margin=4).shape), 0, 255)
    page = page.astype(np.uint8)
    padded = np.pad(page, ((0, 0), (25, 17)), mode="edge")
    picture = open_picture(padded)
    np.testing.assert_array_equal(picture.grey, open_picture(page).grey)
    assert picture.origin == (25, 0)


@pytest.mark.parametrize("content", [np.tile(draw("1")[60], (100, 1)), np.full((40, 50), 200)])
def test_drawings_without_change_from_row_to_row_are_left_whole(content: np.ndarray) -> None:
    assert open_picture(content.astype(np.uint8)).origin == (0, 0)


@settings(max_examples=40)
@given(
    digit=st.sampled_from("0123456789"),
    thickness=st.integers(2, 12),
    margin=st.integers(3, 80),
    contrast=st.integers(25, 200),
)
def test_ink_is_told_from_paper_whichever_is_darker(
    digit: str, thickness: int, margin: int, contrast: int
) -> None:
    page = draw(digit, thickness=thickness, margin=margin)
    faint = (235 - (235.0 - page) * contrast / 205).astype(np.uint8)
    for picture, is_dark in ((faint, True), (255 - faint, False)):
        ink = binarize(open_picture(picture).grey)
        assert ink.is_dark is is_dark
        assert ink.certainty > 1


@given(
    digit=st.sampled_from("0123456789"),
    height=st.integers(30, 150),
    margin=st.integers(3, 80),
    inverted=st.booleans(),
)
def test_the_ink_of_a_drawing_is_what_differs_from_its_ground(
    digit: str, height: int, margin: int, inverted: bool
) -> None:
    page = draw(digit, height=height, thickness=1, margin=margin)
    ink = binarize_drawing(255 - page if inverted else page)
    assert ink is not None
    assert np.array_equal(ink.contrast, PAPER - page.astype(np.float32))
    assert not (ink.mask & (page == PAPER)).any()
    assert (ink.mask | (page > (INK + PAPER) / 2)).all()
    assert (ink.noise, ink.is_dark, ink.certainty) == (0, not inverted, np.inf)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_drawing_has_no_ink(level: int) -> None:
    ink = binarize_drawing(np.full((40, 60), level, np.uint8))
    assert ink is not None
    assert not ink.mask.any()


def test_a_drawing_may_come_as_a_jpeg() -> None:
    page = draw("5", height=160, thickness=12)
    saved_page = open_picture(saved(Image.fromarray(page), "JPEG", quality=80)).grey
    exact, found = binarize_drawing(page), binarize_drawing(saved_page)
    assert exact is not None
    assert found is not None
    assert (exact.mask & found.mask).sum() > 0.95 * (exact.mask | found.mask).sum()


def in_three_levels() -> np.ndarray:
    page = np.full((200, 300), 128, np.uint8)
    write(page, "4", (60, 150), 100, 8, ink=255)
    write(page, "2", (160, 150), 100, 8, ink=0)
    return page


def on_a_card() -> np.ndarray:
    page = cv2.rectangle(np.full((200, 300), PAPER, np.uint8), (90, 40), (190, 160), INK, -1)
    write(page, "7", (115, 135), 70, 6, ink=PAPER)
    return page


NO_DRAWINGS = {
    "grain": draw("7") + np.random.default_rng(0).integers(0, 3, draw("7").shape, np.uint8),
    "light that falls off": (draw("7") * np.linspace(0.8, 1, draw("7").shape[1])).astype(np.uint8),
    "ink of two kinds": in_three_levels(),
    "a digit cut out of a card": on_a_card(),
    "a line from edge to edge": cv2.line(draw("7"), (0, 90), (999, 90), INK, 2),
}


@pytest.mark.parametrize("name", NO_DRAWINGS)
def test_what_is_no_ink_on_plain_ground_is_no_drawing(name: str) -> None:
    assert binarize_drawing(NO_DRAWINGS[name]) is None


def test_the_light_may_fall_unevenly() -> None:
    page = draw("2845", height=80, margin=60).astype(float)
    light = (
        np.linspace(0.35, 1, page.shape[1])[None, :] * np.linspace(1, 0.7, page.shape[0])[:, None]
    )
    shaded = (page * light).astype(np.uint8)
    even, uneven = (binarize(picture).mask for picture in (page.astype(np.uint8), shaded))
    assert (even & uneven).sum() > 0.85 * (even | uneven).sum()


def test_glyphs_are_framed_as_mnist_is() -> None:
    for digit in "0123456789":
        glyph = frame_single(binarize(draw(digit)))
        assert glyph is not None
        pixels = glyph.pixels.astype(float)
        rows, columns = (np.flatnonzero(pixels.max(axis=axis) > 60) for axis in (1, 0))
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        mass = pixels.sum()
        assert abs((pixels.sum(axis=1) * np.arange(28)).sum() / mass - 14) <= 0.5
        assert abs((pixels.sum(axis=0) * np.arange(28)).sum() / mass - 14) <= 0.5
        assert pixels.max() == 255


@pytest.mark.mnist
def test_mnist_s_own_digits_come_out_as_they_were() -> None:
    images = load("mnist").train.images[:200].numpy()
    differences = []
    for image in images:
        glyph = frame_single(binarize(open_picture(image).grey))
        assert glyph is not None
        # Their centres of mass were moved by whole pixels, which can be the next one here.
        moved = [np.roll(glyph.pixels, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        differences.append(min(float(np.abs(m.astype(int) - image).mean()) for m in moved))
    assert np.mean(differences) < 9
    assert max(differences) < 25


def num_words(page: np.ndarray) -> list[int]:
    return [len(line) for line in find_lines(binarize(page))]


def test_words_are_told_apart_in_lines_and_columns() -> None:
    row = draw("123", margin=40)
    assert num_words(row) == [1]
    assert num_words(np.vstack([row] * 3)) == [1, 1, 1]
    assert num_words(np.hstack([np.pad(row, 40, constant_values=PAPER)] * 2)) == [2]


@pytest.mark.parametrize("degrees", [-40, -25, -10, 12, 35])
def test_skewed_words_are_deskewed(degrees: float) -> None:
    (line,) = find_lines(binarize(turned(draw("46835", spacing=1.1), degrees)))
    (word,) = line
    assert word.angle == pytest.approx(-degrees, abs=3)
    assert word.width > 4 * word.height


def test_ruled_lines_boxes_and_specks_are_no_digits() -> None:
    page = draw("52", height=80, spacing=1.4, margin=60)
    plain = num_words(page), find_lines(binarize(page))[0][0].width
    cv2.line(page, (0, 170), (page.shape[1], 171), INK, 2)
    cv2.rectangle(page, (20, 20), (page.shape[1] - 20, page.shape[0] - 10), 90, 2)
    for x, y in ((15, 15), (40, 120), (page.shape[1] - 30, 40)):
        cv2.circle(page, (x, y), 3, INK, -1)
    found = find_lines(erase_ruled_lines(binarize(page)))
    assert [len(line) for line in found] == plain[0]
    assert abs(found[0][0].width - plain[1]) < 12


@pytest.mark.parametrize("is_squared", [False, True])
@pytest.mark.parametrize("slope", [0, 0.05])
def test_lines_of_paper_go_and_a_tall_digit_stays(is_squared: bool, slope: float) -> None:
    sheet = large_on_ruled_sheet("3", is_squared=is_squared, slope=slope)
    plain = large_on_ruled_sheet("3", is_squared=is_squared, line=PAPER)
    digit = binarize(plain).mask
    ruled, left = binarize(sheet).mask & ~digit, erase_ruled_lines(binarize(sheet)).mask
    assert (digit & ~left).sum() < 0.01 * digit.sum()
    assert (left & ~digit).sum() < 0.15 * ruled.sum()


def test_what_is_as_high_as_three_lines_does_not_make_them_one() -> None:
    page = np.vstack([draw("1234", margin=40)] * 3)
    apart = num_words(page)
    page[30:-30, -22:-8] = INK
    assert len(num_words(page)) == len(apart) == 3


def level_rules(height: int, width: int, parts: int) -> np.ndarray:
    """Lines of paper, and one more that is seen in so many parts."""
    mask = np.zeros((height, width), bool)
    for y in range(40, height - 60, 60):
        mask[y : y + 3] = True
    length = width // parts
    for start in range(0, width, length):
        mask[height - 30 : height - 27, start : start + length - 8] = True
    return mask


def test_a_line_of_paper_may_have_gaps() -> None:
    for parts in (1, 5):
        mask = level_rules(300, 420, parts)
        assert not without_ruled_lines(mask).any()


def test_a_bit_of_a_line_at_the_edge_of_ruled_paper_goes_and_a_stroke_there_stays() -> None:
    mask = level_rules(300, 420, 1)
    mask[50:80, :3] = True
    stroke = np.zeros_like(mask)
    stroke[110:150, -12:] = True
    left = without_ruled_lines(mask | stroke)
    assert not (left & ~stroke).any()
    assert left[stroke].all()


@pytest.mark.parametrize("sides", ["top", "left", "top left", "top left bottom right"])
def test_a_cell_that_is_cut_out_with_its_sides_is_empty(sides: str) -> None:
    cell = np.zeros((60, 70), bool)
    for side in sides.split():
        {"top": cell[2:5], "bottom": cell[-4:-1], "left": cell[:, 1:4], "right": cell[:, -3:]}[
            side
        ][:] = True
    assert not without_ruled_lines(cell).any()
    cell[20:45, 30:36] = True  # a digit
    assert without_ruled_lines(cell)[20:45, 30:36].all()


def test_a_digit_that_fills_its_picture_is_no_empty_cell() -> None:
    zero = np.zeros((80, 60), np.uint8)
    cv2.ellipse(zero, (30, 40), (26, 36), 0, 0, 360, 1, 8)
    one = np.ones((80, 12), bool)
    seven = np.zeros((80, 50), np.uint8)
    cv2.polylines(seven, [np.array([(0, 3), (46, 3), (10, 79)])], False, 1, 8)
    for digit in (zero > 0, one, seven > 0):
        assert without_ruled_lines(digit).sum() > 0.6 * digit.sum()
