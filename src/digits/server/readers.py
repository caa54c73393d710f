"""The reader in use: another takes its place between two requests, and goes again."""

import hashlib
from collections.abc import Callable

from digits.reading.reader import Reader
from digits.server.batching import MicroBatcher
from digits.server.schemas import NetworkCard


class ServedReader:
    """A reader, and what the routes need besides.

    Args:
        reader: The reader.
        on_batch: Called with the number of glyphs of each batch that it classifies.
    """

    def __init__(self, reader: Reader, on_batch: Callable[[int], object]) -> None:
        self.reader = reader
        self.layers = reader.network.open_layers()
        self.network_tag = f'"{hashlib.sha256(reader.network.content).hexdigest()}"'
        self.batcher = MicroBatcher(reader.classify, on_batch)
        self.card = _describe(reader)


def _describe(reader: Reader) -> NetworkCard:
    parameters = reader.network.figure("parameters", high=1e12)
    is_of_mnist = reader.network.metadata.get("dataset", "mnist") == "mnist"
    return NetworkCard(
        parameters=None if parameters is None else int(parameters),
        test_accuracy=reader.network.figure("test_accuracy", high=1) if is_of_mnist else None,
        threshold=reader.threshold,
        names_digits=reader.names_digits,
        learning=None,
    )


class ReaderInUse:
    """The reader that answers requests: the one that the server began with, or a learned one.

    A request takes `current` once, and stays with it. One that is replaced ends, with its threads,
    when the last request lets go of it. It belongs to the event loop's thread.

    Args:
        original: The reader to begin with.
        on_batch: Called with the number of glyphs of each batch.
    """

    def __init__(self, original: Reader, on_batch: Callable[[int], object]) -> None:
        self._on_batch = on_batch
        self._original = ServedReader(original, on_batch)
        self.current = self._original

    @property
    def is_learned(self) -> bool:
        """Whether a learned reader is in use."""
        return self.current is not self._original

    def prepare(self, reader: Reader) -> ServedReader:
        """Make a reader ready to be used; this takes a while, and runs in any thread."""
        return ServedReader(reader, self._on_batch)

    def adopt(self, served: ServedReader) -> None:
        """Use a learned reader from the next request on."""
        self.current = served

    def revert(self) -> None:
        """Use the reader that the server began with."""
        self.current = self._original

    def close(self) -> None:
        """Drop what is queued."""
        for served in {self.current, self._original}:
            served.batcher.close()
