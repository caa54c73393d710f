import numpy as np
import pytest
import torch
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.lines import Lines, compute_line_metrics, edit_distance, predict_lines
from digits.reading.symbols import NUM_OUTPUTS


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("", "", 0),
        ("123", "123", 0),
        ("123", "", 3),
        ("", "12", 2),
        ("1234", "1334", 1),
        ("234", "1234", 1),
        ("12345", "2346", 2),
        ("kitten", "sitting", 3),
    ],
)
def test_edit_distance_counts_replacements_insertions_and_removals(
    one: str, other: str, distance: int
) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == distance


def test_a_line_is_right_if_all_of_it_is_and_digits_are_counted_without_the_rest() -> None:
    written = ["1.50,-", "12/07", "?8", "777"]
    read = ["1,50", "12/07", "8?", "77"]
    metrics = compute_line_metrics(read, written)
    assert (metrics.num_images, metrics.num_errors, metrics.accuracy) == (4, 3, 0.25)
    assert metrics.interval == wilson_interval(1, 4)
    assert (metrics.num_digits, metrics.digit_error_rate) == (11, 1 / 11)
    found = metrics.to_dict()
    assert (found["images"], found["errors"], found["accuracy"]) == (4, 3, 0.25)


def test_lines_without_digits_or_in_other_numbers_are_refused() -> None:
    for read, written in (([], []), (["1"], ["1", "2"]), (["?"], ["?"])):
        with pytest.raises(InvalidInput, match="Expected as many lines"):
            compute_line_metrics(read, written)


class Columns(nn.Module):
    """Reads a digit where the first row has its number, and a blank elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        numbers = images[:, 0, 0, ::2].long()
        return nn.functional.one_hot(numbers, NUM_OUTPUTS).transpose(1, 2) + self.weight


def test_lines_of_several_widths_are_read_in_their_order() -> None:
    narrow, wide = np.zeros((2, 40, 8), np.uint8), np.zeros((1, 40, 12), np.uint8)
    narrow[0, 0, 2:4], narrow[1, 0, 6:8], wide[0, 0, 2:8] = 8, 1, 10
    lines = Lines([narrow, wide], ["7", "0", "9"])
    assert predict_lines(Columns(), lines, device="cpu") == ["7", "0", "9"]
