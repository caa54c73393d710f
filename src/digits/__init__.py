"""Train a convolutional network on MNIST, see everything it does, read your own pictures.

>>> import digits
>>> mnist = digits.load("mnist")  # doctest: +SKIP
>>> run = digits.train("classic", epochs=1)  # doctest: +SKIP
>>> digits.evaluate(run, mnist.test).accuracy  # doctest: +SKIP
0.9859
>>> digits.Reader().read("photo.jpg").text  # doctest: +SKIP
'1995'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from digits.extras import optional_imports

if TYPE_CHECKING:
    from digits.classifier import DigitsClassifier
    from digits.data import DataSet, Split, load
    from digits.errors import DigitsError, InvalidInput
    from digits.evaluation import compare, evaluate, summarize
    from digits.evaluation.intervals import Estimate
    from digits.evaluation.metrics import Metrics
    from digits.importing import import_weights
    from digits.learning import Learned, learn
    from digits.models import build_model, register_network
    from digits.models.foreign import from_state_dict
    from digits.reader import Reader
    from digits.reading import Digit, Reading
    from digits.recipe import Augmentation, Recipe, load_recipe
    from digits.report import write_report
    from digits.run import Run
    from digits.training import resume, train
    from digits.weights import pretrained

__all__ = [
    "Augmentation",
    "DataSet",
    "Digit",
    "DigitsClassifier",
    "DigitsError",
    "Estimate",
    "InvalidInput",
    "Learned",
    "Metrics",
    "Reader",
    "Reading",
    "Recipe",
    "Run",
    "Split",
    "build_model",
    "compare",
    "evaluate",
    "from_state_dict",
    "import_weights",
    "learn",
    "load",
    "load_recipe",
    "pretrained",
    "register_network",
    "resume",
    "summarize",
    "train",
    "write_report",
]

# Heavy libraries are loaded when a name is first used: `import digits` is quick, and needs none.
_HOMES = {
    "Augmentation": "recipe",
    "Digit": "reading",
    "DataSet": "data",
    "DigitsClassifier": "classifier",
    "DigitsError": "errors",
    "Estimate": "evaluation.intervals",
    "InvalidInput": "errors",
    "Learned": "learning",
    "Metrics": "evaluation.metrics",
    "Reader": "reader",
    "Reading": "reading",
    "Recipe": "recipe",
    "Run": "run",
    "Split": "data",
    "build_model": "models",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "from_state_dict": "models.foreign",
    "import_weights": "importing",
    "learn": "learning",
    "load": "data",
    "load_recipe": "recipe",
    "pretrained": "weights",
    "register_network": "models",
    "resume": "training",
    "summarize": "evaluation",
    "train": "training",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'digits' has no attribute {name!r}")
    with optional_imports(f"digits.{name}"):
        value = getattr(import_module(f"digits.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
