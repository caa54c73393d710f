"""Which files are found, in which order, and what is said of those that are not."""

import os
import pickle
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from digits.bulk import places
from digits.bulk.folders import LeftOut, Names
from digits.bulk.places import Address
from digits.bulk.records import read_pages
from digits.bulk.sources import Source, find_sources, names_one_file
from digits.errors import DigitsError, InvalidInput
from digits.reading.ink.formats import missing_package
from digits.reading.reader import Reader
from tests.reading.drawings import draw


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def names(*arguments: str | Path, recursive: bool = False) -> list[str]:
    return [source.name for source in find_sources(arguments, recursive=recursive)]


def left_out(*arguments: str, recursive: bool = False) -> LeftOut:
    found: list[LeftOut] = []
    list(find_sources(arguments, recursive=recursive, on_left_out=found.append))
    (one,) = found
    return one


def posix(name: str) -> str:
    return str(Path(name))


def test_a_folder_gives_its_pictures_in_natural_order_and_hides_what_systems_leave_there() -> None:
    touch("in/b10.png", "in/b2.PNG", "in/a.tiff", "in/notes.txt", "in/.hidden.png")
    touch("in/._b2.png", "in/.DS_Store", "in/Thumbs.db", "in/desktop.ini", "in/__MACOSX/x.png")
    assert names("in") == [*map(posix, ("in/a.tiff", "in/b2.PNG", "in/b10.png"))]
    assert left_out("in") == LeftOut(Path("in"), no_pictures=Names(["notes.txt"], 1))


def test_subfolders_come_after_the_files_beside_them_in_natural_order() -> None:
    touch("in/s10/a.png", "in/s2/deep/a.png", "in/s2/b.png", "in/z.png", "in/.git/x.png")
    inner = ("in/z.png", "in/s2/b.png", "in/s2/deep/a.png", "in/s10/a.png")
    assert names("in", recursive=True) == [*map(posix, inner)]
    assert names("in") == [posix("in/z.png")]
    subfolders = left_out("in").subfolders
    assert (subfolders.number, subfolders.first) == (2, ["s2", "s10"])


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on this system")
def test_links_to_folders_are_not_followed_so_that_none_leads_in_circles() -> None:
    touch("in/sub/a.png")
    for link, target in (("in/sub/up", ".."), ("in/self", "."), ("in/round", "round")):
        Path(link).symlink_to(target)
    assert names("in", recursive=True) == [posix("in/sub/a.png")]
    found = left_out("in", recursive=True)
    assert found.links.first == ["self", "sub/up"]
    assert found.no_pictures.first == ["round"]
    Path("link").symlink_to("in/sub")
    assert names("link") == ["link/a.png"], "one that is named is followed"


def test_folders_may_lie_in_each_other_deeper_than_python_recurses(folder: Path) -> None:
    depth = sys.getrecursionlimit() + 100
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    touch("a.png")
    os.chdir(folder)
    assert names("d", recursive=True) == [posix("d/" * depth + "a.png")]
    # Python's own removal of folders recurses.
    os.chdir("d/" * depth)
    Path("a.png").unlink()
    for _ in range(depth):
        os.chdir("..")
        Path("d").rmdir()


def test_pictures_are_known_by_every_suffix_that_their_formats_have() -> None:
    names_of_one = [f"in/a.{suffix}" for suffix in ("J2C", "hif", "jfif", "jpc", "jpe", "jpf")]
    touch(*names_of_one)
    found = names("in")
    if missing_package("HEIC"):
        names_of_one.remove("in/a.hif")
    assert sorted(found) == [*map(posix, names_of_one)]


def test_a_file_without_a_suffix_is_told_by_its_first_bytes() -> None:
    Path("in").mkdir()
    for form in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"):
        Image.fromarray(draw("7")).save(f"in/{form}", format=form)
    texts = {
        "README": "PNG",
        "BM": "BMW, and other cars of that kind",
        "GIF8": "GIF8",
        "no": "",
        "P1": "P1 is the first of the priorities",
        "P2": "%PDF-writers compared",
    }
    for name, text in texts.items():
        Path("in", name).write_text(text)
    Image.fromarray(draw("7")).save("in/photo.txt", format="PNG")
    found = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
    assert names("in") == [posix(f"in/{name}") for name in found]
    assert left_out("in").no_pictures.number == len(texts) + 1


def test_a_picture_in_another_format_than_its_name_says_is_read_if_it_can_be() -> None:
    Path("in").mkdir()
    Image.fromarray(draw("7")).save("in/a.jxl", format="JPEG")
    Path("in/b.jxl").write_bytes(b"\xff\x0a")
    Path("in/c").write_bytes(b"\xff\x0a")
    Path("in/d.jxl").write_bytes(b"anything")
    assert names("in") == [posix("in/a.jxl"), posix("in/d.jxl")]
    assert left_out("in").not_read["JPEG XL"].first == ["b.jxl", "c"]


def test_a_message_s_names_are_few_however_many_files_there_are() -> None:
    touch(*(f"in/{number}.txt" for number in range(100)))
    found = left_out("in").no_pictures
    assert (found.number, found.first) == (100, ["0.txt", "1.txt", "2.txt"])


def test_each_file_is_given_once_under_the_name_by_which_it_comes_first() -> None:
    touch("in/a.png", "in/b.png", "in/sub/c.png", "d.png")
    inner = [posix("in/a.png"), posix("in/b.png")]
    assert names("in/b.png", "./in", "in") == [inner[1], inner[0]]
    assert names("in", "in/b.png", "d.png", "./d.png", Path("d.png").absolute()) == [
        *inner,
        "d.png",
    ]
    assert names("in/sub", "in", recursive=True) == [posix("in/sub/c.png"), *inner]
    assert names("./in/a.png", Path("in/a.png").absolute()) == [inner[0]]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on this system")
def test_two_files_are_not_taken_for_one_because_a_link_is_between_them() -> None:
    touch("a.png", "far/away/x.png", "far/a.png")
    Path("link").symlink_to("far/away")
    assert names("a.png", "link/../a.png") == ["a.png", "link/../a.png"]


def test_patterns_are_expanded_only_in_text_and_only_if_there_is_no_such_file() -> None:
    touch("s10/a.png", "s2/a.png", "s2/b2.png", "s2/b10.png", "s2/.c.png", "[s]2.png")
    expanded = ["s2/a.png", "s2/b2.png", "s2/b10.png", "s10/a.png"]
    assert names("s*/*.png") == [*map(posix, expanded)]
    assert names(str(Path("s2/b*").absolute())) == [str(Path(p).absolute()) for p in expanded[1:3]]
    assert names("[s]2.png") == ["[s]2.png"]
    assert names(Path("s*/*.png")) == [posix("s*/*.png")]
    assert names("s?") == [posix("s2/a.png"), posix("s2/b2.png"), posix("s2/b10.png")]
    assert names("none*") == ["none*"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.png"], True),
        (["nowhere.png"], True),
        (["-"], True),
        (["https://digits.invalid/*"], True),
        (["in"], False),
        (["*.png"], False),
        (["a.png", "a.png"], False),
        ([], False),
    ],
)
def test_what_names_a_single_file_is_known(arguments: list[str], expected: bool) -> None:
    touch("a.png", "in/a.png")
    assert names_one_file(arguments) is expected


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="nothing is forbidden to this user"
)
def test_a_folder_that_can_t_be_listed_is_a_source_with_the_reason_and_the_rest_is_found() -> None:
    touch("in/locked/a.png", "in/z/a.png")
    Path("in/locked").chmod(0)
    try:
        locked, z = find_sources(["in"], recursive=True)
    finally:
        Path("in/locked").chmod(0o700)
    assert (locked.name, z.name) == (posix("in/locked"), posix("in/z/a.png"))
    with pytest.raises(DigitsError, match=r"Can't be listed: Permission denied\."):
        locked.load()


def test_a_folder_that_is_gone_when_its_turn_comes_is_a_source_with_the_reason() -> None:
    touch("in/a.png", "in/sub/b.png")
    sources = find_sources(["in"], recursive=True)
    next(sources)
    Path("in/sub/b.png").unlink()
    Path("in/sub").rmdir()
    (gone,) = sources
    with pytest.raises(DigitsError, match=r"Can't be listed: No such file or directory\."):
        pickle.loads(pickle.dumps(gone)).load()


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such files")
def test_what_is_no_file_or_not_there_is_a_line_and_never_waited_for(folder: Path) -> None:
    Path("in").mkdir()
    for name in ("pipe", "pipe.png", "pipe.jxl"):
        os.mkfifo(f"in/{name}")
    Path("in/dangling.png").symlink_to("nowhere")
    Path("in/null.png").symlink_to("/dev/null")
    touch("in/gone.png")
    long = f"in/{'x' * 251}.png"
    Image.fromarray(draw("7")).save(long)
    sources = list(find_sources(["in", "x" * 300, "no\0such"]))
    Path("in/gone.png").unlink()
    reader = Reader(num_threads=1)
    pages = {source.name: next(iter(read_pages(reader, source))) for source in sources}
    errors = {name: str(page) for name, page in pages.items() if isinstance(page, DigitsError)}
    assert errors == {
        "in/dangling.png": "There is no such file.",
        "in/gone.png": "There is no such file.",
        "in/null.png": "Expected a picture, found something that is no file.",
        "in/pipe.jxl": "Expected a picture, found something that is no file.",
        "in/pipe.png": "Expected a picture, found something that is no file.",
        "no\0such": "Can't be opened: embedded null byte.",
        "x" * 300: "Can't be opened: File name too long.",
    }
    assert pages.keys() - errors.keys() == {long}


def test_sources_go_to_other_processes_as_they_are() -> None:
    for content in (Path("a.png"), b"bytes", Address("https://digits.invalid/a.png")):
        source = Source("a", content)
        assert pickle.loads(pickle.dumps(source)) == source


def test_folders_are_listed_when_their_turn_comes() -> None:
    touch("one/a.png", "two/a.png")
    sources = find_sources(["one", "two"])
    assert next(sources).name == posix("one/a.png")
    touch("two/b.png")
    assert len(list(sources)) == 2


def test_memory_is_that_of_one_folder_s_names() -> None:
    for number in range(10):
        touch(*(f"in/{number}/{name:0100}.png" for name in range(100)))

    def peak(sources: Iterator[Source]) -> int:
        tracemalloc.start()
        for _ in sources:
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    one = peak(find_sources(["in/0"]))
    assert peak(find_sources(["in"], recursive=True)) < 2 * one


@pytest.mark.parametrize("content", [b"", b"x" * 101])
def test_standard_input_is_read_to_its_end_and_no_further_than_the_limit(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_BYTES", 100)
    Path("file").write_bytes(content)
    with Path("file").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        (source,) = find_sources(["-", "-"])
    assert source.name == "-"
    if content:
        with pytest.raises(InvalidInput, match="Expected at most 100 bytes, found more"):
            source.load()
    else:
        assert source.load() == content


def test_without_standard_input_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InvalidInput, match="- is a picture from standard input"):
        find_sources(["-"])
    touch("-")
    assert names(Path("-")) == names("./-") == ["-"]


def test_an_address_is_refused_before_anything_is_read_unless_it_is_to_be_fetched() -> None:
    touch("a.png")
    for url in ("https://digits.invalid/a.png", "HTTP://digits.invalid/a.png?b=*"):
        with pytest.raises(InvalidInput, match=r"is an address; --fetch fetches what is there"):
            find_sources(["a.png", url])
        (source,) = find_sources([url, url], fetch=True)
        assert source == Source(url, Address(url))


def test_a_folder_of_many_files_is_given_a_file_at_a_time() -> None:
    Path("in").mkdir()
    for number in range(2_000):
        os.close(os.open(f"in/{number}.png", os.O_CREAT))
    found = [source.name for source in islice(find_sources(["in"]), 12)]
    assert found == [posix(f"in/{number}.png") for number in range(12)]
