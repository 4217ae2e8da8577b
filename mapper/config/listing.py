"""Every setting with its meaning, which stands in the docstring of the group that holds it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from mapper.core.settings_model import allowed, field_types, is_group, unit_of

ENTRY: Final = re.compile(r"^([a-z_0-9]+): (.*)$")  # "name: meaning", its next lines indented


@dataclass(frozen=True, slots=True)
class Setting:
    """name: without the group's. allowed, unit: in words; unit is empty where there is none."""

    name: str
    value: Any
    default: Any
    unit: str
    allowed: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group of settings and those that it holds itself. name: dotted, empty for the outermost."""

    name: str
    meaning: str
    settings: list[Setting]


def groups(config: Any, name: str = "", defaults: Any = None) -> Iterator[Group]:
    """The settings of a configuration, group by group, in the order in which they are declared.

    defaults: what the values are compared with; the kind's own if left out.
    """
    kind = type(config)
    defaults = kind() if defaults is None else defaults
    told = meanings(kind)
    inner, settings = [], []
    for field, hint in field_types(kind).items():
        value, default = getattr(config, field), getattr(defaults, field)
        if is_group(hint):
            inner.append((value, f"{name}.{field}".lstrip("."), default))
        else:
            settings.append(
                Setting(field, value, default, unit_of(hint), allowed(hint), told[field])
            )
    yield Group(name, summary(kind), settings)
    for part in inner:
        yield from groups(*part)


def summary(kind: type) -> str:
    """The first sentence of a group's docstring."""
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def meanings(kind: type) -> dict[str, str]:
    """What each field means, those of the classes below it included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _entries(inspect.cleandoc(base.__dict__.get("__doc__") or ""))
    return found


def json_schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a kind of settings, with the meanings as descriptions."""
    schema = TypeAdapter(kind).json_schema()
    kinds = {kind.__name__: kind} | {k.__name__: k for k in _kinds(kind)}
    for name, part in [(kind.__name__, schema), *schema.get("$defs", {}).items()]:
        part["description"] = summary(kinds[name])
        for field, meaning in meanings(kinds[name]).items():
            part["properties"][field]["description"] = meaning
    return schema


def _kinds(kind: Any) -> Iterator[Any]:
    for hint in field_types(kind).values():
        if is_group(hint):
            yield hint
            yield from _kinds(hint)


def _entries(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = None
    for line in text.splitlines():
        if match := ENTRY.match(line):
            name, found[match[1]] = match[1], match[2]
        elif name is not None and line.startswith("    "):
            found[name] += " " + line.strip()
        else:
            name = None
    return found
