"""Frames of a camera that sees nothing, and what a tracker of lost frames says after a kill."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.rooms.sample.camera import sample_intrinsics


def black(index: int) -> Frame:
    """In the dark."""
    image, depth = np.zeros((240, 320, 3), np.uint8), np.zeros((240, 320), np.float32)
    return Frame(index, index / 30, image, depth, sample_intrinsics(320, 240))


def taken_up_again(frames: Sequence[Frame], cut: int) -> tuple[list[Prediction], list[Prediction]]:
    """What waits at the end, of a tracker that saw all frames, and of one that goes on after `cut`
    of them from what the first had written down."""
    by_index = {frame.index: frame for frame in frames}
    whole = RgbdFrontend()
    for frame in frames[:cut]:
        whole.step(frame)
    note = json.loads(json.dumps(whole.snapshot().note()))
    again = RgbdFrontend()
    again.restore(note, by_index.__getitem__)
    for frame in frames[cut:]:
        whole.step(frame)
        again.step(frame)
    return whole.flush(), again.flush()
