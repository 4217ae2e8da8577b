"""How well two keyframes are known against one another, by their correspondences."""

from __future__ import annotations

import numpy as np

from mapper.backend.alignment.blocks import Blocks
from mapper.backend.alignment.problem import Problem
from mapper.backend.alignment.similarities import POSE


def relative_information(problem: Problem, blocks: Blocks) -> dict[tuple[int, int], np.ndarray]:
    """Information (7, 7) of S_i_j, perturbed on the right, for rows i < j of the views.

    View i is held, both depth corrections are marginalised: what they can explain away is not
    known. Both directions of a pair count.
    """
    size = problem.size
    totals: dict[tuple[int, int], np.ndarray] = {}
    swapped = np.r_[size : 2 * size, 0:size]
    for H, (i, j) in zip(blocks.H.cpu().numpy(), problem.pairs.listed(), strict=True):
        ordered = H if i < j else H[np.ix_(swapped, swapped)]
        key = (min(i, j), max(i, j))
        totals[key] = totals.get(key, 0) + ordered
    pose_j = np.r_[size : size + POSE]
    if problem.correction_sigma <= 0:
        return {key: H[np.ix_(pose_j, pose_j)] for key, H in totals.items()}
    grids = np.r_[POSE:size, size + POSE : 2 * size]
    own = np.kron(np.eye(2), problem.correction_information.cpu().numpy())
    return {key: _marginal(H, pose_j, grids, own) for key, H in totals.items()}


def _marginal(H: np.ndarray, kept: np.ndarray, gone: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Schur complement of the variables that are gone, their prior taken in."""
    coupling = H[np.ix_(gone, kept)]
    inner = H[np.ix_(gone, gone)] + prior
    return H[np.ix_(kept, kept)] - coupling.T @ np.linalg.solve(inner, coupling)
