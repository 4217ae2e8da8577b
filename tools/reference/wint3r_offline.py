"""WinT3R over images that are all known in advance: for training, and as published offline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mapper.errors import InputError
from mapper.frontends.wint3r.network import Decoded, Wint3r
from mapper.frontends.wint3r.poses import relative
from mapper.frontends.wint3r.prediction import Candidate, FramePrediction
from mapper.frontends.wint3r.windows import StreamOptions


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Every occurrence of a frame in a window, in the order of the pool; M slots.

    positions: their frames. camera_tokens: (B, M, 2C). pointmap: (B, M, H, W, 3), confidence:
    (B, M, H, W), poses: raw, (iterations, B, M, 7). descriptor: (B, N, C_enc), of the N frames.
    """

    positions: list[int]
    camera_tokens: Tensor
    pointmap: Tensor
    confidence: Tensor
    poses: Tensor
    descriptor: Tensor


def predict_slots(
    model: Wint3r, images: Tensor, options: StreamOptions, padded: bool = False
) -> Slots:
    """All slots of images (B, N, 3, H, W), for training or to be merged.

    The encoder runs once over all frames, both heads once at the end; the decoder goes window by
    window all the same. Unless padded, frames at the end that fill no window are left out.
    """
    windows = (window_positions if padded else whole_windows)(
        images.shape[1], options.window, options.step
    )
    if not windows:
        raise InputError(
            f"{images.shape[1]} images are less than a window of {options.window}: give more"
        )
    encoded = model.encode(images.flatten(0, 1), options.precision)
    tokens = model.embed(encoded).unflatten(0, images.shape[:2])
    state = model.initial_state(len(images))
    decoded: list[Decoded] = []
    for positions in windows:
        decoded.append(model.decode(tokens[:, list(positions)], state, encoded.grid))
        state = decoded[-1].state
    together = Decoded(
        torch.cat([each.final for each in decoded], 1),
        torch.cat([each.before_frames for each in decoded], 1),
        state,
    )
    pointmap, confidence = model.points(together, encoded.grid)
    with torch.autocast(images.device.type, enabled=False):
        poses = model.cam_head(together.camera_tokens, options.pool.block)
    return Slots(
        positions=[position for window in windows for position in window],
        camera_tokens=together.camera_tokens,
        pointmap=pointmap,
        confidence=confidence,
        poses=poses,
        descriptor=encoded.global_feature[:, 0].unflatten(0, images.shape[:2]),
    )


def merged(slots: Slots, options: StreamOptions) -> list[FramePrediction]:
    """One prediction a frame, chosen among its slots as the stream does."""
    candidates: dict[int, Candidate] = {}
    for slot, position in enumerate(slots.positions):
        maps = slots.pointmap[:, slot], slots.confidence[:, slot]
        if position in candidates:
            candidates[position].consider(*maps, slot)
        else:
            candidates[position] = Candidate(*maps, [slot])
    which = 0 if options.first_pose else -1
    origin = slots.poses[:, :, candidates[0].slots[which]]
    return [
        FramePrediction(
            position=position,
            pointmap=candidate.pointmap,
            confidence=candidate.confidence,
            poses=relative(origin, slots.poses[:, :, candidate.slots[which]]),
            descriptor=slots.descriptor[:, position],
        )
        for position, candidate in sorted(candidates.items())
    ]


def padded_length(frames: int, window: int, step: int) -> int:
    """Frames after the last one has been repeated until windows cover them all."""
    if frames <= window:
        return window
    return frames + (window - frames) % step


def window_positions(frames: int, window: int, step: int) -> list[tuple[int, ...]]:
    """The frames of every window of a padded sequence, the last one perhaps several times."""
    length = padded_length(frames, window, step)
    return [
        tuple(min(i, frames - 1) for i in range(start, start + window))
        for start in range(0, length - window + 1, step)
    ]


def whole_windows(frames: int, window: int, step: int) -> list[tuple[int, ...]]:
    """As for training: no padding, frames at the end that fill no window are left out."""
    return [tuple(range(s, s + window)) for s in range(0, frames - window + 1, step)]
