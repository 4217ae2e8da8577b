"""Proposes pairs of keyframes that see the same place, and verifies each before it counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mapper.backend.edge import Edge, EdgeKind
from mapper.backend.keyframe import Keyframe
from mapper.backend.map_cache import MapCache
from mapper.backend.view_consistency import two_way_consistency, view_overlap
from mapper.dense_alignment import AlignmentConfig, align
from mapper.geometry import inverse, rotation_angle
from mapper.local_features import pose_from_matches
from mapper.place_index import PlaceIndex


@dataclass(frozen=True, slots=True)
class LoopCloserConfig:
    """alignment: dense refinement of a pair.

    recent: keyframes back up to which a shared view is covisibility and not a loop.
    max_covisible, max_loops: pairs tried for each new keyframe, of each kind.
    max_retrieved: pairs tried on appearance alone, wherever the graph believes them to be.
    min_overlap: share of agreeing points, both ways. min_agreement: agreeing against
    conflicting points, both ways. max_rmse: metres, point-to-plane.
    information_scale: dense residuals are correlated; each counts as this part of one.
    sigma_rotation [rad], sigma_translation [m]: what an alignment never beats.
    odometry_sigma_*: of an odometry edge that could not be aligned densely.
    max_refinement: metres; dense alignment that moves an odometry edge further is not believed.
    """

    alignment: AlignmentConfig = field(
        default_factory=lambda: AlignmentConfig(iterations=(4, 8, 10), max_distance=0.1)
    )
    recent: int = 10
    max_covisible: int = 4
    max_loops: int = 5
    max_retrieved: int = 2
    min_overlap: float = 0.2
    min_agreement: float = 0.8
    max_rmse: float = 0.02
    information_scale: float = 1e-4
    sigma_rotation: float = 1e-3
    sigma_translation: float = 2e-3
    odometry_sigma_rotation: float = 1e-2
    odometry_sigma_translation: float = 2e-2
    max_refinement: float = 0.05


@dataclass(frozen=True, slots=True)
class LoopDecision:
    """One verified or refused pair, with the numbers that decided it. Lengths in metres."""

    i: int
    j: int
    kind: EdgeKind
    found_by: str
    accepted: bool
    reason: str
    overlap: float = 0.0
    agreement: float = 0.0
    rmse: float = 0.0
    feature_inliers: int = 0
    correction: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Candidate:
    i: int
    kind: EdgeKind
    found_by: str


class LoopCloser:
    """Finds the edges of each new keyframe. Pairs come from the graph's own idea of who sees
    what (proximity) and from place recognition (appearance); both are verified the same way.
    """

    def __init__(self, config: LoopCloserConfig | None = None) -> None:
        self.config = config or LoopCloserConfig()
        self._index = PlaceIndex()

    def close(
        self,
        new: Keyframe,
        keyframes: list[Keyframe],
        poses: dict[int, np.ndarray],
        maps: MapCache,
    ) -> tuple[list[Edge], list[LoopDecision]]:
        """Verified edges from earlier keyframes to `new`, and every decision taken.

        poses: T_world_keyframe of `new` and of those keyframes that share its world; the others
        can only be found by what they look like.
        """
        edges, decisions = [], []
        for candidate in self._candidates(new, keyframes, poses, maps):
            old = keyframes[candidate.i]
            T_old_new = inverse(poses.get(old.id, poses[new.id])) @ poses[new.id]
            edge, decision = self._verify(old, new, T_old_new, candidate, maps)
            decisions.append(decision)
            if edge is not None:
                edges.append(edge)
        self.remember(new)
        return edges, decisions

    def remember(self, keyframe: Keyframe) -> None:
        """File a keyframe for place recognition."""
        self._index.add(keyframe.id, keyframe.features.descriptors)

    def _candidates(
        self,
        new: Keyframe,
        keyframes: list[Keyframe],
        poses: dict[int, np.ndarray],
        maps: MapCache,
    ) -> list[_Candidate]:
        """Recent keyframes and revisited ones by overlap, then look-alikes from anywhere."""
        config = self.config
        level = maps.coarse(new.id)
        T_new_world = inverse(poses[new.id])
        overlaps = []
        for old in keyframes[: new.id - 1]:  # the direct predecessor is the odometry edge
            if old.id not in poses or not _may_overlap(poses[old.id], poses[new.id]):
                continue
            T_old_new = inverse(T_new_world @ poses[old.id])
            overlap = view_overlap(level, maps.coarse(old.id), T_old_new, 2).overlap
            if overlap >= config.min_overlap:
                overlaps.append((overlap, old.id))
        overlaps.sort(reverse=True)
        recent = [i for _, i in overlaps if new.id - i <= config.recent][: config.max_covisible]
        revisited = [i for _, i in overlaps if new.id - i > config.recent][: config.max_loops]
        near = {i for _, i in overlaps}
        retrieved = [
            i
            for i, _ in self._index.query(new.features.descriptors, 3 * config.max_retrieved)
            if i not in near and (new.id - i > config.recent or i not in poses)
        ][: config.max_retrieved]
        return (
            [_Candidate(i, EdgeKind.COVISIBILITY, "overlap") for i in recent]
            + [_Candidate(i, EdgeKind.LOOP, "proximity") for i in revisited]
            + [_Candidate(i, EdgeKind.LOOP, "appearance") for i in retrieved]
        )

    def _verify(
        self,
        old: Keyframe,
        new: Keyframe,
        T_old_new: np.ndarray,
        candidate: _Candidate,
        maps: MapCache,
    ) -> tuple[Edge | None, LoopDecision]:
        config = self.config
        a, b = maps.pyramid(old.id), maps.pyramid(new.id)
        start, inliers = T_old_new, 0
        if candidate.kind == EdgeKind.LOOP:
            matched = pose_from_matches(old.features, new.features, new.intrinsics)
            if matched is not None:
                start, inliers = matched.T_a_b, matched.inliers
            elif candidate.found_by == "appearance":
                return None, _refused(old, new, candidate, "no consistent feature matches")
        aligned = align(a, b, start, config.alignment)
        T = aligned.T_reference_source
        forward, backward = two_way_consistency(a.levels[0], b.levels[0], T)
        numbers: dict[str, Any] = {
            "overlap": min(forward.overlap, backward.overlap),
            "agreement": min(forward.agreement, backward.agreement),
            "rmse": aligned.rmse if np.isfinite(aligned.rmse) else -1.0,
            "feature_inliers": inliers,
            "correction": float(np.linalg.norm((inverse(T_old_new) @ T)[:3, 3])),
        }
        reason = self._fault(aligned.converged, numbers)
        if reason:
            return None, _refused(old, new, candidate, reason, **numbers)
        information = edge_information(aligned.information, T, config)
        edge = Edge(old.id, new.id, T, information, candidate.kind)
        return edge, LoopDecision(
            old.id, new.id, candidate.kind, candidate.found_by, True, "verified", **numbers
        )

    def _fault(self, converged: bool, numbers: dict[str, Any]) -> str:
        """Why a pair is refused; empty when it passes."""
        config = self.config
        if not converged:
            return "alignment did not converge"
        if numbers["overlap"] < config.min_overlap:
            return f"overlap {numbers['overlap']:.2f} below {config.min_overlap}"
        if numbers["agreement"] < config.min_agreement:
            return f"two-way agreement {numbers['agreement']:.2f} below {config.min_agreement}"
        if not 0 <= numbers["rmse"] <= config.max_rmse:
            return f"residual {numbers['rmse'] * 1e3:.1f} mm above {config.max_rmse * 1e3:.0f} mm"
        return ""


def refine_odometry(
    previous: Keyframe, new: Keyframe, maps: MapCache, config: LoopCloserConfig
) -> Edge:
    """The odometry edge, aligned densely; the frontend's own word where that fails."""
    T = inverse(previous.T_odometry_keyframe) @ new.T_odometry_keyframe
    aligned = align(maps.pyramid(previous.id), maps.pyramid(new.id), T, config.alignment)
    shift = float(np.linalg.norm((inverse(T) @ aligned.T_reference_source)[:3, 3]))
    if not aligned.converged or aligned.rmse > config.max_rmse or shift > config.max_refinement:
        sigmas = [config.odometry_sigma_rotation] * 3 + [config.odometry_sigma_translation] * 3
        return Edge(previous.id, new.id, T, np.diag(np.array(sigmas) ** -2.0), EdgeKind.ODOMETRY)
    information = edge_information(aligned.information, aligned.T_reference_source, config)
    return Edge(previous.id, new.id, aligned.T_reference_source, information, EdgeKind.ODOMETRY)


def overlap_edge(previous: Keyframe, new: Keyframe, config: LoopCloserConfig) -> Edge:
    """Joins two segments by the frame they share: one camera, so one pose."""
    sigmas = [config.sigma_rotation] * 3 + [config.sigma_translation] * 3
    T = previous.frames[-1].T_keyframe_camera
    return Edge(previous.id, new.id, T, np.diag(np.array(sigmas) ** -2.0), EdgeKind.OVERLAP)


def edge_information(
    alignment_information: np.ndarray, T_i_j: np.ndarray, config: LoopCloserConfig
) -> np.ndarray:
    """Information (6, 6) of a right-multiplied twist from an alignment's left-multiplied one.

    exp(x) T = T exp(Ad(T^-1) x), so H_right = Ad(T)^T H Ad(T). The floor on the covariance
    stands for what the residuals cannot tell: distortion of the depth, rolling shutter.
    """
    adjoint = adjoint_matrix(T_i_j)
    information = adjoint.T @ alignment_information @ adjoint * config.information_scale
    floor = np.diag([config.sigma_rotation**2] * 3 + [config.sigma_translation**2] * 3)
    covariance = np.linalg.inv(information + 1e-6 * np.eye(6)) + floor
    return np.linalg.inv(covariance)


def adjoint_matrix(T: np.ndarray) -> np.ndarray:
    """Ad(T) (6, 6) with T exp(x) T^-1 = exp(Ad(T) x), rotation first."""
    R, t = T[:3, :3], T[:3, 3]
    adjoint = np.zeros((6, 6))
    adjoint[:3, :3] = adjoint[3:, 3:] = R
    adjoint[3:, :3] = np.cross(t, R, axisb=0, axisc=0)
    return adjoint


def _may_overlap(T_world_a: np.ndarray, T_world_b: np.ndarray) -> bool:
    """A cheap first look: cameras within reach of each other that do not look opposite ways."""
    T = inverse(T_world_a) @ T_world_b
    return bool(np.linalg.norm(T[:3, 3]) < 4.0 and rotation_angle(T[:3, :3]) < np.radians(75))


def _refused(
    old: Keyframe, new: Keyframe, candidate: _Candidate, reason: str, **numbers: Any
) -> LoopDecision:
    return LoopDecision(
        old.id, new.id, candidate.kind, candidate.found_by, False, reason, **numbers
    )
