"""The command that examines the installation."""

from digits.cli.app import app
from digits.flags import Json


@app.command()
def doctor(as_json: Json = False) -> int:
    """Show versions and machine, and find known faults; what to do about each is beside it."""
    from digits.doctor import examine
    from digits.show.doctor import show_diagnosis

    parts = examine()
    show_diagnosis(parts, as_json=as_json)
    return int(any(finding.is_fault for part in parts for finding in part.findings))
