"""Large pictures: as much memory as they may take, and what they are after they were shrunk."""

import io
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, TiffImagePlugin

from digits.errors import InvalidInput
from digits.reading.ink import Picture, decoding, limits, open_picture, pages
from digits.reading.ink.conversion import reduce_image, to_8_bits
from digits.reading.ink.picture import picture_of
from tests.reading.drawings import PAPER, draw, enlarged
from tests.reading.test_ink import saved

NOISE = np.random.default_rng(0).integers(0, 256, (301, 203, 4), np.uint8)
MODES = {
    "L": Image.fromarray(NOISE[:, :, 0]),
    "RGB": Image.fromarray(NOISE[:, :, :3]),
    "RGBA": Image.fromarray(NOISE),
    "1": Image.fromarray(NOISE[:, :, 0] > 99),
    "P": Image.fromarray(NOISE[:, :, 0]).convert("P"),
    "I;16": Image.fromarray(NOISE[:, :, 0].astype(np.uint16) * 200),
    "I": Image.fromarray(NOISE[:, :, 0].astype(np.int32) - 70_000),
    "F": Image.fromarray(NOISE[:, :, 0].astype(np.float32) / 7),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reduction", [2, 3])
def test_a_picture_is_shrunk_strip_by_strip_as_it_would_be_at_once(
    mode: str, reduction: int
) -> None:
    image = MODES[mode]
    assert image.mode == mode
    plain = {"1": "L", "P": "RGB", "I;16": "F", "I": "F"}.get(mode, mode)
    whole = Image.fromarray(np.asarray(image).astype(np.float32)) if plain == "F" else image
    expected = np.asarray(whole.convert(plain).reduce(reduction))
    np.testing.assert_array_equal(np.asarray(reduce_image(image, reduction)), expected)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P", "LA", "CMYK"])
def test_a_picture_is_converted_strip_by_strip_as_it_would_be_at_once(mode: str) -> None:
    opaque_enough = Image.fromarray(NOISE | np.array([0, 0, 0, 128], np.uint8))
    image = opaque_enough.convert(mode) if mode.endswith("A") else MODES["RGB"].convert(mode)
    expected = image.convert("RGB")
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        expected = Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    np.testing.assert_array_equal(np.asarray(to_8_bits(image).convert("RGB")), expected)


@pytest.mark.parametrize(("level", "ground"), [(250, 0), (20, 255)])
def test_ink_in_any_strip_decides_on_the_ground_of_all(level: int, ground: int) -> None:
    pixels = np.zeros((301, 203, 4), np.uint8)
    pixels[290:298, 20:180] = level, level, level, 200
    grey = np.asarray(to_8_bits(Image.fromarray(pixels)).convert("L"))
    assert grey[0, 0] == grey[300, 0] == ground


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_levels_of_all_strips_are_scaled_alike(mode: str) -> None:
    values = np.asarray(MODES[mode]).astype(np.float64)
    first, last = values[:64], values[256:]
    first[0, 0], last[-1, -1] = values.min() - 5_000, values.max() + 60_000
    image = Image.fromarray(values.astype(np.asarray(MODES[mode]).dtype))
    if mode == "I;16":
        values = np.asarray(image).astype(np.float64)
    expected = (values - values.min()) * 255 / np.ptp(values)
    assert np.abs(np.asarray(to_8_bits(image)) - expected).max() <= 0.51


PEAK = """
import sys
from pathlib import Path
from digits.reading import Reader

print(Reader(num_threads=1).read(sys.argv[1]).text)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def page(height: int, width: int) -> np.ndarray:
    """A page with 1995 at its top, as large as it is on others."""
    page = np.full((height, width), PAPER, np.uint8)
    row = enlarged(draw("1995"), height // 400)
    page[100 : 100 + row.shape[0], 100 : 100 + row.shape[1]] = row
    return page


def transparent(page: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([page] * 3 + [255 - page // 2]))


LARGE: dict[str, Callable[[], Image.Image]] = {
    "png": lambda: Image.fromarray(np.dstack([page(8000, 8000)] * 3)),
    "16.png": lambda: Image.fromarray(page(8000, 8000).astype(np.uint16) * 256),
    "alpha.png": lambda: transparent(page(8000, 8000)),
    "tiff": lambda: Image.fromarray(page(8000, 8000).astype(np.float32)),
    "webp": lambda: transparent(page(4000, 6000)),
    "just not reduced.png": lambda: transparent(page(3999, 3999)),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 1},
    "tiff": {},
    "webp": {"lossless": True, "quality": 0, "method": 0},
}


def save_large(folder: Path, form: str) -> Path:
    path = folder / f"large.{form}"
    LARGE[form]().save(path, **OPTIONS[path.suffix[1:]])
    return path


def peak_of(code: str, path: Path) -> int:
    """Peak of a process's memory, in kB, that reads 1995 on a picture."""
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text, kilobytes = done.stdout.split()
    assert text == "1995"
    return int(kilobytes)


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of memory")


@on_linux
@pytest.mark.parametrize("form", ["png", "16.png", "alpha.png", "tiff", "webp"])
def test_the_largest_picture_takes_less_than_600_megabytes(tmp_path: Path, form: str) -> None:
    assert peak_of(PEAK, save_large(tmp_path, form)) < 600_000


FOUR_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from digits.reading import Reader
from digits.server.process import share_freed_memory

share_freed_memory()
reader = Reader(num_threads=1)
with ThreadPoolExecutor(4) as threads:
    print(*{reading.text for reading in threads.map(reader.read, 4 * [sys.argv[1]])})
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@on_linux
@pytest.mark.parametrize("form", ["alpha.png", "just not reduced.png"])
def test_four_of_the_largest_pictures_at_once_take_less_than_1200_megabytes_in_the_server(
    tmp_path: Path, form: str
) -> None:
    assert peak_of(FOUR_AT_ONCE, save_large(tmp_path, form)) < 1_200_000


@on_linux
def test_a_picture_that_is_not_shrunk_by_a_whole_number_is_not_copied_for_each_step(
    tmp_path: Path,
) -> None:
    assert peak_of(PEAK, save_large(tmp_path, "just not reduced.png")) < 400_000


class RecordedRoom(limits.Room):
    """A room that notes how much of it was asked for."""

    def __init__(self) -> None:
        super().__init__(limits.PIXELS_AT_ONCE)
        self.asked_for: list[int] = []

    @contextmanager
    def room_for(self, num_pixels: int, **options: Any) -> Iterator[None]:
        self.asked_for.append(num_pixels)
        with super().room_for(num_pixels, **options):
            yield


@pytest.mark.parametrize(
    ("form", "options", "expected"),
    [
        ("PNG", {}, 3000 * 4000),
        ("JPEG", {}, 1500 * 2000),
        ("JPEG", {"progressive": True}, 3000 * 4000),
        ("WEBP", {"lossless": True, "method": 0, "quality": 0}, 3000 * 4000 * 5 // 3),
    ],
    ids=["PNG", "a JPEG decoded at half its size", "a progressive JPEG, held whole", "WebP"],
)
def test_room_is_asked_for_all_that_a_decoder_holds(
    monkeypatch: pytest.MonkeyPatch, form: str, options: dict[str, Any], expected: int
) -> None:
    room = RecordedRoom()
    monkeypatch.setattr(pages, "DECODING", room)
    open_picture(saved(Image.new("L", (4000, 3000), 200), form, **options))
    assert room.asked_for == [expected]


def test_webp_has_a_limit_of_its_own() -> None:
    wide = saved(Image.new("L", (6000, 4001)), "WEBP", lossless=True, method=0)
    with pytest.raises(InvalidInput, match="at most 24,000,000 pixels, found 24,006,000"):
        open_picture(wide)


def test_as_many_pictures_are_decoded_at_once_as_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "DECODING", limits.Room(2 * 90 * 100))
    large, small = (saved(Image.new("L", (90, height)), "PNG") for height in (100, 50))
    lock, all_inside, num_inside, most = threading.Lock(), threading.Event(), 0, 0
    expected = 0

    def wait_for_others(image: Image.Image, scale: float = 1.0) -> Picture:
        nonlocal num_inside, most
        with lock:
            num_inside += 1
            most = max(most, num_inside)
            if num_inside == expected:
                all_inside.set()
        assert all_inside.wait(30)
        with lock:
            num_inside -= 1
        return picture_of(image, scale)

    monkeypatch.setattr(decoding, "picture_of", wait_for_others)
    for content, expected in ((large, 2), (small, 4)):
        most = 0
        all_inside.clear()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(open_picture, [content] * 4))
        assert most == expected


def test_who_finds_no_room_waits_until_another_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    is_waiting, is_inside = threading.Event(), threading.Event()

    class Watched(threading.Condition):
        """A condition that says when a thread waits for it."""

        def wait(self, timeout: float | None = None) -> bool:
            is_waiting.set()
            return super().wait(timeout)

    monkeypatch.setattr(limits, "Condition", Watched)
    room = limits.Room(10)

    def enter() -> None:
        with room.room_for(5):
            is_inside.set()

    with ThreadPoolExecutor(1) as threads, room.room_for(4):
        with room.room_for(2):
            entering = threads.submit(enter)
            assert is_waiting.wait(30)
            assert not is_inside.is_set()
        entering.result(30)
        assert is_inside.is_set()


def test_a_jpeg_of_more_scans_than_any_camera_writes_is_refused() -> None:
    content = saved(Image.new("L", (800, 800), 200), "JPEG", progressive=True)
    assert open_picture(content).grey.shape == (800, 800)
    last = content[content.rindex(b"\xff\xda") : -2]
    motion_photo = content + np.random.default_rng(0).bytes(5_000_000)
    assert open_picture(motion_photo).grey.shape == (800, 800)
    slow = content[:-2] + 50 * last + content[-2:]
    with pytest.raises(InvalidInput, match=r"at most 50 scans, found 5\d: save it once more"):
        open_picture(slow)


def test_the_larger_a_jpeg_the_fewer_scans_it_may_have() -> None:
    content = saved(Image.new("RGB", (8000, 8000), (200, 100, 50)), "JPEG", progressive=True)
    assert len(limits.START_OF_SCAN.findall(content)) == 10
    assert open_picture(content).grey.shape == (2000, 2000)
    last = content[content.rindex(b"\xff\xda") : -2]
    slow = content[:-2] + 6 * last + content[-2:]
    with pytest.raises(InvalidInput, match="at most 15 scans, found 16: save it once more"):
        open_picture(slow)


def test_a_tiff_of_more_tiles_than_may_be_put_together_is_refused() -> None:
    content = saved(Image.new("L", (400, 400), 200), "TIFF", tile=(16, 16), compression="raw")
    assert open_picture(content).grey.shape == (400, 400)
    with pytest.raises(InvalidInput, match="at most 100,000 tiles, found 102,400: save it"):
        open_picture(tiff_of_tiles(320))


TIFFS: dict[str, dict[str, Any]] = {
    "big, little endian": {"head": b"II+\0", "is_big": True},
    "its tiles are listed last of many entries": {"num_others": 2_000},
    "looks big, and is not": {"head": b"MM\0+"},
    "big endian": {"head": b"MM\0*"},
    "the other byte order's number": {"head": b"MM*\0"},
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiles_are_counted_wherever_pillow_finds_them(name: str) -> None:
    assert open_picture(tiff_of_tiles(40, **TIFFS[name])).grey.size
    with pytest.raises(InvalidInput, match="at most 100,000 tiles, found 102,400: save it"):
        open_picture(tiff_of_tiles(320, **TIFFS[name]))


def test_a_tiff_with_more_numbers_in_a_tag_than_pillow_may_list_is_refused() -> None:
    content = tiff_of_tiles(40)
    bits = content.index(struct.pack("<HHI", 258, 4, 1))
    many = content[:bits] + struct.pack("<HHI", 258, 4, 100_001) + content[bits + 8 :]
    with pytest.raises(InvalidInput, match="at most 100,000 numbers in a tag, found 100,001"):
        open_picture(many + bytes(400_004))
    profile = saved(Image.new("L", (90, 90), 200), "TIFF", icc_profile=bytes(100_001))
    assert open_picture(profile).grey.size


def test_a_big_tiff_that_claims_any_number_of_entries_is_looked_through_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_READS", 1000)
    file = io.BytesIO(struct.pack("<4sHHQQ", b"II+\0", 8, 0, 16, 2**63) + bytes(1_000_000))
    read, sizes = file.read, []

    class Recorded:
        seek = file.seek

        def read(self, size: int) -> bytes:
            sizes.append(size)
            return read(size)

    limits.check_tiles(Recorded())
    assert max(sizes) == 20_000


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_a_picture_of_more_pages_is_refused_without_decoding_one(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    pages = [Image.new("L", (90, 90), level) for level in (20, 200)]
    content = saved(pages[0], form, save_all=True, append_images=pages[1:])
    no_decoding(monkeypatch)
    with pytest.raises(InvalidInput, match=f"one page, found a {form} of more"):
        open_picture(content)


def test_the_parts_of_a_second_page_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    first = tiff_of_tiles(40)
    first = tiff_of_tiles(40, next_page=len(first) + 1)
    opened: list[TiffImagePlugin.TiffImageFile] = []
    setup = TiffImagePlugin.TiffImageFile._setup

    def recorded(image: TiffImagePlugin.TiffImageFile) -> None:
        opened.append(image)
        setup(image)

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "_setup", recorded)
    with pytest.raises(InvalidInput, match="found a TIFF of more"):
        open_picture(first + tiff_of_tiles(320)[7:])
    assert len(opened) == 1


def test_a_still_gif_and_a_png_that_may_move_and_does_not_are_read() -> None:
    page = Image.new("L", (90, 90), 200)
    for content in (saved(page, "GIF"), saved(page, "PNG", save_all=True, default_image=False)):
        assert (open_picture(content).grey == 200).all()


def many_chunks(kind: bytes) -> bytes:
    """A PNG that begins with 500 empty chunks."""
    content = saved(Image.new("L", (90, 90), 200), "PNG")
    chunk = struct.pack(">I", 0) + kind + struct.pack(">I", zlib.crc32(kind))
    return content[:33] + 500 * chunk + content[33:]


def many_segments(segment: bytes) -> bytes:
    """A JPEG that begins with 1,500 empty segments, or bytes that fill it."""
    content = saved(Image.new("L", (90, 90), 200), "JPEG")
    return content[:2] + 1_500 * segment + content[2:]


@pytest.mark.parametrize(
    "content",
    [many_chunks(b"teST"), many_segments(b"\xff\xfe\x00\x02"), many_segments(b"\xff")],
    ids=["chunks", "comments", "fill bytes"],
)
def test_a_file_whose_header_never_ends_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    assert open_picture(content).grey.size
    monkeypatch.setattr(limits, "MAX_READS", 1000)
    for source in (content, path):
        with pytest.raises(InvalidInput, match="found a file in too many parts: save it anew"):
            open_picture(source)


def test_a_tiff_whose_tile_is_larger_than_any_picture_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 64,000,000 pixels, found 64,016,001"):
        open_picture(tiff_of_tiles(1, side=8001))


def test_a_bmp_in_run_length_encoding_has_a_limit_of_its_own() -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 3000, 3000, 1, 8, 1, 0, 0, 0, 256, 0)
    offset = 14 + len(head) + 1024
    content = b"BM" + struct.pack("<IHHI", offset + 2, 0, 0, offset) + head + bytes(1024) + b"\0\1"
    with pytest.raises(InvalidInput, match="at most 8,000,000 pixels, found 9,000,000"):
        open_picture(content)


def tiff_of_tiles(
    across: int,
    *,
    side: int = 1,
    head: bytes = b"II*\0",
    is_big: bool = False,
    num_others: int = 0,
    next_page: int = 0,
) -> bytes:
    """A TIFF of which each pixel is a tile, all of them the same byte of the file.

    Args:
        across: Tiles in a row, and rows.
        side: Side of a tile that the file names, in pixels.
        head: Its first four bytes.
        is_big: Write it as a BigTIFF.
        num_others: Number of entries of tags that nobody knows, ahead of the tiles.
        next_page: Offset at which a second page is said to be.
    """
    order = "<" if head.startswith(b"II") else ">"
    number = across**2
    tags = {256: across, 257: across, 258: 8, 259: 1, 262: 1, 277: 1, 322: side, 323: side}
    entries = [(tag, 4, 1, value) for tag, value in tags.items()]
    entries += [(60_000 - index, 4, 1, 0) for index in range(num_others)]
    offset, entry, count = ("Q", "HHQQ", "Q") if is_big else ("I", "HHII", "H")
    start = 16 if is_big else 8
    after = start + struct.calcsize(order + count) + struct.calcsize(order + offset)
    after += struct.calcsize(order + entry) * (len(entries) + 2)
    # Values of four bytes are left-justified in the eight that a BigTIFF has for them.
    shift = 32 if is_big and order == ">" else 0
    entries = [(*one[:3], one[3] << shift) for one in entries]
    entries += [(324, 4, number, after), (325, 4, number, after + 4 * number)]
    return b"".join(
        (
            head,
            struct.pack(order + "HH", 8, 0) if is_big else b"",
            struct.pack(order + offset, start),
            struct.pack(order + count, len(entries)),
            *(struct.pack(order + entry, *one) for one in entries),
            struct.pack(order + offset, next_page),
            struct.pack(order + "I", after + 8 * number) * number,
            struct.pack(order + "I", 1) * number,
            b"\xff",
        )
    )
