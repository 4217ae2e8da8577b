"""Whether a run ended with an empty or a nearly empty map, and why, in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mapper.backend.fusion.tsdf import TsdfConfig

FEW_VERTICES: Final = 500  # a corner of a room has thousands, at voxels of 2 cm
FEW_PLACED: Final = 0.5  # of the frames that could be read: with less most of the way is missing
# Pixels: of a smaller camera the walk through the sample room is not tracked from end to end.
SMALLEST_TRACKED: Final = 96 * 72
LARGE_VOXEL: Final = 0.1  # units: a piece of furniture is a few of them


def shortfalls(metrics: Mapping[str, Any], fusion: TsdfConfig) -> list[str]:
    """Sentences for whoever expects a map; empty where there is one.

    metrics: units, mesh_vertices, frames, tracked, skipped, left_out, without_depth, image_size;
    those of frames are absent where only the map was fused again. fusion: what it was fused with.
    """
    return [*_frames(metrics), *_surface(metrics, fusion)]


def _frames(metrics: Mapping[str, Any]) -> list[str]:
    found = []
    frames, tracked = int(metrics.get("frames", 0)), int(metrics.get("tracked", 0))
    skipped = int(metrics.get("skipped", 0))
    alone = int(metrics.get("without_depth", 0))
    expected = frames - int(metrics.get("left_out", 0))
    if frames and skipped > FEW_PLACED * frames:
        found.append(
            f"The map holds little: {skipped} of {frames} frames could not be read or had the "
            "wrong size."
        )
    elif frames > 1 and tracked < max(2, FEW_PLACED * (expected - skipped)):
        found.append(
            f"The map holds little: only {tracked} of {frames} frames could be placed, "
            f"{_why_lost(metrics)}."
        )
    elif frames == 1:
        found.append("The map holds little: it was made from a single frame.")
    if alone > frames:
        found.append(
            f"Most colour images have no depth: {alone} of {alone + frames}; the map is made from "
            "the others."
        )
    return found


def _why_lost(metrics: Mapping[str, Any]) -> str:
    size = metrics.get("image_size")
    if size is not None and size[0] * size[1] < SMALLEST_TRACKED:
        return (
            f"as images of {size[0]}x{size[1]} pixels are too small to be tracked well; the "
            "camera should have 96x72 at least"
        )
    return (
        "as the camera was lost: the motion between frames is too large, or there is too little "
        "depth or texture; take more frames (a smaller --stride), and check the depth scale"
    )


def _surface(metrics: Mapping[str, Any], fusion: TsdfConfig) -> list[str]:
    vertices = int(metrics.get("mesh_vertices", 0))
    if vertices >= FEW_VERTICES:
        return []
    unit = "m" if metrics["units"] == "metres" else metrics["units"]
    if fusion.voxel_size >= LARGE_VOXEL:
        why = (
            f"voxels of {fusion.voxel_size:g} {unit} are too large for it; choose smaller "
            "ones (backend.fusion.tsdf.voxel_size, --voxel-size of mapper mesh)"
        )
    elif fusion.max_depth:
        why = (
            f"almost nothing was seen within {fusion.max_depth:g} {unit}, which is as far "
            "as is fused; raise backend.fusion.tsdf.max_depth, and check the depth scale"
        )
    else:
        why = (
            "almost no depth reading is near enough, or seen surely enough, to be fused; check "
            "the depth scale (depth_scale in the calibration file)"
        )
    what = f"nearly empty, {vertices} vertices" if vertices else "empty"
    return [f"The mesh is {what}: {why}."]
