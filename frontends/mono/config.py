"""The settings of the frontend mono."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from mapper.core.quantities import WORD, Count, Keyframes, NonNegative, Pixels, Unit
from mapper.core.settings_model import settings


@settings
class MonoConfig:
    """The frontend mono: colour images alone, no weights.

    focal: length, of the images as they are worked on; 0 = as the sequence knows it, else found.
    refine: focal length and radial distortion, by all keyframes; auto = from what is known of them,
        off = they stay.
    loops: what keyframes see of places of another time ties the map together in the end, where the
        images are explained better with it; off = it does not.
    depth_every: keyframes from one with a depth map to the next.
    depth_width: of the depth maps.
    planes: depths that are tried.
    neighbours: keyframes by which the depth of one is found.
    max_points: looked for in an image.
    """

    focal: Annotated[NonNegative, Unit("px")] = 0.0
    refine: Annotated[Literal["auto", "off"], WORD] = "auto"
    loops: Annotated[Literal["auto", "off"], WORD] = "auto"
    depth_every: Keyframes = 2
    depth_width: Pixels = 320
    planes: Annotated[Count, Ge(8), Le(256)] = 80
    neighbours: Annotated[Keyframes, Ge(2)] = 5
    max_points: Annotated[Count, Ge(100)] = 1000
