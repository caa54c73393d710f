"""Data sets as tensors: images and labels, and the split into training and validation."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from digits.data.catalog import DIGITS, Part, Published, find
from digits.data.decoding import decode_part
from digits.data.sources import RawFiles, fetch
from digits.errors import InvalidInput


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
    writers: Int64[Tensor, " n"] | None = None
    """Number of the writer of each image, where it is known. (n,)"""

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
        if self.writers is not None and self.writers.shape != labels.shape:
            raise InvalidInput(
                f"{self.name}: expected as many writers as labels, found "
                f"{_describe(self.writers)} and {_describe(labels)}."
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
            which: Whether an image is taken.
        """
        writers = None if self.writers is None else self.writers[which]
        return Split(name, self.images[which], self.labels[which], self.classes, writers)

    def to(self, device: torch.device | str) -> "Split":
        """Copy the split to a device.

        Args:
            device: The device to copy to.

        Returns:
            A split whose tensors are on `device`; tensors that are there already are shared.
        """
        writers = None if self.writers is None else self.writers.to(device)
        return replace(
            self, images=self.images.to(device), labels=self.labels.to(device), writers=writers
        )


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set with its published training and test split."""

    name: str
    train: Split
    test: Split
    source: str
    """Source of the files: `cache`, or the names of the sources that delivered them just now."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.train.classes

    @property
    def size(self) -> int:
        """Height and width of an image in pixels."""
        return self.train.size

    def split(self, validation_size: int = 5000) -> tuple[Split, Split | None]:
        """Hold out a validation set: a deterministic, stratified split of the training set.

        Each class contributes in proportion to its size, at even intervals over its length,
        because neighbouring images may come from one writer. Both parts keep the published order.

        Args:
            validation_size: Number of images to hold out, from 0 to all but one.

        Returns:
            The remaining training set and the validation set, which is None if its size is 0.

        Raises:
            InvalidInput: If `validation_size` is out of range.
        """
        if not 0 <= validation_size < len(self.train):
            raise InvalidInput(
                f"Expected a validation size from 0 to {len(self.train) - 1}, "
                f"found {validation_size}."
            )
        if validation_size == 0:
            return self.train, None
        held_out = _held_out(self.train.labels, validation_size, len(self.classes))
        return self.train.chosen("train", ~held_out), self.train.chosen("validation", held_out)


def load(name: str = "mnist") -> DataSet:
    """Load a data set by name, fetching it into the cache the first time.

    Args:
        name: Name of the data set: mnist, fashion-mnist, kmnist, emnist-digits, emnist-letters,
            emnist-balanced, qmnist or usps.

    Returns:
        The training and test images, uint8 (n, h, w), with their labels, int64 (n,); for MNIST,
        60,000 and 10,000 images of 28×28 pixels. EMNIST's are upright. QMNIST's test images are the
        50,000 that MNIST's test set does not have.

    Raises:
        InvalidInput: If there is no data set of that name.
        DigitsError: If it is not in the cache and no source delivers it.

    Source: `digits.data.catalog` names the makers of each, and where it is described.
    """
    published = find(name)
    raw = fetch(name)
    return DataSet(
        name=name,
        train=_split("train", published, published.train, raw),
        test=_split("test", published, published.test, raw),
        source=raw.source,
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


def _held_out(labels: Int64[Tensor, " n"], size: int, num_classes: int) -> Bool[Tensor, " n"]:
    """Choose `size` images in integer arithmetic, which gives the same on every machine."""
    counts = labels.bincount(minlength=num_classes).tolist()
    shares = [divmod(count * size, len(labels)) for count in counts]
    quotas = [whole for whole, _ in shares]
    # Largest remainder (Hamilton's method); sorting is stable, so ties go to the lower class.
    by_remainder = sorted(range(num_classes), key=lambda label: -shares[label][1])
    for label in by_remainder[: size - sum(quotas)]:
        quotas[label] += 1

    chosen = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    for label, (count, quota) in enumerate(zip(counts, quotas, strict=True)):
        positions = (labels == label).nonzero().squeeze(1)
        # The middle image of each of `quota` equal intervals of the class.
        middles = [(2 * i + 1) * count // (2 * quota) for i in range(quota)]
        chosen[positions[middles]] = True
    return chosen


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
