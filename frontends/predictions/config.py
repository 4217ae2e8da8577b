"""The settings of the frontend predictions."""

from __future__ import annotations

from typing import Annotated, Literal

from mapper.core.quantities import WORD, NonNegative, Text
from mapper.core.settings_model import settings


@settings
class PredictionsConfig:
    """The frontend predictions: what another model saved of the sequence.

    path: the file or folder.
    adapter: the name of the layout; auto = found by its files.
    pose_direction: of the stored poses, camera to world or world to camera; auto = as the layout
        has it.
    axes: of the stored cameras; opencv = x right, y down, z forward; opengl = x right, y up, z
        back; auto = as the layout has it.
    metric: the stored depths and positions are metres; auto = as the layout has it.
    fit: how the sequence's images became the predictions': resized, resized and cut in the middle,
        or resized with margins; auto = told by the sizes, and by the stored images where there are.
    min_confidence: points of less are left out.
    """

    path: Text = ""
    adapter: Text = "auto"
    pose_direction: Annotated[Literal["auto", "c2w", "w2c"], WORD] = "auto"
    axes: Annotated[Literal["auto", "opencv", "opengl"], WORD] = "auto"
    metric: Annotated[Literal["auto", "on", "off"], WORD] = "auto"
    fit: Annotated[Literal["auto", "resize", "crop", "pad"], WORD] = "auto"
    min_confidence: NonNegative = 0.0
