"""Stands between a frontend and the backend: what is not believed begins a new segment."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.frontends.base import Frontend, TrackingState
from mapper.frontends.registry import BUILT_IN
from mapper.watchman.bridge import shown_again
from mapper.watchman.config import WatchmanConfig
from mapper.watchman.watchman import Event, Fault, Watchman
from mapper.watchman.words import notes, told

logger = logging.getLogger(__name__)

SAVED: Final = ("replay", "predictions")  # frontends that read what a network said
RESTARTS_APART: Final = 10  # frames; a network that fails at once again is not asked again sooner


class Guard:
    """Of networks' predictions alone, saved or computed; those of others pass.

    A network forgets and is shown the last good frame again, which joins the new segment to the
    old one. What was saved goes on as it is, in a new segment, after a collapse once its depth is
    of things again; where its first frame can be aligned with the last good one, that is put before
    it, and else the backend joins it by what both see. What is doubted waits, a few frames at most,
    and belongs to the new segment if the doubt was right.
    """

    def __init__(self, config: WatchmanConfig) -> None:
        self._config, self._watchman = config, Watchman(config)
        self._offset = 0  # of the segments, for those that were begun here
        self._last_good: Frame | None = None
        self._believed: Prediction | None = None  # the last that was mapped
        self._collapsed = False  # since then
        self._doubted: list[tuple[Prediction, Prediction]] = []  # as predicted, as to be mapped
        self._since_good: list[Frame] = []
        self._restarted = -RESTARTS_APART

    @property
    def events(self) -> list[Event]:
        """What was found so far."""
        return self._watchman.events

    def step(self, frontend: Frontend, frame: Frame) -> list[Prediction]:
        """What is to be mapped of a frame's predictions; sets the frontend's state and values."""
        predictions = frontend.step(frame)
        if not self._watches(frontend):
            return predictions
        passed, event = self._judged(frontend, predictions)
        if event is not None and self._forgets(frontend):
            passed += self._begin_anew(frontend, frame)
        if predictions and not passed and not self._doubted:
            frontend.state = TrackingState.LOST
        if any(p.frame_index == frame.index for p in passed):
            self._last_good, self._since_good = frame, []
        elif self._doubted:
            self._since_good.append(frame)
        return passed

    def flush(self, frontend: Frontend) -> list[Prediction]:
        """What is to be mapped of the last predictions."""
        predictions = frontend.flush()
        if not self._watches(frontend):
            return predictions
        passed = self._judged(frontend, predictions)[0]
        passed += [carried for _, carried in self._doubted]
        self._doubted = []
        return passed

    def note(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {"offset": self._offset}

    def restore(self, note: dict[str, Any]) -> None:
        """Take up what `note` wrote; runs of before have none."""
        self._offset = int(note.get("offset", 0))

    def metrics(self) -> dict[str, Any]:
        """For metrics.json; nothing where nothing was found."""
        return self._watchman.metrics() if self.events else {}

    def notes(self) -> list[str]:
        """Sentences for whoever mapped the sequence."""
        return notes(self.events)

    def _watches(self, frontend: Frontend) -> bool:
        return self._config.enabled and (frontend.name in SAVED or self._forgets(frontend))

    def _forgets(self, frontend: Frontend) -> bool:
        spec = BUILT_IN.get(frontend.name)
        return spec is not None and spec.is_learned

    def _judged(
        self, frontend: Frontend, predictions: Iterable[Prediction]
    ) -> tuple[list[Prediction], Event | None]:
        """What passes, and what was found, where the network is to begin anew."""
        passed = []
        for prediction in predictions:
            if prediction.noise.is_measured or not prediction.has_points:
                passed.append(replace(prediction, segment=prediction.segment + self._offset))
                continue
            verdict = self._watchman.judge(
                replace(prediction, segment=prediction.segment + self._offset)
            )
            frontend.values.update(verdict.values)
            if verdict.prediction is not None and verdict.is_doubted:
                self._doubted.append((prediction, verdict.prediction))
            elif verdict.prediction is not None:
                passed += self._after_collapse(verdict.prediction)
                passed += [carried for _, carried in self._doubted]
                passed.append(verdict.prediction)
                self._believed, self._collapsed, self._doubted = verdict.prediction, False, []
            if verdict.event is None:
                continue
            logger.warning("%s", told(verdict.event))
            doubted, self._doubted = [each for each, _ in self._doubted], []
            if self._forgets(frontend):
                return passed, verdict.event
            self._offset += 1
            if verdict.event.fault is not Fault.COLLAPSE:  # in a world of its own it may be right
                passed += self._begun(
                    [replace(p, segment=p.segment + self._offset) for p in (*doubted, prediction)]
                )
            else:
                self._collapsed = True
        return passed, None

    def _after_collapse(self, first: Prediction) -> list[Prediction]:
        """The last frame before a collapse once more, if it can be told where it was from the first
        one after it."""
        if not self._collapsed or self._believed is None:
            return []
        again = shown_again(self._believed, first)
        return [] if again is None else [again]

    def _begun(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """The first predictions of a segment that goes on as it was saved: the last frame of the
        one before, if it can be told where that was, those that were doubted, and the one at which
        the fault was sure."""
        again = None if self._believed is None else shown_again(self._believed, predictions[0])
        shown = [*([] if again is None else [again]), *predictions]
        judged = [self._watchman.judge(prediction).prediction for prediction in shown]
        passed = [prediction for prediction in judged if prediction is not None]
        self._believed = passed[-1] if passed else None
        return passed

    def _begin_anew(self, frontend: Frontend, frame: Frame) -> list[Prediction]:
        """The network forgets; the last good frame, those that were doubted since, and this one in
        its new segment."""
        if frame.index - self._restarted < RESTARTS_APART:
            frontend.reset()
            return []
        self._restarted = frame.index
        self._watchman.forgive()
        frontend.reset()
        passed: list[Prediction] = []
        again = [] if self._last_good is None else [self._last_good]
        for shown in (*again, *self._since_good, frame):
            passed += self._judged(frontend, frontend.step(shown))[0]
        self._since_good = []
        return passed
