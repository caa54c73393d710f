from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import digits.data
from digits.data import DataSet, Split, load
from digits.errors import InvalidInput
from tests.data.conftest import NUM_TEST, NUM_TRAIN, SmallSet


def make_split(labels: list[int], name: str = "train") -> Split:
    """Images whose first pixels hold their position, so that they can be told apart."""
    images = torch.zeros(len(labels), 28, 28, dtype=torch.uint8)
    images[:, 0, 0] = torch.arange(len(labels)) % 256
    images[:, 0, 1] = torch.arange(len(labels)) // 256
    return Split(name, images, torch.tensor(labels, dtype=torch.int64))


def positions(split: Split) -> list[int]:
    pixels = split.images.long()
    return (pixels[:, 0, 0] + 256 * pixels[:, 0, 1]).tolist()


def make_set(labels: list[int]) -> DataSet:
    return DataSet("made", make_split(labels), make_split([0], "test"), "cache")


UNEVEN = [label for label in range(10) for _ in range(10 + 7 * label)]  # 415 in all
SHUFFLED = [UNEVEN[i * 163 % len(UNEVEN)] for i in range(len(UNEVEN))]


def test_a_split_goes_into_a_data_loader_as_it_is() -> None:
    split = make_split([3, 1, 4, 1, 5])
    images, labels = next(iter(DataLoader(split, batch_size=4)))  # type: ignore[arg-type]
    assert images.shape == (4, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert labels.tolist() == [3, 1, 4, 1]
    assert len(split) == 5
    assert [label for _, label in split] == [3, 1, 4, 1, 5]  # type: ignore[attr-defined]


def test_to_moves_both_tensors() -> None:
    moved = make_split([3, 1]).to(torch.device("cpu"))
    assert moved.images.device.type == moved.labels.device.type == "cpu"
    assert moved.name == "train"


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            torch.zeros(2, 28, 28),
            torch.zeros(2).long(),
            r"images uint8 .*found float32 \(2, 28, 28\)",
        ),
        (torch.zeros(2, 784).byte(), torch.zeros(2).long(), r"found uint8 \(2, 784\)"),
        (torch.zeros(2, 28, 27).byte(), torch.zeros(2).long(), r"found uint8 \(2, 28, 27\)"),
        (torch.zeros(2, 28, 28).byte(), torch.zeros(2).int(), r"labels int64 \(2,\), found int32"),
        (torch.zeros(2, 28, 28).byte(), torch.zeros(3).long(), r"\(2,\), found int64 \(3,\)"),
        (torch.zeros(2, 28, 28).byte(), torch.tensor([0, 10]), r"labels 0 to 9, found 0 to 10"),
        (torch.zeros(2, 28, 28).byte(), torch.tensor([-1, 9]), r"labels 0 to 9, found -1 to 9"),
    ],
)
def test_a_split_of_wrong_type_shape_or_labels_is_refused(
    images: torch.Tensor, labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^train: expected .*{message}") as caught:
        Split("train", images, labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [1, 7, 100, 207, 414])
def test_validation_is_exact_proportional_and_disjoint(size: int) -> None:
    train, validation = make_set(SHUFFLED).split(size)
    assert validation is not None
    assert (len(train), len(validation)) == (len(SHUFFLED) - size, size)
    assert sorted(positions(train) + positions(validation)) == list(range(len(SHUFFLED)))
    counts = validation.labels.bincount(minlength=10)
    shares = torch.tensor(SHUFFLED).bincount(minlength=10) * size / len(SHUFFLED)
    assert (counts - shares).abs().max() < 1
    for split in (train, validation):
        assert positions(split) == sorted(positions(split)), "keeps the published order"
        assert split.labels.tolist() == [SHUFFLED[position] for position in positions(split)]
    assert (train.name, validation.name) == ("train", "validation")


def test_validation_is_the_same_every_time() -> None:
    _, first = make_set(SHUFFLED).split(9)
    torch.manual_seed(1)
    _, second = make_set(SHUFFLED).split(9)
    assert first is not None
    assert second is not None
    assert positions(first) == positions(second)


def test_validation_is_spread_over_each_class() -> None:
    # Each class gives the middles of three equal stretches of its ten images.
    _, validation = make_set([i // 10 for i in range(100)]).split(30)
    assert validation is not None
    assert positions(validation) == [10 * label + i for label in range(10) for i in (1, 5, 8)]


def test_the_largest_remainder_is_rounded_up() -> None:
    _, validation = make_set([0] * 10 + [1] * 11).split(10)  # shares 4.76 and 5.24
    assert validation is not None
    assert validation.labels.bincount().tolist() == [5, 5]


def test_remainders_of_equal_size_go_to_the_lower_classes() -> None:
    _, validation = make_set(list(range(10)) * 4).split(13)
    assert validation is not None
    assert validation.labels.bincount(minlength=10).tolist() == [2, 2, 2, 1, 1, 1, 1, 1, 1, 1]


def test_no_validation_leaves_all_of_train() -> None:
    whole = make_set(SHUFFLED)
    assert whole.split(0) == (whole.train, None)


@pytest.mark.parametrize("size", [-1, len(SHUFFLED), 5000])
def test_a_validation_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match=f"validation size from 0 to 414, found {size}"):
        make_set(SHUFFLED).split(size)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("minst", "did you mean 'mnist'"),
        ("MNIST", "did you mean 'mnist'"),
        ("fashion", "did you mean 'fashion-mnist'"),
        ("", "there are mnist, fashion-mnist"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=f"No data set is called '{name}'; {hint}"):
        load(name)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("images", [[[1, 2]], np.zeros((3, 28, 28), np.uint8), None])
def test_images_that_are_no_tensor_are_named_by_their_kind(images: Any) -> None:
    with pytest.raises(InvalidInput, match=r"test: expected images as a torch\.Tensor, found "):
        Split("test", images, torch.zeros(3, dtype=torch.int64))


def test_a_set_is_loaded_from_the_cache_as_writable_tensors(small: SmallSet) -> None:
    small.fill_cache()
    loaded = load("mnist")
    assert (loaded.name, loaded.source) == ("mnist", "cache")
    assert (len(loaded.train), len(loaded.test)) == (NUM_TRAIN, NUM_TEST)
    assert bytes(loaded.test.images.flatten().tolist()) == small.contents[small.files[2].name][16:]
    assert bytes(loaded.test.labels.tolist()) == small.contents[small.files[3].name][8:]
    loaded.train.images.zero_()
    assert small.is_whole()


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = digits.data.nothing


@pytest.mark.mnist
def test_mnist_is_what_was_published() -> None:
    mnist = load("mnist")
    assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
    # The class counts that the literature gives.
    assert mnist.train.labels.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert mnist.test.labels.bincount().tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    mean = mnist.train.images.double().mean() / 255
    assert round(mean.item(), 4) == 0.1307

    train, validation = mnist.split()
    assert validation is not None
    assert (len(train), len(validation)) == (55_000, 5_000)
