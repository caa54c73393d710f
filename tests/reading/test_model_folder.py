import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from digits.errors import DigitsError, InvalidInput
from digits.reader import Reader
from digits.reading.line_network import LineNetwork
from digits.reading.model_folder import is_model_folder, open_networks, write_model_folder
from digits.reading.network import Network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "mine"
    glyphs, lines = Network().content, LineNetwork().content
    write_model_folder(made, glyphs=glyphs, lines=lines, facts={"seed": 3})
    return made


def test_a_model_folder_holds_both_networks_and_facts(folder: Path) -> None:
    assert is_model_folder(folder)
    assert not is_model_folder(folder.parent)
    assert sorted(file.name for file in folder.iterdir()) == [
        "glyphs.onnx",
        "lines.onnx",
        "model.json",
    ]
    assert json.loads((folder / "model.json").read_text()) == {"seed": 3}
    assert open_networks(folder).glyphs.content == Network().content
    assert open_networks(folder).lines.content == LineNetwork().content


def test_the_reader_takes_both_networks_of_a_folder(folder: Path) -> None:
    page = np.full((40, 40), 255, np.uint8)
    for model in (folder, str(folder), open_networks(folder)):
        reader = Reader(model, num_threads=1)
        assert reader.read(page).text == ""
        assert not reader.names_digits  # the line network names the digits that it finds
        assert reader.network.metadata == Network().metadata


def test_a_folder_is_read_with_where_torch_cannot_be_imported(folder: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from importlib.resources import files\n"
        "from digits.reader import Reader\n"
        f"reader = Reader({str(folder)!r})\n"
        "print(reader.read(files('digits.reading') / 'samples' / 'form.png').text)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["14032025"]


@pytest.mark.parametrize("name", ["glyphs.onnx", "lines.onnx"])
def test_a_missing_or_damaged_network_is_told_in_a_line(
    folder: Path, tmp_path: Path, name: str
) -> None:
    copied = tmp_path / "copied"
    write_model_folder(copied, glyphs=Network().content, lines=LineNetwork().content, facts={})
    content = bytearray((copied / name).read_bytes())
    content[1000] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=f"{name}: expected a network in ONNX"):
        Reader(copied)
    (copied / name).unlink()
    with pytest.raises(InvalidInput, match=f"{name}: there is no such file"):
        Reader(copied)


def test_a_folder_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InvalidInput, match="exists already; name another folder"):
        write_model_folder(tmp_path, glyphs=b"", lines=b"", facts={})
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(DigitsError, match=r"Can't write .*mine: No space left"):
        write_model_folder(tmp_path / "mine", glyphs=b"", lines=b"", facts={})
    assert not list(tmp_path.iterdir())
