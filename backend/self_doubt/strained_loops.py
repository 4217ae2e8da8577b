"""Which loops does the pose graph leave by far, as they claim too little to hold it?

An edge knows next to nothing of a direction in which its views would look alike: about a pillar,
along a wall. It contradicts no map then, however far off. But its views were found to fit somewhere
by features and light too, which its information does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.self_doubt.edge_conflicts import edge_residual
from mapper.backend.self_doubt.misplacement import Misplacement

FAR: Final = 0.15  # metres: right maps leave none of their edges by half as much


@dataclass(frozen=True, slots=True)
class StrainedLoop:
    """Views that were found to see the same. earlier, later: their timestamps [s]. fit: where they
    fit, against where the map has them."""

    earlier: float
    later: float
    fit: Misplacement


def strained_loops(final: GlobalMap, graph: PoseGraph) -> list[StrainedLoop]:
    """The furthest first. Of edges that something confirmed and that the graph has not given up;
    none where scales are free: edges of networks' depth are off by more."""
    if graph.free_scale:
        return []
    by_id = {k.id: k for k in final.keyframes if k.id in final.fused_poses}
    held = (edge for edge in graph.edges_among(by_id) if not edge.kind.is_trusted)
    left = [
        edge_residual(edge, final.poses, graph.free_scale)
        for edge in held
        if edge.is_confirmed and graph.is_inlier(edge)
    ]
    far = sorted((e for e in left if e.fit.shift >= FAR), key=lambda each: -each.fit.shift)
    return [StrainedLoop(by_id[e.i].timestamp, by_id[e.j].timestamp, e.fit) for e in far]
