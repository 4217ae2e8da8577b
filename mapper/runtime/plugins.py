"""What other packages add, by entry points; one that is broken is named and passed over.

docs/plugins.md says what the entry points of each group name.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mapper.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

logger = logging.getLogger(__name__)

FRONTENDS: Final = "mapper.frontends"
SEQUENCES: Final = "mapper.sequences"
EXPORTERS: Final = "mapper.exporters"
ADAPTERS: Final = "mapper.adapters"
# What an object of each must have.
GROUPS: Final = {
    FRONTENDS: ("name", "create"),
    SEQUENCES: ("recognises", "open", "name_of"),
    EXPORTERS: ("name", "what", "file", "write"),
    ADAPTERS: ("name", "what", "detect", "open"),
}
_warned: set[tuple[str, str]] = set()


@dataclass(frozen=True, slots=True, eq=False)
class Plugin:
    """One entry point, loaded. package: name and version of what brings it, as far as they are
    known. value: what it names; a class stands for an object of it. fault: why it cannot be used;
    empty where it can."""

    group: str
    name: str
    package: str
    value: object = None
    fault: str = ""


def plugin_names(group: str) -> list[str]:
    """Those of a group; none is imported."""
    return [point.name for point in _points(group)]


def find_plugin(group: str, name: str) -> object | None:
    """What the entry point of that name names; None where there is none.

    Raises ConfigError where it is broken: it was asked for.
    """
    for point in _points(group):
        if point.name == name:
            plugin = _loaded(point)
            if plugin.fault:
                raise ConfigError(_in_words(plugin))
            return plugin.value
    return None


def working_plugins(group: str) -> list[Plugin]:
    """All that can be used. Of the others the log tells, once."""
    found = [_loaded(point) for point in _points(group)]
    for plugin in found:
        if plugin.fault:
            passed_over(plugin)
    return [plugin for plugin in found if not plugin.fault]


def all_plugins() -> list[Plugin]:
    """Of every group, those that are broken too."""
    return [_loaded(point) for group in GROUPS for point in _points(group)]


def passed_over(plugin: Plugin, error: Exception | None = None) -> None:
    """Say so, once. error: what it failed over while it was used."""
    if (plugin.group, plugin.name) in _warned:
        return
    _warned.add((plugin.group, plugin.name))
    why = _in_words(plugin) if error is None else f"{_who(plugin)}: {_told(error)}"
    logger.warning("%s; it is passed over", why)


def _points(group: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return list(entry_points(group=group))


def _loaded(point: EntryPoint) -> Plugin:
    package = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
    try:
        value = point.load()
        value = value() if isinstance(value, type) else value
    except Exception as error:  # a stranger's code may raise anything
        return Plugin(point.group, point.name, package, fault=_told(error))
    missing = [name for name in GROUPS[point.group] if not hasattr(value, name)]
    fault = f"its {type(value).__name__} has no {', '.join(missing)}" if missing else ""
    return Plugin(point.group, point.name, package, value, fault)


def _in_words(plugin: Plugin) -> str:
    return f"{_who(plugin)} does not load: {plugin.fault}; see docs/plugins.md"


def _who(plugin: Plugin) -> str:
    package = plugin.package or "another package"
    return f"{plugin.name!r} ({plugin.group}) of {package}"


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
