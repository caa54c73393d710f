"""Large pictures: as much memory as they may take, and what they are after they were shrunk."""

import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.errors import InvalidInput
from digits.reading.ink import Picture, decoding, limits, open_picture
from digits.reading.ink.conversion import reduce_image
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


PEAK = """
import sys
from pathlib import Path
from digits.reading import Reader

print(Reader(num_threads=1).read(sys.argv[1]).text)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def page_of_64_megapixels() -> np.ndarray:
    page = np.full((8000, 8000), PAPER, np.uint8)
    row = enlarged(draw("1995"), 20)
    page[100 : 100 + row.shape[0], 100 : 100 + row.shape[1]] = row
    return page


LARGE: dict[str, Callable[[np.ndarray], Image.Image]] = {
    "png": lambda page: Image.fromarray(np.dstack([page] * 3)),
    "16.png": lambda page: Image.fromarray(page.astype(np.uint16) * 256),
    "alpha.png": lambda page: Image.fromarray(np.dstack([page] * 3 + [255 - page // 2])),
    "tiff": lambda page: Image.fromarray(page.astype(np.float32)),
}


@pytest.mark.skipif(sys.platform != "linux", reason="this system does not tell a process's peak")
@pytest.mark.parametrize("form", LARGE)
def test_the_largest_picture_takes_less_than_600_megabytes(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"large.{form}"
    options: dict[str, Any] = {} if form == "tiff" else {"compress_level": 1}
    LARGE[form](page_of_64_megapixels()).save(path, **options)
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text, kilobytes = done.stdout.split()
    assert text == "1995"
    assert int(kilobytes) < 600_000


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


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of memory")
def test_four_pictures_of_64_megapixels_at_once_take_less_than_1200_megabytes_in_the_server(
    tmp_path: Path,
) -> None:
    path = tmp_path / "large.png"
    LARGE["alpha.png"](page_of_64_megapixels()).save(path, compress_level=1)
    command = [sys.executable, "-c", FOUR_AT_ONCE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text, kilobytes = done.stdout.split()
    assert text == "1995"
    assert int(kilobytes) < 1_200_000


def test_webp_has_a_limit_of_its_own() -> None:
    wide = saved(Image.new("L", (6000, 4001)), "WEBP", lossless=True, method=0)
    with pytest.raises(InvalidInput, match="at most 24,000,000 pixels, found 24,006,000"):
        open_picture(wide)


def test_as_many_pictures_are_decoded_at_once_as_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding, "DECODING", limits.Room(2 * 90 * 100))
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


def test_a_tiff_of_more_tiles_than_may_be_put_together_is_refused() -> None:
    content = saved(Image.new("L", (400, 400), 200), "TIFF", tile=(16, 16), compression="raw")
    assert open_picture(content).grey.shape == (400, 400)
    with pytest.raises(InvalidInput, match="at most 100,000 tiles, found 102,400: save it"):
        open_picture(tiff_of_tiles(320))


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


def tiff_of_tiles(across: int, *, side: int = 1) -> bytes:
    """A TIFF of which each pixel is a tile, all of them the same byte of the file.

    Args:
        across: Tiles in a row, and rows.
        side: Side of a tile that the file names, in pixels.
    """
    number = across**2
    tags = {256: across, 257: across, 258: 8, 259: 1, 262: 1, 277: 1, 322: side, 323: side}
    after = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
    entries.append(struct.pack("<HHII", 324, 4, number, after))
    entries.append(struct.pack("<HHII", 325, 4, number, after + 4 * number))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    pixel = struct.pack("<I", after + 8 * number)
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + directory
        + pixel * number
        + struct.pack("<I", 1) * number
        + b"\xff"
    )
