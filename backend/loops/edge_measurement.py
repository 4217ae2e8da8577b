"""Measures edges between keyframes, and says how well each of their directions is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe, shares_frame
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.step_recovery import recover_step
from mapper.core.depth_noise import DepthNoise
from mapper.core.geometry import inverse
from mapper.core.quantities import (
    LogScale,
    Positive,
    PositiveLogScale,
    PositiveRadians,
    Share,
    SigmasOrZero,
    Units,
)
from mapper.core.settings_model import settings
from mapper.core.sim3 import adjoint_sim3, inverse_similarity, log_sim3, rigid_part
from mapper.vision.alignment_evidence import evidence_of
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.matching import FeatureMatcher

MIN_INFORMATION = 1e-6  # of a direction in which nothing is known: sigma 1000


FOUND_FRAMES = 100  # missing ones that stand for that: 10 times what one leaves unknown
UNBORNE_SHARE = 0.25  # of a step that nothing bears out: what it may be off by


@settings
class EdgeConfig:
    """How edges of the pose graph are measured.

    alignment: dense refinement of a pair.
    independent_residuals: dense residuals are correlated; an image full of them counts as so many.
    sigma_rotation: standard deviation of rotation that an alignment never beats.
    sigma_translation: standard deviation of translation that an alignment never beats.
    sigma_scale: standard deviation of the scale's logarithm that an alignment never beats.
    residual_share: share of its residual that an alignment's translation never beats either; the
        others follow in proportion.
    odometry_sigma_rotation: standard deviation of a step that could not be aligned densely.
    odometry_sigma_translation: standard deviation of a step that could not be aligned densely.
    odometry_sigma_scale: standard deviation of a step that could not be aligned densely.
    max_rmse: point-to-plane residual above which an alignment is not believed.
    max_rmse_sigmas: that limit in deviations of the depth, if it is larger.
    max_refinement: an alignment that moves an odometry edge further is not believed.
    max_refinement_sigmas: that limit in deviations of the depth, if it is larger.
    """

    alignment: AlignmentConfig = field(
        default_factory=lambda: AlignmentConfig(iterations=(4, 8, 10), max_distance=0.1)
    )
    independent_residuals: Positive = 8.0
    sigma_rotation: PositiveRadians = 1e-3
    sigma_translation: Units = 2e-3
    sigma_scale: LogScale = 1e-3
    residual_share: Share = 0.3
    odometry_sigma_rotation: PositiveRadians = 1e-2
    odometry_sigma_translation: Units = 2e-2
    odometry_sigma_scale: PositiveLogScale = 2e-2
    max_rmse: Units = 0.02
    max_rmse_sigmas: SigmasOrZero = 2.5
    max_refinement: Units = 0.05
    max_refinement_sigmas: SigmasOrZero = 6.0


@dataclass(frozen=True, slots=True)
class OdometryMeasurement:
    """edge: of the chain. correction: (7,), tangent of how far the frontend was off, or None.

    aligned: the views bear the edge out; else it is the frontend's word alone. T_previous_new:
    (4, 4), of a new keyframe that the frontend jumped to, by what both see; None where the
    frontend's word about it holds.
    """

    edge: Edge
    correction: np.ndarray | None
    aligned: bool
    T_previous_new: np.ndarray | None = None


def measure_odometry(
    previous: Keyframe,
    new: Keyframe,
    maps: MapCache,
    config: EdgeConfig,
    matcher: FeatureMatcher,
    free_scale: bool,
) -> OdometryMeasurement:
    """The step between consecutive keyframes, aligned densely.

    Of two segments that share a frame the camera is the same: that is the start. Where alignment
    from the frontend's word fails it is tried from matched features, for frontends jump; where
    that fails too the word stands, for as much as it is long.
    """
    shared = shares_frame(previous, new)
    kind = EdgeKind.OVERLAP if shared else EdgeKind.ODOMETRY
    start = previous.frames[-1].T_keyframe_camera if shared else new.T_previous_keyframe
    assert start is not None
    aligned = align(
        maps.pyramid(previous.id), maps.pyramid(new.id), start, config.alignment, free_scale
    )
    S = aligned.S_reference_source
    noise = maps.pyramid(previous.id).levels[0].noise
    sigma = noise.sigma(previous.median_depth)
    change = inverse_similarity(start) @ S
    drift = inverse(previous.T_odometry_keyframe) @ new.T_odometry_keyframe
    furthest = max(config.max_refinement, config.max_refinement_sigmas * sigma)
    jumped_to = None
    fits = aligned.rmse <= max_residual(noise, previous.median_depth, config)
    if noise.is_measured and not shared:
        views = maps.pyramid(previous.id), maps.pyramid(new.id)
        fits = fits and evidence_of(*views, S).score >= evidence_of(*views, start).score
    if not (aligned.converged and fits and np.linalg.norm(change[:3, 3]) <= furthest):
        recovered = recover_step(previous, new, maps, config.alignment, matcher, free_scale)
        if shared or recovered is None:
            information = _unaligned_information(previous, new, shared, config)
            edge = Edge(previous.id, new.id, start, information, kind)
            return OdometryMeasurement(edge, None, aligned=False)
        aligned, S = recovered, recovered.S_reference_source
        jumped_to = rigid_part(S)
    edge = Edge(previous.id, new.id, S, edge_information(aligned, config), kind)
    correction = None if shared else log_sim3(inverse(drift) @ S)
    return OdometryMeasurement(edge, correction, aligned=True, T_previous_new=jumped_to)


def max_residual(noise: DepthNoise, depth: float, config: EdgeConfig) -> float:
    """The largest point-to-plane residual of an alignment that is believed, at that depth."""
    return max(config.max_rmse, config.max_rmse_sigmas * noise.sigma(depth))


def edge_information(aligned: Alignment, config: EdgeConfig) -> np.ndarray:
    """Information (7, 7) of a right-multiplied tangent from an alignment's left-multiplied one.

    exp(x) S = S exp(Ad(S^-1) x), so H_right = Ad(S)^T H Ad(S). The floor on the covariance
    stands for what the residuals cannot tell: distortion of the depth, rolling shutter. It grows
    with the residual: depth that does not fit is distorted. Directions that the pair does not
    constrain, such as the scale of a wall against its distance, keep a large covariance.
    """
    adjoint = adjoint_sim3(aligned.S_reference_source)
    each = config.independent_residuals / aligned.pixels
    information = each * adjoint.T @ aligned.information @ adjoint
    factor = max(1.0, config.residual_share * aligned.rmse / config.sigma_translation)
    floor = factor**2 * _squared_sigmas(
        config.sigma_rotation, config.sigma_translation, config.sigma_scale
    )
    # The sums behind it have seven digits: where nothing is known they may fall below zero.
    values, directions = np.linalg.eigh(0.5 * (information + information.T))
    information = (directions * np.maximum(values, MIN_INFORMATION)) @ directions.T
    # (information^-1 + floor)^-1 without inverting what may be all but singular.
    floored = np.linalg.solve(np.eye(7) + information * floor, information)
    return 0.5 * (floored + floored.T)


def _unaligned_information(
    previous: Keyframe, new: Keyframe, shared: bool, config: EdgeConfig
) -> np.ndarray:
    """Of a step that only the frontend vouches for: the more frames it spans the less is known.

    A shared camera is one camera, whatever else is unknown; only the scale is then in doubt.
    """
    squares = _squared_sigmas(
        config.odometry_sigma_rotation,
        config.odometry_sigma_translation,
        config.odometry_sigma_scale,
    )
    if shared:
        squares[:6] = _squared_sigmas(config.sigma_rotation, config.sigma_translation, 0.0)[:6]
        return np.diag(1.0 / squares)
    missing = max(new.frame_index - previous.frames[-1].frame_index, 1)
    if new.is_found:  # by way of an earlier place, to which the track may have drifted since
        missing = max(missing, FOUND_FRAMES)
    assert new.T_previous_keyframe is not None
    step = float(np.linalg.norm(new.T_previous_keyframe[:3, 3]))
    squares = squares * missing
    squares[3:6] = np.maximum(squares[3:6], (UNBORNE_SHARE * step) ** 2)
    return np.diag(1.0 / squares)


def _squared_sigmas(rotation: float, translation: float, scale: float) -> np.ndarray:
    return np.array([rotation] * 3 + [translation] * 3 + [scale]) ** 2
