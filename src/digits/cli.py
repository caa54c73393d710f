"""The command `digits`: parse and call. All work is done elsewhere, imported when needed."""

import atexit
import gc
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digits.data.catalog import CATALOG, MNIST, find
from digits.devices import DEVICES
from digits.errors import DigitsError, InvalidInput, is_out_of_memory, suggest
from digits.extras import optional_imports
from digits.files import escaped, quoted
from digits.flags import Device, Json, Model, TwoGroups, offer, offer_recipes, with_recipe_flags
from digits.recipe import DEFAULT_RECIPE, Recipe, load_measurement, load_recipe, recipe_names
from digits.show import (
    describe_result,
    print_json,
    show_comparison,
    show_costs,
    show_data,
    show_learned,
    show_line_metrics,
    show_metrics,
    show_reading,
    show_recipes,
    show_result,
    show_series,
)

app = typer.Typer(
    name="digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

EXPORT_FORMATS = ("onnx", "c")

LISTED = "\n  "
"""What is before each line of a list in a message."""


def main() -> None:
    """Run the command; what goes wrong is one line on standard error.

    Exit status: 0 done, 1 it failed, 2 wrong usage.
    """
    # Else Python looks for garbage among torch's modules before it ends, for most of a second.
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a Windows code page has no "→", and needs none
            stream.reconfigure(errors="replace")
    try:
        with optional_imports("This"):
            status = app(standalone_mode=False, prog_name="digits") or 0
    except typer.TyperException as error:
        status = _fail(error.format_message(), 2)
    except InvalidInput as error:
        status = _fail(str(error), 2)
    except DigitsError as error:
        status = _fail(str(error), 1)
    except OSError as error:
        status = _fail(f"{error.filename or 'The system'}: {error.strerror or error}.", 1)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        is_new = sys.argv[1:2] == ["train"] and not any(
            word.startswith("--resume") for word in sys.argv
        )
        advice = "; try a smaller --batch-size" if is_new else ""
        status = _fail(f"There is not enough memory{advice}.", 1)
    if status == 130:  # what typer makes of Ctrl-C
        status = _fail("Stopped.", 1)
    sys.exit(status)


def _fail(message: str, status: int) -> int:
    if message:  # without arguments, the help has said all
        # Some messages list what was tried, a line each; no name can begin a line of its own.
        lines = (escaped(line) for line in message.split(LISTED))
        print(f"digits: {LISTED.join(lines)}", file=sys.stderr)
    return status


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"digits {version('digits')}")
        raise typer.Exit


@app.callback(help="Train a convolutional network on MNIST, see what it does, read your pictures.")
def digits(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hold the options of the command as a whole."""


@app.command()
def data(
    dataset: Annotated[
        str, typer.Option(help=f"{', '.join(CATALOG)}.", autocompletion=offer(list(CATALOG)))
    ] = MNIST.name,
    from_folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Bring its files, as they were published."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a data set if it is not there yet, check it, and say where and what it is."""
    from digits.data import describe, import_folder

    if from_folder is not None:
        import_folder(from_folder, dataset)
    facts = describe(dataset)
    if as_json:
        print_json(facts)
        return
    show_data(facts)


@app.command()
def recipes(as_json: Json = False) -> None:
    """List the recipes: what they are, and how large, quick and accurate as measured."""
    rows = [(load_recipe(name), load_measurement(name)) for name in recipe_names()]
    if as_json:
        print_json(
            [
                {"name": r.name, "description": r.description, "epochs": r.epochs, "measured": m}
                for r, m in rows
            ]
        )
        return
    show_recipes(rows)


@app.command()
@with_recipe_flags
def train(
    *,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"A recipe's name, or a .toml file. (default: {DEFAULT_RECIPE})",
            autocompletion=offer_recipes,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run folder to make. (default: runs/<recipe>-<time>)"),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Resume a run that was stopped; with --seeds, a folder of several, or add to it.",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Train this many runs, with --seed and the seeds that follow it; show the mean.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help=", ".join(DEVICES) + ". (default: auto)", autocompletion=offer(DEVICES)),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Write the report as well.")] = False,
    as_json: Json = False,
    overrides: dict[str, Any],
) -> None:
    """Train a network by a recipe, evaluate it on the test set, keep all of it in a run folder."""
    if resume is not None and (recipe is not None or out is not None or overrides):
        raise InvalidInput(
            "--resume goes on as the run began; leave --recipe, --out and its fields away."
        )
    chosen: Recipe = load_recipe(recipe or DEFAULT_RECIPE).override(**overrides)

    from digits import training
    from digits.models import reads_lines
    from digits.run import open_runs
    from digits.training.progress import TrainingProgress

    network = (chosen if resume is None else open_runs([resume])[0].recipe).network
    if report and reads_lines(network):
        raise InvalidInput(
            f"--report draws what networks make of single digits; {network!r} reads lines."
        )

    progress = TrainingProgress(Console(stderr=as_json))
    try:
        if seeds is not None and resume is not None:
            runs = training.resume_series(resume, seeds, device=device, progress=progress)
        elif seeds is not None:
            runs = training.train_series(chosen, seeds, out=out, device=device, progress=progress)
        elif resume is not None:
            runs = [training.resume(resume, device=device, progress=progress)]
        else:
            runs = [training.train(chosen, out=out, device=device or "auto", progress=progress)]
    except (training.Interrupted, training.SeriesInterrupted) as stopped:
        raise DigitsError(str(stopped)) from stopped
    report_paths: list[Path | None] = [None] * len(runs)
    if report:
        from digits.report import write_report

        report_paths = [write_report(run, device=device or run.summary["device"]) for run in runs]
    if seeds is not None:
        from digits.evaluation import summarize

        show_series(runs, summarize(runs), report_paths, as_json=as_json)
    elif as_json:
        print_json(describe_result(runs[0], report_paths[0]))
    else:
        show_result(runs[0], report_paths[0])


@app.command()
def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="A run folder; several are a committee.")],
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Measure on another set's test images. (default: the one it was trained on)",
            autocompletion=offer(list(CATALOG)),
        ),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure a run, or several as a committee, on the test images, or lines of them."""
    from digits.data import load
    from digits.evaluation.lines import LineMetrics
    from digits.run import Run
    from digits.training.tasks import evaluate_task

    members = [Run(folder) for folder in runs]
    name = dataset or members[0].recipe.dataset
    test = load(name).test
    metrics = evaluate_task(members, test, device=device)
    if as_json:
        found = metrics.to_dict()
        print_json({"runs": [str(folder) for folder in runs], "dataset": name, "test": found})
    elif isinstance(metrics, LineMetrics):
        show_line_metrics(metrics)
    else:
        show_metrics(metrics, test.classes)


@app.command(cls=TwoGroups)
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="FIRST... -- SECOND",
            help="Run folders of one recipe, and of another; --seeds makes a folder of several.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Say whether the first runs are better than the second, as far as their seeds can tell."""
    groups = TwoGroups.part(runs, example="digits compare runs/a runs/b -- runs/c runs/d")

    from digits.evaluation.runs import compare as compare_runs
    from digits.run import open_runs

    first, second = map(open_runs, groups)
    if min(len(first), len(second)) < 2:
        raise InvalidInput(
            "Expected at least 2 runs before -- and after it, with different seeds, as one has no "
            f"spread; found {len(first)} and {len(second)}. Train more with: digits train --seeds 5"
        )
    show_comparison(first, second, compare_runs(first, second), as_json=as_json)


@app.command()
def summary(
    recipe_or_run: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE_OR_RUN",
            help="A recipe's name, a .toml file, or a run folder.",
            autocompletion=offer_recipes,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show a network's layers: shapes, parameters, and multiply-adds for one image."""
    is_recipe = recipe_or_run in recipe_names() or Path(recipe_or_run).suffix == ".toml"
    if not is_recipe and not Path(recipe_or_run).exists():
        raise InvalidInput(
            f"No recipe and no run folder is called {recipe_or_run!r}; "
            f"{suggest(recipe_or_run, recipe_names())}"
        )

    from digits.models import build_model
    from digits.models.costs import image_shape, layer_costs
    from digits.run import Run

    recipe = load_recipe(recipe_or_run) if is_recipe else Run(recipe_or_run).recipe
    published = find(recipe.dataset)
    shape = image_shape(recipe.network, published.size)
    # Costs are the same whatever the network is normalised by.
    model = build_model(
        recipe.network,
        mean=0.5,
        std=0.5,
        num_classes=len(published.classes),
        size=published.size,
    )
    costs = layer_costs(model, shape)
    show_costs(recipe.network, shape, costs, as_json=as_json)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Draw what a run learned: figures, and one HTML file with all of them."""
    from digits.report import write_report
    from digits.run import Run

    path = write_report(Run(run), device=device)
    if as_json:
        print_json({"report": str(path)})
        return
    print(quoted(path))


@app.command()
def read(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE...", help="Pictures, or folders of them.")
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a picture, a line each.")
    ] = False,
) -> int:
    """Read the digits in people's own pictures: photos, scans, drawings."""
    from digits.reader import Reader
    from digits.reading.folder import read_pictures

    is_single = len(pictures) == 1 and not pictures[0].is_dir()
    if explain is not None:
        if not is_single:
            raise InvalidInput("--explain draws one picture; name one.")
        # Before anything is read, as the base installation has nothing to draw with.
        from digits.plots.readings import write_explanation
    reader = Reader(model, threshold=threshold)
    has_failed = False
    for path, reading in read_pictures(reader, pictures, rotate=rotate):
        show_reading(path, reading, as_json=as_json, is_single=is_single)
        if isinstance(reading, DigitsError):
            has_failed = True
        elif explain is not None:
            write_explanation(reading, explain)
    return int(has_failed)


@app.command()
def learn(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Pictures in sub-folders named by the digits that stand on them: 7, 1995."
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

    learned = learn_from(folder, out=out, model=model, seed=seed)
    if as_json:
        print_json(learned.to_dict())
        return
    show_learned(learned)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    format: Annotated[
        str,
        typer.Option(
            help="onnx, or c: the network tiny in integers, for microcontrollers.",
            autocompletion=offer(EXPORT_FORMATS),
        ),
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write. (default: model.onnx, or model.h, in the run folder)"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run's network for other programs: raw pixels in, probabilities or logits out."""
    from digits.export import Export, export_c
    from digits.export import export as write_export
    from digits.run import Run

    if format not in EXPORT_FORMATS:
        raise InvalidInput(f"--format: expected {' or '.join(EXPORT_FORMATS)}, found {format!r}.")
    written = write_export(Run(run), out) if format == "onnx" else export_c(Run(run), out)
    if as_json:
        print_json(written.to_dict())
    elif isinstance(written, Export):
        print(
            f"{quoted(written.path)}  ({written.num_bytes / 1000:,.0f} kB; temperature "
            f"{written.temperature:.2f}; largest difference to torch "
            f"{written.largest_difference:.1g})"
        )
    else:
        print(
            f"{quoted(written.path)}  ({written.num_bytes:,} bytes of weights, scales and biases)"
        )


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
) -> None:
    """Serve a page to draw digits on, and an HTTP API that reads pictures."""
    from digits.reader import Reader
    from digits.server.process import serve as run_server

    origins = tuple(allow_origin or ())
    # More threads for one request would wait for those of the others.
    reader = Reader(model, num_threads=1)
    run_server(reader, host=host, port=port, open_browser=open_browser, origins=origins)
