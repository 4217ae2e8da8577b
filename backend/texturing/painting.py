"""Photographs painted on a surface: where each sees it, by distance, angle and sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from mapper.backend.fusion.exposure import NEUTRAL, Exposure
from mapper.backend.texturing.atlas import Atlas
from mapper.backend.texturing.painting_kernels import Photograph, Surface, paint
from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh, TexturedMesh
from mapper.runtime.open3d_loader import load_open3d, own_array
from mapper.vision.reprojection import camera_of, motion_of

TOLERANCE: Final = 0.03  # of the depth, between the surface and what is looked at
STEP: Final = (
    0.04  # of the depth, across a few pixels: an outline, beside which colours are another's
)
OUTLINE: Final = 7  # pixels across, in which a step counts
BESIDE: Final = 0.1  # trust in what is beside an outline
FINEST: Final = 8.0  # bend over slope, of an image whose every pixel differs from the next
DULLEST: Final = 0.2  # trust in the most blurred image


@dataclass(frozen=True, slots=True)
class View:
    """image: uint8 (H, W, 3), RGB, of `camera`. depth: float32 (h, w), units of the world, as it
    was measured, 0 = none, of `depth_camera`. T_world_camera: (4, 4). exposure: to be as bright
    as the others. hidden: bool (h, w), what is not to be painted, or None."""

    image: np.ndarray
    camera: Intrinsics
    depth: np.ndarray
    depth_camera: Intrinsics
    T_world_camera: np.ndarray
    exposure: Exposure = NEUTRAL
    hidden: np.ndarray | None = None


class Painter:
    """One surface, on which views are painted one after the other."""

    def __init__(self, atlas: Atlas) -> None:
        mesh = atlas.mesh
        corners = mesh.vertices[mesh.faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-12)[:, None]
        self._atlas = atlas
        self._surface = Surface(atlas.points, atlas.faces, normals.astype(np.float32))
        self._o3d = load_open3d()
        self._scene = _scene(self._o3d, mesh)
        self._total = np.zeros((len(atlas.points), 4), np.float32)

    def add(self, view: View) -> None:
        """Paint what a view sees of the surface."""
        depth = self._depth(view)
        differs = (view.depth > 0) & (np.abs(view.depth - depth) > TOLERANCE * depth)
        if view.hidden is not None:
            differs |= view.hidden
        photograph = Photograph(
            view.exposure.applied(view.image),
            camera_of(view.camera),
            np.where(differs, np.float32(0), depth),
            camera_of(view.depth_camera),
            _trust(depth),
            np.float32(TOLERANCE),
            np.float32(view.exposure.weight * max(sharpness(view.image), DULLEST)),
        )
        T = view.T_world_camera
        centre = T[:3, 3].astype(np.float32)
        paint(self._surface, photograph, motion_of(inverse(T)), centre, self._total)

    def textured(self) -> tuple[TexturedMesh, float]:
        """The painted mesh, and the share of its surface that a view showed."""
        atlas, total = self._atlas, self._total
        painted = total[:, 3] > 0
        own = atlas.mesh.colors[atlas.mesh.faces[atlas.faces]].mean(axis=1)
        mean = total[:, :3] / np.where(painted, total[:, 3], 1)[:, None]
        colors = np.where(painted[:, None], mean, own)
        width, height = atlas.size
        texture = np.zeros((height, width, 3), np.uint8)
        rows, columns = atlas.texels.T
        texture[rows, columns] = np.clip(np.rint(colors), 0, 255).astype(np.uint8)
        shown = np.zeros((height, width), np.uint8)
        shown[rows, columns] = 1
        mesh = atlas.mesh
        textured = TexturedMesh(
            mesh.vertices, mesh.faces, mesh.normals, atlas.uv, padded(texture, shown)
        )
        return textured, float(painted.mean()) if len(painted) else 0.0

    def _depth(self, view: View) -> np.ndarray:
        """float32 (h, w): along z, of the surface that a view looks at; 0 where there is none."""
        camera = view.depth_camera
        v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float32)
        x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
        T = view.T_world_camera
        directions = np.stack([x, y, np.ones_like(x)], axis=-1) @ T[:3, :3].T
        origins = np.broadcast_to(T[:3, 3], directions.shape)
        rays = np.concatenate([origins, directions], axis=-1).astype(np.float32)
        depth = own_array(self._scene.cast_rays(self._o3d.core.Tensor(rays))["t_hit"])
        return np.where(np.isfinite(depth), depth, np.float32(0))


def sharpness(image: np.ndarray) -> float:
    """0..1: how fine an image's contrast is, by its second derivative against its first; motion
    blurs it."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slope = float(np.std(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3))) / 8
    bend = float(np.std(cv2.Laplacian(grey, cv2.CV_32F)))
    return min(bend / (FINEST * slope), 1.0) if slope > 0 else 0.0


def padded(texture: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The texture (H, W, 3) with every texel that shows nothing as the nearest one that does, so
    that no seam shows when it is sampled coarsely. shown: uint8 (H, W)."""
    if not shown.any():
        return texture
    _, labels = cv2.distanceTransformWithLabels(
        1 - shown, cv2.DIST_L2, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
    )
    colors = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colors[labels[shown > 0]] = texture[shown > 0]
    return np.asarray(colors[labels])


def _trust(depth: np.ndarray) -> np.ndarray:
    """float32 (h, w): less beside outlines, where a small error puts a colour on the wrong side."""
    kernel = np.ones((OUTLINE, OUTLINE), np.uint8)
    step = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
    slanted = np.where(step > STEP * depth, np.float32(BESIDE), np.float32(1))
    return np.asarray(slanted, np.float32)


def _scene(o3d: Any, mesh: Mesh) -> Any:
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(mesh.vertices, np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32)),
    )
    return scene
