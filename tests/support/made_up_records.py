"""What files of made-up runs say: decisions about loops, and run.yaml."""

from __future__ import annotations

from typing import Any

from mapper.backend.graph.edge import EdgeKind
from mapper.backend.loops.loop_decision import LoopDecision, Measured, Refusal

MEASURED = Measured(
    overlap=0.14,
    agreement=0.71,
    rmse=0.0134,
    correction=0.123,
    scale=1.04,
    distance_ratio=0.95,
    chain_sigmas=41.3,
)


def loop(
    i: int,
    j: int,
    refusal: Refusal | None = None,
    numbers: Measured | None = None,
    limit: float | None = None,
) -> LoopDecision:
    """What became of keyframes i and j, found close by."""
    return LoopDecision(i, j, EdgeKind.LOOP, "proximity", 0, refusal, limit, numbers)


def described(
    config: dict[str, Any] | None = None, frontend: str = "room", **sequence: Any
) -> dict[str, Any]:
    """A whole description; sequence: what differs from a live camera's."""
    source = {"name": "live", "kind": "live", "path": "0", "fingerprint": "live", **sequence}
    return {
        "sequence": source,
        "frontend": frontend,
        "units": "metres",
        "versions": {"mapper": "0"},
        "config": config or {},
    }
