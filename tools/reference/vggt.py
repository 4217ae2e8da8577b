"""Our STream3R made to do all the work that the reference does: the baseline of bench_streaming.py.

The same results, from the inefficiencies that specs/vggt_cost.json lists: keys and values joined to
a new tensor in every layer of every frame, and again when the window moves; tokens of all layers
kept, predictions and images joined each frame; rotary tables looked up, and positional maps made
at full size in float64, at each use; blocks run as if for checkpointing; maps with their pixels
next to one another in memory, and PyTorch's own choice of products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from mapper.frontends.layers import cpu_attention, linear
from mapper.frontends.layers.map_positions import BASE, axes
from mapper.frontends.layers.rope import Rope2D
from mapper.frontends.vggt import block, dpt
from mapper.frontends.vggt.cache import frame_memory
from mapper.frontends.vggt.cache.pages import CacheShape
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.network import Vggt, VggtPrediction
from mapper.frontends.vggt.session import StreamSession


class JoinedCache:
    """Stands in for FrameCache: one tensor a layer, joined anew with every frame."""

    def __init__(self, shape: CacheShape, *_: object) -> None:
        self.shape = shape
        self.frames: list[int] = []
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def used_bytes(self) -> int:
        return len(self.frames) * self.shape.bytes_per_frame

    def claim(self, frames: Sequence[int]) -> None:
        self.frames = self.frames + list(frames)

    def store(self, layer: int, key: Tensor, value: Tensor) -> None:
        new = (key.transpose(1, 2), value.transpose(1, 2))
        past = self._layers.get(layer)
        self._layers[layer] = new if past is None else joined(past, new)

    def attend(self, layer: int, query: Tensor) -> Tensor:
        keys, values = self._layers[layer]
        mixed = functional.scaled_dot_product_attention(query.transpose(1, 2), keys, values)
        return mixed.transpose(1, 2).flatten(2)

    def commit(self) -> None:
        """Nothing was provisional."""

    def drop(self, frame: int) -> None:
        place, tokens = self.frames.index(frame), self.shape.tokens
        self.frames = [kept for kept in self.frames if kept != frame]
        for layer, (keys, values) in self._layers.items():
            before = (keys[:, :, : place * tokens], values[:, :, : place * tokens])
            after = (keys[:, :, (place + 1) * tokens :], values[:, :, (place + 1) * tokens :])
            self._layers[layer] = joined(before, after)


def joined(first: tuple[Tensor, Tensor], last: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return torch.cat([first[0], last[0]], 2), torch.cat([first[1], last[1]], 2)


class ReferenceSession:
    """A stream that gives back every frame's predictions so far. Under `reference_work` only.

    model: its aggregator is changed, so it should serve nothing else.
    """

    def __init__(self, model: Vggt, options: SessionOptions) -> None:
        aggregator = model.aggregator
        aggregator.tapped = frozenset(range(model.config.agg_depth))
        for layer in (*aggregator.frame_blocks, *aggregator.global_blocks):
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        self._session = StreamSession(model, options)
        self._outputs: list[Tensor] = []

    @property
    def cache_bytes(self) -> int:
        return self._session.cache_bytes

    def step(self, image: Tensor) -> VggtPrediction:
        """The newest frame's; (1, 3, H, W) in [0, 1]."""
        told = self._session.step(image)
        maps = (told.points, told.points_confidence, told.depth, told.depth_confidence)
        new = [told.pose_encoding, *(each for each in maps if each is not None), image[None]]
        past = self._outputs
        with torch.inference_mode():
            joint = (torch.cat(pair, 1) for pair in zip(past or new, new, strict=True))
            self._outputs = list(joint) if past else new
        return told


@contextmanager
def reference_work() -> Iterator[None]:
    """Caches, products, rotary positions and dense heads as the reference computes them."""
    with ExitStack() as stack:
        for owner, name, replacement in (
            (frame_memory, "FrameCache", JoinedCache),
            (linear, "suits", lambda *_: False),
            (cpu_attention, "suits", lambda *_: False),
            (block, "rotated", gathered_rotation),
            (block.LayerScale, "forward", scaled_sum),
            (linear.PointwiseConv2d, "forward", map_convolution),
            (dpt, "add_positions", add_whole_positions),
            (dpt.Dpt, "level", map_level),
            (dpt.FusionBlock, "forward", fused_then_mixed),
            (dpt.ResidualUnit, "forward", residual_unit),
        ):
            stack.enter_context(patch.object(owner, name, replacement))
        yield


def gathered_rotation(tokens: Tensor, rope: Rope2D) -> Tensor:
    """As vggt.block.rotated: the largest position asked for, rows gathered, halves joined."""
    index = torch.arange(len(rope.cos), device=tokens.device)
    index = index.repeat(tokens.shape[1] // len(index))
    largest = int(index.max()) + 1
    turned = []
    for half, cos, signed in zip(
        tokens.transpose(1, 2).chunk(2, -1),
        rope.cos.chunk(2, -1),
        rope.sin.chunk(2, -1),
        strict=True,
    ):
        sin = signed.chunk(2, -1)[1].repeat(1, 2)
        c = functional.embedding(index, cos[:largest])
        s = functional.embedding(index, sin[:largest])
        u, v = half.chunk(2, -1)
        turned.append(half * c + torch.cat([-v, u], -1) * s)
    return torch.cat(turned, -1).transpose(1, 2)


def scaled_sum(layer: block.LayerScale, tokens: Tensor, change: Tensor) -> Tensor:
    return tokens + change * layer.gamma


def map_convolution(layer: linear.PointwiseConv2d, image: Tensor) -> Tensor:
    return functional.conv2d(image, layer.weight, layer.bias)


def map_level(head: dpt.Dpt, number: int, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Pixels next to one another in memory, as a map is made by transposing and copying."""
    image = head.norm(tokens).transpose(1, 2).reshape(len(tokens), -1, *grid)
    image = head.placed(head.projects[number](image), grid[1] / grid[0])
    return head.resize_layers[number](image)


def residual_unit(unit: dpt.ResidualUnit, image: Tensor) -> Tensor:
    image = image.relu()
    return unit.conv2(unit.conv1(image).relu()) + image


def fused_then_mixed(
    fusion: dpt.FusionBlock, path: Tensor, size: tuple[int, int], skip: Tensor | None = None
) -> Tensor:
    """The 1x1 convolution after the enlargement, on four times as many pixels."""
    if skip is not None:
        path = path + fusion.resConfUnit1(skip)
    return fusion.out_conv(dpt.resized(fusion.resConfUnit2(path), size))


def add_whole_positions(image: Tensor, aspect: float, share: float) -> Tensor:
    """The whole map of sines and cosines, from float64, for every frame and head."""
    channels, height, width = image.shape[1:]
    (right, _), (low, _) = axes(height, width, aspect)
    x, y = torch.meshgrid(
        torch.linspace(-right, right, width, device=image.device),
        torch.linspace(-low, low, height, device=image.device),
        indexing="xy",
    )
    embedded = torch.cat([waves(x, channels // 2), waves(y, channels // 2)], -1) * share
    return image + embedded.permute(2, 0, 1)[None].expand(len(image), -1, -1, -1)


def waves(places: Tensor, channels: int) -> Tensor:
    """(h, w, channels): sines, then cosines."""
    order = torch.arange(channels // 2, dtype=torch.float64, device=places.device)
    angle = places.double()[..., None] / BASE ** (order / (channels // 2))
    return torch.cat([angle.sin(), angle.cos()], -1).float()
