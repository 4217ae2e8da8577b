"""How many images are found in a map, how well, and how many that are not of it are refused.

    python tools benchmarks.maps.localization [--rooms FIRST:LAST] [--data FOLDER] [--work FOLDER]
        [--every N] [--out FILE]

Redkitchen: the last 200 frames in a map of the first 600, as a walk with depth and as photos in
colour, and so 200 frames of the sample room; the map at its own poses, and at the true ones. Rooms
by seed (--rooms): of each a map of one walk, photos of a second walk through it with another
camera, photos of a room with the same furniture, walls and floor in other places, and photos of the
rooms before it. A place is right within 5 cm and 5 degrees of the truth, wrong beyond 20 cm or 10
degrees, the map aligned with the truth by all its frames. Times are of the processor, for one image
by itself, the map loaded. What --work holds is not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from gauntlet.cases import DATA

from mapper.commands.mapping.demo import cached_sample
from mapper.core.frame import Frame
from mapper.core.geometry import inverse, rotation_angle, umeyama
from mapper.core.trajectory import Trajectory, nearest_times
from mapper.errors import InputError
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.depth_readings import depth_camera
from mapper.io.sequences.open_sequence import open_sequence
from mapper.localization.localization import Localization
from mapper.localization.localizer import Localizer
from mapper.localization.walk import carried
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.rooms.spec import SequenceSpec, draw_sequence
from mapper.rooms.writing import write_sequence
from mapper.saved.opened_map import Map
from mapper.vision.alignment_evidence import evidence_of

KITCHEN: Final = "7scenes/redkitchen/seq-01"
MAPPED: Final = 600
ASKED: Final = 200
NEAR: Final = 0.05, 5.0  # metres, degrees
FAR: Final = 0.2, 10.0
SIGMA: Final = "0.01,0.3"  # metres and degrees of the true poses
PATHS: Final = ("hand_held", "head_worn", "robot")


@dataclass(frozen=True, slots=True)
class Row:
    """What became of some images. right, wrong: of those found. better: of those that are neither
    within 5 cm and 5 degrees, nor without depth, where the map's surfaces and light agree more with
    what was found than with the truth. errors: medians of those found, metres and degrees. ms:
    median."""

    name: str
    images: int
    found: int
    right: int
    better: int
    wrong: int
    metres: float
    degrees: float
    ms: float

    @property
    def line(self) -> str:
        """Of the table."""
        return (
            f"| {self.name} | {self.images} | {self.found} | {self.right} | {self.better} | "
            f"{self.wrong} | {100 * self.metres:.1f} | {self.degrees:.2f} | {self.ms:.0f} |"
        )


HEAD: Final = (
    "| images | of them | found | within 5 cm, 5 deg | else better than the truth | wrong "
    "| median cm | median deg | ms |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--rooms", default="", metavar="FIRST:LAST", help="seeds, the last left out"
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path("localization"), metavar="FOLDER")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="ask each N-th image")
    parser.add_argument("--out", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    rows = []
    print(HEAD)
    seeds = [int(seed) for seed in arguments.rooms.split(":")] if arguments.rooms else []
    for row in rooms(range(*seeds), arguments) if seeds else kitchen(arguments):
        rows.append(row)
        print(row.line, flush=True)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def kitchen(arguments: argparse.Namespace) -> Iterator[Row]:
    """Of redkitchen, and the sample room in its map."""
    path = arguments.data / KITCHEN
    truth = open_sequence(path).ground_truth
    assert truth is not None
    asked = list(frames(path, len(truth) - ASKED, arguments.every))
    other = list(frames(cached_sample(240), 40, arguments.every))
    for name, poses in (("", "auto"), (", true poses", "prior")):
        here = mapped(arguments.work / f"kitchen-{poses}", path, MAPPED, poses)
        T_truth_world = world_of(here, truth)
        known = here, asked, truth, T_truth_world
        yield judged(f"redkitchen{name}, a walk", *known, is_walk=True)
        yield judged(f"redkitchen{name}, colour", here, without_depth(asked), truth, T_truth_world)
        if not name:
            yield judged("sample room in redkitchen, a walk", here, other, is_walk=True)
            yield judged("sample room in redkitchen, colour", here, without_depth(other))


def rooms(seeds: Iterable[int], arguments: argparse.Namespace) -> Iterator[Row]:
    """Rooms by seed, all their images under one name each."""
    before: list[Frame] = []
    for seed in seeds:
        walk, again, alike = (rendered(arguments.work, spec) for spec in specs(seed))
        try:
            here = mapped(arguments.work / f"{walk.name}-run", walk)
        except InputError as error:
            print(f"{seed}: {error}")
            continue
        truth, second = (open_sequence(each).ground_truth for each in (walk, again))
        assert truth is not None and second is not None
        asked = list(frames(again, 0, arguments.every))
        T_truth_world = world_of(here, truth)
        yield judged(f"{seed}, again, with depth", here, asked, second, T_truth_world)
        colour = without_depth(asked)
        yield judged(f"{seed}, again, colour", here, colour, second, T_truth_world)
        unknown = [replace(frame, intrinsics=None) for frame in colour]
        yield judged(f"{seed}, again, camera unknown", here, unknown, second, T_truth_world)
        same = list(frames(alike, 0, arguments.every))
        yield judged(f"{seed}, same furniture elsewhere, with depth", here, same)
        yield judged(f"{seed}, same furniture elsewhere, colour", here, without_depth(same))
        yield judged(f"{seed}, rooms before, with depth", here, before)
        before = [*before, *asked[::8]][-10:]


def specs(seed: int) -> tuple[SequenceSpec, SequenceSpec, SequenceSpec]:
    """A walk, a second one through the same room, and one through a room of the same seed and
    another size: its furniture, walls and floor look the same and stand elsewhere."""
    walk = draw_sequence(seed, path=PATHS[seed % 3], moving="nothing")
    room = walk.room
    same = {
        "room_seed": room.seed, "layout": room.layout, "furniture": room.furniture,
        "richness": room.richness, "brightness": room.brightness, "moving": "nothing",
        "path": "hand_held", "frames": 40,
    }  # fmt: skip
    again = draw_sequence(seed + 500, size=room.size, **same)
    width, depth, height = room.size
    other = (1.3 * width, 1.2 * depth, height)
    return walk, again, draw_sequence(seed + 600, size=other, **same)


def rendered(work: Path, spec: SequenceSpec) -> Path:
    """The folder of a sequence, made if it is not there."""
    folder = work / f"{spec.seed}"
    return folder if folder.exists() else write_sequence(folder, spec)


def mapped(out: Path, path: Path, frames: int | None = None, poses: str = "auto") -> Map:
    """The map of the first frames of a sequence, made if it is not there. poses: "prior": at its
    true poses, as relocalisation is judged elsewhere; else at its own."""
    if not (out / "metrics.json").exists():
        request = RunRequest(
            sequence=path, out=out, frontend="rgbd", max_frames=frames, save_recording=False,
            overwrite=True, poses=poses, pose_sigma=SIGMA if poses == "prior" else None,
        )  # fmt: skip
        map_into(request)
    return Map.open(out)


def frames(path: Path, first: int, every: int) -> Iterator[Frame]:
    """Every N-th frame of a sequence from one on, its depth with its noise."""
    sequence = open_sequence(path, start=first, stride=every)
    yield from BoundedSequence(sequence, 0, depth_camera(sequence, "auto"))


def without_depth(frames: list[Frame]) -> list[Frame]:
    """As a camera without depth takes them."""
    return [replace(frame, depth=None, noise=None) for frame in frames]


def world_of(here: Map, truth: Trajectory) -> np.ndarray:
    """T_truth_world (4, 4), by where the map's frames are and where they look."""
    _, trajectory = here.saved.trajectory()
    true = truth.T_world_camera[nearest_times(truth.timestamps, trajectory.timestamps)]
    return umeyama(_corners(trajectory.T_world_camera), _corners(true), False)[1]


def _corners(poses: np.ndarray) -> np.ndarray:
    """Camera centres, and points a metre along each axis; (4 N, 3)."""
    centres = poses[:, :3, 3]
    return np.concatenate([centres, *(centres + poses[:, :3, axis] for axis in range(3))])


def judged(
    name: str,
    here: Map,
    asked: list[Frame],
    truth: Trajectory | None = None,
    T_truth_world: np.ndarray | None = None,
    is_walk: bool = False,
) -> Row:
    """What becomes of images. truth: their true poses; None: they are of another place, and every
    one that is found is wrong. is_walk: what some say tells where those beside them are."""
    places, times = list[Localization | None](), []
    for frame in asked:
        started = time.process_time()
        places.append(here.localizer.localize(frame))
        times.append(1000 * (time.process_time() - started))
    if is_walk:
        places = carried(here.localizer, asked, places)
    kept = [(f, p) for f, p in zip(asked, places, strict=True) if p is not None and p.is_found]
    found, each, better = len(kept), np.zeros((0, 2)), 0
    if truth is not None and T_truth_world is not None:
        times_of = np.array([frame.timestamp for frame, _ in kept])
        true = truth.T_world_camera[nearest_times(truth.timestamps, times_of)]
        true = inverse(T_truth_world) @ true
        each = _errors(true, [place.T_world_camera for _, place in kept])
        off = [(*one, T) for one, T, e in zip(kept, true, each, strict=True) if (e > NEAR).any()]
        better = sum(is_better(here.localizer, *one) for one in off)
    right = int((each <= NEAR).all(1).sum())
    wrong = int((each > FAR).any(1).sum()) if truth is not None else found
    metres, degrees = np.median(each, axis=0).tolist() if len(each) else (0.0, 0.0)
    ms = float(np.median(times)) if times else 0.0
    return Row(name, len(asked), found, right, better, wrong, metres, degrees, ms)


def is_better(
    localizer: Localizer, frame: Frame, place: Localization, true_T_world_camera: np.ndarray
) -> bool:
    """Whether the keyframes that bore a place out agree more with the frame's own depth and light
    there than where the truth puts it: then it is the truth that is off, if the map is at it."""
    if frame.depth is None or place.T_world_camera is None:
        return False
    view, landmarks = localizer.pyramid_of(frame), localizer.landmarks
    if view is None:
        return False
    gained = []
    for keyframe in place.keyframes:
        T_keyframe_world = inverse(landmarks.pose(keyframe))
        there, true = (
            evidence_of(landmarks.pyramid(keyframe), view, T_keyframe_world @ T)
            for T in (place.T_world_camera, true_T_world_camera)
        )
        gained.append((there.agree - true.agree, there.light - true.light))
    return bool((np.mean(gained, axis=0) > 0).all())


def _errors(true: Iterable[np.ndarray], found: Iterable[np.ndarray | None]) -> np.ndarray:
    """(N, 2): metres and degrees between two poses each."""
    off = [inverse(there) @ T for there, T in zip(true, found, strict=True) if T is not None]
    each = [(np.linalg.norm(T[:3, 3]), np.degrees(rotation_angle(T[:3, :3]))) for T in off]
    return np.array(each, float).reshape(-1, 2)


if __name__ == "__main__":
    main()
