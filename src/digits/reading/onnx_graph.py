"""What is in an ONNX file, a protobuf message: nodes read, others added, damage noticed.

This much of the format is a few lines; the package `onnx` would be forty megabytes more to install
for everyone who reads pictures.

Source: the field numbers are those of onnx.proto, the encoding https://protobuf.dev.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

GRAPH_OF_MODEL, PROPERTY_OF_MODEL = 7, 14
NODE_OF_GRAPH, TENSOR_OF_GRAPH, OUTPUT_OF_GRAPH, SPARSE_TENSOR_OF_GRAPH = 1, 5, 12, 15
INPUT_OF_NODE, OUTPUT_OF_NODE, OPERATION_OF_NODE, ATTRIBUTE_OF_NODE = 1, 2, 4, 5
TENSOR_OF_ATTRIBUTE, GRAPH_OF_ATTRIBUTE, TENSORS_OF_ATTRIBUTE, GRAPHS_OF_ATTRIBUTE = 5, 6, 10, 11
SPARSE_TENSOR_OF_ATTRIBUTE, SPARSE_TENSORS_OF_ATTRIBUTE = 22, 23
VALUES_OF_SPARSE_TENSOR, INDICES_OF_SPARSE_TENSOR = 1, 2
DIMS_OF_TENSOR, TYPE_OF_TENSOR, NAME_OF_TENSOR, RAW_OF_TENSOR = 1, 2, 8, 9
EXTERNAL_DATA_OF_TENSOR = 13
NAME_OF_ATTRIBUTE, INT_OF_ATTRIBUTE, TYPE_OF_ATTRIBUTE, INT_TYPE = 1, 3, 20, 2
NAME_OF_VALUE = 1
KEY_OF_PROPERTY, VALUE_OF_PROPERTY = 1, 2

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


FLOAT, INT8, FLOAT16 = 1, 3, 10
"""Types of tensors."""

STORED: dict[int, np.dtype[Any]] = {FLOAT: np.dtype("<f4"), FLOAT16: np.dtype("<f2")}
"""What the values of a tensor in floating point are in the file."""


class Weights(NamedTuple):
    """A tensor in floating point that comes with the model."""

    name: str
    values: Float32[np.ndarray, "..."]


def replace_weights(model: bytes, replace: Callable[[Weights], list[bytes] | None]) -> bytes:
    """The model with other tensors and nodes in place of some weights; without its sum.

    Args:
        model: The file's content.
        replace: Given weights, returns the fields of the graph that make them, by `tensor` and
            `node`; None if they stay.
    """
    parts = []
    for number, content, field in _split(model):
        if number == GRAPH_OF_MODEL:
            parts.append(_field(number, _replace_in_graph(content, replace)))
        elif number != PROPERTY_OF_MODEL or next(_fields(content, KEY_OF_PROPERTY)) != SUM.encode():
            parts.append(field)
    return b"".join(parts)


def _replace_in_graph(graph: bytes, replace: Callable[[Weights], list[bytes] | None]) -> bytes:
    made: list[bytes] = []
    kept: list[bytes] = []
    for number, content, field in _split(graph):
        weights = _read_weights(content) if number == TENSOR_OF_GRAPH else None
        others = replace(weights) if weights else None
        if others is None:
            kept.append(field)
        else:
            made += others
    return b"".join(made + kept)  # nodes come before those that take what they make


def _read_weights(content: bytes) -> Weights | None:
    fields = list(_split(content))
    stored = STORED.get(next((_number(type) for n, type, _ in fields if n == TYPE_OF_TENSOR), 0))
    raw = next(_fields(content, RAW_OF_TENSOR), None)
    if stored is None or raw is None:
        return None
    dims = [_number(value) for number, value, _ in fields if number == DIMS_OF_TENSOR]
    values = np.frombuffer(raw, stored).astype(np.float32).reshape(dims)
    return Weights(next(_fields(content, NAME_OF_TENSOR)).decode(), values)


def tensor(name: str, values: np.ndarray, type: int) -> bytes:
    """The field of a graph that is a tensor, its values as they are in memory."""
    return _field(
        TENSOR_OF_GRAPH,
        b"".join(
            [
                *(_varint(DIMS_OF_TENSOR << 3 | VARINT) + _varint(size) for size in values.shape),
                _varint(TYPE_OF_TENSOR << 3 | VARINT) + _varint(type),
                _field(NAME_OF_TENSOR, name.encode()),
                _field(RAW_OF_TENSOR, values.astype(values.dtype.newbyteorder("<")).tobytes()),
            ]
        ),
    )


def node(operation: str, inputs: Iterable[str], output: str, **attributes: int) -> bytes:
    """The field of a graph that is a node; its attributes are whole numbers, none negative."""
    parts = [_field(INPUT_OF_NODE, name.encode()) for name in inputs]
    parts.append(_field(OUTPUT_OF_NODE, output.encode()))
    parts.append(_field(OPERATION_OF_NODE, operation.encode()))
    for name, value in attributes.items():
        parts.append(
            _field(
                ATTRIBUTE_OF_NODE,
                _field(NAME_OF_ATTRIBUTE, name.encode())
                + _varint(INT_OF_ATTRIBUTE << 3 | VARINT)
                + _varint(value)
                + _varint(TYPE_OF_ATTRIBUTE << 3 | VARINT)
                + _varint(INT_TYPE),
            )
        )
    return _field(NODE_OF_GRAPH, b"".join(parts))


SUM = "sha256"
"""Name of the property that holds the sum of all bytes before it; the last in the file."""


def seal(model: bytes) -> bytes:
    """The model with its sum, by which `is_sealed` notices any damage."""
    return model + _sum_of(model)


def is_sealed(model: bytes) -> bool:
    """Whether the model ends with its sum: as it was made, to the bit."""
    size = len(_sum_of(b""))
    return model[-size:] == _sum_of(model[:-size])


def _sum_of(model: bytes) -> bytes:
    key = _field(KEY_OF_PROPERTY, SUM.encode())
    value = _field(VALUE_OF_PROPERTY, hashlib.sha256(model).hexdigest().encode())
    return _field(PROPERTY_OF_MODEL, key + value)


def has_external_data(model: bytes) -> bool:
    """Whether a tensor's values are in another file, which the model names."""
    return any(
        any(_fields(tensor, EXTERNAL_DATA_OF_TENSOR))
        for graph in _fields(model, GRAPH_OF_MODEL)
        for tensor in _tensors_of_graph(graph)
    )


def _tensors_of_graph(graph: bytes) -> Iterator[bytes]:
    yield from _fields(graph, TENSOR_OF_GRAPH)
    for sparse in _fields(graph, SPARSE_TENSOR_OF_GRAPH):
        yield from _tensors_of_sparse(sparse)
    for node in _fields(graph, NODE_OF_GRAPH):
        for attribute in _fields(node, ATTRIBUTE_OF_NODE):
            for number in (TENSOR_OF_ATTRIBUTE, TENSORS_OF_ATTRIBUTE):
                yield from _fields(attribute, number)
            for number in (SPARSE_TENSOR_OF_ATTRIBUTE, SPARSE_TENSORS_OF_ATTRIBUTE):
                for sparse in _fields(attribute, number):
                    yield from _tensors_of_sparse(sparse)
            for number in (GRAPH_OF_ATTRIBUTE, GRAPHS_OF_ATTRIBUTE):
                for inner in _fields(attribute, number):
                    yield from _tensors_of_graph(inner)


def _tensors_of_sparse(sparse: bytes) -> Iterator[bytes]:
    for number in (VALUES_OF_SPARSE_TENSOR, INDICES_OF_SPARSE_TENSOR):
        yield from _fields(sparse, number)


def _fields(message: bytes, wanted: int) -> Iterator[bytes]:
    """Contents of the fields of one number, which are texts or messages themselves."""
    return (content for number, content, _ in _split(message) if number == wanted)


def _split(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, content and whole of each field; of a varint, the content is as it is encoded."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _read_varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            _, end = _read_varint(message, at)
            size = end - at
        else:
            known = {FIXED_64: 8, FIXED_32: 4}.get(wire_type)
            size, at = _read_varint(message, at) if known is None else (known, at)
        yield number, message[at : at + size], message[begin : at + size]
        at += size


def _number(varint: bytes) -> int:
    return _read_varint(varint, 0)[0]


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
