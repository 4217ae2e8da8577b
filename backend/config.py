"""The backend's settings."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.online import OnlineAlignmentConfig
from mapper.backend.alignment.refined_maps import RefinementConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.graph.pose_graph import PoseGraphConfig
from mapper.backend.keyframe_culling import CullingConfig
from mapper.backend.keyframes.frame_placement import PlacementConfig
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.loops.loop_closer import LoopCloserConfig
from mapper.backend.moving.config import MovingConfig
from mapper.core.quantities import WORD, Keyframes, Share
from mapper.core.settings_model import settings


@settings
class BackendConfig:
    """Keyframes, pose graph, loops, global alignment and fusion.

    keyframes: when a frame becomes a keyframe.
    placement: how frames between keyframes are placed.
    edges: how edges of the pose graph are measured.
    loops: which loops are tried and believed.
    reuse: when keyframes of places seen before are culled.
    graph: the pose graph.
    fusion: how the keyframes' maps are fused into one.
    cached_keyframes: maps kept in memory (5 MB each at 640x480); the others are read back.
    optimise_every: keyframes between optimisations of the whole graph when no loop asks for one
        sooner. In between only the last ones move, so that the time for a keyframe does not grow
        with the map.
    optimise_share: share of all keyframes between them, if that is more.
    align: final = all keyframes are aligned globally at the end, off = they stay where the pose
        graph put them, auto = final for what comes from a network, online = the newest ones are
        aligned while mapping too, pairwise = the reference's way.
    alignment: global alignment of all keyframes.
    online: alignment of the newest ones while mapping.
    refinement: fusion of the keyframes' maps into one another before the last integration.
    dynamic: what becomes of things that moved while the map was made: remove = they are taken out
        of the map, keep = they are found and shown but stay in it, off = nobody looks for them.
    moving: when a surface counts as moved.
    """

    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    placement: PlacementConfig = field(default_factory=PlacementConfig)
    edges: EdgeConfig = field(default_factory=EdgeConfig)
    loops: LoopCloserConfig = field(default_factory=LoopCloserConfig)
    reuse: CullingConfig = field(default_factory=CullingConfig)
    graph: PoseGraphConfig = field(default_factory=PoseGraphConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    cached_keyframes: Annotated[Keyframes, Ge(2)] = 64
    optimise_every: Keyframes = 5
    optimise_share: Share = 0.02
    align: Annotated[Literal["auto", "off", "final", "online", "pairwise"], WORD] = "auto"
    alignment: GlobalAlignmentConfig = field(default_factory=GlobalAlignmentConfig)
    online: OnlineAlignmentConfig = field(default_factory=OnlineAlignmentConfig)
    refinement: RefinementConfig = field(default_factory=RefinementConfig)
    dynamic: Annotated[Literal["off", "remove", "keep"], WORD] = "off"
    moving: MovingConfig = field(default_factory=MovingConfig)
