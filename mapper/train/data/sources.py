"""What `--data` names: rooms, runs, recordings and processed folders, in published mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mapper.errors import ConfigError, InputError
from mapper.train.data.batches import Source
from mapper.train.data.processed import processed_scenes
from mapper.train.data.published import PLAIN, SetTraits, traits_of
from mapper.train.data.recorded import run_scene, sequence_scene
from mapper.train.data.scene import Scene, packed_scenes

RUN: Final = "run.yaml"


def open_sources(names: Sequence[str]) -> list[Source]:
    """Of texts like "rooms/", or "22400@folders/:ScanNet": so many samples of these for each of the
    others' numbers, chosen and counted as is published of the set; "unscaled" is one, too.

    Raises ConfigError for a number or a set that is none, InputError for a folder without anything
    to learn.
    """
    return [_source(name) for name in names]


def _source(name: str) -> Source:
    count, path, traits = _parts(name)
    scenes = scenes_in(path, traits.camera_only)
    return Source(scenes, count, traits)


def _parts(name: str) -> tuple[float, Path, SetTraits]:
    """Number, path and set of a text; a path that is there is one, whatever is in it."""
    if Path(name).exists():
        return 1.0, Path(name), PLAIN
    count, at, rest = name.partition("@")
    number = 1.0
    if at and count.replace(".", "", 1).isdigit():
        name, number = rest, float(count)
        if not number:
            raise ConfigError(f"--data {count}@{rest}: expected a number above 0 before the @")
    path, colon, kind = name.rpartition(":")
    if Path(name).exists() or not colon:
        return number, Path(name), PLAIN
    return number, Path(path), traits_of(kind)


def held_back_in(names: Sequence[str]) -> Source | None:
    """The rooms for validation (validation_*.npz) that lie beside those to learn from; judged as
    the first of the folders that have such."""
    beside = [(folder, traits) for _, folder, traits in map(_parts, names) if folder.is_dir()]
    found = [
        (packed_scenes(folder, "validation_"), traits)
        for folder, traits in beside
        if next(folder.glob("validation_*.npz"), None) is not None
    ]
    if not found:
        return None
    return Source([scene for scenes, _ in found for scene in scenes], traits=found[0][1])


def scenes_in(path: Path, cameras_alone: bool = False) -> Sequence[Scene]:
    """Whatever of them there is at a path. cameras_alone: folders without depth."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check --data")
    if path.is_dir() and next(path.glob("train_*.npz"), None) is not None:
        return packed_scenes(path, "train_")
    if (path / RUN).is_file():
        return [run_scene(path)]
    if path.is_dir() and (processed := list(processed_scenes(path, cameras_alone))):
        return processed
    try:
        return [sequence_scene(path)]
    except InputError as error:
        raise InputError(
            f"{error}. To learn from, expected rooms of tools make_rooms (train_*.npz), a run "
            "directory, a recording with depth and poses, or folders like SCENE/rgb, SCENE/depth "
            "and SCENE/cam"
        ) from error
