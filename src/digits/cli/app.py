"""The command `digits` as a whole: its options, its exit status, and what it says when it fails."""

import atexit
import gc
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from digits.errors import DigitsError, InvalidInput, is_out_of_memory
from digits.extras import optional_imports
from digits.files import escaped

app = typer.Typer(
    name="digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

LISTED = "\n  "
"""What is before each line of a list in a message."""


DOCTOR = "digits doctor looks for the cause."
"""How a message ends whose reason lies in the installation, and that has no advice itself."""


def main() -> None:
    """Run the command; what goes wrong is one line on standard error.

    Exit status: 0 done, 1 it failed, 2 wrong usage.
    """
    # Else Python looks for garbage among torch's modules before it ends, for most of a second.
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a Windows code page has no "→", and needs none
            stream.reconfigure(errors="replace")
    try:
        with optional_imports("This"):
            status = app(standalone_mode=False, prog_name="digits") or 0
    except KeyboardInterrupt:  # before typer sees to it, which has the commands to build first
        status = 130
    except typer.TyperException as error:
        status = _fail(error.format_message(), 2)
    except InvalidInput as error:
        status = _fail(str(error), 2)
    except DigitsError as error:
        status = _fail(str(error), 1)
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        if error.filename:
            status = _fail(f"{error.filename}: {reason}.", 1)
        else:
            status = _fail(f"The system: {reason}; {DOCTOR}", 1)
    except ImportError as error:
        if not is_of_native_library(error):
            raise
        reason = " ".join(str(error).split()).rstrip(".")
        status = _fail(f"A library can't be loaded: {reason}; {DOCTOR}", 1)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        is_new = sys.argv[1:2] == ["train"] and not any(
            word.startswith("--resume") for word in sys.argv
        )
        advice = "; try a smaller --batch-size" if is_new else ""
        status = _fail(f"There is not enough memory{advice}.", 1)
    if status == 130:  # what typer makes of Ctrl-C
        status = _fail("Stopped.", 1)
    sys.exit(status)


def is_of_native_library(error: BaseException | None) -> bool:
    """Whether an import failed as a library in C, of another package, could not be loaded."""
    while error is not None:
        if isinstance(error, ImportError) and error.path and not error.path.endswith(".py"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _fail(message: str, status: int) -> int:
    if message:  # without arguments, the help has said all
        # Some messages list what was tried, a line each; no name can begin a line of its own.
        lines = (escaped(line) for line in message.split(LISTED))
        print(f"digits: {LISTED.join(lines)}", file=sys.stderr)
    return status


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"digits {version('digits')}")
        raise typer.Exit


@app.callback(help="Train a convolutional network on MNIST, see what it does, read your pictures.")
def digits(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hold the options of the command as a whole."""
