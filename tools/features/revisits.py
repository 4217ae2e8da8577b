"""Which revisits are recognised, by the angle between the views: ORB, XFeat, LightGlue compared.

    python tools features.revisits [--only redkitchen] [--matchers orb xfeat lightglue] [--pairs 24]

Pairs of frames that see the same place, by true poses and depth, are drawn by the angle between
them, and pairs that share nothing beside them: of each recording of the gauntlet, and of its rooms
together, those of the seeds that are for tuning. Of each matcher: the share of pairs
that the backend's loops accept from features alone, at full weight; the share that they take in
doubt, until other edges confirm them; the share that features place within 5 cm and 3 degrees of
the truth, without alignment; loops that are wrong, at full weight and in doubt; and time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from gauntlet.cases import Case, Selection
from gauntlet.running import open_case, true_poses

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.loops.loop_candidates import CandidateConfig
from mapper.backend.loops.loop_closer import LoopCloser, LoopCloserConfig
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.frame import Frame
from mapper.core.geometry import backproject, inverse, rotation_angle
from mapper.core.prediction import Prediction
from mapper.slam.matchers import choose_matcher
from mapper.vision.local_features import pose_from_matches
from mapper.vision.matching import FeatureMatcher

ANGLES: Final = ((0, 15), (15, 30), (30, 60), (60, 90))  # degrees
UNRELATED: Final = "unrelated"
MIN_OVERLAP: Final = 0.2  # of both views' points: what the loops ask for
FRAMES: Final = 120  # looked at of a sequence, evenly spread
NEAR: Final = (0.05, 3.0)  # metres, degrees: placed
WRONG: Final = (0.10, 5.0)  # a loop that is further off is wrong
SEED: Final = 15
MAX_SIDE: Final = 640  # pixels of the images


@dataclass(frozen=True, slots=True)
class Pair:
    """Two frames by number; T_i_j (4, 4) true; group: its angles, or unrelated."""

    i: int
    j: int
    T_i_j: np.ndarray
    group: str


@dataclass
class Score:
    """Of a matcher in a group of pairs. doubted, wrong_doubted: loops that wait for others to
    confirm them, right and wrong. seconds: CPU time of matching and placing them."""

    pairs: int = 0
    verified: int = 0
    placed: int = 0
    wrong: int = 0
    doubted: int = 0
    wrong_doubted: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Views:
    """Frames of a sequence with their true poses, T_world_camera (4, 4), by number."""

    predictions: dict[int, Prediction]
    maps: MapCache

    @classmethod
    def of(cls, case: Case) -> Views:
        """Evenly spread frames of a sequence; those without a true pose are left out."""
        sequence = open_case(case, MAX_SIDE)
        truth, predictions, maps = true_poses(sequence), {}, MapCache(None, FRAMES + 1)
        for index in np.linspace(0, len(sequence) - 1, FRAMES).astype(int).tolist():
            if np.isfinite(truth[index]).all():
                predictions[index] = predicted(sequence[index], truth[index])
                maps.put(index, KeyframeMap.of(predictions[index]))
        return cls(predictions, maps)

    def pairs(self, count: int) -> list[Pair]:
        """At most `count` of each group, drawn at random."""
        groups = defaultdict(list)
        for pair in self._all_pairs():
            groups[pair.group].append(pair)
        rng = np.random.default_rng(SEED)
        return [
            groups[name][k]
            for name in sorted(groups)
            for k in rng.permutation(len(groups[name]))[:count]
        ]

    def _all_pairs(self) -> Iterator[Pair]:
        numbers = sorted(self.predictions)
        for i in numbers:
            for j in (number for number in numbers if number > i):
                a, b = (self.predictions[k].T_world_camera for k in (i, j))
                T = inverse(a) @ b
                angle = np.degrees(rotation_angle(T[:3, :3]))
                both = two_way_consistency(self.maps.coarse(i), self.maps.coarse(j), T)
                overlap = min(each.overlap for each in both)
                if overlap == 0 and max(each.overlap for each in both) == 0:
                    yield Pair(i, j, T, UNRELATED)
                elif overlap >= MIN_OVERLAP:
                    for low, high in ANGLES:
                        if low <= angle < high:
                            yield Pair(i, j, T, f"{low}-{high}")


@dataclass
class Trial:
    """A matcher on trial; extract_s: CPU time of each image."""

    matcher: FeatureMatcher
    scores: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    extract_s: list[float] = field(default_factory=list)

    def take(self, views: Views, pairs: Sequence[Pair]) -> None:
        """Try the pairs of a sequence."""
        self._views, self._keyframes = views, dict[int, Keyframe]()
        for pair in pairs:
            self._try(pair)

    def _try(self, pair: Pair) -> None:
        score = self.scores[pair.group]
        score.pairs += 1
        a, b = self._keyframe(pair.i), self._keyframe(pair.j)
        started = time.process_time()
        pairs = self.matcher.match(a.features, b.features)
        matched = pose_from_matches(a.features, b.features, pairs, b.intrinsics)
        score.seconds += time.process_time() - started
        score.placed += matched is not None and within(matched.T_a_b, pair.T_i_j, NEAR)
        loop = self._loop(a, b)
        if loop is not None:
            right = within(loop.S_i_j, pair.T_i_j, WRONG)  # of unrelated ones too: depth has holes
            score.verified += right and loop.is_confirmed
            score.wrong += not right and loop.is_confirmed
            score.doubted += right and not loop.is_confirmed
            score.wrong_doubted += not right and not loop.is_confirmed

    def _loop(self, a: Keyframe, b: Keyframe) -> Edge | None:
        """What the backend's loops make of the pair, knowing neither's place."""
        config = LoopCloserConfig(CandidateConfig(recent=0))
        closer = LoopCloser(config, EdgeConfig(), self.matcher)
        closer.remember(a)
        edges, _ = closer.close(b, [a, b], {b.id: np.eye(4)}, self._views.maps)
        return edges[0] if edges else None

    def _keyframe(self, index: int) -> Keyframe:
        if index not in self._keyframes:
            prediction = self._views.predictions[index]
            started = time.process_time()
            features = self.matcher.extract(prediction.image, prediction.pointmap)
            self.extract_s.append(time.process_time() - started)
            self._keyframes[index] = Keyframe(
                index,
                0,
                prediction.T_world_camera,
                features,
                prediction.intrinsics,
                [TrackedFrame(index, prediction.timestamp, np.eye(4))],
                float(np.median(prediction.depth[prediction.depth > 0])),
            )
        return self._keyframes[index]


def predicted(frame: Frame, T_world_camera: np.ndarray) -> Prediction:
    """A frame with depth as a perfect tracker hands it on."""
    if frame.depth is None or frame.intrinsics is None:
        raise SystemExit(f"frame {frame.index}: no depth, or no intrinsics")
    noise = frame.noise or STRUCTURED_LIGHT
    return Prediction(
        frame.index,
        frame.timestamp,
        backproject(frame.depth, frame.intrinsics),
        depth_confidence(frame.depth, noise.coefficients),
        T_world_camera,
        frame.intrinsics,
        frame.image,
        True,
        noise=noise,
    )


def within(T: np.ndarray, T_true: np.ndarray, bounds: tuple[float, float]) -> bool:
    """Whether two poses are no further apart than (metres, degrees)."""
    difference = inverse(T_true) @ T
    angle = float(np.degrees(rotation_angle(difference[:3, :3])))
    return float(np.linalg.norm(difference[:3, 3])) <= bounds[0] and angle <= bounds[1]


def table(name: str, trials: Sequence[Trial]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    heads = "matcher | loops verified | in doubt | placed | wrong | wrong in doubt | ms a pair"
    yield f"\n| {name}: degrees, pairs | {heads} |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for group in [*(f"{low}-{high}" for low, high in ANGLES), UNRELATED]:
        for trial in trials:
            score = trial.scores[group]
            if score.pairs:
                counts = score.verified, score.doubted, score.placed
                shares = [f"{100 * n / score.pairs:.0f} %" for n in counts]
                shown = " | ".join(["-"] * 3 if group == UNRELATED else shares)
                yield (
                    f"| {group}, {score.pairs} | {trial.matcher.name} | {shown} | {score.wrong} | "
                    f"{score.wrong_doubted} | {1e3 * score.seconds / score.pairs:.0f} |"
                )
    each = (f"{t.matcher.name} {1e3 * float(np.median(t.extract_s)):.0f} ms" for t in trials)
    yield f"\nFeatures of an image, CPU time: {', '.join(each)}."


def grouped(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """Recordings at their own rate by name, and all rooms together."""
    groups = defaultdict(list)
    for case in cases:
        if case.stride == 1:
            groups["rooms" if case.path is None else case.name].append(case)
    return groups


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="cases whose names contain this")
    parser.add_argument("--matchers", nargs="+", default=["orb", "xfeat"])
    parser.add_argument("--pairs", type=int, default=24, help="of each group and sequence")
    arguments = parser.parse_args()
    for name, cases in grouped(Selection("tune", arguments.only).cases()).items():
        trials = [Trial(choose_matcher(matcher)) for matcher in arguments.matchers]
        for case in cases:
            views = Views.of(case)
            pairs = views.pairs(arguments.pairs)
            for trial in trials:
                trial.take(views, pairs)
        print("\n".join(table(name, trials)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
