"""`digits read` as people call it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digits.errors import DigitsError
from digits.reading.confidence import CONFIDENCE
from digits.reading.folder import natural_key
from digits.reading.ink import Picture
from digits.reading.line_reader import LineReader
from digits.reading.results import Reading
from digits.reading.work import Work
from tests.reading.drawings import draw, enlarged

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a picture and a folder of two, of which one is none."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(draw("1995")).save("photo.jpg")
    Path("scans").mkdir()
    Image.fromarray(draw("42")).save("scans/b.png")
    Path("scans/a.png").write_bytes(b"no picture")
    Path("empty").mkdir()
    return tmp_path


@pytest.mark.usefixtures("workspace")
def test_a_picture_s_text_is_printed_and_nothing_else(call: Call) -> None:
    assert call("read", "photo.jpg") == (0, "1995\n", "")


@pytest.mark.usefixtures("workspace")
def test_one_bad_file_is_said_and_the_rest_is_read(call: Call) -> None:
    status, output, errors = call("read", "scans", "photo.jpg")
    assert status == 1
    assert output == f"{Path('scans/b.png')}: 42\nphoto.jpg: 1995\n"
    assert errors.startswith(f"digits: {Path('scans/a.png')}: Expected a picture")
    assert errors.count("\n") == 1


@pytest.mark.usefixtures("workspace")
def test_a_folder_is_read_in_natural_order(call: Call) -> None:
    Path("scans/a.png").unlink()
    for name in ("b10.png", "b2.png", "b2-10.png", "b2-9.png"):
        Path("scans", name).write_bytes(Path("scans/b.png").read_bytes())
    _, output, _ = call("read", "scans")
    expected = ["b.png", "b2.png", "b2-9.png", "b2-10.png", "b10.png"]
    assert output == "".join(f"{Path('scans', name)}: 42\n" for name in expected)


class UnthoughtOfError(Exception):
    """What no one thought of."""


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            UnthoughtOfError("a defect,\nsomewhere"),
            "please report it: UnthoughtOfError: a defect, somewhere",
        ),
        (ZeroDivisionError(), "please report it: ZeroDivisionError"),
        (MemoryError(), "There is not enough memory to read this picture; make it smaller."),
        (cv2.error("(-4:Insufficient memory) Failed to allocate"), "There is not enough memory"),
        (RuntimeError("std::bad_alloc"), "There is not enough memory"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_fails_in_one_picture_is_a_line_and_the_rest_is_read(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    Path("scans/a.png").write_bytes(Path("scans/b.png").read_bytes())
    num_read = 0
    read = LineReader.read

    def fail_once(reader: LineReader, picture: Picture, work: Work) -> Reading:
        nonlocal num_read
        num_read += 1
        if num_read == 1:
            raise error
        return read(reader, picture, work)

    monkeypatch.setattr(LineReader, "read", fail_once)
    status, output, errors = call("read", "scans")
    assert (status, output) == (1, "scans/b.png: 42\n")
    assert errors.startswith("digits: scans/a.png: ")
    assert message in errors
    assert errors.count("\n") == 1


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from digits.reading import Reader
from digits.errors import OutOfMemory

reader = Reader(num_threads=1)
reader.read(sys.argv[1])
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    print(reader.read(sys.argv[2]).text)
except OutOfMemory as error:
    print(error)
print(reader.read(sys.argv[1]).text)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no such limit")
@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("form", ["png", "jpg", "tiff"])
def test_want_of_memory_is_told_of_one_picture_and_leaves_the_reader_as_it_was(form: str) -> None:
    large = np.random.default_rng(0).integers(0, 256, (2500, 2500, 3), np.uint8)
    Image.fromarray(large).save(f"large.{form}")
    for megabytes in (5, 30):
        command = [sys.executable, "-c", LITTLE_MEMORY, "photo.jpg", f"large.{form}"]
        done = subprocess.run(
            [*command, str(megabytes << 20)], capture_output=True, text=True, check=False
        )
        assert (done.stderr, done.stdout) == (
            "",
            ("There is not enough memory to read this picture; make it smaller.\n1995\n"),
        ), megabytes


DECEIVING = {
    "a\n7.png: 12345": r"$'scans/a\n7.png: 12345.png'",
    "\x1b[2J\x1b[31mred": r"$'scans/\x1b[2J\x1b[31mred.png'",
    "back\rspace\b'": r"$'scans/back\rspace\x08\'.png'",
    "\u202egnp.": r"$'scans/\u202egnp..png'",
    os.fsdecode(b"latin\xe9"): r"$'scans/latin\udce9.png'",
    "Å 7 数": "scans/Å 7 数.png",
}
"""Names that forge a line or paint a terminal, and how they are shown."""


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no such names")
@pytest.mark.usefixtures("workspace")
def test_no_name_forges_a_line_or_paints_the_terminal(call: Call) -> None:
    for name in DECEIVING:
        Path("scans", f"{name}.png").write_bytes(Path("scans/b.png").read_bytes())
    _, output, _ = call("read", "scans")
    shown = [f"{name}: 42" for name in DECEIVING.values()]
    assert sorted(output.splitlines()) == sorted([*shown, "scans/b.png: 42"])
    for path in Path("scans").iterdir():
        path.write_bytes(b"no picture")
    status, _, errors = call("read", "scans")
    assert status == 1
    assert errors.count("\n") == len(DECEIVING) + 2
    for name in DECEIVING.values():
        assert f"digits: {name}: Expected a picture" in errors
    for document in map(json.loads, call("read", "scans", "--json")[1].splitlines()):
        assert Path(document["file"]).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no such names")
@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "no\nsuch.png"],
        ["read", "photo.jpg", "--model", "no\x1bsuch"],
        ["evaluate", "no\nsuch"],
        ["train", "--recipe", "no\nsuch.toml"],
        ["data", "--from", "no\nsuch"],
        ["export", "no\nsuch"],
        ["no\x1bcommand"],
    ],
    ids=lambda arguments: arguments[0][:8],
)
@pytest.mark.usefixtures("workspace")
def test_a_message_is_one_line_whatever_it_names(call: Call, arguments: list[str]) -> None:
    status, _, errors = call(*arguments)
    assert status in (1, 2)
    assert errors[:-1].isprintable()
    assert errors[-1] == "\n"


def test_a_message_that_is_a_list_keeps_its_lines(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise DigitsError("All sources failed:\n  one: \x1b[2J\n  two: b\ndigits: forged")

    monkeypatch.setattr("digits.data.describe", fail)
    status, _, errors = call("data")
    assert status == 1
    assert errors == ("digits: All sources failed:\n  one: \\x1b[2J\n  two: b\\ndigits: forged\n")


NAMES = st.text("ab0123٣²-. ", max_size=8)


@given(st.lists(NAMES, unique=True))
def test_the_natural_order_is_one_whatever_the_order_before(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(backwards, key=natural_key) == sorted(names, key=natural_key)


def test_the_natural_order_counts_leading_zeros_and_other_scripts() -> None:
    names = ["2.png", "01.png", "١٠.png", "1.png", "1.jpg", "1a.png", "10.png", "x.png"]
    assert sorted(names, key=natural_key) == [
        "01.png",
        "1.jpg",
        "1.png",
        "1a.png",
        "2.png",
        "10.png",
        "١٠.png",
        "x.png",
    ]


@pytest.mark.usefixtures("workspace")
def test_a_folder_s_pictures_in_formats_that_are_not_read_are_counted_and_fail(call: Call) -> None:
    Image.fromarray(draw("83")).save("scans/a.png")
    for number in range(5):
        Path(f"scans/{number}.jxl").write_bytes(b"\xff\x0a" + bytes(100))
    status, output, errors = call("read", "scans")
    assert status == 1
    assert output == f"{Path('scans/a.png')}: 83\n{Path('scans/b.png')}: 42\n"
    advice = "save as PNG or JPEG"
    assert errors == f"digits: scans: 5 pictures are JPEG XL ({advice}): 0.jxl, 1.jxl, 2.jxl …\n"
    for name in ("a.png", "b.png"):
        Path("scans", name).unlink()
    assert call("read", "scans") == (1, "", errors)


@pytest.mark.usefixtures("workspace")
def test_each_page_of_a_file_has_a_line_with_its_number(call: Call) -> None:
    first, second, blank = (Image.fromarray(draw(text)) for text in ("83", "15", ""))
    first.save("form.tiff", save_all=True, append_images=[blank, second])
    name = Path("form.tiff")
    status, output, errors = call("read", "form.tiff")
    assert (status, errors) == (0, "")
    assert output == f"{name}, page 1: 83\n{name}, page 2: \n{name}, page 3: 15\n"
    _, output, _ = call("read", "form.tiff", "--json")
    pages = [json.loads(line) for line in output.splitlines()]
    assert [(page["file"], page["page"], page["text"]) for page in pages] == [
        (str(name), 1, "83"),
        (str(name), 2, ""),
        (str(name), 3, "15"),
    ]


@pytest.mark.usefixtures("workspace")
def test_a_folder_names_what_is_no_picture_and_its_subfolders_and_that_is_no_failure(
    call: Call,
) -> None:
    Path("scans/a.png").unlink()
    for name in ("notes.txt", "b2.mp3", "b10.mp3", "zz\n7.csv", ".DS_Store", "Thumbs.db"):
        Path("scans", name).write_text("no picture")
    Path("scans/more").mkdir()
    Path("scans/more/a.png").write_bytes(Path("scans/b.png").read_bytes())
    first, (second, last) = f"{Path('scans/b.png')}: 42\n", ("no pictures", "b2.mp3, b10.mp3")
    assert call("read", "scans") == (
        0,
        first,
        f"digits: scans: 4 files are {second}: {last}, notes.txt …\n"
        "digits: scans: 1 folder in it is left out (add --recursive): more\n",
    )
    status, output, errors = call("read", "scans", "--recursive")
    assert (status, output) == (0, first + f"{Path('scans/more/a.png')}: 42\n")
    assert errors.count("\n") == 1
    Path("scans/b2.mp3").unlink()
    Path("scans/notes.txt").unlink()
    assert r"b10.mp3, $'zz\n7.csv'" in call("read", "scans")[2]


@pytest.mark.usefixtures("workspace")
def test_a_file_is_read_from_standard_input() -> None:
    command = [sys.executable, "-m", "digits", "read", "-"]
    with Path("photo.jpg").open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1995\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such terminals")
@pytest.mark.usefixtures("workspace")
def test_a_terminal_is_not_waited_for(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours), os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        status, output, errors = call("read", "-")
    assert (status, output) == (2, "")
    assert errors == "digits: - is a picture from standard input: digits read - < photo.jpg\n"


@pytest.mark.usefixtures("workspace")
def test_a_pattern_that_the_shell_left_alone_is_expanded(call: Call) -> None:
    for name in ("b10.png", "b2.png"):
        Path("scans", name).write_bytes(Path("scans/b.png").read_bytes())
    _, output, _ = call("read", "scans/b*.png")
    assert output == "".join(f"{Path('scans', f'b{n}.png')}: 42\n" for n in ("", 2, 10))
    assert call("read", "none*.png")[2] == "digits: none*.png: There is no such file.\n"
    Path("b[1].png").write_bytes(Path("scans/b.png").read_bytes())
    assert call("read", "b[1].png") == (0, "42\n", "")


@pytest.mark.usefixtures("workspace")
def test_an_address_is_fetched_only_if_that_is_asked_for(call: Call) -> None:
    status, output, errors = call("read", "photo.jpg", "https://digits.invalid/a.png")
    assert (status, output) == (2, "")
    assert errors == (
        "digits: https://digits.invalid/a.png is an address; --fetch fetches what is there.\n"
    )
    status, output, errors = call("read", "photo.jpg", "http://127.0.0.1:1/a.png", "--fetch")
    assert (status, output) == (1, "photo.jpg: 1995\n")
    assert errors.startswith("digits: http://127.0.0.1:1/a.png: Expected a server of the internet")
    assert errors.count("\n") == 1


@pytest.mark.usefixtures("workspace")
def test_a_folder_is_read_past_a_picture_of_one_level(call: Call) -> None:
    white = np.full((60, 90), 65_535, np.uint16)
    Image.fromarray(white).save("scans/a.png")
    Image.fromarray(white.astype(np.int32)).save("scans/a.tif")
    assert call("read", "scans") == (
        0,
        f"{Path('scans/a.png')}: \n{Path('scans/a.tif')}: \n{Path('scans/b.png')}: 42\n",
        "",
    )


@pytest.mark.usefixtures("workspace")
def test_json_has_a_line_for_each_file(call: Call) -> None:
    status, output, _ = call("read", "scans", "--json")
    assert status == 1
    bad, good = map(json.loads, output.splitlines())
    assert "Expected a picture" in bad["error"]
    assert good["file"] == str(Path("scans/b.png"))
    assert good["text"] == "42"
    assert [digit["label"] for digit in good["digits"]] == [4, 2]


@pytest.mark.usefixtures("workspace")
def test_json_has_lines_with_confidence_and_what_was_left_out(call: Call) -> None:
    Image.fromarray(draw("12,50", spacing=0.8)).save("price.png")
    status, output, errors = call("read", "price.png", "--json")
    assert (status, errors) == (0, "")
    document = json.loads(output)
    (line,) = document["lines"]
    assert (line["text"], line["written"]) == ("1250", "12,50")
    assert 0.8 < line["confidence"] <= 1
    assert len(line["box"]) == 4
    (mark,) = document["left_out"]
    assert (mark["kind"], mark["text"]) == ("separator", ",")
    first, second, third, _ = document["digits"]
    assert second["box"][0] < mark["box"][0] < third["box"][0]
    assert line["box"][0] <= first["box"][0] + 5


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.usefixtures("workspace")
def test_ink_without_a_digit_is_said(call: Call, flags: list[str]) -> None:
    page = draw("")
    page[page.shape[0] // 2, 5:-5] = 30
    Image.fromarray(enlarged(page, 3)).save("rule.png")
    status, output, errors = call("read", "rule.png", *flags)
    assert status == 0
    assert errors == "digits: rule.png: there is ink, but no digit was read in it.\n"
    if flags:
        assert json.loads(output)["digits"] == []
    else:
        assert output.strip("?\n") == ""


@pytest.mark.usefixtures("workspace")
def test_a_blank_picture_is_read_in_silence(call: Call) -> None:
    Image.fromarray(draw("")).save("blank.png")
    assert call("read", "blank.png") == (0, "\n", "")


@pytest.mark.usefixtures("workspace")
def test_a_folder_s_picture_of_two_lines_is_one_line(call: Call) -> None:
    Image.fromarray(np.vstack([draw("83"), draw("56")])).save("scans/a.png")
    status, output, _ = call("read", "scans")
    assert status == 0
    assert output == f"{Path('scans/a.png')}: 83 56\n{Path('scans/b.png')}: 42\n"


@pytest.mark.usefixtures("workspace")
def test_an_explanation_is_a_picture(call: Call) -> None:
    assert call("read", "photo.jpg", "--explain", "how.png")[:2] == (0, "1995\n")
    with Image.open("how.png") as image:
        assert image.width > 1000


@pytest.mark.usefixtures("workspace")
def test_the_threshold_refuses(call: Call) -> None:
    assert call("read", "photo.jpg", "--threshold", "1")[:2] == (0, "????\n")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["read", "nowhere.png"], 1, "nowhere.png: There is no such file."),
        (["read", "empty"], 2, "empty: expected pictures, found none."),
        (["read", "scans", "--explain", "x.png"], 2, "--explain draws one picture"),
        (["read", "photo.jpg", "--threshold", "2"], 2, "threshold: expected 0 to 1, found 2."),
        (
            ["read", "photo.jpg", "--model", "scans"],
            2,
            "scans is not a run folder: expected a recipe.toml",
        ),
        (["read", "photo.jpg", "--model", "photo.jpg"], 2, "expected a network in ONNX"),
        (["read", "photo.jpg", "--explain", "photo.jpg/x.png"], 1, "Can't write"),
        (["read"], 2, "Missing argument"),
        (["export", "scans"], 2, "is not a run folder"),
        (
            ["export", "scans", "--format", "tflite"],
            2,
            "--format: expected onnx or torchscript or pt2 or c or page, found 'tflite'.",
        ),
    ],
)
@pytest.mark.usefixtures("workspace")
def test_what_goes_wrong_is_one_line(
    call: Call, arguments: list[str], status: int, message: str
) -> None:
    found, _, errors = call(*arguments)
    assert found == status
    assert message in errors
    assert errors.count("\n") == 1, errors


def test_ctrl_c_before_the_command_has_begun_is_one_line(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.main.get_command", interrupt)
    assert call("recipes") == (1, "", "digits: Stopped.\n")


def test_the_help_tells_the_threshold(call: Call) -> None:
    words = re.split(r"[\s│]+", call("read", "--help")[1])
    assert f"(default: {CONFIDENCE.threshold})" in " ".join(words)


@pytest.mark.usefixtures("workspace")
def test_formats_whose_package_is_missing_are_counted_once_with_the_command(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("scans/a.png").unlink()
    for number in (1, 2):
        Path(f"scans/IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    Path("scans/IMG_3.HEIC").write_bytes(Path("scans/b.png").read_bytes())
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    status, output, errors = call("read", "scans")
    assert (status, output) == (1, f"{Path('scans/IMG_3.HEIC')}: 42\n{Path('scans/b.png')}: 42\n")
    assert re.fullmatch(
        r"digits: scans: 2 pictures are HEIC \(install what reads them: \S+ -m pip install "
        r'"digits\[formats\]"\): IMG_1.HEIC, IMG_2.HEIC\n',
        errors,
    )
