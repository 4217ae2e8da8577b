"""Reads configurations: a profile, then `key=value` changes; refuses what it does not know."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from mapper.config.settings import MapperConfig
from mapper.core import settings_model
from mapper.core.settings_model import field_types, is_group, is_text
from mapper.core.yaml_text import parse_yaml, read_mapping
from mapper.errors import ConfigError, did_you_mean, shown

PROFILES: Final = Path(__file__).parents[1] / "configs"
# Settings that older runs name, and what stands in their place.
RETIRED: Final = {
    "rgbd.max_depth": "backend.fusion.tsdf.max_depth",
    "rgbd.min_inlier_ratio": "rgbd.evidence.max_front",
    "rgbd.min_overlap": "rgbd.evidence.min_overlap",
    "rgbd.max_rmse": "rgbd.evidence.min_agreement",
    "rgbd.clear_inlier_ratio": "rgbd.evidence.clear_agreement",
    "rgbd.clear_translation": "rgbd.evidence.clear_light",
    "rgbd.clear_rotation": "rgbd.evidence.clear_light",
    "cut3r.bfloat16": "cut3r.precision=bfloat16",
    "stream3r.bfloat16": "stream3r.precision=bfloat16",
    "streamvggt.bfloat16": "streamvggt.precision=bfloat16",
    "vggt.bfloat16": "vggt.precision=bfloat16",
    "wint3r.bfloat16": "wint3r.precision=bfloat16",
}
T = TypeVar("T")


def load_config(
    profile: str | Path | None = None,
    changes: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
) -> MapperConfig:
    """Defaults, changed by a profile (a YAML file or a name in configs/), then by changes like
    "backend.fusion.tsdf.voxel_size=0.01". Raises ConfigError with the nearest known name.

    given: values by dotted names, such as {"backend.align": "final"}: they are no text that would
    have to be read, and they go before all others.
    """
    values: dict[str, Any] = {}
    if profile is not None:
        path = _profile_path(profile)
        values = read_mapping(path)
        _refuse_retired(values, f"{path}: ")
        check_file(path, MapperConfig, values)
    values = changed(values, changes)
    _refuse_retired(values)
    for key, value in (given or {}).items():
        *groups, last = key.split(".")
        _group(values, groups, key)[last] = value
    return settings_model.from_mapping(MapperConfig, values)


def from_mapping(kind: type[T], values: dict[str, Any]) -> T:
    """The settings of a run, from its run.yaml; those that there are no longer are left out."""
    values = deepcopy(values)
    for name in _retired(values):
        holder, last = holder_of(values, name)
        del holder[last]
    return settings_model.from_mapping(kind, values)


def changed(
    values: dict[str, Any], changes: Sequence[str], kind: type = MapperConfig
) -> dict[str, Any]:
    """A copy of nested values of a kind of settings with changes like "alignment.rounds=8" made."""
    result = deepcopy(values)
    for change in changes:
        _apply(result, change, kind)
    return result


def to_mapping(config: Any) -> dict[str, Any]:
    """The configuration as plain nested values, ready for YAML."""
    return cast(dict[str, Any], _plain(dataclasses.asdict(config)))


def holder_of(values: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The nested values that hold the setting of a dotted name, none where there are none; its key.

    Values of a file may be anything.
    """
    *groups, last = name.split(".")
    for group in groups:
        inner = values.get(group)
        values = inner if isinstance(inner, dict) else {}
    return values, last


def check_file(path: Path, kind: type[T], values: dict[str, Any]) -> T:
    """The settings that a file holds. Raises ConfigError with its name."""
    try:
        return settings_model.from_mapping(kind, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _retired(values: dict[str, Any]) -> list[str]:
    """Those of the settings that are gone which the values name."""
    found = {name: holder_of(values, name) for name in RETIRED}
    return [name for name, (holder, last) in found.items() if last in holder]


def _refuse_retired(values: dict[str, Any], where: str = "") -> None:
    for name in _retired(values):
        raise ConfigError(f"{where}{name} is no setting any more: set {RETIRED[name]}")


def _profile_path(profile: str | Path) -> Path:
    path = Path(profile)
    if not path.suffix and not path.exists():
        path = PROFILES / f"{profile}.yaml"
    if not path.exists():
        names = sorted(p.stem for p in PROFILES.glob("*.yaml"))
        nearest = did_you_mean(str(profile), names)
        raise ConfigError(f"{profile}: no such configuration file or profile; {nearest}")
    return path


def _apply(values: dict[str, Any], change: str, kind: Any) -> None:
    key, separator, text = change.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {change}: expected key=value")
    *path, last = key.strip().split(".")
    values = _group(values, path, f"--set {change}")
    for part in path:
        kind = _type_of(kind, part)
    values[last] = text if is_text(_type_of(kind, last)) else _value(change, text)


def _group(values: dict[str, Any], path: Sequence[str], told: str) -> dict[str, Any]:
    """The nested values under a path of keys, made where there are none. told: who asks for it."""
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{told}: {part} is a value, not a group of keys")
    return values


def _type_of(kind: Any, name: str) -> Any:
    return field_types(kind).get(name) if is_group(kind) else None


def _value(change: str, text: str) -> Any:
    try:
        return parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"--set {change.partition('=')[0]}: {shown(text)} is no value") from error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
