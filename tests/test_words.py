"""Names and docstrings are in the field's terms, and in sentences that a stranger understands."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "digits"

MAX_FIRST_LINE = 100
"""Most characters of the first line of a module's docstring."""

RIDDLES = ("Of ", "That ", "By how", "By which", "If a ", "What is no", "As with")
"""Beginnings of docstrings, and of entries in their sections, that have no subject."""

USE_INSTEAD = {
    "desk": "admission, workers or batching",
    "guard": "security or admission",
    "guards": "security or admission",
    "hands": "writing styles",
    "pens": "writing styles or stroke variation",
    "surroundings": "degradation",
    "nonsense": "outliers",
    "looks": "views",
    "seam": "cut",
    "seams": "cuts",
    "pieces": "components, segments or chunks",
}
"""The field's word for each word of our own that is not to come back."""

FIELD_TERMS = ("seam carving",)
"""Terms of the field that contain one of these words."""

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Docstring:
    """A docstring, or the string after an assignment that documents an attribute."""

    line: int
    text: str
    is_of_module: bool = False


def is_string(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def statements(node: ast.AST) -> list[ast.stmt]:
    body = getattr(node, "body", [])
    return body if isinstance(body, list) else []  # the body of a lambda is an expression


def docstrings(tree: ast.Module) -> Iterator[Docstring]:
    """Every string that stands as a statement first in a body, or after an assignment."""
    for node in ast.walk(tree):
        before: ast.stmt | None = None
        for statement in statements(node):
            is_first = before is None and isinstance(node, Documented)
            if is_string(statement) and (
                is_first or isinstance(before, ast.Assign | ast.AnnAssign)
            ):
                text = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
                yield Docstring(statement.lineno, text, is_first and isinstance(node, ast.Module))
            before = statement


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the text of every name that the module's code gives or uses."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        for field in ("name", "asname", "id", "attr", "arg", "module"):
            if isinstance(name := getattr(node, field, None), str):
                yield line, name


def words(text: str) -> list[str]:
    """The words of a text or an identifier, in lower case: `numSeams_left` has three."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)]


def missing_docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Modules, and their public classes, functions and methods, say what they are."""
    if not ast.get_docstring(tree):
        yield 1, "the module has no docstring; write one"
    bodies: list[Documented] = [tree]
    for body in bodies:
        for node in body.body:
            if isinstance(node, Documented) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    yield node.lineno, f"{node.name} has no docstring; write one"
                if isinstance(node, ast.ClassDef):
                    bodies.append(node)


def riddles(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings, and the entries of their sections, begin with a subject or a verb."""
    begins = "|".join(RIDDLES)
    entry = re.compile(rf"^\s+[*\w]+: (?!If a )({begins})", re.MULTILINE)  # errors begin so
    for docstring in docstrings(tree):
        found = re.match(rf"\s*({begins})", docstring.text) or entry.search(docstring.text)
        if found:
            line = docstring.line + docstring.text.count("\n", 0, found.start(1))
            yield line, f'"{found[1].strip()} …" has no subject; say what it is, in a sentence'


def words_of_our_own(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Identifiers and docstrings use the field's words."""
    spoken = [(d.line, d.text, "a docstring") for d in docstrings(tree)]
    spoken += [(line, name, f"the name {name}") for line, name in identifiers(tree)]
    for line, text, where in spoken:
        for term in FIELD_TERMS:
            text = text.replace(term, "")
        for word in set(words(text)) & USE_INSTEAD.keys():
            yield line, f"{word!r} in {where}; the field says {USE_INSTEAD[word]}"


def unfit_first_lines(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The first line of a module's docstring fits a line, and needs no other module to read."""
    for docstring in docstrings(tree):
        if not docstring.is_of_module:
            continue
        first = docstring.text.strip().partition("\n")[0]
        if len(first) > MAX_FIRST_LINE:
            yield docstring.line, f"first line of {len(first)} characters; {MAX_FIRST_LINE} at most"
        if first.startswith("The same"):
            yield docstring.line, '"The same …" refers to what is not here; name it'


Rule = Callable[[ast.Module], Iterator[tuple[int, str]]]
RULES: tuple[Rule, ...] = (missing_docstrings, riddles, words_of_our_own, unfit_first_lines)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_speaks_in_the_field_s_terms(rule: Rule) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {message}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, message in sorted(set(rule(ast.parse(path.read_text(encoding="utf-8")))))
    ]
    assert not found, "\n".join(["", *found])


def test_the_guides_go_by_their_names_and_their_files_stand_in_one_place() -> None:
    suffixes = {".py", ".md", ".toml", ".json", ".j2", ".html", ".js"}
    paths = [ROOT / "README.md", ROOT / "Makefile", ROOT / "CONTRIBUTING.md"]
    for folder in ("src", "docs", "benchmarks", "notebooks"):
        paths += [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    by_number = re.compile(r"(\bdocuments? |[|] )00[0-4]\b", re.IGNORECASE)
    found = [path.name for path in paths if by_number.search(path.read_text(encoding="utf-8"))]
    assert found == ["five-guides.md"]


def test_files_are_named_in_the_field_s_terms() -> None:
    found = [
        f"{path.relative_to(ROOT)}: the field says {USE_INSTEAD[word]}"
        for path in sorted(SOURCE.rglob("*"))
        for word in set(words(path.stem)) & USE_INSTEAD.keys()
        if "__pycache__" not in path.parts
    ]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    ("rule", "code", "line"),
    [
        (missing_docstrings, "x = 1", 1),
        (missing_docstrings, '"""A module."""\ndef f(): ...', 2),
        (
            missing_docstrings,
            '"""A module."""\nclass C:\n    """A class."""\n    def f(self): ...',
            4,
        ),
        (
            missing_docstrings,
            '"""A module."""\nclass C:\n    async def f(self):\n        """F."""',
            2,
        ),
        (riddles, '"""Of leaving ink away."""', 1),
        (riddles, 'def f():\n    """That reads."""', 2),
        (riddles, 'LIMIT = 1\n"""By how much."""', 2),
        (riddles, 'class C:\n    size: int\n    """\n    Of the whole."""', 4),
        (riddles, 'def f(self):\n    self.x: int = 1\n    """By which it is divided."""', 3),
        (riddles, 'def f(a):\n    """Add.\n\n    Args:\n        a: Of the sum.\n    """', 5),
        (words_of_our_own, '"""A desk."""', 1),
        (words_of_our_own, "def find_seams(): ...", 1),
        (words_of_our_own, "def f(*, guard): ...", 1),
        (words_of_our_own, "x = 1\nclass NonsenseMaker: ...", 2),
        (words_of_our_own, "from digits import hands", 1),
        (words_of_our_own, "import numpy\nnumpy.PENS = 1", 2),
        (words_of_our_own, "f(pieces=1)", 1),
        (unfit_first_lines, f'"""{"x" * 101}"""', 1),
        (unfit_first_lines, '\n"""The same for glyphs."""', 2),
    ],
)
def test_faults_are_found(rule: Rule, code: str, line: int) -> None:
    assert [found for found, _ in rule(ast.parse(code))] == [line]


SOUND = '''"""Over-segmentation lattice of a word: cuts, segments and their costs.

Offcuts are dropped. That is done by seam carving, of course.
"""

LIMIT = 1
"""Largest number of cuts, 1 or more."""
desktop, x = "desk", f("Of leaving ink away.")


class Lattice:
    """A lattice."""

    def __len__(self): ...

    def _hidden(self):
        return lambda hand: hand


def shorten(text):
    """Shorten a text; if a word is too long, cut it.

    Raises:
        ValueError: If a word is empty.
    """

    def inner(): ...
'''


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_sound_code_passes(rule: Rule) -> None:
    assert list(rule(ast.parse(SOUND))) == []
