"""The cache of keys and values: slots, pages, storage, attention in parts. Needs no network."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.linear import FEWEST_ROWS, Linear, product, suits
from mapper.frontends.vggt.cache import kernels
from mapper.frontends.vggt.cache.kernels import attend_parts
from mapper.frontends.vggt.cache.pages import CacheShape, FrameCache
from mapper.frontends.vggt.cache.storage import Storage

LAYERS, TOKENS, HEADS, WIDTH = 2, 5, 3, 16
CPU = torch.device("cpu")


def vectors(seed: int, tokens: int = TOKENS, batch: int = 2) -> Tensor:
    return torch.randn(batch, tokens, HEADS, WIDTH, generator=torch.Generator().manual_seed(seed))


def cache_of(
    page_frames: int = 2, capacity: int | None = None, storage: str = "float32"
) -> FrameCache:
    shape = CacheShape(LAYERS, 2, TOKENS, HEADS, WIDTH, Storage(storage))
    return FrameCache(shape, CPU, page_frames, capacity)


def put(cache: FrameCache, frame: int) -> None:
    """A frame whose keys and values follow from its number."""
    cache.claim([frame])
    for layer in range(LAYERS):
        cache.store(layer, vectors(10 * frame + layer), vectors(1000 + 10 * frame + layer))
    cache.commit()


def expected(frames: list[int], query: Tensor, layer: int = 0) -> Tensor:
    keys = torch.cat([vectors(10 * frame + layer) for frame in frames], 1)
    values = torch.cat([vectors(1000 + 10 * frame + layer) for frame in frames], 1)
    return attend(query, keys, values)


@pytest.mark.parametrize("rows", [3, FEWEST_ROWS + 4])  # both ways of the CPU
@pytest.mark.parametrize("page_frames", [1, 2, 8])
def test_pages_together_are_one_attention(rows: int, page_frames: int) -> None:
    cache = cache_of(page_frames)
    for frame in range(5):
        put(cache, frame)
    query = vectors(7, rows)
    for layer in range(LAYERS):
        ours = cache.attend(layer, query)
        torch.testing.assert_close(ours, expected([0, 1, 2, 3, 4], query, layer))


def test_extreme_logits_survive_the_merge() -> None:
    # One part outweighs the other by e^1000: its denominator must not overflow.
    query = 100 * vectors(1, FEWEST_ROWS)
    parts = [(vectors(2), vectors(3)), (10 * query[:, :TOKENS], vectors(4))]
    keys, values = (torch.cat(each, 1) for each in zip(*parts, strict=True))
    torch.testing.assert_close(attend_parts(query, parts), attend(query, keys, values))


def test_a_new_frame_is_written_where_one_was_dropped() -> None:
    cache = cache_of(page_frames=4, capacity=4)
    for frame in range(4):
        put(cache, frame)
    taken = cache.allocated_bytes
    cache.drop(2)
    put(cache, 4)
    assert sorted(cache.frames) == [0, 1, 3, 4] and cache.allocated_bytes == taken
    query = vectors(7, 3)
    torch.testing.assert_close(cache.attend(1, query), expected([0, 1, 3, 4], query, 1))
    keys, _ = cache.ordered(0)
    torch.testing.assert_close(keys[:, 3], vectors(40))


def test_several_holes_are_closed() -> None:
    cache = cache_of(page_frames=3)
    for frame in range(7):
        put(cache, frame)
    for frame in (1, 2, 4):
        cache.drop(frame)
    put(cache, 7)
    query = vectors(8, 3)
    torch.testing.assert_close(cache.attend(0, query), expected([0, 3, 5, 6, 7], query))


def test_a_rollback_leaves_the_past_as_it_was() -> None:
    cache = cache_of()
    put(cache, 0)
    put(cache, 1)
    cache.claim([2])
    cache.store(0, vectors(5), vectors(6))
    cache.rollback()
    assert cache.frames == [0, 1]
    query = vectors(9, 3)
    torch.testing.assert_close(cache.attend(0, query), expected([0, 1], query))


def test_memory_is_taken_by_the_page_and_never_beyond_the_capacity() -> None:
    cache = cache_of(page_frames=2, capacity=3)
    sizes = []
    for frame in range(3):
        put(cache, frame)
        sizes.append(cache.allocated_bytes // cache.shape.bytes_per_frame)
    assert sizes == [2, 2, 3]
    with pytest.raises(ConfigError, match="holds 3"):
        put(cache, 3)


def test_shrinking_gives_pages_back() -> None:
    cache = cache_of(page_frames=2)
    for frame in range(6):
        put(cache, frame)
    before = cache.allocated_bytes
    for frame in (1, 2, 3):
        cache.drop(frame)
    cache.shrink(3)
    assert cache.allocated_bytes == before * 2 // 3
    query = vectors(9, 3)
    torch.testing.assert_close(cache.attend(0, query), expected([0, 4, 5], query))


# Bits of mantissa 8, 8 (of the largest entry, so fewer for others) and 4: a rounding's relative
# error is half of 2^-bits, and the softmax of a few keys hardly averages it away.
@pytest.mark.parametrize(
    ("storage", "bytes_a_value", "error"),
    [("float32", 4, 1e-6), ("bfloat16", 2, 0.01), ("int8", 1, 0.02), ("float8", 1, 0.08)],
)
def test_small_types_cost_little(storage: str, bytes_a_value: int, error: float) -> None:
    cache = cache_of(storage=storage)
    for frame in range(4):
        put(cache, frame)
    query = vectors(7, 6)
    exact = expected([0, 1, 2, 3], query)
    off = (cache.attend(0, query) - exact).norm() / exact.norm()
    assert off < error
    values = 2 * LAYERS * 2 * TOKENS * HEADS
    scales = 2 * values if storage in ("int8", "float8") else 0
    assert cache.shape.bytes_per_frame == values * WIDTH * bytes_a_value + scales
    assert cache.used_bytes == 4 * cache.shape.bytes_per_frame


def test_unknown_types_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"int7.*expected one of"):
        Storage("int7")


def test_the_attention_that_frames_receive_adds_up() -> None:
    cache = cache_of()
    for frame in range(3):
        put(cache, frame)
    query = vectors(7, 4)
    keys = torch.cat([vectors(10 * frame) for frame in range(3)], 1)
    maps = torch.einsum("bmhd,bnhd->bhmn", query, keys).div(WIDTH**0.5).softmax(-1)
    by_frame = maps.unflatten(-1, (3, TOKENS)).sum(-1).mean((0, 1, 2))
    torch.testing.assert_close(cache.received(0, query), by_frame)


def test_the_choice_of_the_kernel_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    kernels.choose.cache_clear()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            attend_parts(vectors(1), [(vectors(2), vectors(3))])
    assert len([r for r in caplog.records if "attention over the cache" in r.message]) == 1


def test_without_a_kernel_that_tells_denominators_parts_are_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "choose", lambda device, dtype: None)
    parts = [(vectors(2), vectors(3)), (vectors(4), vectors(5))]
    keys, values = (torch.cat(each, 1) for each in zip(*parts, strict=True))
    query = vectors(1)
    torch.testing.assert_close(attend_parts(query, parts), attend(query, keys, values))


def test_products_agree_with_pytorchs_and_leave_gradients_to_it() -> None:
    layer = Linear(8, 12)
    tokens = torch.randn(FEWEST_ROWS, 8)
    plain = torch.nn.functional.linear(tokens, layer.weight, layer.bias)
    assert not suits(tokens, layer.weight)  # the weights ask for gradients
    assert layer(tokens).requires_grad
    with torch.inference_mode():
        torch.testing.assert_close(layer(tokens), plain)
        both = product(tokens, layer.weight, layer.bias, gelu=True)
        torch.testing.assert_close(both, torch.nn.functional.gelu(plain))
        padded = torch.randn(12, 16)[:, :8]
        assert not suits(tokens, padded)  # oneDNN would be slow beyond measure
