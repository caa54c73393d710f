"""Learning of lines: corrected words among rehearsed lines, on which it is to stay as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from digits.data import DataSet
from digits.hardware import derive_seed
from digits.learning.corrections import Correction, LabelledWord
from digits.learning.fine_tuning import fine_tune
from digits.learning.glyphs import divergence
from digits.learning.learner import Learner
from digits.learning.likelihood import NUM_DIGIT_CLASSES
from digits.learning.orders import in_rounds
from digits.learning.retention import Figures, LineRetention
from digits.reading.ctc import BLANK
from digits.reading.line_network import LineNetwork
from digits.reading.symbols import LINE_HEIGHT, NUM_CLASSES
from digits.recipe import Recipe
from digits.training.composition import Writers, compose_batches
from digits.training.line_targets import BOX_BETA
from digits.training.seeds import COMPOSE, CORRECT, ORDER, STYLES


@dataclass(frozen=True)
class LineAmounts:
    """Amounts of learning lines.

    Source: docs/experiments.md, "Learning from corrections".
    """

    num_steps: int = 60
    """Number of steps, 20 to 500."""
    num_corrected: int = 16
    """Corrected words in a batch, 4 to 64; each comes again and again, in other views."""
    num_rehearsed: int = 32
    """Rehearsed lines in a batch, 8 to 128."""
    num_composed: int = 1024
    """Number of lines that are composed to rehearse, 256 to 10,000; a multiple of the last one."""
    num_digits: int = 10_000
    """Number of training digits of which they are composed, 1,000 to 55,000."""
    pull: float = 30.0
    """Weight of the rehearsed lines' loss, beside the corrected ones', a column; 1 to 100."""
    box_pull: float = 2.0
    """Weight of the loss of the boxes' edges, a unit of distance, 0.5 to 10."""
    shares: tuple[float, ...] = (0.5, 0.35, 0.25)
    """Shares of the way to the fine-tuned weights that are tried, 0 to 1."""


AMOUNTS = LineAmounts()

OPTIMIZATION = Recipe(
    name="learn-lines",
    network="line-recognizer",
    epochs=1,
    optimizer="adam",
    learning_rate=3e-4,
    beta2=0.99,
    clip_gradients=5,
    schedule="one_cycle",
)
"""How weights move: as the recipe `lines` does, at an eighth of its rate."""

LEAST_WIDTH = 48
"""Least width of a batch's images, in pixels: no narrower ones are read."""


class LineLearner(Learner[LineNetwork]):
    """A network of lines that learns from corrections; see `Learner`.

    It rehearses lines that are composed of training digits.
    """

    network, shares = OPTIMIZATION.network, AMOUNTS.shares

    def __init__(self, content: bytes, data: DataSet, *, seed: int, stop: Event) -> None:
        super().__init__(content, data, seed=seed, stop=stop)
        self._retention = LineRetention(self._held_out, seed=seed)
        some = slice(AMOUNTS.num_digits)
        images, labels = self._split.images[some], self._split.labels[some]
        writers = Writers(images, labels, seed=derive_seed(seed, STYLES))
        sizes = [AMOUNTS.num_rehearsed] * (AMOUNTS.num_composed // AMOUNTS.num_rehearsed)
        batches = compose_batches(writers, sizes, (derive_seed(seed, COMPOSE),))
        lines = [torch.from_numpy(batch.images)[:, None] for batch in batches]
        with torch.no_grad():
            self._rehearsed = [(line, self.model(line)) for line in lines]

    def can_learn_from(self, corrections: Sequence[Correction]) -> bool:
        """Whether any correction has words."""
        return any(each.words for each in corrections)

    def open(self, content: bytes) -> LineNetwork:
        """Open a network of lines, to be computed by one thread."""
        return LineNetwork(content, num_threads=1)

    def measure(self, network: LineNetwork) -> Figures:
        """Measure what a network does on what no correction speaks of."""
        return self._retention.measure(network)

    def learn(self, corrections: Sequence[Correction]) -> nn.Module:
        """Fine-tune a copy of the network on corrections; see `Learner.learn`."""
        words = [word for each in corrections for word in each.words]
        num = AMOUNTS.num_steps * AMOUNTS.num_corrected
        seed = derive_seed(self._seed, ORDER)
        order = in_rounds(len(words), num, seed=seed).tolist()
        batches = in_rounds(len(self._rehearsed), AMOUNTS.num_steps, seed=seed).tolist()

        def loss(tuned: nn.Module, step: int) -> Tensor:
            places = order[step * AMOUNTS.num_corrected :][: AMOUNTS.num_corrected]
            chosen = [words[place] for place in places]
            random = np.random.default_rng(derive_seed(self._seed, CORRECT, step))
            scores = tuned(_stack(chosen, random))[:, :NUM_CLASSES]
            learned = number_losses(scores, [word.digits for word in chosen])
            lines, before = self._rehearsed[batches[step]]
            return learned.mean() + _changes(before, tuned(lines))

        return fine_tune(
            self.model, loss, OPTIMIZATION, num_steps=AMOUNTS.num_steps, stop=self._stop
        )


def _changes(
    before: Float[Tensor, "n channels columns"], after: Float[Tensor, "n channels columns"]
) -> Float[Tensor, ""]:
    """Compute the loss of changes in what is given for rehearsed lines."""
    classes = divergence(before[:, :NUM_CLASSES], after[:, :NUM_CLASSES]).mean()
    edges = F.smooth_l1_loss(after[:, NUM_CLASSES:], before[:, NUM_CLASSES:], beta=BOX_BETA)
    return AMOUNTS.pull * classes + AMOUNTS.box_pull * edges


def _stack(words: list[LabelledWord], random: np.random.Generator) -> UInt8[Tensor, "n 1 40 w"]:
    """Take one view of each word at random, with paper behind the narrower ones."""
    images = [word.images[random.integers(len(word.images))] for word in words]
    width = max(LEAST_WIDTH, *(image.shape[1] for image in images))
    stacked = np.zeros((len(images), 1, LINE_HEIGHT, width), np.uint8)
    for place, image in zip(stacked, images, strict=True):
        place[0, :, : image.shape[1]] = image
    return torch.from_numpy(stacked)


def number_losses(
    logits: Float[Tensor, "n classes columns"], numbers: list[str]
) -> Float[Tensor, " n"]:
    """Compute how unlikely each word's digits are, in nats, whatever else stands between them.

    A label says nothing about separators and signs: all that is no digit counts as blank.

    Source: Graves et al. 2006, Connectionist temporal classification.
    """
    logs = logits.log_softmax(dim=1)
    others = torch.cat([logs[:, :1], logs[:, NUM_DIGIT_CLASSES:]], dim=1)
    blank = others.logsumexp(dim=1, keepdim=True)
    merged = torch.cat([blank, logs[:, 1:NUM_DIGIT_CLASSES]], dim=1)
    return F.ctc_loss(
        merged.permute(2, 0, 1),
        torch.tensor([int(digit) + 1 for number in numbers for digit in number], dtype=torch.long),
        torch.full((len(logits),), logits.shape[2]),
        torch.tensor([len(number) for number in numbers]),
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )
