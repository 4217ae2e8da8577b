"""Goes on from one placed view to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from mapper.core.geometry import inverse, orthonormalised
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.placement import Placement, place, place_by_features
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View, known
from mapper.vision.doubt.common_view import share_inside

AT_BEST: Final = 0.9  # share of a good camera's points that agree with a view of the same place


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
    is_little = has_depth and _shares_little(track, view, found, config.reference_overlap)
    if is_little and _is_sure(uncertainty, config):
        return stand_on(placed, track.T_world_last)
    moved = _moved(placed, track.reference, track.T_world_last, found.covariance)
    return replace(moved, most_shared=max(track.most_shared, found.shared))


def _shares_little(track: Track, view: View, found: Placement, least: float) -> bool:
    """Whether another reference would share more: the camera has turned away, or less agrees than
    could. How much does at best is the camera's matter: of two noisy views of one place it may be
    half, and who began anew with each would add up the errors of all."""
    inside = share_inside(track.reference.view.pyramid, view.pyramid, found.T_reference_camera)
    at_best = min(max(track.most_shared, found.shared) / AT_BEST, 1.0)
    return inside < least or found.shared < least * at_best


def _can_stand_on_last(track: Track, config: RgbdConfig) -> bool:
    last = track.last
    return (
        last is not track.reference
        and last.view.has_depth(config.min_depth_ratio)
        and _is_sure(last.uncertainty, config)
    )


def _is_sure(uncertainty: PoseUncertainty, config: RgbdConfig) -> bool:
    """Whether a view is known well enough for others to be placed by it: what is not known of it
    would be forgotten."""
    covariance = uncertainty.covariance
    rotation, translation = (
        float(np.sqrt(np.linalg.eigvalsh(part)[-1]))
        for part in (covariance[:3, :3], covariance[3:, 3:])
    )
    return translation <= config.sure_translation and rotation <= config.sure_rotation


def _moved(
    placed: PlacedView, reference: PlacedView, T_world_before: np.ndarray, covariance: np.ndarray
) -> Track:
    """covariance: (6, 6), of the view in the reference."""
    velocity = orthonormalised(inverse(T_world_before) @ placed.T_world_camera)
    return Track(reference, placed, velocity, covariance)
