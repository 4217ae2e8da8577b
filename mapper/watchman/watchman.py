"""Judges a network's predictions one after the other, and says where a new segment must begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np

from mapper.core.geometry import inverse, rotation_angle
from mapper.core.prediction import Prediction
from mapper.watchman.comparison import Comparison, Looks
from mapper.watchman.config import WatchmanConfig
from mapper.watchman.stillness import Stillness

USUAL: Final = 15  # frames over which what is usual is known
REFERENCES: Final = 5  # earlier frames that the scale is held against
APART: Final = 4  # frames between them
SHARED: Final = 0.25  # of the points, for the scale to be told
IN_A_ROW: Final = 2  # frames that must say the same of the scale, and of a scattered depth
SCATTERED: Final = 5.0  # times the usual scatter, and ...
SCATTER: Final = 0.25  # ... at least so much: depth has nothing to do with what was there
UNSURE: Final = 0.5  # of the usual confidence
ALIKE: Final = 0.5  # correlation of images that show about the same
EXPLAINED: Final = 0.7  # correlation at which the motion explains the images well enough
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

    values: worth a plot.
    """

    prediction: Prediction | None
    event: Event | None
    values: Mapping[str, float]


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
        self._collapsed = False
        self._suspect: Looks | None = None  # after a collapse, what might be right again
        self.begin()

    def begin(self) -> None:
        """The next prediction is the first of a segment."""
        self._last: Looks | None = None
        self._references: deque[Looks] = deque(maxlen=REFERENCES)
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
        event = self._waited(new) or self._found(new, told)
        values = {"scale_to_map": self._scale(new), "light_explained": told.explained}
        if event is None:
            self._take(new, told)
            return Verdict(prediction, None, values)
        if event.fault is Fault.SCALE and self._turn(new) > FAST and self._waiting is None:
            self._waiting = event, self._config.patience
            self._last = new
            return Verdict(prediction, None, values)
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
        self._take(new, None)
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

    def _found(self, new: Looks, told: Comparison) -> Event | None:
        if self._waiting is not None:
            return None
        fault, factor = self._fault(new, told)
        if fault is None:
            return None
        shown = new.prediction
        return Event(fault, shown.frame_index, shown.timestamp, factor)

    def _fault(self, new: Looks, told: Comparison) -> tuple[Fault | None, float]:
        alike = told.unmoved > ALIKE
        if alike and told.relief < self._config.collapse:
            return Fault.COLLAPSE, 1.0
        if self._is_jump(told, alike):
            return Fault.JUMP, 1.0
        self._scattered = self._scattered + 1 if self._is_scattered(new, told) else 0
        if alike and self._scattered >= IN_A_ROW:
            return Fault.COLLAPSE, 1.0
        scale = self._scale(new)
        is_off = abs(np.log(scale)) > self._config.scale
        self._off_scale = self._off_scale + 1 if is_off else 0
        if self._off_scale >= IN_A_ROW:
            return Fault.SCALE, scale
        return None, 1.0

    def _is_jump(self, told: Comparison, alike: bool) -> bool:
        """The motion leads away from what the image still shows."""
        if not alike:
            return False
        if np.isnan(told.explained):
            return told.shared < SHARED
        return told.explained < told.unmoved - self._config.jump and told.explained < EXPLAINED

    def _is_scattered(self, new: Looks, told: Comparison) -> bool:
        """Depth has nothing to do with what was there, or has and the network is not sure of it."""
        if not len(self._scatters) > 2 or np.isnan(told.scatter):
            return False
        usual = float(np.median(self._scatters))
        unsure = new.confidence < UNSURE * np.median(self._confidences)
        limit = max(SCATTER, SCATTERED * usual) * (0.5 if unsure else 1.0)
        return told.scatter > limit

    def _scale(self, new: Looks) -> float:
        """Depth over the depth that the earliest frame which still sees enough expects, in the
        median; 1 where none does."""
        for old in self._references:
            told = Comparison.of(old, new)
            if told.shared > SHARED and not np.isnan(told.scale):
                return told.scale
        return 1.0

    def _turn(self, new: Looks) -> float:
        """Radians since the last frame."""
        assert self._last is not None
        before, now = self._last.prediction.T_world_camera, new.prediction.T_world_camera
        return rotation_angle((inverse(before) @ now)[:3, :3])

    def _take(self, new: Looks, told: Comparison | None) -> None:
        self._last = new
        self._healthy = new.spread
        self._confidences.append(new.confidence)
        if told is not None and not np.isnan(told.scatter):
            self._scatters.append(told.scatter)
        references = self._references
        newest = references[-1].prediction.frame_index if references else -APART
        if new.prediction.frame_index - newest >= APART:
            references.append(new)

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
