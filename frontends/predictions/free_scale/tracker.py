"""Follows images with depth of free scale from one reference view to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.sim3 import inverse_similarity
from mapper.frontends.predictions.free_scale.placing import Placing, by_features, refined
from mapper.frontends.predictions.free_scale.view import FreeView, PlacedFreeView
from mapper.vision.local_features import is_recognised
from mapper.vision.place_index import PlaceIndex

if TYPE_CHECKING:
    from jaxtyping import Float64

MIN_OVERLAP: Final = 0.25  # of the points, that the reference must see
MIN_AGREEMENT: Final = 0.6  # of these, that must lie on its surfaces
MIN_LIGHT: Final = 0.4  # correlation of the images' details, where there is texture
MANY_MATCHES: Final = 30  # that agree with a place: light need not
REFERENCE_OVERLAP: Final = 0.6  # of agreeing points, below which a view is the next reference
MAX_LANDMARKS: Final = 100  # earlier references that are kept, about 2 MB each at 320x240
CANDIDATES: Final = 5


@dataclass(frozen=True, slots=True)
class FreeTrack:
    """reference: what views are aligned with. last: the last placed one. velocity: S (4, 4), of a
    view in the last one if the camera goes on as before."""

    reference: PlacedFreeView
    last: PlacedFreeView
    velocity: Float64[np.ndarray, "4 4"]


def begin(view: FreeView) -> FreeTrack:
    """A world of its own, in the view's units."""
    placed = PlacedFreeView(view, np.eye(4))
    return FreeTrack(placed, placed, np.eye(4))


def follow(track: FreeTrack, view: FreeView) -> tuple[FreeTrack, Placing] | None:
    """The track after the view was placed by its reference, else by the last view; None where
    neither says where it is."""
    references = [track.reference]
    if track.last is not track.reference:
        references.append(track.last)
    for reference in references:
        start = _start(reference, view, track)
        placing = refined(reference.view, view, *start)
        if is_believable(placing):
            return _moved(track, reference, view, placing), placing
    return None


def is_believable(placing: Placing) -> bool:
    """Whether surfaces, and light or many matched features, bear it out. Surfaces alone would let
    a wall of free scale slide and grow."""
    e = placing.evidence
    if not placing.aligned.converged or e.seen < MIN_OVERLAP or e.agree < MIN_AGREEMENT:
        return False
    lit = e.has_light and e.light >= MIN_LIGHT
    return lit or placing.matches >= MANY_MATCHES


def _start(reference: PlacedFreeView, view: FreeView, track: FreeTrack) -> tuple[np.ndarray, int]:
    """S_reference_view to begin with, and how many matches say so: matched features first, for a
    scale of its own is in no motion so far."""
    found = by_features(reference.view, view)
    if found is not None:
        return found
    S_world_view = track.last.S_world_view @ track.velocity
    return inverse_similarity(reference.S_world_view) @ S_world_view, 0


def _moved(
    track: FreeTrack, reference: PlacedFreeView, view: FreeView, placing: Placing
) -> FreeTrack:
    placed = PlacedFreeView(view, reference.S_world_view @ placing.S_reference_view)
    velocity = inverse_similarity(track.last.S_world_view) @ placed.S_world_view
    shared = placing.evidence.seen * placing.evidence.agree
    return FreeTrack(placed if shared < REFERENCE_OVERLAP else reference, placed, velocity)


class Landmarks:
    """Earlier references, found again by what they look like."""

    def __init__(self) -> None:
        self._views: list[PlacedFreeView] = []
        self._index = PlaceIndex()

    def add(self, placed: PlacedFreeView) -> None:
        """When full, every second one is forgotten."""
        self._views.append(placed)
        self._index.add(len(self._views) - 1, placed.view.features.descriptors)
        if len(self._views) > MAX_LANDMARKS:
            self._views = self._views[::2]
            self._index = PlaceIndex()
            for number, each in enumerate(self._views):
                self._index.add(number, each.view.features.descriptors)

    def locate(self, track: FreeTrack, view: FreeView) -> FreeTrack | None:
        """The track where the view looks like a known place, or None. Features must say where to
        look, for nothing is known of the way there."""
        found = self._index.query(view.features.descriptors, CANDIDATES)
        for number, _ in found:
            landmark = self._views[number]
            start = by_features(landmark.view, view)
            if start is None or not is_recognised(*start, landmark.view.features, view.camera):
                continue
            placing = refined(landmark.view, view, *start)
            if is_believable(placing) and placing.matches >= MANY_MATCHES:
                moved = _moved(track, landmark, view, placing)
                return replace(moved, velocity=np.eye(4))
        return None
