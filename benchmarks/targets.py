"""What is attacked with damaged files: each format's samples, and what reads them."""

import gzip
import hashlib
import io
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import mutations
import numpy as np
import torch
from drawn_digit import draw
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from digits.data.checksums import DataFile
from digits.data.idx import read_idx, write_idx
from digits.errors import DigitsError
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.reading.results import Reading
from digits.recipe import load_recipe, recipe_names
from digits.run import Run

Mutate = Callable[[bytes, bytes, random.Random], bytes]

ROOT = files("digits.reading")

SUMMED = ("checkpoint.pt", "recipe.toml", "history.jsonl", "model.safetensors", "summary.json")
"""Files of a finished run that have a sum: no byte of them may change unnoticed."""

SAMPLES = ROOT / "samples"
"""Pictures of the usual size, which come with the package; noise on them takes long to read."""


class UnnoticedDamage(Exception):  # noqa: N818 - it names what was found
    """A file that is not as it was written was taken for whole."""


@dataclass(frozen=True)
class Target:
    """A format, and what reads it."""

    suffix: str
    """Ending of the names of files that are kept."""
    amount: int
    """How many damaged files are read."""
    samples: Callable[[Path], list[bytes]]
    """Whole files, given the folder of a finished run, which has its export."""
    read: Callable[[bytes, Path], object]
    """Reads a file, given that folder. A `DigitsError` of one line refuses it."""
    mutate: Mutate = mutations.mutate

    @property
    def is_picture(self) -> bool:
        """Whether it is read by the reader of pictures."""
        return self.read in (read_picture, read_array)

    def make(self, samples: list[bytes], rng: random.Random) -> bytes:
        """Make a damaged file."""
        return self.mutate(rng.choice(samples), rng.choice(samples), rng)


@cache
def reader() -> Reader:
    """The reader of this process, with one thread, so that its time is that of the work."""
    return Reader(num_threads=1)


def read_picture(content: bytes, folder: Path) -> object:
    """Read all pages of a file; one that is refused refuses it."""
    return _all_of(reader().read_pages(content))


def read_document(content: bytes, folder: Path) -> object:
    """Read a file of a format that is decoded in a process of its own, page by page.

    How large its pages are, is not known here; so the limit is that of large ones.
    """
    return _all_of(reader().read_pages(content))


def _all_of(pages: Iterator[Reading | DigitsError]) -> list[Reading]:
    found = []
    for page in pages:
        if isinstance(page, DigitsError):
            raise page
        found.append(page)
    return found


def count_pixels(content: bytes) -> int:
    """Count the pixels that a picture says it has; none, if it says nothing."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.width * image.height
    except Exception:  # of damaged files, Pillow raises almost anything
        return 0


def drawings() -> list[Image.Image]:
    """Small pictures: they are read in little time, and noise on them is, too."""
    seven, word = draw(28), np.hstack([draw(24), draw(24)])
    coloured = np.stack([draw(28), np.roll(draw(28), 3), np.full((28, 28), 200, np.uint8)], axis=2)
    return [Image.fromarray(each) for each in (255 - seven, word, coloured, draw(33))]


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def pngs(folder: Path) -> list[bytes]:
    """Every mode, transparency, metadata, frames; and interlaced, which Pillow does not write."""
    found = []
    for image in drawings():
        modes = ("1", "L", "LA", "P", "RGB", "RGBA")
        found += [save(image.convert(mode), "PNG") for mode in modes]
        deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
        found += [
            save(deep, "PNG"),
            save(image.convert("P"), "PNG", transparency=0, bits=4),
            save(image.convert("RGB"), "PNG", exif=exif(6), dpi=(72, 72), compress_level=0),
            save(image, "PNG", save_all=True, append_images=[image.rotate(90)], duration=50),
            interlaced(image),
        ]
    return found


def interlaced(image: Image.Image) -> bytes:
    """A grey PNG in the seven passes of Adam7."""
    grey = np.asarray(image.convert("L"))
    passes = [
        grey[top::down, left::right]
        for top, left, down, right in (
            (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
            (1, 0, 2, 1),
        )
    ]  # fmt: skip
    rows = b"".join(b"\0" + row.tobytes() for each in passes for row in each if row.size)
    header = bytearray(save(image.convert("L"), "PNG"))
    header[28] = 1
    return mutations.with_rows(bytes(header), rows)


def jpegs(folder: Path) -> list[bytes]:
    found = []
    for image in drawings():
        found += [save(image.convert(mode), "JPEG") for mode in ("L", "RGB", "CMYK")]
        found += [
            save(image.convert("RGB"), "JPEG", progressive=True),
            save(image.convert("RGB"), "JPEG", optimize=True, subsampling=0, quality=95),
            save(image.convert("RGB"), "JPEG", restart_marker_blocks=1),
            *(save(image, "JPEG", exif=exif(orientation)) for orientation in (2, 5, 8)),
        ]
    return found


def webps(folder: Path) -> list[bytes]:
    found = []
    for image in drawings():
        rgba = image.convert("RGBA")
        rgba.putalpha(128)
        found += [
            save(image, "WEBP"),
            save(image, "WEBP", lossless=True, exif=exif(3)),
            save(rgba, "WEBP"),
            save(rgba, "WEBP", lossless=True),
            save(image, "WEBP", save_all=True, append_images=[image.rotate(90)], duration=50),
        ]
    return found


def bmps(folder: Path) -> list[bytes]:
    modes = ("1", "L", "P", "RGB", "RGBA")
    return [save(image.convert(mode), "BMP") for image in drawings() for mode in modes]


def tiffs(folder: Path) -> list[bytes]:
    found = []
    for image in drawings():
        for packing in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate"):
            modes = ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F")
            found += [save(_in_mode(image, mode), "TIFF", compression=packing) for mode in modes]
        found += [
            save(image.convert("1"), "TIFF", compression="group4"),
            save(image.convert("RGB"), "TIFF", compression="jpeg"),
            save(image, "TIFF", save_all=True, append_images=[image.rotate(90)], exif=exif(7)),
            save(image, "TIFF", big_tiff=True),
        ]
    return found


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


def gifs(folder: Path) -> list[bytes]:
    found = []
    for image in drawings():
        frames = [image.rotate(90), image.rotate(180)]
        found += [
            save(image, "GIF"),
            save(image, "GIF", interlace=False),
            save(image.convert("RGB"), "GIF", transparency=0),
            save(image, "GIF", save_all=True, append_images=frames, loop=0, disposal=2),
        ]
    return found


def avifs(folder: Path) -> list[bytes]:
    found = []
    for image in drawings():
        frames = [image.rotate(90)]
        found += [save(image, "AVIF"), save(image.convert("RGBA"), "AVIF", exif=exif(6))]
        found += [save(image, "AVIF", save_all=True, append_images=frames)]
    return found


def heics(folder: Path) -> list[bytes]:
    # What decodes HEIC here does not encode it; this one is the tests' own.
    return [(Path(__file__).parents[1] / "tests" / "reading" / "2479.heic").read_bytes()]


def jpeg_2000s(folder: Path) -> list[bytes]:
    found = []
    for image in drawings():
        found += [
            save(image, "JPEG2000"),
            save(image, "JPEG2000", no_jp2=True),
            save(image, "JPEG2000", tile_size=(16, 16)),
            save(image, "JPEG2000", irreversible=True, quality_layers=[40, 20, 10]),
            save(image.convert("RGBA"), "JPEG2000"),
            save(_in_mode(image, "I;16"), "JPEG2000"),
        ]
    return found


def pdfs(folder: Path) -> list[bytes]:
    """Pages of a size that is read quickly: scanned, or drawn with a text and a line."""
    found = [save(image.convert("RGB"), "PDF", resolution=100) for image in drawings()]
    first, *others = [image.convert("L") for image in drawings()]
    found.append(save(first, "PDF", resolution=100, save_all=True, append_images=others))
    for compression in (0, 6):
        with rc_context({"pdf.compression": compression}):
            figure = Figure(figsize=(1, 0.4))
            figure.text(0.1, 0.2, "24", fontsize=20)
            figure.add_axes((0.6, 0.2, 0.3, 0.6)).plot([1, 2, 1])
            file = io.BytesIO()
            figure.savefig(file, format="pdf")
            found.append(file.getvalue())
    return found


def ppms(folder: Path) -> list[bytes]:
    found = []
    for image in drawings():
        levels = np.asarray(image.convert("L"))
        head = b"P2\n# plain\n%d %d\n200\n" % image.size
        plain = b" ".join(b"%d" % (level * 200 // 255) for level in levels.ravel().tolist())
        modes = ("1", "L", "RGB", "I;16")
        found += [save(_in_mode(image, mode), "PPM") for mode in modes]
        found += [head + plain, b"P5 %d %d 300\n" % image.size + levels.astype(">u2").tobytes()]
    return found


def usual_jpegs(folder: Path) -> list[bytes]:
    return [(SAMPLES / "paper.jpg").read_bytes()]


def usual_pngs(folder: Path) -> list[bytes]:
    return [(SAMPLES / name).read_bytes() for name in ("form.png", "drawing.png")]


def read_array(content: bytes, folder: Path) -> object:
    """Read an array of any type and shape that was made from a seed."""
    return reader().read(make_array(random.Random(content)))


def no_samples(folder: Path) -> list[bytes]:
    return [b""]


def make_seed(content: bytes, other: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(8)


def make_array(rng: random.Random) -> Any:
    """Make an array, a tensor or nested lists of any type and shape, of noise or a drawing."""
    sizes = [0, 1, 2, 3, 4, 28, 28, 29, 40]
    shape = [rng.choice(sizes) for _ in range(rng.choice([0, 1, 2, 2, 3, 4]))]
    kinds = ["u1", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "?", "O", "U3", "M8[s]"]
    kind, count = rng.choice(kinds), int(np.prod(shape))
    if kind == "O":
        array = np.empty(count, object)
        array[:] = [rng.choice([None, 1, "7", [1, 2], 10**400]) for _ in range(count)]
    elif kind == "U3":
        array = np.full(count, "7", kind)
    elif kind[0] in "uif" and rng.random() < 0.5:
        array = np.resize(draw(28), count).astype(kind)
    else:
        array = np.frombuffer(rng.randbytes(count * np.dtype(kind).itemsize), kind)
    array = array.reshape(shape)
    if array.ndim and rng.random() < 0.3:
        array = array[::-1].T
    if rng.random() < 0.2 and kind in ("u1", "i1", "i4", "f4", "f8", "?"):
        return torch.from_numpy(array.copy())
    return array.tolist() if rng.random() < 0.05 else array


def networks(folder: Path) -> list[bytes]:
    """The networks that come with the package, and a small one."""
    packaged = [(ROOT / "weights" / name).read_bytes() for name in ("reader.onnx", "lines.onnx")]
    return [*packaged, *4 * [(folder / "network.onnx").read_bytes()]]


def small_networks(folder: Path) -> list[bytes]:
    return [(folder / "network.onnx").read_bytes()]


def read_network(content: bytes, folder: Path) -> object:
    """Open a network that is not as it was sealed, which is always to be refused."""
    opened = open_network(content)
    if content not in networks(folder):
        raise UnnoticedDamage("a network with another sum than its own was opened")
    return opened


def use_network(content: bytes, folder: Path) -> object:
    """Open a network that someone sealed as it is, and compute with it."""
    network = open_network(content)
    if isinstance(network, LineNetwork):
        return network.columns([np.zeros((40, 60), np.uint8)])
    network.open_layers().of(np.zeros((28, 28), np.uint8))
    return network.probabilities(np.zeros((2, 28, 28), np.uint8))


def open_network(content: bytes) -> Network | LineNetwork:
    try:
        return Network(content, num_threads=1)
    except DigitsError:
        return LineNetwork(content, num_threads=1)


def file_of_run(name: str, folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes()]


def read_run(name: str, content: bytes, folder: Path) -> object:
    """Read a run, one of whose files is damaged.

    What has a sum must be as it was to the byte; else all that is read must be.
    """
    copy = copy_of(folder)
    path, intact = copy / name, (folder / name).read_bytes()
    path.write_bytes(content)
    try:
        found = contents(copy)
        if content != intact and (name in SUMMED or not is_same(found, intact_contents(folder))):
            raise UnnoticedDamage(f"{name} is damaged, and was read")
        return found
    finally:
        path.write_bytes(intact)


@cache
def copy_of(folder: Path) -> Path:
    """This process's copy of the run."""
    copy = Path(tempfile.mkdtemp(dir=folder.parent)) / folder.name
    shutil.copytree(folder, copy)
    return copy


@cache
def intact_contents(folder: Path) -> list[Any]:
    return contents(folder)


def contents(folder: Path) -> list[Any]:
    """All that is in a run."""
    run = Run(folder)
    found = [run.recipe, run.history, run.summary, run.temperature, run.load_checkpoint()]
    return [*found, run.model.state_dict()]


def is_same(one: Any, other: Any) -> bool:
    """Whether tensors, and what holds them, are the same, to the bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and is_same(one.contiguous().numpy().tobytes(), other.contiguous().numpy().tobytes())
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


LABELS = write_idx(np.arange(200, dtype=np.uint8) % 10)
LABELS_FILE = DataFile("labels", len(LABELS), hashlib.sha256(LABELS).hexdigest())


def idx_files(folder: Path) -> list[bytes]:
    return [LABELS, write_idx(np.stack([draw(28)] * 3))]


def read_idx_file(content: bytes, folder: Path) -> object:
    return read_idx(content, "file")


def gzipped(folder: Path) -> list[bytes]:
    return [LABELS, gzip.compress(LABELS, mtime=0), gzip.compress(LABELS, 0, mtime=0)]


def read_gzipped(content: bytes, folder: Path) -> object:
    found = LABELS_FILE.decompress(content)
    if found != LABELS:
        raise UnnoticedDamage("labels with another sum than their own were read")
    return found


def recipes(folder: Path) -> list[bytes]:
    return [load_recipe(name).to_toml().encode() for name in recipe_names()]


def read_recipe(content: bytes, folder: Path) -> object:
    path = copy_of(folder).with_name("mutated.toml")
    path.write_bytes(content)
    return load_recipe(path)


TARGETS = {
    "PNG": Target(".png", 12_000, pngs, read_picture, mutations.mutate_png),
    "JPEG": Target(".jpg", 10_000, jpegs, read_picture),
    "WebP": Target(".webp", 7_000, webps, read_picture),
    "BMP": Target(".bmp", 4_000, bmps, read_picture),
    "TIFF": Target(".tiff", 10_000, tiffs, read_picture),
    "GIF": Target(".gif", 7_000, gifs, read_picture),
    "AVIF": Target(".avif", 500, avifs, read_document),
    "HEIC": Target(".heic", 500, heics, read_document),
    "JPEG 2000": Target(".jp2", 500, jpeg_2000s, read_document),
    "PDF": Target(".pdf", 500, pdfs, read_document),
    "PPM": Target(".ppm", 500, ppms, read_document),
    "PNG of the usual size": Target(".png", 500, usual_pngs, read_picture, mutations.mutate_png),
    "JPEG of the usual size": Target(".jpg", 500, usual_jpegs, read_picture),
    "array": Target(".seed", 1_000, no_samples, read_array, make_seed),
    "ONNX": Target(".onnx", 2_000, networks, read_network),
    "ONNX, sealed anew": Target(
        ".onnx", 4_000, small_networks, use_network, mutations.mutate_sealed
    ),
    **{
        f"run's {name}": Target(
            Path(name).suffix, 1_000, partial(file_of_run, name), partial(read_run, name)
        )
        for name in (*SUMMED, "SHA256SUMS")
    },
    "IDX": Target(".idx", 2_000, idx_files, read_idx_file),
    "IDX, gzipped": Target(".gz", 2_000, gzipped, read_gzipped),
    "recipe": Target(".toml", 3_000, recipes, read_recipe),
}
"""What is attacked, by format: 73,500 files."""
