"""Following: what each process does that trains together with others, but for the first."""

import os
import sys
from typing import NoReturn

import torch

from digits.children import end_with_parent
from digits.errors import DigitsError
from digits.hardware import keep_freed_memory, seeded, select_device
from digits.recipe import Recipe, parse_recipe
from digits.run import load_set
from digits.training.processes import READY, Lost, Processes, joined
from digits.training.signals import stop_signals
from digits.training.trainer import Trainer


def follow(processes: Processes) -> bool:
    """Train as the first process does, which says what; it alone writes and evaluates.

    Args:
        processes: The processes, of which this is not the first.

    Returns:
        Whether training came to its end. If it did not, the first process says why.
    """
    try:
        state = processes.share_state()
        if not state:  # the run is finished already
            return True
        recipe = parse_recipe(state["recipe"], name="", source="The recipe of the first process")
        device = select_device(state["device"])
        with seeded(recipe.seed, device):
            trainer = _make_trainer(recipe, device, processes)
            trainer.load_state_dict(state)
            keep_freed_memory()
            return _follow_to_end(trainer)
    except Lost:
        return False


def _make_trainer(recipe: Recipe, device: torch.device, processes: Processes) -> Trainer:
    """Make what trains; if that can't be done, the first process says so."""
    try:
        trainer = Trainer(recipe, load_set(recipe), device, processes)
    except DigitsError as error:
        processes.expect_ready(str(error))
        raise AssertionError("expect_ready raises what it is told") from error
    processes.expect_ready()
    return trainer


def _follow_to_end(trainer: Trainer) -> bool:
    """Train all remaining epochs, step by step with the first process."""
    with stop_signals() as stopped:
        while not trainer.is_done:
            trainer.advance()
            if trainer.processes.any_has(stopped.is_set()):
                return False
            if trainer.is_epoch_over:
                trainer.end_epoch()
    return True


def follow_parent() -> NoReturn:
    """Follow the process that started this one, and end when it does."""
    end_with_parent()
    place, *numbers = sys.argv[1:]
    rank, num, num_threads = map(int, numbers)
    torch.set_num_threads(num_threads)
    os.write(1, READY)
    with joined(place, rank, num):
        is_done = follow(Processes(rank, num, num_threads))
    sys.exit(not is_done)
