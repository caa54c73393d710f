"""Data sets of one's own: each layout, images, copies, splits, and what is told of them."""

import csv
import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import digits
from digits.data import load
from digits.data.catalog import DIGITS
from digits.data.cropping import CROPPING, NO_INK, crop_pictures
from digits.data.custom import find_labelled, load_custom
from digits.data.duplicates import DUPLICATES, find_duplicates
from digits.data.idx import write_idx
from digits.data.labelled import MAX_CLASSES, MAX_LABEL
from digits.data.splitting import hold_out, merge_groups
from digits.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DIGITS_DATA", str(root))
    return root


def drawn(text: str, *, height: int = 60, width: int = 80, seed: int = 0) -> np.ndarray:
    """Text in OpenCV's strokes, black on white, slanted and stretched as the seed decides."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width), 255, np.uint8)
    cv2.putText(image, text, (25, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 0, 3, cv2.LINE_AA)
    slants = np.array([[1, rng.uniform(-0.4, 0.4)], [rng.uniform(-0.2, 0.2), 1]])
    matrix = slants @ np.diag(rng.uniform(0.7, 1.2, 2))
    middle = np.array([width / 2, height / 2])
    whole = np.column_stack([matrix, middle - matrix @ middle])
    return np.asarray(cv2.warpAffine(image, whole, (width, height), borderValue=255))


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures of each of the digits 2, 4 and 7."""
    for label in "247":
        for number in range(10):
            write(tmp_path / "set" / label / f"{number}.png", drawn(label, seed=number))
    return tmp_path / "set"


def test_a_folder_by_class_becomes_images_framed_as_the_reader_frames_them(folder: Path) -> None:
    data = load(folder)
    assert data.classes == DIGITS
    assert (len(data.train), len(data.test)) == (24, 6)
    assert data.train.labels.bincount(minlength=10).tolist() == [0, 0, 8, 0, 8, 0, 0, 8, 0, 0]
    assert data.own is not None
    assert data.own.crop == "ink"
    reader = digits.Reader()
    name = data.own.names["test"][0]
    (digit,) = reader.read_glyphs([folder / name])
    assert np.array_equal(data.test.images[0].numpy(), digit.glyph)
    assert [each.label for each in reader.classify(data.whole.images.numpy())] == (
        data.whole.labels.tolist()
    )


def test_the_same_set_in_all_four_layouts_is_the_same(folder: Path, tmp_path: Path) -> None:
    paths = sorted(folder.rglob("*.png"))
    with (tmp_path / "set.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", "label"])
        table.writerows([path.relative_to(tmp_path), path.parent.name] for path in paths)
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    labels = np.array([int(path.parent.name) for path in paths], np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=labels)
    idx = tmp_path / "idx"
    idx.mkdir()
    (idx / "mine-images-idx3-ubyte").write_bytes(write_idx(images))
    (idx / "mine-labels-idx1-ubyte.gz").write_bytes(gzip.compress(write_idx(labels)))
    sets = [load(path) for path in (folder, tmp_path / "set.csv", tmp_path / "set.npz", idx)]
    for other in sets[1:]:
        assert torch.equal(other.train.images, sets[0].train.images)
        assert torch.equal(other.test.labels, sets[0].test.labels)
        assert other.own is not None
        assert sets[0].own is not None
        assert other.own.digest == sets[0].own.digest


def test_other_things_are_taken_whole_with_their_aspect_kept(tmp_path: Path) -> None:
    for label, level in (("cat", 40), ("dog", 200)):
        for number in range(5):
            image = np.full((50, 100), level, np.uint8)
            image[10:40, 10 + 3 * number : 60 + number] = 120
            write(tmp_path / label / f"{number}.png", np.stack([image] * 3, axis=2))
    data = load(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.size == 28
    squared = data.train.images[0]
    ground = int(squared[14, 27])
    assert ground == 40
    assert (squared[:7] == ground).all()
    assert (squared[21:] == ground).all(), "the picture is half as high as wide"
    assert (squared[10:18, 8:16] == 120).all()


def test_small_squares_of_one_size_stay_as_they_are(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 33, 33), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=images, y=np.array(list("ab") * 10))
    data = load(tmp_path / "a.npz")
    assert data.size == 33
    assert {image.tobytes() for image in images} == {
        image.numpy().tobytes() for image in data.whole.images
    }


def test_images_that_are_framed_as_mnists_already_stay_as_they_are(
    folder: Path, tmp_path: Path
) -> None:
    whole = load(folder).whole
    images, labels = whole.images.numpy(), whole.labels.numpy()
    path = tmp_path / "like.npz"
    np.savez(path, images=images, labels=labels)
    framed = load_custom(path).cropped
    assert (framed.crop, framed.is_framed) == ("ink", True)
    assert np.array_equal(framed.images, images)
    np.savez(path, images=255 - images, labels=labels)
    assert not load_custom(path).cropped.is_framed, "they are black on white"
    # A pixel to the right: doubled, the number would take them for framed.
    assert 2 * CROPPING.off_centre > 1
    np.savez(path, images=np.roll(images, 1, axis=2), labels=labels)
    moved = load_custom(path).cropped
    assert not moved.is_framed
    assert abs(moved.images.astype(int) - images).mean() < 10, "they are framed again"


def test_what_can_not_be_used_is_left_out_and_listed(folder: Path) -> None:
    (folder / "4" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / "4" / "empty.jpg").write_bytes(b"")
    write(folder / "7" / "blank.png", np.full((40, 40), 255, np.uint8))
    (folder / "notes.txt").write_text("not a picture")
    (folder / "7" / "Thumbs.db").write_text("neither")
    (folder / ".hidden").mkdir()
    (folder / "2" / "photo.jxl").write_bytes(b"\xff\x0a")
    facts = load_custom(folder).describe()
    reasons = {one["name"]: one["reason"] for one in facts["left_out"]}
    assert set(reasons) == {"4/broken.png", "4/empty.jpg", "7/blank.png", "2/photo.jxl"}
    assert reasons["7/blank.png"] == NO_INK
    assert "JPEG XL" in reasons["2/photo.jxl"]
    assert set(facts["ignored"]) == {"notes.txt", "7/Thumbs.db"}
    assert facts["train"] + facts["test"] == 30
    assert facts["sizes"]["largest"] == [60, 80]


def test_copies_stay_in_one_split_and_contradictions_are_told(folder: Path) -> None:
    for number in range(8):
        image = Image.open(folder / "2" / f"{number}.png")
        image.save(folder / "2" / f"{number}-again.jpg", quality=90)
    (folder / "7" / "other.png").write_bytes((folder / "2" / "9.png").read_bytes())
    custom = load_custom(folder)
    facts = custom.describe()
    assert facts["exact_duplicates"] == 1
    assert facts["near_duplicates"] >= 8
    assert facts["copies_in_both_splits"] == 0
    assert {one["name"] for one in facts["copies_of_different_labels"]} == {
        "2/9.png",
        "7/other.png",
    }
    side = dict(zip((each.name for each in custom.pictures), custom.is_test, strict=True))
    for number in range(8):
        assert side[f"2/{number}.png"] == side[f"2/{number}-again.jpg"]
    data = load(folder)
    train, validation = data.split(6)
    assert validation is not None
    assert train.groups is not None
    assert validation.groups is not None
    assert not set(train.groups.tolist()) & set(validation.groups.tolist())


def test_a_table_keeps_writers_together_and_may_name_the_splits(
    folder: Path, tmp_path: Path
) -> None:
    paths = sorted(folder.rglob("*.png"))
    rows = [f"set/{path.parent.name}/{path.name};{path.parent.name};w{path.stem}" for path in paths]
    (tmp_path / "w.csv").write_text("\ufeffFile;Label;Writer\n" + "\n".join(rows), "utf-8")
    custom = load_custom(tmp_path / "w.csv")
    writers = [{w.writer for w, t in zip(custom.pictures, custom.is_test, strict=True) if t == test}
               for test in (False, True)]  # fmt: skip
    assert writers[0]
    assert writers[1]
    assert not writers[0] & writers[1]
    assert custom.describe()["writers"] == 10
    splits = [f"{row};{'test' if row.endswith('w3') else 'train'}" for row in rows]
    (tmp_path / "s.csv").write_text("file;label;writer;split\n" + "\n".join(splits), "utf-8")
    custom = load_custom(tmp_path / "s.csv")
    assert custom.is_split
    assert custom.is_test.sum() == 3
    assert {each.writer for each, t in zip(custom.pictures, custom.is_test, strict=True) if t} == {
        "w3"
    }


def test_folders_named_train_and_test_are_the_splits(folder: Path) -> None:
    root = folder.parent / "split"
    (root / "test").mkdir(parents=True)
    folder.rename(root / "Train")
    write(root / "test" / "4" / "x.png", drawn("4", seed=50))
    data = load(root)
    assert (len(data.train), len(data.test)) == (30, 1)
    assert data.own is not None
    assert data.own.is_split


def test_keras_and_kaggle_forms_of_mnist_are_taken(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 120, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30) % 10
    np.savez(tmp_path / "mnist.npz", x_train=images[:20], y_train=labels[:20],
             x_test=images[20:], y_test=labels[20:])  # fmt: skip
    data = load(tmp_path / "mnist.npz")
    assert np.array_equal(data.train.images.numpy(), images[:20])
    assert np.array_equal(data.test.images.numpy(), images[20:])
    with (tmp_path / "train.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["label", *(f"pixel{number}" for number in range(784))])
        table.writerows(
            [label, *image.ravel()] for label, image in zip(labels, images, strict=True)
        )
    kaggle = load(tmp_path / "train.csv")
    assert {image.tobytes() for image in kaggle.whole.images.numpy()} == {
        image.tobytes() for image in images
    }


def test_floats_from_0_to_1_and_flat_images_are_taken(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    names = np.array(["a", "b", "c"])
    np.savez(tmp_path / "f.npz", data=(images / 255).reshape(12, 64), target=np.arange(12) % 3,
             classes=names)  # fmt: skip
    custom = load_custom(tmp_path / "f.npz")
    assert np.array_equal(custom.cropped.images, images)
    assert custom.classes == ("a", "b", "c")


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


ONE = np.full((1, 5, 5), 255, np.uint8)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"no zip", "expected an .npz file of arrays"),
        ("a.npz", npz(images=ONE)[:-40], "expected an .npz file of arrays"),
        ("a.npz", npz(pictures=ONE), "expected arrays named images and labels.* found pictures"),
        ("a.npz", npz(images=ONE, labels=np.zeros(2, int)), "a label for each of 1 images"),
        ("a.npz", npz(images=ONE, labels=np.zeros(1)), "whole numbers or texts as labels"),
        ("a.npz", npz(images=ONE[0], labels=np.zeros(5, int)), r"images \(n, h, w\).* \(5, 5\)"),
        ("a.npz", npz(images=ONE - 300.0, labels=np.zeros(1, int)), "from 0 to 255"),
        ("a.npz", npz(images=ONE, labels=np.array([3]), classes=np.array(["a"])), "from 0 to 0"),
        ("a.npz", npz(images=np.array([{}]), labels=np.array([1])), "expected an .npz file"),
        ("a.csv", b"", "names the columns file and label, found nothing"),
        ("a.csv", b"one,two\n1,2\n", "names the columns file and label, found one, two"),
        ("a.csv", b"file,label\nx.png\n", "line 2: expected 2 columns, found 1"),
        ("a.csv", b"file,label\nx.png,\n", "line 2: expected a label of 1 to"),
        ("a.csv", b"file,label\nx.png,\x1b[31m\n", "line 2: expected a label of 1 to"),
        ("a.csv", b"file,label,split\nx.png,1,part\n", "expected train, test or validation"),
        ("a.csv", b"file,label,split\nx.png,1,test\ny.png,1,\n", "found 1 without, such as y.png"),
        ("a.csv", b"file,label\nx.png," + b"1" * (MAX_LABEL + 1), "expected a label of 1 to"),
        ("a.csv", b"\xff\xfe\x00", "expected a CSV file in UTF-8"),
        ("a.csv", b"file,label\n", "expected labelled pictures, found none"),
        ("a.csv", b"label,pixel0,pixel1\n1,2,200\n", "pixels of a square image"),
        ("a.csv", b"label,pixel0\n1,x\n2,255\n", "expected numbers as pixels"),
        ("a.csv", b"file,label\nmissing.png,1\n", "missing.png: There is no such file"),
        ("a.npz", npz(images=ONE // 16, labels=np.zeros(1, int)), "found at most 15; scale them"),
        ("a.csv", b"label,pixel0\n1,16\n", "found at most 16; scale them"),
        ("a.npz", npz(images=ONE, labels=np.array([0]), classes=np.array("a")), "as a list"),
        ("a.npz", npz(images=ONE, labels=np.array(["b"]), classes=np.array(["a"])), "found 'b'"),
        ("a.txt", b"file,label\n", "found something else"),
    ],
)  # fmt: skip
def test_files_that_are_no_set_are_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_folders_that_are_no_set_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No folder or file of labelled pictures at"):
        load(tmp_path / "missing")
    with pytest.raises(InvalidInput, match="expected labelled pictures, found none"):
        load(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(InvalidInput, match=r"if labels\.csv has the labels, name that file"):
        load(tmp_path)
    write(tmp_path / "a\u202eb" / "a.png", drawn("1"))
    with pytest.raises(InvalidInput, match="expected a label of 1 to"):
        load(tmp_path)
    with pytest.raises(InvalidInput, match="crop: expected ink or none, found 'some'"):
        load(tmp_path, crop="some")
    with pytest.raises(InvalidInput, match="crop: expected none for mnist"):
        load("mnist", crop="ink")
    with pytest.raises(InvalidInput, match=r"No data set is called 'minst'.*such as \./mine"):
        load("minst")


def test_too_many_classes_are_refused(tmp_path: Path) -> None:
    num = MAX_CLASSES + 1
    np.savez(tmp_path / "a.npz", x=np.full((num, 4, 4), 255, np.uint8), y=np.arange(num) + 10)
    with pytest.raises(InvalidInput, match="at most 1,000 classes, found 1,001"):
        load(tmp_path / "a.npz")


def test_labels_of_idx_files_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(write_idx(ONE))
    with pytest.raises(InvalidInput, match="expected its labels in train-labels-idx1-ubyte"):
        load(tmp_path)


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "7" / "loop").symlink_to(folder, target_is_directory=True)
    assert len(find_labelled(folder).pictures) == 30


def test_a_set_is_kept_in_the_cache_until_anything_changes(
    folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(*arguments: Any) -> Any:
        made.append("made")
        return crop_pictures(*arguments)

    monkeypatch.setattr("digits.data.custom.crop_pictures", counted)
    first = load_custom(folder)
    again = load_custom(folder)
    assert len(made) == 1
    assert again.digest == first.digest
    (kept,) = (own_cache / "custom").iterdir()
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    assert load_custom(folder).digest == first.digest
    assert len(made) == 2, "what is damaged is made anew"
    write(folder / "2" / "0.png", drawn("2", seed=77))
    assert load_custom(folder).digest != first.digest
    assert len(made) == 3
    (folder / "2" / "1.png").rename(folder / "4" / "from-2.png")
    assert load_custom(folder).digest != first.digest
    own_cache.chmod(0o500)
    assert load_custom(folder, crop="none").cropped.crop == "none"


def test_where_nothing_can_test_it_is_said_and_nothing_is_trained(tmp_path: Path) -> None:
    """All pictures of one writer: none can be held out."""
    rows = []
    for number in range(20):
        write(tmp_path / f"{number}.png", drawn("24"[number % 2], seed=number))
        rows.append(f"{number}.png,{'24'[number % 2]},anna")
    (tmp_path / "one.csv").write_text("file,label,writer\n" + "\n".join(rows))
    facts = load_custom(tmp_path / "one.csv").describe()
    assert (facts["train"], facts["test"], facts["writers"]) == (20, 0, 1)
    with pytest.raises(InvalidInput, match="expected test images, found none, as all pictures"):
        digits.train("fast", dataset=tmp_path / "one.csv", batch_size=4, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert load(tmp_path / "one.csv").split(5)[1] is None


def test_validation_folders_test_where_none_else_do(folder: Path) -> None:
    root = folder.parent / "split"
    (root / "val" / "4").mkdir(parents=True)
    folder.rename(root / "train")
    write(root / "val" / "4" / "x.png", drawn("4", seed=50))
    (root / "__MACOSX").mkdir()
    assert (len(load(root).train), len(load(root).test)) == (30, 1)
    write(root / "test" / "4" / "y.png", drawn("4", seed=51))
    assert (len(load(root).train), len(load(root).test)) == (31, 1)
    write(root / "7" / "z.png", drawn("7", seed=52))
    with pytest.raises(InvalidInput, match="folders of splits alone, or of classes alone"):
        load(root)


def test_images_may_be_from_0_to_1_in_any_type(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (10, 6, 6))
    for number, kind in enumerate((np.uint8, np.int64, np.float32, bool)):
        path = tmp_path / f"{number}.npz"
        np.savez(path, images=pixels.astype(kind), labels=np.array(list("ab") * 5))
        assert np.array_equal(load_custom(path).cropped.images, pixels * 255)


def test_names_that_are_no_text_are_taken(folder: Path) -> None:
    strange = os.fsencode(folder / "4") + b"/\xff\xfe.png"
    os.rename(folder / "4" / "0.png", strange)  # noqa: PTH104 - no Path has such a name
    assert len(load(folder).whole) == 30


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_held_out_is_in_proportion_and_parts_no_group(data: st.DataObject) -> None:
    num = data.draw(st.integers(20, 200))
    num_classes = data.draw(st.integers(1, 6))
    labels = np.array(data.draw(st.lists(st.integers(0, num_classes - 1), min_size=num,
                                         max_size=num)), np.int64)  # fmt: skip
    size = data.draw(st.integers(0, num - 1))
    alone = hold_out(labels, size, num_classes)
    assert alone.sum() == size
    share = np.bincount(labels[alone], minlength=num_classes)
    assert (abs(share - np.bincount(labels, minlength=num_classes) * size / num) < 1).all()
    groups = np.array(data.draw(st.lists(st.integers(0, num // 3), min_size=num, max_size=num)))
    chosen = hold_out(labels, size, num_classes, groups)
    assert not set(groups[chosen]) & set(groups[~chosen])


def test_groups_come_near_to_the_proportions() -> None:
    labels = np.tile(np.arange(10), 100)
    writers = np.repeat(np.arange(100), 10)
    chosen = hold_out(labels, 200, 10, writers)
    assert chosen.sum() == 200
    assert (np.bincount(labels[chosen]) == 20).all()
    # Not the first ones, who may be all of one school.
    assert writers[chosen].max() > 50


def test_merged_groups_are_chains() -> None:
    first = np.array([0, 0, 1, 2, 3], np.int64)
    second = np.array([0, 1, 1, 2, 3], np.int64)
    assert merge_groups(first, second).tolist() == [0, 0, 0, 1, 2]


def slow_pairs(images: np.ndarray) -> int:
    """Number of images that correlate enough with one before them, each pair compared in full."""
    flat = [image.ravel().astype(float) for image in images]
    near = 0
    for later in range(len(flat)):
        for earlier in range(later):
            if np.corrcoef(flat[later], flat[earlier])[0, 1] >= DUPLICATES.correlation:
                near += 1
                break
    return near


def test_copies_are_found_as_by_comparing_each_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits.data.duplicates.NUM_COMPARED", 7)  # several blocks, and the rest
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (40, 29, 29), dtype=np.uint8)
    noisy = [np.clip(image + rng.normal(0, level, image.shape), 0, 255)
             for image, level in zip(base, np.linspace(2, 20, 40), strict=True)]  # fmt: skip
    images = np.concatenate([base, np.array(noisy, np.uint8)])
    found = find_duplicates(images)
    assert found.num_exact == 0
    assert 0 < found.num_near == slow_pairs(images) < 40
    same = find_duplicates(np.concatenate([base, base]))
    assert (same.num_exact, same.num_near) == (40, 0)
    assert (same.groups[:40] == same.groups[40:]).all()


def test_the_least_correlation_of_copies_is_no_arbitrary_number() -> None:
    """Doubled, nothing would be a copy."""
    stream = io.BytesIO()
    Image.fromarray(drawn("3")).save(stream, "JPEG", quality=50)
    again = np.asarray(Image.open(stream))
    images = [drawn("3").ravel(), again.ravel(), drawn("3", seed=1).ravel()]
    copy, other = np.corrcoef(images)[0, 1:]
    assert other < DUPLICATES.correlation <= copy < 2 * DUPLICATES.correlation


@pytest.mark.parametrize("make", [lambda: np.zeros((0, 8, 8)), lambda: np.zeros((3, 8, 8))])
def test_images_without_contrast_are_no_near_copies(make: Callable[[], np.ndarray]) -> None:
    images = make().astype(np.uint8)
    found = find_duplicates(images)
    assert (found.num_exact, found.num_near) == (max(0, len(images) - 1), 0)
