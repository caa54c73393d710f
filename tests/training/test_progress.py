import pytest

from digits.history import EpochRecord
from digits.training.progress import TrainingProgress


def tell(progress: TrainingProgress) -> None:
    """A run of one epoch in four steps."""
    progress.start("a network", num_epochs=1, num_steps=4, num_steps_done=0)
    for step in range(1, 5):
        progress.step(epoch=1, num_steps_done=step, loss=0.5, images_per_second=12345 / step)
    progress.epoch(EpochRecord(1, 2000, 0.5, 0.9, None, None, 1e-3, 2.0))
    progress.stop()


def test_a_pipe_gets_whole_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TrainingProgress())
    assert capsys.readouterr().out == (
        "a network\nepoch  1/1  loss 0.5000  accuracy 90.00%  2.0 s  1,000 images/s\n"
    )


def test_a_notebook_shows_a_line_that_changes_until_the_epoch_s_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    tell(TrainingProgress())
    title, line, end = capsys.readouterr().out.split("\n")
    assert (title, end) == ("a network", "")
    *states, last = line.split("\r")
    assert states[0].rstrip() == "epoch  1/1   25%  loss 0.5000  12,345 images/s"
    assert states[3].rstrip() == "epoch  1/1  100%  loss 0.5000  3,086 images/s"
    assert [state.split()[2] for state in states] == ["25%", "50%", "75%", "100%"]
    assert last.startswith("epoch  1/1  loss 0.5000  accuracy")
    lengths = [len(text) for text in (*states, last)]
    assert lengths == sorted(lengths), "nothing of what was written over is left to be seen"
