"""How well does a network's map know where its cameras are?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.core.sim3 import adjoint_sim3, inverse_similarity

if TYPE_CHECKING:
    from jaxtyping import Float64

# What the alignment's correspondences say counts for so much: those of an image err together. By 21
# walks of two small networks (docs/benchmarks.md), as BADLY is.
INDEPENDENT: Final = 0.02
MOST_KEYFRAMES: Final = 400  # of which the full matrix takes 60 MB and two seconds
BADLY: Final = 0.06  # of the depth of what is seen, from which on it is worth a sentence
TINY: Final = 1e-9

Link = tuple[int, int, np.ndarray]  # ids of two keyframes i and j, information (7, 7) of S_i_j


@dataclass(frozen=True, slots=True)
class PlaceKnowledge:
    """rms: what the keyframes' places may be off by once the map is fitted [units]. depth: median
    of what they saw."""

    rms: float
    depth: float

    @property
    def share(self) -> float:
        """Of the depth."""
        return self.rms / max(self.depth, TINY)

    @property
    def is_bad(self) -> bool:
        """Whether the map may be bent by what anybody would see."""
        return self.share >= BADLY


def place_knowledge(final: GlobalMap, edges: Sequence[Edge]) -> PlaceKnowledge | None:
    """By what the graph's edges and the alignment's correspondences leave open; None of a map of
    too many keyframes, or of too few for the question to mean anything.

    edges: those that the graph believes.
    """
    poses = final.poses
    if not 3 <= len(poses) <= MOST_KEYFRAMES:
        return None
    links: list[Link] = [(e.i, e.j, e.information) for e in edges if {e.i, e.j} <= poses.keys()]
    if final.alignment is not None:
        seen = final.alignment.information.items()
        links += [(i, j, INDEPENDENT * told) for (i, j), told in seen]
    covariance = _of_places(poses, links)
    places = np.array([S[:3, 3] for S in poses.values()])
    off = _unexplained(places, covariance)
    depths = [np.linalg.norm(poses[k.id][:3, 0]) * k.median_depth for k in final.keyframes]
    return PlaceKnowledge(off, float(np.median(depths)))


def _of_places(
    poses: Mapping[int, np.ndarray], links: Sequence[Link]
) -> Float64[np.ndarray, "n n"]:
    """Covariance (3 N, 3 N) of the keyframes' places in the world, the first one held.

    Poses are perturbed on the right; of S_i_j = S_i^-1 S_j that moves the tangent by
    x_j - Ad(S_i_j^-1) x_i.
    """
    row = {keyframe_id: number for number, keyframe_id in enumerate(poses)}
    H = np.zeros((len(poses), 7, len(poses), 7))
    for i, j, information in links:
        a, b = row[i], row[j]
        J = -adjoint_sim3(inverse_similarity(poses[j]) @ poses[i])
        H[a, :, a] += J.T @ information @ J
        H[b, :, b] += information
        H[a, :, b] += J.T @ information
        H[b, :, a] += information @ J
    free = H.reshape(7 * len(poses), -1)[7:, 7:]
    scale = 1 / np.sqrt(np.maximum(free.diagonal(), TINY))
    scaled = free * scale * scale[:, None]
    inverse = np.linalg.inv(scaled + TINY * np.eye(len(scaled))) * scale * scale[:, None]
    covariance = np.zeros((len(poses), 3, len(poses), 3))
    turns = np.array([S[:3, :3] for S in poses.values()])
    own = inverse.reshape(len(poses) - 1, 7, -1, 7)[:, 3:6, :, 3:6]
    covariance[1:, :, 1:] = np.einsum("nab,nbmc,mdc->namd", turns[1:], own, turns[1:])
    return covariance.reshape(3 * len(poses), -1)


def _unexplained(places: np.ndarray, covariance: np.ndarray) -> float:
    """RMS of the places (N, 3) by their covariance, without what turning, shifting and scaling the
    whole takes away, as an absolute trajectory error is without it."""
    centred = places - places.mean(0)
    moves = np.zeros((len(places), 3, 7))
    moves[:, :, :3] = np.eye(3)
    moves[:, :, 3:6] = -np.cross(np.eye(3)[None], centred[:, None]).transpose(0, 2, 1)
    moves[:, :, 6] = centred
    basis, _ = np.linalg.qr(moves.reshape(-1, 7))
    left = covariance - basis @ (basis.T @ covariance)
    variance = float(np.trace(left) - np.einsum("ia,ij,ja->", basis, left, basis))
    return float(np.sqrt(max(variance, 0.0) / len(places)))
