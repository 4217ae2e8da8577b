"""Whether a map has become firm enough to be told, or why it has not."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.frontends.mono.geometry.bundle import FocalPrior
from mapper.frontends.mono.mapping.local_map import LocalMap

FEWEST: Final = 6  # keyframes: with fewer the errors that are left say little
# Of the keyframes' places, as a share of the way they spread, by independent errors: others make it
# several times as much.
UNSURE: Final = 0.03
# Times as much by what parts of the points say: of errors that have nothing in common one map in
# a hundred would say more (chi squared of the three differences between four parts).
PARTS_UNSURE: Final = 2.0
# Of the new points, that do not fit the motion: 0.3 where a seventh of the image moves, 0.35 to 1
# where what moves was taken for the world. Fewer speak of errors that are not independent too, such
# as a wrong focal length: the more there are, the surer the rest must be.
CONTRADICTED: Final = 0.4
SETTLED: Final = 10  # keyframes, before which there may be more of them to come
TOLD: Final = 0.1  # from which share on it counts


class Firmness:
    """Of one map. is_firm: it stays so."""

    def __init__(self) -> None:
        self.is_firm = False
        self._uncertainty = np.inf
        self._apart = 0.0

    def judge(
        self, local_map: LocalMap, least: int, refine: FocalPrior | None, ended: bool = False
    ) -> bool:
        """Whether it is firm by now; least: keyframes before which nobody asks. ended: there will
        be no more of them; else the more contradicts it, the more are waited for."""
        share = local_map.contradiction / TOLD
        if share >= 1:
            least = max(least, SETTLED if ended else round(SETTLED * share))
        if not self.is_firm and len(local_map.keyframes) >= least:
            self._uncertainty = local_map.uncertainty(refine)
            limit = UNSURE * (1 - local_map.contradiction / CONTRADICTED)
            self._apart = 0.0
            if self._uncertainty < limit:
                self._apart = local_map.disagreement(refine)
                self.is_firm = self._apart < PARTS_UNSURE * limit
        return self.is_firm

    def doubt(self, local_map: LocalMap) -> str:
        """What is the matter with a map that is not firm, in words with numbers."""
        if local_map.contradiction >= CONTRADICTED:
            return f"against {local_map.contradiction:.0%} of what they see, as if that moved"
        if len(local_map.keyframes) < FEWEST:
            return f"by {len(local_map.keyframes)} keyframes of {FEWEST}: move longer"
        if self._apart:
            return f"near and far points put them {self._apart:.0%} of the way they spread apart"
        against = f"; {local_map.contradiction:.0%} of what they see does not fit"
        return (
            f"to {self._uncertainty:.0%} of the way they spread: move sideways, and longer"
            f"{against if local_map.contradiction >= TOLD else ''}"
        )
