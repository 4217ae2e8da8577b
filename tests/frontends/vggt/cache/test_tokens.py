"""Single tokens in the cache: what stays of them, and that attention sees just that."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.layers.attention import attend
from mapper.frontends.vggt.cache.importance import ImportantTokens, scaled_to_one, smoothed
from mapper.frontends.vggt.cache.pages import CacheShape
from mapper.frontends.vggt.cache.retention import KeptFrame
from mapper.frontends.vggt.cache.special import SpecialTokens
from mapper.frontends.vggt.cache.storage import Storage
from mapper.frontends.vggt.cache.tokens import TokenCache

CPU = torch.device("cpu")


def cache_of(
    capacity: int, layers: int = 1, tokens: int = 3, storage: str = "float32"
) -> TokenCache:
    return TokenCache(CacheShape(layers, 1, tokens, 1, 2, Storage(storage)), CPU, capacity)


def put(cache: TokenCache, keys: list[list[float]]) -> None:
    """Tokens with these keys of two numbers, in every layer; values are twice their keys."""
    tokens = torch.tensor(keys)[None, :, None]
    cache.claim(len(keys))
    for layer in range(cache.shape.layers):
        cache.store(layer, tokens, 2 * tokens)
    cache.commit()


def keys_of(cache: TokenCache, layer: int = 0) -> list[list[float]]:
    return cache.keys(layer)[0].tolist()


# Three tokens a frame: a special one, and two patches side by side.
FRAMES = [
    [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]],
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
    [[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]],
]


def test_what_stays_of_four_frames_of_three_tokens_is_as_worked_out_by_hand() -> None:
    cache = cache_of(capacity=9)
    rule = ImportantTokens(cache, special=1, grid=(1, 2))
    residuals = [[9.0, 9.0, 9.0], [5.0, 4.0, 2.0], [0.0, 1.0, 3.0]]
    for keys, lengths in zip(FRAMES, residuals, strict=True):
        assert not rule.make_room(3)
        put(cache, keys)
        rule.note(torch.tensor(lengths)[None, None])
    # Both patches of a frame are neighbours, so smoothing makes them equal, and scaled 0: special
    # tokens have importance 1, patches 0, and the first frame is not to go.
    # The mean key is (6, 1) / 9. Cosines: (1, 0) 0.9864, (0, 1) 0.1644, (-1, 0) -0.9864. One minus
    # them, scaled: 0, 0.4167, 1. Worth of the second frame: 0.5, 0, 0.2083; of the third: 0.5, 0.5,
    # 0.
    worth = rule._worth(0)[0, 3:].tolist()
    assert worth == pytest.approx([0.5, 0, 0.2083, 0.5, 0.5, 0], abs=1e-4)
    assert rule.make_room(3)
    assert keys_of(cache) == [*FRAMES[0], [1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]
    put(cache, [[0.0, 2.0], [0.0, 3.0], [0.0, 4.0]])
    rule.note(torch.tensor([[[1.0, 1.0, 1.0]]]))
    assert cache.count == 9 and rule.make_room(3)
    # All tokens but one special one of the old frames and the new special one are worth more.
    assert len(keys_of(cache)) == 6 and keys_of(cache)[:3] == FRAMES[0]


def test_residuals_are_smoothed_over_three_by_three_patches_and_scaled() -> None:
    lengths = torch.tensor([[9.0, 0, 0, 0, 0, 0, 0, 0, 9]])
    smooth = smoothed(lengths, (3, 3))
    expected = [9 / 4, 9 / 6, 0, 9 / 6, 18 / 9, 9 / 6, 0, 9 / 6, 9 / 4]
    assert smooth[0].tolist() == pytest.approx(expected)
    assert scaled_to_one(torch.tensor([2.0, 4.0, 3.0])).tolist() == [0, 1, 0.5]
    assert scaled_to_one(torch.tensor([2.0, 2.0])).tolist() == [0, 0]


def test_layers_forget_each_for_itself() -> None:
    cache = cache_of(capacity=9, layers=2)
    rule = ImportantTokens(cache, special=1, grid=(1, 2))
    for frame in FRAMES:
        put(cache, frame)
        lengths = torch.ones(2, 1, 3)
        rule.note(lengths)
    # In the second layer, the last patch is what matters.
    rule._importance[1][0, 3:] = torch.tensor([0.0, 0, 0, 0, 0, 9])
    rule.make_room(3)
    assert keys_of(cache, 0)[3:] == [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]
    assert keys_of(cache, 1)[3:] == [[0.0, 1.0], [-1.0, 0.0], [1.0, 0.0]]


def test_later_anchors_leave_their_best_tokens_for_good_and_there_are_three_of_them() -> None:
    cache = cache_of(capacity=9)
    rule = ImportantTokens(cache, special=1, grid=(1, 2))
    told = []
    for number in range(9):
        rule.make_room(3)
        put(cache, [[1.0, 0.0], [1.0, 0.01 * number], [1.0, 0.0]])
        rule.note(torch.ones(1, 1, 3))
        if number:
            told.append(rule.anchor())
    assert told == [True] * 3 + [False] * 5
    kept_for_good = rule._importance[0].isinf().sum()
    assert kept_for_good == 3 + 3  # of one token each, a twentieth of three


@pytest.mark.parametrize("storage", ["float32", "int8"])
def test_attention_sees_the_tokens_that_stay_and_nothing_else(storage: str) -> None:
    generator = torch.Generator().manual_seed(1)
    shape = CacheShape(2, 2, 4, 3, 16, Storage(storage))
    cache = TokenCache(shape, CPU, 10)
    stored: list[tuple[Tensor, Tensor]] = []
    cache.claim(8)
    for layer in range(2):
        stored.append(tuple(torch.randn(2, 8, 3, 16, generator=generator) for _ in range(2)))  # type: ignore[arg-type]
        cache.store(layer, *stored[-1])
    cache.commit()
    places = torch.tensor([[0, 2, 5, 7], [1, 2, 3, 6]])
    for layer in range(2):
        cache.keep(layer, places)
    cache.kept(4)
    query = torch.randn(2, 3, 3, 16, generator=generator)
    for layer, (key, value) in enumerate(stored):
        rows = torch.arange(2)[:, None]
        expected = attend(query, key[rows, places], value[rows, places])
        off = 0.05 if storage == "int8" else 1e-5
        torch.testing.assert_close(cache.attend(layer, query), expected, rtol=off, atol=off)


def test_a_frame_that_is_taken_back_leaves_no_trace() -> None:
    cache = cache_of(capacity=9)
    put(cache, FRAMES[0])
    cache.claim(3)
    cache.store(0, torch.ones(1, 3, 1, 2), torch.ones(1, 3, 1, 2))
    cache.rollback()
    assert keys_of(cache) == FRAMES[0] and cache.count == 3


def special_rule(capacity: int) -> tuple[TokenCache, SpecialTokens]:
    cache = cache_of(capacity)
    return cache, SpecialTokens(cache, special=1)


def show(cache: TokenCache, rule: SpecialTokens, count: int) -> None:
    """Frames whose tokens say which they are; all look alike but the first and the last."""
    for frame in range(count):
        rule.make_room(3)
        put(cache, [[float(frame), 0.0], [float(frame), 1.0], [float(frame), 2.0]])
        rule.note(KeptFrame(frame, torch.tensor([math.cos(frame), math.sin(frame)])))


def test_of_frames_that_go_the_special_tokens_stay() -> None:
    cache, rule = special_rule(12)
    show(cache, rule, 5)
    gone = set(range(5)) - set(rule.kept)
    assert len(gone) == 2 and not gone & {0, 3, 4}
    for frame in range(5):
        rows = [key for key in keys_of(cache) if key[0] == frame]
        expected = [[float(frame), 0.0]]
        if frame in rule.kept:
            expected += [[float(frame), 1.0], [float(frame), 2.0]]
        assert rows == expected


def test_special_tokens_are_forgotten_too_where_they_would_be_too_many() -> None:
    cache, rule = special_rule(12)
    show(cache, rule, 40)
    alone = [frame for frame in rule.frames if frame not in rule.kept]
    assert len(alone) <= 3 and cache.count <= 12
    assert 0 in rule.kept and 39 in rule.kept


def test_budgets_that_anchors_do_not_fit_into_are_one_line() -> None:
    with pytest.raises(ConfigError, match=r"holds 8 tokens a layer, but anchors .* take 9"):
        ImportantTokens(cache_of(8), special=1, grid=(1, 2))
    with pytest.raises(ConfigError, match=r"holds 8 tokens a layer, but the first .* take 9"):
        SpecialTokens(cache_of(8), special=1)
