"""Goes on from one placed view to the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.core.geometry import inverse, orthonormalised
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.placement import place, place_by_features
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View, known


def begin(view: View) -> Track:
    """A world of its own, in which the view is where it begins."""
    return stand_on(PlacedView(view, np.eye(4), known(view)))


def stand_on(placed: PlacedView, T_world_before: np.ndarray | None = None) -> Track:
    """A track with the view as its reference. T_world_before: where the camera was, if known."""
    before = placed.T_world_camera if T_world_before is None else T_world_before
    return _moved(placed, placed, before, np.zeros((6, 6)))


def follow(track: Track, view: View, config: RgbdConfig) -> Track | None:
    """The track after the view was placed by its reference; None where that is not known.

    Where the view shares little with the reference, it is the next one; where the reference does
    not place it, the last view may, which is more like it. After a gap the views alone
    must say where it is: nothing is known of the way in between.
    """
    has_depth = view.has_depth(config.min_depth_ratio)
    found = place(track, view, config) if has_depth else place_by_features(track, view)
    if found is None and has_depth and _can_stand_on_last(track, config):
        track = replace(track, reference=track.last, covariance=np.zeros((6, 6)))
        found = place(track, view, config)
    if found is None or (track.lost_frames and (found.is_held or not has_depth)):
        return None
    T_world_camera = orthonormalised(track.reference.T_world_camera @ found.T_reference_camera)
    reference = track.reference.view.frame_index
    uncertainty = PoseUncertainty(reference, found.covariance, found.is_held)
    placed = PlacedView(
        view, T_world_camera, uncertainty, found.values, found.light, found.leaves_out
    )
    if found.shared < config.reference_overlap and has_depth:
        return stand_on(placed, track.T_world_last)
    return _moved(placed, track.reference, track.T_world_last, found.covariance)


def _can_stand_on_last(track: Track, config: RgbdConfig) -> bool:
    last = track.last
    return last is not track.reference and last.view.has_depth(config.min_depth_ratio)


def _moved(
    placed: PlacedView, reference: PlacedView, T_world_before: np.ndarray, covariance: np.ndarray
) -> Track:
    """covariance: (6, 6), of the view in the reference."""
    velocity = orthonormalised(inverse(T_world_before) @ placed.T_world_camera)
    return Track(reference, placed, velocity, covariance)
