"""Writes a network in ONNX, the format that OpenCV reads, without a library for it.

ONNX is a message of protocol buffers: a few numbered fields of numbers, bytes and messages. Those
that a network of convolutions needs are written here.
Source: onnx.proto3 of the ONNX standard (IR version 8, operators of version 13).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

IR_VERSION: Final = 8
OPERATORS: Final = 13
FLOAT: Final = 1  # TensorProto.DataType
INTEGER, TEXT, INTEGERS = 2, 3, 7  # AttributeProto.AttributeType
_VARINT, _LENGTH = 0, 2  # kinds of fields

Attribute = int | str | Sequence[int]


def node(operator: str, inputs: Sequence[str], output: str, **attributes: Attribute) -> bytes:
    """NodeProto: one operation. An input that is left out is an empty name."""
    return b"".join(
        (
            *(_message(1, name.encode()) for name in inputs),
            _message(2, output.encode()),
            _message(3, output.encode()),
            _message(4, operator.encode()),
            *(_message(5, _attribute(name, value)) for name, value in attributes.items()),
        )
    )


def model(
    nodes: Sequence[bytes],
    constants: Mapping[str, np.ndarray],
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, Sequence[int]],
) -> bytes:
    """ModelProto. constants: float32 arrays by name. inputs, outputs: shapes by name."""
    graph = b"".join(
        (
            *(_message(1, each) for each in nodes),
            _message(2, b"graph"),
            *(_message(5, _tensor(name, array)) for name, array in constants.items()),
            *(_message(11, _value(name, shape)) for name, shape in inputs.items()),
            *(_message(12, _value(name, shape)) for name, shape in outputs.items()),
        )
    )
    operators = _message(1, b"") + _number(2, OPERATORS)
    return _number(1, IR_VERSION) + _message(7, graph) + _message(8, operators)


def _attribute(name: str, value: Attribute) -> bytes:
    start = _message(1, name.encode())
    if isinstance(value, str):
        return start + _message(4, value.encode()) + _number(20, TEXT)
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, INTEGER)
    return start + b"".join(_number(8, each) for each in value) + _number(20, INTEGERS)


def _tensor(name: str, array: np.ndarray) -> bytes:
    sides = b"".join(_number(1, side) for side in array.shape)
    content = np.ascontiguousarray(array, "<f4").tobytes()
    return sides + _number(2, FLOAT) + _message(8, name.encode()) + _message(9, content)


def _value(name: str, shape: Sequence[int]) -> bytes:
    sides = b"".join(_message(1, _number(1, side)) for side in shape)
    tensor = _number(1, FLOAT) + _message(2, sides)
    return _message(1, name.encode()) + _message(2, _message(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _LENGTH) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
