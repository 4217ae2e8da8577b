"""Which views a network is given the image of, the rays of, or both.

Section 7.5 of the training specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class ShownShares:
    """Shares of the views that show their image alone, their rays alone, and both: of a sample
    whose units are metres, and but for its first view."""

    image: float = 0.8
    rays: float = 0.15


class Shown(NamedTuple):
    """What of one view the network sees."""

    image: bool
    rays: bool


def draw_shown(
    views: int, metric: bool, shares: ShownShares, rng: np.random.Generator
) -> list[Shown]:
    """Of a sample's views; one draw for each that may show rays. Rays are in metres, so views
    without units have none."""
    shown = [Shown(image=True, rays=False)]
    for _ in range(views - 1):
        drawn = rng.random() if metric else 0.0
        image_alone = not metric or drawn < shares.image
        rays_alone = not image_alone and drawn < shares.image + shares.rays
        shown.append(Shown(image=not rays_alone, rays=not image_alone))
    return shown
