"""Frames that could not be placed in the map, placed among themselves until one can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mapper.core.geometry import inverse, orthonormalised
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin, follow
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View

LONG: Final = 10  # views that follow one another: fewer are not worth a guess of where they are


@dataclass(frozen=True, slots=True)
class LostRun:
    """Replaced by each lost frame, never changed.

    placed: views that followed one another, in the world of the first; the last of them is the last
    frame that was lost. references: those that others were placed by. T_world_first: (4, 4), a
    guess of where the first of them is in the map; None where there is none.
    """

    track: Track | None = None
    placed: tuple[PlacedView, ...] = ()
    references: tuple[PlacedView, ...] = ()
    T_world_first: np.ndarray | None = None

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
        return replace(
            self, track=track, placed=(*self.placed, _bare(track.last)), references=references
        )

    def moved_to(self, last: PlacedView) -> list[PlacedView]:
        """The views before the last one, when that was found to be in another world."""
        if not self.placed or self.placed[-1].view.frame_index != last.view.frame_index:
            return []
        T_world_run = last.T_world_camera @ inverse(self.placed[-1].T_world_camera)
        return [_moved(each, T_world_run) for each in self.placed[:-1]]

    def as_guessed(self) -> LostRun | None:
        """In the map, where the guess has its first view; None where they are too few for it."""
        if self.track is None or self.T_world_first is None or len(self) < LONG:
            return None
        T_world_run = self.T_world_first @ inverse(self.placed[0].T_world_camera)
        references = tuple(_moved(each, T_world_run) for each in self.references)
        last = _moved(self.track.last, T_world_run)
        if self.track.last is self.track.reference:
            last = references[-1]
        track = replace(self.track, reference=references[-1], last=last)
        first, *others = (_moved(each, T_world_run) for each in self.placed)
        held = replace(first.uncertainty, is_held=True)
        return LostRun(track, (replace(first, uncertainty=held), *others), references)


def _moved(placed: PlacedView, T_world_run: np.ndarray) -> PlacedView:
    """In the map, of one in the world of the first."""
    return replace(placed, T_world_camera=orthonormalised(T_world_run @ placed.T_world_camera))


def _bare(placed: PlacedView) -> PlacedView:
    """Without what was made of its images, which is larger than they are."""
    return replace(placed, view=replace(placed.view))
