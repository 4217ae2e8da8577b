"""Tracks a depth camera frame by frame against a reference view; needs no weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from mapper.core.depth_noise import depth_confidence
from mapper.core.frame import Frame
from mapper.core.geometry import inverse, orthonormalised
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.placement import Placement, place, place_by_features
from mapper.frontends.rgbd.relocaliser import Relocaliser
from mapper.frontends.rgbd.track import Track, TrackMemory
from mapper.frontends.rgbd.view import PlacedView, View, known
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher

logger = logging.getLogger(__name__)

MAX_DEPTH = 8.0  # metres, where a reading deviates by 11 cm; each counts by its noise
FOLLOWED_AFTER = 10  # lost frames, after which the camera may be anywhere


class RgbdFrontend:
    """Frame-to-reference dense tracking with feature fallback and relocalisation.

    A frame is placed by what explains it best: dense alignment with the reference from constant
    velocity, and where that is not clear from standing still and from matched features; after the
    track was lost, also by features against all earlier references (relocalisation). Each pose is
    relative to one reference, so drift only grows when the reference changes.
    """

    name = "rgbd"
    is_metric = True

    def __init__(
        self,
        config: RgbdConfig | None = None,
        max_depth: float = 0.0,
        matcher: FeatureMatcher | None = None,
    ) -> None:
        """max_depth: metres; where the map reaches further than MAX_DEPTH, tracking does too."""
        self.config = config or RgbdConfig()
        self._max_depth = max(MAX_DEPTH, max_depth)
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        self._matcher = matcher or OrbMatcher()
        self._segment = -1
        self.reset()

    def reset(self) -> None:
        """Forget the past; the next frame with depth starts a new segment."""
        self._segment += 1
        self._track: Track | None = None
        self._relocaliser = Relocaliser(self.config.max_landmarks)

    def flush(self) -> list[Prediction]:
        """Nothing waits inside: every frame is answered at once."""
        return []

    def step(self, frame: Frame) -> list[Prediction]:
        """The frame's prediction, or nothing when it cannot be placed (state is then LOST)."""
        view = View.of(frame, self._matcher, self._max_depth)
        self.values = {}
        track = self._track
        if track is None:
            placed = self._start(view)
        elif track.lost_frames:
            placed = self._find(track, view)
        else:
            placed = self._follow(track, view)
        if placed is None:
            self.state = TrackingState.LOST
            self._lose(frame)
            return []
        was_lost = track is not None and track.lost_frames > 0
        self.state = TrackingState.RELOCALISED if was_lost else TrackingState.TRACKING
        return [self._predict(placed, frame)]

    def _has_depth(self, view: View) -> bool:
        return view.has_depth(self.config.min_depth_ratio)

    def _start(self, view: View) -> PlacedView | None:
        """The first frame of a segment is its world."""
        if not self._has_depth(view):
            return None
        placed = PlacedView(view, np.eye(4), known(view))
        self._relocaliser.add(placed)
        self._track = Track(placed, view, placed.T_world_camera, np.eye(4), np.zeros((6, 6)))
        return placed

    def _follow(self, track: Track, view: View) -> PlacedView | None:
        """Place the view after the last one, and make it the reference where that is due."""
        found = self._place(track, view)
        return None if found is None else self._go_on(track, view, found)

    def _place(self, track: Track, view: View) -> Placement | None:
        if not self._has_depth(view):
            return place_by_features(track, view)
        return place(track, view, self.config)

    def _go_on(self, track: Track, view: View, found: Placement) -> PlacedView:
        """The view is the last one now, and where it shares little with it the reference."""
        self.values = found.values
        T_world_camera = orthonormalised(track.reference.T_world_camera @ found.T_reference_camera)
        uncertainty = PoseUncertainty(
            track.reference.view.frame_index, found.covariance, found.is_held
        )
        placed = PlacedView(view, T_world_camera, uncertainty)
        reference, covariance = track.reference, found.covariance
        if found.shared < self.config.reference_overlap and self._has_depth(view):
            self._relocaliser.add(placed)
            reference, covariance = placed, np.zeros((6, 6))
        self._track = _moved(placed, reference, track.T_world_last, covariance)
        return placed

    def _find(self, track: Track, view: View) -> PlacedView | None:
        """After the track was lost: where it broke off, or among the earlier references.

        What is found after a gap must be clear: nothing is known of the way in between.
        """
        if self._has_depth(view) and track.lost_frames <= FOLLOWED_AFTER:
            found = place(track, view, self.config)
            if found is not None and found.is_clear:
                return self._go_on(track, view, found)
        located = self._relocaliser.locate(view, self.config.alignment, self.config.evidence)
        if located is None:
            return None
        logger.info("frame %d: relocalised", view.frame_index)
        self._relocaliser.add(located)
        self._track = _moved(located, located, located.T_world_camera, np.zeros((6, 6)))
        return located

    def _lose(self, frame: Frame) -> None:
        """Count the frame; wait for a place that is known, but not for ever."""
        track = self._track
        if track is None:
            return
        lost_frames = track.lost_frames + 1
        if lost_frames > self.config.restart_after:
            logger.warning("frame %d: lost for too long, starting a new segment", frame.index)
            self.reset()
            return
        self._track = replace(track, velocity=np.eye(4), lost_frames=lost_frames)

    def _predict(self, placed: PlacedView, frame: Frame) -> Prediction:
        view = placed.view
        return Prediction(
            frame_index=frame.index,
            timestamp=frame.timestamp,
            pointmap=view.pointmap,
            confidence=depth_confidence(view.depth, view.noise.coefficients),
            T_world_camera=placed.T_world_camera.copy(),
            intrinsics=view.intrinsics,
            image=view.image,
            is_metric=True,
            segment=self._segment,
            noise=view.noise,
            uncertainty=placed.uncertainty,
        )

    def snapshot(self) -> TrackMemory:
        """The memory as it is now: nothing of it is changed by later frames, only replaced."""
        return TrackMemory(self._segment, self._track, self._relocaliser.landmarks)

    def restore(self, note: dict[str, Any], read_frame: Callable[[int], Frame]) -> None:
        """Take up where the memory of `note` was; reads the frames that it names again."""
        self._segment = int(note["segment"]) - 1
        self.reset()
        reference: PlacedView | None = None
        for frame_index, T_world_camera in note["landmarks"]:
            view = View.of(read_frame(frame_index), self._matcher, self._max_depth)
            placed = PlacedView(view, np.array(T_world_camera), known(view))
            self._relocaliser.add(placed)
            reference = placed if frame_index == note["reference"] else reference
        if reference is None:
            return  # nothing had been placed
        last = reference.view
        if note["last"] != last.frame_index:
            last = View.of(read_frame(note["last"]), self._matcher, self._max_depth)
        T_world_last, velocity = np.array(note["T_world_last"]), np.array(note["velocity"])
        covariance = np.array(note.get("covariance", np.zeros((6, 6))))
        lost_frames = int(note["lost_frames"])
        self._track = Track(reference, last, T_world_last, velocity, covariance, lost_frames)


def _moved(
    placed: PlacedView,
    reference: PlacedView,
    T_world_before: np.ndarray,
    covariance: np.ndarray,
) -> Track:
    """The track after a view was placed. T_world_before: where the camera was before it moved.

    covariance: (6, 6), of the view in the reference.
    """
    T_world_camera = placed.T_world_camera
    velocity = orthonormalised(inverse(T_world_before) @ T_world_camera)
    return Track(reference, placed.view, T_world_camera, velocity, covariance)
