"""The reference alignment over a map's keyframes: where they end up, and what is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.keyframes import PairwiseTask, align_keyframes_pairwise
from mapper.core.depth_noise import LEARNED
from mapper.core.geometry import exp_se3
from mapper.core.image_pairs import ImagePair, pair_indices
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import inverse_similarity, scale_of, similarity
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import PairFrontend
from mapper.frontends.cut3r.frontend import Cut3rFrontend
from mapper.frontends.cut3r.options import Cut3rOptions
from mapper.frontends.replay import ReplayFrontend
from tests.support.networks.exact import EXACT
from tests.support.networks.tiny_cut3r import write_checkpoint
from tests.support.pairwise_scene import HEIGHT, WIDTH, Scene
from tests.support.room_views import NO_FEATURES

START_ONLY = PairwiseConfig(iterations=0, device="cpu")


def mapped(scene: Scene, scales: Sequence[float]) -> PairwiseTask:
    """Keyframes whose units are `scales` of the world's, at the true poses. Ids 10, 11, ..."""
    maps, keyframes, poses = {}, [], {}
    for k, (T, depth) in enumerate(zip(scene.T_world_camera, scene.depths, strict=True)):
        image = np.full((HEIGHT, WIDTH, 3), k, np.uint8)
        weight = np.full((HEIGHT, WIDTH), 0.2, np.float32)
        own_depth = depth / np.float32(scales[k])
        maps[10 + k] = KeyframeMap(own_depth, weight, image, scene.intrinsics, LEARNED)
        frames = [TrackedFrame(10 * k, 0.1 * k, np.eye(4))]
        keyframes.append(Keyframe(10 + k, k // 3, T, NO_FEATURES, scene.intrinsics, frames))
        poses[10 + k] = similarity(scales[k], T)
    return PairwiseTask(keyframes, poses, maps.__getitem__)


def drifted(task: PairwiseTask, oracle: Oracle | None = None) -> PairwiseTask:
    """Every keyframe but the first at a wrong place and with a wrong scale."""
    rng = np.random.default_rng(5)
    poses = {
        k: S @ similarity(float(rng.uniform(0.8, 1.2)), exp_se3(0.1 * rng.normal(size=6)))
        for k, S in task.poses.items()
    }
    poses[10] = task.poses[10]
    looks_again = None if oracle is None else oracle.rollout_pairs
    return PairwiseTask(task.keyframes, poses, task.map_of, looks_again)


class Oracle:
    """Knows the true relative poses of the scene's images, told by their grey level."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def rollout_pairs(
        self, images: Sequence[np.ndarray], progress: Callable[[int], None] | None = None
    ) -> list[ImagePair]:
        """Exact but for a scale that differs from pair to pair."""
        numbers = [int(image[0, 0, 0]) for image in images]
        found = []
        for i, j in pair_indices(len(images)):
            pair = self.scene.pair(numbers[i], numbers[j], scale=1 + 0.1 * i)
            maps = (pair.pointmap_i, pair.confidence_i, pair.pointmap_j, pair.confidence_j)
            found.append(ImagePair(i, j, *maps))
        if progress is not None:
            progress(2 * len(images) - 1)
        return found


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene.random(7, seed=4)


def test_a_consistent_map_stays_as_it_is(scene: Scene) -> None:
    task = mapped(scene, np.linspace(0.5, 2, 7).tolist())
    result = align_keyframes_pairwise(task, START_ONLY)
    for keyframe_id, S in task.poses.items():
        np.testing.assert_allclose(result.poses[keyframe_id], S, atol=3e-3)
        new, old = result.aligned[keyframe_id], task.map_of(keyframe_id)
        np.testing.assert_allclose(new.depth, old.depth, rtol=3e-3)
        np.testing.assert_array_equal(new.weight, old.weight)
        assert new.intrinsics.fx == pytest.approx(scene.focal, rel=1e-3)
        assert (new.image is old.image) and new.noise == old.noise


def test_pairs_that_the_frontend_looks_at_again_undo_drift(scene: Scene) -> None:
    task = drifted(mapped(scene, [2.0] * 7), Oracle(scene))
    told: list[tuple[int, int]] = []
    config = PairwiseConfig(iterations=10, device="cpu")
    result = align_keyframes_pairwise(task, config, lambda *count: told.append(count))
    assert told == [(done, 23) for done in range(13, 24)]
    np.testing.assert_allclose(result.poses[10], task.poses[10], atol=1e-12)
    for k, T in enumerate(scene.T_world_camera):
        found = result.poses[10 + k]
        # Adam's first steps about an exact start have its full length, whose sign is the
        # processor's rounding: 8 cm after three of them, 2 cm after ten.
        np.testing.assert_allclose(found, similarity(2.0, T), atol=0.05)
        depth = scale_of(found) * result.aligned[10 + k].depth
        seen = depth > 0
        assert 0.1 < seen.mean() < 1  # the images contradict one another: the cleaning took some
        np.testing.assert_allclose(depth[seen], scene.depths[k][seen], rtol=0.05)
    assert max(np.abs(task.poses[k] - result.poses[k]).max() for k in task.poses) > 0.15


def test_holes_stay_holes(scene: Scene) -> None:
    task = mapped(scene, [1.0] * 7)
    for keyframe_id in task.poses:
        source = task.map_of(keyframe_id)
        source.depth[:3], source.weight[:3] = 0, 0
    result = align_keyframes_pairwise(task, START_ONLY)
    new = result.aligned[12]
    assert (new.depth[:3] == 0).all() and (new.weight[:3] == 0).all()
    assert (new.depth[3:] > 0).all() and (new.weight[3:] > 0).all()


def test_too_many_are_thinned_and_the_others_follow(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    task = drifted(mapped(scene, [1.0] * 7), Oracle(scene))
    source = task.map_of(11)
    source.weight[:] = 0  # nothing to align it by
    with caplog.at_level(logging.WARNING):
        result = align_keyframes_pairwise(task, PairwiseConfig(3, 0, "cpu"))
    warnings = [r.message for r in caplog.records if r.name == "mapper.backend.pairwise.keyframes"]
    assert len(warnings) == 1 and "3 of 6 keyframes" in warnings[0] and "square" in warnings[0]
    assert sorted(result.aligned) == [10, 13, 16]  # evenly over 10, 12, 13, 14, 15, 16
    for keyframe_id, nearest in ((11, 10), (12, 13), (14, 13), (15, 16)):
        before = inverse_similarity(task.poses[nearest]) @ task.poses[keyframe_id]
        after = inverse_similarity(result.poses[nearest]) @ result.poses[keyframe_id]
        np.testing.assert_allclose(after, before, atol=1e-9)


def test_what_cannot_be_aligned_is_refused(scene: Scene) -> None:
    task = mapped(scene, [1.0] * 7)
    with pytest.raises(InputError, match="1 of 1 keyframes with depth"):
        align_keyframes_pairwise(
            PairwiseTask(task.keyframes[:1], task.poses, task.map_of), START_ONLY
        )
    with pytest.raises(ConfigError, match="max_keyframes=1"):
        PairwiseConfig(max_keyframes=1)

    class Forgetful(Oracle):
        def rollout_pairs(
            self, images: Sequence[np.ndarray], progress: Callable[[int], None] | None = None
        ) -> list[ImagePair]:
            return [p for p in super().rollout_pairs(images, progress) if 2 not in (p.i, p.j)]

    with pytest.raises(InputError, match="join the 7 images to 2 separate groups"):
        align_keyframes_pairwise(drifted(task, Forgetful(scene)), START_ONLY)
    old = task.map_of(12)
    old.depth, old.weight = old.depth[::2, ::2], old.weight[::2, ::2]
    with pytest.raises(InputError, match=r"several resolutions \(8x6, 16x12\)"):
        align_keyframes_pairwise(task, START_ONLY)


@pytest.fixture(scope="module")
def cut3r(tmp_path_factory: pytest.TempPathFactory) -> Cut3rFrontend:
    path = write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.pth")
    return Cut3rFrontend("cut3r", Cut3rOptions(image_size=64, **EXACT), str(path))


def test_cut3r_looks_at_the_keyframes_again(cut3r: Cut3rFrontend) -> None:
    assert isinstance(cut3r, PairFrontend) and not issubclass(ReplayFrontend, PairFrontend)
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(3)]
    pairs = cut3r.rollout_pairs(images)
    assert [(pair.i, pair.j) for pair in pairs] == pair_indices(3)
    camera, flat = Intrinsics(50, 50, 32, 24, 64, 48), np.full((48, 64), 2, np.float32)
    maps = [KeyframeMap(flat, flat, image, camera, LEARNED) for image in images]
    keyframes = [
        Keyframe(k, 0, np.eye(4), NO_FEATURES, camera, [TrackedFrame(k, 0.1 * k, np.eye(4))])
        for k in range(3)
    ]
    task = PairwiseTask(
        keyframes, {k: np.eye(4) for k in range(3)}, maps.__getitem__, cut3r.rollout_pairs
    )
    result = align_keyframes_pairwise(task, PairwiseConfig(iterations=2, device="cpu"))
    assert len(result.losses) == 3 and sorted(result.aligned) == [0, 1, 2]
    np.testing.assert_allclose(result.poses[0], np.eye(4), atol=1e-9)
    assert all(np.isfinite(S).all() for S in result.poses.values())


def test_half_precision_leaves_the_heads_alone(cut3r: Cut3rFrontend, tmp_path: Path) -> None:
    options = Cut3rOptions(image_size=64, device="cpu", precision="bfloat16")
    half = Cut3rFrontend("cut3r", options, str(cut3r.weights))
    image = np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)
    (rough,), (fine,) = (each.rollout_pairs([image, image]) for each in (half, cut3r))
    assert rough.pointmap_i.dtype == np.float32
    scale = np.abs(fine.pointmap_i).mean()
    assert 0 < np.abs(rough.pointmap_i - fine.pointmap_i).mean() < 0.1 * scale
