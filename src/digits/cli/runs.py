"""Commands about a run: measured, shown, and for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import app
from digits.data.catalog import CATALOG, MNIST, find, is_path
from digits.errors import InvalidInput, suggest
from digits.files import quoted
from digits.flags import (
    Crop,
    DataPath,
    Device,
    Json,
    Model,
    offer,
    offer_recipes,
)
from digits.recipe import load_recipe, recipe_names
from digits.show.console import print_json
from digits.show.data import show_measured_on
from digits.show.metrics import show_line_metrics, show_metrics
from digits.show.readings import show_score
from digits.show.runs import describe_result, show_costs, show_import

EXPORT_FORMATS = ("onnx", "torchscript", "pt2", "c", "page")

READER = Path("reader")
"""Name of the networks of the package, in the place of a run; `./reader` is a run."""


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
    model: Model = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure a run, several as a committee, or the reader, on images with labels."""
    if model is not None and runs != [READER]:
        raise InvalidInput("--model is for the reader: digits evaluate reader --model MODEL.")
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
        score = score_pictures(
            Reader(model), [(one.name, one.label, one.source) for one in pictures]
        )
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
        first = members[0]
        data = load(data_path, crop=crop or first.recipe.crop, size=first.size)
    else:
        data = load(dataset) if dataset else load_set(members[0].recipe)
    test = data.test if data.own is None else choose_unseen(data, members)
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

    from digits.data import DataSet
    from digits.data.catalog import Published
    from digits.models import build_model
    from digits.models.costs import image_shape, layer_costs
    from digits.run import Run, load_set

    run = None if is_recipe else Run(recipe_or_run)
    recipe = load_recipe(recipe_or_run) if run is None else run.recipe
    data: Run | DataSet | Published
    if not is_path(recipe.dataset):
        data = find(recipe.dataset)
    else:  # a run knows its classes, whatever became of the pictures since
        data = run if run is not None and run.is_finished else load_set(recipe)
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
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="The run folder. Several are compared on one page; a series stands for its runs.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The page to write, of several runs. (default: comparison.html beside the first)"
        ),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Draw what a run learned, or compare several: one HTML file with all figures."""
    from digits.report import write_comparison, write_report
    from digits.run import open_runs

    opened = open_runs(runs)
    if len(opened) > 1:
        path = write_comparison(opened, out, device=device)
    elif out is not None:
        raise InvalidInput(
            "--out is for several runs; the report of one is in its folder: "
            f"digits report {runs[0]}"
        )
    else:
        path = write_report(opened[0], device=device)
    if as_json:
        print_json({"report": str(path)})
        return
    print(quoted(path))


@app.command()
def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|reader",
            help="The run folder. Or, as a page, reader: the networks of the package.",
        ),
    ],
    format: Annotated[
        str,
        typer.Option(
            help="onnx; torchscript or pt2, for torch without digits; c: the network tiny in "
            "integers, for microcontrollers; or page: a folder of static files that reads drawings "
            "in the browser, for any web space.",
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
            help="The file or folder to write. (default: model.onnx, model-int8.onnx, model.ts, "
            "model.pt2, model.h or page, in the run folder)"
        ),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            help="For a page, the package of onnxruntime-web, where npm can't fetch it.",
            metavar="FILE.tgz",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run's network for other programs: raw pixels in, probabilities or logits out."""
    if format not in EXPORT_FORMATS:
        raise InvalidInput(f"--format: expected {' or '.join(EXPORT_FORMATS)}, found {format!r}.")
    if int8 and format != "onnx":
        raise InvalidInput(f"--int8 writes ONNX; leave --format {format} away.")
    if runtime is not None and format != "page":
        raise InvalidInput("--runtime is for a page: --format page.")
    if format == "page":
        _export_page(run, out, runtime, as_json=as_json)
        return
    if run == READER and not run.exists():
        raise InvalidInput(
            "The networks of the package are exported as a page: --format page --out FOLDER."
        )

    from digits.export import CExport, Export, Int8Export, export_c, export_int8, export_torch
    from digits.export import export as write_export
    from digits.run import Run

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


def _export_page(run: Path, out: Path | None, runtime: Path | None, *, as_json: bool) -> None:
    """Write the page with a run's network, or with those of the package."""
    from digits.reader import Reader
    from digits.static_page import write_static_page

    reader = Reader() if run == READER else Reader(run)
    if out is None and (run == READER or run.is_file()):
        raise InvalidInput("Expected the folder to write: --out FOLDER.")
    written = write_static_page(reader, out or run / "page", runtime=runtime)
    if as_json:
        print_json(written.to_dict())
        return
    print(
        f"{quoted(written.folder)}  ({written.num_bytes / 1000:,.0f} kB, and "
        f"{written.num_runtime_bytes / 1e6:.1f} MB of onnxruntime-web; look at it by "
        f"python -m http.server --directory {quoted(written.folder)})"
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
