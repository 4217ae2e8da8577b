"""Settings of the reference's pairwise alignment."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from mapper.core.quantities import Device, Keyframes, Whole
from mapper.core.settings_model import settings


@settings
class PairwiseModeConfig:
    """The reference's pairwise alignment (backend.align=pairwise).

    max_keyframes: more are thinned evenly, for time and memory grow with the square: 60 at 512x384
        need some 25 GB, 30 a quarter of that.
    iterations: steps of Adam.
    device: where it is computed; auto = a GPU if there is one.
    """

    max_keyframes: Annotated[Keyframes, Ge(2)] = 60
    iterations: Whole = 300
    device: Device = "auto"
