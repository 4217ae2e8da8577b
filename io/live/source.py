"""What every live source offers, and the image that it gives."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration

_CLOCK_OFFSET: Final = time.time() - time.monotonic()


class StreamBroken(InputError):
    """The source gives no image any more; it may when it is opened again."""


@dataclass(frozen=True, slots=True)
class LiveImage:
    """timestamp: seconds. image: uint8 (H, W, 3), RGB, as the camera saw it.

    depth: float32 (h, w), metres along z, 0 = no reading; None without a depth camera.
    after_gap: nothing was seen for a while before it, so the camera may be anywhere. stamp: the
    same time in nanoseconds, where the source counts them; seconds since 1970 do not hold them.
    """

    timestamp: float
    image: np.ndarray
    depth: np.ndarray | None = None
    after_gap: bool = False
    stamp: int | None = None


class LiveSource(Protocol):
    """A camera, a stream, or a file played at its own speed. Used from one thread at a time.

    name: what the user called it. has_depth: known before it is opened. calibration: what the
    device says of itself once it is open; None where only the user can know. camera_kind: how its
    depth camera measures, known once it is open; None where nobody tells.
    """

    name: str
    has_depth: bool
    calibration: Calibration | None
    camera_kind: CameraKind | None

    def open(self) -> None:
        """Start, or start again; StreamBroken where that may work later."""
        ...

    def read(self) -> LiveImage | None:
        """Wait for the next image; None at the end of a file; StreamBroken without one."""
        ...

    def close(self) -> None:
        """Let the device go; harmless when it is closed."""
        ...


def arrival_time() -> float:
    """Seconds since 1970 that never step back while the process lives."""
    return time.monotonic() + _CLOCK_OFFSET
