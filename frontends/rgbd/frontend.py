"""Tracks a depth camera frame by frame against a reference view; needs no weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import field, replace
from typing import Any

import numpy as np

from mapper.core.depth_noise import depth_confidence
from mapper.core.frame import Frame
from mapper.core.geometry import inverse, orthonormalised, rotation_angle
from mapper.core.prediction import Prediction
from mapper.core.quantities import Frames, Metres, Radians, Share, Whole
from mapper.core.settings_model import settings
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.relocaliser import Relocaliser
from mapper.frontends.rgbd.track import Track, TrackMemory
from mapper.frontends.rgbd.view import PlacedView, View
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher

logger = logging.getLogger(__name__)

MAX_DEPTH = 8.0  # metres, where a reading deviates by 11 cm; each counts by its noise


@settings
class RgbdConfig:
    """The frontend rgbd: dense tracking of a depth camera.

    alignment: of a frame with its reference.
    min_inlier_ratio: an alignment with a smaller share of inliers is not believed.
    min_overlap: an alignment of views that share less is not believed.
    max_rmse: an alignment with a larger residual is not believed.
    clear_inlier_ratio: an alignment with a smaller share of inliers is tried again from other
        starts, and the best one is taken.
    clear_translation: so is one after a larger step between two frames.
    clear_rotation: so is one after a larger turn between two frames.
    reference_overlap: below this share of agreeing points the frame becomes the new reference.
    min_depth_ratio: share of pixels with depth below which features alone place a frame.
    restart_after: lost frames after which a new segment is started rather than waited for.
    max_landmarks: earlier references kept for relocalisation (about 0.6 MB each).
    """

    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    min_inlier_ratio: Share = 0.6
    min_overlap: Share = 0.25
    max_rmse: Metres = 0.03
    clear_inlier_ratio: Share = 0.9
    clear_translation: Metres = 0.06
    clear_rotation: Radians = 0.08
    reference_overlap: Share = 0.7
    min_depth_ratio: Share = 0.03
    restart_after: Frames = 30
    max_landmarks: Whole = 150


class RgbdFrontend:
    """Frame-to-reference dense tracking with feature fallback and relocalisation.

    A frame is placed by the first of these that passes the quality checks: dense alignment from
    constant velocity; from features matched with the reference; features against all earlier
    references (relocalisation). Each pose is relative to one reference, so drift only grows when
    the reference changes.
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
            placed = self._relocalise(view)
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
        placed = PlacedView(view, np.eye(4))
        self._relocaliser.add(placed)
        self._track = Track(placed, view, placed.T_world_camera, np.eye(4))
        return placed

    def _follow(self, track: Track, view: View) -> PlacedView | None:
        """Place the view after the last one, and make it the reference where that is due."""
        T_reference_camera = self._place(track, view)
        if T_reference_camera is None:
            return None
        T_world_camera = orthonormalised(track.reference.T_world_camera @ T_reference_camera)
        placed, reference = PlacedView(view, T_world_camera), track.reference
        agreeing = self.values.get("overlap", 1.0) * self.values.get("inlier_ratio", 1.0)
        if agreeing < self.config.reference_overlap and self._has_depth(view):
            self._relocaliser.add(placed)
            reference = placed
        self._track = _moved(placed, reference, track.T_world_last)
        return placed

    def _relocalise(self, view: View) -> PlacedView | None:
        """After the track was lost: the view becomes the reference, if it can be found."""
        found = self._relocaliser.locate(view, self.config.alignment, self._believable)
        if found is None:
            return None
        logger.info("frame %d: relocalised", view.frame_index)
        self._relocaliser.add(PlacedView(view, found))
        placed = PlacedView(view, orthonormalised(found))
        self._track = _moved(placed, placed, found)
        return placed

    def _place(self, track: Track, view: View) -> np.ndarray | None:
        """T_reference_camera by constant velocity; from several starts where that is not clear.

        At a low frame rate or on bare walls dense alignment slides into the wrong minimum. The
        right one shows in its inliers, so it only takes a start from features to find it.
        """
        if not self._has_depth(view):
            return _placed_by_features(track, view)
        reference, T_reference_last = track.reference.view.pyramid, track.T_reference_last
        start, config = orthonormalised(T_reference_last @ track.velocity), self.config.alignment
        best = align(reference, view.pyramid, start, config)
        if not self._clear(best, T_reference_last):
            starts = [T_reference_last, *_feature_starts(track, view)]
            tried = [best, *(align(reference, view.pyramid, start, config) for start in starts)]
            best = max(tried, key=lambda aligned: (aligned.converged, aligned.inlier_ratio))
        self.values = _worth_a_plot(best)
        return best.S_reference_source if self._believable(best) else None

    def _clear(self, aligned: Alignment, T_reference_last: np.ndarray) -> bool:
        """A believable alignment after a small step, as a video camera makes them."""
        T_last_camera = inverse(T_reference_last) @ aligned.S_reference_source
        return (
            self._believable(aligned)
            and aligned.inlier_ratio >= self.config.clear_inlier_ratio
            and float(np.linalg.norm(T_last_camera[:3, 3])) <= self.config.clear_translation
            and rotation_angle(T_last_camera[:3, :3]) <= self.config.clear_rotation
        )

    def _believable(self, aligned: Alignment) -> bool:
        return (
            aligned.converged
            and aligned.inlier_ratio >= self.config.min_inlier_ratio
            and aligned.overlap >= self.config.min_overlap
            and aligned.rmse <= self.config.max_rmse
        )

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
            placed = PlacedView(view, np.array(T_world_camera))
            self._relocaliser.add(placed)
            reference = placed if frame_index == note["reference"] else reference
        if reference is None:
            return  # nothing had been placed
        last = reference.view
        if note["last"] != last.frame_index:
            last = View.of(read_frame(note["last"]), self._matcher, self._max_depth)
        T_world_last, velocity = np.array(note["T_world_last"]), np.array(note["velocity"])
        self._track = Track(reference, last, T_world_last, velocity, int(note["lost_frames"]))


def _moved(placed: PlacedView, reference: PlacedView, T_world_before: np.ndarray) -> Track:
    """The track after a view was placed. T_world_before: where the camera was before it moved."""
    T_world_camera = placed.T_world_camera
    velocity = orthonormalised(inverse(T_world_before) @ T_world_camera)
    return Track(reference, placed.view, T_world_camera, velocity)


def _placed_by_features(track: Track, view: View) -> np.ndarray | None:
    """T_reference_camera of a frame with almost no depth."""
    matched = view.pose_among(track.reference.view.features, min_inliers=25)
    return None if matched is None else matched.T_a_b


def _feature_starts(track: Track, view: View) -> list[np.ndarray]:
    """T_reference_camera from features shared with the last frame, and with the reference."""
    starts = []
    matched = view.pose_among(track.last.features)
    if matched is not None:
        starts.append(orthonormalised(track.T_reference_last @ matched.T_a_b))
    reference = track.reference.view
    if reference is not track.last:
        matched = view.pose_among(reference.features)
        if matched is not None:
            starts.append(matched.T_a_b)
    return starts


def _worth_a_plot(aligned: Alignment) -> dict[str, float]:
    return {
        "inlier_ratio": aligned.inlier_ratio,
        "overlap": aligned.overlap,
        "rmse_mm": aligned.rmse * 1e3 if np.isfinite(aligned.rmse) else 0.0,
    }
