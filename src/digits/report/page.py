"""The page of a report: one HTML file, rendered from `templates/report.html.j2`."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from digits.plots import style_sheet
from digits.report.illustrations import Section
from digits.report.material import Material


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
    return environment


def render(material: Material, sections: list[Section]) -> str:
    """Render the page, with its figures inside it."""
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            recipe=material.recipe,
            facts=material.facts,
            title=material.title,
            classes=material.classes,
            noun=material.noun,
            num_errors_here=len(material.mistakes),
            sections=sections,
            figure_style=style_sheet(),
        )
    )


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
