"""When does a map say that it is probably wrong? Alarms against true errors, and bent maps.

    python tools measures.self_doubt [--only TEXT] [--strides N ...] [--data FOLDER]

Maps the gauntlet's sequences for tuning at each stride. The first table counts, by the worst true
error between two keyframes of a map, how many maps raised an alarm, and how many did or said that
they may be wrong. The second is of maps that were right: each is bent on purpose, as if the camera
had slid in the middle of its way.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from gauntlet.cases import DATA, Case, Selection
from gauntlet.judging import WRONG_DEGREES, WRONG_METRES, differences
from gauntlet.running import open_case, true_poses
from scipy.spatial.transform import Rotation

from mapper.backend.backend import Backend
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.self_doubt.doubt import SelfDoubt, doubt
from mapper.config.settings import MapperConfig
from mapper.core.geometry import inverse, pose
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher
from mapper.vision.matching import FeatureMatcher

BANDS: Final = (0.0, 0.05, 0.10, 0.20, 0.50, float("inf"))  # metres
BENDS: Final = ((0.05, 0.0), (0.10, 0.0), (0.20, 0.0), (0.30, 0.0), (0.50, 20.0))  # metres, degrees
BENT_AT: Final = (1 / 3, 1 / 2, 2 / 3)  # of the keyframes
FEWEST: Final = 9  # keyframes of a map that is bent


@dataclass(slots=True)
class Found:
    """Of one map. error: see worst_error. bent: by the size of the bend, whether each raised an
    alarm."""

    name: str
    keyframes: int
    error: float
    doubt: SelfDoubt
    bent: dict[tuple[float, float], list[bool]] = field(default_factory=dict)

    @property
    def alarms(self) -> bool:
        """Whether the map says that it is probably wrong."""
        return bool(self.doubt.stretches)

    @property
    def warns(self) -> bool:
        """Whether it says that or that it may be."""
        found = self.doubt
        return bool(found.stretches or found.unconfirmed or found.strained or found.leaps)


def main() -> None:
    """Map, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="names that contain it")
    parser.add_argument("--strides", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    found = []
    for case in Selection("tune", arguments.only, arguments.data).cases():
        strides = arguments.strides if case.spec is not None else [1]
        for each in filter(None, (mapped(case, stride) for stride in strides)):
            found.append(each)
            told = "ALARM" if each.alarms else "may be" if each.warns else ""
            print(
                f"{each.name}: {each.keyframes} keyframes, {100 * each.error:.0f} cm {told}",
                file=sys.stderr,
            )
    print(detection_table(found))
    print()
    print(bend_table(found))


def mapped(case: Case, stride: int) -> Found | None:
    """One sequence, every stride-th frame of it; None where it has fewer than two keyframes."""
    config = MapperConfig(threads=False)
    sequence = open_case(case, config.images.max_side)
    truth = true_poses(sequence)[::stride]
    matcher = choose_matcher(config.matcher)
    with Mapper(config, matcher=matcher) as mapper:
        for number, index in enumerate(range(0, len(sequence), stride)):
            mapper.step(replace(sequence[index], index=number))
        result = mapper.finish()
        final = mapper.backend.global_map()
        places = {k.id: truth[k.frame_index] for k in final.keyframes}
        if len(final.poses) < 2 or result.doubt is None:
            return None
        error = worst_error(final.poses, places)
        found = Found(f"{case.name} every {stride}", len(final.poses), error, result.doubt)
        if error < WRONG_METRES and len(final.poses) >= FEWEST:
            for size in BENDS:
                found.bent[size] = [bool(d.stretches) for d in bent(mapper.backend, matcher, size)]
    return found


def worst_error(poses: Mapping[int, np.ndarray], truth: Mapping[int, np.ndarray]) -> float:
    """Metres: the largest error of one keyframe's pose in another, where degrees count as what
    makes a frame wrong does: WRONG_DEGREES as WRONG_METRES. truth: poses, NaN where unknown."""
    ids = [k for k in poses if np.isfinite(truth[k]).all()]
    pairs = list(itertools.combinations(ids, 2))
    if not pairs:
        return 0.0
    told = np.array([inverse(poses[i]) @ poses[j] for i, j in pairs])
    true = np.array([inverse(truth[i]) @ truth[j] for i, j in pairs])
    metres, degrees = differences(told, true)
    return float(np.maximum(metres, degrees * WRONG_METRES / WRONG_DEGREES).max())


def bent(
    backend: Backend, matcher: FeatureMatcher, size: tuple[float, float]
) -> Iterator[SelfDoubt]:
    """What the map says when all that comes after a keyframe is moved as one body.

    Edges from before to after are left out: nothing but the surfaces and features can tell.
    """
    final, ids = backend.global_map(), sorted(backend.global_map().poses)
    for number, share in enumerate(BENT_AT):
        cut = ids[int(share * len(ids))]
        base = final.poses[cut]
        moved = base @ random_motion(size, number) @ inverse(base)
        poses = {k: moved @ S if k >= cut else S for k, S in final.poses.items()}
        graph = PoseGraph(backend.config.graph)
        for k, S in poses.items():
            graph.add_pose(k, S)
        kept = [e for e in backend.edges if e.i in poses and e.j in poses]
        for edge in kept:
            if (edge.i < cut) == (edge.j < cut):
                graph.add_edge(edge)
        graph.poses.update(poses)
        alignment = backend.config.edges.alignment
        settled = replace(final, poses=poses)
        yield doubt(settled, graph, backend.maps, matcher, alignment)


def random_motion(size: tuple[float, float], seed: int) -> np.ndarray:
    """(4, 4), of so many metres and degrees in directions drawn by the seed."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(2, 3))
    shift, axis = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    metres, degrees = size
    return pose(Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix(), metres * shift)


def detection_table(found: Sequence[Found]) -> str:
    """Markdown: maps and alarms by true error."""
    lines = [
        "| worst error between keyframes | maps | probably wrong | that or may be |",
        "| --- | --- | --- | --- |",
    ]
    for low, high in itertools.pairwise(BANDS):
        inside = [each for each in found if low <= each.error < high]
        upper = f"to {100 * high:.0f} cm" if np.isfinite(high) else "cm and more"
        alarms, warned = (sum(getattr(e, each) for e in inside) for each in ("alarms", "warns"))
        lines.append(f"| {100 * low:.0f} {upper} | {len(inside)} | {alarms} | {warned} |")
    return "\n".join(lines)


def bend_table(found: Sequence[Found]) -> str:
    """Markdown: bent maps and alarms by the size of the bend."""
    lines = ["| bent by | maps | alarms |", "| --- | --- | --- |"]
    for metres, degrees in BENDS:
        alarms = [alarm for each in found for alarm in each.bent.get((metres, degrees), [])]
        turn = f" and {degrees:.0f} degrees" if degrees else ""
        lines.append(f"| {100 * metres:.0f} cm{turn} | {len(alarms)} | {sum(alarms)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
