"""The kinds of depth cameras, by how they measure. Imports nothing heavy."""

from __future__ import annotations

from typing import Final, Literal, get_args

CameraKind = Literal["structured-light", "time-of-flight", "stereo", "lidar"]
CAMERA_KINDS: Final[tuple[CameraKind, ...]] = get_args(CameraKind)
AUTO: Final = "auto"  # of --camera-kind: as the sequence says, else estimated from its depth
ESTIMATED: Final = "estimated"  # stands for the kind where the depth itself told its noise
KIND_CHOICES: Final = (AUTO, *CAMERA_KINDS)
