"""The settings of the frontend sfm."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le

from mapper.core.quantities import Count, Frames, Pixels
from mapper.core.settings_model import settings


@settings
class SfmConfig:
    """The frontend sfm: photographs, unordered or far apart, all looked at together in the end.

    max_frames: of a sequence; longer ones are refused.
    max_side: images are worked on with at most so many pixels along their longer side.
    max_features: of an image.
    exhaustive: up to so many images each is matched with all others; of more, each with those that
        come soon after it, so that their order matters.
    depth_width: of the depth maps.
    planes: depths that are tried.
    neighbours: images by which the depth of one is found.
    """

    max_frames: Frames = 200
    max_side: Annotated[Pixels, Ge(64)] = 1280
    max_features: Annotated[Count, Ge(100)] = 3000
    exhaustive: Frames = 60
    depth_width: Pixels = 320
    planes: Annotated[Count, Ge(8), Le(256)] = 80
    neighbours: Annotated[Frames, Ge(2)] = 5
