"""What the frontend mono makes of colour alone: the sample room, rooms by seed, redkitchen.

    python tools benchmarks.mono [--only TEXT] [--rooms 36] [--unknown] [--starts 0,10,20,30,40]
        [--peers N] [--data FOLDER] [--out FILE]

Poses as the frontend corrects them in the end, without the backend: share of frames placed, ATE
after the best similarity in cm and as a share of the way, RPE at that scale, focal length found,
depth errors where depth is known, seconds of the processor for a frame. Rooms are those of the
gauntlet's half for tuning. A map counts as wrong and confident where it is off by more than 5 % of
its way: mono does not answer what it is not sure of. --peers also has pycolmap place every N-th
frame of each clip, its camera unknown.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from gauntlet.cases import DATA, Selection

from benchmarks.parts.colmap_peer import placed_by_colmap
from mapper.commands.mapping.demo import cached_sample
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.sim3 import rigid_part
from mapper.errors import InputError
from mapper.evaluate.metrics.trajectory import pose_errors
from mapper.frontends.mono.frontend import MonoFrontend
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.sequence import RoomSequence

WRONG: Final = 0.05  # of the way
LEAST: Final = 0.002  # metres besides: a camera that stands still has no way
KITCHEN: Final = "7scenes/redkitchen/seq-01"


@dataclass(frozen=True, slots=True)
class Clip:
    """frames: in colour, numbered from 0. truth: T_world_camera of each (N, 4, 4). camera: the
    true one."""

    name: str
    frames: list[Frame]
    truth: np.ndarray
    camera: Intrinsics | None


@dataclass(frozen=True, slots=True)
class Row:
    """One clip. ate: metres. way: metres of the true path of the frames that were placed. rpe:
    metres. depth: median share by which depths are off. wrong: off by more than WRONG of the way.
    why: nothing was placed."""

    name: str
    frames: int
    placed: int
    segments: int = 0
    ate: float = 0.0
    way: float = 0.0
    rpe: float = 0.0
    rpe_deg: float = 0.0
    focal: float = 0.0
    true_focal: float = 0.0
    k1: float = 0.0
    depth: float = 0.0
    kept: float = 0.0
    ms: float = 0.0
    wrong: bool = False
    why: str = ""

    @property
    def line(self) -> str:
        """Of the table."""
        if not self.placed:
            return f"| {self.name} | 0 of {self.frames} | {self.why} |||||||"
        share = 100 * self.ate / max(self.way, 1e-9)
        flag = " wrong" if self.wrong else ""
        return (
            f"| {self.name} | {self.placed} of {self.frames} | {100 * self.ate:.2f}{flag} | "
            f"{share:.1f} | {1000 * self.rpe:.1f}, {self.rpe_deg:.2f} | {self.focal:.0f} of "
            f"{self.true_focal:.0f} | {self.k1:.3f} | {100 * self.depth:.1f} | "
            f"{100 * self.kept:.0f} | {self.ms:.0f} |"
        )


HEAD: Final = (
    "| clip | placed | ATE cm | % of the way | RPE mm, deg | focal length px | k1 | depth % | "
    "kept % | ms a frame |\n|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="names that contain it")
    parser.add_argument("--rooms", type=int, default=36, metavar="N")
    parser.add_argument("--unknown", action="store_true", help="of rooms too the camera is unknown")
    parser.add_argument("--starts", default="0", help="first frames of redkitchen")
    parser.add_argument("--peers", type=int, default=0, metavar="N", help="every N-th frame")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    rows = []
    print(HEAD)
    for clip in clips(arguments):
        rows.append(judged(clip))
        print(rows[-1].line, flush=True)
        if arguments.peers:
            print(peer(clip, arguments.peers).line, flush=True)
    placed = sum(row.placed for row in rows) / max(sum(row.frames for row in rows), 1)
    wrong = [row.name for row in rows if row.wrong]
    print(f"\n{placed:.0%} of all frames placed; wrong: {', '.join(wrong) or 'none'}")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def clips(arguments: argparse.Namespace) -> Iterator[Clip]:
    """Those that are asked for and that are there."""
    if arguments.only in "room":
        for known in (True, False):
            yield _recorded("room" if known else "room, camera unknown", cached_sample(240), known)
    kitchen = arguments.data / KITCHEN
    if arguments.only in "redkitchen" and kitchen.is_dir():
        for first in map(int, arguments.starts.split(",")):
            name = f"redkitchen from {first}, camera unknown"
            yield _recorded(name, kitchen, False, first)
    for case in Selection("tune").cases()[: arguments.rooms]:
        if case.spec is None or arguments.only not in case.name:
            continue
        room = RoomSequence(case.spec)
        frames = [_colour(shot.frame, i, not arguments.unknown) for i, shot in enumerate(room)]
        yield Clip(case.name, frames, room.ground_truth.T_world_camera, room.intrinsics)


def _recorded(name: str, path: Path, known: bool, first: int = 0) -> Clip:
    registration = "depth_to_color" if "7scenes" in str(path) else "auto"
    sequence = open_sequence(path, registration=registration, start=first)
    assert sequence.ground_truth is not None
    truth = sequence.ground_truth
    nearest = np.abs(truth.timestamps - sequence.timestamps[:, None]).argmin(1)
    frames = [_colour(frame, i, known) for i, frame in enumerate(sequence)]
    return Clip(name, frames, truth.T_world_camera[nearest], sequence.intrinsics)


def _colour(frame: Frame, index: int, known: bool) -> Frame:
    """Its depth stays, to be compared with; the frontend does not look at it."""
    return replace(frame, index=index, intrinsics=frame.intrinsics if known else None)


def judged(clip: Clip) -> Row:
    """What mono makes of a clip."""
    frontend, started = MonoFrontend(), time.process_time()
    found: list[Prediction] = []
    for frame in clip.frames:
        found += frontend.step(frame)
    found += frontend.flush()
    ms = 1000 * (time.process_time() - started) / len(clip.frames)
    if not found:
        return Row(clip.name, len(clip.frames), 0, ms=ms, why=frontend.explain())
    assert frontend.camera is not None
    lens = frontend.camera.lens
    true = clip.camera
    errors = _pose_errors(found, frontend, clip.truth)
    depth, kept = _depth_errors(found, clip.frames)
    return Row(
        clip.name, len(clip.frames), len(found), focal=lens.fx, k1=lens.k1, depth=depth, kept=kept,
        true_focal=0.0 if true is None else true.resized(lens.width, lens.height).fx,
        ms=ms, **errors,
    )  # fmt: skip


def peer(clip: Clip, every: int) -> Row:
    """What pycolmap makes of every so-manieth frame of a clip."""
    frames, truth = clip.frames[::every], clip.truth[::every]
    found = placed_by_colmap(frames)
    name, ms = f"... pycolmap, every {every}th", 1000 * found.seconds / len(frames)
    if found.lens is None:
        return Row(name, len(frames), 0, ms=ms, why="nothing was placed")
    errors = _errors_of(found.poses, truth[found.places])
    assert errors is not None
    lens, true = found.lens, clip.camera
    return Row(
        name, len(frames), len(found.places), 1, errors[1][0], errors[0], focal=lens.fx, k1=lens.k1,
        true_focal=0.0 if true is None else true.resized(lens.width, lens.height).fx, ms=ms,
        wrong=errors[1][0] > WRONG * errors[0] + LEAST,
    )  # fmt: skip


def _errors_of(
    poses: np.ndarray, truth: np.ndarray
) -> tuple[float, tuple[float, float, float]] | None:
    """(the way, (ATE, RPE, RPE in degrees)) after the best similarity; None of too few poses."""
    way = float(np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).sum())
    try:
        errors = pose_errors(poses, truth, np.arange(len(poses)) / 30.0, with_scale=True)
    except InputError:
        return None
    return way, (errors.ate, errors.rpe_translation, errors.rpe_rotation_deg)


def _pose_errors(
    found: list[Prediction], frontend: MonoFrontend, truth: np.ndarray
) -> dict[str, Any]:
    """Of the segments, each aligned by itself, by their frames."""
    corrected = frontend.corrections()
    parts, wrong = [], False
    for segment in sorted({p.segment for p in found}):
        mine = [p for p in found if p.segment == segment]
        poses = np.stack([rigid_part(corrected[segment, p.frame_index]) for p in mine])
        true = truth[[p.frame_index for p in mine]]
        errors = _errors_of(poses, true)
        if errors is None:
            continue
        way, each = errors
        wrong |= each[0] > WRONG * way + LEAST
        parts.append((len(mine), way, np.square(each)))
    if not parts:
        return {"segments": 0}
    weights = [count for count, _, _ in parts]
    ate, rpe, turn = np.sqrt(np.average([s for _, _, s in parts], axis=0, weights=weights))
    way = sum(way for _, way, _ in parts)
    return {
        "segments": len(parts), "ate": float(ate), "way": way, "rpe": float(rpe),
        "rpe_deg": float(turn), "wrong": wrong,
    }  # fmt: skip


def _depth_errors(found: list[Prediction], frames: list[Frame]) -> tuple[float, float]:
    """(median share by which depths are off, share of pixels with depth), over the depth maps."""
    medians, kept = [], []
    for p in (p for p in found if p.has_points):
        kept.append(float((p.depth > 0).mean()))
        true = frames[p.frame_index].depth
        if true is None:
            continue
        height, width = p.depth.shape
        rows = (np.arange(height) + 0.5) * true.shape[0] / height
        columns = (np.arange(width) + 0.5) * true.shape[1] / width
        seen = true[rows.astype(int)[:, None], columns.astype(int)]
        both = (seen > 0) & (p.depth > 0)
        if both.sum() > 50:
            ratio = seen[both] / p.depth[both]
            medians.append(float(np.median(np.abs(np.median(ratio) / ratio - 1))))
    return float(np.mean(medians or [0.0])), float(np.mean(kept or [0.0]))


if __name__ == "__main__":
    main()
