"""Constants of the keyframe loop."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class LoopRules:
    """Published values of AMB3R-VO. Distances of cameras: radians / pi plus map units.

    first: frames of the first call. every: new frames of each later one. most: active keyframes
    beyond which they are chosen anew; least: as many then, of which `nearest` and the newest are
    near one another, and `bridges` tie them to the rest. apart: distance beyond which a frame may
    become a keyframe. fill: largest distance to the nearest chosen keyframe of one that joins them;
    farthest: to all of them, and of a new keyframe to the active ones. between: smallest distance
    among the nearest. loop: frames since a keyframe that is taken though it is no farther.
    """

    first: int = 20
    every: int = 8
    most: int = 10
    least: int = 7
    nearest: int = 4
    bridges: int = 1
    apart: float = 0.15
    fill: float = 0.4
    farthest: float = 1.2
    forward: float = 1.2
    between: float = 0.1
    loop: int = 200

    def with_most(self, most: int) -> LoopRules:
        """With another number of active keyframes, 3 or more, of which no more are chosen anew."""
        least = min(self.least, most)
        return replace(self, most=most, least=least, nearest=min(self.nearest, least - 2))
