"""Catalogue of published data sets: their files, sums, sources, licences and classes.

This is the one description of a set; what loads, trains, measures and shows it asks here. Sums of
content are SHA-256. Where only the published files have a sum, an MD5, that of the content is
recorded when it is fetched (`cache.py`).
"""

import os
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from digits.data.checksums import DataFile
from digits.errors import InvalidInput, suggest
from digits.files import escaped

CROPS = ("ink", "none")
"""Ways to make images of pictures of one's own: cut the digit out, or take the whole."""

MOST_LISTED, MOST_OF_NAME = 3, 20
"""Number of classes that a message names at most, and of characters of each."""

DIGITS = tuple(string.digits)
"""Names of the ten classes of digits."""


@dataclass(frozen=True)
class Part:
    """Files of the training or the test split."""

    images: DataFile
    labels: DataFile
    """The same file as `images`, if that holds both."""
    first: int = 0
    """Number of images at the file's beginning that do not belong to the split."""

    @cached_property
    def files(self) -> tuple[DataFile, ...]:
        """The files, each once."""
        return (self.images,) if self.labels is self.images else (self.images, self.labels)


@dataclass(frozen=True)
class Archive:
    """A ZIP file in which a set's files were published, each gzipped."""

    url: str
    size: int
    """Size in bytes."""
    md5: str
    """MD5 of the file, in hexadecimal."""
    folder: str
    """Folder in it where the files are, with a slash at the end."""


@dataclass(frozen=True)
class Published:
    """A published data set of labelled images."""

    name: str
    """Name for `digits.load`, recipes and the command."""
    title: str
    """Name as its makers write it."""
    folder: str
    """Folder of its files in the cache; torchvision's, but for USPS, which has none there."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of their labels."""
    train: Part
    test: Part
    licence: str
    """Under what terms its makers gave it away."""
    origin: str
    """Who made it, and where that is described."""
    mirrors: tuple[str, ...] = ()
    """Web folders that hold the files as they were published, each with a slash at the end."""
    archive: Archive | None = None
    """A ZIP file that holds them."""
    size: int = 28
    """Height and width of an image in pixels."""
    first_label: int = 0
    """Label of the first class in the files."""
    is_transposed: bool = False
    """Whether the images lie on their side in the files, mirrored."""

    @cached_property
    def files(self) -> tuple[DataFile, ...]:
        """All files."""
        return (*self.train.files, *self.test.files)


def _images(name: str, count: int, **sums: str) -> DataFile:
    """Describe an IDX file of so many images of 28×28 pixels."""
    return DataFile(name, 16 + count * 28 * 28, **sums)


def _labels(name: str, count: int, **sums: str) -> DataFile:
    """Describe an IDX file of so many labels."""
    return DataFile(name, 8 + count, **sums)


def _like_mnist(sums: tuple[dict[str, str], ...]) -> tuple[Part, Part]:
    """Describe the four files of a set that has MNIST's names and numbers of images."""
    return (
        Part(
            _images("train-images-idx3-ubyte", 60_000, **sums[0]),
            _labels("train-labels-idx1-ubyte", 60_000, **sums[1]),
        ),
        Part(
            _images("t10k-images-idx3-ubyte", 10_000, **sums[2]),
            _labels("t10k-labels-idx1-ubyte", 10_000, **sums[3]),
        ),
    )


def _sha256(*sums: str) -> tuple[dict[str, str], ...]:
    return tuple({"sha256": found} for found in sums)


def _md5(*sums: str) -> tuple[dict[str, str], ...]:
    return tuple({"md5": found} for found in sums)


def _mnist() -> Published:
    train, test = _like_mnist(
        _sha256(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        )
    )
    return Published(
        name="mnist",
        title="MNIST",
        folder="MNIST/raw",
        classes=DIGITS,
        train=train,
        test=test,
        licence="CC BY-SA 3.0",
        origin="LeCun, Cortes and Burges, the MNIST database (yann.lecun.com/exdb/mnist)",
        # The mirrors that torchvision uses. The original site responds with 403.
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    )


def _fashion_mnist() -> Published:
    train, test = _like_mnist(
        _sha256(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        )
    )
    return Published(
        name="fashion-mnist",
        title="Fashion-MNIST",
        folder="FashionMNIST/raw",
        classes=(
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        train=train,
        test=test,
        licence="MIT",
        origin="Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747",
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
    )


def _kmnist() -> Published:
    train, test = _like_mnist(
        _md5(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        )
    )
    return Published(
        name="kmnist",
        title="Kuzushiji-MNIST",
        folder="KMNIST/raw",
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        train=train,
        test=test,
        licence="CC BY-SA 4.0",
        origin="Clanuwat et al. 2018, arXiv:1812.01718",
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    )


EMNIST_ARCHIVE = Archive(
    url="https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    size=561_753_746,
    md5="58c8d27c78d21e728a6bc7b3cc06412e",
    folder="gzip/",
)


def _emnist(
    subset: str,
    classes: tuple[str, ...],
    num_train: int,
    num_test: int,
    *,
    first_label: int = 0,
) -> Published:
    """Describe a subset of EMNIST; of its files no sums were published, but of their archive."""

    def part(split: str, count: int) -> Part:
        stem = f"emnist-{subset}-{split}"
        return Part(
            _images(f"{stem}-images-idx3-ubyte", count), _labels(f"{stem}-labels-idx1-ubyte", count)
        )

    return Published(
        name=f"emnist-{subset}",
        title=f"EMNIST {subset.capitalize()}",
        folder="EMNIST/raw",
        classes=classes,
        train=part("train", num_train),
        test=part("test", num_test),
        licence="none stated; of NIST, an agency of the United States",
        origin="Cohen, Afshar, Tapson and van Schaik 2017, arXiv:1702.05373",
        archive=EMNIST_ARCHIVE,
        first_label=first_label,
        is_transposed=True,
    )


BALANCED = (*DIGITS, *string.ascii_uppercase, *"abdefghnqrt")
"""Classes of EMNIST Balanced. Small letters that look like their capitals are in these."""


def _qmnist() -> Published:
    def part(split: str, sums: tuple[str, str], first: int = 0) -> Part:
        images, labels = (
            f"qmnist-{split}-{kind}" for kind in ("images-idx3-ubyte", "labels-idx2-int")
        )
        return Part(
            _images(images, 60_000, md5=sums[0]),
            DataFile(labels, 12 + 60_000 * 8 * 4, md5=sums[1]),
            first,
        )

    return Published(
        name="qmnist",
        title="QMNIST",
        folder="QMNIST/raw",
        classes=DIGITS,
        train=part(
            "train", ("ed72d4157d28c017586c42bc6afe6370", "0058f8dd561b90ffdd0f734c6a30e5e4")
        ),
        # The first 10,000 are MNIST's own test digits.
        test=part(
            "test",
            ("1394631089c404de565df7b7aeaf9412", "5b5b05890a5e13444e108efe57b788aa"),
            first=10_000,
        ),
        licence="BSD 3-Clause",
        origin="Yadav and Bottou 2019, arXiv:1905.10498",
        mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
    )


def _usps() -> Published:
    def part(name: str, md5: str) -> Part:
        file = DataFile(name, None, md5=md5, suffix="")
        return Part(file, file)

    return Published(
        name="usps",
        title="USPS",
        folder="USPS",
        classes=DIGITS,
        train=part("usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"),
        test=part("usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"),
        licence="none stated",
        origin="Hull 1994, in IEEE Transactions on Pattern Analysis and Machine Intelligence 16",
        mirrors=("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",),
        size=16,
        first_label=1,
    )


MNIST = _mnist()

CATALOG = {
    each.name: each
    for each in (
        MNIST,
        _fashion_mnist(),
        _kmnist(),
        _emnist("digits", DIGITS, 240_000, 40_000),
        _emnist("letters", tuple(string.ascii_lowercase), 124_800, 20_800, first_label=1),
        _emnist("balanced", BALANCED, 112_800, 18_800),
        _qmnist(),
        _usps(),
    )
}
"""All sets by name."""


def listed(classes: Sequence[str]) -> str:
    """Name classes in a message: all of them, or the first few and how many there are.

    >>> listed(DIGITS)
    'the ten digits'
    >>> listed(["cat", "dog"])
    '2 classes (cat, dog)'
    """
    if tuple(classes) == DIGITS:
        return "the ten digits"
    shown = ", ".join(escaped(name)[:MOST_OF_NAME] for name in classes[:MOST_LISTED])
    more = ", …" if len(classes) > MOST_LISTED else ""
    return f"{len(classes)} classes ({shown}{more})"


def noun(classes: Sequence[str]) -> str:
    """What an image shows, in a word: "digit", or "class" where classes are no digits."""
    return "digit" if tuple(classes) == DIGITS else "class"


def is_path(name: str) -> bool:
    """Whether a data set of one's own is meant, named by its path: `./mine`, not `mine`."""
    return "/" in name or os.sep in name


def find(name: str) -> Published:
    """Find a set's description by its name.

    Raises:
        InvalidInput: If there is no data set of that name.
    """
    if name not in CATALOG:
        raise InvalidInput(
            f"No data set is called {name!r}; {suggest(str(name), CATALOG)} Your own is given as a "
            "path, such as ./mine."
        )
    return CATALOG[name]
