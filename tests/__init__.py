"""The decorator that checks signatures while tests run; pyproject.toml names it."""

from beartype import BeartypeConf, beartype

# A whole number is welcome wherever a float is, as everywhere in Python.
typechecked = beartype(conf=BeartypeConf(is_pep484_tower=True))
