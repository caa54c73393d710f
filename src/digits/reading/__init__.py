"""The reading wing: pictures to digits with confidence. Never torch, so that it answers at once."""

from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.reading.results import Digit, Reading

__all__ = ["Digit", "Network", "Reader", "Reading"]
