"""The pose graph's edges as terms of the alignment: they hold what no correspondence does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapper.backend.alignment.residuals import POSE
from mapper.backend.graph.edge import Edge
from mapper.core.sim3 import adjoint_sim3, inverse_similarity, log_sim3


class EdgeTerms:
    """Edges between rows of the views. Residual: log of what the poses contradict an edge by.

    weight: on their information, which was measured on depths that the alignment corrects.
    """

    def __init__(self, edges: Sequence[Edge], weight: float) -> None:
        self._i = np.array([e.i for e in edges], int)
        self._j = np.array([e.j for e in edges], int)
        self._measured = np.array([inverse_similarity(e.S_i_j) for e in edges]).reshape(-1, 4, 4)
        self._information = weight * np.array([e.information for e in edges]).reshape(-1, 7, 7)

    def cost(self, S: np.ndarray) -> float:
        """Half the squared residuals at poses S (N, 4, 4)."""
        residuals, _ = self._residuals(S)
        return 0.5 * float(np.einsum("na,nab,nb->", residuals, self._information, residuals))

    def blocks(self, S: np.ndarray, size: int) -> list[tuple[int, int, np.ndarray, np.ndarray]]:
        """(i, j, H (2 size, 2 size), g (2 size,)) of each edge; a view has `size` variables.

        The derivative is that near zero residual, where the inverse right Jacobian is 1.
        """
        residuals, S_i_j = self._residuals(S)
        places = np.r_[0:POSE, size : size + POSE]
        terms = []
        for row, (i, j) in enumerate(zip(self._i.tolist(), self._j.tolist(), strict=True)):
            J = np.hstack((-adjoint_sim3(inverse_similarity(S_i_j[row])), np.eye(POSE)))
            H, g = np.zeros((2 * size, 2 * size)), np.zeros(2 * size)
            H[np.ix_(places, places)] = J.T @ self._information[row] @ J
            g[places] = J.T @ self._information[row] @ residuals[row]
            terms.append((i, j, H, g))
        return terms

    def _residuals(self, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """((E, 7), S_i_j (E, 4, 4)) at poses S."""
        S_i_j = inverse_similarity(S[self._i]) @ S[self._j]
        contradiction = self._measured @ S_i_j
        return np.array([log_sim3(D) for D in contradiction]).reshape(-1, POSE), S_i_j
