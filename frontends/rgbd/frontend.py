"""Tracks a depth camera frame by frame against a reference view; needs no weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import field
from typing import Any

import numpy as np

from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.frame import Frame
from mapper.core.geometry import inverse, orthonormalised, rotation_angle
from mapper.core.prediction import Prediction
from mapper.core.quantities import Frames, Metres, Radians, Share, Whole
from mapper.core.settings_model import settings
from mapper.errors import InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.relocaliser import Relocaliser
from mapper.frontends.rgbd.view import View
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.local_features import FeatureExtractor, pose_from_matches

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

    def __init__(self, config: RgbdConfig | None = None, max_depth: float = 0.0) -> None:
        """max_depth: metres; where the map reaches further than MAX_DEPTH, tracking does too."""
        self.config = config or RgbdConfig()
        self._max_depth = max(MAX_DEPTH, max_depth)
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        self._extractor = FeatureExtractor()
        self._segment = -1
        self.reset()

    def reset(self) -> None:
        """Forget the past; the next frame with depth starts a new segment."""
        self._segment += 1
        self._reference: View | None = None
        self._last: View | None = None
        self._relocaliser = Relocaliser(self.config.max_landmarks)
        self._T_world_last = np.eye(4)
        self._velocity = np.eye(4)
        self._lost_frames = 0

    def flush(self) -> list[Prediction]:
        """Nothing waits inside: every frame is answered at once."""
        return []

    def step(self, frame: Frame) -> list[Prediction]:
        """The frame's prediction, or nothing when it cannot be placed (state is then LOST)."""
        view = self._view_of(frame)
        if self._reference is None:
            if not self._has_depth(view):
                return self._lose(frame)
            return self._start(view, frame)
        was_lost = self._lost_frames > 0
        T_reference_camera = self._relocalise(view) if was_lost else self._track(view)
        if T_reference_camera is None:
            return self._lose(frame)
        self.state = TrackingState.RELOCALISED if was_lost else TrackingState.TRACKING
        self._place(view, self._reference.T_world_camera @ T_reference_camera)
        return [self._predict(view, frame)]

    def _view_of(self, frame: Frame) -> View:
        if frame.depth is None:
            raise InputError(
                f"frame {frame.index} has no depth: the frontend rgbd needs a depth camera"
            )
        if frame.intrinsics is None:
            raise InputError("the camera's intrinsics are unknown: give them with --calib FILE")
        view = View.of(frame, self._extractor)
        view.depth = np.where(view.depth <= self._max_depth, view.depth, np.float32(0))
        return view

    def _has_depth(self, view: View) -> bool:
        ratio = np.count_nonzero(view.depth[::4, ::4]) / view.depth[::4, ::4].size
        return bool(ratio >= self.config.min_depth_ratio)

    def _start(self, view: View, frame: Frame) -> list[Prediction]:
        """The first frame of a segment is its world."""
        self.state = TrackingState.TRACKING
        self._lost_frames = 0
        self._last = view
        self._make_reference(view)
        self._T_world_last = np.eye(4)
        return [self._predict(view, frame)]

    def _track(self, view: View) -> np.ndarray | None:
        """T_reference_camera by constant velocity; from several starts where that is not clear.

        At a low frame rate or on bare walls dense alignment slides into the wrong minimum. The
        right one shows in its inliers, so it only takes a start from features to find it.
        """
        assert self._reference is not None
        if not self._has_depth(view):
            return self._place_by_features(view)
        T_reference_last = inverse(self._reference.T_world_camera) @ self._T_world_last
        best = self._align(view, orthonormalised(T_reference_last @ self._velocity))
        if not self._clear(best, T_reference_last):
            starts = [T_reference_last, *self._feature_starts(view, T_reference_last)]
            tried = [best, *(self._align(view, start) for start in starts)]
            best = max(tried, key=lambda aligned: (aligned.converged, aligned.inlier_ratio))
        self._show(best)
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

    def _feature_starts(self, view: View, T_reference_last: np.ndarray) -> list[np.ndarray]:
        """T_reference_camera from features shared with the last frame, and with the reference."""
        starts = []
        assert self._reference is not None and self._last is not None
        matched = pose_from_matches(self._last.features, view.features, view.intrinsics)
        if matched is not None:
            starts.append(orthonormalised(T_reference_last @ matched.T_a_b))
        if self._reference is not self._last:
            matched = pose_from_matches(self._reference.features, view.features, view.intrinsics)
            if matched is not None:
                starts.append(matched.T_a_b)
        return starts

    def _align(self, view: View, start: np.ndarray) -> Alignment:
        assert self._reference is not None
        return align(self._reference.pyramid, view.pyramid, start, self.config.alignment)

    def _show(self, aligned: Alignment) -> None:
        self.values = {
            "inlier_ratio": aligned.inlier_ratio,
            "overlap": aligned.overlap,
            "rmse_mm": aligned.rmse * 1e3 if np.isfinite(aligned.rmse) else 0.0,
        }

    def _believable(self, aligned: Alignment) -> bool:
        return (
            aligned.converged
            and aligned.inlier_ratio >= self.config.min_inlier_ratio
            and aligned.overlap >= self.config.min_overlap
            and aligned.rmse <= self.config.max_rmse
        )

    def _place_by_features(self, view: View) -> np.ndarray | None:
        """T_reference_camera of a frame with almost no depth."""
        assert self._reference is not None
        matched = pose_from_matches(
            self._reference.features, view.features, view.intrinsics, min_inliers=25
        )
        return None if matched is None else matched.T_a_b

    def _relocalise(self, view: View) -> np.ndarray | None:
        """T_reference_camera of a frame after the track was lost."""
        assert self._reference is not None
        T_world_camera = self._relocaliser.locate(view, self.config.alignment, self._believable)
        if T_world_camera is None:
            return None
        logger.info("frame %d: relocalised", view.frame_index)
        self._T_world_last = T_world_camera
        self._make_reference_at(view, T_world_camera)
        return np.eye(4)

    def _place(self, view: View, T_world_camera: np.ndarray) -> None:
        assert self._reference is not None
        view.T_world_camera = orthonormalised(T_world_camera)
        self._last = view
        self._velocity = orthonormalised(inverse(self._T_world_last) @ view.T_world_camera)
        self._T_world_last = view.T_world_camera
        self._lost_frames = 0
        agreeing = self.values.get("overlap", 1.0) * self.values.get("inlier_ratio", 1.0)
        if agreeing < self.config.reference_overlap and self._has_depth(view):
            self._make_reference(view)

    def _make_reference_at(self, view: View, T_world_camera: np.ndarray) -> None:
        view.T_world_camera = T_world_camera
        self.values = {}
        self._make_reference(view)

    def _make_reference(self, view: View) -> None:
        self._reference = view
        self._relocaliser.add(view)

    def _lose(self, frame: Frame) -> list[Prediction]:
        self.state = TrackingState.LOST
        self._velocity = np.eye(4)
        self._lost_frames += 1
        if self._reference is not None and self._lost_frames > self.config.restart_after:
            logger.warning("frame %d: lost for too long, starting a new segment", frame.index)
            self.reset()
        return []

    def _predict(self, view: View, frame: Frame) -> Prediction:
        return Prediction(
            frame_index=frame.index,
            timestamp=frame.timestamp,
            pointmap=view.pointmap,
            confidence=depth_confidence(view.depth, STRUCTURED_LIGHT.coefficients),
            T_world_camera=view.T_world_camera.copy(),
            intrinsics=view.intrinsics,
            image=view.image,
            is_metric=True,
            segment=self._segment,
            noise=STRUCTURED_LIGHT,
        )

    def snapshot(self) -> dict[str, Any]:
        """The memory as plain values: poses, and the indices of the frames it refers to."""
        reference = self._reference
        return {
            "segment": self._segment,
            "lost_frames": self._lost_frames,
            "reference": None if reference is None else reference.frame_index,
            "last": None if self._last is None else self._last.frame_index,
            "T_world_last": self._T_world_last.tolist(),
            "velocity": self._velocity.tolist(),
            "landmarks": self._relocaliser.snapshot(),
        }

    def restore(self, snapshot: dict[str, Any], read_frame: Callable[[int], Frame]) -> None:
        """Take up where `snapshot` was made; reads the frames that it names again."""
        self._segment = int(snapshot["segment"]) - 1
        self.reset()
        self._lost_frames = int(snapshot["lost_frames"])
        self._T_world_last = np.array(snapshot["T_world_last"])
        self._velocity = np.array(snapshot["velocity"])
        for frame_index, T_world_camera in snapshot["landmarks"]:
            view = self._view_of(read_frame(frame_index))
            view.T_world_camera = np.array(T_world_camera)
            self._relocaliser.add(view)
            if frame_index == snapshot["reference"]:
                self._reference = view
        if snapshot["last"] is not None:
            self._last = self._view_of(read_frame(snapshot["last"]))
            if (
                self._reference is not None
                and self._last.frame_index == self._reference.frame_index
            ):
                self._last = self._reference
