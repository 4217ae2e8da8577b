"""The one camera of a video of which a network implies another one at each frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from mapper.core.intrinsics import Intrinsics

logger = logging.getLogger(__name__)

FAR: Final = 0.2  # of a log focal length from the mean: no frame moves it by more
RECENT: Final = 30  # frames that a zoom takes to show
ZOOMED: Final = 0.2  # log: what those differ by then; a network errs by a third of it


@dataclass(frozen=True, slots=True)
class OneCamera:
    """What is known of the camera after so many frames.

    log_focals: of fx and fy, the mean over all of them. recent: of fx, over the last few. warned:
    that these are far apart was said.
    """

    frames: int = 0
    log_focals: tuple[float, float] = (0.0, 0.0)
    recent: float = 0.0
    warned: bool = False

    def after(self, implied: Intrinsics) -> OneCamera:
        """With what the network implies of one frame more [focal lengths in pixels]."""
        logs = np.log([implied.fx, implied.fy])
        if not self.frames:
            return OneCamera(1, (float(logs[0]), float(logs[1])), float(logs[0]))
        frames = self.frames + 1
        off = np.clip(logs - self.log_focals, -FAR, FAR) / frames
        recent = self.recent + (float(logs[0]) - self.recent) / min(frames, RECENT)
        fx, fy = (np.array(self.log_focals) + off).tolist()
        return OneCamera(frames, (fx, fy), recent, self.warned)

    def camera(self, implied: Intrinsics) -> Intrinsics:
        """Its focal lengths with the size and the middle of what is implied."""
        fx, fy = np.exp(self.log_focals).tolist()
        return replace(implied, fx=fx, fy=fy)

    def told(self, name: str) -> OneCamera:
        """Says once that there may be several cameras, or a zoom. name: of the setting."""
        apart = abs(self.recent - self.log_focals[0])
        if self.warned or self.frames < RECENT or apart < ZOOMED:
            return self
        mean, recent = np.exp([self.log_focals[0], self.recent])
        logger.warning(
            "the network sees a focal length of %.0f pixels now and of %.0f on average: if the "
            "camera zooms, or there are several, map with --set %s=false",
            recent,
            mean,
            name,
        )
        return replace(self, warned=True)

    def note(self) -> list[Any]:
        """As plain values."""
        return [self.frames, *self.log_focals, self.recent, self.warned]

    @staticmethod
    def of(note: list[Any] | None) -> OneCamera:
        """What `note` wrote; of a run that wrote none, nothing is known yet."""
        if note is None:
            return OneCamera()
        frames, fx, fy, recent, warned = note
        return OneCamera(int(frames), (float(fx), float(fy)), float(recent), bool(warned))


UNSEEN: Final = OneCamera()
