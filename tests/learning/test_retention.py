import numpy as np
import pytest

from digits.data import DataSet
from digits.learning import retention
from digits.learning.retention import LIMITS, GlyphRetention, LineRetention, fallen
from digits.reading.model_folder import Networks


def test_figures_may_fall_as_far_as_their_limits() -> None:
    before = dict.fromkeys(LIMITS, 0.9)
    assert not fallen(before, {name: 0.9 - limit for name, limit in LIMITS.items()})
    for name, limit in LIMITS.items():
        assert fallen(before, before | {name: 0.9 - limit - 0.0001}) == [name]


def test_all_figures_have_limits_and_are_shares(
    packaged: Networks, drawn: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "NUM_LINES", 64)
    glyphs = GlyphRetention(drawn.test, seed=0).measure(packaged.glyphs)
    lines = LineRetention(drawn.test, seed=0).measure(packaged.lines)
    assert (glyphs | lines).keys() == LIMITS.keys()
    assert all(0 <= value <= 1 for value in (glyphs | lines).values())
    assert glyphs["digits read right"] > 0.9
    assert glyphs["outliers refused"] > 0.8
    assert lines["digits of lines read right"] > 0.5


def test_what_is_measured_is_decided_by_the_seed(packaged: Networks, drawn: DataSet) -> None:
    figures = [GlyphRetention(drawn.test, seed=seed).measure(packaged.glyphs) for seed in (0, 0, 1)]
    assert figures[0] == figures[1]
    assert not np.allclose([*figures[0].values()], [*figures[2].values()])
