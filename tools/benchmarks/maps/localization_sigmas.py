"""Are the deviations that mapper localize tells as large as its errors?

    python tools benchmarks.maps.localization_sigmas --rooms FIRST:LAST [--work FOLDER] [--every N]

Rooms by seed, small: a map of one walk at its true poses, for what is told is what an image's place
may be off within the map, and photographs of a second walk by another camera, with their depth and
without. An error is compared with the largest deviation that was told of it: of an error that is as
likely in all three directions 90 % lie within 2.5 of them. What --work holds is not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.maps.localization import frames, mapped, rendered, without_depth, world_of
from mapper.core.frame import Frame
from mapper.core.geometry import inverse, rotation_angle
from mapper.core.trajectory import Trajectory, nearest_times
from mapper.errors import InputError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.spec import SequenceSpec, draw_sequence
from mapper.saved.opened_map import Map

WITHIN: Final = 2.5  # deviations
SMALL: Final = {"width": 320, "height": 240, "moving": "nothing"}
OTHER: Final = 500  # added to a seed, for the camera and the way of the second walk
KINDS: Final = ("with depth", "colour", "camera unknown")
HEAD: Final = (
    "| images | found | metres within 2.5 | 90 % within | turns within 2.5 | 90 % within |\n"
    "|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rooms", required=True, metavar="FIRST:LAST", help="the last left out")
    parser.add_argument("--work", type=Path, default=Path("sigmas"), metavar="FOLDER")
    parser.add_argument("--every", type=int, default=2, metavar="N", help="ask each N-th image")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    of_kind: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for seed in range(*(int(each) for each in arguments.rooms.split(":"))):
        for kind, off in room(seed, arguments.work, arguments.every):
            of_kind[kind].append(off)
            print(f"{seed}, {kind}: {np.round(off, 1).tolist()}", flush=True)
    print(HEAD)
    for kind, found in of_kind.items():
        if found:
            print(line(kind, np.concatenate(found)))


def room(seed: int, work: Path, every: int) -> Iterator[tuple[str, np.ndarray]]:
    """Of each kind of image the errors, see `errors_told`; nothing of a room without a map."""
    walk, again = (rendered(work, spec) for spec in walks(seed))
    try:
        here = mapped(work / f"{walk.name}-true", walk, poses="prior")
    except InputError as error:
        print(f"{seed}: {error}")
        return
    truth, second = (open_sequence(each).ground_truth for each in (walk, again))
    assert truth is not None and second is not None
    T_world_truth = inverse(world_of(here, truth))
    asked = list(frames(again, 0, every))
    for kind in KINDS:
        shown = asked if kind == KINDS[0] else without_depth(asked)
        if kind == KINDS[2]:
            shown = [strange(frame) for frame in shown]
        yield kind, errors_told(here, shown, second, T_world_truth)


def walks(seed: int) -> tuple[SequenceSpec, SequenceSpec]:
    """A slow walk through a room, and another one by another camera."""
    walk = draw_sequence(seed, path="hand_held", frames=90, **SMALL)
    drawn = walk.room
    same = {
        "room_seed": drawn.seed, "layout": drawn.layout, "furniture": drawn.furniture,
        "richness": drawn.richness, "brightness": drawn.brightness, "size": drawn.size,
    }  # fmt: skip
    return walk, draw_sequence(seed + OTHER, path="hand_held", frames=40, **same, **SMALL)


def strange(frame: Frame) -> Frame:
    """As a camera takes it that nobody knows."""
    return Frame(frame.index, frame.timestamp, frame.image)


def errors_told(
    here: Map, asked: list[Frame], truth: Trajectory, T_world_truth: np.ndarray
) -> np.ndarray:
    """(N, 2), of the images that are found: how many deviations they are off, and turned."""
    rows = []
    for frame in asked:
        place = here.localizer.localize(frame)
        if place is None or place.T_world_camera is None:
            continue
        true = truth.T_world_camera[nearest_times(truth.timestamps, np.array([frame.timestamp]))]
        off = inverse(T_world_truth @ true[0]) @ place.T_world_camera
        moved, turned = float(np.linalg.norm(off[:3, 3])), float(rotation_angle(off[:3, :3]))
        rows.append((moved / place.sigma_translation, turned / place.sigma_rotation))
    return np.array(rows, float).reshape(-1, 2)


def line(kind: str, off: np.ndarray) -> str:
    """Of the table."""
    within, ninety = (off <= WITHIN).mean(axis=0), np.percentile(off, 90, axis=0)
    each = zip(within, ninety, strict=True)
    told = " | ".join(f"{100 * share:.0f} % | {far:.1f}" for share, far in each)
    return f"| {kind} | {len(off)} | {told} |"


if __name__ == "__main__":
    main()
