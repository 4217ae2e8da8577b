"""Finds where a lost camera is, among the references seen so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mapper.frontends.rgbd.view import PlacedView, View
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.local_features import LocalFeatures
from mapper.vision.place_index import PlaceIndex

CANDIDATES = 5


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
        self,
        view: View,
        alignment: AlignmentConfig,
        believable: Callable[[Alignment], bool],
    ) -> np.ndarray | None:
        """T_world_camera of a view that looks like a known place, or None.

        A candidate must pass both the feature geometry and the dense check.
        """
        coarse = view.pyramid.coarser
        candidates = [v for v, _ in self._index.query(view.features.descriptors, CANDIDATES)]
        last = len(self._landmarks) - 1
        for candidate in dict.fromkeys([*candidates, last]):
            landmark = self._landmarks[candidate]
            matched = view.pose_among(landmark.features)
            if matched is None:
                continue
            aligned = align(landmark.coarse, coarse, matched.T_a_b, alignment)
            if believable(aligned):
                return landmark.T_world_camera @ aligned.S_reference_source
        return None

    def _thin(self) -> None:
        newest = self._landmarks[-1]
        self._landmarks = (*self._landmarks[:-1][::2], newest)
        self._index = PlaceIndex()
        for number, landmark in enumerate(self._landmarks):
            self._index.add(number, landmark.features.descriptors)
