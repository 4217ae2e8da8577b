"""How well the camera was followed, and through how much that tells nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mapper.checking.finished_map import FinishedMap

FEW_FEATURES: Final = 60  # of a keyframe: a bare wall, the dark, a smear


@dataclass(frozen=True, slots=True)
class Tracking:
    """lost, held: shares of the frames that have no place, and that the motion before held. bare:
    ids of keyframes with next to nothing to recognise them by; bare_share: of all."""

    lost: float
    held: float
    bare: list[int]
    bare_share: float


def measure_tracking(each: FinishedMap) -> Tracking:
    """From the run's own counts and the keyframes' features."""
    frames = max(int(each.metrics.get("frames", 0)), 1)
    weak: dict[str, Any] = each.metrics.get("weak_frames") or {}
    bare = [id for id, k in each.keyframes.items() if len(k.features.pixels) < FEW_FEATURES]
    return Tracking(
        max(1 - int(each.metrics.get("tracked", frames)) / frames, 0.0),
        int(weak.get("held", 0)) / max(int(weak.get("known", 0)), 1),
        bare,
        len(bare) / len(each.keyframes),
    )
