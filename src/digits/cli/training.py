"""Commands that train, and compare what was trained."""

import os
import sys
import threading
import webbrowser
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from digits.cli.app import app
from digits.devices import DEVICES
from digits.errors import DigitsError, InvalidInput
from digits.extras import TRACKERS
from digits.flags import (
    DataPath,
    Device,
    Json,
    TwoGroups,
    offer,
    offer_recipes,
    with_data,
    with_recipe_flags,
)
from digits.recipe import DEFAULT_RECIPE, Recipe, load_measurement, load_recipe, recipe_names
from digits.server.watch_page import WatchPage, serving_page
from digits.show.console import print_json
from digits.show.runs import (
    describe_result,
    show_comparison,
    show_recipes,
    show_result,
    show_series,
)
from digits.show.search import show_found, show_trial

if TYPE_CHECKING:
    from digits.run import Run


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
        typer.Option(
            help=f"Device to compute on: {', '.join(DEVICES)}. (default: auto)",
            autocompletion=offer(DEVICES),
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Number of processes to train with, each on one shard of a batch or more; it "
            "changes no bit. (default: 1)",
        ),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Write the report, too.")] = False,
    log: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Write to a tracker, too: {', '.join(TRACKERS)}.",
            autocompletion=offer(TRACKERS),
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Show the run on a page as it goes; on a terminal, until Ctrl-C.",
        ),
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--open", help="With --watch, open its page in a browser.")
    ] = False,
    as_json: Json = False,
    overrides: dict[str, Any],
) -> None:
    """Train a network by a recipe, evaluate it on the test set, keep all of it in a run folder."""
    if _is_follower():
        _follow()
    overrides = with_data(overrides, data_path)
    if resume is not None and (recipe is not None or out is not None or overrides):
        raise InvalidInput(
            "--resume goes on as the run began; leave --recipe, --out, --data and its fields away."
        )
    chosen: Recipe = load_recipe(recipe or DEFAULT_RECIPE).override(**overrides)
    if seeds is not None and watch:
        raise InvalidInput("--watch shows one run; leave --seeds away.")
    if open_browser and not watch:
        raise InvalidInput("--open: expected --watch with it, found none.")
    with serving_page() if watch else nullcontext() as page:  # it gets ready while torch is loaded
        from digits import training
        from digits.models import reads_lines
        from digits.run import open_runs
        from digits.training.progress import TrainingProgress

        network = (chosen if resume is None else open_runs([resume])[0].recipe).network
        if report and reads_lines(network):
            raise InvalidInput(
                f"--report draws what networks make of single digits; {network!r} reads lines."
            )

        console = Console(stderr=as_json)
        progress = TrainingProgress(console)
        how: dict[str, Any] = {"device": device, "progress": progress, "log": log or []}
        if page is not None:
            _show_address(page, console, open_browser=open_browser)
        try:
            if seeds is not None and (_is_launched() or processes is not None):
                raise InvalidInput(
                    "--seeds trains its runs with one process; leave the others away."
                )
            if seeds is not None and resume is not None:
                runs = training.resume_series(resume, seeds, **how)
            elif seeds is not None:
                runs = training.train_series(chosen, seeds, out=out, **how)
            else:
                with training.together(processes) as group:
                    runs = [_train_one(chosen, out, resume, page, processes=group, **how)]
        except (training.Interrupted, training.SeriesInterrupted) as stopped:
            raise DigitsError(str(stopped)) from stopped
        report_paths: list[Path | None] = [None] * len(runs)
        if report:
            from digits.report import write_report

            report_paths = [
                write_report(run, device=device or run.summary["device"]) for run in runs
            ]
        if seeds is not None:
            from digits.evaluation import summarize

            show_series(runs, summarize(runs), report_paths, as_json=as_json)
        elif as_json:
            print_json(describe_result(runs[0], report_paths[0]))
        else:
            show_result(runs[0], report_paths[0])
        if page is not None and sys.stdin.isatty() and console.is_terminal:
            console.print("The page stays until Ctrl-C.")
            page.wait()


def _show_address(page: WatchPage, console: Console, *, open_browser: bool) -> None:
    """Say where the page is, once it is there."""
    url = page.expect_url()
    console.print(f"Watch at {url}", highlight=False, soft_wrap=True)
    if open_browser:
        # A text browser blocks until it is quit.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _is_launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def _is_follower() -> bool:
    """Whether torchrun started this process, and it is not the first."""
    return _is_launched() and os.environ["RANK"] != "0"


def _follow() -> NoReturn:
    """Train as the first process of torchrun's does, which alone says how it goes."""
    from digits import training

    with training.together() as group:
        raise typer.Exit(0 if training.follow(group) else 1)


def _expect_events(run: "Run") -> None:
    if not run.events_path.exists():
        raise InvalidInput(
            f"--watch: {run.folder} was finished without it, so there is nothing to show."
        )


def _train_one(
    recipe: Recipe, out: Path | None, folder: Path | None, page: WatchPage | None, **how: Any
) -> "Run":
    """Train a run at `out`, or resume that in the folder; show it on the page, if there is one."""
    if page is None:
        return _train_or_resume(recipe, out, folder, **how)
    from digits.training.watching import Watcher

    try:
        watcher = Watcher(page.follow, page.fail)
        run = _train_or_resume(recipe, out, folder, watcher=watcher, **how)
        if not page.is_following:  # it was finished before
            _expect_events(run)
            page.follow(run.events_path)
    except DigitsError as error:
        page.fail(str(error))
        raise
    return run


def _train_or_resume(recipe: Recipe, out: Path | None, folder: Path | None, **how: Any) -> "Run":
    from digits import training

    if folder is not None:
        return training.resume(folder, **how)
    if not _is_launched():
        return training.train(recipe, out=out, **{**how, "device": how["device"] or "auto"})
    if out is None:
        raise InvalidInput(
            "--out: expected a run folder, in which processes go on that torchrun starts again, "
            "found none."
        )
    return training.train_or_resume(recipe, out=out, **how)


@app.command()
@with_recipe_flags
def search(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A recipe's name, or a .toml file, whose table [search] may say what is tried.",
            autocompletion=offer_recipes,
        ),
    ],
    *,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials in all.")],
    seeds: Annotated[
        int,
        typer.Option(
            min=2, help="Number of other seeds with which recipe and best are trained in the end."
        ),
    ] = 5,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to make, or to go on in. (default: runs/<recipe>-search)"),
    ] = None,
    data_path: DataPath = None,
    device: Device = "auto",
    as_json: Json = False,
    overrides: dict[str, Any],
) -> None:
    """Search better settings for a recipe by held-out training images, never by test images.

    Stopped or killed, the same command goes on; started in several terminals, they share the work.
    A field that is given here is not searched.
    """
    chosen = load_recipe(recipe).override(**with_data(overrides, data_path))

    from digits.search import load_ranges
    from digits.search import search as search_settings

    ranges = load_ranges(recipe, chosen)
    ranges = {name: tried for name, tried in ranges.items() if name not in overrides}
    try:
        found = search_settings(
            chosen,
            ranges,
            num_trials=trials,
            num_seeds=seeds,
            out=out,
            device=device,
            report=lambda tried: show_trial(tried, trials, Console(stderr=as_json)),
        )
    except KeyboardInterrupt as stopped:
        raise DigitsError(
            "Stopped. The same command goes on with the trials there are."
        ) from stopped
    show_found(found, as_json=as_json)


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
