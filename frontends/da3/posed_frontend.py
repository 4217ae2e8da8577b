"""The frontend da3-posed: a tracker's poses, and depth by Depth Anything 3 under them."""

from __future__ import annotations

from typing import Any

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.frontends.da3.deepening import NAME, Deepener
from mapper.frontends.mono.frontend import MonoFrontend
from mapper.frontends.rgbd.frontend import RgbdFrontend


class _Deepened:
    """Before a tracker among the bases: its answers get the network's depth."""

    name = NAME

    def __init__(self, deepener: Deepener, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._deepener = deepener

    def step(self, frame: Frame) -> list[Prediction]:
        """As the tracker answers."""
        self._deepener.see(frame)
        return [self._deepener.deeper(told) for told in super().step(frame)]  # type: ignore[misc]

    def flush(self) -> list[Prediction]:
        """As the tracker answers."""
        return [self._deepener.deeper(told) for told in super().flush()]  # type: ignore[misc]


class PosedByMono(_Deepened, MonoFrontend):
    """Of colour alone: keyframes get the network's depth at the scale of the tracker's points."""


class PosedByRgbd(_Deepened, RgbdFrontend):
    """Of a depth camera: what it sees stays, what is too far for it the network sees."""
