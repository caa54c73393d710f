"""Single digits: where the network of glyphs is not sure, that of lines has its say."""

from collections.abc import Sequence

import numpy as np
import pytest

from digits.reading.confidence import CONFIDENCE, judge
from digits.reading.ensemble import ENSEMBLE
from digits.reading.line_network import Columns, LineNetwork
from digits.reading.model_folder import Networks
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.reading.results import Digit
from digits.reading.symbols import COLUMN_STEP, NUM_CLASSES
from tests.reading.drawings import draw

SEVEN = draw("7")


class Sayings(Network):
    """A network of glyphs that says the same of each."""

    def __init__(self, probabilities: Sequence[float]) -> None:
        super().__init__(num_threads=1)
        self.said = np.array(probabilities, np.float32)

    def probabilities(self, glyphs: np.ndarray) -> np.ndarray:
        return np.tile(self.said, (len(glyphs), 1))


class LineSayings(LineNetwork):
    """A network of lines that says in one column what a line is: a digit, or something else."""

    def __init__(self, probabilities: Sequence[float]) -> None:
        super().__init__(num_threads=1)
        of_classes = np.zeros(NUM_CLASSES, np.float32)
        of_classes[1:11] = probabilities
        of_classes[-1] = 1 - sum(probabilities)
        self.said, self.asked = np.log(of_classes.clip(1e-9)), 0

    def columns(self, images: Sequence[np.ndarray]) -> list[Columns]:
        self.asked += len(images)
        nothing = np.log(np.full((NUM_CLASSES, 20), 1e-9, np.float32))
        nothing[0] = 0  # a blank
        nothing[:, 7] = self.said
        return [Columns(nothing, np.zeros((4, 20), np.float32)) for _ in images]


def expect(digit: Digit, said: Sequence[float]) -> None:
    """Expect the digit that is made of these probabilities."""
    judged = judge(np.array(said), digit.glyph, digit.box, threshold=CONFIDENCE.threshold)
    assert digit.probabilities == pytest.approx(judged.probabilities, abs=1e-4)
    assert (digit.label, digit.reason) == (judged.label, judged.reason)


def of_ten(**probabilities: float) -> list[float]:
    """Probabilities of the ten digits: such as `_7=0.6`, and none of the others."""
    return [probabilities.get(f"_{digit}", 0.0) for digit in range(10)]


def test_an_unsure_digit_has_the_geometric_mean_of_what_both_networks_say() -> None:
    glyphs, lines = Sayings(of_ten(_1=0.4, _7=0.6)), LineSayings(of_ten(_1=0.45, _7=0.05))
    (digit,) = Reader(Networks(glyphs, lines)).read_glyphs([SEVEN])
    # As a line of one digit, which it is with half of the probability, it is a 1 with nine tenths.
    assert digit.label == 1
    expect(digit, of_ten(_1=np.sqrt(0.4 * 0.9), _7=np.sqrt(0.6 * 0.1)))


def test_two_that_agree_are_as_sure_as_each_of_them() -> None:
    glyphs, lines = Sayings(of_ten(_1=0.1, _7=0.9)), LineSayings(of_ten(_1=0.1, _7=0.9))
    (digit,) = Reader(Networks(glyphs, lines)).read_glyphs([SEVEN])
    expect(digit, of_ten(_1=0.1, _7=0.9))


def test_of_what_the_network_of_glyphs_is_sure_no_other_is_asked() -> None:
    sure = ENSEMBLE.sure_alone
    lines = LineSayings(of_ten(_1=1.0))
    glyphs = Sayings(of_ten(_1=1 - sure, _7=sure))
    (digit,) = Reader(Networks(glyphs, lines)).read_glyphs([SEVEN])
    assert lines.asked == 0
    expect(digit, of_ten(_1=1 - sure, _7=sure))


@pytest.mark.parametrize(("confidence", "num_asked"), [(0.985, 1), (0.995, 0)])
def test_another_is_asked_below_99_percent(confidence: float, num_asked: int) -> None:
    lines = LineSayings(of_ten(_7=1.0))
    glyphs = Sayings(of_ten(_1=1 - confidence, _7=confidence))
    Reader(Networks(glyphs, lines)).read_glyphs([SEVEN])
    assert lines.asked == num_asked


def test_a_network_of_one_s_own_is_heard_as_it_is() -> None:
    unsure = of_ten(_1=0.4, _7=0.6)
    (digit,) = Reader(Sayings(unsure)).read_glyphs([SEVEN])
    expect(digit, unsure)


def test_none_is_asked_about_no_picture() -> None:
    lines = LineSayings(of_ten(_1=1.0))
    assert Reader(Networks(Sayings(of_ten(_1=1.0)), lines)).read_glyphs([]) == []
    assert lines.asked == 0


class Two(LineNetwork):
    """A network of lines to which each is a one, which is not sure, and a seven, at two places."""

    def __init__(self, *places: float) -> None:
        super().__init__(num_threads=1)
        self.places = places

    def columns(self, images: Sequence[np.ndarray]) -> list[Columns]:
        return [self._columns(image.shape[1] // COLUMN_STEP) for image in images]

    def _columns(self, num: int) -> Columns:
        said = np.full((NUM_CLASSES, num), 1e-9, np.float32)
        said[0] = 1  # a blank
        for place, digit, probability in zip(self.places, (1, 7), (0.6, 0.99), strict=True):
            column = int(place * num)
            said[:, column] = 1e-9
            said[1 + digit, column], said[-1, column] = probability, 1 - probability
        half = np.array([0.3, 0.3, -0.5, 0.5], np.float32)
        return Columns(np.log(said), np.tile(half[:, None], (1, num)))


def test_a_stroke_of_a_digit_that_is_taken_for_another_is_part_of_it() -> None:
    seven = of_ten(_7=0.995)
    reading = Reader(Networks(Sayings(seven), Two(0.4, 0.6))).read(draw("7"))
    assert (reading.text, len(reading.digits), reading.left_out) == ("7", 1, ())


def test_a_digit_beside_another_is_not_taken_for_all_there_is() -> None:
    seven = of_ten(_7=0.995)
    reading = Reader(Networks(Sayings(seven), Two(0.25, 0.75))).read(draw("17", spacing=1.6))
    assert [digit.label for digit in reading.digits] == [1, 7]
    assert "?" in reading.text
