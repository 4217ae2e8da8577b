"""What run.yaml says of a run: what it was made from, by whom, and with which settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mapper.backend.priors.knowledge import Tie
from mapper.config.loader import to_mapping
from mapper.config.settings import MapperConfig
from mapper.core.camera_noise import CameraNoise
from mapper.frontends.base import Frontend
from mapper.io.live.source import LiveSource
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.fingerprint import fingerprint
from mapper.request import LiveRequest, RunRequest
from mapper.run.directory import RunDirectory
from mapper.run.stored_run import LIVE, StoredDescription, StoredSequence, seen_from
from mapper.runtime.versions import versions


def describe(
    run: Path, source: StoredSequence, frontend: Frontend, config: MapperConfig
) -> dict[str, Any]:
    """The content of run.yaml. source: the input, as the two functions below say it.

    Every file is named as it lies on this disk, and beside that as it is seen from the folder
    `run`: one of the two holds from another folder, and after both were moved.
    """
    beside = {
        "path_from_run": _beside(run, source.path),
        "calibration_from_run": _beside(run, source.calibration),
        "mask_dir_from_run": _beside(run, source.mask_dir),
    }
    weights = Path(getattr(frontend, "weights", ""))
    described = StoredDescription(
        sequence=source.model_copy(update=beside),
        frontend=frontend.name,
        weights=str(weights.resolve()) if weights.name else None,
        units="metres" if frontend.is_metric else "units",
        versions=versions(),
        paths_from_run={
            name: seen_from(run, Path(value)) for name, value in _named_files(config).items()
        },
        config=to_mapping(config),
    )
    return described.model_dump(exclude_unset=True)


def _beside(run: Path, name: str | None) -> str | None:
    """A file as the run sees it; a camera's address is no absolute path, and not beside it."""
    file = Path(name or "")
    return seen_from(run, file) if file.is_absolute() else None


def with_whole_paths(config: MapperConfig) -> MapperConfig:
    """The settings with the files that they name, so that they are found from any folder."""
    files = {name: str(Path(value).resolve()) for name, value in _named_files(config).items()}
    return replace(
        config,
        weights=files.get("weights", config.weights),
        replay=replace(
            config.replay,
            predictions=files.get("replay.predictions", config.replay.predictions),
        ),
        predictions=replace(
            config.predictions, path=files.get("predictions.path", config.predictions.path)
        ),
    )


def described_sequence(request: RunRequest, sequence: BoundedSequence) -> StoredSequence:
    """Enough to open the same frames again and to know them for the same."""
    return StoredSequence(
        name=sequence.name,
        kind=sequence.kind,
        path=str(request.sequence.expanduser().resolve()),
        frames=len(sequence),
        start=request.start,
        stride=request.stride,
        max_frames=request.max_frames,
        calibration=str(request.calib.resolve()) if request.calib else None,
        mask_dir=str(request.mask_dir.expanduser().resolve()) if request.mask_dir else None,
        split_360=request.split_360,
        registration=request.registration,
        poses=request.poses,
        topics=request.topics,
        save_predictions=request.save_predictions,
        original_size=_listed(sequence.original),
        image_size=_listed(sequence.size),
        **noise_keys(sequence.camera),
        fingerprint=fingerprint(sequence.stored),
    )


def noise_keys(camera: CameraNoise | None) -> dict[str, Any]:
    """What is said of a depth camera; nothing where there is none."""
    if camera is None:
        return {}
    return {"camera_kind": camera.kind, "depth_noise": camera.coefficients}


def _listed(size: tuple[int, int] | None) -> list[int] | None:
    return None if size is None else list(size)


def note_camera(run: RunDirectory, camera: CameraNoise) -> None:
    """Write into run.yaml what a live camera's depth was found to be."""
    says = run.read_description().says
    sequence = says.sequence.model_copy(update=noise_keys(camera))
    run.write_description(
        says.model_copy(update={"sequence": sequence}).model_dump(exclude_unset=True)
    )


def with_tie(run: RunDirectory, tie: Tie) -> dict[str, Any]:
    """The content of run.yaml with the unit and the place that a map was given by a tie."""
    says, origin = run.read_description().says, tie.origin
    found: dict[str, Any] = {"units": "metres" if tie.is_metric else says.units}
    if origin is not None:
        found["origin"] = [origin.latitude, origin.longitude, origin.altitude]
    return says.model_copy(update=found).model_dump(exclude_unset=True)


def described_camera(
    request: LiveRequest, source: LiveSource, camera: CameraNoise | None
) -> StoredSequence:
    """By the same keys; path: of the recorded frames, where they are kept."""
    kept = request.record.resolve() if request.record else None
    return StoredSequence(
        name=kept.name if kept else LIVE,
        kind=LIVE,
        camera=source.name,
        path=str(kept or source.name),
        start=0,
        stride=1,
        max_frames=None,
        calibration=str(request.calib.resolve()) if request.calib else None,
        registration="none",
        **noise_keys(camera),
        fingerprint=LIVE,
    )


def _named_files(config: MapperConfig) -> dict[str, str]:
    """Settings that name a file or folder, by their dotted names."""
    named = {
        "weights": config.weights,
        "replay.predictions": config.replay.predictions,
        "predictions.path": config.predictions.path,
    }
    return {name: value for name, value in named.items() if value and Path(value).exists()}
