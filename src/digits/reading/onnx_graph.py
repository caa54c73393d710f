"""The computation graph of an ONNX file, which is a protobuf message: nodes read, outputs added.

This much of the format is a few lines; the package `onnx` would be forty megabytes more to install
for everyone who reads pictures.

Source: the field numbers are those of onnx.proto, the encoding https://protobuf.dev.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

GRAPH_OF_MODEL = 7
NODE_OF_GRAPH, OUTPUT_OF_GRAPH = 1, 12
INPUT_OF_NODE, OUTPUT_OF_NODE, OPERATION_OF_NODE = 1, 2, 4
NAME_OF_VALUE = 1

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
"""Wire types of protobuf's fields."""


class Node(NamedTuple):
    """A node of the graph: an operation with named inputs and outputs."""

    operation: str
    """Type of the operation, such as "Conv"."""
    inputs: tuple[str, ...]
    """Names of the inputs; weights and other constants are among them."""
    output: str
    """Name of the first output."""


def read_nodes(model: bytes) -> Iterator[Node]:
    """Read the nodes of the graph, in the file's order."""
    for graph in _fields(model, GRAPH_OF_MODEL):
        for node in _fields(graph, NODE_OF_GRAPH):
            yield Node(
                next(_fields(node, OPERATION_OF_NODE)).decode(),
                tuple(name.decode() for name in _fields(node, INPUT_OF_NODE)),
                next(_fields(node, OUTPUT_OF_NODE)).decode(),
            )


def add_outputs(model: bytes, names: Iterable[str]) -> bytes:
    """The model with more of its graph's values as outputs.

    They follow the model as a second graph: protobuf merges a field that comes twice.
    """
    values = (_field(NAME_OF_VALUE, name.encode()) for name in names)
    return model + _field(
        GRAPH_OF_MODEL, b"".join(_field(OUTPUT_OF_GRAPH, value) for value in values)
    )


def _fields(message: bytes, wanted: int) -> Iterator[bytes]:
    """Contents of the fields of one number, which are texts or messages themselves."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            _, at = _read_varint(message, at)
            continue
        size = {FIXED_64: 8, FIXED_32: 4}.get(wire_type)
        if size is None:
            size, at = _read_varint(message, at)
        if number == wanted:
            yield message[at : at + size]
        at += size


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
