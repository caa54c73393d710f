"""Every code block of the handbook runs as it stands, and prints what it says."""

import ast
import os
import re
import shlex
import shutil
import socket
import sys
import time
from importlib.resources import files
from itertools import dropwhile, groupby, pairwise
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from PIL import Image, ImageOps
from typer.main import get_command

import digits
from digits.cli import app
from digits.data.cache import ROOT_VARIABLE, data_root
from tests.blocks import RUN, SHOWN, Failed, find_blocks, run_page
from tests.tools import needs

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): find_blocks(path.read_text())
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
}
NOT_RUN = [(page, block) for page, blocks in PAGES.items() for block in blocks if block.reason]
MOST_NOT_RUN = 20
"""Most blocks that are not run. It may fall."""


def pages_that_run() -> list[object]:
    """The pages with blocks that run, as parameters: each in a group of its own."""
    return [
        pytest.param(page, id=f"::{page}::")
        for page, blocks in PAGES.items()
        if any(block.language in RUN and block.reason is None for block in blocks)
    ]


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a reader has: a photo, scans, labelled pictures, a network's weights."""
    folder = tmp_path_factory.mktemp("given")
    samples = Path(str(files("digits.reading") / "samples"))
    shutil.copy(samples / "paper.jpg", folder / "photo.jpg")
    shutil.copytree(samples, folder / "scans")
    test = digits.load("mnist").test
    for index in range(60):
        path = folder / "pictures" / str(int(test.labels[index])) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        digit = Image.fromarray(255 - test.images[index].numpy()).resize((56, 56))
        ImageOps.expand(digit, 12, fill=255).point(lambda grey: grey * 0.9).save(path)
    torch.save(digits.build_model("fast", mean=0.5, std=0.5).state_dict(), folder / "net.pt")
    return folder


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a reader's shell, whose home and cache nobody else has."""
    home, cache = (tmp_path_factory.mktemp(name) for name in ("home", "cache"))
    (cache / "MNIST").symlink_to(data_root() / "MNIST")
    return os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        ROOT_VARIABLE: str(cache),
        "MPLCONFIGDIR": matplotlib.get_configdir(),  # its list of fonts takes seconds to make
        "BROWSER": "true",  # opens nothing
        "npm_config_userconfig": str(Path.home() / ".npmrc"),
        "npm_config_cache": str(Path.home() / ".npm"),
    }


@pytest.mark.mnist
@needs("bash", "curl")
@pytest.mark.parametrize("page", pages_that_run())
def test_the_blocks_of_a_page_run_and_print_what_they_say(
    page: str, given: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(given, folder)
    run_page((ROOT / page).read_text(), folder, environment)


@needs("bash")
@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("```sh\ndigits --version\nfalse | true\nfalse\necho on\n```\n", "exit status 1"),
        ("```sh\ndigits read nothing.jpg\n```\n", "nothing.jpg"),
        ("```sh\nprintf '23784' # 237845\n```\n", "printed: 23784"),
        ("```sh\necho \\\n  a b  # prints a … c\n```\n", "printed: a b"),
        ("```sh\ntrue\n```\n\n```python\nx = 1\n```\n```python\nprint(y)\n```\n", "NameError"),
        ("```python\nx = 2\nprint(\n    x\n)  # prints 3\n```\n", "printed: 2"),
    ],
)
def test_a_block_that_fails_or_prints_something_else_fails_its_page(
    page: str, told: str, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    with pytest.raises(Failed, match=re.escape(told)):
        run_page(page, folder, environment)


@needs("bash", "curl")
def test_a_server_of_a_page_has_a_port_of_its_own_and_ends_with_the_page(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    page = "python -m http.server 8000\ncurl --fail http://127.0.0.1:8000/ > list.html\n"
    page += "curl --fail http://localhost:8000/list.html > again.html\n"
    page += "echo 127.0.0.1:8000 > address\n"
    run_page(f"```sh\n{page}```\n", folder, environment)
    assert (folder / "again.html").stat().st_size > 0
    host, port = (folder / "address").read_text().split(":")
    assert int(port) != 8000
    for _ in range(600):  # the system takes its time to end what was killed
        with socket.socket() as client:
            if client.connect_ex((host, int(port))):
                return
        time.sleep(0.1)
    pytest.fail("the server is there after a minute")


def commands(code: str) -> list[list[str]]:
    """The words of each command in a block, without what it sets in its environment."""
    found = []
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for is_between, words in groupby(lexer, lambda word: set(word) <= set("();<>|&")):
            if not is_between:
                found.append([*dropwhile(lambda word: word == "do" or "=" in word, words)])
    return [words for words in found if words]


def digits_options(command: str) -> set[str]:
    """The options of a command; of `digits` itself, if an option stands in its place."""
    found: Any = get_command(app)
    if not command.startswith("--"):
        assert command in found.commands
        found = found.commands[command]
    return {"--help", *(name for p in found.params for name in (*p.opts, *p.secondary_opts))}


def script_options(path: Path) -> set[str]:
    """The options that a script adds to its parser."""
    return {
        word.value
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "add_argument"
        for word in call.args
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    }


@pytest.mark.parametrize("page", sorted({page for page, _ in NOT_RUN}))
def test_what_is_not_run_names_commands_and_options_that_are_there(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for words in [words for at, block in NOT_RUN if at == page for words in commands(block.code)]:
        name, rest = Path(words[0]).name, words[1:]
        if "-m" in rest and rest[rest.index("-m") + 1] == "digits":  # by torchrun
            name, rest = "digits", rest[rest.index("-m") + 2 :]
        if name == "make":
            for target in rest:
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), words
        elif name == "digits":
            given = {word.partition("=")[0] for word in rest if word.startswith("--") and word[2:]}
            assert given <= digits_options(rest[0]), words
        elif name == "python" and rest[:2] == ["-m", "pip"]:
            named = [word for flag, word in pairwise(rest) if flag in ("-c", "-r")]
            assert all((ROOT / file).is_file() for file in named), words
        elif name == "python" and rest[0].endswith(".py"):
            given = {word for word in rest if word.startswith("--")}
            assert given <= script_options(ROOT / rest[0]), words


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    reasons = [f"{page}: {block.reason}" for page, block in NOT_RUN]
    assert len(reasons) <= MOST_NOT_RUN, "\n".join(reasons)
    assert all(len((block.reason or "").split()) > 2 for _, block in NOT_RUN), reasons


def test_no_block_hides_from_being_run() -> None:
    for page, blocks in PAGES.items():
        assert {block.language for block in blocks} <= {*RUN, *SHOWN}, page
        marked = re.findall(r"^ *<!-- not run:", (ROOT / page).read_text(), re.MULTILINE)
        assert len(marked) == sum(block.reason is not None for block in blocks), page


def test_each_benchmark_result_table_and_picture_is_told_how_to_reproduce() -> None:
    page = (ROOT / "docs" / "guides" / "figures.md").read_text()
    benchmarks = ROOT / "benchmarks"
    programs = {p.name for p in benchmarks.glob("*.py") if "__main__" in p.read_text()}
    results = {path.name for path in benchmarks.glob("results/*.json")}
    pictures = {path.name for path in ROOT.glob("docs/images/*") if not path.stem.endswith("-dark")}
    named = set(re.findall(r"[\w-]+\.(?:py|json|png|gif)\b", page))
    assert programs | results | pictures <= named
    for program, options in re.findall(r"`(\w+\.py)((?: [^`]*)?)`", page):
        given = set(re.findall(r"--[\w-]+", options))
        assert not given or given <= script_options(benchmarks / program), program
