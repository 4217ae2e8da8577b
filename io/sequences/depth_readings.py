"""What a sequence's own depth tells: whether its unit can be right, and how noisy it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from mapper.core.camera_kinds import AUTO
from mapper.core.camera_noise import CameraNoise, known_noise
from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.io.sequences.sequence import Sequence
from mapper.vision.noise_estimate import estimated_noise

LOOKED_AT: Final = 5  # frames, spread over the sequence
NEAREST, FARTHEST = 0.03, 200.0  # metres, of the middle of all readings
ENOUGH: Final = 100  # readings, of those frames together
FIRST: Final = 60  # frames of which LOOKED_AT tell the noise


def check_depth_range(sequence: Sequence) -> None:
    """InputError where the middle of the depth readings is one that no depth camera sees."""
    if not sequence.has_depth:
        return
    readings = [_some(depth) for depth in _depths(sequence, len(sequence))]
    if sum(map(len, readings)) < ENOUGH:
        return  # that there is no depth is said when nothing could be placed
    middle = float(np.median(np.concatenate(readings)))
    if NEAREST <= middle <= FARTHEST:
        return
    raise InputError(
        f"{sequence.path}: half of the depth lies {'below' if middle < NEAREST else 'beyond'} "
        f"{middle:.4g} m, so the depth scale must be wrong; set depth_scale in the calibration "
        "file to the units of a metre (1000 for mm, 1 for m; floating-point depth is in metres)"
    )


def depth_camera(sequence: Sequence, asked: str) -> CameraNoise | None:
    """What the depth is taken for; None without depth. asked: a kind of camera, or "auto": as
    calibration or format tell, else by the scatter of the first images."""
    if not sequence.has_depth:
        return None
    known = _own_noise(sequence) if asked == AUTO else None
    known = known or known_noise(asked, sequence.camera_kind)
    return known or estimated_noise(_depths(sequence, min(len(sequence), FIRST)))


def _own_noise(sequence: Sequence) -> CameraNoise | None:
    """What a pair of cameras is worth by its own baseline, which its frames tell."""
    if sequence.camera_kind != "stereo":
        return None
    frame = next(_frames(sequence, len(sequence)), None)
    if frame is None or frame.noise is None:  # of a camera that matches by itself
        return None
    return CameraNoise("stereo", frame.noise, "by its baseline")


def _depths(sequence: Sequence, count: int) -> Iterator[np.ndarray]:
    """Depth images of LOOKED_AT of the first `count` frames, without those that are unreadable."""
    return (f.depth for f in _frames(sequence, count) if f.depth is not None)


def _frames(sequence: Sequence, count: int) -> Iterator[Frame]:
    """LOOKED_AT of the first `count` frames, without those that are unreadable."""
    for index in np.unique(np.linspace(0, count - 1, LOOKED_AT).astype(int)):
        try:
            yield sequence[int(index)]
        except InputError:  # which is counted when the frame's turn comes
            continue


def _some(depth: np.ndarray) -> np.ndarray:
    """float32 (N,), metres: some of the readings."""
    some = depth[::3, ::3]
    return np.asarray(some[some > 0])
