"""What is asked of a mapping run, and the run itself, into a run directory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mapper.config.settings import MapperConfig
    from mapper.frontends.base import Frontend
    from mapper.io.sequences.sequence import Sequence
    from mapper.run.directory import RunDirectory


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to map and where to: the options of `mapper run`, by the same names.

    changes: settings like "backend.fusion.tsdf.voxel_size=0.01". quiet: print nothing.
    connect: address of a viewer that runs already. save_recording: write run.rrd.
    """

    sequence: Path
    out: Path | None = None
    config: str | None = None
    changes: tuple[str, ...] = ()
    calib: Path | None = None
    registration: str = "auto"
    start: int = 0
    stride: int = 1
    max_frames: int | None = None
    viewer: Literal["none", "window", "web"] = "none"
    save_predictions: bool = False
    resume: bool = False
    overwrite: bool = False
    quiet: bool = False
    connect: str | None = None
    save_recording: bool = True


def map_into(request: RunRequest) -> tuple[RunDirectory, dict[str, Any]]:
    """Map a sequence into a run directory; returns it and the metrics that it holds."""
    from mapper.config.loader import load_config
    from mapper.frontends.registry import (
        check_frontend,
        choose_frontend,
        create_frontend,
        sees_raw_images,
    )
    from mapper.pipeline import RunOptions, run_sequence
    from mapper.run.directory import RunDirectory
    from mapper.slam.progress import NullProgress, ProgressBar

    config = load_config(request.config, request.changes)
    check_frontend(config.frontend)
    if request.registration == "auto" and sees_raw_images(config.frontend):
        request = replace(request, registration="none")
    sequence = _open_sequence(request)
    out = request.out or Path("runs") / sequence.name
    run = RunDirectory.open(out) if request.resume else None
    if run is not None:
        request = _as_before(request, run)
        sequence = _open_sequence(request)
        config = _stored_config(request, run, sequence, config)
        if (metrics := run.read_json(run.metrics)).get("complete"):
            _say(request, f"{run.path}: this run is complete already")
            return run, metrics
    name, why = choose_frontend(config, sequence.has_depth)
    frontend = create_frontend(config, name)  # before a folder is made: this may be refused
    if run is None:
        _keep_predictions(config, out)
        run = RunDirectory.create(out, request.overwrite)
        run.write_description(_describe(request, sequence, frontend, config))
    what = f"{sequence.kind} sequence {sequence.name}: {len(sequence)} frames"
    _say(request, f"{what}; frontend {name} ({why})")
    options = RunOptions(
        request.viewer,
        request.resume,
        request.save_predictions,
        request.save_recording,
        request.connect,
        lambda text: _say(request, text),
    )
    bar = NullProgress() if request.quiet else ProgressBar(len(sequence))
    metrics = run_sequence(sequence, frontend, config, run, options, bar)
    sequence.close()
    return run, metrics


def _open_sequence(request: RunRequest) -> Sequence:
    from mapper.io.sequences.open_sequence import open_sequence

    return open_sequence(
        request.sequence,
        calibration=request.calib,
        registration=request.registration,
        start=request.start,
        stride=request.stride,
        max_frames=request.max_frames,
    )


def _as_before(request: RunRequest, run: RunDirectory) -> RunRequest:
    """The request with the frames and cameras of the run that is to be resumed.

    They need not be given again; given otherwise, they are refused.
    """
    from mapper.errors import ConfigError

    stored = run.read_description()["sequence"]
    calibration = stored["calibration"]
    before = {
        "start": stored["start"],
        "stride": stored["stride"],
        "max_frames": stored["max_frames"],
        "registration": stored["registration"],
        "calib": Path(calibration) if calibration else None,
    }
    unset = RunRequest(request.sequence)
    for name, value in before.items():
        given = getattr(request, name)
        if given not in (getattr(unset, name), value) and name != "registration":
            raise ConfigError(
                f"{run.path} was made with --{name.replace('_', '-')} {value}, not {given}: "
                "leave the option out to resume"
            )
    return replace(request, **before, save_predictions=stored.get("save_predictions", False))


def _keep_predictions(config: MapperConfig, out: Path) -> None:
    """Refuse to overwrite the very run whose predictions are to be replayed."""
    from mapper.errors import ConfigError

    predictions = config.replay.predictions
    if predictions and out.resolve() in Path(predictions).resolve().parents:
        raise ConfigError(
            f"{predictions} lies in {out}, which would be replaced: choose another --out"
        )


def _stored_config(
    request: RunRequest, run: RunDirectory, sequence: Sequence, config: MapperConfig
) -> MapperConfig:
    """The settings that an interrupted run was made with; others, or another input, are refused."""
    from mapper.config.loader import from_mapping, to_mapping
    from mapper.io.sequences.fingerprint import fingerprint
    from mapper.pipeline import check_same_input

    if not (request.config or request.changes):
        config = from_mapping(type(config), run.read_description()["config"])
    check_same_input(run, fingerprint(sequence), to_mapping(config))
    return config


def _describe(
    request: RunRequest, sequence: Sequence, frontend: Frontend, config: MapperConfig
) -> dict[str, Any]:
    from mapper.config.loader import to_mapping
    from mapper.io.sequences.fingerprint import fingerprint
    from mapper.runtime.versions import versions

    return {
        "sequence": {
            "name": sequence.name,
            "kind": sequence.kind,
            "path": str(request.sequence.resolve()),
            "frames": len(sequence),
            "start": request.start,
            "stride": request.stride,
            "max_frames": request.max_frames,
            "calibration": str(request.calib) if request.calib else None,
            "registration": request.registration,
            "save_predictions": request.save_predictions,
            "fingerprint": fingerprint(sequence),
        },
        "frontend": frontend.name,
        "weights": str(getattr(frontend, "weights", "")) or None,
        "units": "metres" if frontend.is_metric else "units",
        "versions": versions(),
        "config": to_mapping(config),
    }


def _say(request: RunRequest, text: str) -> None:
    if not request.quiet:
        print(text, flush=True)
