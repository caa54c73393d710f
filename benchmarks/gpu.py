"""Measure on a GPU, within nine minutes, how fast `fast` trains and how good wider networks are.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --device cpu --part 0.02 --out runs/gpu.json  # tries all, in a minute

The parts, each with ten seeds:

- `fast` and `balanced` as `digits train` trains them;
- `accurate` with two and with four times the channels, and a half and a quarter of the learning
  rate. No checkpoints are written: those of a seed would be gigabytes;
- `fast` with all steps of its training in one CUDA graph, which the device goes through without
  waiting for Python. The order of the images, and the weights at the beginning, are written into
  the graph's memory. On a CPU the same steps are made one by one.

Each seed is evaluated on the test set once, at the end. Seconds are those of training alone; what
precedes it (one epoch to warm up, capturing the graph) has its own. All is written to
results/gpu.json after each seed. Parts share the time that is left: a seed that would not be
finished in its part's share is left out, which the file and the terminal say. A part that fails
leaves its error there, and the next one begins.
"""

import argparse
import copy
import itertools
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from recipes import train_quietly, warm_up
from torch import Tensor

import digits
from digits.data import DataSet, Split
from digits.errors import DigitsError
from digits.evaluation import predict
from digits.evaluation.metrics import committee
from digits.files import write_atomic
from digits.hardware import (
    describe_machine,
    describe_versions,
    find_commit,
    limited_threads,
    seeded,
    select_device,
    synchronize,
)
from digits.models import count_parameters
from digits.models.glyphs import Accurate
from digits.models.registry import NETWORKS
from digits.recipe import Recipe
from digits.training.loop import complete
from digits.training.optimization import build_optimizer, build_schedule
from digits.training.trainer import Trainer

RESULT = Path(__file__).parent / "results" / "gpu.json"
NUM_SEEDS = 10


@dataclass(frozen=True)
class Trained:
    """One seed's result."""

    recipe: Recipe
    num_parameters: int
    seconds: float
    """Time of training."""
    logits: Float[Tensor, "n 10"]
    """Logits of the test images."""
    labels: Int64[Tensor, " n"]
    """True digits of the test images."""
    seconds_before: float = 0.0
    """Time of what had to be done before the first training."""

    @property
    def num_errors(self) -> int:
        """Number of test images that were misread."""
        return int((self.logits.argmax(dim=1) != self.labels).sum())


@dataclass(frozen=True)
class Part:
    """A part of the benchmark."""

    train: Callable[[], Iterator[Trained]]
    """Function that trains seeds 0, 1, 2 and so on, as many as are asked for."""
    share: int
    """Its share of the time, compared with those of the other parts."""


def train_by_command(recipe: Recipe, data: DataSet, device: str) -> Iterator[Trained]:
    """Train as `digits train` does, with run folders."""
    seconds_before = warm_up(recipe, device)
    for seed in itertools.count():
        with tempfile.TemporaryDirectory() as folder:
            run = train_quietly(recipe.override(seed=seed), Path(folder) / "run", device)
            logits = predict(
                run.model, data.test.images, device=device, precision=run.recipe.precision
            )
            seconds = run.summary["training_seconds"]
            num_parameters = run.summary["parameters"]
        yield Trained(run.recipe, num_parameters, seconds, logits, data.test.labels, seconds_before)


def train_wider(
    width: int, recipe: Recipe, data: DataSet, device: torch.device
) -> Iterator[Trained]:
    """Train `accurate` with so many times the channels, without run folders.

    The learning rate is divided by the width. After 6 epochs on 6,000 images, twice the channels
    misread 127 of 2,000 held-out images with the recipe's rate and 86 with half of it (one seed).

    Source: Yang et al. 2022, arXiv:2203.03466, for Adam's learning rate at other widths.
    """
    network = f"accurate-x{width}"
    NETWORKS[network] = partial(Accurate, width=width)
    rate = recipe.learning_rate / width
    recipe = complete(recipe.override(network=network, learning_rate=rate), data, device)
    for seed in itertools.count():
        with seeded(seed, device):
            trainer = Trainer(recipe.override(seed=seed), data, device)
            while not trainer.is_done:
                while not trainer.is_epoch_over:
                    trainer.advance()
                trainer.end_epoch()
        seconds = sum(record.seconds for record in trainer.history)
        yield describe(trainer.recipe, trainer, data, seconds)


def train_captured(recipe: Recipe, data: DataSet, device: torch.device) -> Iterator[Trained]:
    """Train a recipe of one epoch without augmentation, with all its steps in one CUDA graph."""
    recipe = complete(recipe, data, device)

    def build(seed: int) -> Trainer:
        with seeded(seed, device):
            return Trainer(recipe.override(seed=seed), data, device)

    started = time.perf_counter()
    trainer = build(0)
    with seeded(0, device):
        make_steps = captured(partial(make_all_steps, trainer), device)
    seconds_before = time.perf_counter() - started
    for seed in itertools.count():
        fresh = build(seed)
        trainer.model.load_state_dict(fresh.model.state_dict())
        trainer.shards.load_state_dict([])
        trainer.order.copy_(fresh.order)
        synchronize(device)
        started = time.perf_counter()
        make_steps()
        synchronize(device)
        seconds = time.perf_counter() - started
        trainer.shards.average_statistics()
        yield describe(fresh.recipe, trainer, data, seconds, seconds_before)


def make_all_steps(trainer: Trainer) -> None:
    """Make the steps of the first epoch, as `Trainer.advance` does, and never wait for the device.

    Learning rates and momenta are numbers of Python. A graph keeps those of each step, and the
    zeros with which the optimizer begins.
    """
    recipe, device = trainer.recipe, trainer.device
    optimizer = build_optimizer(recipe, trainer.model)
    schedule = build_schedule(recipe, optimizer, trainer.num_steps)
    is_capturing = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
    optimizer.param_groups[0]["capturable"] = is_capturing
    with limited_threads(trainer.shards.num_threads):
        for step, indices in enumerate(trainer.order.split(recipe.batch_size)):
            trainer.shards.backward(indices, trainer.judge, epoch=1, step=step)
            optimizer.step()
            schedule.step()


def captured(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Capture what a function has the device do; on a CPU, the function itself is given.

    Source: docs.pytorch.org, CUDA semantics, CUDA graphs: first the same on a side stream, which
    makes libraries load and plan, then the capture.
    """
    if device.type != "cuda":
        return work
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        work()
    graph.replay()  # the first one brings the graph to the device
    synchronize(device)
    return graph.replay


def describe(
    recipe: Recipe, trainer: Trainer, data: DataSet, seconds: float, seconds_before: float = 0.0
) -> Trained:
    """Evaluate a trainer's network on the test set."""
    model = copy.deepcopy(trainer.model)  # a graph's memory stays as it is
    logits = predict(
        model, data.test.images, device=trainer.device.type, precision=recipe.precision
    )
    return Trained(
        recipe, count_parameters(model), seconds, logits, data.test.labels, seconds_before
    )


def shorten(data: DataSet, part: float) -> DataSet:
    """Take the first images of each split."""

    def first(split: Split) -> Split:
        n = round(len(split) * part)
        return Split(split.name, split.images[:n], split.labels[:n])

    return DataSet(data.name, first(data.train), first(data.test), data.source)


def build_parts(data: DataSet, device: torch.device, part: float) -> dict[str, Part]:
    """Prepare the parts, with a part of their epochs, and of the images of the wide networks."""

    def load(name: str) -> Recipe:
        recipe = digits.load_recipe(name)
        return recipe.override(epochs=max(1, round(recipe.epochs * part)))

    fewer = shorten(data, part)
    accurate = load("accurate")
    accurate = accurate.override(batch_size=min(accurate.batch_size, len(fewer.train)))
    # The graph comes last: a capture that fails may leave the device unusable.
    return {
        "fast": Part(partial(train_by_command, load("fast"), data, device.type), 2),
        "balanced": Part(partial(train_by_command, load("balanced"), data, device.type), 3),
        "accurate-x2": Part(partial(train_wider, 2, accurate, fewer, device), 10),
        "accurate-x4": Part(partial(train_wider, 4, accurate, fewer, device), 14),
        "fast-captured": Part(partial(train_captured, load("fast"), data, device), 1),
    }


def measure(
    parts: dict[str, Part], num_seeds: int, ends: float, write: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Train the parts' seeds, as many as time allows.

    Args:
        parts: The parts by their names, in order.
        num_seeds: Number of seeds of each part.
        ends: When all is to be finished, on the clock of `time.monotonic`.
        write: Writes the results; called after each seed, and when a part fails.

    Returns:
        The results of each part by its name.
    """
    results: dict[str, Any] = {
        name: {"seeds": [], "seeds_left_out": num_seeds, "wall_seconds": 0.0} for name in parts
    }
    shares_left = sum(part.share for part in parts.values())
    for name, part in parts.items():
        began = time.monotonic()
        part_ends = began + (ends - began) * part.share / shares_left
        shares_left -= part.share
        try:
            for seeds in train_until(part_ends, part.train(), num_seeds):
                wall_seconds = round(time.monotonic() - began, 1)
                left_out = {"seeds_left_out": num_seeds - len(seeds)}
                results[name] = summarize(seeds) | left_out | {"wall_seconds": wall_seconds}
                print(f"{name}  {results[name]['seeds'][-1]}", flush=True)
                write(results)
        except Exception as error:
            traceback.print_exc()
            results[name]["error"] = " ".join(f"{type(error).__name__}: {error}".split())
        write(results)
    return results


def train_until(ends: float, train: Iterator[Trained], num_seeds: int) -> Iterator[list[Trained]]:
    """Train seeds while there is time for one like the last; gives all so far after each."""
    seeds: list[Trained] = []
    last_seconds = 0.0
    while len(seeds) < num_seeds and time.monotonic() + last_seconds < ends:
        began = time.monotonic()
        seeds.append(next(train))
        last_seconds = time.monotonic() - began
        yield seeds


def summarize(seeds: list[Trained]) -> dict[str, Any]:
    """Summarise the seeds of a part: mean, spread and time, and their committee."""
    labels = seeds[0].labels
    errors = [each.num_errors for each in seeds]
    accuracies = [(len(labels) - wrong) / len(labels) for wrong in errors]
    together = committee([each.logits for each in seeds]).argmax(dim=1) == labels
    return {
        "recipe": seeds[0].recipe.to_toml(),
        "parameters": seeds[0].num_parameters,
        "test_images": len(labels),
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_std": statistics.stdev(accuracies) if len(seeds) > 1 else None,
        "accuracy_min": min(accuracies),
        "committee_accuracy": int(together.sum()) / len(labels),
        "seconds_before": round(seeds[0].seconds_before, 3),
        "seconds_median": statistics.median(each.seconds for each in seeds),
        "seeds": [
            {
                "seed": each.recipe.seed,
                "accuracy": accuracy,
                "errors": wrong,
                "seconds": round(each.seconds, 4),
            }
            for each, accuracy, wrong in zip(seeds, accuracies, errors, strict=True)
        ],
    }


def show(name: str, result: dict[str, Any]) -> str:
    """Describe a part's results in a line."""
    words = [f"{name:<14}"]
    if num_seeds := len(result["seeds"]):
        std = result["accuracy_std"]
        spread = "" if std is None else f" ± {std:.3%}"
        words += [
            f"{result['accuracy_mean']:.3%}{spread}, together {result['committee_accuracy']:.2%}, "
            f"{num_seeds} seeds, {result['seconds_median']:.3f} s each"
        ]
    if result["seeds_left_out"]:
        words += [f"{result['seeds_left_out']} seeds left out"]
    if "error" in result:
        words += [result["error"]]
    return "  ".join(words)


def main() -> None:
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda", help="cuda or cpu (default: cuda)")
    parser.add_argument(
        "--part", type=float, default=1.0, help="of the work, above 0, to try it (default: 1)"
    )
    parser.add_argument("--minutes", type=float, default=8.5, help="to finish in (default: 8.5)")
    parser.add_argument("--out", type=Path, default=RESULT, help=f"default: {RESULT.name}")
    arguments = parser.parse_args()
    if not 0 < arguments.part <= 1:
        parser.error(f"--part: expected above 0, to 1, found {arguments.part}")
    try:
        device = select_device(arguments.device)
        data = digits.load("mnist")
    except DigitsError as error:
        parser.error(str(error))
    facts = {
        "part": arguments.part,
        "minutes": arguments.minutes,
        "device": device.type,
        "machine": describe_machine(),
        "versions": describe_versions()
        | {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()},
        "commit": find_commit(),
    }

    def write(results: dict[str, Any]) -> None:
        text = json.dumps(facts | {"parts": results}, indent=2, allow_nan=False)
        write_atomic(arguments.out, (text + "\n").encode())

    results = measure(
        build_parts(data, device, arguments.part),
        max(2, round(NUM_SEEDS * arguments.part)),
        began + 60 * arguments.minutes,
        write,
    )
    for name, result in results.items():
        print(show(name, result))
    print(f"{(time.monotonic() - began) / 60:.1f} minutes → {arguments.out}")
    sys.exit(any("error" in result for result in results.values()))


if __name__ == "__main__":
    main()
