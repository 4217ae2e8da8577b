"""How probable it is that an alignment of two views is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.vision.alignment_evidence import Evidence

if TYPE_CHECKING:
    from jaxtyping import Float64

# Log-odds by logistic regression over 1,988 alignments of pairs of views, from right and from wrong
# starts, in the rooms of the gauntlet's half for tuning and two recordings; right and wrong count
# alike (tools/measures/evidence.py fits them again). In the order of `signs_of`.
CONSTANT: Final = -5.41
WEIGHTS: Final = np.array([-0.34, 3.64, 2.87, 0.99, 0.85, -0.49])
# Share of the view: where less is seen, nothing in free space is no sign of being right, for there
# is next to nothing that could be.
LEAST_SEEN: Final = 0.2
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
    log_odds = CONSTANT + float(WEIGHTS @ signs_of(evidence, weakest))
    if is_expected:
        log_odds += EXPECTED
    return 1.0 / (1.0 + float(np.exp(-log_odds)))


def signs_of(evidence: Evidence, weakest: float) -> Float64[np.ndarray, " 6"]:
    """What is weighed, (6,): the logarithm of the share in free space, against 3 %; the information
    of the light's correlation; what light gains by not being shifted; the share that is seen; the
    logarithm of what planes tell of their weakest direction, against 100; and that times the first.
    """
    light = min(max(evidence.light, 0.0), 0.95)
    front = 0.0
    if evidence.seen >= LEAST_SEEN:
        front = float(np.clip(np.log(max(evidence.front, 0.003) / 0.03), -2.4, 3.0))
    firm = float(np.clip(np.log(max(weakest, 1.0) / 100.0), -3.0, 3.0))
    centred = float(np.clip(evidence.centred, -0.3, 0.3)) if evidence.has_light else 0.0
    information = -float(np.log1p(-(light**2)))
    return np.array([front, information, centred, min(evidence.seen, 0.8), firm, firm * front])
