"""How far the frontend's own chain of poses may be off between any two keyframes."""

from __future__ import annotations

import numpy as np

from mapper.core.sim3 import adjoint_sim3, inverse_similarity, log_sim3

PRIOR_WEIGHT = 4.0  # steps that the configured sigmas count for before any were observed


class OdometryChain:
    """Running sums over the chain of odometry edges: a query costs the same at any length.

    The drift of a step is taken from what was seen: the squared corrections that dense alignment
    made to the steps so far, averaged, are the covariance of a step. Steps are independent, and
    are carried into the chain's world by the adjoint, where the covariances of a stretch add up.
    """

    def __init__(self, sigma_rotation: float, sigma_translation: float, sigma_scale: float) -> None:
        sigmas = [sigma_rotation] * 3 + [sigma_translation] * 3 + [sigma_scale]
        self._squares = PRIOR_WEIGHT * np.array(sigmas) ** 2
        self._steps = PRIOR_WEIGHT
        self._poses: dict[int, np.ndarray] = {}
        self._covariances: dict[int, np.ndarray] = {}
        self._links: dict[int, int] = {}

    def begin(self, keyframe_id: int) -> None:
        """A keyframe that nothing ties to the one before."""
        self._poses[keyframe_id] = np.eye(4)
        self._covariances[keyframe_id] = np.zeros((7, 7))
        self._links[keyframe_id] = keyframe_id

    def extend(
        self,
        i: int,
        j: int,
        S_i_j: np.ndarray,
        correction: np.ndarray | None,
        covariance: np.ndarray | None = None,
    ) -> None:
        """Keyframe j follows i. correction: (7,), what alignment changed about it, or None.

        covariance: (7, 7), of a step that is known worse than the others.
        """
        if correction is not None:
            self._squares += correction**2
            self._steps += 1
        self._poses[j] = self._poses[i] @ S_i_j
        adjoint = adjoint_sim3(self._poses[j])  # a correction comes after its step
        step = np.diag(self._squares / self._steps) if covariance is None else covariance
        self._covariances[j] = self._covariances[i] + adjoint @ step @ adjoint.T
        self._links[j] = self._links[i]

    def forget(self, keyframe_id: int) -> None:
        """A keyframe that nobody asks for any more; the chain goes on past it."""
        for known in (self._poses, self._covariances, self._links):
            known.pop(keyframe_id, None)

    def squared_distance(
        self, i: int, j: int, S_i_j: np.ndarray, own: np.ndarray | None = None
    ) -> float | None:
        """Squared Mahalanobis distance of a measured S_i_j from the chain's, i < j.

        own: (7, 7), covariance of a right-multiplied tangent of what was measured; None = next to
        nothing beside the chain's. None where the chain does not lead from one to the other: then
        it has nothing to say.
        """
        if self._links.get(i, -1) != self._links.get(j, -2):
            return None
        S_chain_i, S_chain_j = self._poses[i], self._poses[j]
        # exp(x) S_j = S_i S_i_j: what would have to happen to j in the chain's world.
        x = log_sim3(S_chain_i @ S_i_j @ inverse_similarity(S_chain_j))
        covariance = self._covariances[j] - self._covariances[i] + 1e-8 * np.eye(7)
        if own is not None:
            adjoint = adjoint_sim3(S_chain_j)
            covariance = covariance + adjoint @ own @ adjoint.T
        return float(x @ np.linalg.solve(covariance, x))
