"""From what a stream says of frames to the predictions of a learned frontend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mapper.core.prediction import Prediction
from mapper.frontends.keyframe_loop.stream import Streamed
from mapper.frontends.learned import Answer, Shown

Predicted = Callable[[Shown, Answer | None], list[Prediction]]


@dataclass(slots=True, eq=False)
class LoopAnswers:
    """Frames that wait for their call, by their number in the stream."""

    _waiting: dict[int, Shown] = field(default_factory=dict)

    def wait(self, number: int, shown: Shown) -> None:
        """The frame is in the stream now."""
        self._waiting[number] = shown

    def predictions(self, streamed: Sequence[Streamed], predicted: Predicted) -> list[Prediction]:
        """Of all frames that were answered."""
        return [
            prediction
            for said in streamed
            for prediction in predicted(self._waiting.pop(said.number), answer_of(said))
        ]


def answer_of(said: Streamed) -> Answer | None:
    """None where the network's answer was not finite."""
    if said.depth is None:
        return None
    camera = said.camera
    assert camera is not None and said.confidence is not None
    assert said.T_world_camera is not None and said.descriptor is not None
    return Answer(
        points=said.depth,
        confidence=said.confidence,
        T_world_camera=said.T_world_camera,
        camera=lambda: camera,
        descriptor=said.descriptor.copy(),  # which stays, when all that came with it can go
    )
