"""Would a lost camera have jumped to where it is found? It may be a place that looks alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mapper.core.geometry import inverse
from mapper.frontends.rgbd.choosing import MAX_SURPRISE, is_believable
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.hypotheses import EXPECTED, HypothesisMaker, surprise
from mapper.frontends.rgbd.lost_run import LostRun
from mapper.frontends.rgbd.motion_prior import motion_prior
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView
from mapper.vision.dense_alignment import PosePrior


@dataclass(frozen=True, slots=True)
class Jump:
    """From where the track was last to where a view was located.

    run: of lost frames up to that view, among which the way is known: what is not is how the camera
    came to the first of them.
    """

    track: Track
    run: LostRun
    located: PlacedView

    @property
    def is_unlikely(self) -> bool:
        """Whether the camera could hardly have come there."""
        T_reference_first = inverse(self.track.reference.T_world_camera) @ self._T_world_first
        return surprise(T_reference_first, self._prior) > MAX_SURPRISE

    def is_denied(self, config: RgbdConfig) -> bool:
        """Whether the first lost view may well be where the motion so far would have led, only not
        so surely as to be placed there: then it is the place that is another one of its kind."""
        if not self.run:
            return False
        first, reference = self.run.placed[0].view, self.track.reference.view
        if not first.has_depth(config.min_depth_ratio):
            return False
        weak, prior = (config.weak_translation, config.weak_rotation), self._prior
        views = reference.pyramid, first.pyramid
        stayed = HypothesisMaker(*views, config.alignment, weak)(prior.T_reference_source, prior)
        is_there = surprise(stayed.T_reference_camera, prior) <= EXPECTED
        return is_there and is_believable(stayed, config.evidence)

    @property
    def _T_world_first(self) -> np.ndarray:
        """Of the first lost view, if the located one is where it was located."""
        T = self.located.T_world_camera
        return T @ inverse(self.run.T_first_last) if self.run else T

    @property
    def _prior(self) -> PosePrior:
        """Of the first lost view, by the motion before it."""
        if not self.run:
            return motion_prior(self.track)
        first, last = self.run.placed[0].view, self.track.last.view
        missing = max(first.frame_index - last.frame_index - 1, 0)
        return motion_prior(replace(self.track, lost_frames=missing))
