"""Would two views look as right if they were elsewhere? Then matched features are asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.vision.alignment_evidence import Evidence, evidence_of
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.local_features import MatchedPose, contradicts, pose_from_matches
from mapper.vision.matching import FeatureMatcher
from mapper.vision.weak_directions import WEAK_INFORMATION

# By how much light must agree better in a place than beside it: less, and what is seen repeats
# itself or goes on alike.
CENTRED: Final = 0.1
# So much more where this share of the points lies in space that the other view saw to be free.
IN_FREE_SPACE: Final = 0.05
CENTRED_THEN: Final = 0.3
MOST: Final = 0.5  # of the matches: they agree on one place, and not on one of several
ADVANTAGE: Final = 5.0  # log-likelihood by which another place must explain more


class Support(Enum):
    """holds: by light, by planes that hold every direction, or by most of the matched features.
    open: nothing speaks against it, but it would look as right elsewhere. denied: most features
    say that it is elsewhere."""

    HOLDS = "holds"
    OPEN = "open"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class ViewPair:
    """An earlier and a later keyframe and what they see."""

    earlier: Keyframe
    later: Keyframe
    a: DepthPyramid
    b: DepthPyramid

    @property
    def is_measured(self) -> bool:
        """Whether no network's depth takes part, which errs in ways of its own."""
        return self.a.levels[0].noise.is_measured and self.b.levels[0].noise.is_measured

    def evidence(self, S: np.ndarray) -> Evidence | None:
        """What speaks for S_earlier_later; None where not all is measured."""
        return evidence_of(self.a, self.b, S) if self.is_measured else None

    def contradicted(self, S: np.ndarray, matched: MatchedPose) -> bool:
        """Whether S_earlier_later lets most of the matches land far from their pixels."""
        features = self.earlier.features, self.later.features
        return contradicts(S, *features, matched.pairs, self.later.intrinsics)

    def matched(self, matcher: FeatureMatcher) -> MatchedPose | None:
        """Where matched features put the later one."""
        features = self.earlier.features, self.later.features
        return pose_from_matches(*features, matcher.match(*features), self.later.intrinsics)


@dataclass(frozen=True, slots=True)
class Opinion:
    """aligned: of the two views. is_elsewhere: than where the first alignment had them.
    by_features: matched features were asked and are where it has them."""

    aligned: Alignment
    support: Support
    is_elsewhere: bool = False
    by_features: bool = False


def second_opinion(
    pair: ViewPair,
    aligned: Alignment,
    matcher: FeatureMatcher,
    config: AlignmentConfig,
    evidence: Evidence | None,
    asks: bool = False,
) -> Opinion:
    """What speaks for an alignment that a slide or a step to the next of its kind cannot fake.

    Where light is not at its best there, matched features are asked, and another alignment is tried
    from where they put the view: it is taken where it explains more. evidence: of the alignment; of
    a network's there is none, and it says too little to be doubted. asks: features, whatever light
    says.
    """
    if evidence is None:
        return Opinion(aligned, Support.HOLDS)
    is_unique = _is_unique(evidence, aligned.weakest)
    if is_unique and not asks:
        return Opinion(aligned, Support.HOLDS)
    matched = pair.matched(matcher)
    if matched is None:
        return Opinion(aligned, Support.OPEN)
    by_most = matched.inliers >= MOST * matched.matches
    if not pair.contradicted(aligned.S_reference_source, matched):
        support = Support.HOLDS if by_most or is_unique else Support.OPEN
        return Opinion(aligned, support, by_features=True)
    there = align(pair.a, pair.b, matched.T_a_b, config)
    score = evidence_of(pair.a, pair.b, there.S_reference_source).score
    explains_more = there.converged and score >= evidence.score + ADVANTAGE
    if explains_more and not pair.contradicted(there.S_reference_source, matched):
        return Opinion(there, Support.HOLDS if by_most else Support.OPEN, is_elsewhere=True)
    return Opinion(aligned, Support.DENIED if by_most else Support.OPEN)


def _is_unique(evidence: Evidence, weakest: float) -> bool:
    """Whether light would agree less beside it; in the dark, whether planes hold it."""
    if evidence.has_light:
        is_denied = evidence.front > IN_FREE_SPACE
        return evidence.centred >= (CENTRED_THEN if is_denied else CENTRED)
    return weakest >= WEAK_INFORMATION
