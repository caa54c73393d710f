"""Commands about pictures: to read them, to learn from them, to serve those who have some."""

from collections.abc import Iterable, Iterator
from functools import partial
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
from digits.show.readings import show_learned, show_parts, show_record, show_tally

if TYPE_CHECKING:
    from digits.bulk.records import Record
    from digits.bulk.sources import Source
    from digits.reader import Reader


@app.command()
def read(
    pictures: Annotated[
        list[str], typer.Argument(metavar="PICTURE...", help="Pictures, or folders of them.")
    ],
    model: Model = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Refuse what is read with less confidence, 0 to 1. (default: 0.78)"),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw how one picture was read."),
    ] = None,
    rotate: Annotated[
        bool, typer.Option("--rotate/--no-rotate", help="Apply the EXIF orientation.")
    ] = True,
    out: Annotated[
        str | None,
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
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Read by a cluster of machines with Ray: HOST:PORT; auto for the one that was "
            "started here; local for one of this machine. --out is a folder for parts in Parquet. "
            "It and pictures may be in an object store (s3://…), and pictures in tables.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a picture, a line each.")
    ] = False,
) -> int:
    """Read the digits in people's own pictures: photos, scans, drawings."""
    from digits.bulk.records import read_pages, read_source, record_of
    from digits.bulk.sources import find_sources
    from digits.reader import Reader

    if ray is not None:
        if out is None or any(flag is not None for flag in (explain, sure, report)):
            raise InvalidInput(
                "--ray reads to a folder of parts: give --out FOLDER, and leave out --explain, "
                "--sure and --report."
            )
        reader = Reader(model, threshold=threshold, num_threads=1)
        return _read_on_cluster(ray, pictures, reader, out, by, rotate=rotate, as_json=as_json)
    is_single = len(pictures) == 1 and not Path(pictures[0]).is_dir()
    if explain is not None:
        if not is_single:
            raise InvalidInput("--explain draws one picture; name one.")
        # Before anything is read, as the base installation has nothing to draw with.
        from digits.plots.readings import write_explanation
    if out is None and any(flag is not None for flag in (by, sure, report)):
        raise InvalidInput("--by, --sure and --report are about a table; name it with --out.")
    if out is not None:
        if explain is not None:
            raise InvalidInput("--explain draws one picture; leave --out out.")
        from digits.bulk.tables import Outputs, write_tables

        outputs = Outputs(Path(out), by or "line", sure, report)
    reader = Reader(model, threshold=threshold)

    def read_all(sources: "Iterable[Source]", cutouts_below: float) -> "Iterator[Record]":
        for source in sources:
            yield read_source(reader, source, rotate=rotate, cutouts_below=cutouts_below)

    if out is not None:
        tally = write_tables(
            outputs,
            find_sources(map(Path, pictures)),
            partial(read_all, cutouts_below=outputs.cutouts_below),
            {"threshold": reader.threshold, "rotate": rotate, "model": reader.digest},
        )
        show_tally(tally, outputs, as_json=as_json)
        return int(tally.pages_failed > 0)
    record, has_failed = None, False
    for source in find_sources(map(Path, pictures)):
        pages = read_pages(reader, source, rotate=rotate)
        record = record_of(source, pages)
        show_record(record, as_json=as_json, is_single=is_single)
        has_failed = has_failed or record.has_failed
        if explain is not None and not isinstance(pages[0], DigitsError):
            write_explanation(pages[0], explain)
    if record is None:
        raise InvalidInput(f"{', '.join(pictures)}: expected pictures, found none.")
    return int(has_failed)


def _read_on_cluster(
    address: str,
    pictures: list[str],
    reader: "Reader",
    out: str,
    by: 'Literal["digit", "line", "picture"] | None',
    *,
    rotate: bool,
    as_json: bool,
) -> int:
    from digits.bulk.chunks import find_chunks
    from digits.bulk.cluster import read_on_cluster
    from digits.bulk.records import read_source
    from digits.bulk.sources import find_sources
    from digits.show.progress import reading_progress

    chunks = find_chunks(pictures, lambda names: find_sources(map(Path, names)))
    if not chunks:
        raise InvalidInput(f"{', '.join(pictures)}: expected pictures, found none.")
    with reading_progress() as advance:
        tally = read_on_cluster(
            address,
            chunks,
            partial(read_source, reader, rotate=rotate),
            {"threshold": reader.threshold, "rotate": rotate, "model": reader.digest},
            out=out,
            by=by or "line",
            on_file=advance,
        )
    show_parts(tally, out, as_json=as_json)
    return int(tally.pages_failed > 0)


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
