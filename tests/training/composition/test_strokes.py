import numpy as np
import pytest

from digits.training.composition.strokes import arc, curve, lean, line, to_ink


def test_arcs_run_clockwise_from_the_right() -> None:
    stroke = arc(1.0, 2.0, 0.5, 0.25, 0, 90)
    assert stroke[0] == pytest.approx((1.5, 2.0))
    assert stroke[-1] == pytest.approx((1.0, 2.25))
    for x, y in stroke:
        assert ((x - 1) / 0.5) ** 2 + ((y - 2) / 0.25) ** 2 == pytest.approx(1)


def test_curves_pass_through_their_points_without_a_corner() -> None:
    points = [(0.0, 0.0), (0.5, 0.3), (0.5, 0.7), (0.1, 1.0)]
    stroke = np.array(curve(*points))
    assert stroke[::6] == pytest.approx(np.array(points))
    steps = np.diff(stroke, axis=0)
    turns = np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))
    assert np.abs(turns).max() < np.radians(20)
    straight = np.array(curve((0, 0), (0.5, 0.5), (1, 1)))
    assert straight[:, 0] == pytest.approx(straight[:, 1])


def test_leaning_leaves_the_foot_where_it_is() -> None:
    assert lean([line((0, 0), (0, 1))], 0.3) == [[(0.3, 0), (0, 1)]]


def test_ink_lies_where_the_strokes_are() -> None:
    ink, left, top = to_ink([line((0.5, 0.25), (0.5, 1))], 20, 2)
    rows, columns = np.nonzero(ink > 0.9)
    assert (columns + left).mean() == pytest.approx(10, abs=0.6)
    assert (rows + top).min() == pytest.approx(5, abs=1.1)
    assert (rows + top).max() == pytest.approx(20, abs=1.1)


def test_a_pen_narrower_than_a_pixel_is_paler() -> None:
    thin, pale = (to_ink([line((0, 0), (0, 1))], 20, width)[0] for width in (1, 0.5))
    assert 0.3 < pale.max() <= 0.5 < thin.max()
