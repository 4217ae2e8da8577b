"""What mapping comes to in the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.backend.priors.knowledge import Tie
from mapper.backend.self_doubt.doubt import SelfDoubt
from mapper.backend.self_doubt.held_frames import HeldFrames
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.slam.frame_counts import FrameCounts


@dataclass(frozen=True, slots=True)
class MappingResult:
    """frame_indices: (N,), of the poses in trajectory. Poses are T_world_camera, metres where
    is_metric; the world is the first keyframe of the first segment, or that of what it is tied to.
    keyframe_ids: (K,), of the
    poses in keyframe_trajectory. fusion: what the mesh was fused with. decisions: about loops; a
    live mapper leaves them to its recorder. dropped_loops: pairs of keyframes whose loop passed
    verification and was yet given up by the graph. alignment_costs: before and after each round of
    the global alignment; empty where there was none. image_size: width and height of the maps, of
    the first keyframe; None where there is no keyframe. doubt: what the map says against itself;
    None where nobody asked. held: frames that were held by the motion before them; None where
    nobody counted. tie: to what is known from elsewhere; None where nothing is.
    """

    trajectory: Trajectory
    frame_indices: np.ndarray
    keyframe_ids: np.ndarray
    keyframe_trajectory: Trajectory
    mesh: Mesh
    fusion: TsdfConfig
    counts: FrameCounts
    keyframes: int
    decisions: list[LoopDecision]
    dropped_loops: set[tuple[int, int]]
    is_metric: bool
    alignment_costs: tuple[tuple[float, float], ...] = ()
    image_size: tuple[int, int] | None = None
    doubt: SelfDoubt | None = None
    held: HeldFrames | None = None
    tie: Tie | None = None
