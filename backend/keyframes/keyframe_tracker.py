"""Which frame opens a keyframe, and what becomes of the frames tracked between two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapper.backend.keyframes.frame_placement import (
    FramePlacer,
    Placement,
    PlacementConfig,
    expected_pose,
)
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig, needs_keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.keyframes.prediction_check import finite_prediction
from mapper.backend.keyframes.segment_units import SegmentUnits, median_depth
from mapper.core.geometry import backproject
from mapper.core.prediction import Prediction
from mapper.vision.matching import FeatureMatcher


class KeyframeTracker:
    """Averages each frame into the open keyframe's map, until one has to open the next."""

    def __init__(
        self,
        config: KeyframeConfig,
        placement: PlacementConfig,
        maps: MapCache,
        matcher: FeatureMatcher,
    ) -> None:
        self._config = config
        self._maps = maps
        self._units = SegmentUnits()
        self._placer = FramePlacer(placement)
        self._matcher = matcher
        self._current: Keyframe | None = None  # open; None at the start and after a restore
        self._standing = 0  # frames of it during which the camera stood

    def resume(self, keyframes: Sequence[Keyframe]) -> None:
        """Go on after the closed keyframes of an earlier run, of which there is at least one."""
        units = {keyframe.segment: keyframe.units for keyframe in keyframes}
        self._units.resume(units, keyframes[-1].median_depth)

    def redescribe(self, keyframe: Keyframe) -> None:
        """Features of the matcher in use for a keyframe of a run that had another."""
        if len(keyframe.features) and not self._matcher.made(keyframe.features):
            view = self._maps.map(keyframe.id)
            pointmap = backproject(view.depth, view.intrinsics)
            keyframe.features = self._matcher.extract(view.image, pointmap)

    def usable(self, prediction: Prediction) -> Prediction | None:
        """The prediction in its segment's units, without what is not finite; None: all of it."""
        finite = finite_prediction(prediction)
        return None if finite is None else self._units(finite)

    def expected(self, previous: Keyframe | None, prediction: Prediction) -> np.ndarray | None:
        """T_previous_camera (4, 4), by the frontend's motion; None where it knows of none."""
        if previous is None or previous.segment != prediction.segment:
            return None
        return expected_pose(previous, prediction.T_world_camera)

    def track(self, prediction: Prediction, expected: np.ndarray) -> None:
        """Place the frame and average it into the open keyframe. expected: T_keyframe_camera.

        Of one without points nothing is known but where its pose says it is; of one of a standing
        camera everything is known already.
        """
        current = self._current
        assert current is not None
        placement = Placement(expected, 1.0)
        self._standing += prediction.is_still
        if prediction.has_points and not prediction.is_still:
            placement = self._placer.place(self._maps.pyramid(current.id), prediction, expected)
            self._maps.map(current.id).fuse(
                prediction, placement.T_keyframe_camera, placement.scale
            )
        current.frames.append(
            TrackedFrame(prediction.frame_index, prediction.timestamp, placement.T_keyframe_camera)
        )
        current.T_odometry_last = prediction.T_world_camera

    def needs_keyframe(self, prediction: Prediction, expected: np.ndarray) -> bool:
        """Whether the frame must open a keyframe; if not, it can be tracked."""
        current = self._current
        if current is None or is_found(prediction):
            return True
        if prediction.is_still or not prediction.has_points:
            return False
        depth = self._maps.map(current.id).depth
        return needs_keyframe(current, depth, prediction, expected, self._config, self._standing)

    def close(self) -> Keyframe | None:
        """Close the open keyframe, whose map is then final; returns it."""
        closed, self._current = self._current, None
        if closed is not None:
            self._maps.close(closed)
        return closed

    def open(
        self, keyframe_id: int, prediction: Prediction, T_previous: np.ndarray | None
    ) -> Keyframe:
        """The keyframe that the frame opens. T_previous: (4, 4), in the keyframe before, if known.

        The one before must be closed.
        """
        keyframe = Keyframe(
            keyframe_id,
            prediction.segment,
            prediction.T_world_camera,
            self._matcher.extract(prediction.image, prediction.pointmap),
            prediction.intrinsics,
            [TrackedFrame(prediction.frame_index, prediction.timestamp, np.eye(4))],
            median_depth(prediction),
            prediction.descriptor,
            prediction.is_metric,
            self._units.factor(prediction.segment),
            T_previous,
            is_found=is_found(prediction),
            uncertainty=prediction.uncertainty,
            shares_camera=prediction.shares_camera,
        )
        self._maps.put(keyframe.id, KeyframeMap.of(prediction))
        self._current, self._standing = keyframe, 0
        return keyframe


def is_found(prediction: Prediction) -> bool:
    """Whether the frame was placed by none before it, as the first of those that were lost."""
    known = prediction.uncertainty
    return known is not None and known.reference_index == prediction.frame_index
