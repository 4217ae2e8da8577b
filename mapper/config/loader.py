"""Reads configurations: a profile, then `key=value` changes; refuses what it does not know."""

from __future__ import annotations

import dataclasses
import difflib
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from mapper.config.settings import MapperConfig
from mapper.errors import ConfigError

PROFILES = Path(__file__).parents[1] / "configs"
RETIRED = {"rgbd.max_depth": "backend.fusion.tsdf.max_depth"}  # and what stands in its place
T = TypeVar("T")


def load_config(
    profile: str | Path | None = None, changes: list[str] | tuple[str, ...] = ()
) -> MapperConfig:
    """Defaults, changed by a profile (a YAML file or a name in configs/) and by changes like
    "backend.fusion.tsdf.voxel_size=0.01". Raises ConfigError with the nearest known name."""
    values: dict[str, Any] = {} if profile is None else _read_profile(profile)
    for change in changes:
        _apply(values, change)
    for name, successor in RETIRED.items():
        group, key = name.split(".")
        if isinstance(values.get(group), dict) and key in values[group]:
            raise ConfigError(f"{name} is no setting any more: set {successor}")
    return from_mapping(MapperConfig, values)


def from_mapping(kind: type[T], values: dict[str, Any], prefix: str = "") -> T:
    """A configuration dataclass from nested values; keys that are absent keep their defaults."""
    hints = get_type_hints(kind)
    known = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if prefix + str(key) in RETIRED:
            continue  # of a run made before
        if key not in known:
            raise ConfigError(unknown_name("configuration key", prefix + str(key), known, prefix))
        arguments[key] = _convert(hints[key], value, prefix + key)
    return kind(**arguments)


def changed(values: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    """A copy of nested values with changes like "alignment.rounds=8" made."""
    result = deepcopy(values)
    for change in changes:
        _apply(result, change)
    return result


def to_mapping(config: Any) -> dict[str, Any]:
    """The configuration as plain nested values, ready for YAML."""
    return yaml.safe_load(yaml.safe_dump(_plain(dataclasses.asdict(config))))


def unknown_name(what: str, name: str, known: list[str], prefix: str = "") -> str:
    """One line about a name that is not known, with the nearest that is."""
    near = difflib.get_close_matches(name.removeprefix(prefix), known, 1, 0.5)
    hint = f"did you mean {prefix}{near[0]}?" if near else "known: " + ", ".join(sorted(known))
    return f"unknown {what} {name!r}; {hint}"


def _read_profile(profile: str | Path) -> dict[str, Any]:
    path = Path(profile)
    if not path.suffix and not path.exists():
        path = PROFILES / f"{profile}.yaml"
    if not path.exists():
        names = sorted(p.stem for p in PROFILES.glob("*.yaml"))
        raise ConfigError(f"{profile}: no such configuration file or profile; {', '.join(names)}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(values).__name__}")
    return values


def _apply(values: dict[str, Any], change: str) -> None:
    key, separator, text = change.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {change}: expected key=value")
    *path, last = key.strip().split(".")
    for part in path:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {change}: {part} is a value, not a group of keys")
        values = inner
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {change}: {text!r} is no value") from error


def _convert(hint: Any, value: Any, name: str) -> Any:
    """The value in the type that the dataclass asks for. No setting is negative."""
    converted = _typed(hint, value, name)
    if isinstance(converted, int | float) and not 0 <= converted < float("inf"):
        raise ConfigError(f"{name}={value!r}: expected a number of at least 0")
    return converted


def _typed(hint: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{name} is a group of keys, not a value: {value!r}")
        return from_mapping(hint, value, name + ".")  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{name}={value!r}: expected a list like [4, 5, 6]")
        return tuple(_convert(get_args(hint)[0], v, name) for v in value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):
        try:
            return float(value)  # YAML reads 1e-3 as text
        except ValueError:
            pass
    if hint is str and isinstance(value, bool):
        return "on" if value else "off"  # YAML reads those words as truth values
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, hint):
        raise ConfigError(f"{name}={value!r}: expected {getattr(hint, '__name__', hint)}")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
