"""Trained networks that come with the package, each in the folder of the run that made it.

Checkpoints are left out, so that a folder is as large as its weights. Loading executes nothing.
"""

from importlib.resources import files
from pathlib import Path

from torch import nn

from digits.errors import InvalidInput, suggest
from digits.recipe import recipe_names
from digits.run import Run

PRETRAINED = ("balanced",)
"""Recipes whose weights come with the package."""


def pretrained(recipe: str) -> nn.Module:
    """Load a trained network that comes with the package.

    Args:
        recipe: Name of the recipe that it was trained by: balanced.

    Returns:
        The network, in evaluation mode, on the CPU: raw pixels, 0 to 255, white on black
        (n, 1, 28, 28), to ten logits for each image. `pretrained_run` has its accuracy and the
        temperature by which to divide the logits.

    Raises:
        InvalidInput: If there are no weights for this name; the message has those that there are.
        DigitsError: If the installation is damaged.

    Examples:
        >>> import torch
        >>> network = pretrained("balanced")
        >>> network(torch.zeros(1, 1, 28, 28, dtype=torch.uint8)).shape
        torch.Size([1, 10])
    """
    return pretrained_run(recipe).model


def pretrained_run(recipe: str) -> Run:
    """Open the run that made a network of the package; see `pretrained`.

    It is a finished run as any other, for `digits.evaluate`, `digits.Reader` and export, but that
    it can't be resumed.

    Examples:
        >>> pretrained_run("balanced").summary["test"]["accuracy"]
        0.9967
    """
    if recipe not in PRETRAINED:
        if recipe in recipe_names():
            raise InvalidInput(
                f"Weights come with the package for {' and '.join(PRETRAINED)}, and not for "
                f"{recipe!r}; train it with: digits train --recipe {recipe}"
            )
        raise InvalidInput(f"No weights are called {recipe!r}; {suggest(recipe, PRETRAINED)}")
    return Run(Path(str(files("digits.weights") / recipe)))
