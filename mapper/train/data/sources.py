"""What `--data` names: rooms, runs, recordings and processed folders, in published mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mapper.errors import ConfigError, InputError
from mapper.train.data.processed import processed_scenes
from mapper.train.data.recorded import run_scene, sequence_scene
from mapper.train.data.scene import Scene, Source, packed_scenes

RUN: Final = "run.yaml"
UNSCALED: Final = ":unscaled"


def open_sources(names: Sequence[str]) -> list[Source]:
    """Of texts like "rooms/", or "22400@co3d/:unscaled": so many samples of these for each of the
    others' numbers, and poses and depths that are known up to scale.

    Raises ConfigError for a number that is none, InputError for a folder without anything to learn.
    """
    return [_source(name) for name in names]


def _source(name: str) -> Source:
    path, mark, _ = name.rpartition(UNSCALED)
    path = path if mark and name.endswith(UNSCALED) else name
    count, at, rest = path.partition("@")
    if not at or not count.replace(".", "", 1).isdigit():
        return Source(scenes_in(Path(path)), metric=path == name)
    if float(count) <= 0:
        raise ConfigError(f"--data {name}: expected a number above 0 before the @")
    return Source(scenes_in(Path(rest)), float(count), path == name)


def held_back_in(names: Sequence[str]) -> Source | None:
    """The rooms for validation (validation_*.npz) that lie beside those to learn from."""
    folders = [Path(name.rpartition("@")[2].removesuffix(UNSCALED)) for name in names]
    scenes = [
        scene
        for folder in folders
        if folder.is_dir() and next(folder.glob("validation_*.npz"), None) is not None
        for scene in packed_scenes(folder, "validation_")
    ]
    return Source(scenes) if scenes else None


def scenes_in(path: Path) -> Sequence[Scene]:
    """Whatever of them there is at a path."""
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_dir() and next(path.glob("train_*.npz"), None) is not None:
        return packed_scenes(path, "train_")
    if (path / RUN).is_file():
        return [run_scene(path)]
    if path.is_dir() and (processed := list(processed_scenes(path))):
        return processed
    try:
        return [sequence_scene(path)]
    except InputError as error:
        raise InputError(
            f"{error}. To learn from, expected rooms of tools make_rooms (train_*.npz), a run "
            "directory, a recording with depth and poses, or folders like SCENE/rgb, SCENE/depth "
            "and SCENE/cam"
        ) from error
