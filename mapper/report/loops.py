"""Decisions about loops in words, for the report and for the recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mapper.backend.loops.loop_decision import LoopDecision, Refusal

# What a refusal means to somebody who does not know the numbers.
PLAIN: Final = {
    Refusal.NO_MATCHES: "no matching features",
    Refusal.NOT_CONVERGED: "the surfaces do not fit",
    Refusal.OVERLAP: "too little overlap",
    Refusal.AGREEMENT: "the views contradict each other",
    Refusal.RESIDUAL: "the surfaces do not fit",
    Refusal.DISTANCE: "cameras too far apart",
    Refusal.CHAIN: "impossible after so short a way",
    Refusal.UNLIKELY: "light and surfaces do not bear it out",
    Refusal.FEATURES: "what is seen there is elsewhere",
    Refusal.CYCLE: "the ways around contradict it",
    Refusal.DOUBTED: "it would look as right elsewhere",
    Refusal.CONTRADICTED: "given up by the graph",
}
WITHOUT_FIGURES: Final = {
    Refusal.NO_MATCHES: "no consistent feature matches",
    Refusal.NOT_CONVERGED: "alignment did not converge",
    Refusal.FEATURES: "matched features are elsewhere",
    Refusal.CYCLE: "other edges lead elsewhere",
    Refusal.DOUBTED: "would look as right elsewhere, and nothing else joins the two",
    Refusal.CONTRADICTED: "given up by the graph",
}


@dataclass(frozen=True, slots=True)
class LoopRow:
    """What the report shows of a loop. decision: the last one, the graph's too.

    row_i, row_j: of its keyframes among the report's positions of keyframes; None where the map
    holds that keyframe no more.
    """

    decision: LoopDecision
    row_i: int | None = None
    row_j: int | None = None


def refusal_text(decision: LoopDecision, is_metric: bool) -> str:
    """Why a pair was refused, with the number that decided it and the bound that it missed."""
    refusal, measured, limit = decision.refusal, decision.measured, decision.limit
    if refusal is None:
        return "verified"
    if refusal in WITHOUT_FIGURES or measured is None or limit is None:
        return WITHOUT_FIGURES.get(refusal, PLAIN[refusal])
    rmse = "unknown" if measured.rmse is None else length_text(measured.rmse, is_metric)
    return {
        Refusal.OVERLAP: f"overlap {measured.overlap:.2f} below {limit}",
        Refusal.AGREEMENT: f"two-way agreement {measured.agreement:.2f} below {limit}",
        Refusal.RESIDUAL: f"residual {rmse} above {length_text(limit, is_metric)}",
        Refusal.DISTANCE: f"cameras {measured.distance_ratio:.2f} median depths apart, "
        f"above {limit}",
        Refusal.UNLIKELY: f"right with a probability of {measured.probability or 0:.2f}, "
        f"below {limit}",
        Refusal.CHAIN: f"{measured.chain_sigmas or 0:.0f} sigmas off the odometry chain, "
        f"above {limit:.0f}",
    }[refusal]


def loop_text(decision: LoopDecision, is_metric: bool) -> str:
    """What was decided about a loop, and by which numbers, where there are any."""
    refused = f"refused ({refusal_text(decision, is_metric)})"
    verdict = "closed" if decision.accepted else refused
    text = f"loop {decision.i}-{decision.j} by {decision.found_by} {verdict}"
    measured = decision.measured
    if measured is None:
        return text
    numbers = [f"overlap {measured.overlap:.2f}", f"agreement {measured.agreement:.2f}"]
    if measured.rmse is not None:
        numbers.append(f"residual {length_text(measured.rmse, is_metric)}")
    numbers.append(f"shift {length_text(measured.correction, is_metric)}")
    return f"{text}: {', '.join(numbers)}"


def length_text(length: float, is_metric: bool) -> str:
    """length: metres, or units where nobody knows what they are."""
    return f"{length * 1e3:.1f} mm" if is_metric else f"{length:.4f} units"
