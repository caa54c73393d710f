"""Commands about pictures: to read them, to learn from them, to serve those who have some."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digits.cli.app import app
from digits.errors import DigitsError, InvalidInput
from digits.files import quoted
from digits.flags import (
    Json,
    Model,
)
from digits.show.console import print_json
from digits.show.readings import show_learned, show_left_out, show_parts, show_record, show_tally

if TYPE_CHECKING:
    from digits.bulk.folders import LeftOut
    from digits.bulk.records import Record
    from digits.bulk.rows import By
    from digits.bulk.sources import Source
    from digits.bulk.tables import Outputs
    from digits.reader import Reader


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
        bool, typer.Option("--fetch", help="Take web addresses, too, and fetch their pictures.")
    ] = False,
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
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of processes that read side by side, 1 to 256, of one thread each. "
            "(default: this process reads, with a thread for each core)",
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
    from digits.reader import Reader

    _expect_one_way(explain=explain, out=out, by=by, sure=sure, report=report, ray=ray)
    if ray is not None and workers is not None:
        raise InvalidInput("--ray has workers of its own; leave --workers out.")
    if explain is not None:
        from digits.bulk.sources import names_one_file

        if workers is not None or not names_one_file(pictures):
            raise InvalidInput("--explain draws one picture; name one, and leave --workers out.")
        # Before anything is read, as the base installation has nothing to draw with.
        import digits.plots.readings  # noqa: F401
    if workers is not None:
        from digits.bulk.workers import expect_workers

        expect_workers(workers)  # before a table is begun
    if out is not None and ray is None:
        from digits.bulk.tables import Outputs

        outputs = Outputs(Path(out), by or "line", sure, report)
    num_threads = None if workers is None and ray is None else 1
    reader = Reader(model, threshold=threshold, num_threads=num_threads)
    job = _Job(pictures, recursive, fetch, reader, rotate, workers)
    if explain is not None:
        return _explain(job, explain, as_json=as_json)
    if out is None:
        return _print_readings(job, as_json=as_json)
    if ray is None:
        return _write_tables(job, outputs, as_json=as_json)
    return _write_parts(job, ray, out, by or "line", as_json=as_json)


def _expect_one_way(*, explain: Any, out: Any, by: Any, sure: Any, report: Any, ray: Any) -> None:
    """Expect flags that go together: of a drawing, of tables, or of a cluster."""
    if ray is not None:
        if out is None or any(flag is not None for flag in (explain, sure, report)):
            raise InvalidInput(
                "--ray reads to a folder of parts: give --out FOLDER, and leave out --explain, "
                "--sure and --report."
            )
        if Path(out).suffix in (".csv", ".jsonl", ".parquet"):
            raise InvalidInput(
                f"--ray reads to a folder of parts, and {quoted(out)} is the name of a table."
            )
    elif out is None and any(flag is not None for flag in (by, sure, report)):
        raise InvalidInput("--by, --sure and --report are about a table; name it with --out.")
    elif out is not None and explain is not None:
        raise InvalidInput("--explain draws one picture; leave --out out.")


@dataclass
class _Job:
    """Pictures to read, how to read them, and whether one could not be read."""

    pictures: list[str]
    recursive: bool
    fetch: bool
    reader: "Reader"
    rotate: bool
    workers: int | None
    has_failed: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the rows of a table, beside the pictures."""
        reader = self.reader
        return {"threshold": reader.threshold, "rotate": self.rotate, "model": reader.digest}

    def tell(self, left_out: "LeftOut") -> None:
        """Say what is left out of a folder."""
        show_left_out(left_out)
        self.has_failed = self.has_failed or bool(left_out.not_read)

    def find(self) -> "Iterator[Source]":
        """Find the pictures; says what is left out of folders as they are listed.

        Raises:
            InvalidInput: If there are none, and none were left out for their format.
        """
        from digits.bulk.sources import find_sources

        found = find_sources(
            self.pictures, recursive=self.recursive, fetch=self.fetch, on_left_out=self.tell
        )
        first = next(found, None)
        if first is None:
            self.expect_some(0)
            return found
        return chain([first], found)

    def expect_some(self, num: int) -> None:
        """Expect that there are pictures, or that it was said why there are none."""
        if num == 0 and not self.has_failed:
            raise InvalidInput(f"{', '.join(self.pictures)}: expected pictures, found none.")

    def count(self, num_known: int) -> int | None:
        """Count the pictures but for those that were read before, if they can be listed twice."""
        from digits.bulk.sources import find_sources

        if "-" in self.pictures:
            return None
        found = find_sources(self.pictures, recursive=self.recursive, fetch=self.fetch)
        return max(0, sum(1 for _ in found) - num_known)

    def read(
        self,
        sources: "Iterable[Source]",
        num_known: int = 0,
        *,
        cutouts_below: float = 0.0,
        is_printed: bool = False,
    ) -> "Generator[Record, None, None]":
        """Read pictures, by this process or by workers, and show how far it is."""
        from digits.bulk.records import read_source
        from digits.bulk.workers import read_with_workers
        from digits.show.progress import reading_progress

        read_one = partial(
            read_source, self.reader, rotate=self.rotate, cutouts_below=cutouts_below
        )
        if self.workers is None:
            records = (read_one(source) for source in sources)
        else:
            records = read_with_workers(read_one, sources, num_workers=self.workers)
        count = partial(self.count, num_known)
        with closing(records), reading_progress(count, is_printed=is_printed) as advance:
            for record in records:
                self.has_failed = self.has_failed or record.has_failed
                yield record
                advance()


def _print_readings(job: _Job, *, as_json: bool) -> int:
    from digits.bulk.sources import names_one_file

    is_single = names_one_file(job.pictures)
    with closing(job.read(job.find(), is_printed=True)) as records:
        for record in records:
            show_record(record, as_json=as_json, is_single=is_single)
    return int(job.has_failed)


def _explain(job: _Job, path: Path, *, as_json: bool) -> int:
    """Print the reading of one file, and draw how its first page was read."""
    from digits.bulk.records import read_pages, record_of
    from digits.plots.readings import write_explanation

    (source,) = job.find()
    pages = read_pages(job.reader, source, rotate=job.rotate)
    first = next(pages)
    record = record_of(source, chain([first], pages))
    show_record(record, as_json=as_json, is_single=True)
    if not isinstance(first, DigitsError):
        write_explanation(first, path)
    return int(record.has_failed)


def _write_tables(job: _Job, outputs: "Outputs", *, as_json: bool) -> int:
    from digits.bulk.tables import write_tables

    read_new = partial(job.read, cutouts_below=outputs.cutouts_below)
    tally = write_tables(outputs, job.find(), read_new, job.settings)
    show_tally(tally, outputs, as_json=as_json)
    return int(job.has_failed or tally.pages_failed > 0)


def _write_parts(job: _Job, address: str, out: str, by: "By", *, as_json: bool) -> int:
    """Read by a cluster, to parts of a table."""
    from digits.bulk.chunks import find_chunks
    from digits.bulk.cluster import read_on_cluster
    from digits.bulk.ray_cluster import native_output_dropped
    from digits.bulk.records import read_source
    from digits.bulk.sources import find_sources
    from digits.show.progress import reading_progress

    find_files = partial(
        find_sources, recursive=job.recursive, fetch=job.fetch, on_left_out=job.tell
    )
    chunks = find_chunks(job.pictures, find_files, recursive=job.recursive)
    job.expect_some(len(chunks))
    read_one = partial(read_source, job.reader, rotate=job.rotate)
    num_files = sum(chunk.num_files for chunk in chunks)
    with (
        native_output_dropped(),  # before the live line takes its place on standard error
        reading_progress(lambda: num_files, is_printed=False) as advance,
    ):
        tally = read_on_cluster(
            address, chunks, read_one, job.settings, out=out, by=by, on_file=advance
        )
    show_parts(tally, out, as_json=as_json)
    return int(job.has_failed or tally.pages_failed > 0)


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
    seed: Annotated[
        int,
        typer.Option(min=0, help="Seed of all random numbers; the same seed gives the same bits."),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Fine-tune the networks that read pictures on corrections, and write a model folder."""
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
            "--learn-from-anyone", help="Allow --learn where other machines can connect (--host)."
        ),
    ] = False,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Let the page train networks when asked to, by the recipe fast, in run folders in "
            "this one (with the extra train). (default: train nothing)",
        ),
    ] = None,
) -> None:
    """Serve a page to draw digits on, and an HTTP API that reads pictures."""
    from digits.reader import Reader
    from digits.reading.model_folder import is_model_folder
    from digits.server.learning import COMMAND, LearningCommand
    from digits.server.process import serve as run_server
    from digits.server.training import TrainingCommand

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
        trainer=None if train is None else TrainingCommand(train),
    )
