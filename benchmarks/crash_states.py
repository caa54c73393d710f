"""States that a disk may be in after a power cut, given the log of what was written before it.

The model is a strict reading of POSIX, after Pillai et al. 2014, "All File Systems Are Not Created
Equal" (OSDI). It assumes that

- what a file contains survives once the file is synced. Of what was written since the last sync,
  there may be nothing, the first half, zeros instead of all or of the second half, or everything;
  what was truncated may still be there;
- a change of a folder (something is made, renamed or removed in it) survives once that folder is
  synced. Before, each may be there or not, in any order, except that changes of one name keep
  theirs. To sync a new file is not to sync its name;
- a rename is atomic: both names change, or neither does;
- what was there before, and the root folder itself, survives.

A disk that loses what it said was synced is not modelled.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from write_log import Call

State = tuple[tuple[Path, bytes | None], ...]
"""The path of each file and folder, sorted, with the content of a file; None for a folder."""


@dataclass(eq=False)
class File:
    """A file: what it contains, and what it contained when it was last synced."""

    content: bytes = b""
    synced: bytes = b""

    def after_cut(self) -> list[bytes]:
        """Give all that it may contain after a power cut."""
        # Writing goes on at the end of what was synced, or anew if that was truncated.
        size = len(self.synced) if self.content.startswith(self.synced) else 0
        kept, new = self.content[:size], self.content[size:]
        half = new[: len(new) // 2]
        survivors = b"", half, half + bytes(len(new) - len(half)), bytes(len(new)), new
        return list(dict.fromkeys([self.synced, *(kept + survivor for survivor in survivors)]))


@dataclass(eq=False)
class Folder:
    """A folder, with the entries that it had when it was last synced."""

    synced: dict[str, "File | Folder"] = field(default_factory=dict)


Change = dict[tuple[Folder, str], File | Folder | None]
"""Entries of folders that change together; None where one is removed."""


class Disk:
    """What calls have written, and how much of it is sure to survive.

    Args:
        before: What there was before, and survives.

    Attributes:
        whole: What files of each name contained when they were closed, or renamed to it.
    """

    def __init__(self, before: State = ()) -> None:
        self.whole: defaultdict[str, set[bytes]] = defaultdict(set)
        self._pending: list[Change] = []
        self._root = Folder()
        for path, content in before:
            made = [Call("mkdir", path)]
            if content is not None:
                kinds = "create", "write", "close", "sync"
                made = [Call(kind, path, content) for kind in kinds]
            for call in (*made, Call("sync", path.parent)):
                self.replay(call)

    def replay(self, call: Call) -> None:
        """Do what a call did."""
        if call.kind == "print":
            return
        found = {Path(): self._root, **dict(_walk(self._root, self._pending))}

        def entry(path: Path) -> tuple[Folder, str]:
            folder = found[path.parent]
            assert isinstance(folder, Folder)
            return folder, path.name

        node = found.get(call.path)
        match call.kind, node:
            case "create", None:
                self._pending.append({entry(call.path): File()})
            case "mkdir", None:
                self._pending.append({entry(call.path): Folder()})
            case "remove", File() | Folder():
                self._pending.append({entry(call.path): None})
            case "rename", File() | Folder():
                assert call.target is not None
                self._pending.append({entry(call.path): None, entry(call.target): node})
                if isinstance(node, File):
                    self.whole[call.target.name].add(node.content)
            case "truncate", File():
                node.content = b""
            case "write", File():
                node.content += call.content
            case "close", File():
                self.whole[call.path.name].add(node.content)
            case "sync", File():
                node.synced = node.content
            case "sync", Folder():
                self._sync(node)
            case ("create", File()) | ("close", Folder()):
                pass
            case _:
                raise ValueError(
                    f"{call.kind} {call.path}: expected it to fit what is there, found {node}"
                )

    def state(self) -> State:
        """Give what can be read now."""
        return next(_states(self._root, self._pending, lambda file: [file.content]))

    def after_cut(self) -> Iterator[State]:
        """Give all that may be there after a power cut now; a state may come more than once."""
        for survivors in _survivors(self._pending):
            yield from _states(self._root, survivors, File.after_cut)

    def _sync(self, folder: Folder) -> None:
        """Make sure of a folder's changes, and of the earlier ones of the same names."""
        needed: set[tuple[Folder, str]] = set()
        synced: list[Change] = []
        for change in reversed(self._pending):
            if needed & change.keys() or any(changed is folder for changed, _ in change):
                needed |= change.keys()
                synced.insert(0, change)
        self._pending = [each for each in self._pending if not any(each is s for s in synced)]
        for change in synced:
            for (changed, name), node in change.items():
                if node is None:
                    del changed.synced[name]
                else:
                    changed.synced[name] = node


def _survivors(pending: list[Change]) -> list[list[Change]]:
    """List the selections of changes in which none comes without the earlier ones of its names."""
    selections: list[tuple[list[Change], frozenset[tuple[Folder, str]]]] = [([], frozenset())]
    for change in pending:
        with_it = [([*kept, change], lost) for kept, lost in selections if not lost & change.keys()]
        selections = with_it + [(kept, lost | change.keys()) for kept, lost in selections]
    return [kept for kept, _ in selections]


def _walk(
    folder: Folder, changes: list[Change], path: Path = Path()
) -> Iterator[tuple[Path, File | Folder]]:
    """Go through all that is below a folder once these changes are made."""
    entries: dict[str, File | Folder | None] = dict(folder.synced)
    for change in changes:
        entries |= {name: node for (changed, name), node in change.items() if changed is folder}
    for name, node in entries.items():
        if node is not None:
            yield path / name, node
        if isinstance(node, Folder):
            yield from _walk(node, changes, path / name)


def _states(
    root: Folder, changes: list[Change], contents: Callable[[File], list[bytes]]
) -> Iterator[State]:
    """Combine what each file may contain."""
    nodes = dict(sorted(_walk(root, changes)))
    possible = [contents(n) if isinstance(n, File) else [None] for n in nodes.values()]
    for chosen in product(*possible):
        yield tuple(zip(nodes, chosen, strict=True))


def is_temporary(path: Path) -> bool:
    """Whether a path has a temporary name, or leads through a folder that has one."""
    return any(part.startswith(".") for part in path.parts)


def without_temporary(state: State) -> State:
    """Leave out what has a temporary name."""
    return tuple((path, content) for path, content in state if not is_temporary(path))


def read_state(folder: Path) -> State:
    """Read all that is below a folder."""
    return tuple(
        (path.relative_to(folder), path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    )


def write_state(state: State, folder: Path) -> None:
    """Make files and folders as a state has them."""
    for path, content in state:
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)
