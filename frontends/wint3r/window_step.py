"""Frames and windows through WinT3R on its device, by CUDA graphs where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.frontends.graphs import Graphs, Mixer
from mapper.frontends.wint3r.camera_pool import CameraPool
from mapper.frontends.wint3r.network import Decoded, Wint3r
from mapper.frontends.wint3r.positions import RotaryPrecision

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

NO_GRAPHS = Graphs(torch.device("cpu"), wanted=False)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """tokens: (B, P, C) for the decoder. descriptor: (B, C_enc)."""

    tokens: Float[Tensor, "b p c"]
    descriptor: Float[Tensor, "b c_enc"]
    grid: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class DecodedWindow:
    """decoded, pointmap, confidence, poses: see WindowOutput. is_finite: (), whether all of that
    is, and every quaternion has a length, without which it is no rotation."""

    decoded: Decoded
    pointmap: Float[Tensor, "b w h width 3"]
    confidence: Float[Tensor, "b w h width"]
    poses: Float[Tensor, "iterations b n 7"]
    is_finite: Bool[Tensor, ""]


@dataclass(frozen=True, slots=True, eq=False)
class _PoolKeys:
    """The pool as the camera head sees it while it is captured: attention interrupts it."""

    mixed: Mixer


@dataclass(frozen=True, slots=True, eq=False)
class WindowStepper:
    """Encodes frames and decodes windows; with graphs it tells of these the camera tokens alone."""

    model: Wint3r
    precision: RotaryPrecision
    graphs: Graphs = field(default=NO_GRAPHS)

    def encoded(self, image: Float[Tensor, "b 3 h w"]) -> EncodedFrame:
        """One image (B, 3, H, W), normalised."""

        def computed(_: Mapping[str, Mixer], image: Tensor) -> EncodedFrame:
            encoded = self.model.encode(image, self.precision)
            tokens = self.model.embed(encoded)
            return EncodedFrame(tokens, encoded.global_feature[:, 0], encoded.grid)

        return self.graphs.run(("encoder", image.shape), computed, [image])

    def decoded(
        self, tokens: Tensor, state: Tensor, grid: tuple[int, int], pool: CameraPool
    ) -> DecodedWindow:
        """Tokens (B, w, P, C) of a window; `pool` is extended by its cameras."""
        if pool.pending is not None or tokens.shape[1] != pool.options.block:
            window, cameras = self._window(tokens, state, grid)
            return self._answer(window, self.model.cam_head.extend(cameras, pool))

        def computed(
            mixers: Mapping[str, Mixer], tokens: Tensor, state: Tensor
        ) -> tuple[DecodedWindow, Tensor]:
            window, cameras = self._window(tokens, state, grid)
            keys = _PoolKeys(mixers["pool"])
            answer = self._answer(window, self.model.cam_head.refined(cameras, keys))
            if self.graphs.wanted:  # a copy of all tokens would have to stay
                answer = replace(answer, decoded=of_cameras(answer.decoded))
            return answer, cameras

        mixers = {"pool": pool.mixed}
        key = ("window", tokens.shape, grid)
        decoded, cameras = self.graphs.run(key, computed, [tokens, state], mixers)
        pool.accept(cameras)
        return decoded

    def _window(
        self, tokens: Tensor, state: Tensor, grid: tuple[int, int]
    ) -> tuple[tuple[Decoded, Tensor, Tensor], Tensor]:
        decoded = self.model.decode(tokens, state, grid)
        return (decoded, *self.model.points(decoded, grid)), decoded.camera_tokens

    def _answer(self, window: tuple[Decoded, Tensor, Tensor], poses: Tensor) -> DecodedWindow:
        decoded, pointmap, confidence = window
        parts = (pointmap, confidence, poses, decoded.state)
        sound = [part.isfinite().all() for part in parts]
        sound.append((poses[..., 3:7].norm(dim=-1) > 0).all())
        return DecodedWindow(decoded, pointmap, confidence, poses, torch.stack(sound).all())


def of_cameras(decoded: Decoded) -> Decoded:
    """Without the patches."""
    final, before_frames = decoded.final[:, :, :1], decoded.before_frames[:, :, :1]
    return Decoded(final, before_frames, decoded.state)
