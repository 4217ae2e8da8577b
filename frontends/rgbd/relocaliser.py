"""Finds where a lost camera is, among the references seen so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.geometry import inverse, orthonormalised, rotation_angle
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.frontends.rgbd.choosing import EvidenceConfig, is_clear
from mapper.frontends.rgbd.hypotheses import (
    HypothesisMaker,
    Weak,
    features_prior,
    reported_covariance,
)
from mapper.frontends.rgbd.view import PlacedView, View
from mapper.vision.dense_alignment import AlignmentConfig
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.local_features import LocalFeatures, is_recognised
from mapper.vision.place_index import PlaceIndex

CANDIDATES = 5
MAX_DRIFT = 0.3  # metres
MAX_TURN = 0.15  # radians


@dataclass(frozen=True, slots=True)
class Landmark:
    """What is kept of an earlier reference: no full-size images."""

    frame_index: int
    T_world_camera: np.ndarray
    features: LocalFeatures
    coarse: DepthPyramid


class Relocaliser:
    """A bounded memory of references, found again by place recognition."""

    def __init__(self, max_landmarks: int) -> None:
        self._max_landmarks = max_landmarks
        self._landmarks: tuple[Landmark, ...] = ()
        self._index = PlaceIndex()

    @property
    def landmarks(self) -> tuple[Landmark, ...]:
        """Oldest first; a tuple of its own at each time, which no later view changes."""
        return self._landmarks

    def add(self, placed: PlacedView) -> None:
        """Remember a view; when full, every second landmark is forgotten."""
        view = placed.view
        coarse = view.pyramid.coarser
        landmark = Landmark(view.frame_index, placed.T_world_camera, view.features, coarse)
        self._index.add(len(self._landmarks), landmark.features.descriptors)
        self._landmarks = (*self._landmarks, landmark)
        if len(self._landmarks) > self._max_landmarks:
            self._thin()

    def locate(
        self, view: View, alignment: AlignmentConfig, evidence: EvidenceConfig, weak: Weak
    ) -> PlacedView | None:
        """The view where it looks like a known place, or None.

        Features must say where to look, surfaces and light must leave no doubt, as nothing is known
        of the way there, and all places that pass must be one. weak: see HypothesisMaker.
        """
        coarse = view.pyramid.coarser
        candidates = [v for v, _ in self._index.query(view.features.descriptors, CANDIDATES)]
        last = len(self._landmarks) - 1
        found: list[PlacedView] = []
        for candidate in dict.fromkeys([*candidates, last]):
            landmark = self._landmarks[candidate]
            matched = view.pose_among(landmark.features)
            if matched is None or not is_recognised(
                matched.T_a_b, matched.inliers, landmark.features, view.intrinsics
            ):
                continue
            maker = HypothesisMaker(landmark.coarse, coarse, alignment, weak, level=0)
            tried = maker(matched.T_a_b, features_prior(matched.T_a_b))
            if not is_clear(tried, evidence):
                continue
            T_world_camera = landmark.T_world_camera @ tried.T_reference_camera
            uncertainty = PoseUncertainty(landmark.frame_index, reported_covariance(tried.aligned))
            found.append(PlacedView(view, orthonormalised(T_world_camera), uncertainty))
        return found[0] if found and all(_agree(found[0], other) for other in found[1:]) else None

    def _thin(self) -> None:
        newest = self._landmarks[-1]
        self._landmarks = (*self._landmarks[:-1][::2], newest)
        self._index = PlaceIndex()
        for number, landmark in enumerate(self._landmarks):
            self._index.add(number, landmark.features.descriptors)


def _agree(a: PlacedView, b: PlacedView) -> bool:
    """Whether two places are one, up to what the track may have drifted between their landmarks."""
    T_a_b = inverse(a.T_world_camera) @ b.T_world_camera
    shift = float(np.linalg.norm(T_a_b[:3, 3]))
    return shift <= MAX_DRIFT and rotation_angle(T_a_b[:3, :3]) <= MAX_TURN
