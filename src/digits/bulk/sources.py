"""Sources: the files to read, by name, and where their bytes are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from digits.bulk.folders import LeftOut, list_folder
from digits.bulk.places import (
    Address,
    Place,
    StandardInput,
    is_folder,
    is_pattern,
    key_of,
    name_of,
    places_of,
)
from digits.errors import DigitsError, InvalidInput

Tell = Callable[[LeftOut], object]


@dataclass(frozen=True)
class Source:
    """A file to read, of one picture or of several pages."""

    name: str
    """The name that it is known by: in what is printed, in tables, and to tell what was read."""
    content: Path | bytes | Address | DigitsError
    """The file, its bytes, the address from which these are fetched, or why they can't be had."""

    def load(self) -> Path | bytes:
        """Give what a reader takes: the file, or its bytes.

        Raises:
            DigitsError: If they can't be had.
        """
        if isinstance(self.content, DigitsError):
            raise self.content
        return self.content.load() if isinstance(self.content, Address) else self.content


def find_sources(
    arguments: Iterable[str | Path],
    *,
    recursive: bool = False,
    fetch: bool = False,
    on_left_out: Tell = lambda left_out: None,
) -> Iterator[Source]:
    """Find files to read: those that are named, and the pictures of folders, in natural order.

    Each is given once, under the name by which it comes first. A folder is listed when the files
    before it have been taken, so that the names in one are held; but all names are, if there is
    more than one argument, as two may lead to the same file.

    Args:
        arguments: Files and folders; in text, also patterns (`scans/*.png`), `-` for standard
            input, and addresses.
        recursive: Read the pictures of subfolders as well, after those of the folder itself.
        fetch: Fetch what is at addresses (`https://…`), when it is read.
        on_left_out: Called with what is left out of a folder, when all of it has been listed.

    Raises:
        InvalidInput: If an address is not to be fetched, or nothing can come from standard input.
    """
    places: dict[str, Place] = {}
    for place in (place for argument in arguments for place in places_of(argument)):
        places.setdefault(key_of(place), place)
        if isinstance(place, Address) and not fetch:
            raise InvalidInput(f"{place.url} is an address; --fetch fetches what is there.")
        if isinstance(place, StandardInput):
            place.check()
    sources = (
        source for place in places.values() for source in _sources_at(place, recursive, on_left_out)
    )
    return _each_once(sources) if len(places) > 1 else sources


def names_one_file(arguments: Iterable[str | Path]) -> bool:
    """Whether arguments name a single file, be it there or not: no folder, and no pattern."""
    match list(arguments):
        case [one]:
            return not is_pattern(one) and not is_folder(places_of(one)[0])
    return False


def _each_once(sources: Iterator[Source]) -> Iterator[Source]:
    seen: set[str] = set()
    for source in sources:
        key = key_of(source.content) if isinstance(source.content, Path) else source.name
        if key not in seen:
            seen.add(key)
            yield source


def _sources_at(place: Place, recursive: bool, on_left_out: Tell) -> Iterator[Source]:
    if isinstance(place, StandardInput):
        yield Source(name_of(place), _loaded(place))
    elif isinstance(place, Path) and is_folder(place):
        left_out = LeftOut(place)
        yield from _pictures_in(left_out, recursive)
        if not left_out.is_empty:
            on_left_out(left_out)
    else:
        yield Source(name_of(place), place)


def _loaded(place: StandardInput) -> bytes | DigitsError:
    try:
        return place.load()
    except DigitsError as error:
        return error


def _pictures_in(left_out: LeftOut, recursive: bool) -> Iterator[Source]:
    """Find the pictures of a folder, then those of its subfolders, one after the other."""
    folders = [left_out.folder]
    while folders:
        folder = folders.pop()
        try:
            files, subfolders, links = list_folder(folder)
        except OSError as error:
            yield Source(str(folder), DigitsError(f"Can't be listed: {error.strerror}."))
            continue
        for path in (folder / name for name in files):
            if left_out.takes(path):
                yield Source(str(path), path)
        if recursive:
            folders += [folder / name for name in reversed(subfolders)]
        else:
            left_out.subfolders.add(*subfolders)
        left_out.links.add(*(left_out.name_of(folder / name) for name in links))
