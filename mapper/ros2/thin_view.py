"""A keyframe's depth and colours, thinned until many of them fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.fusion.map_fusion import FusionConfig, reliable_depth
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.depth_noise import DepthNoise, trusted_depth
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics

PIXELS: Final = 12_000  # of a view, about: a thousand keyframes are 84 MB


@dataclass(frozen=True, slots=True, eq=False)
class ThinView:
    """depth: float32 (h, w), in the keyframe's units, 0 = none, or too far to be believed. image:
    uint8 (h, w, 3). intrinsics: of both. stamp: nanoseconds."""

    depth: np.ndarray
    image: np.ndarray
    intrinsics: Intrinsics
    noise: DepthNoise
    stamp: int

    def points(self) -> np.ndarray:
        """float32 (h, w, 3), in the camera, z = 0 = none."""
        return backproject(self.depth, self.intrinsics)


def thin_view(source: KeyframeMap, config: FusionConfig, stamp: int) -> ThinView:
    """Every n-th pixel of a keyframe's map that is fused."""
    depth = reliable_depth(source, config).copy()
    depth[source.weight <= 0] = 0
    depth[depth > (config.tsdf.max_depth or trusted_depth(depth, source.noise))] = 0
    step = max(1, round(float(np.sqrt(depth.size / PIXELS))))
    depth, image = depth[::step, ::step].copy(), source.image[::step, ::step].copy()
    camera, (height, width) = source.intrinsics, depth.shape
    thinned = Intrinsics(
        camera.fx / step, camera.fy / step, camera.cx / step, camera.cy / step, width, height
    )
    return ThinView(depth, image, thinned, source.noise, stamp)
