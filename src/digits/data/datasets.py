"""Data sets as tensors: images and labels, and the split into training and validation."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from digits.data.catalog import DIGITS, Part, Published, find, is_path, listed
from digits.data.decoding import decode_part
from digits.data.sources import RawFiles, fetch
from digits.data.splitting import hold_out
from digits.errors import InvalidInput

MOST_HELD_OUT, HELD_OUT_PART = 5000, 10
"""Number of training images that are held out if none is asked for: so many, or one of ten."""


@dataclass(frozen=True, eq=False)  # == of tensors is elementwise.
class Split:
    """Labelled images in memory; a map-style data set for `torch.utils.data.DataLoader`.

    Raises:
        InvalidInput: If a dtype or shape differs from those below, or a label has no class.
    """

    name: str
    """Name of the split: `train`, `validation` or `test`."""
    images: UInt8[Tensor, "n h w"]
    """Raw pixels: 255 is ink, 0 is paper. They are as high as wide. (n, h, w)"""
    labels: Int64[Tensor, " n"]
    """True classes, 0 to classes - 1. (n,)"""
    classes: tuple[str, ...] = DIGITS
    """Names of the classes, in the order of their labels."""
    groups: Int64[Tensor, " n"] | None = None
    """Number of the group of each image, if it has one: no split parts images of one writer, or
    copies. (n,)"""

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        for what, given in (("images", images), ("labels", labels)):
            if not isinstance(given, Tensor):
                raise InvalidInput(
                    f"{self.name}: expected {what} as a torch.Tensor, found {type(given).__name__}."
                )
        if images.dtype != torch.uint8 or images.ndim != 3 or images.shape[1] != images.shape[2]:
            raise InvalidInput(
                f"{self.name}: expected images uint8 (n, 28, 28), or of another height that is "
                f"their width, found {_describe(images)}."
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise InvalidInput(
                f"{self.name}: expected labels int64 ({len(images)},), found {_describe(labels)}."
            )
        if self.groups is not None and self.groups.shape != labels.shape:
            raise InvalidInput(
                f"{self.name}: expected the group of each of {len(labels)} images, found "
                f"{_describe(self.groups)}."
            )
        if len(labels) > 0:
            low, high = (int(bound) for bound in labels.aminmax())
            if low < 0 or high >= len(self.classes):
                raise InvalidInput(
                    f"{self.name}: expected labels 0 to {len(self.classes) - 1}, "
                    f"found {low} to {high}."
                )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[UInt8[Tensor, "1 h w"], int]:
        return self.images[index].unsqueeze(0), int(self.labels[index])

    @property
    def size(self) -> int:
        """Height and width of an image in pixels."""
        return self.images.shape[1]

    def chosen(self, name: str, which: Bool[Tensor, " n"]) -> "Split":
        """Take some of the images.

        Args:
            name: Name of the split that they are.
            which: Whether an image is taken. (n,)

        Returns:
            A split of these images, in their order.
        """
        groups = None if self.groups is None else self.groups[which]
        return Split(name, self.images[which], self.labels[which], self.classes, groups)

    def with_classes(self, classes: tuple[str, ...]) -> "Split":
        """Number the labels by other classes, which have all of those that the images show.

        Args:
            classes: Names of the other classes, in the order of their labels.

        Returns:
            A split of the same images.

        Raises:
            InvalidInput: If an image shows none of them.
        """
        if classes == self.classes:
            return self
        numbers = {name: number for number, name in enumerate(classes)}
        shown = [self.classes[label] for label in self.labels.unique().tolist()]
        strange = [name for name in shown if name not in numbers]
        if strange:
            raise InvalidInput(
                f"Expected images of {listed(classes)}, found others, of {listed(strange)}."
            )
        renumbered = torch.tensor([numbers.get(name, -1) for name in self.classes])
        return replace(self, labels=renumbered[self.labels.cpu()].to(self.labels), classes=classes)

    def to(self, device: torch.device | str) -> "Split":
        """Copy the split to a device.

        Args:
            device: The device to copy to.

        Returns:
            A split whose tensors are on `device`; tensors that are there already are shared.
        """
        groups = None if self.groups is None else self.groups.to(device)
        return replace(
            self, images=self.images.to(device), labels=self.labels.to(device), groups=groups
        )


@dataclass(frozen=True)
class Own:
    """What there is to know of a data set of one's own, besides its images."""

    digest: str
    """Digest of images, labels and splits, which tells whether any of them changed."""
    crop: str
    """How its pictures became images: `ink` or `none`."""
    is_split: bool
    """Whether it says itself which images are of which split."""
    left_out: tuple[str, ...]
    """Names of the pictures that are not among the images."""
    names: dict[str, list[str]]
    """Names of the pictures of the images of each split, in order."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set with its training and test split."""

    name: str
    """Name in the catalogue, or the path of a set of one's own."""
    train: Split
    """The training images; `split` holds some of them out."""
    test: Split
    """The test images."""
    source: str
    """Source of the files: `cache`, the names of the sources that delivered them just now, or the
    path of a set of one's own."""
    own: Own | None = None
    """What else there is to know, if it is one's own."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.train.classes

    @property
    def size(self) -> int:
        """Height and width of an image in pixels."""
        return self.train.size

    @property
    def whole(self) -> Split:
        """All images, those that train first."""
        return Split(
            "all",
            torch.cat([self.train.images, self.test.images]),
            torch.cat([self.train.labels, self.test.labels]),
            self.classes,
            None
            if self.train.groups is None or self.test.groups is None
            else torch.cat([self.train.groups, self.test.groups]),
        )

    @property
    def title(self) -> str:
        """Name as its makers write it, or that of the folder or file."""
        return Path(self.name).name if is_path(self.name) else find(self.name).title

    @property
    def validation_size(self) -> int:
        """Number of training images to hold out, if none is asked for: 5,000, or one of ten."""
        return min(MOST_HELD_OUT, len(self.train) // HELD_OUT_PART)

    def split(self, validation_size: int | None = None) -> tuple[Split, Split | None]:
        """Hold out a validation set: a deterministic, stratified split of the training set.

        Each class contributes in proportion to its size, at even intervals over its length,
        because neighbouring images may come from one writer. Groups stay together; with groups,
        a few more or fewer are held out. Both parts keep the published order.

        Args:
            validation_size: Number of images to hold out, from 0 to all but one; 5,000 if not
                given, or a tenth of a smaller set.

        Returns:
            The remaining training set and the validation set, which is None if its size is 0, or
            all images are of one group.

        Raises:
            InvalidInput: If `validation_size` is out of range.
        """
        if validation_size is None:
            validation_size = self.validation_size
        if not 0 <= validation_size < len(self.train):
            raise InvalidInput(
                f"Expected a validation size from 0 to {len(self.train) - 1}, "
                f"found {validation_size}."
            )
        if validation_size == 0:
            return self.train, None
        groups = None if self.train.groups is None else self.train.groups.cpu().numpy()
        labels = self.train.labels.cpu().numpy()
        chosen = hold_out(labels, validation_size, len(self.classes), groups)
        if not chosen.any():  # all images are of one group
            return self.train, None
        held_out = torch.from_numpy(chosen).to(self.train.labels.device)
        return self.train.chosen("train", ~held_out), self.train.chosen("validation", held_out)


def load(
    name: str | Path = "mnist", *, crop: str | None = None, size: int | None = None
) -> DataSet:
    """Load a data set by name, fetching it into the cache the first time; or one's own by its path.

    Args:
        name: Name of the data set: mnist, fashion-mnist, kmnist, emnist-digits, emnist-letters,
            emnist-balanced, qmnist or usps. A `Path`, or a text with a slash in it, is a folder
            with a folder for each class, or of IDX files; or a `.csv` or `.npz` file.
        crop: How pictures of one's own become images: "ink" cuts the digit out of each, and frames
            it as MNIST's are; "none" takes the whole picture. If not given, it is "ink" for
            digits, unless they are framed already, and "none" for anything else.
        size: Height and width of the images of one's own, in pixels, such as a network takes them;
            28 if not given, or that of small square pictures that are all of one size.

    Returns:
        The training and test images, uint8 (n, h, w), with their labels, int64 (n,); for MNIST,
        60,000 and 10,000 images of 28×28 pixels. EMNIST's are upright. QMNIST's test images are the
        50,000 that MNIST's test set does not have. Of one's own, a fifth of each class are test
        images, unless it says itself which are.

    Raises:
        InvalidInput: If there is no data set of that name, or no labelled pictures at that path.
        DigitsError: If it is not in the cache and no source delivers it, or can't be read.

    Source: `digits.data.catalog` names the makers of each, and where it is described.
    """
    if isinstance(name, Path) or is_path(name):
        return _load_custom(Path(name), crop, size)
    for what, given in (("crop", crop), ("size", size)):
        if given is not None:
            raise InvalidInput(
                f"{what}: expected none for {name}, whose images are cropped already, found "
                f"{given!r}; it is for pictures of your own."
            )
    published = find(name)
    raw = fetch(name)
    return DataSet(
        name=name,
        train=_split("train", published, published.train, raw),
        test=_split("test", published, published.test, raw),
        source=raw.source,
    )


def _load_custom(path: Path, crop: str | None, size: int | None) -> DataSet:
    from digits.data.custom import load_custom  # with it, what decodes pictures

    custom = load_custom(path, crop=crop, size=size)
    images, labels, groups = map(
        torch.from_numpy, (custom.cropped.images, custom.labels, custom.groups)
    )
    every = Split("train", images, labels, custom.classes, groups)
    is_test = torch.from_numpy(custom.is_test)
    return DataSet(
        name=str(path.resolve()),
        train=every.chosen("train", ~is_test),
        test=every.chosen("test", is_test),
        source=str(path),
        own=Own(
            digest=custom.digest,
            crop=custom.cropped.crop,
            is_split=custom.is_split,
            left_out=tuple(one.name for one in custom.cropped.left_out),
            names={"train": custom.names(is_test=False), "test": custom.names(is_test=True)},
        ),
    )


def _split(name: str, published: Published, part: Part, raw: RawFiles) -> Split:
    images, labels, writers = decode_part(published, part, raw.contents)
    return Split(
        name,
        torch.from_numpy(images),
        torch.from_numpy(labels),
        published.classes,
        None if writers is None else torch.from_numpy(writers),
    )


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
