"""What every group of settings is: a frozen dataclass that refuses values which make no sense."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import wraps
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, ValidationError
from pydantic import dataclasses as checked

from mapper.core.quantities import Allowed, Unit
from mapper.errors import ConfigError, shown, unknown_name

T = TypeVar("T")
CHECKED: Final = ConfigDict(extra="forbid")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def settings(kind: type[T]) -> type[T]:
    """Class decorator: a frozen, slotted dataclass whose values are checked when it is made.

    The fields' types say what is allowed (mapper.core.quantities); what several of them must hold
    together stands in __post_init__, which raises ValueError. Both arrive as ConfigError.
    """
    made: Any = checked.dataclass(kind, frozen=True, slots=True, config=CHECKED)
    made.__init__ = _refusing_in_one_line(made.__init__, made)
    return cast(type[T], made)


def from_mapping(kind: type[T], values: Any, prefix: str = "") -> T:
    """Settings from nested values; keys that are absent keep their defaults.

    prefix: of the names in messages. Raises ConfigError with what is allowed or the nearest name.
    """
    validator = kind.__pydantic_validator__  # type: ignore[attr-defined]
    try:
        return validator.validate_python(_over_defaults(kind, values))
    except ValidationError as error:
        raise ConfigError(_one_line(error, kind, prefix)) from None


def _over_defaults(kind: Any, values: Any) -> Any:
    """The values with all that they leave out of a group which its owner gives defaults of its own:
    those of the group's type would take their place."""
    if not isinstance(values, Mapping):
        return values
    filled = dict(values)
    for field in dataclasses.fields(kind):
        if field.default_factory is dataclasses.MISSING:
            continue
        usual, given = field.default_factory(), values.get(field.name)
        if is_group(usual) and isinstance(given, Mapping):
            filled[field.name] = _over(usual, given)
    return filled


def _over(usual: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """A group's values, replaced by those that are given."""
    merged = {field.name: getattr(usual, field.name) for field in dataclasses.fields(usual)}
    for name, value in given.items():
        is_inner = is_group(merged.get(name)) and isinstance(value, Mapping)
        merged[name] = _over(merged[name], value) if is_inner else value
    return merged


def is_group(hint: Any) -> bool:
    """Whether a field of that type is a group of settings."""
    return dataclasses.is_dataclass(hint)


def is_text(hint: Any) -> bool:
    """Whether a setting of that type is free text, such as a path."""
    return _plain(hint) is str


def field_types(kind: Any) -> dict[str, Any]:
    """The types of a group's fields, with all that is annotated, in order."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def unit_of(hint: Any) -> str:
    """The unit of a type; "" where it has none."""
    return next((m.name for m in _annotations(hint) if isinstance(m, Unit)), "")


def allowed(hint: Any) -> str:
    """What a setting of that type may be, in a few words."""
    found = _annotations(hint)
    for mark in found:
        if isinstance(mark, Allowed):
            return mark.words
    plain = _plain(hint)
    if get_origin(plain) is Literal:
        return _either([str(choice) for choice in get_args(plain)])
    if get_origin(plain) in (Union, UnionType):
        return _either([allowed(part) for part in get_args(plain)])
    if get_origin(plain) is tuple:
        inner = allowed(get_args(plain)[0])
        return f"a list like [4, 5, 6], each {inner}"
    if get_origin(plain) is list:
        return f"a list, each {allowed(get_args(plain)[0])}"
    if get_origin(plain) is dict:
        return "keys with values, like {depth: 4}"
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}[plain]
    return f"{words} {_bounds(found)}".strip()


def _refusing_in_one_line(validate: Callable[..., None], kind: type) -> Callable[..., None]:
    @wraps(validate)
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        try:
            validate(self, *values, **named)
        except ValidationError as error:
            raise ConfigError(_one_line(error, kind, "")) from None

    return __init__


def _one_line(error: ValidationError, kind: Any, prefix: str) -> str:
    """The first fault: name, value and what is allowed."""
    fault = error.errors(include_url=False)[0]
    if fault["type"] in ("unexpected_keyword_argument", "extra_forbidden", "invalid_key"):
        path, group = _path(fault["loc"][:-1], kind)
        named = prefix + "".join(f"{part}." for part in path)
        unknown = str(fault["loc"][-1])
        return unknown_name("configuration key", unknown, list(field_types(group)), named)
    path, hint = _path(fault["loc"], kind)
    name = prefix + ".".join(path)
    if fault["type"] == "value_error" and is_group(hint):
        return f"{name or kind.__name__}: {fault['ctx']['error']}"
    if fault["type"] == "missing":
        hint = field_types(hint)[str(fault["loc"][-1])] if is_group(hint) else hint
        return f"{prefix}{fault['loc'][-1]} is missing: expected {allowed(hint)}"
    value = shown(fault["input"])
    if is_group(hint):
        return f"{name or 'the configuration'} is a group of keys, not a value: {value}"
    return f"{name}={value}: expected {allowed(hint)}"


def _path(location: tuple[int | str, ...], kind: Any) -> tuple[list[str], Any]:
    """Names of the groups and the field that a fault lies in, and the type of the last."""
    names: list[str] = []
    hint = kind
    for part in location:
        inner = field_types(hint) if is_group(hint) else {}
        if isinstance(part, int) and is_group(hint):
            part = list(inner)[part]  # a value handed in by position
        if part not in inner:
            break
        names.append(str(part))
        hint = inner[str(part)]
    return names, hint


def _annotations(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _bounds(found: tuple[Any, ...]) -> str:
    """The narrowest bounds, which are annotated last."""
    marks = {type(mark): mark for mark in found}
    if Ge in marks and Le in marks:
        return f"from {marks[Ge].ge} to {marks[Le].le}"
    low = f"above {marks[Gt].gt}" if Gt in marks else ""
    low = f"of at least {marks[Ge].ge}" if Ge in marks else low
    high = f"below {marks[Lt].lt}" if Lt in marks else ""
    high = f"at most {marks[Le].le}" if Le in marks else high
    return " and ".join(bound for bound in (low, high) if bound)


def _either(choices: list[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]]) if choices[1:] else choices[0]
