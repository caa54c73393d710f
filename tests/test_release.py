"""A release: its version, what is in its files, their bytes, the changelog and the citation."""

import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.version import Version

import release
from release import RELEASED, ReleaseFiles

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "digits"
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
VERSIONS = [found["version"] for found in RELEASED.finditer(CHANGELOG)]

DECIDE_THE_VERSION = ("pyproject.toml", ".gitattributes", ".git_archival.txt", "LICENSE")


def git(tree: Path, *arguments: str) -> str:
    """Run git as somebody, whatever is configured here."""
    somebody = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    return subprocess.run(
        ["git", *somebody, *arguments], cwd=tree, capture_output=True, text=True, check=True
    ).stdout


def version(tree: Path) -> str:
    return ProjectMetadata(str(tree), PluginManager()).version


@pytest.fixture(autouse=True)
def _no_version_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SETUPTOOLS_SCM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository of one commit with all that decides the version."""
    tree = tmp_path / "clone"
    tree.mkdir()
    for name in DECIDE_THE_VERSION:
        shutil.copy(ROOT / name, tree)
    (tree / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 1.0.0 – 2026-12-01\n")
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "First")
    return tree


def commit(tree: Path) -> str:
    """Commit a change; returns its short name."""
    (tree / "LICENSE").write_text("changed")
    git(tree, "commit", "--quiet", "--all", "--message", "Next")
    return git(tree, "rev-parse", "--short", "HEAD").strip()


def archive(tree: Path) -> Path:
    """Unpack what `git archive` makes of the commit."""
    copy = tree.with_name("archive")
    copy.mkdir()
    git(tree, "archive", "--output", str(tree.with_name("a.tar")), "HEAD")
    shutil.unpack_archive(tree.with_name("a.tar"), copy, filter="data")
    return copy


def test_a_tag_of_a_version_gives_the_version_and_no_other_tag_does(clone: Path) -> None:
    for tag in ("nightly-2026", "v9-old", "v9.0.0-trial"):
        git(clone, "tag", tag)
    assert re.fullmatch(r"0\.0\.1\.dev1\+unknown\.g[0-9a-f]+", version(clone))
    git(clone, "tag", "v1.0.0")
    assert version(clone) == version(archive(clone)) == "1.0.0"
    git(clone, "worktree", "add", "--quiet", "../worktree", "v1.0.0")
    assert version(clone.with_name("worktree")) == "1.0.0"


def test_what_comes_after_a_tag_is_no_release(clone: Path) -> None:
    git(clone, "tag", "v1.0.0")
    (clone / "LICENSE").write_text("changed, and not committed")
    assert re.fullmatch(r"1\.0\.1\.dev0\+g[0-9a-f]+\.d\d{8}", version(clone))
    name = commit(clone)
    assert version(clone) == version(archive(clone)) == f"1.0.1.dev1+g{name}"
    git(clone, "tag", "v1.1.0rc1")
    assert version(clone) == "1.1.0rc1"


def test_a_shallow_clone_has_the_version_of_its_tag_or_knows_none(clone: Path) -> None:
    git(clone, "tag", "v1.0.0")
    shallow = ("clone", "--quiet", "--depth", "1", "-c", "advice.detachedHead=false")
    git(clone, *shallow, "--branch", "v1.0.0", clone.as_uri(), "../tagged")
    assert version(clone.with_name("tagged")) == "1.0.0"
    commit(clone)
    git(clone, *shallow, clone.as_uri(), "../untagged")
    with pytest.warns(UserWarning, match="is shallow"):
        assert "+unknown.g" in version(clone.with_name("untagged"))


def test_a_copy_without_history_has_no_version_even_inside_another_clone(clone: Path) -> None:
    git(clone, "tag", "v3.0.0")
    copy = clone / "vendor" / "digits"
    copy.mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", copy)
    assert version(copy) == "0.0.0+unknown"


@pytest.mark.filterwarnings("ignore:unprocessed git archival", "ignore:git archive did not")
def test_a_copy_of_an_untagged_commit_without_history_has_no_version(clone: Path) -> None:
    assert version(archive(clone)) == "0.0.0+unknown"
    shutil.rmtree(clone / ".git")
    assert version(clone) == "0.0.0+unknown"


@pytest.mark.parametrize(
    ("tag", "changed", "message"),
    [
        (None, False, "expected a tag such as v1.0.0 on this commit, found none"),
        ("v1.0.0", True, "expected a tree without changes, found 1"),
        ("v1.0.1", False, "expected 1.0.1 to be the newest in CHANGELOG.md, found 1.0.0"),
    ],
)
def test_a_commit_that_is_no_release_is_refused(
    clone: Path, tag: str | None, changed: bool, message: str
) -> None:
    if tag:
        git(clone, "tag", tag)
    if changed:
        (clone / "new.py").touch()
    with pytest.raises(ValueError, match=re.escape(message)):
        release.tagged_version(clone)


def test_a_tagged_commit_is_released_by_its_version(clone: Path) -> None:
    git(clone, "tag", "-a", "v1.0.0", "-m", "digits 1.0.0")
    assert release.tagged_version(clone) == "1.0.0"


def copy_tree(folder: Path, *, mode: int, seconds: int, backwards: bool) -> Path:
    """Copy what is in the repository, less its history, with modes and times of another disk."""
    names = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in sorted(names, reverse=backwards):
        if (ROOT / name).is_file() and (name.startswith("src/") or name in release.BESIDE):
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place)
            place.chmod(mode)
            os.utime(place, (seconds, seconds))
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ReleaseFiles:
    """The release files of this tree."""
    folder = tmp_path_factory.mktemp("release")
    tree = copy_tree(folder / "one", mode=0o600, seconds=1_000_000_000, backwards=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DIGITS", "1.0.0")
        return release.build(tree, folder / "dist")


def test_another_folder_time_and_mask_give_the_same_bytes(
    files: ReleaseFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DIGITS", "1.0.0")
    tree = copy_tree(tmp_path / "other", mode=0o664, seconds=1_700_000_000, backwards=True)
    again = release.build(tree, tmp_path / "dist")
    assert again.wheel.read_bytes() == files.wheel.read_bytes()
    assert again.sdist.read_bytes() == files.sdist.read_bytes()


def test_both_files_pass_the_checks_of_a_release(files: ReleaseFiles) -> None:
    assert [file.name for file in files] == [
        "digits-1.0.0-py3-none-any.whl",
        "digits-1.0.0.tar.gz",
    ]
    release.check(files)
    release.check_sdist(files)


def test_a_wheel_that_the_sdist_does_not_make_is_refused(
    files: ReleaseFiles, tmp_path: Path
) -> None:
    changed = Path(shutil.copy(files.wheel, tmp_path))
    with zipfile.ZipFile(changed, "a") as wheel:
        wheel.writestr("digits/late.py", "")
    with pytest.raises(ValueError, match="makes another wheel"):
        release.check_sdist(files._replace(wheel=changed))


def test_both_files_have_all_of_the_package(files: ReleaseFiles) -> None:
    package = {
        name.removeprefix("src/")
        for name in git(ROOT, "ls-files", "src/digits").splitlines()
        if (ROOT / name).is_file()
    }
    wheel, sdist = (set(release.contents(file)) for file in files)
    assert package <= wheel
    assert {f"src/{name}" for name in package} <= sdist
    assert {f"digits-1.0.0.dist-info/{name}" for name in release.METADATA} <= wheel
    assert sdist >= release.BESIDE


@pytest.mark.parametrize(
    "name",
    [
        "digits/reading/samples/mine.jpg",
        "digits/reading/weights/trial.onnx",
        "digits/weights/balanced/checkpoint.pt",
        "digits/weights/notes.json",
        "digits/page/photo.png",
        "digits/data/train-images-idx3-ubyte.gz",
        "digits/.env",
        "tests/test_release.py",
        "src/tests/test_release.py",
        "digits-1.0.0.dist-info/notes.txt",
    ],
)
def test_what_is_not_listed_may_not_be_in_a_release(name: str) -> None:
    assert release.unexpected([name, "digits/run.py", "src/digits/page/main.js"]) == [name]


def test_weights_have_their_cards_and_pictures_of_mnist_their_licence() -> None:
    for folder in (SOURCE / "reading" / "weights", SOURCE / "weights"):
        card = (folder / "README.md").read_text()
        for path in folder.iterdir():
            is_no_network = path.suffix in (".py", ".md") or path.name in (
                "__pycache__",
                "SHA256SUMS",
            )
            assert is_no_network or f"`{path.name}`" in card, path
    pictures = re.findall(r"[\w/]+\.jpg|[\w/]+\.png", (ROOT / "NOTICE").read_text())
    assert len(pictures) == 4
    assert all((SOURCE / picture).is_file() for picture in pictures)


def description(files: ReleaseFiles) -> str:
    """What a package index shows."""
    with zipfile.ZipFile(files.wheel) as wheel:
        return wheel.read("digits-1.0.0.dist-info/METADATA").decode().partition("\n\n")[2]


def test_what_an_index_shows_has_no_broken_link_and_its_example_reads(
    files: ReleaseFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = description(files)
    assert not re.search(r"\]\((?!https://)|<img|<picture", shown), "it is not in the repository"
    (example,) = re.findall(r"^```python\n(.*?)^```", shown, re.MULTILINE | re.DOTALL)
    shutil.copy(SOURCE / "reading" / "samples" / "paper.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    assert capsys.readouterr().out == "237845\n"


def test_the_changelog_has_the_form_that_it_names() -> None:
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    if headings[0] == "Unreleased":
        del headings[0]
    found = list(RELEASED.finditer(CHANGELOG))
    assert [each[0].removeprefix("## ") for each in found] == headings
    versions = [Version(each["version"]) for each in found]
    assert [str(each) for each in versions] == VERSIONS, "as PEP 440 writes them"
    assert versions == sorted(set(versions), reverse=True)
    days = [date.fromisoformat(each["date"]) for each in found]
    assert days == sorted(days, reverse=True)
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for section in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        under = re.findall(r"^### (.*)$", section, re.MULTILINE)
        assert set(under) <= set(kinds)
        assert len(under) == len(set(under)), "each kind once"


def test_a_tagged_commit_is_the_newest_version_of_the_changelog() -> None:
    tags = git(ROOT, "tag", "--points-at", "HEAD", "--list", "v[0-9]*").split()
    assert set(tags) <= {f"v{VERSIONS[0]}"}


def test_the_citation_is_of_the_newest_release_and_names_what_cff_requires() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert all(author.get("name") or author.get("family-names") for author in citation["authors"])
    (newest,) = [found for found in RELEASED.finditer(CHANGELOG) if found["version"] == VERSIONS[0]]
    assert citation["version"] == newest["version"]
    assert citation["date-released"] == date.fromisoformat(newest["date"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert " AND ".join(citation["license"]) == project["license"]
