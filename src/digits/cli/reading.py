"""Commands about pictures: to read them, to learn from them, to serve those who have some."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digits.cli.app import app
from digits.errors import DigitsError, InvalidInput
from digits.flags import (
    Json,
    Model,
)
from digits.show.console import print_json
from digits.show.readings import show_learned, show_left_out, show_record, show_tally

if TYPE_CHECKING:
    from digits.bulk.folders import LeftOut
    from digits.bulk.records import Record
    from digits.bulk.sources import Source
    from digits.reader import Reader
    from digits.reading.results import Reading


@app.command()
def read(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE...",
            help="Pictures, or folders of them; - for standard input; with --fetch, addresses.",
        ),
    ],
    model: Model = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Refuse what is read with less confidence, 0 to 1. (default: 0.78)"),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG", help="Draw how one picture was read, or the first page of a file."
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Read the pictures of subfolders, too.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch pictures at addresses on the internet.")
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate/--no-rotate", help="Apply the EXIF orientation.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Write a table (.csv, .jsonl, .parquet) instead of printing. The same command "
            "goes on where it was stopped, and adds new files.",
        ),
    ] = None,
    by: Annotated[
        Literal["digit", "line", "picture"] | None,
        typer.Option(help="What a row of the table stands for. (default: line)"),
    ] = None,
    sure: Annotated[
        float | None,
        typer.Option(
            metavar="CONFIDENCE",
            help="Put what is refused, or read with less confidence, into TABLE.review.csv beside "
            "it, such as with 0.99. (default: all in one table)",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="HTML", help="Write a page that shows what is not sure, to be corrected there."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Read by so many processes side by side, 1 to 256, of one thread each. "
            "(default: by this one, with a thread for each core)",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a picture, a line each.")
    ] = False,
) -> int:
    """Read the digits in people's own pictures: photos, scans, drawings."""
    from digits.bulk.records import read_source
    from digits.bulk.sources import find_sources, names_one_file
    from digits.reader import Reader
    from digits.show.progress import reading_progress

    if out is None and any(flag is not None for flag in (by, sure, report)):
        raise InvalidInput("--by, --sure and --report are about a table; name it with --out.")
    is_single = names_one_file(pictures)
    if explain is not None:
        if not is_single:
            raise InvalidInput("--explain draws one picture; name one.")
        if out is not None or workers is not None:
            raise InvalidInput("--explain draws one picture; leave --out and --workers out.")
        # Before anything is read, as the base installation has nothing to draw with.
        from digits.plots.readings import write_explanation
    if out is not None:
        from digits.bulk.tables import Outputs, write_tables

        outputs = Outputs(out, by or "line", sure, report)
    reader = Reader(model, threshold=threshold, num_threads=None if workers is None else 1)
    find = partial(find_sources, pictures, recursive=recursive, fetch=fetch)
    has_failed = False

    def tell(left_out: "LeftOut") -> None:
        nonlocal has_failed
        show_left_out(left_out)
        has_failed = has_failed or bool(left_out.not_read)

    def read_all(
        sources: "Iterable[Source]", cutouts_below: float = 0.0
    ) -> "Generator[Record, None, None]":
        nonlocal has_failed
        if explain is not None:
            write = partial(write_explanation, path=explain)
            records = _read_and_explain(reader, sources, rotate, write)
        else:
            read_one = partial(read_source, reader, rotate=rotate, cutouts_below=cutouts_below)
            records = _read_by(workers, read_one, sources)
        count = partial(_count, pictures, find)
        with closing(records), reading_progress(count, is_printed=out is None) as advance:
            for record in records:
                has_failed = has_failed or record.has_failed
                yield record
                advance()

    found = find(on_left_out=tell)
    first = next(found, None)
    if first is None:
        if has_failed:
            return 1
        raise InvalidInput(f"{', '.join(pictures)}: expected pictures, found none.")
    sources = chain([first], found)
    if out is not None:
        settings = {"threshold": reader.threshold, "rotate": rotate, "model": reader.digest}
        read_new = partial(read_all, cutouts_below=outputs.cutouts_below)
        tally = write_tables(outputs, sources, read_new, settings)
        show_tally(tally, outputs, as_json=as_json)
        return int(has_failed or tally.pages_failed > 0)
    with closing(read_all(sources)) as records:
        for record in records:
            show_record(record, as_json=as_json, is_single=is_single)
    return int(has_failed)


def _read_by(
    workers: int | None, read_one: "Callable[[Source], Record]", sources: "Iterable[Source]"
) -> "Generator[Record, None, None]":
    """Read sources by this process, or by workers."""
    if workers is None:
        return (read_one(source) for source in sources)
    from digits.bulk.workers import read_with_workers

    return read_with_workers(read_one, sources, num_workers=workers)


def _read_and_explain(
    reader: "Reader",
    sources: "Iterable[Source]",
    rotate: bool,
    write: "Callable[[Reading], object]",
) -> "Generator[Record, None, None]":
    """Read sources, and explain how the first page of each was read."""
    from digits.bulk.records import read_pages, record_of

    for source in sources:
        pages = read_pages(reader, source, rotate=rotate)
        first = next(pages)
        if not isinstance(first, DigitsError):
            write(first)
        yield record_of(source, chain([first], pages))


def _count(pictures: list[str], find: "Callable[[], Iterable[Source]]") -> int | None:
    """Count the files to read, if they can be listed twice."""
    return None if "-" in pictures else sum(1 for _ in find())


@app.command()
def learn(
    corrections: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Pictures in folders named by the digits that stand on them: 7, 1995; or as "
            "--data of other commands takes them.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The model folder to make. (default: runs/learned-<time>)"),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A model folder to go on from. (default: the networks of the package)",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of all that is drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Teach the networks that read pictures what they misread, and make a model of it."""
    from digits.learning import learn as learn_from

    learned = learn_from(corrections, out=out, model=model, seed=seed)
    if as_json:
        print_json(learned.to_dict())
        return
    show_learned(learned)


@app.command()
def serve(
    host: Annotated[
        str,
        typer.Option(help="The address to listen at; with 0.0.0.0, other machines can connect."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen at; 0 takes a free one.")
    ] = 8000,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser.")
    ] = False,
    model: Model = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Another site whose pages may send requests; may be repeated."
        ),
    ] = None,
    learn: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep corrections that are made on the page in this folder, and learn from them "
            "when asked to (with the extra train). (default: keep nothing)",
        ),
    ] = None,
    learn_from_anyone: Annotated[
        bool,
        typer.Option(
            "--learn-from-anyone", help="Do so where other machines can connect (--host), too."
        ),
    ] = False,
) -> None:
    """Serve a page to draw digits on, and an HTTP API that reads pictures."""
    from digits.reader import Reader
    from digits.reading.model_folder import is_model_folder
    from digits.server.learning import COMMAND, LearningCommand
    from digits.server.process import serve as run_server

    def open_reader(model: Path | str | None) -> Reader:
        # More threads for one request would wait for those of the others.
        return Reader(model, num_threads=1)

    learner = None
    if learn is not None:
        learns_on = () if model is None else ("--model", str(model.absolute()))
        if model is not None and not is_model_folder(model):
            raise InvalidInput(
                "--learn goes on from the networks of the package, or from a model folder made by "
                f"digits learn, and {model} is none; leave one of the two away."
            )
        learner = LearningCommand(learn, open_reader, command=(*COMMAND, *learns_on))
    run_server(
        open_reader(model),
        host=host,
        port=port,
        open_browser=open_browser,
        origins=tuple(allow_origin or ()),
        learner=learner,
        learn_from_anyone=learn_from_anyone,
    )
