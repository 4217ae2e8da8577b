"""The backend's settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.online import OnlineAlignmentConfig
from mapper.backend.alignment.refined_maps import RefinementConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.graph.pose_graph import PoseGraphConfig
from mapper.backend.keyframe_culling import ReuseConfig
from mapper.backend.keyframes.frame_placement import PlacementConfig
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.loops.loop_closer import LoopCloserConfig
from mapper.errors import ConfigError

ALIGN_MODES = ("auto", "off", "final", "online", "pairwise")


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """keyframes, placement, edges, loops, reuse, graph, fusion: the parts' own settings.

    cached_keyframes: maps kept in memory (5 MB each at 640x480); the others are read back.
    optimise_every: keyframes between optimisations of the whole graph when no loop asks for one
    sooner; optimise_share: ... or this share of all keyframes, if more. In between only the last
    ones move, so that the time for a keyframe does not grow with the map.
    align: "final" aligns all keyframes globally at the end, "off" leaves them where the pose graph
    put them, "auto" aligns what comes from a network, "online" aligns the newest ones while mapping
    too, "pairwise" is the reference's way. alignment, online, refinement: settings of that, and of
    fusing the keyframes' maps into one another before the last integration.
    """

    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    placement: PlacementConfig = field(default_factory=PlacementConfig)
    edges: EdgeConfig = field(default_factory=EdgeConfig)
    loops: LoopCloserConfig = field(default_factory=LoopCloserConfig)
    reuse: ReuseConfig = field(default_factory=ReuseConfig)
    graph: PoseGraphConfig = field(default_factory=PoseGraphConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    cached_keyframes: int = 64
    optimise_every: int = 5
    optimise_share: float = 0.02
    align: str = "auto"
    alignment: GlobalAlignmentConfig = field(default_factory=GlobalAlignmentConfig)
    online: OnlineAlignmentConfig = field(default_factory=OnlineAlignmentConfig)
    refinement: RefinementConfig = field(default_factory=RefinementConfig)

    def __post_init__(self) -> None:
        if self.cached_keyframes < 2 or self.optimise_every < 1:
            raise ConfigError(
                f"cached_keyframes {self.cached_keyframes} must be at least 2, "
                f"optimise_every {self.optimise_every} at least 1"
            )
        if self.align not in ALIGN_MODES:
            raise ConfigError(f"backend.align={self.align!r}: {', '.join(ALIGN_MODES)}")
