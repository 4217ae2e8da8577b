"""What mapper diff finds in the sample room when three pieces of furniture are moved and two gone.

    python tools benchmarks.maps.changes --out DIR

Both walks are the demo's, with other noise. A moved piece must be found to have vanished from its
old place and appeared in its new one. What is found and stands at none of these places is counted
as false, and how large it is. Runs that are in DIR already are taken as they are.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.backend.sessions.changes import Change
from mapper.comparing.compare import Comparison, compare
from mapper.comparing.difference_files import difference_record, write_difference
from mapper.core.geometry import transform, umeyama
from mapper.core.trajectory import MATCH_SECONDS, matching_times
from mapper.io.trajectory_files import read_tum
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.rooms.room import Room
from mapper.rooms.sample.furniture import PLACES, Place, sample_room
from mapper.rooms.sample.sequence import make_sample

MOVED: Final[dict[str, Place]] = {
    "third chair": (3.40, 4.35, 2.0),
    "cartons": (1.50, 4.00, 0.6),
    "plant": (4.30, 0.50, 0.4),
}
GONE: Final = ("lamp", "coffee table")
FRAMES: Final = 160
MIN_SIZE: Final = 0.1  # metres
AROUND: Final = 0.15  # metres by which what is found may reach beyond the piece


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    out = parser.parse_args().out
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    after = sample_room({**MOVED, **dict.fromkeys(GONE)})
    runs = mapped(out, "before", sample_room(), 0), mapped(out, "after", after, 1)
    found = compare(*runs, MIN_SIZE, say=print)
    write_difference(out / "diff", found, difference_record(found, MIN_SIZE))
    T_room_world = room_from_world(found)
    old = {name: box_of(PLACES[name], name) for name in (*MOVED, *GONE)}
    new = {name: box_of(place, name) for name, place in MOVED.items()}
    judged("vanished", found.changes.vanished, T_room_world, old)
    judged("appeared", found.changes.appeared, T_room_world, new)
    return 0


def mapped(out: Path, name: str, room: Room, seed: int) -> Path:
    """The run of a walk through a room, whose frames are not kept."""
    run, folder = out / name, out / f"{name}_frames"
    if not (run / "metrics.json").exists():
        shutil.rmtree(run, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        make_sample(folder, FRAMES, 640, 480, seed, room=room)
        map_into(RunRequest(sequence=folder, out=run, save_recording=False))
        shutil.rmtree(folder)
    return run


def room_from_world(found: Comparison) -> np.ndarray:
    """T_room_world (4, 4), by the true poses of the run whose world it is."""
    run = found.world.run
    truth, estimate = read_tum(run.ground_truth), read_tum(run.trajectory)
    a, b = matching_times(truth.timestamps, estimate.timestamps, MATCH_SECONDS)
    _, T = umeyama(estimate.positions[b], truth.positions[a], with_scale=False)
    return T


def box_of(place: Place, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Low and high corner (3,) of a piece at a place, in the room, with some room around."""
    parts = sample_room({**dict.fromkeys(PLACES), name: place}).parts
    bare = len(sample_room(dict.fromkeys(PLACES)).parts)
    corners = np.concatenate([part.room_vertices for part in parts[bare:]])
    return corners.min(axis=0) - AROUND, corners.max(axis=0) + AROUND


def judged(
    kind: str,
    found: list[Change],
    T_room_world: np.ndarray,
    pieces: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    """Print what was found of each piece, and all else."""
    centres = [transform(T_room_world, change.centre[None])[0] for change in found]
    owner = [
        next((n for n, (low, high) in pieces.items() if ((low < c) & (c < high)).all()), "")
        for c in centres
    ]
    for name in pieces:
        own = [change for change, who in zip(found, owner, strict=True) if who == name]
        sizes = "; ".join(" x ".join(f"{100 * x:.0f}" for x in each.size) for each in own)
        print(f"{kind} {name}: {sizes + ' cm' if own else 'NOT FOUND'}")
    for change, who, centre in zip(found, owner, centres, strict=True):
        if not who:
            size = " x ".join(f"{100 * x:.0f}" for x in change.size)
            print(f"{kind} FALSE: {size} cm at {np.round(centre, 2).tolist()}")


if __name__ == "__main__":
    sys.exit(main())
