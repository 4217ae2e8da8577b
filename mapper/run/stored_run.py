"""What run.yaml says, read and checked: the one reader of the file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mapper.backend.config import BackendConfig
from mapper.config.loader import changed, from_mapping, holder_of
from mapper.config.settings import MapperConfig
from mapper.core import settings_model
from mapper.core.yaml_text import read_yaml
from mapper.errors import ConfigError, InputError

LIVE: Final = "live"  # kind and fingerprint of an input whose frames are gone
MERGED: Final = "merged"  # the same of a run that was made of others
_MODEL: Final = ConfigDict(frozen=True, extra="ignore", strict=True)


class StoredSequence(BaseModel):
    """The frames that a run was made from. path, calibration: absolute; of older runs as given.

    mask_dir: folder of masks, absolute; None = none. split_360: see RunRequest.
    path_from_run, calibration_from_run, mask_dir_from_run: the same seen from the run directory,
    None if unknown.
    original_size, image_size: width and height, as they were read and as they were worked on.
    camera_kind, depth_noise: what the depth was taken for, and its coefficients; see CameraNoise.
    """

    model_config = _MODEL

    name: str
    kind: str
    path: str
    fingerprint: str
    path_from_run: str | None = None
    frames: int | None = None
    start: int = 0
    stride: int = 1
    max_frames: int | None = None
    calibration: str | None = None
    calibration_from_run: str | None = None
    mask_dir: str | None = None
    mask_dir_from_run: str | None = None
    split_360: int | None = None
    registration: str = "auto"
    poses: str = "auto"
    topics: str | None = None
    save_predictions: bool = False
    camera: str | None = None
    original_size: list[int] | None = None
    image_size: list[int] | None = None
    camera_kind: str | None = None
    depth_noise: list[float] | None = None


class StoredSession(BaseModel):
    """One of the runs that a run was merged of.

    name: no other one's. path: of the run, absolute; path_from_run: as the merged run sees it.
    first_keyframe, first_segment, first_frame, seconds: what was added to its numbers and to its
    times. frames: of its input. keyframes: of its map, some of which may have been culled since.
    units: of its own map; scale: of these in those of the merged map.
    """

    model_config = _MODEL

    name: str
    path: str
    path_from_run: str | None = None
    first_keyframe: int
    first_segment: int
    first_frame: int
    seconds: float
    frames: int
    keyframes: int
    units: str
    scale: float


class StoredDescription(BaseModel):
    """The keys of run.yaml. paths_from_run: of settings that name files, as the run sees them.

    origin: latitude and longitude (degrees of WGS 84) and altitude (metres) of the map's origin,
    where its axes are east, north and up; None where it lies nowhere on the Earth. sessions: what a
    merged run was merged of; None of any other.
    """

    model_config = _MODEL

    sequence: StoredSequence
    frontend: str
    weights: str | None = None
    units: str = "metres"
    versions: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any]
    paths_from_run: dict[str, str | None] = Field(default_factory=dict)
    origin: list[float] | None = None
    sessions: list[StoredSession] | None = None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What is known of a run: says is as run.yaml has it, file is where that lies."""

    file: Path
    says: StoredDescription

    @property
    def sequence_path(self) -> Path:
        """Where the sequence is: where it was, else where it is beside the run."""
        sequence = self.says.sequence
        return self._found(sequence.path, sequence.path_from_run)

    @property
    def calibration(self) -> Path | None:
        """The calibration file that was given for it, found like the sequence."""
        sequence = self.says.sequence
        if sequence.calibration is None:
            return None
        return self._found(sequence.calibration, sequence.calibration_from_run)

    @property
    def mask_dir(self) -> Path | None:
        """The folder of masks that was given for it, found like the sequence."""
        sequence = self.says.sequence
        if sequence.mask_dir is None:
            return None
        return self._found(sequence.mask_dir, sequence.mask_dir_from_run)

    def settings(self) -> MapperConfig:
        """All settings of the run, with the files that they name where these are now."""
        values = deepcopy(self.says.config)
        values.setdefault("images", {"max_side": 0})  # of before large images were reduced
        try:
            for name in self.says.paths_from_run:
                self._find_setting(values, name)
            return from_mapping(MapperConfig, values)
        except ConfigError as error:
            raise InputError(f"{self.file}: {error}") from error

    def backend_settings(self, changes: Sequence[str] = ()) -> BackendConfig:
        """Those of the backend alone, which later versions of a frontend do not make unreadable.

        changes: made to them, like "alignment.rounds=8"; a fault in these is the user's.
        """
        stored = self.says.config.get("backend")
        if not isinstance(stored, dict):
            raise InputError(f"{self.file}: damaged (config.backend is missing)")
        try:
            settings_model.from_mapping(BackendConfig, stored)
        except ConfigError as error:
            raise InputError(f"{self.file}: {error}") from error
        return settings_model.from_mapping(BackendConfig, changed(stored, changes, BackendConfig))

    def _find_setting(self, values: dict[str, Any], name: str) -> None:
        """Let the setting of a dotted name, if there is one, say where its file is now."""
        holder, last = holder_of(values, name)
        if isinstance(holder.get(last), str):
            holder[last] = str(self._found(holder[last], self.says.paths_from_run[name]))

    def _found(self, path: str, beside: str | None) -> Path:
        absolute = Path(path)
        if beside is None or absolute.exists():
            return absolute
        moved = self.file.parent / beside
        return moved.resolve() if moved.exists() else absolute


def read_stored_run(file: Path) -> StoredRun:
    """What a run.yaml says. Raises InputError, with the file's name, if it is damaged."""
    try:
        described = StoredDescription.model_validate(read_yaml(file))
    except ValidationError as error:
        raise InputError(f"{file}: damaged ({_first_fault(error)}); {_REMEDY}") from error
    except ConfigError as error:
        reason = str(error).removeprefix(f"{file}: ")
        raise InputError(f"{file}: damaged ({reason}); {_REMEDY}") from error
    _read_as_today(described.config)
    return StoredRun(file, described)


def _read_as_today(config: dict[str, Any]) -> None:
    """Say as today what earlier versions wrote otherwise: the focal length was refined or not."""
    backend = config.get("backend")
    alignment = backend.get("alignment") if isinstance(backend, dict) else None
    if isinstance(alignment, dict) and isinstance(alignment.get("refine_focal"), bool):
        alignment["refine_focal"] = "always" if alignment["refine_focal"] else "auto"


def seen_from(run: Path, path: Path) -> str | None:
    """A path relative to the run directory; None where there is no way from one to the other."""
    try:
        return Path(os.path.relpath(path.resolve(), run.resolve())).as_posix()
    except ValueError:  # two drives of Windows
        return None


_REMEDY: Final = "put a whole copy back, or run the sequence again into another folder"


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    name = ".".join(map(str, fault["loc"]))
    if not name:
        return "it holds no keys and values"
    return f"{name} is missing" if fault["type"] == "missing" else f"{name}: {fault['msg']}"
