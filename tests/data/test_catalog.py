"""Published sets other than MNIST, from a local server that has small files of the same formats."""

import bz2
import gzip
import hashlib
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from digits.data import Split, cache, import_folder, load, mirrors
from digits.data.catalog import BALANCED, CATALOG, DIGITS, Archive, Part, Published
from digits.data.checksums import DataFile
from digits.data.idx import write_idx
from digits.errors import DigitsError, InvalidInput

NUM = 26
"""Number of images of each split."""


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def images_of(seed: int, size: int = 28) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (NUM, size, size), dtype=np.uint8)


def labels_of(published: Published) -> np.ndarray:
    """Labels as they are in the files."""
    return (np.arange(NUM) % len(published.classes) + published.first_label).astype(np.uint8)


def write_qmnist_labels(labels: np.ndarray) -> bytes:
    """Rows of eight big-endian integers: class, series, writer, and others."""
    rows = np.zeros((len(labels), 8), ">i4")
    rows[:, 0], rows[:, 2] = labels, 2000 + np.arange(len(labels)) // 5
    return bytes([0, 0, 0x0C, 2]) + np.array(rows.shape, ">i4").tobytes() + rows.tobytes()


def write_libsvm(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Lines of LIBSVM, with pixels from -1 to 1."""
    lines = []
    for image, label in zip(images, labels, strict=True):
        pixels = image.flatten() / 127.5 - 1
        pairs = (f"{i}:{value:.6f}" for i, value in enumerate(pixels.tolist(), start=1))
        lines.append(f"{label} {' '.join(pairs)} ")
    return bz2.compress("\n".join(lines).encode() + b"\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server of a folder, `tmp_path / "web"`; gives its address."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def publish(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, np.ndarray]]:
    """Publish a small set under the name of a real one; gives its images and labels as made."""
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(mirrors, "BACK_OFF_SECONDS", 0.001)
    web = tmp_path / "web"

    def make(name: str) -> dict[str, np.ndarray]:
        published = CATALOG[name]
        arrays: dict[str, np.ndarray] = {"labels": labels_of(published)}
        parts, packed = {}, {}
        for split in ("train", "test"):
            part: Part = getattr(published, split)
            images = images_of(len(name) + len(split), published.size)
            arrays[split] = images
            stored = images.transpose(0, 2, 1) if published.is_transposed else images
            if part.labels is part.images:
                content = write_libsvm(images, arrays["labels"])
                file = replace(part.images, md5=md5(content))
                (web / file.name).write_bytes(content)
                parts[split] = Part(file, file)
                continue
            files = []
            for file, content in (
                (part.images, write_idx(np.ascontiguousarray(stored))),
                (
                    part.labels,
                    write_qmnist_labels(arrays["labels"])
                    if "idx2" in part.labels.name
                    else write_idx(arrays["labels"]),
                ),
            ):
                body = gzip.compress(content)
                packed[file.published_name] = body
                sums = {"sha256": hashlib.sha256(content).hexdigest()} if file.sha256 else {}
                sums |= {"md5": md5(body)} if file.md5 else {}
                files.append(DataFile(file.name, len(content), **sums))
            parts[split] = Part(files[0], files[1], 6 if part.first else 0)
        archive = published.archive
        if archive is not None:
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w") as opened:
                for packed_name, body in packed.items():
                    opened.writestr(archive.folder + packed_name, body)
            content = stream.getvalue()
            (web / "gzip.zip").write_bytes(content)
            archive = Archive(f"{server}gzip.zip", len(content), md5(content), archive.folder)
        else:
            for packed_name, body in packed.items():
                (web / packed_name).write_bytes(body)
        small = replace(
            published,
            train=parts["train"],
            test=parts["test"],
            mirrors=() if archive else (server,),
            archive=archive,
        )
        monkeypatch.setitem(CATALOG, name, small)
        return arrays

    return make


OTHERS = [name for name in CATALOG if name != "mnist"]


@pytest.mark.parametrize("name", OTHERS)
def test_each_set_is_fetched_once_and_loaded_as_it_was_made(
    name: str, publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    arrays = publish(name)
    published = CATALOG[name]
    loaded = load(name)
    assert loaded.source != "cache"
    first = published.test.first
    for split, skipped in ((loaded.train, 0), (loaded.test, first)):
        made = arrays[split.name][skipped:]
        labels = arrays["labels"][skipped:].astype(int) - published.first_label
        np.testing.assert_array_equal(split.images.numpy(), made)
        assert split.labels.tolist() == labels.tolist()
        assert split.classes == published.classes
    for file in (tmp_path / "web").iterdir():
        file.unlink()
    again = load(name)
    assert again.source == "cache"
    assert torch.equal(again.test.images, loaded.test.images)


def test_qmnist_names_the_writer_of_each_digit(
    publish: Callable[[str], dict[str, np.ndarray]],
) -> None:
    publish("qmnist")
    test = load("qmnist").test
    assert len(test) == NUM - 6
    assert test.groups is not None
    assert test.groups.tolist() == [2000 + i // 5 for i in range(6, NUM)]
    train, validation = load("qmnist").split(5)
    assert validation is not None
    assert train.groups is not None
    assert validation.groups is not None
    assert not set(train.groups.tolist()) & set(validation.groups.tolist())


@pytest.mark.parametrize("name", ["kmnist", "emnist-letters", "usps", "fashion-mnist"])
def test_a_flipped_bit_in_the_cache_is_noticed_and_mended(
    name: str,
    publish: Callable[[str], dict[str, np.ndarray]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(name)
    expected = load(name)
    published = CATALOG[name]
    path = tmp_path / "cache" / published.folder / published.train.images.name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert torch.equal(load(name).train.images, expected.train.images)
    assert "Damaged file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["kmnist", "usps"])
def test_what_is_not_as_it_was_published_is_refused(
    name: str, publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish(name)
    file = CATALOG[name].train.images
    path = tmp_path / "web" / file.published_name
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DigitsError, match=f"{file.published_name}: expected MD5 .*, found") as told:
        load(name)
    assert f"digits data --dataset {name} --from FOLDER" in str(told.value)
    assert not (tmp_path / "cache" / CATALOG[name].folder / file.name).exists()


def test_an_archive_that_was_changed_is_refused_and_not_kept(
    publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish("emnist-letters")
    path = tmp_path / "web" / "gzip.zip"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DigitsError, match=r"gzip\.zip: expected MD5"):
        load("emnist-letters")
    assert list((tmp_path / "cache" / "EMNIST" / "raw").iterdir()) == []


def test_an_archive_that_is_there_is_not_downloaded_again(
    publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish("emnist-letters")
    load("emnist-letters")
    kept = tmp_path / "cache" / "EMNIST" / "raw"
    (kept / CATALOG["emnist-letters"].train.images.name).unlink()
    (tmp_path / "web" / "gzip.zip").unlink()
    assert len(load("emnist-letters").train) == NUM


@pytest.mark.parametrize("name", ["kmnist", "qmnist", "fashion-mnist"])
def test_published_files_that_torchvision_left_in_the_cache_are_taken(
    name: str, publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish(name)
    folder = tmp_path / "cache" / CATALOG[name].folder
    folder.parent.mkdir(parents=True)
    (tmp_path / "web").rename(folder)
    for path in list(folder.iterdir()):
        if CATALOG[name].train.images.sha256 is None:  # else these are taken as they are
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    assert len(load(name).train) == NUM
    assert load(name).source == "cache"


@pytest.mark.parametrize("name", OTHERS)
def test_each_set_is_imported_from_a_folder(
    name: str, publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish(name)
    by_hand = tmp_path / "by-hand"
    (tmp_path / "web").rename(by_hand)
    import_folder(by_hand, name)
    assert load(name).source == "cache"


def test_a_file_without_a_sum_of_its_content_is_imported_as_it_was_published_only(
    publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish("kmnist")
    by_hand = tmp_path / "by-hand"
    by_hand.mkdir()
    for path in (tmp_path / "web").iterdir():
        (by_hand / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(
        InvalidInput, match=r"expected train-images-idx3-ubyte\.gz, as only of that"
    ):
        import_folder(by_hand, "kmnist")


def test_the_command_shows_classes_origin_and_licence(
    publish: Callable[[str], dict[str, np.ndarray]], call: Callable[..., tuple[int, str, str]]
) -> None:
    publish("usps")
    status, output, _ = call("data", "--dataset", "usps")
    assert status == 0
    assert f"USPS is complete: {NUM} training and {NUM} test images" in output
    assert "16×16 pixels; 10 classes: 0, 1" in output
    assert "licence: none stated" in output
    status, output, _ = call("data", "--dataset", "usps", "--json")
    facts = json.loads(output)
    assert (facts["image"], facts["classes"]) == ([16, 16], list(DIGITS))


def test_an_unknown_set_is_one_line(call: Callable[..., tuple[int, str, str]]) -> None:
    status, _, errors = call("data", "--dataset", "fashion_mnist")
    assert status == 2
    expected = (
        "No data set is called 'fashion_mnist'; did you mean 'fashion-mnist'? Your own is given"
    )
    assert errors == f"digits: {expected} as a path, such as ./mine.\n"


def test_the_catalogue_is_as_the_sets_are_described() -> None:
    counts = {
        name: (len(each.classes), each.size, len({file.name for file in each.files}))
        for name, each in CATALOG.items()
    }
    assert counts == {
        "mnist": (10, 28, 4),
        "fashion-mnist": (10, 28, 4),
        "kmnist": (10, 28, 4),
        "emnist-digits": (10, 28, 4),
        "emnist-letters": (26, 28, 4),
        "emnist-balanced": (47, 28, 4),
        "qmnist": (10, 28, 4),
        "usps": (10, 16, 2),
    }
    assert len(set(BALANCED)) == 47
    for name, each in CATALOG.items():
        assert each.name == name
        assert each.licence
        assert each.origin
        assert each.mirrors or each.archive
        for file in each.files:
            assert file.sha256 or file.md5 or each.archive


def test_a_file_of_unknown_size_that_is_too_large_is_damaged(
    publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish("usps")
    load("usps")
    path = tmp_path / "cache" / "USPS" / "usps.bz2"
    with path.open("r+b") as file:
        file.truncate(10**12)  # a hole: it takes no room
    assert len(load("usps").train) == NUM
    assert path.stat().st_size < 10**6


def test_sets_of_other_folders_do_not_wait_for_each_other(
    publish: Callable[[str], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    publish("usps")
    with cache.locked(CATALOG["emnist-letters"], tmp_path / "cache"):
        assert load("usps").source != "cache"


@pytest.mark.usefixtures("unchecked")
def test_writers_go_with_their_images() -> None:
    images, labels = torch.zeros(4, 28, 28, dtype=torch.uint8), torch.arange(4)
    split = Split("train", images, labels, groups=torch.tensor([7, 7, 8, 9]))
    moved = split.to(torch.device("cpu")).chosen("train", torch.tensor([False, True, True, False]))
    assert moved.groups is not None
    assert moved.groups.tolist() == [7, 8]
    with pytest.raises(InvalidInput, match="the group of each of"):
        Split("train", images, labels, groups=torch.tensor([7]))


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="needs Debian's package dataset-fashion-mnist",
)
def test_debians_fashion_mnist_is_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path))
    import_folder(Path("/usr/share/datasets/fashion-mnist"), "fashion-mnist")
    fashion = load("fashion-mnist")
    assert fashion.train.labels.bincount().tolist() == [6000] * 10
    assert fashion.test.labels.bincount().tolist() == [1000] * 10
