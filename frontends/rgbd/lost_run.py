"""Frames that could not be placed in the map, placed among themselves until one can be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mapper.core.geometry import inverse, orthonormalised
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin, follow
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View


@dataclass(frozen=True, slots=True)
class LostRun:
    """Replaced by each lost frame, never changed.

    placed: views that followed one another, in the world of the first; the last of them is the last
    frame that was lost. references: those that others were placed by.
    """

    track: Track | None = None
    placed: tuple[PlacedView, ...] = ()
    references: tuple[PlacedView, ...] = ()

    def __len__(self) -> int:
        return len(self.placed)

    @property
    def T_first_last(self) -> np.ndarray:
        """Where the last of them is, seen from the first, (4, 4)."""
        return inverse(self.placed[0].T_world_camera) @ self.placed[-1].T_world_camera

    def extended(self, view: View, config: RgbdConfig) -> LostRun:
        """With the next lost view; one that begins with it where it does not follow."""
        track = None if self.track is None else follow(self.track, view, config)
        if track is None:
            if not view.has_depth(config.min_depth_ratio):
                return LostRun()
            track = begin(view)
            return LostRun(track, (_bare(track.last),), (track.reference,))
        references = self.references
        if track.reference is not references[-1]:
            references = (*references, track.reference)
        return LostRun(track, (*self.placed, _bare(track.last)), references)

    def moved_to(self, last: PlacedView) -> list[PlacedView]:
        """The views before the last one, when that was found to be in another world."""
        if not self.placed or self.placed[-1].view.frame_index != last.view.frame_index:
            return []
        T_world_run = last.T_world_camera @ inverse(self.placed[-1].T_world_camera)
        return [
            replace(each, T_world_camera=orthonormalised(T_world_run @ each.T_world_camera))
            for each in self.placed[:-1]
        ]


def _bare(placed: PlacedView) -> PlacedView:
    """Without what was made of its images, which is larger than they are."""
    return replace(placed, view=replace(placed.view))
