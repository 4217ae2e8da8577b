"""Maps colour images without weights: poses of all frames, depth of keyframes, up to scale."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.core.sim3 import similarity
from mapper.errors import InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.mono.calibration.known import KnownCamera, Source
from mapper.frontends.mono.calibration.search import CameraSearch
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.mono.depth.answers import Answers, recovered_of, reduced_size
from mapper.frontends.mono.findings import Findings
from mapper.frontends.mono.geometry.bundle import FocalPrior
from mapper.frontends.mono.mapping.firmness import FEWEST, Firmness
from mapper.frontends.mono.mapping.following import Follower
from mapper.frontends.mono.mapping.keyframe_features import KeyframeFeatures
from mapper.frontends.mono.mapping.record import Record
from mapper.frontends.mono.mapping.relocaliser import Relocaliser
from mapper.frontends.mono.mapping.segment import Segment
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import worked_size
from mapper.frontends.mono.tracking.starting import Starter
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher

logger = logging.getLogger(__name__)

LOST_FOR: Final = 30  # frames, after which a new segment begins
MOST_BUFFERED: Final = 240  # frames that wait for a start
REFINED_AT: Final = (6, 8, 10, 13, 16, 20, 25, 30, 40, 50)  # keyframes
REFINING: Final = 10  # iterations
FINAL: Final = 20
SURE_AT: Final = 10  # keyframes, before which nothing is answered where the camera is not given


class MonoFrontend:
    """Semi-direct sparse tracking, bundle adjustment, plane sweep; answers some keyframes late.

    recovered: frames of the last answer that had been lost, less those that had not and are.
    """

    name = "mono"
    is_metric = False

    def __init__(
        self, config: MonoConfig | None = None, matcher: FeatureMatcher | None = None
    ) -> None:
        self.config = config or MonoConfig()
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}
        self.recovered = 0
        self.camera: KnownCamera | None = None
        self._size: tuple[int, int] | None = None
        self._flow = FlowTracker()
        self._follower = Follower(self._flow, self.config.max_points)
        self._matcher = matcher or OrbMatcher()
        self._number = -1
        self._search = CameraSearch(self._flow, self.config.focal)
        self._unsure = ""
        self._findings = Findings()
        self._corrections: dict[tuple[int, int], np.ndarray] = {}
        self.reset()

    def reset(self) -> None:
        """Forget all but the camera; the next frame starts a new segment."""
        self._number += 1
        self._segment: Segment | None = None
        self._answers = Answers(self.config, self._number)
        self._starter = Starter(self._flow)
        self._features = KeyframeFeatures(self._matcher)
        self._relocaliser = Relocaliser(self._follower, self._features)
        self._waiting: list[Record] = []  # for the camera, for a start, or to be found
        self._offered = 0  # of those to the starter
        self._lost = 0
        self._refined = 0
        self._firmness = Firmness()

    def step(self, frame: Frame) -> list[Prediction]:
        """Predictions of some earlier frames, if any are ready."""
        self.recovered = 0
        record = self._record(frame)
        if self.camera is None:
            self.camera = self._search.offer(record.levels, frame)
            self._waiting.append(record)
            if self.camera is None:
                self.state, self.values = TrackingState.TRACKING, {}
                return []
            answers = self._advance_waiting()
        else:
            answers = self._advance(record)
        record.was_lost = self.state == TrackingState.LOST
        return answers

    def flush(self) -> list[Prediction]:
        """All that is left, after everything was adjusted together."""
        self.recovered = 0
        answers: list[Prediction] = []
        if self.camera is None:
            self.camera = self._search.finish()
            answers += self._advance_waiting()
        while self._segment is not None and self._lost >= FEWEST:
            answers += self._begin_again()
        return answers + self._end_segment()

    def explain(self) -> str:
        """Why nothing could be placed."""
        if self.camera is None:
            return "there were no images"
        return self._unsure or self._starter.explain(self.camera.lens)

    def _record(self, frame: Frame) -> Record:
        height, width = frame.image.shape[:2]
        size = worked_size(width, height)
        if self._size not in (None, size):
            raise InputError(
                f"frame {frame.index} is {width}x{height}: the images before it had another size"
            )
        self._size = size
        return Record.of(frame, size, reduced_size(*size, self.config.depth_width))

    def _advance_waiting(self) -> list[Prediction]:
        """The frames that waited for the camera."""
        waiting, self._waiting = self._waiting, []
        return [answer for record in waiting for answer in self._advance(record)]

    def _advance(self, record: Record) -> list[Prediction]:
        """A frame more, the camera being known."""
        if self._segment is None:
            return self._start(record)
        segment = self._segment
        unplaced = segment.track(record, self._relocaliser)
        if unplaced is not None:
            return self._lose(record, unplaced.reason)
        self.state = TrackingState.RELOCALISED if self._lost else TrackingState.TRACKING
        self._lost = 0
        self._tell(segment)
        if record.keyframe is None:
            return []
        self._refine(segment)
        return self._collect(segment)

    def _start(self, record: Record) -> list[Prediction]:
        assert self.camera is not None
        self._waiting.append(record)
        begun = self._starter.offer(record.levels, record.timestamp, self.camera.lens, self._prior)
        self._offered += 1
        self.state = TrackingState.TRACKING
        self.values = {"parallax": self._starter.parallax, "tracks": float(self._starter.tracks)}
        if begun is None:
            self._drop_oldest()
            return []
        gone = self._offered - len(self._waiting)
        begun = replace(begun, frames=tuple(place - gone for place in begun.frames))
        if begun.frames[0] < 0:
            return []
        self._segment = Segment(begun.start.lens, self._follower, begun, self._waiting)
        self._waiting = []
        self._tell(self._segment)
        return self._collect(self._segment)

    @property
    def _prior(self) -> FocalPrior | None:
        """What is known of the lens, where it is refined."""
        assert self.camera is not None
        return None if self.config.refine == "off" else self.camera.prior

    def _drop_oldest(self) -> None:
        """Frames that waited too long for a start have no place."""
        if len(self._waiting) > MOST_BUFFERED:
            self.recovered += recovered_of([self._waiting.pop(0)])

    def _lose(self, record: Record, reason: str) -> list[Prediction]:
        self._lost += 1
        self.state = TrackingState.LOST
        self.values = {"inliers": 0.0}
        if self._lost == 1:
            logger.info("frame %d: lost: %s", record.index, reason)
        if self._lost < LOST_FOR:
            return []
        logger.warning("frame %d: lost for too long, starting a new segment", record.index)
        return self._begin_again()

    def _begin_again(self) -> list[Prediction]:
        """End the segment; the frames that were lost since may be the beginning of the next."""
        assert self._segment is not None
        lost = self._segment.records[-self._lost :]
        del self._segment.records[-self._lost :]
        answers = self._end_segment()
        self.reset()
        for each in lost:
            answers += self._advance(each)
        return answers

    def _refine(self, segment: Segment) -> None:
        """The lens, at some keyframes, and with it all that was placed by the old one."""
        count = len(segment.map.keyframes)
        due = [number for number in REFINED_AT if self._refined < number <= count]
        if self.config.refine == "off" or not due:
            return
        assert self.camera is not None
        self._refined = count
        segment.adjust_all(REFINING, self.camera.prior)
        segment.place_again(self._answers.unanswered(segment))

    def _collect(self, segment: Segment) -> list[Prediction]:
        if not self._is_sure(segment):
            return []
        answers = self._answers.collect(segment)
        self.recovered += self._answers.recovered
        return answers

    def _is_sure(self, segment: Segment, ended: bool = False) -> bool:
        """Whether the map has become firm enough to be told; it stays so.

        ended: there will be no more of it, and its lens is as good as it gets.
        """
        assert self.camera is not None
        refines = self.config.refine != "off"
        at_once = ended or self.camera.source == Source.GIVEN or not refines
        prior = self.camera.prior if refines else None
        return self._firmness.judge(segment.map, FEWEST if at_once else SURE_AT, prior, ended)

    def _end_segment(self) -> list[Prediction]:
        segment, self._segment = self._segment, None
        if segment is None:
            self.recovered += recovered_of(self._waiting)
            self._waiting = []
            return []
        assert self.camera is not None
        refine = None if self.config.refine == "off" else self.camera.prior
        segment.adjust_all(FINAL, refine)
        if not self._is_sure(segment, ended=True):
            return self._give_up(segment)
        if self.config.loops != "off":
            self._findings.loops += segment.close_loops(self._features, FINAL, refine)
        answers = self._answers.finish(segment)
        self.recovered += self._answers.recovered
        self._correct(segment)
        self.camera = replace(self.camera, lens=segment.lens)
        self._findings.camera, self._findings.rms = self.camera, segment.map.rms
        self._findings.kept += self._answers.kept
        self._findings.focals.append(segment.lens.fx)
        logger.info("%s, k1 %.4f", self.camera.in_words, segment.lens.k1)
        return answers

    def metrics(self) -> dict[str, Any]:
        """The camera that was found, and how much depth there is."""
        return self._findings.metrics()

    def notes(self) -> list[str]:
        """What was found, and what looks doubtful."""
        return self._findings.notes()

    def _correct(self, segment: Segment) -> None:
        """Where the frames are, now that everything is adjusted together."""
        segment.place_again(segment.records)
        for record in segment.records:
            if record.T is not None:
                T_world_camera = inverse(np.vstack([record.T, [0.0, 0.0, 0.0, 1.0]]))
                S = similarity(segment.rescaled(record), T_world_camera)
                self._corrections[self._number, record.index] = S

    def corrections(self) -> Mapping[tuple[int, int], np.ndarray]:
        """S_world_camera (4, 4) of all frames by segment and index, after the last flush."""
        return self._corrections

    def _give_up(self, segment: Segment) -> list[Prediction]:
        """A map that never became firm: better none than a wrong one."""
        placed = sum(record.T is not None for record in segment.records)
        for record in segment.records:
            record.T = None
        self.recovered += recovered_of(segment.records)
        doubt = self._firmness.doubt(segment.map)
        self._unsure = f"{placed} frames could be placed, but only {doubt}"
        logger.warning("a map was given up: %s", self._unsure)
        return []

    def _tell(self, segment: Segment) -> None:
        placed = segment.newest
        if placed is None:
            return
        self._findings.frame(len(placed.ids), placed.visible)
        self.values = {
            "inliers": float(len(placed.ids)),
            "visible": float(placed.visible),
            "rms_px": placed.rms,
            "keyframes": float(len(segment.map.keyframes)),
            "focal_px": segment.lens.fx,
            "rms_adjusted_px": segment.map.rms,
        }
