"""Measures edges between keyframes, and says how well each of their directions is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe, jumped_at_once, shares_frame
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.held_alignment import held_alignment
from mapper.backend.loops.second_opinion import Opinion, Support, ViewPair, second_opinion
from mapper.backend.loops.step_recovery import recover_step
from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.geometry import inverse
from mapper.core.quantities import (
    LogScale,
    Positive,
    PositiveLogScale,
    PositiveRadians,
    SecondsOrZero,
    Share,
    SigmasOrZero,
    Units,
)
from mapper.core.settings_model import settings
from mapper.core.sim3 import adjoint_sim3, inverse_similarity, log_sim3, rigid_part
from mapper.vision.alignment_evidence import Evidence, evidence_of
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.matching import FeatureMatcher

MIN_INFORMATION = 1e-6  # of a direction in which nothing is known: sigma 1000

FOUND_FRAMES = 100  # missing ones that stand for that: 10 times what one leaves unknown
VOUCHED = 0.25  # times an alignment's floor, of which most stands for distorted depth
UNBORNE_SHARE = 0.25  # of a step that nothing bears out: what it may be off by
# What an alignment may be off by that would look as right elsewhere: radians, share of the depth.
DOUBTED_ROTATION = 0.1
DOUBTED_SHARE = 0.2


@settings
class EdgeConfig:
    """How edges of the pose graph are measured.

    alignment: dense refinement of a pair.
    independent_residuals: dense residuals are correlated; of a network an image full of them counts
        as so many.
    independent_pairs: of a depth camera all pairs of points together count as so many.
    systematic_share: share of the depth by which a depth camera is off in ways that pixels have in
        common: what is reflected by way of a corner, calibration, edges that are rounded off.
    delay: between colour and depth, and between an image's rows: while the camera turns, each view
        is off by as much as it turns in that time.
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
    independent_pairs: Positive = 20.0
    systematic_share: Share = 0.006
    delay: SecondsOrZero = 0.008
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

    A frontend that does not know the unit but how good its poses are has adjusted them together:
    its depths, of which the alignment is made, came of them and are worse.
    Of two segments that share a frame the camera is the same: that is the start. Where alignment
    from the frontend's word fails it is tried from matched features, for frontends jump; where
    that fails too the word stands, for as much as it is long. A step that would look as right
    elsewhere is doubted until another way between the two confirms it.
    """
    shared = shares_frame(previous, new)
    kind = EdgeKind.OVERLAP if shared else EdgeKind.ODOMETRY
    start = previous.frames[-1].T_keyframe_camera if shared else new.T_previous_keyframe
    assert start is not None
    if new.is_adjusted and not shared:
        information = _vouched_information(new, start, config)
        return OdometryMeasurement(
            Edge(previous.id, new.id, start, information, EdgeKind.ADJUSTED), None, aligned=False
        )
    pair = ViewPair(previous, new, maps.pyramid(previous.id), maps.pyramid(new.id))
    aligned = align(pair.a, pair.b, start, config.alignment, free_scale)
    if not free_scale:
        told, factor = config.independent_pairs, np.sqrt(FOUND_FRAMES) if new.is_found else 1.0
        sigmas = config.odometry_sigma_rotation, config.odometry_sigma_translation
        word = factor * sigmas[0], factor * sigmas[1]
        aligned = held_alignment(pair, aligned, start, config.alignment, word, told)
    evidence = None if shared else pair.evidence(aligned.S_reference_source)
    jumped = not _fits(pair, aligned, start, config, evidence)
    if jumped:
        recovered = recover_step(previous, new, maps, config.alignment, matcher, free_scale)
        if shared or recovered is None:
            information = _unaligned_information(previous, new, maps, config)
            edge = Edge(previous.id, new.id, start, information, kind)
            return OdometryMeasurement(edge, None, aligned=False)
        aligned, evidence = recovered, pair.evidence(recovered.S_reference_source)
    opinion = second_opinion(pair, aligned, matcher, config.alignment, evidence)
    far = jumped or _is_far(pair, opinion.aligned, start, config)
    jumped = jumped or opinion.is_elsewhere
    if far and opinion.support != Support.HOLDS:
        information = _unaligned_information(previous, new, maps, config)
        edge = Edge(previous.id, new.id, start, information, kind)
        return OdometryMeasurement(edge.doubted(doubt_of(new.median_depth)), None, aligned=False)
    S = opinion.aligned.S_reference_source
    edge = edge_of(pair, opinion, config, kind)
    drift = inverse(previous.T_odometry_keyframe) @ new.T_odometry_keyframe
    correction = None if shared else log_sim3(inverse(drift) @ S)
    T_previous_new = rigid_part(S) if jumped else None
    if jumped and free_scale and not jumped_at_once(previous, new, rigid_part(S)):
        T_previous_new = None
    return OdometryMeasurement(edge, correction, True, T_previous_new)


def _fits(
    pair: ViewPair,
    aligned: Alignment,
    start: np.ndarray,
    config: EdgeConfig,
    evidence: Evidence | None,
) -> bool:
    """Whether an alignment ended near enough to its start, with residuals as small as they should
    be, in a place for which as much speaks. evidence: of the alignment, where it counts."""
    noise, depth = pair.a.levels[0].noise, pair.earlier.median_depth
    if not aligned.converged or aligned.rmse > max_residual(noise, depth, config):
        return False
    if _is_far(pair, aligned, start, config):
        return False
    return evidence is None or evidence.score >= evidence_of(pair.a, pair.b, start).score


def _is_far(pair: ViewPair, aligned: Alignment, start: np.ndarray, config: EdgeConfig) -> bool:
    """Whether an alignment ended further from its start than a frontend is off."""
    sigma = pair.a.levels[0].noise.sigma(pair.earlier.median_depth)
    change = np.linalg.norm((inverse_similarity(start) @ aligned.S_reference_source)[:3, 3])
    return bool(change > max(config.max_refinement, config.max_refinement_sigmas * sigma))


def max_residual(noise: DepthNoise, depth: float, config: EdgeConfig) -> float:
    """The largest point-to-plane residual of an alignment that is believed, at that depth."""
    return max(config.max_rmse, config.max_rmse_sigmas * noise.sigma(depth))


def edge_of(pair: ViewPair, opinion: Opinion, config: EdgeConfig, kind: EdgeKind) -> Edge:
    """The edge that an alignment is; at full weight where the evidence holds."""
    turning = pair.earlier.turning + pair.later.turning
    view = Seen(pair.a.levels[0].noise, pair.earlier.median_depth, turning)
    information = edge_information(opinion.aligned, config, view)
    S = opinion.aligned.S_reference_source
    edge = Edge(pair.earlier.id, pair.later.id, S, information, kind)
    if opinion.support == Support.HOLDS:
        return edge
    return edge.doubted(doubt_of(pair.later.median_depth))


def doubt_of(depth: float) -> np.ndarray:
    """Covariance (7, 7) of where else a view may be that would look as right: a step of the stairs
    on, another shelf. depth: of what it sees, in its units."""
    return np.diag(_squared_sigmas(DOUBTED_ROTATION, DOUBTED_SHARE * depth, 0.0))


@dataclass(frozen=True, slots=True)
class Seen:
    """noise and median depth of a pair's reference, and how fast the camera turned in both views
    together [rad/s]."""

    noise: DepthNoise = LEARNED
    depth: float = 1.0
    turning: float = 0.0


def edge_information(
    aligned: Alignment, config: EdgeConfig, seen: Seen | None = None
) -> np.ndarray:
    """Information (7, 7) of a right-multiplied tangent from an alignment's left-multiplied one.

    exp(x) S = S exp(Ad(S^-1) x), so H_right = Ad(S)^T H Ad(S). The floor on the covariance
    stands for what the residuals cannot tell: distortion of the depth, rolling shutter. It grows
    with the residual: depth that does not fit is distorted. Directions that the pair does not
    constrain, such as the scale of a wall against its distance, keep a large covariance.
    """
    adjoint = adjoint_sim3(aligned.S_reference_source)
    each = _independent_share(aligned, config, seen or Seen())
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


def _independent_share(aligned: Alignment, config: EdgeConfig, seen: Seen) -> float:
    """What each residual tells, of what it would if all were independent and noise their only
    error. What pixels have in common does not show in the residuals, and averages out as little
    as what so few patches have in common would."""
    if not seen.noise.is_measured:
        return config.independent_residuals / aligned.pixels
    share = config.systematic_share + config.delay * seen.turning
    in_common = share * seen.depth / seen.noise.sigma(seen.depth)
    return config.independent_pairs / max(aligned.inliers, 1) / (1.0 + in_common**2)


def _unaligned_information(
    previous: Keyframe, new: Keyframe, maps: MapCache, config: EdgeConfig
) -> np.ndarray:
    """Of a step that only the frontend vouches for: the more frames it spans the less is known, and
    a network whose depth is worse than usual knows its steps that much worse. A shared camera is
    one camera, whatever else is unknown; only the scale is then in doubt."""
    noise = maps.coarse(new.id).noise
    worse = 1.0 if noise.is_measured else max(1.0, noise.relative / LEARNED.relative)
    squares = worse**2 * _squared_sigmas(
        config.odometry_sigma_rotation,
        config.odometry_sigma_translation,
        config.odometry_sigma_scale,
    )
    if shares_frame(previous, new):
        squares[:6] = _squared_sigmas(config.sigma_rotation, config.sigma_translation, 0.0)[:6]
        return np.diag(1.0 / squares)
    missing = max(new.frame_index - previous.frames[-1].frame_index, 1)
    if new.is_found:  # by way of an earlier place, to which the track may have drifted since
        missing = max(missing, FOUND_FRAMES)
    assert new.T_previous_keyframe is not None
    step = float(np.linalg.norm(new.T_previous_keyframe[:3, 3]))
    squares = squares * missing
    squares[3:6] = np.maximum(squares[3:6], (min(UNBORNE_SHARE * worse, 1.0) * step) ** 2)
    return np.diag(1.0 / squares)


def _vouched_information(new: Keyframe, step: np.ndarray, config: EdgeConfig) -> np.ndarray:
    """Of a step whose pose the frontend knows well. step: T_previous_new (4, 4).

    exp(x) T = T exp(Ad(T^-1) x) brings the covariance to the edge's side. Both ends are as well
    known as the new one; the floor stands for the points, which are not known exactly either.
    """
    assert new.uncertainty is not None
    adjoint = adjoint_sim3(inverse(step))[:6, :6]
    covariance = VOUCHED**2 * np.diag(
        _squared_sigmas(config.sigma_rotation, config.sigma_translation, config.sigma_scale)
    )
    covariance[:6, :6] += 2 * adjoint @ new.uncertainty.covariance @ adjoint.T
    information = np.linalg.inv(covariance)
    return 0.5 * (information + information.T)


def _squared_sigmas(rotation: float, translation: float, scale: float) -> np.ndarray:
    return np.array([rotation] * 3 + [translation] * 3 + [scale]) ** 2
