"""Searches of settings as they are shown: each trial, and what was found in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from rich.console import Console

from digits.files import escaped, quoted
from digits.show.console import print_json, print_lines

if TYPE_CHECKING:
    from digits.search.results import Found, Tried


def show_trial(tried: "Tried", num_trials: int, console: Console) -> None:
    """Print the line of a trial.

    Args:
        tried: The trial.
        num_trials: Number of trials in all.
        console: The console to print on.
    """
    how = tried.error or f"pruned after epoch {tried.epochs}"
    if tried.accuracy is not None:
        how = f"validation loss {tried.loss:.4f}  accuracy {tried.accuracy:.2%}"
    line = (
        f"trial {tried.number:>{len(str(num_trials))}}/{num_trials}  {how}  "
        f"{tried.seconds:.1f} s  {_settings(tried.settings)}"
    )
    print_lines(console, [escaped(line)])


def show_found(found: "Found", *, as_json: bool) -> None:
    """Print the best settings of a search, and whether they are better than the recipe's.

    Args:
        found: What was found.
        as_json: Whether to print JSON.
    """
    if as_json:
        print_json(_describe(found))
        return
    best = found.best_trial
    rows = [
        ("best", f"trial {best.number}: {_settings(best.settings)}"),
        (
            "validation",
            f"accuracy {best.accuracy:.2%}, the highest of {len(found.trials):,} trials: high by "
            "luck, too",
        ),
        ("other seeds", _compared(found)),
        ("mattered", _mattered(found.importances)),
        ("folder", quoted(found.folder)),
        ("train it", f"digits train --recipe {quoted(found.folder / 'best.toml')}"),
    ]
    console = Console()
    for name, value in rows:
        console.print(f"[bold]{name:<12}[/] ", end="")
        print_lines(console, [escaped(value)])


def _settings(settings: Mapping[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
    )


def _compared(found: "Found") -> str:
    own = f"recipe {_spread(found.recipe_accuracies)}"
    if found.is_recipe_best:
        return f"{own}; no trial was better than the recipe as it is"
    both = f"{own}, best {_spread(found.best_accuracies)}"
    if found.difference is None:
        return f"{both}; too few to compare"
    low, high = found.difference.interval
    verdict = (
        "better"
        if low > 0
        else "worse, so it was luck"
        if high < 0
        else "it can't be told which is better"
    )
    return (
        f"{both}; difference {100 * found.difference.mean:+.3f} points (95 % interval "
        f"{100 * low:+.3f} to {100 * high:+.3f}): {verdict}"
    )


def _spread(accuracies: Sequence[float]) -> str:
    if len(accuracies) < 2:
        return "could not be trained"
    return f"{mean(accuracies):.2%} ± {stdev(accuracies):.2%} ({len(accuracies)} seeds)"


def _mattered(importances: Mapping[str, float]) -> str:
    if not importances:
        return "too few trials, or fields, to tell"
    return ", ".join(f"{name} {share:.0%}" for name, share in importances.items())


def _describe(found: "Found") -> dict[str, Any]:
    difference = found.difference
    return {
        "folder": str(found.folder),
        "recipe": found.recipe.name,
        "best": asdict(found.best_trial),
        "trials": [{**asdict(tried), "state": tried.state} for tried in found.trials],
        "importances": found.importances,
        "recipe_accuracies": found.recipe_accuracies,
        "best_accuracies": found.best_accuracies,
        "difference": difference and difference.mean,
        "interval": difference and list(difference.interval),
    }
