"""Shared by all tests: shapes in signatures are checked, and small sets stand in for MNIST."""

from jaxtyping import install_import_hook

with install_import_hook("digits", "beartype.beartype"):
    import digits  # noqa: F401 - its modules, imported from now on, check their arguments' shapes

import pytest
import torch

from digits.data import DigitSet, Split


def blobs(n: int, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ten easily told pictures: a bright square at a place that depends on the label, in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 10
    images = torch.randint(0, 40, (n, 28, 28), dtype=torch.uint8, generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = divmod(label, 4)
        image[4 + row * 8 : 9 + row * 8, 2 + column * 6 : 7 + column * 6] += 200
    return images, labels


@pytest.fixture(scope="session")
def blob_set() -> DigitSet:
    """A set of 600 training and 100 test pictures that a network learns in two epochs."""
    train, test = blobs(600), blobs(100, seed=1)
    return DigitSet(
        name="mnist",
        train=Split("train", *train),
        test=Split("test", *test),
        source="made by the tests",
    )


@pytest.fixture
def with_blobs(monkeypatch: pytest.MonkeyPatch, blob_set: DigitSet) -> DigitSet:
    """Training takes the small set for MNIST."""
    monkeypatch.setattr("digits.training.load", lambda name: blob_set)
    return blob_set
