"""Functions of the caller that are told what the mapper does, while it does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.backend.graph.edge import EdgeKind
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.runtime.closing import Closing
from mapper.slam.checkpoint import Checkpoint
from mapper.slam.recorder import MapNow

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class FrameEvent:
    """A frame went through.

    T_world_camera: (4, 4), where it is by now; None where it is lost, or not placed yet. state:
    "tracking", "lost" or "relocalised". values: numbers worth a plot, milliseconds among them.
    """

    frame: Frame
    T_world_camera: Float64[np.ndarray, "4 4"] | None
    state: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class KeyframeEvent:
    """A keyframe opened.

    id: they count from 0 in time. frame_index, timestamp: of its frame. S_world_keyframe: (4, 4),
    where it is by now; its 3x3 part is a rotation times the scale that its depth is multiplied by,
    which is 1 where the map is metric. image: uint8 (h, w, 3), RGB. depth: float32 (h, w), along z
    in the keyframe's units, 0 = none. intrinsics: of both.
    """

    id: int
    frame_index: int
    timestamp: float
    S_world_keyframe: Float64[np.ndarray, "4 4"]
    image: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]
    intrinsics: Intrinsics


@dataclass(frozen=True, slots=True)
class LoopEvent:
    """A loop was closed between two keyframes, or one that had been is taken back.

    earlier, later: ids of keyframes. is_closed: False where it is taken back, as others contradict
    it.
    """

    earlier: int
    later: int
    is_closed: bool


@dataclass(frozen=True, slots=True, eq=False)
class UpdateEvent:
    """Where all keyframes are, after one opened and at the end.

    poses: S_world_keyframe (4, 4) by id, see KeyframeEvent. is_final: nothing moves after this.
    """

    poses: Mapping[int, Float64[np.ndarray, "4 4"]]
    is_final: bool


class Callbacks(Closing):
    """A recorder of functions; see mapper.slam.recorder.

        mapper = Mapper(recorder=Callbacks(on_loop=print))

    All are called from one thread, the backend's, which waits for them: they must be quick, and
    keep no image longer than the call unless they copy it. What one raises ends the run: it comes
    out of Mapper.step() or finish(). keyframes come before what moved with them.
    """

    def __init__(
        self,
        on_frame: Callable[[FrameEvent], object] | None = None,
        on_keyframe: Callable[[KeyframeEvent], object] | None = None,
        on_loop: Callable[[LoopEvent], object] | None = None,
        on_update: Callable[[UpdateEvent], object] | None = None,
    ) -> None:
        self._on_frame, self._on_keyframe = on_frame, on_keyframe
        self._on_loop, self._on_update = on_loop, on_update
        self._closed: set[tuple[int, int]] = set()

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """A frame went through."""
        if self._on_frame is not None:
            T = None if T_world_camera is None else T_world_camera.copy()
            self._on_frame(FrameEvent(frame, T, state, dict(values)))

    def prediction(self, prediction: Prediction) -> None:
        """Nobody is told what the frontend says before the backend has seen it."""

    def update(self, update: GraphUpdate, now: MapNow, checkpoint: Checkpoint) -> None:
        """What the backend made of a prediction; most change nothing that anybody is told."""
        if self._on_keyframe is not None and (event := _keyframe_event(update)) is not None:
            self._on_keyframe(event)
        if self._on_loop is not None:
            for decision in update.decisions:
                if decision.kind == EdgeKind.LOOP and self._is_news(decision):
                    self._on_loop(LoopEvent(decision.i, decision.j, decision.accepted))
        if self._on_update is not None and update.opened is not None:
            self._on_update(_update_event(update.poses, is_final=False))

    def finish(self, update: GraphUpdate, now: MapNow) -> None:
        """The map is as it will stay."""
        if self._on_update is not None:
            self._on_update(_update_event(now.poses, is_final=True))

    def close(self) -> None:
        """Nothing is open."""

    def _is_news(self, decision: LoopDecision) -> bool:
        """Whether a loop is closed that was not, or one that was is so no more."""
        pair = decision.i, decision.j
        if decision.accepted == (pair in self._closed):
            return False
        self._closed ^= {pair}
        return True


def _keyframe_event(update: GraphUpdate) -> KeyframeEvent | None:
    """None where no keyframe opened."""
    if (opened := update.opened) is None or (map := update.opened_map) is None:
        return None
    return KeyframeEvent(
        opened.id,
        opened.frame_index,
        opened.timestamp,
        update.poses[opened.id].copy(),
        map.image,
        map.depth.copy(),  # later frames are averaged into it
        opened.intrinsics,
    )


def _update_event(poses: Mapping[int, np.ndarray], is_final: bool) -> UpdateEvent:
    """With poses that stay as they are now."""
    return UpdateEvent({id: np.array(S) for id, S in poses.items()}, is_final)
