"""How far a view is from where it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.sim3 import inverse_similarity, log_sim3

MIN_SHIFT: Final = 0.05  # units
MIN_TURN: Final = 2.0  # degrees


@dataclass(frozen=True, slots=True)
class Misplacement:
    """Where views fit, against where the map has them. shift: units. turn_deg: degrees."""

    shift: float
    turn_deg: float

    @property
    def shows(self) -> bool:
        """Whether it is what a person would see in the map."""
        return self.shift >= MIN_SHIFT or self.turn_deg >= MIN_TURN


def misplacement(S_here: np.ndarray, S_there: np.ndarray) -> Misplacement:
    """From one pose (4, 4) of a view to another, as seen by the view."""
    moved = inverse_similarity(S_here) @ S_there
    turn = float(np.degrees(np.linalg.norm(log_sim3(moved)[:3])))
    return Misplacement(float(np.linalg.norm(moved[:3, 3])), turn)
