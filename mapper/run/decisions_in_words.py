"""Reads decisions about loops as journals held them before they had types: reasons as prose."""

from __future__ import annotations

import re
from typing import Any, Final

from mapper.backend.graph.edge import EdgeKind
from mapper.backend.loops.loop_decision import LoopDecision, Measured, Refusal

# A part of the sentence -> what it stood for. In this order: some sentences hold two of them.
REFUSALS: Final = {
    "no consistent feature matches": Refusal.NO_MATCHES,
    "did not converge": Refusal.NOT_CONVERGED,
    "sigmas off the odometry chain": Refusal.CHAIN,
    "median depths apart": Refusal.DISTANCE,
    "agreement ": Refusal.AGREEMENT,
    "overlap ": Refusal.OVERLAP,
    "residual ": Refusal.RESIDUAL,
}
BOUND: Final = re.compile(r"(?:below|above) ([\d.e+-]+)( mm)?")


def decision_in_words(record: dict[str, Any]) -> LoopDecision:
    """record: accepted, reason, and every number, 0 where it was not measured."""
    reason = str(record["reason"])
    refusal = None if record["accepted"] else _refusal(reason)
    limit = None if refusal is None else _limit(reason)
    measured = None if refusal == Refusal.NO_MATCHES else _measured(record)
    return decision_of(record, refusal, limit, measured)


def decision_of(
    record: dict[str, Any],
    refusal: Refusal | None,
    limit: float | None,
    measured: Measured | None,
) -> LoopDecision:
    """With what is written alike in journals of every age."""
    return LoopDecision(
        int(record["i"]),
        int(record["j"]),
        EdgeKind(record["kind"]),
        record["found_by"],
        int(record["feature_inliers"]),
        refusal,
        limit,
        measured,
    )


def _refusal(reason: str) -> Refusal:
    found = [refusal for part, refusal in REFUSALS.items() if part in reason]
    if not found:
        raise KeyError(f"refusal {reason!r}")
    return found[0]


def _limit(reason: str) -> float | None:
    """The bound, as rounded as it was written."""
    found = BOUND.search(reason)
    if found is None:
        return None
    return float(found[1]) * (1e-3 if found[2] else 1.0)


def _measured(record: dict[str, Any]) -> Measured:
    """rmse was -1 where it was not finite. A chain that said nothing was 0 sigmas off."""
    rmse, sigmas = float(record["rmse"]), float(record.get("chain_sigmas", 0.0))
    return Measured(
        float(record["overlap"]),
        float(record["agreement"]),
        rmse if rmse >= 0 else None,
        float(record["correction"]),
        float(record.get("scale", 1.0)),
        float(record.get("distance_ratio", 0.0)),
        sigmas if sigmas > 0 else None,
    )
