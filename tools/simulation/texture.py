"""Colour as a property of the truth's surface: a texture made of some of the real images.

Real images contradict the ground-truth geometry by some pixels, since poses and calibration are
inexact. Here each face of the mesh takes its texture from one reference image alone, so that every
view of a surface point shows the same colour, at exactly the place where the geometry puts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import csr_array

from mapper.core.geometry import inverse, transform
from mapper.core.intrinsics import Intrinsics
from simulation.truth import DepthRenderer, Hits

NOT_SEEN = -1
MIN_COSINE = 0.2  # between the normal and the line of sight
MAX_DEPTH_DIFFERENCE = 0.03  # metres
MIN_DEPTH = 0.1  # metres, of each corner
MARGIN = 4  # pixels from the image's border to a face's centre
SMOOTHING_ROUNDS = 30  # each spreads scores to the adjacent faces


@dataclass(frozen=True, slots=True)
class Reference:
    """A real view. image: uint8 (H, W, 3), RGB. T_world_camera: float64 (4, 4)."""

    image: np.ndarray
    intrinsics: Intrinsics
    T_world_camera: np.ndarray

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (..., 2) and depths (...) of world points (..., 3) in front of the camera."""
        k = self.intrinsics
        camera = transform(inverse(self.T_world_camera), points.reshape(-1, 3))
        camera = camera.reshape(points.shape)
        z = np.maximum(camera[..., 2:], MIN_DEPTH)
        return camera[..., :2] / z * (k.fx, k.fy) + (k.cx, k.cy), camera[..., 2]


class SurfaceTexture:
    """Textured faces of a mesh; the small faces of a fused one, whose mapping is about affine.

    reference: int64 (M,), from which reference each face is textured; NOT_SEEN: from its colours.
    """

    def __init__(self, renderer: DepthRenderer, references: Sequence[Reference]) -> None:
        self.reference = choose_references(renderer, references)
        self._mesh = renderer.mesh
        self._tiles, offsets = _tiled([r.image for r in references])
        self._corner = np.zeros((len(self.reference), 3, 2), np.float32)
        for i, (reference, offset) in enumerate(zip(references, offsets, strict=True)):
            mine = np.flatnonzero(self.reference == i)
            pixel, _ = reference.project(self._mesh.vertices[self._mesh.faces[mine]])
            last = (reference.intrinsics.width - 1, reference.intrinsics.height - 1)
            self._corner[mine] = np.clip(pixel, 0, last) + offset

    def colors(self, hits: Hits) -> np.ndarray:
        """uint8 (H, W, 3), RGB, of the points that a view's rays meet; black where none."""
        seen = hits.face >= 0
        face = np.where(seen, hits.face, 0)
        corner = self._corner[face]
        pixel = corner[:, :, 0]
        for i in (1, 2):
            pixel = pixel + hits.barycentric[..., i - 1, None] * (corner[:, :, i] - corner[:, :, 0])
        result = cv2.remap(self._tiles, pixel[..., 0], pixel[..., 1], cv2.INTER_LINEAR)
        untextured = self.reference[face] == NOT_SEEN
        result[untextured] = self._vertex_colors(face[untextured], hits.barycentric[untextured])
        result[~seen] = 0
        return result

    def _vertex_colors(self, face: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
        """uint8 (N, 3): the mesh's own colours, interpolated within N faces."""
        weights = np.concatenate([1 - barycentric.sum(-1, keepdims=True), barycentric], -1)
        colors = self._mesh.colors[self._mesh.faces[face]]
        return np.rint(np.einsum("nk,nkc->nc", weights, colors)).clip(0, 255).astype(np.uint8)


def choose_references(renderer: DepthRenderer, references: Sequence[Reference]) -> np.ndarray:
    """int64 (M,): of the references that see a face, the one that sees it and those around best.

    What counts is the resolution on the surface, cosine of the slant over distance. Smoothing it
    over the mesh before the choice makes large patches, and few seams.
    """
    mesh = renderer.mesh
    scores = np.stack([_resolutions(renderer, r) for r in references], -1)
    corners = mesh.faces.ravel()
    of_face = np.repeat(np.arange(len(mesh.faces)), 3)
    ones = np.ones(len(corners), np.float32)
    sum_of_corners = csr_array((ones, (of_face, corners)), (len(mesh.faces), len(mesh.vertices)))
    faces_at = np.maximum(sum_of_corners.sum(0), 1).astype(np.float32)
    smooth = scores
    for _ in range(SMOOTHING_ROUNDS):
        at_vertices = (sum_of_corners.T @ smooth) / faces_at[:, None]
        smooth = (sum_of_corners @ at_vertices) / np.float32(3)
    best = np.where(scores > 0, smooth, 0).argmax(-1)
    return np.where((scores > 0).any(-1), best, NOT_SEEN)


def _resolutions(renderer: DepthRenderer, reference: Reference) -> np.ndarray:
    """float32 (M,): cosine over distance (1/metre) of each face in a view, 0 = not visible."""
    corners = renderer.mesh.vertices[renderer.mesh.faces]
    centre = corners.mean(1)
    pixel, depth = reference.project(centre)
    _, depth_of_corners = reference.project(corners)
    k = reference.intrinsics
    last = np.array([k.width - 1, k.height - 1])
    inside = ((pixel >= MARGIN) & (pixel <= last - MARGIN)).all(-1)
    visible = inside & (depth_of_corners > MIN_DEPTH).all(-1)
    column, row = np.rint(np.clip(pixel, 0, last)).astype(int).T
    rendered = renderer.depth(k, reference.T_world_camera)
    visible &= np.abs(rendered[row, column] - depth) < MAX_DEPTH_DIFFERENCE
    sight = centre - reference.T_world_camera[:3, 3]
    distance = np.linalg.norm(sight, axis=-1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.maximum(np.linalg.norm(normal, axis=-1) * distance, np.finfo(np.float32).tiny)
    cosine = np.abs((normal * sight).sum(-1)) / length
    visible &= cosine > MIN_COSINE
    return np.where(visible, cosine / np.maximum(distance, MIN_DEPTH), 0).astype(np.float32)


def _tiled(images: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Equally large images side by side in one, about square, and their offsets (x, y) in it."""
    height, width, _ = images[0].shape
    columns = int(np.ceil(np.sqrt(len(images))))
    rows = -(-len(images) // columns)
    tiles = np.zeros((rows * height, columns * width, 3), np.uint8)
    offsets = np.array([divmod(i, columns)[::-1] for i in range(len(images))]) * (width, height)
    for image, (x, y) in zip(images, offsets, strict=True):
        tiles[y : y + height, x : x + width] = image
    return tiles, offsets
