"""An alignment of two keyframes that keeps where it was, and claims nothing, where only noise holds
it: along a bare wall an edge must not pull."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.backend.loops.second_opinion import ViewPair
from mapper.vision.alignment_evidence import Comparison
from mapper.vision.dense_alignment import (
    INDEPENDENT_RESIDUALS,
    Alignment,
    AlignmentConfig,
    PosePrior,
    align,
)
from mapper.vision.doubt.feigned_directions import feigned_directions

if TYPE_CHECKING:
    from jaxtyping import Float64

UNKNOWN: Final = (10.0, 10.0)  # radians and metres: nothing is known of the start


def held_alignment(
    pair: ViewPair,
    aligned: Alignment,
    T_start: Float64[np.ndarray, "4 4"],
    config: AlignmentConfig,
    sigmas: tuple[float, float] = UNKNOWN,
    independent: float = INDEPENDENT_RESIDUALS,
) -> Alignment:
    """The alignment, or where noise alone holds it in some directions one from the start, which
    stays there in these and claims no more than was known of it.

    Of depth cameras, in metres; a network errs alike in views that are alike, which is another
    matter. sigmas: of the start, radians and metres. independent: residuals that the information is
    taken for afterwards.
    """
    if not pair.is_measured or not aligned.converged:
        return aligned
    views = pair.a, pair.b
    T = aligned.S_reference_source
    slides = feigned_directions(views, Comparison.of(*views), T, config)
    if not len(slides):
        return aligned
    rotation, translation = sigmas
    known = np.diag([rotation**-2.0] * 3 + [translation**-2.0] * 3)
    prior = PosePrior(T_start, known * INDEPENDENT_RESIDUALS / independent, slides)
    return align(*views, T_start, config, prior=prior)
