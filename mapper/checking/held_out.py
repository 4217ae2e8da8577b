"""Does the map foretell what a camera sees that it was not made of?

Every few keyframes one is left out, the others are fused, and what the map shows from its place is
compared with the depth that it saw there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mapper.backend.finalisation import fused_map
from mapper.backend.fusion.map_fusion import reliable_depth
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.checking.finished_map import FinishedMap
from mapper.checking.surface_rays import SurfaceRays
from mapper.core.sim3 import rigid_part, scale_of

EVERY: Final = 4  # keyframes of which one is left out
MAX_HELD: Final = 24
COARSER: Final = 1.5  # the voxels than the map's own: half the time, and rays go between them
RAYS: Final = 1500  # of each, about
MIN_RAYS: Final = 100  # that must meet the map, before it is said to have seen the place
SAME: Final = 0.15  # share of the depth beyond which the map shows something else, or nothing yet


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A keyframe against the map of the others. error: median over its pixels of how far the depths
    differ, units. share: the same as a share of the depth. elsewhere: share of the pixels where the
    map shows something far before or behind."""

    keyframe: int
    error: float
    share: float
    elsewhere: float


def hold_out(each: FinishedMap) -> list[HeldOut]:
    """Those that the rest of the map has seen; empty where it is too small."""
    poses = each.saved.fused_poses
    ids = list(poses)[1::EVERY]
    ids = ids[:: -(-len(ids) // MAX_HELD) or 1]
    if len(poses) - len(ids) < 2:
        return []
    left = [*each.saved.left_out, *ids]
    tsdf = each.config.fusion.tsdf
    tsdf = replace(tsdf, voxel_size=COARSER * tsdf.voxel_size)
    config = replace(each.config.fusion, tsdf=tsdf, even_exposures=False, min_piece_area=0.0)
    mesh = fused_map(replace(each.saved, left_out=left), config, each.maps.map).extract_mesh()
    if not len(mesh.faces):
        return []
    rays = SurfaceRays(mesh)
    found = (_held_out(each, keyframe_id, rays) for keyframe_id in ids)
    return [held for held in found if held is not None]


def _held_out(each: FinishedMap, keyframe_id: int, rays: SurfaceRays) -> HeldOut | None:
    S = each.saved.fused_poses[keyframe_id]
    source = each.maps.map(keyframe_id)
    depth = reliable_depth(source, each.config.fusion) * np.float32(scale_of(S))
    seen, directions = _pixels(depth, source, each.maps.seen_depth(keyframe_id))
    T = rigid_part(S)
    shown = rays.distances(T[:3, 3], directions @ T[:3, :3].T)
    met = np.isfinite(shown)
    if met.sum() < MIN_RAYS:
        return None
    off = np.abs(shown[met] - seen[met])
    near = off <= SAME * seen[met]
    if near.sum() < MIN_RAYS // 2:
        return HeldOut(keyframe_id, float(np.median(off)), float(np.median(off / seen[met])), 1.0)
    share = float(np.median(off[near] / seen[met][near]))
    return HeldOut(keyframe_id, float(np.median(off[near])), share, float(1 - near.mean()))


def _pixels(
    depth: np.ndarray, source: KeyframeMap, furthest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Depths (N,) of some of the pixels, and their rays (N, 3) of unit depth, camera frame."""
    camera = source.intrinsics
    step = max(1, round(float(np.sqrt(depth.size / RAYS))))
    v, u = np.mgrid[step // 2 : depth.shape[0] : step, step // 2 : depth.shape[1] : step]
    z = depth[v, u]
    known = (z > 0) & (z <= furthest)
    x, y = (u[known] - camera.cx) / camera.fx, (v[known] - camera.cy) / camera.fy
    return z[known].astype(float), np.stack([x, y, np.ones_like(x)], axis=1)
