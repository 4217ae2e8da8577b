"""What became of the pairs of keyframes that might have been loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mapper.backend.graph.edge import EdgeKind
from mapper.backend.loops.loop_decision import Refusal
from mapper.checking.finished_map import FinishedMap

# Refusals that say that the views saw the same and yet do not fit where the map wants them; the
# others say that they had nothing to do with each other.
CONTRADICTIONS: Final = (Refusal.CHAIN, Refusal.FEATURES, Refusal.CYCLE, Refusal.CONTRADICTED)


@dataclass(frozen=True, slots=True)
class Loops:
    """accepted: in the map. refused: of all proposed. against: pairs (i, j) whose refusal speaks
    against the map. contradicted: share of the graph's edges that its own optimum contradicts."""

    accepted: int
    refused: int
    against: list[tuple[int, int]]
    contradicted: float


def count_loops(each: FinishedMap) -> Loops:
    """From the journal and the graph."""
    poses = each.saved.fused_poses
    edges = [e for e in each.graph.edges if e.i in poses and e.j in poses]
    loops = {(e.i, e.j) for e in each.edges if e.kind == EdgeKind.LOOP}
    gone = [(e.i, e.j) for e in edges if e.kind == EdgeKind.LOOP and (e.i, e.j) not in loops]
    against = [(d.i, d.j) for d in each.decisions if d.refusal in CONTRADICTIONS]
    refused = sum(not d.accepted for d in each.decisions) + len(gone)
    share = 1 - len(each.edges) / max(len(edges), 1)
    return Loops(len(loops), refused, sorted({*against, *gone}), share)
