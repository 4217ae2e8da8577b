"""The WinT3R session: windows, merging, the incremental camera head, bad input."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from reference.wint3r_offline import merged, padded_length, predict_slots, window_positions
from torch import Tensor

from mapper.errors import ConfigError, InputError
from mapper.frontends.wint3r.camera_pool import PoolOptions
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.poses import relative
from mapper.frontends.wint3r.positions import RotaryPrecision
from mapper.frontends.wint3r.prediction import FramePrediction
from mapper.frontends.wint3r.session import Wint3rSession
from mapper.frontends.wint3r.windows import StreamOptions
from tests.support.networks.tiny_wint3r import images, tiny_model

# The stream encodes one frame, the whole sequence all at once: the last bits of a matrix product
# depend on that, and half-precision positions would turn some of them into 1e-3.
assert_near = partial(torch.testing.assert_close, rtol=2e-3, atol=2e-3)


@pytest.fixture(scope="module")
def model() -> Wint3r:
    return tiny_model()


def run(session: Wint3rSession, sequence: list[Tensor]) -> list[list[FramePrediction]]:
    """What each step returns, then what flush does."""
    with torch.inference_mode():
        return [*(session.step(image) for image in sequence), session.flush()]


def flat(answers: list[list[FramePrediction]]) -> list[FramePrediction]:
    return [prediction for answer in answers for prediction in answer]


def test_windows_are_those_of_the_description() -> None:
    assert padded_length(11, 4, 2) == 12 and padded_length(3, 4, 2) == 4
    windows = window_positions(11, 4, 2)
    slots = [position for window in windows for position in window]
    assert len(windows) == 5 and windows[-1] == (8, 9, 10, 10)
    # Frame k in slots: 0:[0] 1:[1] 2:[2,4] 3:[3,5] 4:[6,8] ... 10:[18,19].
    assert [i for i, k in enumerate(slots) if k == 4] == [6, 8]
    assert [i for i, k in enumerate(slots) if k == 10] == [18, 19]
    assert window_positions(1, 4, 2) == [(0, 0, 0, 0)]
    assert window_positions(8, 5, 2)[-1] == (4, 5, 6, 7, 7)


def test_frames_come_when_their_last_window_is_done(model: Wint3r) -> None:
    answers = run(Wint3rSession(model), images(11))
    assert [len(answer) for answer in answers] == [0, 0, 0, 2, 0, 2, 0, 2, 0, 2, 0, 3]
    assert [p.position for p in flat(answers)] == list(range(11))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 11])
@pytest.mark.parametrize(("window", "stride"), [(4, 0), (4, 1), (4, 4), (6, 2), (5, 0), (2, 1)])
def test_the_stream_equals_the_whole_sequence(
    model: Wint3r, count: int, window: int, stride: int
) -> None:
    options = StreamOptions(window, stride, pool=PoolOptions(window))
    sequence = images(count)
    found = flat(run(Wint3rSession(model, options), sequence))
    with torch.inference_mode():
        slots = predict_slots(model, torch.stack(sequence, 1), options, padded=True)
        expected = merged(slots, options)
    assert [p.position for p in found] == [p.position for p in expected] == list(range(count))
    for ours, theirs in zip(found, expected, strict=True):
        assert_near(ours.poses, theirs.poses)
        assert_near(ours.pointmap, theirs.pointmap)
        assert_near(ours.confidence, theirs.confidence)


def test_points_are_the_most_confident_and_the_pose_is_the_last(model: Wint3r) -> None:
    options = StreamOptions()
    sequence = images(8)
    with torch.inference_mode():
        slots = predict_slots(model, torch.stack(sequence, 1), options, padded=True)
    occurrences = [i for i, k in enumerate(slots.positions) if k == 3]
    sums = [float(slots.confidence[0, slot].sum()) for slot in occurrences]
    best = occurrences[sums.index(max(sums))]
    for first in (False, True):
        chosen = replace(options, first_pose=first)
        prediction = flat(run(Wint3rSession(model, chosen), sequence))[3]
        assert_near(prediction.pointmap, slots.pointmap[:, best])
        slot = occurrences[0 if first else -1]
        expected = relative(slots.poses[:, :, 0], slots.poses[:, :, slot])
        assert_near(prediction.poses, expected)


def test_the_newest_window_gives_each_frame_once_and_early(model: Wint3r) -> None:
    session = Wint3rSession(model, StreamOptions(first_pose=True))
    seen, steps = [], []
    with torch.inference_mode():
        for number, image in enumerate(images(7)):
            session.step(image)
            seen += [p.position for p in session.newest]
            steps += [number] * len(session.newest)
        session.flush()
        seen += [p.position for p in session.newest]
    assert seen == list(range(7))
    assert steps == [3, 3, 3, 3, 5, 5]  # the seventh comes with flush


def test_sequences_of_a_batch_choose_for_themselves(model: Wint3r) -> None:
    pair = images(5, batch=2)
    both = flat(run(Wint3rSession(model), pair))
    for row in (0, 1):
        alone = flat(run(Wint3rSession(model), [image[row : row + 1] for image in pair]))
        for ours, theirs in zip(both, alone, strict=True):
            assert_near(ours.pointmap[row], theirs.pointmap[0])
            assert_near(ours.poses[:, row], theirs.poses[:, 0])


def test_the_incremental_camera_head_equals_full_recomputation(model: Wint3r) -> None:
    head, block = model.cam_head, 4
    windows = (200 - 4) // 2 + 1  # of 200 frames
    tokens = torch.randn(1, windows * 4, head.width, generator=torch.Generator().manual_seed(4))
    pool = head.new_pool(1, PoolOptions(block))
    with torch.inference_mode():
        poses = torch.cat([head.extend(new, pool) for new in tokens.split(4, 1)], 2)
        torch.testing.assert_close(poses, head(tokens, block), rtol=1e-5, atol=1e-5)
        # Later tokens matter to nothing before them, but earlier ones do.
        assert (head(tokens[:, 4:], block) - poses[:, :, 4:]).abs().max() > 1e-3
    assert pool.seen == pool.kept == windows * 4


@pytest.mark.parametrize("sizes", [(6, 6, 6), (3, 5, 1, 1, 1, 9), (1,) * 9])
def test_blocks_that_tokens_fill_in_parts_are_revised(
    model: Wint3r, sizes: tuple[int, ...]
) -> None:
    head = model.cam_head
    tokens = torch.randn(2, sum(sizes), head.width, generator=torch.Generator().manual_seed(5))
    pool = head.new_pool(2, PoolOptions(4))
    known, end = tokens.new_zeros(4, 2, 0, 7), 0
    with torch.inference_mode():
        for new in tokens.split(list(sizes), 1):
            end += new.shape[1]
            poses = head.extend(new, pool)
            known = torch.cat([known[:, :, : end - poses.shape[2]], poses], 2)
            whole = head(tokens[:, :end], 4)
            torch.testing.assert_close(known, whole, rtol=1e-5, atol=1e-5)


def test_work_a_window_is_constant_but_for_the_keys_of_the_pool(
    model: Wint3r, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    keys: list[int] = []
    queries: list[int] = []
    encode = model.encode
    attend = torch.nn.functional.scaled_dot_product_attention

    def counted_encode(image: Tensor, precision: RotaryPrecision) -> Any:
        encoded.append(len(image))
        return encode(image, precision)

    def counted_attend(query: Tensor, key: Tensor, *rest: Any, **named: Any) -> Tensor:
        if query.shape[1] == model.cam_head.config.num_heads:
            queries.append(query.shape[2])
            keys.append(key.shape[2])
        return attend(query, key, *rest, **named)

    monkeypatch.setattr(model, "encode", counted_encode)
    monkeypatch.setattr(
        "mapper.frontends.layers.attention.scaled_dot_product_attention", counted_attend
    )
    run(Wint3rSession(model), images(20))
    windows, sites = 9, 16
    assert encoded == [1] * 20
    assert queries == [4] * windows * sites
    assert keys == [4 * (window + 1) for window in range(windows) for _ in range(sites)]


def test_a_bounded_pool_keeps_its_size_and_stays_near(model: Wint3r) -> None:
    head = model.cam_head
    generator = torch.Generator().manual_seed(6)
    tokens = torch.randn(1, 160, head.width, generator=generator)
    pool = head.new_pool(1, PoolOptions(4, limit=16))
    with torch.inference_mode():
        exact = head(tokens, 4)
        poses = []
        for new in tokens.split(4, 1):
            poses.append(head.extend(new, pool))
            pool.trim()
            assert pool.kept <= 16
        bounded = torch.cat(poses, 2)
    # Sixteen slots are remembered beside the four new ones: so far nothing was dropped.
    torch.testing.assert_close(bounded[:, :, :20], exact[:, :, :20], rtol=1e-5, atol=1e-5)
    assert 1e-5 < (bounded - exact).abs().max() < exact.abs().max()


def test_a_window_that_is_not_finite_changes_nothing(
    model: Wint3r, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = images(8)
    sequence[5] = torch.full_like(sequence[5], torch.nan)
    session = Wint3rSession(model)
    lost, found = [], []
    with torch.inference_mode():
        for image in sequence:
            found += session.step(image)
            lost += session.lost
        found += session.flush()
        lost += session.lost
    # Windows 0-3 is sound; 2-5 and 4-7 hold the broken frame.
    assert [p.position for p in found] == [0, 1, 2, 3] and lost == [4, 5, 6, 7]
    sound = flat(run(Wint3rSession(model), sequence[:4]))
    for ours, theirs in zip(found, sound, strict=True):
        torch.testing.assert_close(ours.poses, theirs.poses)


def test_memory_does_not_grow_but_for_the_pool(model: Wint3r) -> None:
    session = Wint3rSession(model, StreamOptions(pool=PoolOptions(4, limit=16)))
    sizes = []
    with torch.inference_mode():
        for image in images(40):
            session.step(image)
            sizes.append(session.memory_bytes)
    assert max(sizes[5:]) == max(sizes[20:])


def test_training_sees_whole_windows_only(model: Wint3r) -> None:
    with torch.inference_mode():
        slots = predict_slots(model, torch.stack(images(7), 1), StreamOptions())
        assert slots.positions == [0, 1, 2, 3, 2, 3, 4, 5]
        with pytest.raises(InputError, match="less than a window"):
            predict_slots(model, torch.stack(images(3), 1), StreamOptions())


def test_gradients_reach_every_parameter() -> None:
    trained = tiny_model().requires_grad_(True)
    slots = predict_slots(trained, torch.stack(images(6), 1), StreamOptions())
    (slots.pointmap.sum() + slots.confidence.sum() + slots.poses.square().sum()).backward()
    without = [n for n, p in trained.named_parameters() if p.grad is None]
    # The state that the last window leaves is read by no one.
    assert without == [] or all(name.startswith("dec_norm_state") for name in without)


def test_images_of_other_sizes_are_refused(model: Wint3r) -> None:
    session = Wint3rSession(model)
    session.step(images(1)[0])
    with pytest.raises(InputError, match="one size"):
        session.step(images(1, height=48)[0])
    with pytest.raises(InputError, match="multiples of 16"):
        session.step(torch.zeros(1, 3, 40, 48))


def test_impossible_windows_and_pools_are_refused() -> None:
    for window, stride in ((0, 0), (4, 5), (4, -1)):
        with pytest.raises(ConfigError):
            StreamOptions(window, stride)
    for block, limit in ((0, 0), (4, 4), (4, 10)):
        with pytest.raises(ConfigError):
            PoolOptions(block, limit)
