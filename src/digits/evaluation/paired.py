"""Two networks on the same images: which of them errs where, and whether that is chance."""

from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor


@dataclass(frozen=True)
class PairedErrors:
    """Errors of two networks on the same images."""

    only_first: int
    """Number of images that only the first network reads wrong."""
    only_second: int
    """Number of images that only the second network reads wrong."""
    both: int
    """Number of images that both read wrong, not necessarily alike."""

    @property
    def p_value(self) -> float:
        """Probability of a difference at least as large if each image were as likely for either.

        McNemar's exact test, two-sided, of the images that one alone reads wrong.

        Source: McNemar 1947, Note on the sampling error of the difference between correlated
        proportions or percentages.

        >>> f"{PairedErrors(8, 1, 20).p_value:.4f}"
        '0.0391'
        """
        total = self.only_first + self.only_second
        fewer = min(self.only_first, self.only_second)
        ways = choices = 1
        for count in range(
            fewer
        ):  # each binomial coefficient from the one before: quick, too, for thousands
            choices = choices * (total - count) // (count + 1)
            ways += choices
        return min(1.0, float(2 * ways / 2**total))


def pair_errors(first: Bool[Tensor, " n"], second: Bool[Tensor, " n"]) -> PairedErrors:
    """Count the errors of two networks on the same images.

    Args:
        first: Whether the first network reads an image wrong. (n,)
        second: Whether the second does. (n,)
    """
    return PairedErrors(
        only_first=int((first & ~second).sum()),
        only_second=int((second & ~first).sum()),
        both=int((first & second).sum()),
    )
