"""Everything that a CUT3R frontend knows at one moment, to be written down and taken up again."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mapper.errors import InputError
from mapper.frontends.cut3r.state import Cut3rState
from mapper.frontends.one_camera import UNSEEN, OneCamera

if TYPE_CHECKING:
    from jaxtyping import Float64


@dataclass(frozen=True, slots=True, eq=False)
class Cut3rMemory:
    """state: None before a segment's first frame; that of the update rule is part of it.

    rule: which it is, with its numbers: another one could not take up the state.
    frames_in_segment: since the state began. T_world_segment: of its first frame. scale: of its
    unit in the world's.
    camera: what its frames have implied of it.
    T_known_first: of that frame by the poses that are known from elsewhere; None where it has none.
    """

    rule: str
    segment: int
    frames_in_segment: int
    T_world_segment: Float64[np.ndarray, "4 4"]
    state: Cut3rState | None
    T_known_first: Float64[np.ndarray, "4 4"] | None = None
    scale: float = 1.0
    camera: OneCamera = UNSEEN

    def note(self) -> dict[str, Any]:
        """As plain values; the state's tensors are text, 13 MB of it at the published sizes."""
        return {
            "rule": self.rule,
            "segment": self.segment,
            "frames_in_segment": self.frames_in_segment,
            "T_world_segment": self.T_world_segment.tolist(),
            "state": None if self.state is None else _text(self.state),
            "scale": self.scale,
            "camera": self.camera.note(),
            "T_known_first": None if self.T_known_first is None else self.T_known_first.tolist(),
        }

    @staticmethod
    def of(note: dict[str, Any], device: torch.device) -> Cut3rMemory:
        """What `note` wrote, the state's tensors on that device and its masks on the CPU."""
        state = None if note["state"] is None else _state(str(note["state"]), device)
        T_world_segment = np.array(note["T_world_segment"], dtype=np.float64)
        frames = int(note["frames_in_segment"])
        known = note.get("T_known_first")
        return Cut3rMemory(
            str(note["rule"]),
            int(note["segment"]),
            frames,
            T_world_segment,
            state,
            None if known is None else np.array(known, dtype=np.float64),
            float(note.get("scale", 1.0)),
            OneCamera.of(note.get("camera")),
        )


def _text(state: Cut3rState) -> str:
    cpu = torch.device("cpu")
    tensors = {each.name: _moved(getattr(state, each.name), cpu) for each in fields(state)}
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _state(text: str, device: torch.device) -> Cut3rState:
    """Raises InputError for what is no such text; nothing in it is executed."""
    try:
        buffer = io.BytesIO(base64.b64decode(text, validate=True))
        stored = torch.load(buffer, map_location="cpu", weights_only=True)
        on_device = {
            name: value if name in ("learned_pose", "plain_gate") else _moved(value, device)
            for name, value in stored.items()
        }
        return Cut3rState(**on_device)
    except Exception as error:  # torch and pickle say it each in their own way
        raise InputError(f"the state of CUT3R in the checkpoint cannot be read: {error}") from error


def _moved(value: Any, device: torch.device) -> Any:
    """A tensor, several, or none, each in memory of its own: views of what is larger would take
    all of it along."""
    if isinstance(value, tuple | list):
        return tuple(_moved(each, device) for each in value)
    return None if value is None else value.to(device, copy=True).contiguous()
