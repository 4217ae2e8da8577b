"""Verifies each pair of keyframes that may see the same place before it counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import EdgeConfig, edge_information, max_residual
from mapper.backend.loops.loop_candidates import Candidate, CandidateConfig, CandidateFinder
from mapper.backend.loops.odometry_chain import OdometryChain
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.core.sim3 import inverse_similarity
from mapper.report.length_text import length_text
from mapper.vision.dense_alignment import align
from mapper.vision.local_features import pose_from_matches
from mapper.vision.similarity_ransac import similarity_from_matches


@dataclass(frozen=True, slots=True)
class LoopCloserConfig:
    """candidates: which pairs are tried.

    min_overlap: share of agreeing points, both ways. min_agreement: agreeing against
    conflicting points, both ways. max_distance_ratio: between the cameras, against the median
    depth that they see. max_chain_sigmas: how far a loop may contradict the chain of odometry,
    in standard deviations of what the chain may have drifted.
    """

    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    min_overlap: float = 0.2
    min_agreement: float = 0.8
    max_distance_ratio: float = 0.9
    max_chain_sigmas: float = 12.0


@dataclass(frozen=True, slots=True)
class LoopDecision:
    """One verified or refused pair, with the numbers that decided it. Lengths in the map's units.

    chain_sigmas: how far off the odometry chain, in its standard deviations (7 dof).
    """

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
    scale: float = 1.0
    distance_ratio: float = 0.0
    chain_sigmas: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class LoopCloser:
    """Finds the edges of each new keyframe; every candidate is verified the same way."""

    def __init__(
        self, config: LoopCloserConfig, edges: EdgeConfig, chain: OdometryChain | None = None
    ) -> None:
        self.config = config
        self.finder = CandidateFinder(config.candidates)
        self._edge_config = edges
        self._chain = chain

    def close(
        self,
        new: Keyframe,
        keyframes: list[Keyframe],
        poses: dict[int, np.ndarray],
        maps: MapCache,
        free_scale: bool = False,
    ) -> tuple[list[Edge], list[LoopDecision]]:
        """Verified edges from earlier keyframes to `new`, and every decision taken.

        poses: S_world_keyframe of `new` and of those keyframes that share its world; the others
        can only be found by what they look like.
        """
        edges, decisions = [], []
        by_id = {keyframe.id: keyframe for keyframe in keyframes}
        for candidate in self.finder.propose(new, poses, maps):
            old = by_id[candidate.i]
            S_old_new = inverse_similarity(poses.get(old.id, poses[new.id])) @ poses[new.id]
            pair = _Pair(old, new, S_old_new, candidate, free_scale)
            edge, decision = self._verify(pair, maps)
            decisions.append(decision)
            if edge is not None:
                edges.append(edge)
        self.finder.remember(new)
        return edges, decisions

    def remember(self, keyframe: Keyframe) -> None:
        """File a keyframe of an earlier run for place recognition."""
        self.finder.remember(keyframe)

    def _verify(self, pair: _Pair, maps: MapCache) -> tuple[Edge | None, LoopDecision]:
        a, b = maps.pyramid(pair.old.id), maps.pyramid(pair.new.id)
        start, inliers = pair.start()
        if start is None:
            return None, pair.refused("no consistent feature matches")
        aligned = align(a, b, start, self._edge_config.alignment, pair.free_scale)
        S = aligned.S_reference_source
        forward, backward = two_way_consistency(a.levels[0], b.levels[0], S)
        numbers: dict[str, Any] = {
            "overlap": min(forward.overlap, backward.overlap),
            "agreement": min(forward.agreement, backward.agreement),
            "rmse": aligned.rmse if np.isfinite(aligned.rmse) else -1.0,
            "feature_inliers": inliers,
            "correction": float(np.linalg.norm((inverse_similarity(pair.S_old_new) @ S)[:3, 3])),
            "scale": float(np.linalg.norm(S[:3, 0])),
            "distance_ratio": float(np.linalg.norm(S[:3, 3])) / pair.old.median_depth,
            "chain_sigmas": self._chain_sigmas(pair, S),
        }
        limit = max_residual(a.levels[0].noise, pair.old.median_depth, self._edge_config)
        reason = self._fault(aligned.converged, numbers, limit, pair.new.is_metric)
        if reason:
            return None, pair.refused(reason, **numbers)
        information = edge_information(aligned, self._edge_config)
        edge = Edge(pair.old.id, pair.new.id, S, information, pair.candidate.kind)
        return edge, pair.decision(True, "verified", **numbers)

    def _chain_sigmas(self, pair: _Pair, S_old_new: np.ndarray) -> float:
        if self._chain is None or pair.candidate.kind != EdgeKind.LOOP:
            return 0.0
        return float(np.sqrt(self._chain.squared_distance(pair.old.id, pair.new.id, S_old_new)))

    def _fault(
        self, converged: bool, numbers: dict[str, Any], max_rmse: float, is_metric: bool
    ) -> str:
        """Why a pair is refused; empty when it passes."""
        config = self.config
        if not converged:
            return "alignment did not converge"
        if numbers["overlap"] < config.min_overlap:
            return f"overlap {numbers['overlap']:.2f} below {config.min_overlap}"
        if numbers["agreement"] < config.min_agreement:
            return f"two-way agreement {numbers['agreement']:.2f} below {config.min_agreement}"
        if not 0 <= numbers["rmse"] <= max_rmse:
            found, most = (length_text(x, is_metric) for x in (numbers["rmse"], max_rmse))
            return f"residual {found} above {most}"
        if numbers["distance_ratio"] > config.max_distance_ratio:
            return (
                f"cameras {numbers['distance_ratio']:.2f} median depths apart, "
                f"above {config.max_distance_ratio}"
            )
        if numbers["chain_sigmas"] > config.max_chain_sigmas:
            return (
                f"{numbers['chain_sigmas']:.0f} sigmas off the odometry chain, "
                f"above {config.max_chain_sigmas:.0f}"
            )
        return ""


@dataclass(frozen=True, slots=True)
class _Pair:
    """An earlier and a new keyframe on trial; S_old_new is what the graph believes of them."""

    old: Keyframe
    new: Keyframe
    S_old_new: np.ndarray
    candidate: Candidate
    free_scale: bool

    def start(self) -> tuple[np.ndarray | None, int]:
        """Where alignment begins, and how many feature matches say so; None: it need not."""
        if self.candidate.kind != EdgeKind.LOOP:
            return self.S_old_new, 0
        old, new = self.old, self.new
        if self.free_scale:
            found = similarity_from_matches(
                old.features, new.features, old.intrinsics, new.intrinsics
            )
            if found is not None:
                return found.S_a_b, found.inliers
        else:
            matched = pose_from_matches(old.features, new.features, new.intrinsics)
            if matched is not None:
                return matched.T_a_b, matched.inliers
        return (self.S_old_new if self.candidate.found_by == "proximity" else None), 0

    def decision(self, accepted: bool, reason: str, **numbers: Any) -> LoopDecision:
        candidate = self.candidate
        return LoopDecision(
            self.old.id,
            self.new.id,
            candidate.kind,
            candidate.found_by,
            accepted,
            reason,
            **numbers,
        )

    def refused(self, reason: str, **numbers: Any) -> LoopDecision:
        return self.decision(False, reason, **numbers)
