"""Arguments of published constructors, as manifests and checkpoints hold them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from mapper.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PublishedArguments:
    """network: its name, for messages. fixed: arguments of which one value exists in published
    checkpoints, and only that one is built. without_effect: those that change no output."""

    network: str
    fixed: Mapping[str, Any]
    without_effect: Collection[str]

    def known(self, kind: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Those that are fields of the dataclass `kind`, lists as tuples; refuses unknown ones."""
        names = {entry.name for entry in fields(kind)}
        chosen: dict[str, Any] = {}
        for name, given in arguments.items():
            value = tuple(given) if isinstance(given, list) else given
            if name in names:
                chosen[name] = value
            elif name in self.fixed and value != self.fixed[name]:
                raise ConfigError(f"{name}={given!r} is not supported, only {self.fixed[name]!r}")
            elif name not in self.fixed and name not in self.without_effect:
                raise ConfigError(f"unknown argument of {self.network}: {name}={given!r}")
        return chosen
