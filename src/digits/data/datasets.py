"""Data sets as tensors: images and labels, and the split into training and validation."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from digits.data.checksums import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, DataFile
from digits.data.idx import read_idx
from digits.data.sources import fetch
from digits.errors import InvalidInput, suggest

NUM_CLASSES = 10
NAMES = ("mnist",)
"""Names of the data sets that `load` accepts."""


@dataclass(frozen=True, eq=False)  # == of tensors is elementwise.
class Split:
    """Labelled images in memory; a map-style data set for `torch.utils.data.DataLoader`.

    Raises:
        InvalidInput: If a dtype or shape differs from those below, or a label is not 0 to 9.
    """

    name: str
    """Name of the split: `train`, `validation` or `test`."""
    images: UInt8[Tensor, "n 28 28"]
    """Raw pixels: 255 is ink, 0 is paper. (n, 28, 28)"""
    labels: Int64[Tensor, " n"]
    """True digits, 0 to 9. (n,)"""

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        for what, given in (("images", images), ("labels", labels)):
            if not isinstance(given, Tensor):
                raise InvalidInput(
                    f"{self.name}: expected {what} as a torch.Tensor, found {type(given).__name__}."
                )
        if images.dtype != torch.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise InvalidInput(
                f"{self.name}: expected images uint8 (n, 28, 28), found {_describe(images)}."
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise InvalidInput(
                f"{self.name}: expected labels int64 ({len(images)},), found {_describe(labels)}."
            )
        if len(labels) > 0:
            low, high = (int(bound) for bound in labels.aminmax())
            if low < 0 or high >= NUM_CLASSES:
                raise InvalidInput(
                    f"{self.name}: expected labels 0 to {NUM_CLASSES - 1}, found {low} to {high}."
                )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[UInt8[Tensor, "1 28 28"], int]:
        return self.images[index].unsqueeze(0), int(self.labels[index])

    def to(self, device: torch.device | str) -> "Split":
        """Copy the split to a device.

        Args:
            device: The device to copy to.

        Returns:
            A split whose tensors are on `device`; tensors that are there already are shared.
        """
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))


@dataclass(frozen=True, eq=False)
class DigitSet:
    """A data set of digits with its published training and test split."""

    name: str
    train: Split
    test: Split
    source: str
    """Source of the files: `cache`, or the names of the sources that delivered them just now."""

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
        held_out = _held_out(self.train.labels, validation_size)
        train, validation = (
            Split(name, self.train.images[chosen], self.train.labels[chosen])
            for name, chosen in (("train", ~held_out), ("validation", held_out))
        )
        return train, validation


def load(name: str = "mnist") -> DigitSet:
    """Load a data set by name, fetching it into the cache the first time.

    Args:
        name: Name of the data set; `mnist` is the only one.

    Returns:
        60,000 training and 10,000 test images, uint8 (n, 28, 28), with their labels, int64 (n,).

    Raises:
        InvalidInput: If there is no data set of that name.
        DigitsError: If it is not in the cache and no source delivers it.

    Source: LeCun, Cortes and Burges, the MNIST database.
    """
    if name not in NAMES:
        raise InvalidInput(f"No data set is called {name!r}; {suggest(str(name), NAMES)}")
    raw = fetch()

    def tensor(file: DataFile) -> UInt8[Tensor, "..."]:
        return torch.from_numpy(read_idx(raw.contents[file.name], file.name))

    return DigitSet(
        name=name,
        train=Split("train", tensor(TRAIN_IMAGES), tensor(TRAIN_LABELS).long()),
        test=Split("test", tensor(TEST_IMAGES), tensor(TEST_LABELS).long()),
        source=raw.source,
    )


def _held_out(labels: Int64[Tensor, " n"], size: int) -> Bool[Tensor, " n"]:
    """Choose `size` images in integer arithmetic, which gives the same on every machine."""
    counts = labels.bincount(minlength=NUM_CLASSES).tolist()
    shares = [divmod(count * size, len(labels)) for count in counts]
    quotas = [whole for whole, _ in shares]
    # Largest remainder (Hamilton's method); sorting is stable, so ties go to the lower class.
    by_remainder = sorted(range(NUM_CLASSES), key=lambda label: -shares[label][1])
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
