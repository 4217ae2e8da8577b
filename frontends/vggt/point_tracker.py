"""Points of the first frame, followed through a sequence by the track head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.frontends.learned import Shown
from mapper.frontends.transfer import brought, sent
from mapper.frontends.vggt.cache.budget import default_budget
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.frontend import FULL, VggtFrontend
from mapper.frontends.vggt.network import Heads
from mapper.frontends.vggt.options import StreamVggtOptions, VggtOptions, parse_bytes
from mapper.frontends.vggt.preprocess import as_tensor
from mapper.frontends.vggt.session import NotFiniteError, StreamSession
from mapper.frontends.vggt.tracks.tracker import Tracks

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

NO_MAPS: Final = Heads(depth=False, points=False)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedPoints:
    """Where the points are in one frame: xy in pixels of the frame's own image, which a point may
    leave. visibility, confidence: in [0, 1]."""

    index: int
    timestamp: float
    xy: Float32[np.ndarray, "n 2"]
    visibility: Float32[np.ndarray, " n"]
    confidence: Float32[np.ndarray, " n"]


class PointTracker(VggtFrontend):
    """A frontend that predicts no maps: after each step, `tracked` says where the points are.

    points: pixels (x, y) of the first frame's own image.
    """

    def __init__(
        self,
        name: str,
        options: StreamVggtOptions | VggtOptions,
        weights: str | None,
        points: Float[np.ndarray, "n 2"],
    ) -> None:
        super().__init__(name, options, weights)
        if self._model.config.track is None:
            raise InputError(
                f"{self.weights}: this checkpoint has no track head; streamvggt and vggt have one"
            )
        self._points = points
        self.tracked: list[TrackedPoints] = []

    def _unasked(self) -> list[str]:
        return ["depth_head", "point_head"]

    def _query(self, shown: Shown) -> Tensor:
        """(1, N, 2): the points in the network's image of the first frame."""
        there = shown.layout.to_network(self._points, shown.size)
        cut_off = ((there < -0.5) | (there > np.array(shown.layout.size) - 0.5)).any(1)
        if cut_off.any():
            x, y = self._points[np.flatnonzero(cut_off)[0]]
            raise InputError(
                f"point ({x:g}, {y:g}) lies where {self.name} cuts the image off, which sees at "
                "most a square of it: choose points nearer to the middle"
            )
        return torch.from_numpy(there).float()[None].to(self._device)

    def _tracked(self, shown: Shown, tracks: Tracks, place: int) -> TrackedPoints:
        """Of frame `place` of the tracks."""
        told = (tracks.xy, tracks.visibility, tracks.confidence)
        there, visibility, confidence = brought([part[0, place] for part in told])
        xy = shown.layout.from_network(there, shown.size)
        return TrackedPoints(
            shown.index,
            shown.timestamp,
            xy.astype(np.float32),
            visibility,
            confidence,
        )


class StreamingTracker(PointTracker):
    """Frame by frame, in the company of the first frame and of a few recent ones."""

    _session: StreamSession | None

    def __init__(
        self,
        name: str,
        options: StreamVggtOptions,
        weights: str | None,
        points: Float[np.ndarray, "n 2"],
    ) -> None:
        super().__init__(name, options, weights, points)
        budget = parse_bytes(options.kv_budget) if options.kv_budget else None
        self._session_options = SessionOptions(
            shared_camera_cache=True,
            storage=options.cache,
            budget=budget or default_budget(self._device),
            policy=options.kv_policy,
            heads=NO_MAPS,
        )
        self.reset()

    def _see(self, shown: Shown) -> list[Prediction]:
        if self._session is None:
            self._session = StreamSession(self._model, self._session_options, self._query(shown))
        try:
            with self._inference():
                tracks = self._session.step(as_tensor(sent(shown.image, self._device))).tracks
        except NotFiniteError:
            if not self._session.frames_seen:  # the points would be looked for in the next one
                raise
            self.tracked = []
            return self._predicted(shown, None)
        assert tracks is not None
        self.tracked = [self._tracked(shown, tracks, 0)]
        return []

    def _forget(self) -> None:
        self._session = None


class WholeTracker(PointTracker):
    """All frames at once, at the end: `tracked` is filled by flush()."""

    _waiting: list[Shown]

    def __init__(
        self,
        name: str,
        options: VggtOptions,
        weights: str | None,
        points: Float[np.ndarray, "n 2"],
    ) -> None:
        super().__init__(name, options, weights, points)
        self._max_frames = options.max_frames
        self.reset()

    def _see(self, shown: Shown) -> list[Prediction]:
        if len(self._waiting) == self._max_frames:
            raise InputError(
                f"{self.name} sees all frames at once, and more than {self._max_frames} are too "
                "many: take fewer with --stride or --max-frames, or track with streamvggt"
            )
        self._waiting.append(shown)
        self.tracked = []
        return []

    def flush(self) -> list[Prediction]:
        """The points in all frames since the last reset."""
        shown, self._waiting = self._waiting, []
        if shown:
            images = [as_tensor(sent(each.image, self._device)) for each in shown]
            with self._inference():
                queries = self._query(shown[0])
                tracks = self._model(torch.cat(images)[None], FULL, NO_MAPS, queries).tracks
            assert tracks is not None
            self.tracked = [self._tracked(each, tracks, k) for k, each in enumerate(shown)]
        return []

    def _forget(self) -> None:
        self._waiting = []


def create_tracker(
    name: str,
    options: StreamVggtOptions | VggtOptions,
    weights: str | None,
    points: Sequence[tuple[float, float]] | Float[np.ndarray, "n 2"],
) -> PointTracker:
    """The tracker of that frontend, streaming or of a whole sequence as its options say."""
    pixels = np.asarray(points, float)
    if isinstance(options, StreamVggtOptions):
        return StreamingTracker(name, options, weights, pixels)
    return WholeTracker(name, options, weights, pixels)
