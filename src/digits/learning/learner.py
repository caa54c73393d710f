"""Learner: a network that learns from corrections, and is measured on all else."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from threading import Event
from typing import Generic, NamedTuple, TypeVar

from torch import nn

from digits.data import DataSet
from digits.learning.corrections import Correction
from digits.learning.retention import NUM_HELD_OUT, Figures, fallen
from digits.learning.weights import interpolate, load_network, with_weights
from digits.reading.network import OnnxNetwork

Opened = TypeVar("Opened", bound=OnnxNetwork)


class Move(NamedTuple):
    """How far weights are moved, and what that changes beside the corrections."""

    share: float
    """Share of the way to the fine-tuned weights; 0 where any would forget too much."""
    before: Figures
    after: Figures


class Learner(ABC, Generic[Opened]):
    """A network that learns from corrections.

    Beside them it rehearses images made of training digits, on which it is to give what it gave
    before (knowledge distillation).

    Args:
        content: The network in ONNX.
        data: MNIST. The training images that its networks had held out are held out here, too.
        seed: Seed of all that is drawn.
        stop: Tells to stop, once it is set.

    Source: Li and Hoiem 2016, Learning without forgetting, arXiv:1606.09282.
    """

    network: str
    """Name of the network, as `build_model` takes it."""
    shares: tuple[float, ...]
    """Shares of the way from the old weights to the fine-tuned ones, 0 to 1: the first is taken
    with which little enough is forgotten."""

    def __init__(self, content: bytes, data: DataSet, *, seed: int, stop: Event) -> None:
        self._content, self._seed, self._stop = content, seed, stop
        self._split, held_out = data.split(NUM_HELD_OUT)
        assert held_out is not None
        self._held_out = held_out
        self.model = load_network(content, self.network)

    @abstractmethod
    def can_learn_from(self, corrections: Sequence[Correction]) -> bool:
        """Whether any of the corrections says anything to it."""

    @abstractmethod
    def learn(self, corrections: Sequence[Correction]) -> nn.Module:
        """Fine-tune a copy of the network on corrections.

        Raises:
            Stopped: If it was told to stop.
        """

    @abstractmethod
    def open(self, content: bytes) -> Opened:
        """Open a network in ONNX."""

    @abstractmethod
    def measure(self, network: Opened) -> Figures:
        """Measure what a network does on what no correction speaks of."""

    def moved(self, tuned: nn.Module, share: float) -> Opened:
        """Open the network, moved a share of the way to a fine-tuned one."""
        if not share:
            return self.open(self._content)
        return self.open(with_weights(self._content, interpolate(self.model, tuned, share)))

    def choose_move(self, tuned: nn.Module) -> Move:
        """Choose how far to move towards a fine-tuned network: as far as may be."""
        if tuned is self.model:
            return Move(0, self.before, self.before)
        for share in self.shares:
            after = self.measure(self.moved(tuned, share))
            if not fallen(self.before, after):
                return Move(share, self.before, after)
        return Move(0, self.before, self.before)

    @cached_property
    def before(self) -> Figures:
        """Figures of the network before it learns."""
        return self.measure(self.open(self._content))
