"""Learning of glyphs: corrected digits among rehearsed ones, on which it is to stay as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from digits.data import DataSet
from digits.hardware import derive_seed
from digits.learning.corrections import Correction
from digits.learning.fine_tuning import fine_tune
from digits.learning.learner import Learner
from digits.learning.orders import in_rounds
from digits.learning.retention import Figures, GlyphRetention
from digits.reading.network import Network
from digits.recipe import Augmentation, Recipe, load_recipe
from digits.training.augmentation import augment
from digits.training.seeds import CORRECT, ORDER, REHEARSE
from digits.training.targets import cross_entropy, smooth_labels


@dataclass(frozen=True)
class GlyphAmounts:
    """Amounts of learning glyphs.

    Source: docs/experiments.md, "Learning from corrections".
    """

    num_steps: int = 150
    """Number of steps, 50 to 500."""
    num_corrected: int = 64
    """Corrected digits in a batch, 16 to 256; each correction comes again and again."""
    num_rehearsed: int = 192
    """Rehearsed digits in a batch, 64 to 1,000."""
    pull: float = 30.0
    """Weight of the rehearsed digits' loss, beside the corrected ones'; 1 to 100."""
    label_smoothing: float = 0.1
    """Part of a corrected digit's probability that is spread over all digits, as in the recipe."""
    shares: tuple[float, ...] = (0.5, 0.35, 0.25)
    """Shares of the way to the fine-tuned weights that are tried, 0 to 1."""


AMOUNTS = GlyphAmounts()

OPTIMIZATION = Recipe(
    name="learn-glyphs",
    network="glyph-classifier",
    epochs=1,
    optimizer="adam",
    learning_rate=1e-3,
    momentum=0.7,
    beta2=0.9,
    schedule="one_cycle",
)
"""How weights move: as the recipe `reader` does, at a twentieth of its rate."""

CHANGES = Augmentation(
    rotation_degrees=10,
    shift_pixels=1,
    scale=0.1,
    shear_degrees=10,
    stretch=0.15,
    elastic_pixels=1,
    framing="anew",
    stroke_variation=0.5,
    degradation=0.3,
    unchanged=0.2,
)
"""Changes of corrected digits: as the same hand might write them again, in no other style."""


class GlyphLearner(Learner[Network]):
    """A network of glyphs that learns from corrections of one digit; see `Learner`.

    It rehearses training digits, changed as the recipe `reader` says; some become outliers.
    """

    network, shares = OPTIMIZATION.network, AMOUNTS.shares

    def __init__(self, content: bytes, data: DataSet, *, seed: int, stop: Event) -> None:
        super().__init__(content, data, seed=seed, stop=stop)
        self._retention = GlyphRetention(self._held_out, seed=seed)

    def can_learn_from(self, corrections: Sequence[Correction]) -> bool:
        """Whether any correction shows a single digit."""
        return any(len(each.glyphs) for each in corrections)

    def open(self, content: bytes) -> Network:
        """Open a network of glyphs, to be computed by one thread."""
        return Network(content, num_threads=1)

    def measure(self, network: Network) -> Figures:
        """Measure what a network does on what no correction speaks of."""
        return self._retention.measure(network)

    def learn(self, corrections: Sequence[Correction]) -> nn.Module:
        """Fine-tune a copy of the network on corrections; see `Learner.learn`."""
        single = [each for each in corrections if len(each.glyphs)]
        labels = torch.tensor([int(each.number) for each in single])
        num = AMOUNTS.num_steps * AMOUNTS.num_corrected
        order = in_rounds(len(single), num, seed=derive_seed(self._seed, ORDER))

        def loss(tuned: nn.Module, step: int) -> Tensor:
            chosen = order[step * AMOUNTS.num_corrected :][: AMOUNTS.num_corrected]
            digits, targets = self._correct(single, labels, chosen, step)
            kept = self._rehearse(step)
            with torch.no_grad():
                before = self.model(kept)
            logits = tuned(torch.cat([digits, kept]))
            of_digits, after = logits[: len(digits)], logits[len(digits) :]
            learned = cross_entropy(of_digits, smooth_labels(targets, AMOUNTS.label_smoothing))
            return learned.mean() + AMOUNTS.pull * divergence(before, after).mean()

        return fine_tune(
            self.model, loss, OPTIMIZATION, num_steps=AMOUNTS.num_steps, stop=self._stop
        )

    def _correct(
        self,
        single: list[Correction],
        labels: Int[Tensor, " m"],
        chosen: Int[Tensor, " n"],
        step: int,
    ) -> tuple[Float[Tensor, "n 1 28 28"], Float[Tensor, "n 10"]]:
        """Take corrected digits, each framed in one of its ways and changed a little."""
        seed = derive_seed(self._seed, CORRECT, step)
        random, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        glyphs = np.stack([random.choice(single[index].glyphs) for index in chosen.tolist()])
        images = torch.from_numpy(glyphs)[:, None]
        changed, targets = augment(images, labels[chosen], CHANGES, generator)
        return changed.float(), targets

    def _rehearse(self, step: int) -> Float[Tensor, "n 1 28 28"]:
        """Take training digits, changed as in training; some become outliers."""
        generator = torch.Generator().manual_seed(derive_seed(self._seed, REHEARSE, step))
        chosen = torch.randint(len(self._split), (AMOUNTS.num_rehearsed,), generator=generator)
        images, labels = self._split.images[chosen, None], self._split.labels[chosen]
        changed, _ = augment(images, labels, load_recipe("reader").augmentation, generator)
        return changed.float()


def divergence(
    before: Float[Tensor, "n classes *places"], after: Float[Tensor, "n classes *places"]
) -> Float[Tensor, "n *places"]:  # noqa: F821 - a shape
    """Compute the Kullback-Leibler divergence of a network's probabilities from those before.

    Args:
        before: Logits of the classes before.
        after: Logits of the classes after.

    Returns:
        The divergence in nats, 0 where nothing changed.
    """
    return F.kl_div(
        after.log_softmax(dim=1), before.log_softmax(dim=1), reduction="none", log_target=True
    ).sum(dim=1)
