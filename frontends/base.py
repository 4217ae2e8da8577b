"""The interface that every frontend has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from mapper.core.frame import Frame
from mapper.core.image_pairs import ImagePair
from mapper.core.prediction import Prediction
from mapper.core.trajectory import Trajectory

if TYPE_CHECKING:
    from jaxtyping import UInt8


class TrackingState(StrEnum):
    """What became of the last frame."""

    TRACKING = "tracking"
    LOST = "lost"
    RELOCALISED = "relocalised"


class Frontend(Protocol):
    """Turns frames into predictions. Everything it remembers is bounded.

    state: what became of the last frame. values: numbers of the last frame worth a plot.
    """

    name: str
    is_metric: bool
    state: TrackingState
    values: dict[str, float]

    def step(self, frame: Frame) -> list[Prediction]:
        """Zero or more predictions: window models answer late, a lost frame not at all."""
        ...

    def flush(self) -> list[Prediction]:
        """What is still inside the window, at the end of the sequence."""
        ...

    def reset(self) -> None:
        """Forget the past; the next frame starts a new segment."""
        ...


@runtime_checkable
class PreparingFrontend(Protocol):
    """A frontend with work on each frame that needs no past, such as resizing images."""

    def prepare(self, frame: Frame) -> None:
        """Do that work ahead of step(frame); called from the reading thread, in order."""
        ...


@runtime_checkable
class CountingFrontend(Protocol):
    """A frontend that knows how many frames it has something to say of."""

    def expect(self, frames: int) -> None:
        """Raises InputError where the sequence has another number; called before the first."""
        ...


@runtime_checkable
class GuidedFrontend(Protocol):
    """A frontend that can be shown where the cameras are known to have been."""

    def guide(self, poses: Trajectory | None) -> None:
        """poses: T_world_camera in metres, by the frames' clock; None where nobody knows them.
        Called before the first frame. Raises ConfigError where it was asked to use them."""
        ...


class FrontendMemory(Protocol):
    """What a frontend knew at one moment; it stays so, whatever the frontend does later."""

    def note(self) -> dict[str, Any]:
        """As plain JSON values; frames are named by their index. Called from any thread."""
        ...


@runtime_checkable
class ResumableFrontend(Protocol):
    """A frontend whose memory fits in a note, so that a killed run resumes exactly."""

    def snapshot(self) -> FrontendMemory | None:
        """The memory as it is now; None: it is not to be written down. Asked for at every frame, so
        it must cost next to nothing: references to values that are replaced, never changed, and
        written down if need be."""
        ...

    def restore(self, note: dict[str, Any], read_frame: Callable[[int], Frame]) -> None:
        """Take up where the memory of `note` was, reading again the frames that it names."""
        ...


@runtime_checkable
class RecoveringFrontend(Protocol):
    """A frontend that finds out later where frames were that it had lost.

    recovered: how many of the predictions of its last answer are of such.
    """

    recovered: int


@runtime_checkable
class CorrectingFrontend(Protocol):
    """A frontend that knows better in the end where the frames were that it answered."""

    def corrections(self) -> Mapping[tuple[int, int], np.ndarray]:
        """S_world_camera (4, 4) by segment and frame index; asked once, after the flush.

        Its scale is what the depths of the frame's prediction must be multiplied by.
        """
        ...


@runtime_checkable
class ReportingFrontend(Protocol):
    """A frontend that found out more than poses and points."""

    def metrics(self) -> dict[str, Any]:
        """For metrics.json, after the flush."""
        ...

    def notes(self) -> list[str]:
        """Sentences for whoever mapped the sequence, after the flush."""
        ...


@runtime_checkable
class ExplainingFrontend(Protocol):
    """A frontend that can tell why it placed no frame at all."""

    def explain(self) -> str:
        """The cause that its numbers support, in a few words."""
        ...


@runtime_checkable
class PairFrontend(Protocol):
    """A frontend that can look again at images which it has seen, two by two."""

    def rollout_pairs(
        self,
        images: Sequence[UInt8[np.ndarray, "h w 3"]],
        progress: Callable[[int], None] | None = None,
    ) -> list[ImagePair]:
        """The pairs of the reference alignment; the frontend's memory stays as it is.

        images: uint8 (h, w, 3), as they are in its predictions. progress: told the number of
        rollouts done, of two less one for each image.
        """
        ...
