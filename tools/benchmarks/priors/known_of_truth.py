"""What other sensors and a tape would say of a simulated sequence, with their errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from simulation.truth import DepthRenderer

from mapper.backend.global_map import GlobalMap, MapOf
from mapper.backend.graph.priors import LengthPrior, ScalePrior, TagSighting
from mapper.core.geometry import backproject, exp_se3, inverse, pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory, nearest_times
from mapper.errors import InputError
from mapper.measured.lengths import ImageLength, of_image
from mapper.measured.sensor_depth import of_keyframe
from mapper.measured.tags import SeenTag, TagKind, sighting

TAG: Final = TagKind("36h11", 0.16)
TURN_DEG: Final = 1.0  # that a tracker's rotation is off at the end
CORNER_PX: Final = 0.3
RANGE: Final = 0.01  # share by which the distance of a tag or of a range finder is off
PATCH: Final = 8  # pixels a side of a middle, whose surface a tag hangs on
FLAT: Final = 0.01  # metres
LEAST_SIDE: Final = 14.0  # pixels
SHORTEST: Final = 0.5  # metres, of a measured length


def tracked(truth: Trajectory, drift: float, rng: np.random.Generator) -> Trajectory:
    """A phone's poses: their error is a random walk, at the end `drift` of the way long."""
    T = truth.T_world_camera
    way = float(np.linalg.norm(np.diff(truth.positions, axis=0), axis=1).sum())
    steps = np.sqrt(3 * (len(T) - 1))
    sigmas = np.array([np.radians(TURN_DEG)] * 3 + [drift * way] * 3) / steps
    found = [T[0]]
    for before, after in pairwise(T):
        found.append(found[-1] @ inverse(before) @ after @ exp_se3(sigmas * rng.normal(size=6)))
    return Trajectory(truth.timestamps, np.array(found))


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """The truth of a run. saved: its map, mesh: that of the map, map_of: its keyframes' maps."""

    renderer: DepthRenderer
    truth: Trajectory
    camera: Intrinsics
    saved: GlobalMap
    mesh: Mesh
    map_of: MapOf

    def pose_of(self, keyframe: int) -> np.ndarray:
        """T_world_camera (4, 4) of the keyframe in a row of the map."""
        time = np.array([self.saved.keyframes[keyframe].timestamp])
        return self.truth.T_world_camera[nearest_times(self.truth.timestamps, time)[0]]

    def lengths(self, count: int, rng: np.random.Generator) -> Iterator[LengthPrior]:
        """Each between two pixels of a keyframe, half a per cent off."""
        made = 0
        while made < count:
            row = int(rng.integers(len(self.saved.keyframes)))
            keyframe = self.saved.keyframes[row]
            view = self.map_of(keyframe.id)
            true = backproject(
                self.renderer.depth(view.intrinsics, self.pose_of(row)), view.intrinsics
            )
            pixels = rng.integers((0, 0), (view.intrinsics.width, view.intrinsics.height), (2, 2))
            ends = np.array([_beside_edges(true, u, v) for u, v in pixels])
            metres = float(np.linalg.norm(ends[0] - ends[1]) * (1 + 0.005 * rng.normal()))
            if (ends[:, 2] <= 0).any() or metres < SHORTEST:
                continue
            (u, v), (x, y) = pixels.astype(float).tolist()
            asked = ImageLength(keyframe.frame_index, (u, v), (x, y), metres)
            try:
                yield of_image(asked, self.saved, self.mesh, self.map_of)
            except InputError:  # a pixel without depth, or one that is refused
                continue
            made += 1

    def scales(self, count: int, rng: np.random.Generator) -> list[ScalePrior]:
        """By so many readings of a range finder in each keyframe, 1 % off."""
        found = []
        for row, keyframe in enumerate(self.saved.keyframes):
            view = self.map_of(keyframe.id)
            true = self.renderer.depth(view.intrinsics, self.pose_of(row))
            size = view.intrinsics.width, view.intrinsics.height
            u, v = rng.integers((0, 0), size, (count, 2)).T
            sensed = true[v, u] * (1 + RANGE * rng.normal(size=count))
            made = of_keyframe("range finder", keyframe.id, sensed, view.depth[v, u])
            found += [made] if made is not None else []
        return found

    def sightings(self, count: int, rng: np.random.Generator) -> list[TagSighting]:
        """Of so many tags on the walls, spread over the way, by all keyframes that see them."""
        found: list[TagSighting] = []
        for number, share in enumerate((np.arange(count) + 0.5) / count):
            first = int(share * len(self.saved.keyframes))
            T_world_tag = self._put_up(first)
            for row, keyframe in enumerate(self.saved.keyframes):
                corners = self._corners(row, T_world_tag, rng)
                if corners is None:
                    continue
                view = self.map_of(keyframe.id)
                made = sighting(SeenTag(number, corners), TAG, keyframe.id, self.camera, view)
                found += [made] if made is not None else []
        return found

    def _put_up(self, first: int) -> np.ndarray:
        """T_world_tag (4, 4), on the first flat patch that a keyframe from here on sees."""
        for row in [*range(first, len(self.saved.keyframes)), *range(first)]:
            T = self.pose_of(row)
            points = backproject(self.renderer.depth(self.camera, T), self.camera)
            for v in range(120, 400, 40):
                for u in range(160, 500, 40):
                    patch = points[v - PATCH : v + PATCH, u - PATCH : u + PATCH].reshape(-1, 3)
                    made = _on(patch.astype(float))
                    if made is not None:
                        return T @ made
        raise InputError("no wall for a tag")

    def _corners(
        self, row: int, T_world_tag: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Pixels (4, 2) of a tag in a keyframe's image; None where it is not seen well."""
        half, T = TAG.size / 2, inverse(self.pose_of(row)) @ T_world_tag
        square = np.array([[-half, half], [half, half], [half, -half], [-half, -half], [0, 0]])
        points = square @ T[:3, :2].T + T[:3, 3]
        if (points[:, 2] < 0.2).any() or T[:3, 2] @ T[:3, 3] > -0.5 * np.linalg.norm(T[:3, 3]):
            return None
        camera = self.camera
        pixels = points[:, :2] / points[:, 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
        if (pixels < 2).any() or (pixels > [camera.width - 3, camera.height - 3]).any():
            return None
        u, v = np.rint(pixels[4]).astype(int)
        seen = self.renderer.depth(camera, self.pose_of(row))[v, u]
        side = np.linalg.norm(pixels[0] - pixels[1])
        if abs(seen - points[4, 2]) > 0.03 or side < LEAST_SIDE:
            return None
        grown = pixels[4] + (pixels[:4] - pixels[4]) * (1 + RANGE * rng.normal())
        return np.asarray(grown + CORNER_PX * rng.normal(size=(4, 2)))


def _beside_edges(points: np.ndarray, u: int, v: int) -> np.ndarray:
    """The point (3,) at a pixel; zeros at the edge of something, where nobody measures to."""
    near = points[max(v - 2, 0) : v + 3, max(u - 2, 0) : u + 3, 2]
    return np.zeros(3) if np.ptp(near) > 0.03 * near.max() else points[v, u]


def _on(patch: np.ndarray) -> np.ndarray | None:
    """T_camera_tag (4, 4) upright on a patch (N, 3) of a wall; None where it is none."""
    if (patch[:, 2] <= 0.5).any() or (patch[:, 2] > 2.5).any():
        return None
    middle = patch.mean(axis=0)
    _, spread, axes = np.linalg.svd(patch - middle)
    normal = axes[2] * -np.sign(axes[2] @ middle)
    if spread[2] / np.sqrt(len(patch)) > FLAT or normal @ middle > -0.8 * np.linalg.norm(middle):
        return None
    right = np.array([1.0, 0, 0]) - normal[0] * normal
    right /= np.linalg.norm(right)
    return pose(np.column_stack([right, np.cross(normal, right), normal]), middle)
