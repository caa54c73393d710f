"""The command `digits`: parse and call. All work is done elsewhere, imported when needed."""

import atexit
import gc
import sys
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digits.data.catalog import CATALOG, MNIST, find, is_path
from digits.devices import DEVICES
from digits.errors import DigitsError, InvalidInput, is_out_of_memory, suggest
from digits.extras import optional_imports
from digits.files import escaped, quoted
from digits.flags import (
    Crop,
    DataPath,
    Device,
    Json,
    Model,
    TwoGroups,
    offer,
    offer_recipes,
    with_recipe_flags,
)
from digits.recipe import DEFAULT_RECIPE, Recipe, load_measurement, load_recipe, recipe_names
from digits.show import (
    describe_result,
    print_json,
    show_audit,
    show_comparison,
    show_costs,
    show_data,
    show_import,
    show_line_metrics,
    show_measured_on,
    show_metrics,
    show_own_data,
    show_reading,
    show_recipes,
    show_result,
    show_score,
    show_series,
)

app = typer.Typer(
    name="digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

EXPORT_FORMATS = ("onnx", "torchscript", "pt2", "c")

READER = Path("reader")
"""Name of the networks of the package, in the place of a run; `./reader` is a run."""

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


def _with_data(overrides: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """Let `--data` name the data set of a recipe."""
    if path is None:
        return overrides
    if "dataset" in overrides:
        raise InvalidInput("--data and --dataset each name a data set; give one of them.")
    return {**overrides, "dataset": str(path.absolute())}


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
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="Labelled pictures of your own: a folder with a folder for each class, or of IDX "
            "files; a .csv of file and label; or an .npz. (default: a published set)",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(CATALOG)}. (default: {MNIST.name})",
            autocompletion=offer(list(CATALOG)),
        ),
    ] = None,
    from_folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Bring its files, as they were published."),
    ] = None,
    crop: Crop = None,
    as_json: Json = False,
) -> None:
    """Fetch a published data set, or look at one of your own; check it, and say what it is."""
    if path is not None:
        if dataset is not None or from_folder is not None:
            raise InvalidInput("--dataset and --from are for published sets; leave them away.")
        from digits.data.custom import load_custom

        own = load_custom(path, crop=crop).describe()
        if as_json:
            print_json(own)
        else:
            show_own_data(own)
        return
    if crop is not None:
        raise InvalidInput("--crop is for pictures of your own; name their folder.")

    from digits.data import describe, import_folder

    name = dataset or MNIST.name
    if from_folder is not None:
        import_folder(from_folder, name)
    facts = describe(name)
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
    data_path: DataPath = None,
    device: Annotated[
        str | None,
        typer.Option(help=", ".join(DEVICES) + ". (default: auto)", autocompletion=offer(DEVICES)),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Write the report as well.")] = False,
    as_json: Json = False,
    overrides: dict[str, Any],
) -> None:
    """Train a network by a recipe, evaluate it on the test set, keep all of it in a run folder."""
    overrides = _with_data(overrides, data_path)
    if resume is not None and (recipe is not None or out is not None or overrides):
        raise InvalidInput(
            "--resume goes on as the run began; leave --recipe, --out, --data and its fields away."
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
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...|reader",
            help="A run folder; several are a committee. Or reader: the networks of the package, "
            "on --data.",
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Measure on another set's test images. (default: the one it was trained on)",
            autocompletion=offer(list(CATALOG)),
        ),
    ] = None,
    data_path: DataPath = None,
    crop: Crop = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure a run, several as a committee, or the reader, on images with labels."""
    if data_path is not None and dataset is not None:
        raise InvalidInput("--data and --dataset each name a data set; give one of them.")
    if data_path is None and crop is not None:
        raise InvalidInput("--crop is for pictures of your own; name them with --data.")
    if runs == [READER]:
        if data_path is None or crop is not None:
            raise InvalidInput("The reader is measured on pictures as they are: --data PATH.")
        from digits.data.custom import find_labelled
        from digits.reader import Reader
        from digits.reading.scoring import score_pictures

        pictures = find_labelled(data_path).pictures
        score = score_pictures(Reader(), [(one.name, one.label, one.source) for one in pictures])
        if as_json:
            print_json({"reader": True, "dataset": str(data_path), "test": score.to_dict()})
        else:
            show_score(score)
        return

    from digits.data import load
    from digits.evaluation.lines import LineMetrics
    from digits.evaluation.runs import choose_unseen
    from digits.run import Run, load_set
    from digits.training.tasks import evaluate_task

    members = [Run(folder) for folder in runs]
    if data_path is not None:
        data = load(data_path, crop=crop or members[0].recipe.crop)
        test = choose_unseen(data, members)
    else:
        data = load(dataset) if dataset else load_set(members[0].recipe)
        test = data.test
    metrics = evaluate_task(members, test, device=device)
    if as_json:
        found = metrics.to_dict()
        left_out = [] if data.own is None else list(data.own.left_out)
        print_json(
            {
                "runs": [str(folder) for folder in runs],
                "dataset": data.name,
                "split": test.name,
                "left_out": left_out,
                "test": found,
            }
        )
        return
    show_measured_on(data, test)
    if isinstance(metrics, LineMetrics):
        show_line_metrics(metrics)
    else:
        show_metrics(metrics, test.classes)


@app.command()
@with_recipe_flags
def audit(
    *,
    recipe: Annotated[
        str,
        typer.Option(
            help="The recipe to train networks by: a name, or a .toml file.",
            autocompletion=offer_recipes,
        ),
    ] = DEFAULT_RECIPE,
    data_path: DataPath = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the set; a network judges each.")] = 5,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The folder to make. (default: runs/audit-<time>)"),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
    overrides: dict[str, Any],
) -> None:
    """Find labels that are likely wrong, by networks that have not seen the image; draw them."""
    chosen = load_recipe(recipe).override(**_with_data(overrides, data_path))
    folder = out or Path("runs", f"audit-{datetime.now():%Y%m%d-%H%M%S}")

    from digits.report.audit import audit as find_suspects
    from digits.report.audit import write_audit
    from digits.run import expect_absent, load_set
    from digits.training.progress import TrainingProgress

    expect_absent(folder)
    data = load_set(chosen)
    progress = TrainingProgress(Console(stderr=True))
    found = find_suspects(data, chosen, num_folds=folds, device=device, progress=progress)
    page = write_audit(found, data, folder)
    if as_json:
        print_json({**found.to_dict(), "page": str(page)})
    else:
        show_audit(found, page)


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
    from digits.run import Run, load_set

    recipe = load_recipe(recipe_or_run) if is_recipe else Run(recipe_or_run).recipe
    data = load_set(recipe) if is_path(recipe.dataset) else find(recipe.dataset)
    shape = image_shape(recipe.network, data.size)
    # Costs are the same whatever the network is normalised by.
    model = build_model(
        recipe.network,
        mean=0.5,
        std=0.5,
        num_classes=len(data.classes),
        size=data.size,
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
def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    format: Annotated[
        str,
        typer.Option(
            help="onnx; torchscript or pt2, for torch without digits; or c: the network tiny in "
            "integers, for microcontrollers.",
            autocompletion=offer(EXPORT_FORMATS),
        ),
    ] = "onnx",
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Write ONNX in integers of eight bits: a third of the size."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write. (default: model.onnx, model-int8.onnx, model.ts, model.pt2 or "
            "model.h, in the run folder)"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run's network for other programs: raw pixels in, probabilities or logits out."""
    from digits.export import CExport, Export, Int8Export, export_c, export_int8, export_torch
    from digits.export import export as write_export
    from digits.run import Run

    if format not in EXPORT_FORMATS:
        raise InvalidInput(f"--format: expected {' or '.join(EXPORT_FORMATS)}, found {format!r}.")
    if int8 and format != "onnx":
        raise InvalidInput(f"--int8 writes ONNX; leave --format {format} away.")
    written: Export | CExport
    if int8:
        written = export_int8(Run(run), out)
    elif format == "onnx":
        written = write_export(Run(run), out)
    elif format == "c":
        written = export_c(Run(run), out)
    else:
        written = export_torch(Run(run), format, out)
    if as_json:
        print_json(written.to_dict())
    elif isinstance(written, Export):
        kilobytes, changed = f"{written.num_bytes / 1000:,.0f} kB", ""
        if isinstance(written, Int8Export):
            kilobytes += f" for {written.num_float_bytes / 1000:,.0f} in floating point"
            changed = (
                f", and another class for {written.num_changed} of {written.num_compared:,} images"
            )
        print(
            f"{quoted(written.path)}  ({kilobytes}; temperature {written.temperature:.2f}; largest "
            f"difference to torch {written.largest_difference:.1g}{changed})"
        )
    else:
        print(
            f"{quoted(written.path)}  ({written.num_bytes:,} bytes of weights, scales and biases)"
        )


@app.command(name="import")
def import_(
    weights: Annotated[Path, typer.Argument(help="A file of torch.save(model.state_dict(), …).")],
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    mean: Annotated[
        float | None,
        typer.Option(help="Mean that was subtracted from pixels, from 0 to 1; 0 if nothing was."),
    ] = None,
    std: Annotated[
        float | None,
        typer.Option(help="Standard deviation by which they were divided then; 1 if by nothing."),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            help="The data set that they were trained on.", autocompletion=offer(list(CATALOG))
        ),
    ] = MNIST.name,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make a run of weights that were trained elsewhere, such as those of a tutorial."""
    from digits.importing import import_weights

    run = import_weights(weights, out, mean=mean, std=std, dataset=dataset, device=device)
    if as_json:
        print_json(describe_result(run, None))
        return
    show_import(run)


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
    from digits.server.learning import Learner
    from digits.server.process import serve as run_server

    def open_reader(model: Path | str | None) -> Reader:
        # More threads for one request would wait for those of the others.
        return Reader(model, num_threads=1)

    run_server(
        open_reader(model),
        host=host,
        port=port,
        open_browser=open_browser,
        origins=tuple(allow_origin or ()),
        learner=None if learn is None else Learner(learn, open_reader),
        learn_from_anyone=learn_from_anyone,
    )
