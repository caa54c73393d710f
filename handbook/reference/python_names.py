"""Reference of the public Python names: which there are, by what people do with them.

mkdocstrings writes what stands in their docstrings, at the directives that `page` gives.
"""

GROUPS = {
    "Read pictures": (
        "digits.Reader",
        "digits.Reading",
        "digits.Digit",
        "digits.reading.results.Line",
        "digits.reading.results.Mark",
    ),
    "Train": (
        "digits.train",
        "digits.resume",
        "digits.Run",
        "digits.history.EpochRecord",
        "digits.Recipe",
        "digits.Augmentation",
        "digits.load_recipe",
        "digits.DigitsClassifier",
    ),
    "Measure, compare, show": (
        "digits.evaluate",
        "digits.Metrics",
        "digits.evaluation.metrics.ClassMetrics",
        "digits.summarize",
        "digits.compare",
        "digits.Estimate",
        "digits.write_report",
    ),
    "Data": ("digits.load", "digits.DataSet", "digits.Split"),
    "Networks": (
        "digits.pretrained",
        "digits.build_model",
        "digits.register_network",
        "digits.from_state_dict",
        "digits.import_weights",
    ),
    "Correct and learn": ("digits.learn", "digits.Learned"),
    "Errors": ("digits.DigitsError", "digits.InvalidInput"),
}
"""Public names, and the types of what they give, by what people do with them."""

OPTIONS = {
    "docstring_style": "google",
    "docstring_section_style": "list",  # tables are too wide for a phone
    "filters": ["!^_"],
    "heading_level": 3,
    "inherited_members": "true",
    "line_length": 80,
    "members_order": "source",
    "separate_signature": "true",
    "show_bases": "false",
    "show_if_no_docstring": "false",
    "show_root_full_path": "true",
    "show_root_heading": "true",
    "show_signature_annotations": "true",
    "show_source": "false",
    "signature_crossrefs": "true",
}
"""Options of mkdocstrings for each name."""


def page() -> str:
    """Write a directive for each name, in its group."""
    options = "\n".join(f"      {name}: {value}" for name, value in OPTIONS.items())
    return "\n\n".join(
        f"## {group}\n\n" + "\n\n".join(f"::: {name}\n    options:\n{options}" for name in names)
        for group, names in GROUPS.items()
    )
