"""Carries on a run in a new process: a sequence's exactly, a camera's in a segment of its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.config.loader import to_mapping
from mapper.config.settings import MapperConfig
from mapper.core.camera_noise import CameraNoise, noted_noise
from mapper.core.frame import Frame
from mapper.errors import ConfigError, InputError
from mapper.request import FLOOR, RunRequest
from mapper.run.directory import RunDirectory
from mapper.run.journal import whole_lines
from mapper.run.outputs import remove_later_files
from mapper.run.recording_parts import set_recording_aside
from mapper.run.stored_run import LIVE
from mapper.saved.map import load_decisions, load_graph
from mapper.saved.results import known_counts
from mapper.slam.frame_counts import FrameCounts
from mapper.slam.mapper import Mapper

SETTLED: Final = ("keyframe", "visit")  # the journal's events: closed, culled
KNOWN: Final = (
    *("pose_sigma", "pose_offset", "gps", "gps_sigma", "gps_offset"),
    *("odometry", "odometry_sigma", "odometry_offset"),
    *("gravity_axes", "gravity_sigma", "gravity_offset"),
)
OF_THE_FRAMES: Final = ("start", "stride", "max_frames", "split_360")


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier run had settled.

    checkpoint: counts of frames, the frontend's memory or None where it is gone, next_frame, and
    journal_bytes: length of the journal then. What was written after that is done again, or
    follows from the graph. decisions: about loops; of a live run they stay in the journal.
    """

    checkpoint: dict[str, Any]
    keyframes: list[Keyframe]
    edges: list[Edge]
    decisions: list[LoopDecision] = field(default_factory=list)

    @property
    def next_frame(self) -> int:
        """Index of the first frame that was not settled."""
        return int(self.checkpoint["next_frame"])

    @property
    def journal_bytes(self) -> int:
        """Length of the journal when that frame was due."""
        return int(self.checkpoint["journal_bytes"])

    @property
    def counts(self) -> FrameCounts:
        """Of the frames before it."""
        return FrameCounts(**self.checkpoint["counts"])

    @property
    def last_timestamp(self) -> float:
        """Seconds; of the last frame in the map."""
        return self.keyframes[-1].frames[-1].timestamp

    def restore(self, mapper: Mapper, read_frame: Callable[[int], Frame] | None = None) -> None:
        """read_frame: None where the frames are gone; what comes then begins a segment."""
        mapper.restore(self.keyframes, self.edges, self.checkpoint, read_frame)
        mapper.decisions += self.decisions


def check_live(run: RunDirectory) -> None:
    """Raise InputError where the run in a directory was not one of a live camera."""
    described = run.read_description()
    if described.says.sequence.kind != LIVE:
        raise InputError(
            f"{run.path} is no live run: carry on with "
            f"{resume_command(described.sequence_path, run)}, or choose another folder with --out"
        )


def resume_command(sequence: Path, run: RunDirectory, *more: str) -> str:
    """The line that carries a run on, from whatever folder, to be pasted into a shell."""
    words = ["mapper", "run", os.path.abspath(sequence.expanduser())]
    return shlex.join([*words, "--out", os.path.abspath(run.path), "--resume", *more])


def as_before(request: RunRequest, run: RunDirectory) -> RunRequest:
    """The request with the frames and cameras of the run that is to be resumed.

    They need not be given again; given otherwise, they are refused.
    """
    described = run.read_description()
    stored = described.says.sequence
    before: dict[str, Any] = {name: getattr(stored, name) for name in OF_THE_FRAMES}
    before["calib"] = described.calibration
    before["mask_dir"] = described.mask_dir
    before["camera_kind"] = camera_before(run).kind
    if request.calib is not None:
        request = replace(request, calib=request.calib.resolve())
    if request.mask_dir is not None:
        request = replace(request, mask_dir=request.mask_dir.expanduser().resolve())
    unset = RunRequest(sequence=request.sequence)
    given = [name for name in KNOWN if getattr(request, name) != getattr(unset, name)]
    if request.pose_file is not None and request.poses != stored.poses:
        given.append("poses")
    if request.gravity not in (None, FLOOR):
        given.append("gravity")
    for name in given:
        option = name.replace("_", "-")
        raise ConfigError(f"--{option}: leave it out to resume; {run.priors} has what was known")
    for name, value in before.items():
        given = getattr(request, name)
        if given not in (getattr(unset, name), value):
            raise ConfigError(
                f"{run.path} was made with --{name.replace('_', '-')} {value}, not {given}: "
                "leave the option out to resume"
            )
    return replace(
        request,
        **before,
        registration=stored.registration,
        poses=stored.poses,
        topics=stored.topics,
        save_predictions=stored.save_predictions,
    )


def camera_before(run: RunDirectory) -> CameraNoise:
    """What the run took its depth camera for."""
    stored = run.read_description().says.sequence
    return noted_noise(stored.camera_kind, stored.depth_noise)


def settings_of(run: RunDirectory, asked: MapperConfig, was_asked: bool) -> MapperConfig:
    """The run's own settings, its frontend by name. Others that were asked for are refused."""
    described = run.read_description()
    stored = described.settings()
    if was_asked and to_mapping(stored) != to_mapping(asked):
        raise ConfigError(
            f"{run.path} was made with other settings: leave out --config, --set and --frontend "
            "to resume with its own"
        )
    return replace(stored, frontend=described.says.frontend)


def check_same_frames(run: RunDirectory, fingerprint: str) -> None:
    """Refuse to resume a run with another sequence. fingerprint: of the one that is given."""
    described = run.read_description()
    if described.says.sequence.fingerprint != fingerprint:
        raise InputError(
            f"{run.path} was made from another sequence ({described.sequence_path}): "
            "resume with that one, or start anew with --overwrite"
        )


def read_past(run: RunDirectory) -> Past | None:
    """As of the last checkpoint. All of it is read before anything of the old run is touched;
    None where there is nothing."""
    checkpoint = run.read_json(run.checkpoint)
    if not checkpoint:
        return None
    end = int(checkpoint["journal_bytes"])
    return Past(checkpoint, *load_graph(run, end), load_decisions(run, end))


def read_live_past(run: RunDirectory) -> Past | None:
    """Up to the last closed keyframe, or to the checkpoint if that is later. Frames after it are
    lost where the run was killed; None where nothing was mapped."""
    vouched = int(run.read_json(run.checkpoint).get("journal_bytes", 0))
    end = max(vouched, _end_of_keyframes(run.journal))
    if end == 0:
        return None
    keyframes, edges = load_graph(run, end)
    load_decisions(run, end)  # they are told of at the end, when it would be late to refuse them
    counts = known_counts(run, keyframes[-1].frames[-1].frame_index + 1)
    checkpoint = {
        "counts": asdict(counts),
        "frontend": None,
        "next_frame": counts.frames,
        "journal_bytes": end,
    }
    return Past(checkpoint, keyframes, edges)


def set_aside(run: RunDirectory, past: Past | None, records: bool = True) -> None:
    """Leave nothing that passes for the outcome of the run that now begins.

    records: it writes a recording; that of the part before is kept beside it.
    """
    if past is not None:
        run.write_json(run.checkpoint, past.checkpoint, indent=None)
    run.metrics.unlink(missing_ok=True)
    remove_later_files(run)
    if records:
        set_recording_aside(run)


def _end_of_keyframes(journal: Path) -> int:
    """Bytes up to the end of the last whole line of a keyframe that was closed or culled."""
    return max((end for _, _, end in whole_lines(journal, *SETTLED)), default=0)
