"""What a segment says of its frames, once their keyframes have neighbours on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np

from mapper.core.depth_noise import DepthNoise
from mapper.core.geometry import backproject, inverse
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.prediction import Prediction
from mapper.frontends.masking import masked
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.mono.depth.consistency import consistent
from mapper.frontends.mono.depth.neighbours import neighbours_of
from mapper.frontends.mono.depth.plane_sweep import sweep
from mapper.frontends.mono.depth.sparse import sparse_depth
from mapper.frontends.mono.depth.view import DepthMap, RawDepth, SweptView
from mapper.frontends.mono.geometry.pose_from_points import covariance_seen_from
from mapper.frontends.mono.geometry.straightening import Motion, straight_image, straight_mask
from mapper.frontends.mono.mapping.keyframes import MonoKeyframe
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import POINT
from mapper.frontends.mono.mapping.record import Record
from mapper.frontends.mono.mapping.segment import Segment

LATER: Final = 3  # keyframes after one, before its depth is looked for
WITNESSES: Final = 8  # depth maps that are asked about another
LATER_WITNESSES: Final = 2  # of them that must be there, before it is answered
MOST_WAITING: Final = 100  # frames
LEAST_FIRST: Final = 0.05  # of the pixels: a first view with fewer depths has none
OUTER: Final = (2, 98)  # percentiles of the points' depths, between which most lie
NOISE: Final = DepthNoise(0.0, 0.02, 0.0)  # median error 1.4 % of the depth, measured


class Answers:
    """The predictions of one segment's frames, in their order, each once.

    Depth is looked for in a thread of its own, and waited for when it is due, so that what is said
    does not depend on timing.
    """

    def __init__(self, config: MonoConfig, number: int) -> None:
        self._config, self._number = config, number
        self._answered = 0  # records
        self._has_begun = False
        self._swept: dict[int, Future[RawDepth] | None] = {}  # by keyframe number
        self._pool = ThreadPoolExecutor(1, "depth")
        self.kept: list[float] = []  # share of pixels with depth, of each depth map
        self.recovered = 0  # see recovered_of, of the last answer's frames

    def unanswered(self, segment: Segment) -> Sequence[Record]:
        """Frames that wait."""
        return segment.records[self._answered :]

    def collect(self, segment: Segment) -> list[Prediction]:
        """What can be said by now."""
        in_time = _in_time(segment)
        every = self._config.depth_every
        ready = len(in_time) - LATER
        self._sweep(segment, in_time, in_time[: max(ready, 0) : every])
        told = [k for k in in_time[::every] if k.number in self._swept]
        last = -1
        if len(told) > LATER_WITNESSES:
            last = told[-1 - LATER_WITNESSES].frame_index
        waiting = self.unanswered(segment)
        if len(waiting) > MOST_WAITING:
            last = max(last, waiting[-MOST_WAITING].index)
        return self._answer(segment, in_time, last)

    def finish(self, segment: Segment) -> list[Prediction]:
        """All that is left; nothing may be asked afterwards."""
        in_time = _in_time(segment)
        self._sweep(segment, in_time, in_time[:: self._config.depth_every])
        answers = self._answer(segment, in_time, segment.records[-1].index)
        self._pool.shutdown()
        return answers

    def _sweep(
        self, segment: Segment, in_time: list[MonoKeyframe], wanted: Sequence[MonoKeyframe]
    ) -> None:
        """Begin with the depth of keyframes."""
        for keyframe in wanted:
            if keyframe.number in self._swept:
                continue
            others = neighbours_of(segment.map, keyframe, in_time, self._config.neighbours)
            if len(others) < 2 or not segment.map.keyframes.has_image(keyframe.number):
                self._swept[keyframe.number] = None
                continue
            views = [self._view(segment, k) for k in (keyframe, *others)]
            self._swept[keyframe.number] = self._pool.submit(
                sweep, views[0], views[1:], self._config.planes
            )

    def _answer(self, segment: Segment, in_time: list[MonoKeyframe], last: int) -> list[Prediction]:
        """Of all frames up to the index `last`."""
        waiting = [r for r in self.unanswered(segment) if r.index <= last]
        segment.place_again(waiting)
        placed = [r for r in waiting if r.T is not None]
        answers = [self._prediction(segment, in_time, r) for r in placed]
        for record in waiting:
            record.image = record.mask = None
            if record.keyframe is not None:
                segment.note_depths(record)
        self._answered += len(waiting)
        self.recovered = recovered_of(waiting)
        self._forget(in_time)
        return answers

    def _prediction(
        self, segment: Segment, in_time: list[MonoKeyframe], record: Record
    ) -> Prediction:
        assert record.T is not None and record.image is not None
        height, width = record.image.shape[:2]
        camera = segment.lens.pinhole.resized(width, height)
        found = self._depth(segment, in_time, record)
        if not self._has_begun and (found is None or found.share < LEAST_FIRST):
            found = sparse_depth(segment.map, record, camera)  # whose units would nobody know
        self._has_begun = True
        none = np.zeros((height, width), np.float32)
        motion = Motion(record.velocity, _depths(segment.map, record.T, record.ids)[1])
        T_world_camera = inverse(np.vstack([record.T, [0.0, 0.0, 0.0, 1.0]]))
        uncertainty = self._uncertainty(record, T_world_camera, in_time)
        told = Prediction(
            record.index,
            record.timestamp,
            backproject(none if found is None else found.depth, camera),
            none if found is None else found.confidence,
            T_world_camera,
            camera,
            straight_image(segment.lens, record.image, (width, height), motion),
            is_metric=False,
            segment=self._number,
            noise=NOISE,
            uncertainty=uncertainty,
        )
        if record.mask is None:
            return told
        return masked(told, straight_mask(segment.lens, record.mask, (width, height), motion))

    @staticmethod
    def _uncertainty(
        record: Record, T_world_camera: np.ndarray, in_time: list[MonoKeyframe]
    ) -> PoseUncertainty | None:
        """In the keyframe before it; None of a frame that no point places, and of the first."""
        before = [k for k in in_time if k.frame_index < record.index]
        if record.information is None or not before:
            return None
        reference = np.vstack([before[-1].T, [0.0, 0.0, 0.0, 1.0]])
        covariance = covariance_seen_from(reference @ T_world_camera, record.information)
        return PoseUncertainty(before[-1].frame_index, covariance)

    def _depth(
        self, segment: Segment, in_time: list[MonoKeyframe], record: Record
    ) -> DepthMap | None:
        """Of a keyframe that was swept: what its witnesses confirm."""
        if record.keyframe is None or self._swept.get(record.keyframe) is None:
            return None
        here = in_time.index(segment.map.keyframes[record.keyframe])
        told = [p for p, k in enumerate(in_time) if self._swept.get(k.number) is not None]
        others = sorted((p for p in told if p != here), key=lambda p: (abs(p - here), p))
        found = consistent(
            self._raw(in_time[here]), [self._raw(in_time[p]) for p in others[:WITNESSES]]
        )
        self.kept.append(found.share)
        return found

    def _raw(self, keyframe: MonoKeyframe) -> RawDepth:
        """Of a keyframe that was swept, seen from where it is by now."""
        future = self._swept[keyframe.number]
        assert future is not None
        raw = future.result()
        return replace(raw, view=replace(raw.view, T=keyframe.T))

    def _view(self, segment: Segment, keyframe: MonoKeyframe) -> SweptView:
        near, middle, far = _depths(segment.map, keyframe.T, keyframe.ids)
        grey = segment.map.keyframes.grey(keyframe.number)
        size = reduced_size(grey.shape[1], grey.shape[0], self._config.depth_width)
        return SweptView(
            keyframe.T,
            straight_image(segment.lens, grey, size, Motion(keyframe.velocity, middle)),
            segment.lens.pinhole.resized(*size),
            near,
            far,
        )

    def _forget(self, in_time: list[MonoKeyframe]) -> None:
        """Depth maps that are witnesses no more."""
        told = [k.number for k in in_time if self._swept.get(k.number) is not None]
        for number in told[: -2 * WITNESSES]:
            self._swept[number] = None


def _depths(
    local_map: LocalMap, T: np.ndarray, ids: np.ndarray | None
) -> tuple[float, float, float]:
    """Nearest, usual and farthest of the points among ids (N,), in a camera T_camera_world; 1 where
    there are none."""
    ids = np.zeros(0, np.int64) if ids is None else ids
    points = local_map.points.places[ids[local_map.points.state[ids] == POINT]]
    depths = points @ T[2, :3] + T[2, 3]
    near, middle, far = (
        np.percentile(depths, (OUTER[0], 50, OUTER[1])).tolist() if len(depths) else (1.0, 1.0, 1.0)
    )
    return near, middle, far


def recovered_of(records: Sequence[Record]) -> int:
    """Frames that have a place after all, less those that have none and were not said lost."""
    placed = [record.T is not None for record in records]
    lost = [record.was_lost for record in records]
    return sum(lost[k] if placed[k] else -int(not lost[k]) for k in range(len(records)))


def reduced_size(width: int, height: int, longer: int) -> tuple[int, int]:
    """(width, height) of images and depth maps, whose longer side has at most so many pixels."""
    factor = min(1.0, longer / max(width, height))
    return max(round(width * factor), 1), max(round(height * factor), 1)


def _in_time(segment: Segment) -> list[MonoKeyframe]:
    """The keyframes in the order of time."""
    return sorted(segment.map.keyframes, key=lambda keyframe: keyframe.frame_index)
