from pathlib import Path

import numpy as np
import pytest

from digits.errors import InvalidInput
from digits.learning.corrections import read_corrections
from digits.learning.orders import in_rounds
from digits.reading.model_folder import Networks
from tests.learning.conftest import write_number


@pytest.mark.parametrize("label", ["seven", "1+5", "²"])
def test_labels_that_are_no_numbers_are_refused(
    tmp_path: Path, packaged: Networks, label: str
) -> None:
    write_number(tmp_path / label / "a.png", "7")
    with pytest.raises(InvalidInput, match="Expected digits as a label"):
        read_corrections(tmp_path, packaged, seed=0)


def test_each_network_gets_what_it_sees_of_a_picture(tmp_path: Path, packaged: Networks) -> None:
    write_number(tmp_path / "7" / "a.png", "7")
    write_number(tmp_path / "1995" / "a.png", "1995")
    (seven, year), left_out = read_corrections(tmp_path, packaged, seed=0)
    assert not left_out
    assert packaged.glyphs.probabilities(seven.glyphs).argmax(axis=1).tolist() == [7]
    assert [word.digits for word in seven.words] == ["7"]
    assert len(year.glyphs) == 0
    assert "".join(word.digits for word in year.words) == "1995"
    assert all(image.shape[0] == 40 for word in year.words for image in word.images)
    assert len({image.shape[1] for image in year.words[0].images}) > 1  # views of several widths


def test_of_copies_the_last_one_counts(tmp_path: Path, packaged: Networks) -> None:
    """A correction that was corrected."""
    write_number(tmp_path / "7" / "1-first.png", "1")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "2-second.png").write_bytes((tmp_path / "7" / "1-first.png").read_bytes())
    corrections, left_out = read_corrections(tmp_path, packaged, seed=0)
    assert [each.number for each in corrections] == ["1"]
    assert [(one.name, one.reason) for one in left_out] == [
        ("7/1-first.png", "It is a copy of 1/2-second.png.")
    ]


def test_the_same_seed_gives_the_same_views(tmp_path: Path, packaged: Networks) -> None:
    write_number(tmp_path / "42" / "a.png", "42")
    for seed, are_alike in ((0, True), (1, False)):
        views = [
            np.concatenate(
                read_corrections(tmp_path, packaged, seed=each)[0][0].words[0].images, axis=1
            )
            for each in (0, seed)
        ]
        assert np.array_equal(views[0], views[1]) == are_alike


def test_damaged_and_blank_pictures_are_left_out(tmp_path: Path, packaged: Networks) -> None:
    write_number(tmp_path / "7" / "good.png", "7")
    (tmp_path / "7" / "damaged.png").write_bytes(b"no picture")
    write_number(tmp_path / "7" / "blank.png", "")
    corrections, left_out = read_corrections(tmp_path, packaged, seed=0)
    assert [Path(each.name).name for each in corrections] == ["good.png"]
    assert [Path(each.name).name for each in left_out] == ["blank.png", "damaged.png"]
    assert left_out[0].reason == "there is no ink to learn from"
    (tmp_path / "7" / "good.png").unlink()
    with pytest.raises(InvalidInput, match="found 2, none of which can be used"):
        read_corrections(tmp_path, packaged, seed=0)


def test_orders_have_each_number_once_in_a_round() -> None:
    order = in_rounds(5, 12, seed=0).tolist()
    assert len(order) == 12
    assert sorted(order[:5]) == sorted(order[5:10]) == list(range(5))
    assert order[:5] != order[5:10]
    assert order == in_rounds(5, 12, seed=0).tolist()
