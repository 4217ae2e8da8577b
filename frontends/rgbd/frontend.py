"""Tracks a depth camera frame by frame against a reference view; needs no weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from mapper.core.depth_noise import depth_confidence
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin, follow, stand_on
from mapper.frontends.rgbd.joining import guess
from mapper.frontends.rgbd.jump import Jump
from mapper.frontends.rgbd.lost_run import LostRun
from mapper.frontends.rgbd.memory import Recollection, TrackMemory, up_to_date
from mapper.frontends.rgbd.relocaliser import Relocaliser
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View, known
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher

logger = logging.getLogger(__name__)

# Lost frames after which a camera is believed to be in a place that it could hardly have come to:
# it was carried there, or the stream was cut. Until then a place that looks alike is likelier.
JUMPED_AFTER = 12
FOLLOWED_AFTER = 10  # lost frames, after which the camera may be anywhere


class RgbdFrontend:
    """Frame-to-reference dense tracking with feature fallback and relocalisation.

    A frame is placed by what explains it best: dense alignment with the reference from constant
    velocity, and where that is not clear from standing still and from matched features; after the
    track was lost, also by features against all earlier references (relocalisation). Each pose is
    relative to one reference, so drift only grows when the reference changes.
    """

    name = "rgbd"
    is_metric = True

    def __init__(
        self,
        config: RgbdConfig | None = None,
        max_depth: float = 0.0,
        matcher: FeatureMatcher | None = None,
    ) -> None:
        """max_depth: metres; as far as the map reaches, noisy readings count too."""
        self.config = config or RgbdConfig()
        self._max_depth = max_depth
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        self._matcher = matcher or OrbMatcher()
        self._segment = -1
        self.reset()

    def reset(self) -> None:
        """Forget the past; the next frame with depth starts a new segment."""
        self._segment += 1
        self.recovered = 0
        self._track: Track | None = None
        self._run = LostRun()
        self._relocaliser = Relocaliser(self.config.max_landmarks)

    def flush(self) -> list[Prediction]:
        """Lost frames that follow one another: in the map by a guess, or a segment of their own."""
        self.recovered = 0
        if (guessed := self._run.as_guessed()) is not None:
            return self._go_on_from(guessed)
        return self._new_segment() if len(self._run) > 1 else []

    def step(self, frame: Frame) -> list[Prediction]:
        """The frame's prediction, or nothing when it cannot be placed (state is then LOST).

        Frames that were lost come before it, when it tells where they were.
        """
        view = View.of(frame, self._matcher, self._max_depth)
        self.values, self.recovered = {}, 0
        track = self._track
        if track is None:
            return self._start(view)
        followed = self._follow(track, view)
        if followed is None and track.lost_frames:
            followed = self._relocalise(track, view)
        if followed is None:
            return self._lose(track, view)
        self._track = followed
        self.values = followed.last.values
        self.state = TrackingState.RELOCALISED if track.lost_frames else TrackingState.TRACKING
        earlier = self._run.extended(view, self.config).moved_to(followed.last) if self._run else []
        self._run, self.recovered = LostRun(), len(earlier)
        return [self._predict(placed) for placed in (*earlier, followed.last)]

    def _start(self, view: View) -> list[Prediction]:
        """The first frame of a segment is its world."""
        if not view.has_depth(self.config.min_depth_ratio):
            self.state = TrackingState.LOST
            return []
        self._track = begin(view)
        self._relocaliser.add(self._track.reference)
        self.state = TrackingState.TRACKING
        return [self._predict(self._track.last)]

    def _follow(self, track: Track, view: View) -> Track | None:
        """From where the camera was last, unless it may be anywhere by now."""
        if track.lost_frames > FOLLOWED_AFTER:
            return None
        followed = follow(track, view, self.config)
        if followed is not None and followed.reference is not track.reference:
            self._relocaliser.add(followed.reference)
        return followed

    def _relocalise(self, track: Track, view: View) -> Track | None:
        """After the track was lost: among the earlier references."""
        weak = self.config.weak_translation, self.config.weak_rotation
        located = self._relocaliser.locate(view, self.config.alignment, self.config.evidence, weak)
        if located is None:
            return None
        jump = Jump(track, self._run.extended(view, self.config), located)
        if jump.is_unlikely and (track.lost_frames < JUMPED_AFTER or jump.is_denied(self.config)):
            return None
        logger.info("frame %d: relocalised", view.frame_index)
        self._relocaliser.add(located)
        return stand_on(located)

    def _lose(self, track: Track, view: View) -> list[Prediction]:
        """Count the frame; wait for a place that is known, but not for ever."""
        self.state = TrackingState.LOST
        run, lost_frames = self._run, track.lost_frames + 1
        self._run = run.extended(view, self.config)
        self._guess(track, view)
        too_long = lost_frames > self.config.restart_after
        ended = run if len(self._run) <= len(run) else self._run if too_long else LostRun()
        if (guessed := ended.as_guessed()) is not None:
            return self._go_on_from(guessed, view)
        if not too_long:
            self._track = replace(track, velocity=np.eye(4), lost_frames=lost_frames)
            return []
        logger.warning("frame %d: lost for too long, starting a new segment", view.frame_index)
        if len(self._run) < 2:
            self.reset()
            return []
        self.state = TrackingState.TRACKING
        return self._new_segment()

    def _guess(self, track: Track, view: View) -> None:
        """Where the first lost frame is, while the motion that led to it is known."""
        if self._run and not track.lost_frames:
            self._run = replace(self._run, T_world_first=guess(track, view, self.config))

    def _go_on_from(self, guessed: LostRun, view: View | None = None) -> list[Prediction]:
        """With lost frames that are in the map now. view: the one that was lost last, if there is
        one; where it does not follow them it stays lost."""
        first, last = (guessed.placed[i].view.frame_index for i in (0, -1))
        logger.warning(
            "frames %d to %d: only the motion before them tells where they are", first, last
        )
        self._track, self.recovered = guessed.track, len(guessed)
        for reference in guessed.references:
            self._relocaliser.add(reference)
        if view is not None and view.frame_index == last:
            self.state, self.recovered = TrackingState.RELOCALISED, len(guessed) - 1
            self._run = LostRun()
        elif view is not None:
            assert guessed.track is not None
            self._guess(guessed.track, view)
            self._track = replace(guessed.track, velocity=np.eye(4), lost_frames=1)
        return [self._predict(placed) for placed in guessed.placed]

    def _new_segment(self) -> list[Prediction]:
        """The lost frames that follow one another are its beginning."""
        run = self._run
        self.reset()
        self._track = run.track
        for reference in run.references:
            self._relocaliser.add(reference)
        self.recovered = len(run) if self.state == TrackingState.LOST else len(run) - 1
        return [self._predict(placed) for placed in run.placed]

    def _predict(self, placed: PlacedView) -> Prediction:
        view = placed.view
        return Prediction(
            frame_index=view.frame_index,
            timestamp=view.timestamp,
            pointmap=view.pointmap,
            confidence=depth_confidence(view.depth, view.noise.coefficients),
            T_world_camera=placed.T_world_camera.copy(),
            intrinsics=view.intrinsics,
            image=view.image,
            is_metric=True,
            segment=self._segment,
            noise=view.noise,
            uncertainty=placed.uncertainty,
        )

    def snapshot(self) -> TrackMemory:
        """The memory as it is now: nothing of it is changed by later frames, only replaced."""
        landmarks = self._relocaliser.landmarks
        return TrackMemory(self._segment, self._track, landmarks, self._run)

    def restore(self, note: dict[str, Any], read_frame: Callable[[int], Frame]) -> None:
        """Take up where the memory of `note` was; reads the frames that it names again."""
        note = up_to_date(note)
        self._segment = int(note["segment"]) - 1
        self.reset()
        if note["track"] is None:
            return  # nothing had been placed

        def read_view(frame_index: int) -> View:
            return View.of(read_frame(frame_index), self._matcher, self._max_depth)

        recollection = Recollection(read_view)
        references: dict[int, PlacedView] = {}
        for frame_index, T_world_camera in note["landmarks"]:
            view = recollection.view(int(frame_index))
            placed = PlacedView(view, np.array(T_world_camera), known(view))
            self._relocaliser.add(placed)
            references[int(frame_index)] = placed
        self._track = recollection.track(note["track"], references)
        self._run = recollection.run(note)
