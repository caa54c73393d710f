"""Pages of reports: one HTML file each, rendered from a template, with its style and script."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from digits.evaluation.metrics import expected_calibration_error
from digits.plots import percent, style_sheet
from digits.recipe import Recipe, load_recipe, recipe_names
from digits.report.advice import Evidence, advise
from digits.report.drawing import draw_network, format_shape
from digits.report.illustrations import Section
from digits.report.known_runs import place_among_known
from digits.report.material import Material
from digits.report.tiles import MOST_CLASSES, collect


def templates() -> Environment:
    """Load the package's templates, with the filters that they use."""
    environment = Environment(
        loader=PackageLoader("digits"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda fraction: f"{100 * fraction:.2f}"
    environment.filters["probability"] = format_probability
    environment.filters["duration"] = format_duration
    environment.filters["code"] = format_code
    environment.filters["confidence"] = percent
    environment.filters["shape"] = format_shape
    return environment


def render(material: Material, sections: list[Section]) -> str:
    """Render the page, with its figures inside it."""
    facts = material.facts
    network, layers = draw_network(material.model, material.test.size, material.recipe.network)
    return _render(
        "report.html.j2",
        recipe=material.recipe,
        facts=facts,
        title=material.title,
        classes=material.classes,
        noun=material.noun,
        num_errors_here=len(material.mistakes),
        sections=sections,
        figure_style=style_sheet(),
        tiles=collect(material),
        has_table=len(material.classes) <= MOST_CLASSES,
        network=network,
        layers=layers,
        known=place_among_known(
            material.recipe,
            accuracy=facts.accuracy,
            interval=facts.interval,
            num_images=facts.num_images,
        ),
        advice=advise(_evidence(material)),
    )


def render_comparison(**found: Any) -> str:
    """Render the page that compares runs, of what `digits.report.comparison` finds."""
    return _render("comparison.html.j2", **found)


def _render(template: str, **found: Any) -> str:
    """Render a page with its script, of which the content security policy has the sum."""
    script = (files("digits") / "templates" / "report.js").read_text(encoding="utf-8")
    script_sum = b64encode(sha256(script.encode()).digest()).decode()
    page = templates().get_template(template)
    return page.render(script=script, script_sum=script_sum, **found)


def _evidence(material: Material) -> Evidence:
    """Gather the numbers that advice is given by."""
    labels, predicted = material.test.labels, material.predicted
    wrong = material.mistakes.sort().values
    return Evidence(
        recipe=material.recipe,
        history=material.history,
        smallest_class=int(material.train.labels.bincount(minlength=len(material.classes)).min()),
        classes=material.classes,
        num_images=material.facts.num_images,
        largest_share=int(labels.bincount().max()) / len(labels),
        interval=material.facts.interval,
        calibration_error=expected_calibration_error(material.probabilities, labels),
        wrong=wrong.tolist(),
        pairs=list(zip(labels[wrong].tolist(), predicted[wrong].tolist(), strict=True)),
        usual_epochs=_usual_epochs(material.recipe),
    )


def _usual_epochs(recipe: Recipe) -> int | None:
    """Number of epochs of the package's recipe of this name, where network and data are its own."""
    if recipe.name not in recipe_names():
        return None
    usual = load_recipe(recipe.name)
    is_same = (usual.network, usual.dataset) == (recipe.network, recipe.dataset)
    return usual.epochs if is_same else None


def format_code(text: str) -> str:
    """Escape a text for HTML, and set what stands between backticks as code."""
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text).replace(" %", "\N{NO-BREAK SPACE}%"))


def format_probability(value: float) -> str:
    """Format a probability for people: "12 %", and "below 0.1 %" instead of a row of zeros."""
    return "below 0.1 %" if value < 0.001 else f"{100 * value:.2g} %"


def format_duration(seconds: float) -> str:
    """Format a time for people: "10.0 s", "1 min 23 s", "2 h 3 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
