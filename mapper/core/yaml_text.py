"""The one reader of YAML: plain values, of bounded size, depth and growth; faults in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from mapper.errors import ConfigError

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 25_000  # values and keys: a second
MAX_DEPTH: Final = 50
MAX_ALIASES: Final = 20  # nested ones grow beyond any memory
MAX_SCALAR: Final = 20_000  # characters of one value; numbers to the base 60 cost their square


class BoundedLoader(yaml.SafeLoader):
    """Reads plain values alone, and refuses files that grow when they are read."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._aliases = self._nodes = self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One value with all that is in it."""
        self._nodes += 1
        self._aliases += self.check_event(yaml.AliasEvent)
        self._depth += 1
        for count, most, what in (
            (self._nodes, MAX_NODES, "too many values"),
            (self._aliases, MAX_ALIASES, "too many aliases"),
            (self._depth, MAX_DEPTH, "nested too deeply"),
        ):
            if count > most:
                mark = self.get_mark()
                raise yaml.MarkedYAMLError(problem=what, problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode) and len(node.value) > MAX_SCALAR:
            raise yaml.MarkedYAMLError(problem="a value too long", problem_mark=node.start_mark)
        return node


def parse_yaml(text: str, loader: type[BoundedLoader] = BoundedLoader, first: bool = False) -> Any:
    """What a YAML text says. first: of several documents the first one is taken.

    ConfigError where it is no YAML, or one that is larger than anything of ours.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"more than {MAX_BYTES} characters are too many for this kind of file")
    try:
        return next(yaml.load_all(text, loader), None) if first else yaml.load(text, loader)
    except Exception as error:  # values with a tag of another kind raise whatever their reader does
        raise ConfigError(f"not valid YAML: {_where(error)}") from error


def read_yaml(path: Path) -> Any:
    """What a YAML file says. Raises ConfigError with its name."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid YAML: it is no UTF-8 text") from error
    try:
        return parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """Keys and values of a YAML file, none of an empty one. Raises ConfigError with its name."""
    values = read_yaml(path)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(values).__name__}")
    return values


def _where(error: Exception) -> str:
    """What is wrong with a text, and in which line, where that is known."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or f"{error}" or type(error).__name__
    line = f", line {mark.line + 1}" if mark is not None else ""
    return " ".join(problem.split())[:160] + line
