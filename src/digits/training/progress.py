"""Progress reports of training: a line for each epoch, and a live line for the running one."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from digits.files import escaped
from digits.history import EpochRecord


class TrainingProgress:
    """Prints a line for each epoch and, in a terminal or notebook, a live line meanwhile.

    Args:
        console: The console to print on; standard output if not given.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._live: Progress | None = None
        self._in_notebook = console is None and self.console.is_jupyter
        if self._in_notebook:
            # By default, rich would make a block of HTML of each line.
            self.console = Console(force_jupyter=False, force_terminal=False)

    def start(self, title: str, *, num_epochs: int, num_steps: int, num_steps_done: int) -> None:
        """Print the title of a run, and begin the live line.

        Args:
            title: What is trained, and on what.
            num_epochs: Number of epochs in the whole run.
            num_steps: Number of steps in the whole run.
            num_steps_done: Number of steps made before; above 0 for a resumed run.
        """
        self._num_epochs, self._num_steps = num_epochs, num_steps
        self.note(title)
        if self.console.is_terminal:
            self._live = Progress(
                TextColumn("epoch {task.fields[epoch]}/" + str(num_epochs)),
                BarColumn(),
                TextColumn("loss {task.fields[loss]:.4f}  {task.fields[speed]:,.0f} images/s"),
                TimeRemainingColumn(compact=True),
                console=self.console,
                transient=True,
            )
            self._task = self._live.add_task(
                "", total=num_steps, completed=num_steps_done, epoch=1, loss=0.0, speed=0.0
            )
            self._live.start()

    def step(
        self, *, epoch: int, num_steps_done: int, loss: float, images_per_second: float
    ) -> None:
        """Update the live line.

        Args:
            epoch: Number of the running epoch, from 1.
            num_steps_done: Number of steps made so far, in all epochs.
            loss: Mean loss of the running epoch so far, in nats an image.
            images_per_second: Throughput of the running epoch so far.
        """
        if self._live:
            self._live.update(
                self._task,
                completed=num_steps_done,
                epoch=epoch,
                loss=loss,
                speed=images_per_second,
            )
        elif self._in_notebook:
            state = (
                f"epoch {epoch:>2}/{self._num_epochs}  {num_steps_done / self._num_steps:4.0%}  "
                f"loss {loss:.4f}  {images_per_second:,.0f} images/s"
            )
            # The next line is written over this one, so all have one length.
            print(f"{state:<60}", end="\r", file=self.console.file, flush=True)

    def epoch(self, record: EpochRecord) -> None:
        """Print the line of a finished epoch."""
        line = (
            f"epoch {record.epoch:>2}/{self._num_epochs}  "
            f"loss {record.train_loss:.4f}  accuracy {record.train_accuracy:.2%}"
        )
        if record.validation_loss is not None:
            line += (
                f"  validation loss {record.validation_loss:.4f}"
                f"  accuracy {record.validation_accuracy:.2%}"
            )
        speed = record.images / record.seconds
        line += f"  {record.seconds:.1f} s  {speed:,.0f} images/s"
        self.console.print(line, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(
            escaped(text), markup=False, emoji=False, highlight=False, soft_wrap=True
        )

    def stop(self) -> None:
        """Remove the live line."""
        if self._live:
            self._live.stop()
            self._live = None
