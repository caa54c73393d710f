"""Files in other formats than the usual ones: read, each in a process that may die of it."""

import io
import json
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import mutations
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from digits.errors import DigitsError, InvalidInput, OutOfMemory
from digits.extras import MissingExtraError
from digits.reading.ink import Picture, decoder_process, limits, open_picture, open_pictures
from digits.reading.ink.formats import APART, PACKAGES, SIGNATURE_BYTES, USUAL
from digits.reading.ink.pages import NEW_SUBFILE_TYPE
from digits.reading.reader import Reader
from digits.reading.results import Reading
from tests.reading.drawings import draw
from tests.reading.test_ink import jpeg_that_claims, saved

PAGE = draw("2479")
ORIENTATION = 0x0112

HEIC = (Path(__file__).parent / "2479.heic").read_bytes()
"""`PAGE`, written as PNG by OpenCV, then by `heif-enc -q 40 page.png -o 2479.heic`."""


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(num_threads=1)


def by_opencv(suffix: str) -> bytes:
    return cv2.imencode(suffix, PAGE)[1].tobytes()


def plain_pgm() -> bytes:
    numbers = " ".join(map(str, PAGE.ravel()))
    return f"P2\n# by hand\n{PAGE.shape[1]} {PAGE.shape[0]}\n255\n{numbers}\n".encode()


def pdf_by_matplotlib(*texts: str) -> bytes:
    """A PDF of a page for each text, a drawing of which fills it."""
    from matplotlib.backends.backend_pdf import PdfPages

    file = io.BytesIO()
    with PdfPages(file) as pages:
        for text in texts:
            page = draw(text)
            figure = Figure(figsize=(page.shape[1] / 100, page.shape[0] / 100))
            figure.figimage(page, cmap="gray", vmin=0, vmax=255)
            pages.savefig(figure)
    return file.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "AVIF": lambda: by_opencv(".avif"),
    "HEIC": lambda: HEIC,
    "JPEG 2000": lambda: by_opencv(".jp2"),
    "PDF": lambda: pdf_by_matplotlib("2479"),
    "PPM": lambda: by_opencv(".pgm"),
    "plain PPM": plain_pgm,
}
"""A file in each format, none of them by the library that reads it here."""


def content_of(name: str) -> bytes:
    package = PACKAGES.get(name)
    if package:
        pytest.importorskip(package)
    return FILES[name]()


def test_every_format_is_tried_here() -> None:
    assert {one.name for one in APART} == FILES.keys() - {"plain PPM"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_another_format_is_read(reader: Reader, name: str) -> None:
    reading = reader.read(content_of(name))
    assert reading.text == "2479"
    assert reading.page == 1


@pytest.mark.parametrize("name", FILES)
def test_only_the_usual_formats_are_read_where_anyone_may_send_files(name: str) -> None:
    message = rf"\({', '.join(USUAL)}\), found {name.removeprefix('plain ')}: save it as PNG"
    with pytest.raises(InvalidInput, match=message):
        open_picture(content_of(name), only_usual=True)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_is_told_to_be(name: str) -> None:
    content = content_of(name)
    with pytest.raises(InvalidInput, match=r"^The picture is damaged") as caught:
        open_picture(content[: len(content) // 2])
    assert "\n" not in str(caught.value)


def test_a_file_that_only_begins_as_a_picture_is_told_in_words() -> None:
    with pytest.raises(InvalidInput, match=r"cut off: its header can't be read\.$"):
        open_picture(b"\0\0\0\x18ftypavif" + bytes(100))


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_are_opened_or_refused_in_a_line(name: str) -> None:
    """A few, each in a process of its own; benchmarks/damaged_files.py has hundreds of each."""
    content, rng, messages = content_of(name), random.Random(0), []
    for _ in range(6):
        mutated = mutations.mutate(content, content, rng)
        try:
            messages += [str(one) for one in open_pictures(mutated) if isinstance(one, DigitsError)]
        except InvalidInput as error:
            messages.append(str(error))
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_without_its_package_a_format_is_named_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    content = content_of(name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MissingExtraError, match=rf"found {name}, .*pip install \"digits\[formats\]"
    ):
        open_picture(content)


def test_what_turns_a_picture_upright_is_applied_also_there() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(Image.fromarray(PAGE), "AVIF", exif=exif)
    assert open_picture(content).size == PAGE.shape[::-1]
    assert open_picture(content, rotate=False).size == PAGE.shape


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "I;16"])
def test_a_picture_of_any_mode_is_the_same_from_another_process(mode: str) -> None:
    levels = np.asarray(Image.fromarray(PAGE).convert("1").convert("L"))
    image = Image.fromarray(levels).convert(mode)
    if mode == "I;16":
        image = Image.fromarray(levels.astype(np.uint16) * 257)
    found = open_picture(saved(image, "JPEG2000")).grey
    np.testing.assert_array_equal(found, open_picture(saved(image, "PNG")).grey)


def test_a_large_jpeg_2000_is_decoded_at_a_part_of_its_size() -> None:
    page = np.full((300, 4100), 200, np.uint8)
    page[:, 2000:2100] = 20
    picture = open_picture(cv2.imencode(".jp2", page)[1].tobytes())
    assert picture.grey.shape == (146, 2000)
    assert picture.size == (300, 4100)
    left, _, width, _ = picture.to_original((975, 0, 50, 10))
    assert abs(left - 2000) < 10
    assert abs(width - 100) < 10


def test_a_jpeg_of_more_than_64_megapixels_is_decoded_at_a_part_of_its_size() -> None:
    """One of even more, too, which Pillow takes for a bomb."""
    for height, width in ((6000, 11_000), (12_240, 16_320)):
        content = saved(Image.new("L", (width, height), 200), "JPEG")
        picture = open_picture(content)
        assert picture.size == (height, width)
        assert max(picture.grey.shape) == 2000
        with pytest.raises(InvalidInput, match="at most 64,000,000 pixels, found"):
            open_picture(content, only_usual=True)
    with pytest.raises(InvalidInput, match="at most 256,000,000 pixels, found 272,000,000"):
        open_picture(jpeg_that_claims(17_000, 16_000))


def jpeg_2000_that_claims(side: int) -> bytes:
    """A JPEG 2000 of a few bytes that says it is large, in its box and in its stream."""
    content = bytearray(by_opencv(".jp2"))
    box, stream = content.index(b"ihdr") + 4, content.index(b"\xff\x51") + 6
    for place in (box, stream):
        content[place : place + 8] = struct.pack(">II", side, side)
    return bytes(content)


def test_a_jpeg_2000_that_claims_to_be_huge_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 256,000,000 pixels, found 3,600,000,000"):
        open_picture(jpeg_2000_that_claims(60_000))


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of objects, of which the first is its catalog."""
    body = b"".join(b"%d 0 obj%s endobj\n" % each for each in enumerate(objects, start=1))
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R" + trailer + b">>\n%%EOF"


def stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def pdf_of_pages(*pages: tuple[bytes, bytes], times: int = 1, trailer: bytes = b"") -> bytes:
    """A PDF of pages, each a box and what is drawn in it; listed so many times."""
    kids = b" ".join(b"%d 0 R" % (3 + 2 * index) for index in range(len(pages))) + b" "
    objects = [b"<</Type/Catalog/Pages 2 0 R>>"]
    objects.append(b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids * times, len(pages) * times))
    for index, (box, content) in enumerate(pages):
        contents = b"/Contents %d 0 R" % (4 + 2 * index)
        objects += [b"<</Type/Page/Parent 2 0 R/MediaBox%s%s>>" % (box, contents)]
        objects += [stream(b"", content)]
    return pdf(*objects, trailer=trailer)


CARD = (b"[0 0 72 36]", b"20 10 10 20 re f")
"""A page of an inch, with a box on it."""


@pytest.fixture
def with_pdf() -> None:
    pytest.importorskip("pypdfium2")


@pytest.mark.usefixtures("with_pdf")
def test_a_page_of_a_pdf_has_300_pixels_per_inch_and_4000_at_most() -> None:
    content = pdf_of_pages(CARD, (b"[0 0 1000000 500000]", b""))
    card, wall = (page for page in open_pictures(content) if isinstance(page, Picture))
    assert card.size == (150, 300)
    assert wall.size == (2000, 4000)


@pytest.mark.usefixtures("with_pdf")
def test_what_is_filled_in_and_drawn_on_a_form_is_seen() -> None:
    content = pdf(
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/DA(/F 24 Tf)"
        b"/DR<</Font<</F 5 0 R>>>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Annots[4 0 R 6 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(n)/V(1995)/Rect[10 10 100 40]/DA(/F 24 Tf)>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Annot/Subtype/Ink/Rect[110 60 190 90]/InkList[[110 60 190 90]]/C[0 0 0]>>",
    )
    (page,) = open_pictures(content)
    assert isinstance(page, Picture)
    ink = page.grey < 128
    height, width = ink.shape
    assert ink[height // 2 :, : width // 2].any(), "the field"
    assert ink[: height // 2, width // 2 :].any(), "the stroke"


def tiff_of(*pages: tuple[np.ndarray, dict[int, int]]) -> bytes:
    """A TIFF of pages, each with tags of its own."""
    file = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(file) as writer:
        for levels, tags in pages:
            Image.fromarray(levels).save(writer, "TIFF", tiffinfo=tags)
            writer.newFrame()
    return file.getvalue()


BAD_PDFS = {
    "with a password": (
        pdf_of_pages(
            CARD,
            trailer=b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<00><00>]"
            % (b"41" * 32, b"42" * 32),
        ),
        r"found PDF with a password: save it without\.$",
    ),
    "without pages": (pdf_of_pages(), "^The picture is damaged"),
    "a page without room": (pdf_of_pages((b"[0 0 1 100000]", b"")), "a strip of"),
}


@pytest.mark.usefixtures("with_pdf")
@pytest.mark.parametrize("name", BAD_PDFS)
def test_a_pdf_that_can_t_be_read_is_told_of(name: str) -> None:
    content, message = BAD_PDFS[name]
    with pytest.raises(InvalidInput, match=message):
        open_picture(content)


@pytest.mark.usefixtures("with_pdf")
def test_a_pdf_of_a_hundred_thousand_pages_is_read_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_PAGES", 2)
    *pages, last = open_pictures(pdf_of_pages(CARD, times=100_000))
    assert [type(page) for page in pages] == [Picture, Picture]
    assert isinstance(last, InvalidInput)
    assert str(last) == "Expected at most 2 pages, found more: split the file."


on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no processor time")


@on_posix
@pytest.mark.usefixtures("with_pdf")
def test_a_page_that_takes_too_long_is_ended_and_those_after_it_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder_process, "DECODER_SECONDS", 1)
    slow = (CARD[0], b"0 0 m 72 36 l S\n" * 1_000_000)
    first, second, third = open_pictures(pdf_of_pages(CARD, slow, CARD))
    assert isinstance(first, Picture)
    assert isinstance(third, Picture)
    assert isinstance(second, InvalidInput)
    assert str(second).startswith("Expected a picture that is decoded in 1 s of processor time, ")


@on_posix
@pytest.mark.usefixtures("with_pdf")
def test_after_some_pages_that_take_too_long_a_file_is_given_up(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setattr(decoder_process, "DECODER_SECONDS", 1)
    monkeypatch.setattr(decoder_process, "MAX_SLOW_PAGES", 1)
    slow = (CARD[0], b"0 0 m 72 36 l S\n" * 1_000_000)
    first, second, third, fourth = open_pictures(pdf_of_pages(CARD, slow, CARD, CARD))
    assert isinstance(first, Picture)
    assert "takes longer" in str(second)
    for page in (third, fourth):
        assert str(page) == (
            "Not decoded, as pages of this PDF before it took more than 1 s of processor time: "
            "save the page as PNG."
        )
    assert len(started) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_a_picture_that_takes_too_much_memory_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "DECODER_BYTES", 300_000_000)
    content = saved(Image.new("RGB", (8000, 7000)), "PPM")
    with pytest.raises(DigitsError, match="memory") as caught:
        open_picture(content)
    assert isinstance(caught.value, InvalidInput | OutOfMemory)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Processes that decode."""
    found: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            found.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return found


@pytest.mark.usefixtures("with_pdf")
def test_the_process_ends_with_the_file_and_a_new_one_follows_one_that_died(
    started: list[subprocess.Popen[bytes]],
) -> None:
    pages = open_pictures(pdf_of_pages(CARD, CARD, CARD))
    assert isinstance(next(pages), Picture)
    started[0].kill()
    started[0].wait()
    assert isinstance(next(pages), Picture)
    pages.close()  # type: ignore[attr-defined]
    assert len(started) == 2
    assert all(each.returncode is not None for each in started)
    with pytest.raises(InvalidInput):
        open_picture(pdf_of_pages(CARD, CARD))
    assert started[2].returncode is not None


def test_a_process_that_dies_while_it_decodes_is_a_damaged_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "decoder.py"
    program.write_text(
        "import os, sys\n"
        "sys.stdin.readline()\n"
        "print('{\"num_pages\": 1}', flush=True)\n"
        "os.abort()\n"
    )
    monkeypatch.setattr(decoder_process, "PROGRAM", program)
    with pytest.raises(InvalidInput, match=r"^The picture is damaged, or takes more than 1,500,"):
        open_picture(by_opencv(".pgm"))


def test_pages_are_read_in_order_and_a_bad_one_does_not_end_the_rest(
    reader: Reader, tmp_path: Path
) -> None:
    path = tmp_path / "pages.tif"
    assert cv2.imwritemulti(str(path), [draw("24"), draw("79"), draw("83")])
    content = path.read_bytes()
    with Image.open(path) as image:
        image.seek(1)
        (start, *_), (length, *_) = (image.tag_v2[tag] for tag in (273, 279))  # type: ignore[attr-defined]
    path.write_bytes(content[:start] + b"\xff" * length + content[start + length :])
    first, second, third = reader.read_pages(path)
    assert isinstance(first, Reading)
    assert isinstance(third, Reading)
    assert [(page.page, page.text) for page in (first, third)] == [(1, "24"), (3, "83")]
    assert isinstance(second, InvalidInput)
    assert str(second).startswith("The picture is damaged or cut off: ")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_pages_have_the_pixels_that_they_have_alone(form: str) -> None:
    images = [Image.fromarray(draw(text)).convert("1").convert("L") for text in ("24", "79", "83")]
    lossless = {"lossless": True} if form == "WEBP" else {}
    content = saved(images[0], form, save_all=True, append_images=images[1:], **lossless)
    pages = [page.grey for page in open_pictures(content) if isinstance(page, Picture)]
    assert len(pages) == 3
    for page, image in zip(pages, images, strict=True):
        assert np.abs(page.astype(int) - np.asarray(image)).max() <= 3


def test_each_page_of_a_tiff_is_turned_as_it_says() -> None:
    levels = np.asarray(Image.fromarray(PAGE).convert("1").convert("L"))
    content = tiff_of((levels, {ORIENTATION: 6}), (levels, {ORIENTATION: 3}), (levels, {}))
    first, second, third = (page.grey for page in open_pictures(content))  # type: ignore[union-attr]
    np.testing.assert_array_equal(first, np.rot90(levels, -1))
    np.testing.assert_array_equal(second, np.rot90(levels, 2))
    np.testing.assert_array_equal(third, levels)


def test_a_thumbnail_in_a_tiff_is_no_page(reader: Reader) -> None:
    small = np.ascontiguousarray(PAGE[::4, ::4])
    content = tiff_of((PAGE, {}), (small, {NEW_SUBFILE_TYPE: 1}), (draw("83"), {}))
    first, second = reader.read_pages(content)
    assert isinstance(first, Reading)
    assert isinstance(second, Reading)
    assert [first.text, second.text] == ["2479", "83"]


def test_a_picture_whose_metadata_name_another_format_is_read_as_what_it_is(
    reader: Reader,
) -> None:
    info = PngInfo()
    info.add_text("Comment", "made of %PDF-1.7")
    content = saved(Image.fromarray(PAGE), "PNG", pnginfo=info)
    assert b"%PDF-1" in content[:SIGNATURE_BYTES]
    assert reader.read(content).text == "2479"


@pytest.mark.skipif(sys.platform == "win32", reason="there, it ends when it has decoded")
@pytest.mark.usefixtures("with_pdf")
def test_a_decoder_that_nobody_is_left_to_ask_ends_in_the_midst_of_decoding() -> None:
    content = pdf_of_pages((CARD[0], b"0 0 m 72 36 l S\n" * 1_000_000))
    settings = {
        "format": "PDF",
        "num_bytes": len(content),
        "rotate": True,
        "side": 1000,
        "pdf_dpi": 300,
        "pdf_side": 4000,
        "max_bytes": 1_500_000_000,
        "seconds": 100,
    }
    command = [sys.executable, "-P", str(decoder_process.PROGRAM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as decoder:
        assert decoder.stdin is not None
        assert decoder.stdout is not None
        decoder.stdin.write(json.dumps(settings).encode() + b"\n" + content + b"0\n")
        decoder.stdin.flush()
        assert json.loads(decoder.stdout.readline()) == {"num_pages": 1}
        assert "size" in json.loads(decoder.stdout.readline())
        decoder.stdin.write(b"null\n")
        decoder.stdin.close()
        assert decoder.stdout.read() == b""
        assert decoder.wait() == 1


def test_a_file_of_several_pages_is_no_picture_and_one_is_told_what_reads_them(
    reader: Reader,
) -> None:
    image = Image.fromarray(PAGE)
    for form in ("TIFF", "GIF"):
        content = saved(image, form, save_all=True, append_images=[Image.new("L", image.size)])
        with pytest.raises(InvalidInput, match=rf"found a {form} of more: .*Reader\.read_pages"):
            reader.read(content)


def test_a_moving_picture_may_have_fewer_pixels() -> None:
    images = [Image.new("1", (6000, 4001), level) for level in (0, 1)]
    content = saved(images[0].convert("P"), "GIF", save_all=True, append_images=[images[1]])
    with pytest.raises(InvalidInput, match="at most 24,000,000 pixels, found 24,006,000"):
        next(open_pictures(content))


def test_what_is_no_file_has_one_page(reader: Reader) -> None:
    for source in (PAGE, Image.fromarray(PAGE), saved(Image.fromarray(PAGE), "PNG")):
        (page,) = reader.read_pages(source)
        assert isinstance(page, Reading)
        assert (page.page, page.text) == (1, "2479")


def test_a_file_that_can_t_be_opened_is_told_of_at_once(reader: Reader) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        next(reader.read_pages("nowhere.pdf"))
