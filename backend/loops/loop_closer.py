"""Verifies each pair of keyframes that may see the same place before it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.by_id import ById
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import (
    EdgeConfig,
    Seen,
    edge_information,
    edge_of,
    max_residual,
)
from mapper.backend.loops.held_alignment import held_alignment
from mapper.backend.loops.loop_candidates import Candidate, CandidateConfig, CandidateFinder
from mapper.backend.loops.loop_decision import LoopDecision, Measured, Refusal
from mapper.backend.loops.odometry_chain import OdometryChain
from mapper.backend.loops.second_opinion import ADVANTAGE, Support, ViewPair, second_opinion
from mapper.backend.loops.step_recovery import recognised_start
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.core.quantities import Positive, Probability, Share, Sigmas
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity
from mapper.vision.alignment_evidence import Comparison, Evidence
from mapper.vision.belief import probability_right
from mapper.vision.dense_alignment import Alignment, align
from mapper.vision.doubt.common_view import advantage
from mapper.vision.matching import FeatureMatcher

# Where both the chain's covariance and the loop's own are counted: one right loop in ten thousand
# is further off (chi squared, 7 dof).
ADJUSTED_SIGMAS: Final = 5.5


@settings
class LoopCloserConfig:
    """Which loops are believed.

    candidates: which pairs are tried.
    min_overlap: share of agreeing points, both ways.
    min_agreement: share of agreeing points among agreeing and conflicting ones, both ways.
    max_distance_ratio: distance between the cameras against the median depth that they see.
    max_chain_sigmas: how far a loop may contradict the chain of odometry, against what the chain
        may have drifted; 5.5 at most where a frontend adjusted its poses together.
    min_probability: that a depth camera's pair is right, by surfaces and light.
    """

    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    min_overlap: Share = 0.2
    min_agreement: Share = 0.8
    max_distance_ratio: Positive = 0.9
    max_chain_sigmas: Sigmas = 12.0
    min_probability: Probability = 0.35


class LoopCloser:
    """Finds the edges of each new keyframe; every candidate is verified the same way."""

    def __init__(
        self,
        config: LoopCloserConfig,
        edges: EdgeConfig,
        matcher: FeatureMatcher,
        chain: OdometryChain | None = None,
    ) -> None:
        self.config = config
        self.finder = CandidateFinder(config.candidates)
        self._edge_config = edges
        self._matcher = matcher
        self._chain = chain

    def close(
        self,
        new: Keyframe,
        keyframes: list[Keyframe],
        poses: Mapping[int, np.ndarray],
        maps: MapCache,
        free_scale: bool = False,
    ) -> tuple[list[Edge], list[LoopDecision]]:
        """Verified edges from earlier keyframes to `new`, and every decision taken.

        poses: S_world_keyframe of `new` and of those keyframes that share its world; the others
        can only be found by what they look like.
        """
        edges, decisions = [], []
        by_id = ById(keyframes)
        for candidate in self.finder.propose(new, poses, maps):
            old = by_id[candidate.i]
            if candidate.kind == EdgeKind.COVISIBILITY and _were_adjusted(old, new):
                continue
            S_old_new = inverse_similarity(poses.get(old.id, poses[new.id])) @ poses[new.id]
            pair = Pair(old, new, S_old_new, candidate, free_scale)
            edge, decision = self.verify(pair, maps)
            decisions.append(decision)
            if edge is not None:
                edges.append(edge)
        self.finder.remember(new)
        return edges, decisions

    def remember(self, keyframe: Keyframe) -> None:
        """File a keyframe of an earlier run for place recognition."""
        self.finder.remember(keyframe)

    def verify(self, pair: Pair, maps: MapCache) -> tuple[Edge | None, LoopDecision]:
        """The edge of a pair that passes, and what was decided about it."""
        start, inliers = pair.start(self._matcher)
        if start is None:
            return None, pair.decision(0, (Refusal.NO_MATCHES, None), None)
        views = ViewPair(pair.old, pair.new, maps.pyramid(pair.old.id), maps.pyramid(pair.new.id))
        alignment = self._edge_config.alignment
        aligned = align(views.a, views.b, start, alignment, pair.free_scale)
        if not pair.free_scale:
            aligned = held_alignment(views, aligned, start, alignment)
        evidence = views.evidence(aligned.S_reference_source)
        measured, fault = self._judged(pair, aligned, views, evidence)
        # From the side light differs; features that led there and stayed there are evidence too,
        # but not against more: things that repeat match as well.
        is_unlikely = fault is not None and fault[0] == Refusal.UNLIKELY and inliers > 0
        if is_unlikely and _explains_more(pair.S_old_new, views, aligned.S_reference_source):
            is_unlikely = False
        if fault is not None and not is_unlikely:
            return None, pair.decision(inliers, fault, measured)
        opinion = second_opinion(
            views, aligned, self._matcher, alignment, evidence, asks=is_unlikely
        )
        if opinion.by_features:
            fault = None
        if opinion.is_elsewhere:
            evidence = views.evidence(opinion.aligned.S_reference_source)
            measured, fault = self._judged(pair, opinion.aligned, views, evidence)
        if opinion.support == Support.DENIED:
            fault = Refusal.FEATURES, None
        decision = pair.decision(inliers, fault, measured)
        if fault is not None:
            return None, decision
        return edge_of(views, opinion, self._edge_config, pair.candidate.kind), decision

    def _judged(
        self, pair: Pair, aligned: Alignment, views: ViewPair, evidence: Evidence | None
    ) -> tuple[Measured, tuple[Refusal, float | None] | None]:
        """The numbers of an alignment, and why it is refused by them."""
        measured = self._measured(pair, aligned, views, evidence)
        noise = views.a.levels[0].noise
        limit = max_residual(noise, pair.old.median_depth, self._edge_config)
        sigmas = self.config.max_chain_sigmas
        if _were_adjusted(pair.old, pair.new):
            sigmas = min(sigmas, ADJUSTED_SIGMAS)
        return measured, self._fault(aligned.converged, measured, limit, sigmas)

    def _measured(
        self, pair: Pair, aligned: Alignment, views: ViewPair, evidence: Evidence | None
    ) -> Measured:
        S = aligned.S_reference_source
        correction = float(np.linalg.norm((inverse_similarity(pair.S_old_new) @ S)[:3, 3]))
        # Of neighbours the graph knows where they are.
        is_neighbour = pair.candidate.kind == EdgeKind.COVISIBILITY
        is_expected = is_neighbour and correction <= self._edge_config.max_refinement
        both = two_way_consistency(views.a.levels[0], views.b.levels[0], S)
        return Measured(
            overlap=min(each.overlap for each in both),
            agreement=min(each.agreement for each in both),
            rmse=aligned.rmse if np.isfinite(aligned.rmse) else None,
            correction=correction,
            scale=float(np.linalg.norm(S[:3, 0])),
            distance_ratio=float(np.linalg.norm(S[:3, 3])) / pair.old.median_depth,
            chain_sigmas=self._chain_sigmas(pair, aligned, views),
            probability=None
            if evidence is None
            else probability_right(evidence, aligned.weakest, is_expected),
        )

    def _chain_sigmas(self, pair: Pair, aligned: Alignment, views: ViewPair) -> float | None:
        """Of poses that were adjusted together the depths are worse than the chain: what a loop
        measured by them may itself be off by counts then, its scale above all."""
        if self._chain is None or pair.candidate.kind != EdgeKind.LOOP:
            return None
        own = None
        if _were_adjusted(pair.old, pair.new):
            seen = Seen(views.a.levels[0].noise, pair.old.median_depth)
            own = np.linalg.inv(edge_information(aligned, self._edge_config, seen))
        S_old_new = aligned.S_reference_source
        squared = self._chain.squared_distance(pair.old.id, pair.new.id, S_old_new, own)
        return None if squared is None else float(np.sqrt(squared))

    def _fault(
        self, converged: bool, measured: Measured, max_rmse: float, max_sigmas: float
    ) -> tuple[Refusal, float | None] | None:
        """Why a pair is refused, and the bound that it misses; None when it passes."""
        config, sigmas = self.config, measured.chain_sigmas
        if not converged:
            return Refusal.NOT_CONVERGED, None
        if measured.overlap < config.min_overlap:
            return Refusal.OVERLAP, config.min_overlap
        if measured.agreement < config.min_agreement:
            return Refusal.AGREEMENT, config.min_agreement
        if measured.rmse is None or measured.rmse > max_rmse:
            return Refusal.RESIDUAL, max_rmse
        if measured.distance_ratio > config.max_distance_ratio:
            return Refusal.DISTANCE, config.max_distance_ratio
        if sigmas is not None and sigmas > max_sigmas:
            return Refusal.CHAIN, max_sigmas
        if measured.probability is not None and measured.probability < config.min_probability:
            return Refusal.UNLIKELY, config.min_probability
        return None


def _explains_more(S_old_new: np.ndarray, views: ViewPair, S_found: np.ndarray) -> bool:
    """Whether the graph's place of a pair explains more than another one, by what both show; of
    another world nothing is known. S_old_new: identity then."""
    if not views.is_measured or np.array_equal(S_old_new, np.eye(4)):
        return False
    return advantage(Comparison.of(views.a, views.b), S_old_new, S_found) >= ADVANTAGE


def _were_adjusted(old: Keyframe, new: Keyframe) -> bool:
    """Whether their frontend adjusted both together: its points tie neighbours better than depths
    that came of them."""
    return new.is_adjusted and old.segment == new.segment


@dataclass(frozen=True, slots=True)
class Pair:
    """An earlier and a new keyframe on trial; S_old_new is what the graph believes of them.

    free_scale: their units may differ.
    """

    old: Keyframe
    new: Keyframe
    S_old_new: np.ndarray
    candidate: Candidate
    free_scale: bool

    def start(self, matcher: FeatureMatcher) -> tuple[np.ndarray | None, int]:
        """Where alignment begins, and how many feature matches say so; None: nowhere."""
        if self.candidate.kind != EdgeKind.LOOP:
            return self.S_old_new, 0
        found = recognised_start(self.old, self.new, matcher, self.free_scale)
        if found is not None:
            return found
        return (self.S_old_new if self.candidate.found_by == "proximity" else None), 0

    def decision(
        self,
        feature_inliers: int,
        fault: tuple[Refusal, float | None] | None,
        measured: Measured | None,
    ) -> LoopDecision:
        """What is told of it."""
        refusal, limit = fault or (None, None)
        found_by, kind = self.candidate.found_by, self.candidate.kind
        ids = self.old.id, self.new.id
        return LoopDecision(*ids, kind, found_by, feature_inliers, refusal, limit, measured)
