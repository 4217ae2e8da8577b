"""Finds where an image was taken in a map, and says so only where the evidence holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from mapper.core.depth_noise import STRUCTURED_LIGHT
from mapper.core.frame import Frame
from mapper.core.geometry import orthonormalised
from mapper.io.sequences.bounded import bounded_frame
from mapper.localization.belief import why_not
from mapper.localization.camera_search import guessed_camera
from mapper.localization.dense_placement import DensePlace, placed_by_depth
from mapper.localization.landmarks import Landmarks
from mapper.localization.localization import Localization, Reason
from mapper.localization.refinement import told_sigmas
from mapper.localization.sighting import CANDIDATES, Sighting, best_sighting, matched_views
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid
from mapper.vision.local_features import LocalFeatures

FEWEST: Final = 30  # features: an image with fewer shows nothing
ALIGNED: Final = 6  # keyframes that an image with depth is aligned with
MIN_DEPTH: Final = 0.05  # share of the pixels that have some


class Localizer:
    """Holds what it has read of a map's keyframes, so that the next image takes less time."""

    def __init__(self, landmarks: Landmarks, max_side: int) -> None:
        """max_side: larger images are reduced to that; 0 = never."""
        self.landmarks = landmarks
        self._max_side = max_side

    def localize(self, frame: Frame) -> Localization:
        """Where a frame was taken. Its depth counts where the map is in metres.

        Found by what it looks like, placed by matched features that the keyframes' depth lifts,
        over all keyframes that see it, and aligned with their surfaces where it has depth itself.
        """
        found = self._localize(bounded_frame(frame, self._max_side))
        if found.intrinsics is None:
            return found
        height, width = frame.image.shape[:2]
        return replace(found, intrinsics=found.intrinsics.resized(width, height))

    def _localize(self, frame: Frame) -> Localization:
        features, camera = self._features(frame), frame.intrinsics
        if len(features) < FEWEST:
            return Localization(None, Reason.FEATURELESS, camera)
        candidates = self.landmarks.alike(features, CANDIDATES)
        views = matched_views(self.landmarks, candidates, features)
        is_guess = camera is None
        if camera is None:
            size = frame.image.shape[1], frame.image.shape[0]
            told = frame.exif_focal
            camera = guessed_camera(views, features, size, told)
            if camera is None:
                return Localization(None, Reason.UNSEEN, None)
        sighting = best_sighting(self.landmarks, features, camera, views, is_guess)
        if sighting is None:
            return Localization(None, Reason.UNSEEN, frame.intrinsics)
        dense = None if is_guess else self._by_depth(frame, sighting)
        reason = why_not(self.landmarks, frame.image, sighting, dense)
        return _told(sighting, dense, reason, is_guess)

    def pyramid_of(self, frame: Frame) -> DepthPyramid | None:
        """Of a frame's own depth; None where it has none, or none of the map's unit."""
        if frame.depth is None or frame.intrinsics is None or not self.landmarks.is_metric:
            return None
        if np.count_nonzero(frame.depth) < MIN_DEPTH * frame.depth.size:
            return None
        noise = frame.noise or STRUCTURED_LIGHT
        small = bounded_frame(frame, self._max_side)
        assert small.depth is not None and small.intrinsics is not None
        return build_pyramid(small.depth, small.image, small.intrinsics, noise)

    def _by_depth(self, frame: Frame, sighting: Sighting) -> DensePlace | None:
        """With the image's own depth; None where that cannot be."""
        pyramid = self.pyramid_of(frame)
        if pyramid is None:
            return None
        keyframes = list(sighting.bearing[:ALIGNED])
        T = sighting.refined.T_world_camera
        return placed_by_depth(self.landmarks, keyframes, pyramid, T)

    def _features(self, frame: Frame) -> LocalFeatures:
        """Without depth of their own: the map's lifts them."""
        pointmap = np.zeros((*frame.image.shape[:2], 3), np.float32)
        return self.landmarks.matcher.extract(frame.image, pointmap).within(frame.mask)


def _told(
    sighting: Sighting, dense: DensePlace | None, reason: Reason | None, is_estimated: bool
) -> Localization:
    refined = sighting.refined
    if reason is not None:
        camera = None if is_estimated else refined.camera
        return Localization(None, reason, camera, sighting.inliers, sighting.bearing)
    place = refined if dense is None else dense
    rotation, translation = told_sigmas(place.covariance, dense is not None)
    return Localization(
        orthonormalised(place.T_world_camera),
        None,
        refined.camera,
        sighting.inliers,
        sighting.bearing,
        translation,
        rotation,
        is_estimated,
        dense is not None,
    )
