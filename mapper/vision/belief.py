"""How probable it is that an alignment of two views is right."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.vision.alignment_evidence import Evidence, evidence_of
from mapper.vision.dense_alignment import Alignment
from mapper.vision.depth_pyramid import DepthPyramid

# Log-odds by logistic regression over 1,456 alignments of pairs of views, from right and from wrong
# starts, in the rooms of the gauntlet's half for tuning and two recordings; right and wrong count
# alike (tools/measures/evidence.py).
CONSTANT: Final = -5.98
FRONT: Final = -0.22  # of the logarithm of the share in free space, against 3 %
LIGHT: Final = 3.14  # of the information of the light's correlation
CENTRED: Final = 4.0  # of what light gains by not being shifted
SEEN: Final = 1.03
FIRM: Final = 0.92  # of the logarithm of what planes tell of their weakest direction, against 100
FIRM_AND_FREE: Final = 0.41  # of that, times the logarithm of how little is in free space

# A choice: an alignment that ends where it should is right seven times as often; not more, for it
# also began there.
EXPECTED: Final = 2.0


def probability_right(evidence: Evidence, weakest: float, is_expected: bool = False) -> float:
    """As if half of all alignments were right. weakest: see Alignment. is_expected: it is where the
    motion before would lead.

    Light agrees by chance along an edge or a row of tiles, surfaces agree along a floor: both at
    the peak of what light has to say, with nothing in free space, rarely of a wrong place; and
    surfaces that hold every direction need less of the light.
    """
    light = min(max(evidence.light, 0.0), 0.95)
    front = float(np.clip(np.log(max(evidence.front, 0.003) / 0.03), -2.4, 3.0))
    firm = float(np.clip(np.log(max(weakest, 1.0) / 100.0), -3.0, 3.0))
    log_odds = (
        CONSTANT
        + FRONT * front
        - LIGHT * float(np.log1p(-(light**2)))
        + SEEN * min(evidence.seen, 0.8)
        + FIRM * firm
        - FIRM_AND_FREE * firm * front
    )
    if is_expected:
        log_odds += EXPECTED
    if evidence.has_light:
        log_odds += CENTRED * float(np.clip(evidence.centred, -0.3, 0.3))
    return 1.0 / (1.0 + float(np.exp(-log_odds)))


def probability_measured(
    reference: DepthPyramid, source: DepthPyramid, aligned: Alignment, is_expected: bool
) -> float | None:
    """The same of two views; None of a network's, whose depth errs in ways of its own."""
    if not reference.levels[0].noise.is_measured:
        return None
    evidence = evidence_of(reference, source, aligned.S_reference_source)
    return probability_right(evidence, aligned.weakest, is_expected)
