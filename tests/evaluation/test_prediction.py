"""Prediction: the same bits however many threads there are, whatever the network keeps."""

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from digits.evaluation.prediction import BATCH_SIZE, predict
from digits.hardware import limited_threads
from digits.models import build_model

IMAGES = torch.randint(
    0, 256, (8 * BATCH_SIZE + 7, 28, 28), generator=torch.Generator().manual_seed(0)
).byte()


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


class Keeping(nn.Module):
    """A network that keeps what it computes on its way, and waits until another might change it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(784, 10)
        self.features = torch.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        self.features = self.layer(x.float().flatten(1) / 255)
        for _ in range(20):  # a product gives the other thread its turn
            self.layer(x.float().flatten(1))
        return self.features


class Held(Keeping):
    """A network that holds what can't be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize("kind", [Keeping, Held])
def test_no_two_threads_share_a_network(kind: type[Keeping]) -> None:
    model = kind()
    found = predict(model, IMAGES, device="cpu", precision="float32")
    with torch.inference_mode():
        expected = model.layer(IMAGES.flatten(1) / 255)
    torch.testing.assert_close(found, expected)


def test_the_number_of_threads_changes_no_bit() -> None:
    model = build_model("compact", mean=0.1, std=0.3)
    both = predict(model, IMAGES, device="cpu")
    torch.set_num_threads(1)
    assert torch.equal(predict(model, IMAGES, device="cpu"), both)


def test_a_failing_network_raises_and_leaves_the_threads_as_they_were() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 10))
    with pytest.raises(RuntimeError):
        predict(model, IMAGES, device="cpu")
    assert torch.get_num_threads() == 2


def test_limits_of_several_threads_at_once_leave_none_behind() -> None:
    inside, leave = threading.Event(), threading.Event()

    def limit() -> None:
        with limited_threads(1):
            inside.set()
            leave.wait()

    other = threading.Thread(target=limit)
    other.start()
    inside.wait()
    seen: list[int] = []
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    with limited_threads(1):  # begun after the other, and ended after it
        leave.set()
        other.join()
    later.start()
    later.join()
    assert (torch.get_num_threads(), seen) == (2, [2])
