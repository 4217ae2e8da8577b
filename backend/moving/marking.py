"""Marks in the keyframes' maps what moved, or takes it out of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.backend.alignment.refined_maps import RefinedMaps, RefinementConfig
from mapper.backend.fusion.map_fusion import FusionConfig, reliable_depth
from mapper.backend.global_map import GlobalMap, MapOf
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap, MovingPixels
from mapper.backend.moving.config import MovingConfig
from mapper.backend.moving.finding import Moving, find_moving
from mapper.backend.moving.surface import Sighting
from mapper.core.depth_noise import trusted_depth
from mapper.core.sim3 import rigid_part, scale_of


def moving_in(
    final: GlobalMap,
    map_of: MapOf,
    fusion: FusionConfig,
    refinement: RefinementConfig,
    config: MovingConfig,
) -> Moving:
    """What moved while a map was made. map_of: the keyframes' maps as they were recorded."""
    poses = final.fused_poses
    corrected = RefinedMaps(refinement, map_of, poses, final.corrections, []).corrected
    timestamps = {k.id: k.timestamp for k in final.keyframes}

    def seen(keyframe_id: int) -> Sighting:
        source, S = corrected(keyframe_id), poses[keyframe_id]
        scale = np.float32(scale_of(S))
        depth = reliable_depth(source, fusion) * scale
        limit = fusion.tsdf.max_depth or trusted_depth(depth, source.noise)
        return Sighting(
            keyframe_id,
            timestamps[keyframe_id],
            depth,
            source.intrinsics,
            rigid_part(S),
            source.noise,
            limit,
        )

    size = config.cell_voxels * fusion.tsdf.voxel_size
    return find_moving(sorted(poses), seen, config, size)


def marked(source: KeyframeMap, pixels: np.ndarray, take_out: bool) -> KeyframeMap:
    """The map with a note of what moved. pixels: int32 (N,), flat. take_out: of its depth."""
    depth, weight = source.depth.ravel(), source.weight.ravel()
    pixels = pixels[depth[pixels] > 0]
    moving = MovingPixels(pixels, depth[pixels], weight[pixels])
    if (before := source.moving) is not None:
        new = ~np.isin(pixels, before.pixels)
        moving = MovingPixels(
            np.concatenate([before.pixels, moving.pixels[new]]),
            np.concatenate([before.depth, moving.depth[new]]),
            np.concatenate([before.weight, moving.weight[new]]),
        )
    if take_out:
        depth, weight = depth.copy(), weight.copy()
        depth[pixels], weight[pixels] = 0, 0
    shape = source.depth.shape
    return KeyframeMap(
        depth.reshape(shape),
        weight.reshape(shape),
        source.image,
        source.intrinsics,
        source.noise,
        moving,
    )


def leave_features_out(keyframe: Keyframe, depth: np.ndarray) -> None:
    """Features where the map (H, W) has no depth any more are lifted to no point."""
    features = keyframe.features
    height, width = depth.shape
    columns = np.clip(np.rint(features.pixels[:, 0]).astype(int), 0, width - 1)
    rows = np.clip(np.rint(features.pixels[:, 1]).astype(int), 0, height - 1)
    points = np.where(depth[rows, columns, None] > 0, features.points, np.float32(0))
    keyframe.features = replace(features, points=points)
