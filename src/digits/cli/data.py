"""Commands about data sets: what they are, and which of their labels are likely wrong."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digits.cli.app import app
from digits.data.catalog import CATALOG, MNIST
from digits.errors import InvalidInput
from digits.flags import (
    Crop,
    DataPath,
    Device,
    Json,
    offer,
    offer_recipes,
    with_data,
    with_recipe_flags,
)
from digits.recipe import DEFAULT_RECIPE, load_recipe
from digits.show.console import print_json
from digits.show.data import show_audit, show_data, show_own_data


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
            help=f"A published set: {', '.join(CATALOG)}. (default: {MNIST.name})",
            autocompletion=offer(list(CATALOG)),
        ),
    ] = None,
    from_folder: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FOLDER", help="Import its files from this folder, as published."
        ),
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
    split: Annotated[
        str,
        typer.Option(
            help="Whose labels to judge: all, train or test.",
            autocompletion=offer(("all", "train", "test")),
        ),
    ] = "all",
    folds: Annotated[
        int, typer.Option(min=2, help="Number of parts of the set; a network judges each.")
    ] = 5,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The folder to make. (default: runs/audit-<time>)"),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
    overrides: dict[str, Any],
) -> None:
    """Find labels that are likely wrong, by networks that have not seen the image; draw them."""
    chosen = load_recipe(recipe).override(**with_data(overrides, data_path))
    folder = out or Path("runs", f"audit-{datetime.now():%Y%m%d-%H%M%S}")

    from digits.report.audit import audit as find_suspects
    from digits.report.audit import write_audit
    from digits.run import load_set
    from digits.training.progress import TrainingProgress

    if folder.exists():
        raise InvalidInput(f"{folder} exists already; name another folder.")
    data = load_set(chosen)
    progress = TrainingProgress(Console(stderr=True))
    found = find_suspects(
        data, chosen, split=split, num_folds=folds, device=device, progress=progress
    )
    page = write_audit(found, data, folder)
    if as_json:
        print_json({**found.to_dict(), "page": str(page)})
    else:
        show_audit(found, page)
