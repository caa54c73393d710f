import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import torch

from digits.data import DataSet
from digits.errors import InvalidInput
from digits.learning import glyphs, learn, learner, lines, loop, retention
from digits.learning.fine_tuning import Stopped, fine_tune
from digits.learning.glyphs import divergence
from digits.learning.weights import load_network
from digits.reader import Reader
from digits.reading.model_folder import Networks
from tests.learning.conftest import write_number

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, drawn: DataSet) -> None:
    """Learning in short steps, beside drawn digits, of which more may be forgotten."""
    monkeypatch.setattr(loop, "load", lambda name: drawn)
    monkeypatch.setattr(learner, "NUM_HELD_OUT", 100)
    for kind in (glyphs.GlyphLearner, lines.LineLearner):
        monkeypatch.setattr(kind, "shares", (1.0,))
    monkeypatch.setattr(retention, "NUM_LINES", 64)
    monkeypatch.setattr(retention, "LIMITS", dict.fromkeys(retention.LIMITS, 0.5))
    monkeypatch.setattr(loop, "TEST_LIMIT", 0.5)
    monkeypatch.setattr(loop, "FEWEST", 4)
    of_glyphs = replace(glyphs.AMOUNTS, num_steps=60, num_rehearsed=16)
    monkeypatch.setattr(glyphs, "AMOUNTS", of_glyphs)
    of_lines = replace(lines.AMOUNTS, num_steps=12, num_corrected=8, num_rehearsed=4)
    monkeypatch.setattr(lines, "AMOUNTS", replace(of_lines, num_composed=16, num_digits=200))


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    """Numbers that stand on their heads, and one that does not."""
    folder = tmp_path / "corrections"
    for number in ("7", "4", "47"):
        write_number(folder / number / "flipped.png", number, mirrored=True)
    write_number(folder / "3" / "upright.png", "3")
    (folder / "3" / "damaged.png").write_bytes(b"no picture")
    return folder


def num_right(reader: Reader, folder: Path) -> int:
    files = [file for file in folder.glob("*/*.png") if file.stem != "damaged"]
    return sum(reader.read(file).text == file.parent.name for file in files)


def test_corrections_are_learned_and_the_same_seed_gives_the_same_bits(
    corrections: Path, tmp_path: Path, call: Call
) -> None:
    learned = learn(corrections, out=tmp_path / "new")
    facts = json.loads((tmp_path / "new" / "model.json").read_text())
    counts = facts["corrections"]
    assert counts["pictures"] == 4
    assert counts["right_before"] == num_right(Reader(), corrections)
    assert counts["right_after"] == num_right(Reader(tmp_path / "new"), corrections)
    assert counts["right_after"] > counts["right_before"]
    assert len(facts["still_wrong"]) == 4 - counts["right_after"]
    assert facts["held_out"]["pictures"] == 1
    assert [Path(each["name"]).name for each in facts["left_out"]] == ["damaged.png"]
    assert facts["retention"].keys() == retention.LIMITS.keys()
    assert learned.model == tmp_path / "new"
    assert learned.facts == facts
    assert learned.summary.startswith(f"{counts['right_after']} of 4 (before: ")

    status, output, _ = call("learn", str(corrections), "--out", str(tmp_path / "same"), "--json")
    found = json.loads(output)
    assert (status, found["model"]) == (0, str(tmp_path / "same"))
    assert found["summary"] == learned.summary
    for name in ("glyphs.onnx", "lines.onnx", "model.json"):
        assert (tmp_path / "same" / name).read_bytes() == (tmp_path / "new" / name).read_bytes()


def test_what_is_forgotten_too_much_is_not_learned(
    corrections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setattr(retention, "LIMITS", dict.fromkeys(retention.LIMITS, -1.0))
    for kind in (glyphs, lines):
        monkeypatch.setattr(kind, "AMOUNTS", replace(kind.AMOUNTS, num_steps=2))
    shutil.rmtree(corrections / "47")
    shutil.rmtree(corrections / "3")
    status, output, errors = call("learn", str(corrections), "--out", str(tmp_path / "new"))
    assert (status, output) == (1, "")
    assert errors.startswith("digits: Nothing was written, as no better model came of it: ")
    assert errors.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_where_all_is_read_right_there_is_nothing_to_learn(tmp_path: Path, call: Call) -> None:
    write_number(tmp_path / "corrections" / "3" / "a.png", "3")
    status, _, errors = call("learn", str(tmp_path / "corrections"))
    assert (status, errors.count("\n")) == (1, 1)
    assert "(1 in all) is read right already; bring" in errors


@pytest.mark.parametrize("option", ["--out", "--model"])
def test_folders_that_will_not_do_are_refused(
    corrections: Path, tmp_path: Path, call: Call, option: str
) -> None:
    status, _, errors = call("learn", str(corrections), option, str(tmp_path))
    assert (status, errors.count("\n")) == (2, 1)
    assert ("exists already" if option == "--out" else "expected a model folder") in errors


def test_a_folder_without_pictures_is_wrong_usage(tmp_path: Path, call: Call) -> None:
    status, _, errors = call("learn", str(tmp_path))
    assert (status, errors.count("\n")) == (2, 1)
    with pytest.raises(InvalidInput):
        learn(tmp_path)


def test_a_network_that_learned_nothing_stays_as_it_is(packaged: Networks, drawn: DataSet) -> None:
    content = packaged.glyphs.content
    learner_of_glyphs = glyphs.GlyphLearner(content, drawn, seed=0, stop=Event())
    assert not learner_of_glyphs.can_learn_from([])
    assert learner_of_glyphs.choose_move(learner_of_glyphs.model).share == 0
    assert learner_of_glyphs.moved(learner_of_glyphs.model, 0).content == content


def test_fine_tuning_stops_when_told(packaged: Networks) -> None:
    model = load_network(packaged.glyphs.content, "glyph-classifier")
    stop = Event()
    steps: list[int] = []

    def loss(tuned: torch.nn.Module, step: int) -> torch.Tensor:
        steps.append(step)
        if step == 2:
            stop.set()
        logits: torch.Tensor = tuned(torch.zeros(1, 1, 28, 28))
        return logits.sum()

    with pytest.raises(Stopped):
        fine_tune(model, loss, glyphs.OPTIMIZATION, num_steps=10, stop=stop)
    assert steps == [0, 1, 2]


def test_divergence_is_that_of_the_probabilities() -> None:
    before, after = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 3.0]]).log_softmax(dim=1)
    expected = (0.5 * (0.5 / after.exp()).log()).sum()
    torch.testing.assert_close(divergence(before, after), expected[None])
    assert divergence(after, after + 1).item() == pytest.approx(0, abs=1e-6)
