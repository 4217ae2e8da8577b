"""What a small network that comes with the package makes of rooms that it has never seen.

    python tools measures.minis [--frontend stream3r-mini] [--weights PATH] [--rooms 30]
        [--split test] [--stride 3] [--long 4] [--set KEY=VALUE] [--out FILE]
    python tools measures.minis --recording PATH --first 700 --last 1000

Rooms of that split, a walk of 48 frames each, every third of them shown: the absolute relative
error of depths after one median scale a frame, beside that of one depth everywhere; the rotation
between neighbours, beside that of a camera that does not turn. Then the first rooms whose camera
moves again, 200 frames long, mapped from colour alone with the frontend: the distance to the true
path after the best similarity, as a share of the way, of what the frontend says and of the map.
Of a recording: stretches of 48 frames in the same way, and nothing is mapped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.config.loader import load_config
from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.evaluate.metrics.depth import depth_errors
from mapper.evaluate.metrics.pair import pair_errors_deg
from mapper.evaluate.metrics.trajectory import pose_errors
from mapper.frontends.base import Frontend
from mapper.frontends.registry import create_frontend
from mapper.rooms import RoomSequence
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher
from mapper.train.data.room_files import FIRST_SEEDS, PATHS, RoomFiles
from measures.mini_clips import Clip, recorded_clips, room_clips

SHORT, LONG = 48, 200  # frames of a clip, and of a walk that is mapped
STANDS: Final = "rotation"  # the path without a way


@dataclass(frozen=True, slots=True)
class Seen:
    """One clip, means: depth and flat: shares; rotation and still: degrees."""

    name: str
    depth: float
    flat: float
    rotation: float
    still: float


@dataclass(frozen=True, slots=True)
class Mapped:
    """One walk: metres of the way, and RMS distances to it as shares of that. placed: frames."""

    room: int
    path: str
    way: float
    alone: float
    mapped: float
    placed: int


def main() -> None:
    options = arguments()
    changes = [f"frontend={options.frontend}", *options.changes]
    if options.weights:
        changes.append(f"weights={options.weights}")
    config = load_config(None, changes)
    rooms = range(options.first, options.first + options.rooms)
    if options.recording is None:
        clips = room_clips(RoomFiles(options.split), rooms, options.stride)
    else:
        clips = recorded_clips(
            options.recording, options.first, options.last, SHORT, options.stride
        )
    seen = list(seen_clips(config, clips))
    show_seen(seen)
    count = options.long if options.recording is None else 0
    mapped = list(mapped_walks(config, options.split, rooms, count))
    if options.out is not None:
        lines = {"seen": [asdict(one) for one in seen], "mapped": [asdict(one) for one in mapped]}
        options.out.write_text(json.dumps(lines, indent=1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frontend", default="stream3r-mini")
    parser.add_argument("--weights", default="", metavar="PATH", help="others than those shipped")
    parser.add_argument("--rooms", type=int, default=30, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="room, or frame")
    parser.add_argument("--last", type=int, default=1000, metavar="N", help="frame of a recording")
    parser.add_argument("--split", choices=tuple(FIRST_SEEDS), default="test")
    parser.add_argument("--recording", type=Path, metavar="PATH", help="instead of rooms")
    parser.add_argument("--stride", type=int, default=3)
    parser.add_argument("--long", type=int, default=4, metavar="N", help="walks that are mapped")
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, metavar="FILE")
    return parser.parse_args()


def frontend_of(config: MapperConfig) -> Frontend:
    return create_frontend(config, config.frontend, choose_matcher(config.matcher))


def seen_clips(config: MapperConfig, clips: Iterable[Clip]) -> Iterator[Seen]:
    """What the frontend says of each."""
    frontend = frontend_of(config)
    for clip in clips:
        frontend.reset()
        said = [prediction for frame in clip.frames for prediction in frontend.step(frame)]
        pairs = [depths_off(one, clip.depths[one.frame_index]) for one in said if one.has_points]
        depth, flat = np.mean(pairs, axis=0) if pairs else (np.nan, np.nan)
        true = clip.T_world_camera[[one.frame_index for one in said]]
        still = np.broadcast_to(np.eye(4), true.shape)
        T = np.stack([one.T_world_camera for one in said])
        yield Seen(clip.name, float(depth), float(flat), turned(T, true), turned(still, true))


def depths_off(said: Prediction, true: np.ndarray) -> tuple[float, float]:
    """Of a prediction, and of one depth everywhere, where both are known."""
    there = true_depth(said, true)
    known = (there > 0) & (said.depth > 0)
    flat = np.ones_like(there)
    return (
        depth_errors(said.depth, there, known, "median").abs_rel,
        depth_errors(flat, there, known, "median").abs_rel,
    )


def true_depth(said: Prediction, true: np.ndarray) -> np.ndarray:
    """The true map at the prediction's pixels; 0 = none."""
    height, width = said.depth.shape
    rows = ((np.arange(height) + 0.5) * true.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * true.shape[1] / width).astype(int)
    return np.nan_to_num(true[rows[:, None], columns])


def turned(T: np.ndarray, true: np.ndarray) -> float:
    """Mean error in degrees of the rotation between neighbours."""
    ours, theirs = inverse(T), inverse(true)
    pairs = range(len(T) - 1)
    return float(np.mean([pair_errors_deg(ours[k : k + 2], theirs[k : k + 2])[0] for k in pairs]))


def show_seen(seen: Sequence[Seen]) -> None:
    """A table of means."""
    print("| clips | depth | one depth | rotation, degrees | no motion |\n|---|---|---|---|---|")
    depth, flat, rotation, still = (
        float(np.nanmean([getattr(one, name) for one in seen]))
        for name in ("depth", "flat", "rotation", "still")
    )
    print(f"| {len(seen)} | {depth:.3f} | {flat:.3f} | {rotation:.2f} | {still:.2f} |", flush=True)


def mapped_walks(
    config: MapperConfig, split: str, rooms: Sequence[int], count: int
) -> Iterator[Mapped]:
    """Of the first rooms whose camera moves."""
    files = RoomFiles(split, size=(320, 240), frames=LONG)  # type: ignore[arg-type]
    if count:
        print("\n| room | path | way, m | alone, % | mapped, % | placed |")
        print("|---|---|---|---|---|---|")
    moving = [room for room in rooms if PATHS[(FIRST_SEEDS[files.split] + room) % 4] != STANDS]
    for room in moving[:count]:
        one = mapped_walk(config, files, room)
        print(
            f"| {one.room} | {one.path} | {one.way:.1f} | {100 * one.alone:.1f} | "
            f"{100 * one.mapped:.1f} | {one.placed} |",
            flush=True,
        )
        yield one


def mapped_walk(config: MapperConfig, files: RoomFiles, room: int) -> Mapped:
    """Colour alone, the camera unknown."""
    spec = files.spec(room)
    rendered = list(RoomSequence(spec))
    true = np.stack([one.T_world_camera for one in rendered])
    way = float(np.linalg.norm(np.diff(true[:, :3, 3], axis=0), axis=1).sum())
    frames = [Frame(k, k / 30, one.frame.image, None) for k, one in enumerate(rendered)]
    frontend = frontend_of(config)
    alone = [p.T_world_camera for frame in frames for p in frontend.step(frame)]
    with Mapper(config) as mapper:
        for frame in frames:
            mapper.step(frame)
        result = mapper.finish()
    placed = np.rint(result.trajectory.timestamps * 30).astype(int)
    return Mapped(
        room,
        str(spec.path),
        way,
        off(np.stack(alone), true) / way,
        off(result.trajectory.T_world_camera, true[placed]) / way,
        len(placed),
    )


def off(T: np.ndarray, true: np.ndarray) -> float:
    """Metres, after the best similarity; NaN where nothing fixes one."""
    try:
        return pose_errors(T, true, np.arange(len(T)) / 30, with_scale=True).ate
    except InputError:
        return float("nan")


if __name__ == "__main__":
    main()
