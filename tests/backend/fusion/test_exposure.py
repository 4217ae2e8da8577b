"""Keyframes that were taken brighter or darker are evened out by the colours that they share."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.exposure import (
    NEUTRAL,
    Exposure,
    estimated_exposures,
    samples_of,
)
from mapper.backend.fusion.map_fusion import FusionConfig, MapFusion
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics

CAMERA = Intrinsics(160, 160, 79.5, 59.5, 160, 120)
STEP = 0.15  # metres from one keyframe to the next, along a wall a metre away
GAINS = (1.0, 1.0, 0.5, 0.5, 1.0, 1.6, 1.0)
VOXEL = 0.02


def at(k: int) -> np.ndarray:
    return pose(np.eye(3), np.array([STEP * k, 0, 0]))


def keyframe(k: int) -> KeyframeMap:
    """What the camera sees of a wall in patches of several colours, with its exposure and noise."""
    rng = np.random.default_rng(k)
    v, u = np.mgrid[0:120, 0:160]
    x, y = (u - 79.5) / 160 + STEP * k, (v - 59.5) / 160
    patches = np.random.default_rng(99).uniform(40, 130, (64, 64, 3))
    light = patches[np.floor(y / 0.1).astype(int) % 64, np.floor(x / 0.1).astype(int) % 64]
    noisy = GAINS[k] * light + rng.normal(0, 2, light.shape)
    depth = np.ones((120, 160), np.float32)
    image = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    return KeyframeMap(depth, np.ones_like(depth), image, CAMERA)


@pytest.fixture(scope="module")
def exposures() -> dict[int, Exposure]:
    samples = {k: samples_of(keyframe(k)) for k in range(len(GAINS))}
    return estimated_exposures(samples, {k: at(k) for k in samples}, 2.5 * VOXEL)


def test_each_gain_is_found_and_the_middle_one_stays(exposures: dict[int, Exposure]) -> None:
    for k, gain in enumerate(GAINS):
        np.testing.assert_allclose(exposures[k].gain, 1 / gain, rtol=0.06)


def test_dark_keyframes_weigh_less(exposures: dict[int, Exposure]) -> None:
    weights = [exposures[k].weight for k in range(len(GAINS))]
    assert weights[2] < 0.35 and weights[3] < 0.35
    assert min(weights[0], weights[1], weights[4], weights[5]) > 0.85


def test_where_nothing_is_shared_nothing_is_changed() -> None:
    samples = {k: samples_of(keyframe(k)) for k in (0, 2)}
    far = {0: at(0), 2: at(1000)}
    for exposure in estimated_exposures(samples, far, 2.5 * VOXEL).values():
        assert exposure.is_near(NEUTRAL, 1e-6)
    assert estimated_exposures({}, {}, 0.05) == {}


def test_black_and_glare_tell_nothing() -> None:
    source = keyframe(0)
    source.image[:60], source.image[60:] = 255, 3
    assert len(samples_of(source).points) == 0
    empty = samples_of(source)
    assert estimated_exposures({0: empty, 1: empty}, {0: at(0), 1: at(1)}, 0.05) == {}
    one = estimated_exposures({0: empty, 1: samples_of(keyframe(1))}, {0: at(0), 1: at(1)}, 0.05)
    assert list(one) == [1] and one[1].is_near(NEUTRAL, 1e-6)


def test_colours_of_the_map_lose_their_seams_and_a_keyframe_goes_out_as_it_came() -> None:
    spread = {}
    for even in (False, True):
        config = FusionConfig(tsdf=TsdfConfig(voxel_size=VOXEL), even_exposures=even)
        fusion = MapFusion(config, keyframe)
        fusion.sync({k: at(k) for k in range(len(GAINS))})
        changed = fusion.even_exposures()
        assert (changed >= 3) == even
        assert fusion.even_exposures() == 0  # they are even now
        mesh = fusion.extract_mesh()
        # A patch of one colour is seen by keyframes of all exposures as the camera goes along.
        x, y = (np.floor(mesh.vertices[:, axis] / 0.1).astype(int) % 64 for axis in (0, 1))
        patches = np.random.default_rng(99).uniform(40, 130, (64, 64, 3))
        inside = (np.abs(mesh.vertices[:, 0] / 0.1 % 1 - 0.5) < 0.3) & (
            np.abs(mesh.vertices[:, 1] / 0.1 % 1 - 0.5) < 0.3
        )
        ratio = np.log(mesh.colors[inside] / patches[y, x][inside])
        spread[even] = float(ratio.std())
        fusion.sync({})
        assert len(fusion.extract_mesh().vertices) == 0
    assert spread[True] < 0.35 * spread[False]
