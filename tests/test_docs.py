"""The examples in docstrings run as doctests."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import digits
from digits.models import NETWORKS

MODULES = [module.name for module in walk_packages(digits.__path__, "digits.")]


@pytest.mark.parametrize("name", ["digits", *MODULES])
def test_examples_in_docstrings_return_what_they_show(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An example registers a network.
    monkeypatch.setattr("digits.models.registry.NETWORKS", dict(NETWORKS))
    assert doctest.testmod(import_module(name)).failed == 0
