"""Our WinT3R made to do all the work that the reference does: the baseline of bench_wint3r.py.

The same results, from the inefficiencies that specs/wint3r_cost.json lists: every window encoded
anew, the camera head over the whole pool with masks made in each attention, the history of maps
joined again after every window, rotary tables looked up and joined at each use, planes joined to
the maps of the point head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional

from mapper.frontends.layers import cpu_attention, linear
from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.rope import Rope2D
from mapper.frontends.wint3r import point_head
from mapper.frontends.wint3r.camera_head import CameraHead
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.point_head import padded, plane_coordinates
from mapper.frontends.wint3r.prediction import FramePrediction
from mapper.frontends.wint3r.windows import StreamOptions
from reference.wint3r_offline import Slots, merged


class MaskedPool:
    """All tokens at once; the mask is built in float32 on the CPU for every attention."""

    def __init__(self, tokens: int, block: int, device: torch.device) -> None:
        self._tokens, self._block, self._device = tokens, block, device

    def mixed(self, site: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mask = torch.full((self._tokens, self._tokens), float("-inf"))
        for start in range(0, self._tokens, self._block):
            mask[start:, : start + self._block] = 0
        return attend(query, key, value, mask.to(self._device))


def reference_camera_poses(head: CameraHead, tokens: Tensor, block: int) -> Tensor:
    """Raw poses of a whole pool (B, n, D)."""
    products = patch.object(linear, "suits", lambda *_: False)
    with products, patch.object(cpu_attention, "suits", lambda *_: False):
        return head.refined(tokens, MaskedPool(tokens.shape[1], block, tokens.device))


class ReferenceStream:
    """Windows as the reference runs them; the predictions all come at the end."""

    def __init__(self, model: Wint3r, options: StreamOptions) -> None:
        self._model, self._options = model, options
        self._images: list[Tensor] = []
        self._slots: Slots | None = None
        self._state: Tensor | None = None
        self._start = 0

    def step(self, image: Tensor) -> list[FramePrediction]:
        self._images.append(image)
        if len(self._images) == self._start + self._options.window:
            self._run()
        return []

    def flush(self) -> list[FramePrediction]:
        covered = self._start - self._options.step + self._options.window
        if len(self._images) > covered or self._slots is None:
            self._run()
        assert self._slots is not None
        return merged(self._slots, self._options)

    def _run(self) -> None:
        model, last = self._model, len(self._images) - 1
        stop = self._start + self._options.window
        positions = [min(i, last) for i in range(self._start, stop)]
        encoded = model.encode(
            torch.cat([self._images[i] for i in positions]), self._options.precision
        )
        buffered = torch.zeros_like(encoded.features) + encoded.features
        tokens = model.embed(type(encoded)(buffered, encoded.grid))[None]
        state = model.initial_state(1) if self._state is None else self._state
        decoded = model.decode(tokens, state, encoded.grid)
        self._state = decoded.state
        pointmap, confidence = model.points(decoded, encoded.grid)
        self._join(positions, decoded.camera_tokens, pointmap, confidence)
        self._start += self._options.step

    def _join(
        self, positions: list[int], tokens: Tensor, pointmap: Tensor, confidence: Tensor
    ) -> None:
        """Everything so far in one piece again, and the camera head over all of it."""
        old = self._slots
        if old is not None:
            positions = old.positions + positions
            tokens = torch.cat([old.camera_tokens, tokens], 1)
            pointmap = torch.cat([old.pointmap, pointmap], 1)
            confidence = torch.cat([old.confidence, confidence], 1)
        poses = reference_camera_poses(self._model.cam_head, tokens, self._options.pool.block)
        descriptor = tokens.new_zeros(1, len(self._images), 1)
        self._slots = Slots(positions, tokens, pointmap, confidence, poses, descriptor)


@contextmanager
def reference_work() -> Iterator[None]:
    """Matrix products, rotary positions and the point head as the reference computes them."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(linear, "suits", lambda *_: False))
        stack.enter_context(patch.object(cpu_attention, "suits", lambda *_: False))
        stack.enter_context(patch.object(Rope2D, "rotate", gathered_rotation))
        stack.enter_context(patch.object(point_head.Projection, "forward", map_projection))
        stack.enter_context(patch.object(point_head.Doubling, "forward", joined_doubling))
        stack.enter_context(patch.object(point_head.Output, "forward", joined_output))
        yield


def gathered_rotation(rope: Rope2D, tokens: Tensor) -> Tensor:
    """Tables looked up by position for each axis, halves negated, swapped and joined."""
    x = tokens.to(rope.rounding or tokens.dtype).to(rope.cos.dtype)
    index = torch.arange(len(rope.cos), device=tokens.device)
    turned = []
    for half, cos, signed in zip(
        x.chunk(2, -1), rope.cos.chunk(2, -1), rope.sin.chunk(2, -1), strict=True
    ):
        sin = signed.chunk(2, -1)[1].repeat(1, 2)
        c = functional.embedding(index, cos)[:, None]
        s = functional.embedding(index, sin)[:, None]
        u, v = half.chunk(2, -1)
        turned.append(half * c + torch.cat([-v, u], -1) * s)
    result = torch.cat(turned, -1)
    return result.to(rope.rounding or tokens.dtype).to(tokens.dtype)


def map_projection(projection: point_head.Projection, tokens: Tensor) -> Tensor:
    """The 1x1 convolution on a map with its pixels next to one another in memory."""
    image = tokens.transpose(1, 2)[..., None].contiguous()
    return functional.conv2d(image, projection.weight, projection.bias)[..., 0].transpose(1, 2)


def joined_doubling(doubling: point_head.Doubling, image: Tensor, aspect: float) -> Tensor:
    transposed, convolve = doubling
    return convolve(transposed(with_plane(image.contiguous(), aspect)))


def joined_output(output: point_head.Output, image: Tensor, aspect: float) -> Tensor:
    first, activate, last = output
    assert isinstance(first, torch.nn.Conv2d)
    image = functional.conv2d(padded(with_plane(image, aspect)), first.weight, first.bias)
    return last(activate(image))


def with_plane(image: Tensor, aspect: float) -> Tensor:
    plane = plane_coordinates(*image.shape[2:], aspect, image.device).permute(2, 0, 1)
    return torch.cat([image, plane.expand(len(image), -1, -1, -1)], 1)
