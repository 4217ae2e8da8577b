"""Judges a network's predictions one after the other, and says where a new segment must begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np

from mapper.core.geometry import rotation_angle
from mapper.core.prediction import Prediction
from mapper.watchman.comparison import Comparison, Looks
from mapper.watchman.config import WatchmanConfig
from mapper.watchman.scale_chain import SHARED, ScaleChain
from mapper.watchman.steps import USUAL, UsualSteps, motion
from mapper.watchman.stillness import Stillness

IN_A_ROW: Final = 2  # frames that must say the same of the scale, and of a scattered depth
SCATTERED: Final = 5.0  # times the usual scatter, and ...
SCATTER: Final = 0.25  # ... at least so much: depth has nothing to do with what was there
UNSURE: Final = 0.5  # of the usual confidence
ALIKE: Final = 0.5  # correlation of images that show about the same
FOLLOWED: Final = 0.85  # correlation of images that show the same, turned a little
UNLIKE: Final = 0.85  # of the usual share of light that is explained
BENT: Final = 2.0  # times the usual scatter: depth speaks against a motion, as it does if it is ...
OFF: Final = 0.1  # ... so much larger or smaller than the motion expects, logarithm
FAST: Final = np.deg2rad(4.0)  # a frame: a turn in which no segment begins if it can wait


class Fault(StrEnum):
    """What is wrong with a prediction."""

    COLLAPSE = "collapse"
    JUMP = "jump"
    SCALE = "scale"


@dataclass(frozen=True, slots=True)
class Event:
    """fault: what was found at a frame. factor: of the scale, where that is what was lost."""

    fault: Fault
    frame_index: int
    timestamp: float
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """prediction: as it is to be mapped; None: not at all. event: where a new segment begins.

    values: worth a plot. is_doubted: whether a fault begins here if what comes says the same.
    """

    prediction: Prediction | None
    event: Event | None
    values: Mapping[str, float]
    is_doubted: bool = False


class Watchman:
    """Of each segment it remembers a few frames, so its memory is bounded.

    A prediction is held against the last one (jumps, collapses) and against some further back (the
    scale). What is no fault by itself may be usual: a wall has flat depth, a fast turn shares
    little. So a collapse is flat depth where there was to be more, while the image is as it was,
    and a jump is a motion that explains the images worse than none. After a collapse it believes
    the network again when two frames agree.
    """

    def __init__(self, config: WatchmanConfig) -> None:
        self._config = config
        self.events: list[Event] = []
        self._healthy = 0.0  # spread of the last depth that was believed
        self._confidences: deque[float] = deque(maxlen=USUAL)
        self._scatters: deque[float] = deque(maxlen=USUAL)
        self._explained: deque[float] = deque(maxlen=USUAL)
        self._collapsed = False
        self._suspect: Looks | None = None  # after a collapse, what might be right again
        self.begin()

    def begin(self) -> None:
        """The next prediction is the first of a segment."""
        self._last: Looks | None = None
        self._scale, self._steps = ScaleChain(), UsualSteps()
        self._off_scale = self._scattered = 0
        self._waiting: tuple[Event, int] | None = None
        self._still = Stillness(self._config.still)

    def judge(self, prediction: Prediction) -> Verdict:
        """What is to become of a prediction, which is not to be changed afterwards."""
        if self._last is not None and prediction.segment != self._last.prediction.segment:
            self.begin()
        raw, prediction = prediction, self._still.carried(prediction)
        new = Looks.of(prediction)
        if self._last is None:
            return self._first(new)
        if self._still.holds(new):
            return Verdict(self._still.held(raw), None, {"still": 1.0})
        told = Comparison.of(self._last, new)
        log_scale = self._scale.log_scale(new)
        change = self._scale.change(log_scale)
        event = self._waited(new) or self._found(new, told, change)
        values = {"scale_to_map": change, "light_explained": told.explained}
        if event is None:
            self._take(new, told, log_scale)
            alone = 0 < self._scattered < IN_A_ROW
            doubted = alone or self._off_scale > 0 or self._waiting is not None
            return Verdict(prediction, None, values, doubted)
        if event.fault is Fault.SCALE and self._turn(new) > FAST and self._waiting is None:
            self._waiting = event, self._config.patience
            self._last = new
            return Verdict(prediction, None, values, is_doubted=True)
        self.events.append(event)
        self._collapsed = event.fault is Fault.COLLAPSE
        self.begin()
        return Verdict(None, event, values)

    def _first(self, new: Looks) -> Verdict:
        """Of a segment: only a collapse that goes on can be told."""
        if self._collapsed:
            before, self._suspect = self._suspect, new
            if before is None or not self._agree(before, new):
                return Verdict(None, None, {"scale_to_map": 1.0})
        self.forgive()
        self._take(new, None, 0.0)
        return Verdict(new.prediction, None, {"scale_to_map": 1.0})

    def forgive(self) -> None:
        """The network began anew: what comes need not be as bad as what was."""
        self._collapsed, self._suspect = False, None

    def _agree(self, before: Looks, new: Looks) -> bool:
        """Whether the network's depth is one of things again."""
        if new.spread < self._config.collapse * self._healthy:
            return False
        told = Comparison.of(before, new)
        return bool(told.scatter < SCATTER and told.relief > self._config.collapse)

    def _waited(self, new: Looks) -> Event | None:
        """The event that waited, once the turn is over or patience is."""
        if self._waiting is None:
            return None
        event, left = self._waiting
        if self._turn(new) > FAST and left > 1:
            self._waiting = event, left - 1
            return None
        return replace(event, frame_index=new.prediction.frame_index)

    def _found(self, new: Looks, told: Comparison, change: float) -> Event | None:
        if self._waiting is not None:
            return None
        fault = self._fault(new, told, change)
        if fault is None:
            return None
        shown, factor = new.prediction, change if fault is Fault.SCALE else 1.0
        return Event(fault, shown.frame_index, shown.timestamp, factor)

    def _fault(self, new: Looks, told: Comparison, change: float) -> Fault | None:
        assert self._last is not None
        unusual = self._steps.is_unusual(self._last, new)
        calm = told.unmoved > ALIKE or not unusual
        if calm and told.relief < self._config.collapse:
            return Fault.COLLAPSE
        if unusual and self._is_jump(told):
            return Fault.JUMP
        self._scattered = self._scattered + 1 if self._is_scattered(new, told) else 0
        if calm and self._scattered >= IN_A_ROW:
            return Fault.COLLAPSE
        is_off = abs(np.log(change)) > self._config.scale
        self._off_scale = self._off_scale + 1 if is_off else 0
        return Fault.SCALE if self._off_scale >= IN_A_ROW else None

    def _is_jump(self, told: Comparison) -> bool:
        """Whether depth and light both speak against a motion, or it leads away from what the image
        still shows."""
        if not told.shared > SHARED or np.isnan(told.explained):
            return max(told.unmoved, told.followed) > FOLLOWED
        unlike = told.explained < told.unmoved - self._config.jump
        if self._explained:
            unlike |= told.explained < UNLIKE * float(np.median(self._explained))
        usual = float(np.median(self._scatters)) if self._scatters else SCATTER / 2
        return unlike and (told.scatter > BENT * usual or abs(np.log(told.scale)) > OFF)

    def _is_scattered(self, new: Looks, told: Comparison) -> bool:
        """Depth has nothing to do with what was there, or has and the network is not sure of it."""
        if not len(self._scatters) > 2 or np.isnan(told.scatter):
            return False
        usual = float(np.median(self._scatters))
        unsure = new.confidence < UNSURE * np.median(self._confidences)
        limit = max(SCATTER, SCATTERED * usual) * (0.5 if unsure else 1.0)
        return told.scatter > limit

    def _turn(self, new: Looks) -> float:
        """Radians since the last frame."""
        assert self._last is not None
        return rotation_angle(motion(self._last, new)[:3, :3])

    def _take(self, new: Looks, told: Comparison | None, log_scale: float) -> None:
        if self._last is not None:
            self._steps.take(self._last, new)
        self._last = new
        self._healthy = new.spread
        self._confidences.append(new.confidence)
        if told is not None and not np.isnan(told.scatter):
            self._scatters.append(told.scatter)
            self._explained.append(told.explained)
        self._scale.take(new, log_scale)

    def metrics(self) -> dict[str, Any]:
        """For metrics.json."""
        found = [
            {
                "fault": e.fault.value,
                "frame": e.frame_index,
                "time": e.timestamp,
                "factor": e.factor,
            }
            for e in self.events
        ]
        return {"watchman": found}
