from math import log

import numpy as np
import pytest
import torch

from digits.learning.likelihood import digits_alone, likelihoods_of, split_number
from digits.learning.lines import number_losses
from digits.reading.line_network import Columns
from digits.reading.symbols import NUM_CLASSES, SYMBOLS


def columns_of(text: str) -> Columns:
    """Columns that say a text: two for each symbol, a space for a blank, mostly sure of it."""
    probabilities = np.full((NUM_CLASSES, 2 * len(text)), 0.1 / (NUM_CLASSES - 1), np.float32)
    for place, symbol in enumerate(text):
        at = 0 if symbol == " " else SYMBOLS.index(symbol) + 1
        probabilities[at, 2 * place : 2 * place + 2] = 0.9
    return Columns(np.log(probabilities), np.zeros((4, 2 * len(text)), np.float32))


def test_separators_and_signs_between_digits_do_not_matter() -> None:
    view = columns_of(" 1.9-9?5 ")
    likely = likelihoods_of([view], ["1995", "195", "19995", "1985"])
    assert max(likely, key=likely.__getitem__) == "1995"
    assert likely["1995"] > log(0.1)


def test_all_that_is_no_digit_counts_as_blank() -> None:
    merged = np.exp(digits_alone(columns_of("7,").log_probabilities))
    np.testing.assert_allclose(merged.sum(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(merged[0, 2:], 1 - 10 * 0.1 / 15, rtol=1e-5)


def test_training_and_reading_agree_about_a_number_s_probability() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, NUM_CLASSES, 20, generator=generator)
    losses = number_losses(logits, ["1995", "07"])
    views = [
        Columns(scores.log_softmax(dim=0).numpy(), np.zeros((4, 20), np.float32))
        for scores in logits
    ]
    for view, number, loss in zip(views, ["1995", "07"], losses.tolist(), strict=True):
        assert likelihoods_of([view], [number])[number] == pytest.approx(-loss, abs=1e-3)


def test_views_are_averaged_by_their_probability() -> None:
    one, other = columns_of("7"), columns_of("1")
    single = [np.exp(likelihoods_of([view], ["7"])["7"]) for view in (one, other)]
    both = np.exp(likelihoods_of([one, other], ["7"])["7"])
    assert both == pytest.approx(np.mean(single), rel=1e-4)


def test_a_number_is_split_over_its_words_in_the_likeliest_way() -> None:
    words = [[columns_of("19")], [columns_of(" - ")], [columns_of("95"), columns_of("85")]]
    likelihood, digits = split_number("1995", words)
    assert digits == ["19", "", "95"]
    assert likelihood > -10
