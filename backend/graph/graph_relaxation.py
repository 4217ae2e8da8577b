"""Poses from the edges of a graph alone, by linear solves: a start that no drift leads astray.

An edge says log s_j = log s_i + log s_ij, R_j = R_i R_ij and t_j = t_i + s_i R_i t_ij. Taken one
after the other, and the rotations as any 3x3 matrices that are made rotations afterwards, these
are three linear problems, which have no poor optimum to end in: chordal relaxation (Martinec and
Pajdla, CVPR 2007; Carlone et al., ICRA 2015). Wrong edges lose their weight by graduated
non-convexity (Yang et al., RA-L 2020), each round of which solves the three problems anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy.sparse import bsr_array, csc_array, diags_array
from scipy.sparse.linalg import cg
from scipy.special import gammaincinv

from mapper.backend.graph.edge import Edge
from mapper.backend.graph.graph_solver import EdgeFactors, squared_distances
from mapper.core.sim3 import scale_of

NARROWING = 2.0  # of the kernel from round to round; at 4 some right edges are given up
MIN_WEIGHT = 1e-6  # an edge may be all that holds a part
MODEST = 0.1  # squared error of edges, against what they claim, from which they are believed
MOST_MODEST = 1e-4  # squared error of edges against what they claim: a hundred times the sigmas
CONVERGED = 1e-6  # residual of a linear solve against its right side


def relaxed_poses(
    poses: Mapping[int, np.ndarray],
    edges: Sequence[Edge],
    held: Collection[int],
    factors: EdgeFactors,
    max_squared_distance: float,
) -> dict[int, np.ndarray]:
    """S_world_keyframe of all keyframes, near the optimum over the edges that agree.

    held: keyframes that stay, one at least in each connected part; where the others are does not
    matter. max_squared_distance: Mahalanobis, up to which an edge that may be wrong agrees; where
    most agree far better than they claim to, the kernel narrows further, to what they show.
    Raises LinAlgError where an edge's information is singular or nothing finite comes of it.
    """
    relaxation = Relaxation(poses, edges, held, factors.group.dof)
    doubtful = np.array([not edge.kind.is_trusted for edge in edges])
    weights, width, narrowest = np.ones(len(edges)), np.inf, max_squared_distance
    while True:
        solved = relaxation.solved(weights)
        distances = squared_distances(solved, edges, factors)
        furthest = np.max(distances[doubtful], initial=0.0)
        if not np.isfinite(furthest):
            raise np.linalg.LinAlgError("they have no finite solution")
        if width == max_squared_distance:
            narrowest = shown_limit(distances[doubtful], max_squared_distance, factors.group.dof)
        if furthest <= narrowest or width <= narrowest:
            return solved
        # Of Geman-McClure's kernel, which at first is as good as none
        width = max(min(width / NARROWING, 2 * furthest), narrowest)
        agreement = np.maximum((width / (distances + width)) ** 2, MIN_WEIGHT)
        weights = np.where(doubtful, agreement, 1.0)


def shown_limit(distances: np.ndarray, limit: float, dof: int) -> float:
    """Squared distance up to which edges agree, by the median of those within the claimed limit.

    Edges that claim to know far less than they do leave a map folded that wrong ones fold: the
    right ones bear it within their limit. As claimed where they agree about as well as they claim.
    """
    agreeing = distances[distances <= limit]
    if not len(agreeing):
        return limit
    share = float(np.median(agreeing)) / (2 * gammaincinv(dof / 2, 0.5))
    return limit if share > MODEST else limit * max(share, MOST_MODEST)


class Relaxation:
    """Solves for all poses at given weights of the edges."""

    def __init__(
        self,
        poses: Mapping[int, np.ndarray],
        edges: Sequence[Edge],
        held: Collection[int],
        dof: int,
    ) -> None:
        """See relaxed_poses. dof: 7 where scales are free, else 6."""
        self._ids = list(poses)
        row_of = {keyframe_id: row for row, keyframe_id in enumerate(poses)}
        self._pairs = np.array([(row_of[e.i], row_of[e.j]) for e in edges])
        self._held = np.array([row_of[k] for k in held])
        self._S_held = np.array([poses[k] for k in held])
        self._S_i_j = np.array([e.S_i_j for e in edges])
        self._precisions = _precisions(edges, dof)

    def solved(self, weights: np.ndarray) -> dict[int, np.ndarray]:
        """S_world_keyframe of all keyframes. weights: (N,) of the edges."""
        rotation, translation, *scale = (weights * each for each in self._precisions)
        scales = self._scales(scale[0]) if scale else np.ones(len(self._ids))
        S = np.tile(np.eye(4), (len(self._ids), 1, 1))
        S[:, :3, :3] = scales[:, None, None] * self._rotations(rotation)
        # An edge's translation is as certain as it is in the units of j.
        S[:, :3, 3] = self._positions(S, translation / scales[self._pairs[:, 1]] ** 2)
        S[self._held] = self._S_held
        return dict(zip(self._ids, S, strict=True))

    def _scales(self, precisions: np.ndarray) -> np.ndarray:
        """(K,)."""
        steps, held = (np.log(scale_of(S))[:, None, None] for S in (self._S_i_j, self._S_held))
        return np.exp(self._propagated(precisions, np.ones_like(steps), steps, held)[:, 0, 0])

    def _rotations(self, precisions: np.ndarray) -> np.ndarray:
        """(K, 3, 3). The problem is linear in their transposes: R_j^T = R_ij^T R_i^T."""
        R_j_i, held = (_rotations(S).swapaxes(1, 2) for S in (self._S_i_j, self._S_held))
        solved = self._propagated(precisions, R_j_i, np.zeros_like(R_j_i), held)
        return _nearest_rotations(solved.swapaxes(1, 2))

    def _positions(self, S: np.ndarray, precisions: np.ndarray) -> np.ndarray:
        """(K, 3). S: (K, 4, 4), whose scales and rotations count."""
        sR_i = S[self._pairs[:, 0], :3, :3]
        steps = (sR_i @ self._S_i_j[:, :3, 3:]).swapaxes(1, 2)
        ones = np.ones((len(steps), 1, 1))
        return self._propagated(precisions, ones, steps, self._S_held[:, None, :3, 3])[:, 0]

    def _propagated(
        self, weights: np.ndarray, A: np.ndarray, b: np.ndarray, held: np.ndarray
    ) -> np.ndarray:
        """X (K, k, c) that makes the sum of w |X_j - A X_i - b|^2 over all edges least.

        weights: (N,). A: (N, k, k). b: (N, k, c). held: X of the keyframes that stay.
        """
        keyframes, size, columns = len(self._ids), b.shape[1], b.shape[2]
        roots = np.sqrt(weights)[:, None, None]
        ones = np.broadcast_to(np.eye(size), A.shape)
        blocks = np.stack([-roots * A, roots * ones], axis=1).reshape(-1, size, size)
        ends = np.arange(0, len(blocks) + 1, 2)  # two blocks a row: X_i and X_j
        shape = (len(A) * size, keyframes * size)
        jacobian = bsr_array((blocks, self._pairs.ravel(), ends), shape=shape).tocsc()
        X = np.zeros((keyframes, size, columns))
        X[self._held] = held
        moves = np.ones((keyframes, size), bool)
        moves[self._held] = False
        target = (roots * b).reshape(-1, columns) - jacobian @ X.reshape(-1, columns)
        moving = jacobian[:, np.flatnonzero(moves)]
        X[moves] = _least_squares(moving, target).reshape(-1, columns)
        return X


def _precisions(edges: Sequence[Edge], dof: int) -> list[np.ndarray]:
    """(N,) each, of rotation, translation and, if dof is 7, log scale: one for all directions,
    so that one that is open makes the whole uncertain."""
    covariances = np.linalg.inv(np.array([edge.information[:dof, :dof] for edge in edges]))
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    return [1 / variances[:, first : first + 3].mean(axis=1) for first in range(0, dof, 3)]


def _rotations(S: np.ndarray) -> np.ndarray:
    return S[:, :3, :3] / scale_of(S)[:, None, None]


def _nearest_rotations(M: np.ndarray) -> np.ndarray:
    """Of any matrices (K, 3, 3); a reflection is none."""
    U, _, Vt = np.linalg.svd(M)
    U[:, :, 2] *= np.linalg.det(U @ Vt)[:, None]
    return U @ Vt


def _least_squares(jacobian: csc_array, target: np.ndarray) -> np.ndarray:
    """X (n, c) of jacobian @ X = target (m, c), by conjugate gradients.

    Wrong loops join everything to everything: a factorisation then fills up (20 s for 10000
    keyframes), while these converge the sooner (0.1 s).
    """
    normal = (jacobian.T @ jacobian).tocsr()
    scaling = diags_array(1 / normal.diagonal())
    limit = normal.shape[0]
    columns = (jacobian.T @ target).T
    return np.stack(
        [cg(normal, b, rtol=CONVERGED, maxiter=limit, M=scaling)[0] for b in columns], 1
    )
