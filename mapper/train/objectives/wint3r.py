"""WinT3R in training: all windows of a sequence, each frame as often as windows hold it.

Source: Li et al., "WinT3R: Window-Based Streaming Reconstruction with Camera Token Pool", by
reading its code; section 6 of the training specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mapper.frontends.wint3r.poses import pose_matrix
from mapper.frontends.wint3r.positions import RotaryPrecision
from mapper.frontends.wint3r.preprocess import normalised
from mapper.train.losses.wint3r import Wint3rOutput, wint3r_loss
from mapper.train.objectives.objective import FULL, MixedPrecision, Seen
from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    from mapper.frontends.wint3r.network import Wint3r
    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss


@dataclass(frozen=True, slots=True)
class Wint3rObjective:
    """Windows half of which is new, as in inference; the state's gradient goes through them all."""

    model: Wint3r
    precision: MixedPrecision = FULL

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """One loss over all slots: the truth of a frame that is in two windows counts twice."""
        windows = window_frames(batch.images.shape[1], self.model.config.window_size)
        output = self._decoded(batch, windows)
        yield wint3r_loss(output, batch.views([frame for window in windows for frame in window]))

    def seen(self, batch: TrainingBatch) -> Seen:
        """Each frame as the first window that holds it says."""
        windows = window_frames(batch.images.shape[1], self.model.config.window_size)
        output = self._decoded(batch, windows)
        slots = [frame for window in windows for frame in window]
        first = [slots.index(frame) for frame in range(batch.images.shape[1])]
        T = pose_matrix(output.cameras[-1][:, first])
        return Seen(output.points[:, first, ..., 2], inverse_rigid(T[:, :1]) @ T)

    def _decoded(self, batch: TrainingBatch, windows: list[list[int]]) -> Wint3rOutput:
        model, precision = self.model, self.precision
        images = (batch.images + 1) / 2
        with precision.trunk(model.device):
            encoded = model.encode(normalised(images.flatten(0, 1)), RotaryPrecision.KERNEL)
            tokens = model.embed(encoded).unflatten(0, images.shape[:2])
            state = model.initial_state(len(images))
        points, confidences, cameras = [], [], []
        for window in windows:
            with precision.trunk(model.device):
                seen = torch.stack([tokens[:, frame] for frame in window], 1)
                decoded = model.decode(seen, state, encoded.grid)
            state = decoded.state
            with precision.heads(model.device):
                found, confidence = model.points(decoded, encoded.grid)
            points.append(found)
            confidences.append(confidence)
            cameras.append(decoded.camera_tokens)
        with precision.heads(model.device):
            poses = model.cam_head(torch.cat(cameras, 1), model.config.window_size)
        return Wint3rOutput(torch.cat(points, 1), torch.cat(confidences, 1), poses)


def window_frames(frames: int, window: int) -> list[list[int]]:
    """Which frames each window holds; where the last one is not full, its last frame again."""
    step = max(window // 2, 1)
    starts = range(0, max(frames - window + step, 1), step)
    return [[min(start + k, frames - 1) for k in range(window)] for start in starts]
