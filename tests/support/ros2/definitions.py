"""Message classes that take what rclpy's take, made of the definitions that rosbags brings."""

from __future__ import annotations

import array
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
BASE, NAME, ARRAY, SEQUENCE = 1, 2, 3, 4  # kinds of fields, as rosbags counts them
RANGES = {
    f"{sign}int{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in ("u", "")
    for bits in (8, 16, 32, 64)
}
TYPECODES = {"uint8": "B", "int8": "b"}
CLASSES: dict[str, type[Message]] = {}


class Message:
    """Fields by keyword; each is checked when it is set, as rclpy does it."""

    KIND: ClassVar[str]
    FIELDS: ClassVar[dict[str, Any]]

    def __init__(self, **fields: Any) -> None:
        for name in fields.keys() - self.FIELDS.keys():
            raise AssertionError(f"{self.KIND} has no field {name}")
        for name, field in self.FIELDS.items():
            setattr(self, name, fields[name] if name in fields else _default(field))

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.FIELDS:
            raise AttributeError(f"{self.KIND} has no field {name}")
        object.__setattr__(self, name, _checked(f"{self.KIND}.{name}", self.FIELDS[name], value))


def message_class(kind: str) -> type[Message]:
    """The class of a type like sensor_msgs/msg/Image."""
    if kind not in CLASSES:
        constants, fields = STORE.fielddefs[kind]
        space = {"KIND": kind, "FIELDS": dict(fields), **{name: v for name, _, v in constants}}
        CLASSES[kind] = type(kind.rpartition("/")[2], (Message,), space)
    return CLASSES[kind]


def message_module(package: str) -> ModuleType:
    """Like sensor_msgs.msg, with all that is defined there."""
    module = ModuleType(f"{package}.msg")
    for kind in STORE.fielddefs:
        if kind.startswith(f"{package}/msg/"):
            setattr(module, kind.rpartition("/")[2], message_class(kind))
    return module


def sent(message: Message) -> Any:
    """A message as it arrives: written by the real definition, and read again."""
    raw = STORE.serialize_cdr(_native(message), message.KIND)
    return _ours(STORE.deserialize_cdr(raw, message.KIND))


def _default(field: Any) -> Any:
    node, content = field
    if node == BASE:
        kind = content[0]
        return "" if kind == "string" else False if kind == "bool" else _zero(kind)
    if node == NAME:
        return message_class(content)()
    inner, size = content
    if node == ARRAY:
        return np.zeros(size, inner[1][0])
    return [] if inner[0] == NAME else array.array(TYPECODES.get(inner[1][0], "d"))


def _zero(kind: str) -> float | int:
    return 0.0 if kind.startswith("float") else 0


def _checked(what: str, field: Any, value: Any) -> Any:
    node, content = field
    if node == BASE:
        _check_base(what, content[0], value)
    elif node == NAME:
        assert isinstance(value, message_class(content)), f"{what} must be {content}"
    elif node == ARRAY:
        inner, size = content
        assert len(value) == size, f"{what} has {size} numbers"
        if isinstance(value, np.ndarray):
            assert value.dtype == inner[1][0] and value.ndim == 1, f"{what} is {inner[1][0]}"
        else:
            assert all(isinstance(v, float) for v in value), f"{what} is of float"
        return np.array(value, inner[1][0])
    else:
        return _checked_sequence(what, content[0], value)
    return value


def _check_base(what: str, kind: str, value: Any) -> None:
    if kind == "string":
        assert isinstance(value, str), f"{what} must be str"
    elif kind == "bool":
        assert isinstance(value, bool), f"{what} must be bool"
    elif kind.startswith("float"):
        assert isinstance(value, float), f"{what} must be float, not {type(value).__name__}"
    else:
        low, high = RANGES[kind]
        assert isinstance(value, int), f"{what} must be int, not {type(value).__name__}"
        assert low <= value <= high, f"{what} is {kind}"


def _checked_sequence(what: str, inner: Any, value: Any) -> Any:
    node, content = inner
    assert not isinstance(value, str), f"{what} is a sequence"
    if node == NAME:
        assert all(isinstance(v, message_class(content)) for v in value), f"{what} of {content}"
        return list(value)
    kind = content[0]
    if isinstance(value, array.array):
        assert value.typecode == TYPECODES.get(kind, "d"), f"{what} is {kind}"
        return value
    for each in value:
        _check_base(what, kind, int(each) if isinstance(value, bytes) else each)
    return array.array(TYPECODES.get(kind, "d"), value)


def _native(value: Any) -> Any:
    """As rosbags has it."""
    if isinstance(value, Message):
        fields = {name: _native(getattr(value, name)) for name in value.FIELDS}
        return STORE.types[value.KIND](**fields)
    if isinstance(value, array.array):
        return np.array(value)
    return [_native(each) for each in value] if isinstance(value, list) else value


def _ours(value: Any) -> Any:
    kind = getattr(type(value), "__msgtype__", None)
    if kind is not None:
        fields = message_class(kind).FIELDS
        return message_class(kind)(**{name: _ours(getattr(value, name)) for name in fields})
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return array.array(TYPECODES[value.dtype.name], value.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    return [_ours(each) for each in value] if isinstance(value, list) else value
