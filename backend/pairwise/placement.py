"""A first place for every image: along the most trusted pairs, each joined to what lies already."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree

from mapper.backend.pairwise.pairs import image_confidence
from mapper.core.geometry import inverse, pose, transform, umeyama
from mapper.core.image_pairs import ImagePair
from mapper.core.sim3 import similarity
from mapper.vision.pointmap_focal import weiszfeld_focal

logger = logging.getLogger(__name__)

PNP_CONFIDENCE = 3.0
PNP_ITERATIONS = 10
PNP_PIXELS = 5.0
PNP_POINTS = 4
FOCAL_CANDIDATES = 21
FOCAL_RANGE = (0.5, 3.0)  # times the longer side


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """points: float64 (n, h, w, 3) in the world. T_world_camera: (n, 4, 4). focals: (n,), pixels.

    The world is the root camera of the most trusted pair, at that pair's scale.
    """

    points: np.ndarray
    T_world_camera: np.ndarray
    focals: np.ndarray


def placed_along_tree(pairs: Sequence[ImagePair], images: int) -> Placement:
    """Every image, placed along the maximum spanning tree of the pairs' scores.

    Source: the written description of CUT3R's global alignment, section 5 ("mst").
    """
    tree = spanning_tree(pairs, images)
    scene = _Scene(pairs[0].pointmap_i.shape[:2])
    scene.begin(tree[0])
    previous, waiting = tree[0], deque(tree[1:])
    while waiting:
        pair = waiting.popleft()
        # As published: the root's focal length comes from the pair before, whose root it is not.
        scene.focals.setdefault(pair.i, scene.focal(previous))
        if scene.place(pair):
            previous = pair
        else:
            waiting.append(pair)
    for pair in sorted(pairs, key=lambda p: -p.score):
        if pair.i not in scene.focals:
            scene.focals[pair.i] = scene.focal(pair)
    confidence = image_confidence(pairs, images)
    for image in range(images):
        if image not in scene.poses:
            scene.resect(image, confidence[image], pairs)
    every = range(images)
    return Placement(
        np.stack([scene.points[image] for image in every]),
        np.stack([scene.poses[image] for image in every]),
        np.array([scene.focals[image] for image in every]),
    )


def spanning_tree(pairs: Sequence[ImagePair], images: int) -> list[ImagePair]:
    """The pairs that join all images with the largest scores, best first."""
    by_ends: Mapping[tuple[int, int], ImagePair] = {(p.i, p.j): p for p in pairs}
    ends = ([p.i for p in pairs], [p.j for p in pairs])
    graph = coo_matrix(([-p.score for p in pairs], ends), shape=(images, images))
    tree = minimum_spanning_tree(graph.tocsr()).tocoo()
    chosen = zip((-tree.data).tolist(), tree.row.tolist(), tree.col.tolist(), strict=True)
    return [by_ends[i, j] for _, i, j in sorted(chosen, reverse=True)]


class _Scene:
    """What is placed so far, by image: points in the world, camera poses, focal lengths."""

    def __init__(self, size: tuple[int, ...]) -> None:
        self.height, self.width = size
        self.points: dict[int, np.ndarray] = {}
        self.poses: dict[int, np.ndarray] = {}
        self.focals: dict[int, float] = {}

    def begin(self, pair: ImagePair) -> None:
        """The world is this pair's root camera."""
        self.points[pair.i] = pair.pointmap_i.astype(np.float64)
        self.points[pair.j] = pair.pointmap_j.astype(np.float64)
        self.poses[pair.i] = np.eye(4)
        self.focals[pair.i] = self.focal(pair)

    def place(self, pair: ImagePair) -> bool:
        """Fit the side that lies already and bring the other with it; false where neither lies."""
        if pair.i in self.points:
            target, source = self.points[pair.i], pair.pointmap_i
            scale, T = fitted(source, target, pair.confidence_i)
            self.points[pair.j] = transform(similarity(scale, T), pair.pointmap_j)
        elif pair.j in self.points:
            target, source = self.points[pair.j], pair.pointmap_j
            scale, T = fitted(source, target, pair.confidence_j)
            self.points[pair.i] = transform(similarity(scale, T), pair.pointmap_i)
        else:
            return False
        self.poses.setdefault(pair.i, T)
        return True

    def focal(self, pair: ImagePair) -> float:
        """What the root's points imply, pixels; the longer side where they imply none."""
        centre = torch.tensor([[self.width / 2, self.height / 2]])
        focal = float(weiszfeld_focal(torch.from_numpy(pair.pointmap_i)[None].float(), centre)[0])
        return focal if np.isfinite(focal) and focal > 0 else float(max(self.width, self.height))

    def resect(self, image: int, confidence: np.ndarray, pairs: Sequence[ImagePair]) -> None:
        """The camera that sees the image's points; also its focal length if that is unknown.

        Where that fails: from a pair with the image at its root, else the world's origin.
        """
        longest = max(self.width, self.height)
        known = self.focals.get(image)
        lowest, highest = (longest * factor for factor in FOCAL_RANGE)
        focals = [known] if known else np.geomspace(lowest, highest, FOCAL_CANDIDATES).tolist()
        found = [self._pnp(image, confidence > PNP_CONFIDENCE, focal) for focal in focals]
        inliers = [count for count, _ in found]
        best = int(np.argmax(inliers))
        self.focals.setdefault(image, focals[best] if inliers[best] else float(longest))
        if inliers[best]:
            self.poses[image] = found[best][1]
            return
        rooted = [pair for pair in pairs if pair.i == image]
        logger.warning("image %d: no camera fits its points; placed by a pair, or not", image)
        self.poses[image] = np.eye(4)
        if rooted:
            pair = max(rooted, key=lambda p: p.score)
            fit = fitted(pair.pointmap_i, self.points[image], pair.confidence_i)
            self.poses[image] = fit[1]

    def _pnp(self, image: int, mask: np.ndarray, focal: float) -> tuple[int, np.ndarray]:
        """Inliers and T_world_camera of the best of a few samples; none where it fails."""
        rows, columns = np.nonzero(mask)
        if len(rows) < PNP_POINTS:
            return 0, np.eye(4)
        K = np.array([[focal, 0, self.width / 2], [0, focal, self.height / 2], [0, 0, 1]])
        pixels = np.stack([columns, rows], -1).astype(np.float32)
        try:
            success, rotation, translation, inliers = cv2.solvePnPRansac(
                self.points[image][mask].astype(np.float32),
                pixels,
                K,
                None,
                iterationsCount=PNP_ITERATIONS,
                reprojectionError=PNP_PIXELS,
                flags=cv2.SOLVEPNP_SQPNP,
            )
        except cv2.error:
            return 0, np.eye(4)
        if not success or inliers is None:
            return 0, np.eye(4)
        return len(inliers), inverse(pose(cv2.Rodrigues(rotation)[0], translation[:, 0]))


def fitted(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """(s, T) with target ~ s R source + t. source, target: (h, w, 3). weights: (h, w)."""
    return umeyama(source.reshape(-1, 3), target.reshape(-1, 3), True, weights.reshape(-1))
