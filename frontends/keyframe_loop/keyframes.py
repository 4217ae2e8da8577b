"""Which frames become keyframes, and which of these are shown to the network again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.keyframe_loop.cameras import distances
from mapper.frontends.keyframe_loop.config import LoopRules

if TYPE_CHECKING:
    from jaxtyping import Float

Poses = Mapping[int, "Float[np.ndarray, '4 4']"]  # T_world_camera by frame
AS_SURE: Final = 0.005  # share of the largest confidence by which another counts as large


def new_keyframes(
    candidates: Sequence[int],
    seeds: Sequence[int],
    poses: Poses,
    confidence: Mapping[int, float],
    apart: float,
) -> list[int]:
    """Of the candidates those that are far from all seeds and from one another, in order of choice:
    the surest first, of about as sure ones the earliest."""
    chosen: list[int] = []
    while True:
        near = _stacked(poses, [*seeds, *chosen])
        free = [c for c in candidates if distances(poses[c][None], near).min() > apart]
        if not free:
            return chosen
        most = max(confidence[c] for c in free) * (1 - AS_SURE)
        chosen.append(min(c for c in free if confidence[c] >= most))


def active_keyframes(
    active: Sequence[int],
    added: Sequence[int],
    keyframes: Sequence[int],
    poses: Poses,
    rules: LoopRules,
) -> list[int]:
    """The keyframes that the network sees with the next frames: as ever and the added ones, or
    chosen anew where these are too many or too far apart."""
    together = [*active, *added]
    if not added or len(keyframes) <= rules.least:
        return together
    far = distances(_stacked(poses, added), _stacked(poses, list(active))).max() >= rules.forward
    if not far and len(together) <= rules.most:
        return together
    return chosen_anew(keyframes, poses, rules)


def chosen_anew(keyframes: Sequence[int], poses: Poses, rules: LoopRules) -> list[int]:
    """Those around the newest keyframe; the bridge to the rest comes first."""
    newest = max(keyframes)
    chosen = [newest]
    rest = sorted(k for k in keyframes if k != newest)
    near = distances(poses[newest][None], _stacked(poses, rest))[0]
    for place in np.argsort(near, kind="stable"):
        if len(chosen) == rules.nearest + 1:
            break
        candidate = rest[place]
        gap = distances(poses[candidate][None], _stacked(poses, chosen)).min()
        if newest - candidate > rules.loop or gap > rules.between:
            chosen.append(candidate)
    while len(chosen) < rules.least - rules.bridges:
        joining = _joining(keyframes, chosen, poses, rules)
        if joining is None:
            break
        chosen.append(joining)
    bridges: list[int] = []
    for _ in range(rules.bridges):
        left = sorted(set(keyframes) - {*chosen, *bridges})
        if left:
            summed = distances(_stacked(poses, left), _stacked(poses, chosen)).sum(1)
            bridges.append(left[int(np.argmin(summed))])
    return [*bridges, *sorted(chosen)]


def _joining(
    keyframes: Sequence[int], chosen: Sequence[int], poses: Poses, rules: LoopRules
) -> int | None:
    """The earliest keyframe that is near one of the chosen and not far from any."""
    for candidate in sorted(set(keyframes) - set(chosen)):
        apart = distances(poses[candidate][None], _stacked(poses, chosen))[0]
        if apart.min() <= rules.fill and apart.max() <= rules.farthest:
            return candidate
    return None


def _stacked(poses: Poses, frames: Sequence[int]) -> np.ndarray:
    return np.stack([poses[frame] for frame in frames])
