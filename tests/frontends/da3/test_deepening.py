"""Depth by the network under a tracker's poses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import pytest

from mapper.config.settings import MapperConfig
from mapper.core.depth_noise import LEARNED, STRUCTURED_LIGHT
from mapper.core.frame import Frame
from mapper.core.geometry import backproject, pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.frontends.base import CorrectingFrontend, ResumableFrontend
from mapper.frontends.da3.deepening import Deepener
from mapper.frontends.da3.joint import JointDa3
from mapper.frontends.da3.options import Da3Options
from mapper.frontends.registry import create_frontend
from mapper.vision.orb import OrbMatcher
from tests.support.networks.da3_networks import HEIGHT, WIDTH, waves, write_folder

CAMERA = Intrinsics(40.0, 41.0, 20.0, 13.0, WIDTH, HEIGHT)
OPTIONS = Da3Options(device="cpu", precision="float32", image_size=WIDTH, context=3)
DEPTH = np.tile(np.linspace(1, 3, WIDTH, dtype=np.float32), (HEIGHT, 1))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(tmp_path_factory.mktemp("weights") / "da3"))


@pytest.fixture
def shown() -> Iterator[list[int]]:
    """How many views each call showed; the network knows the truth, in halves of the unit."""
    counts: list[int] = []

    def posed(
        self: JointDa3, views: Sequence[Any], T: np.ndarray, cameras: Sequence[Intrinsics]
    ) -> tuple[np.ndarray, np.ndarray]:
        assert len(views) == len(T) == len(cameras)
        counts.append(len(views))
        return DEPTH / 2, np.full_like(DEPTH, 3.0)

    with patch.object(JointDa3, "posed", posed):
        yield counts


def told(index: int, x: float = 0.0, known: slice = slice(5, 20), **changed: Any) -> Prediction:
    """The tracker knows the depth of some columns."""
    depth = np.zeros_like(DEPTH)
    depth[:, known] = DEPTH[:, known]
    return Prediction(
        index,
        index / 30,
        backproject(depth, CAMERA),
        np.where(depth > 0, np.float32(2), np.float32(0)),
        pose(np.eye(3), np.array([x, 0, 0])),
        CAMERA,
        waves(index + 1)[index],
        is_metric=False,
        **changed,
    )


def test_the_networks_depth_comes_in_the_trackers_scale(weights: str, shown: list[int]) -> None:
    deeper = Deepener(OPTIONS, weights, keeps_own=False).deeper(told(0))
    np.testing.assert_allclose(deeper.depth, DEPTH, rtol=1e-5)
    np.testing.assert_allclose(deeper.confidence, 2 * 2 / 3, rtol=1e-6)
    assert deeper.noise == LEARNED


def test_what_a_sensor_sees_stays(weights: str, shown: list[int]) -> None:
    own = told(0, noise=STRUCTURED_LIGHT)
    own.pointmap[:, 5:20] *= 1.001
    deeper = Deepener(OPTIONS, weights, keeps_own=True).deeper(own)
    np.testing.assert_array_equal(deeper.pointmap[:, 5:20], own.pointmap[:, 5:20])
    np.testing.assert_allclose(deeper.depth[:, 20:], DEPTH[:, 20:], rtol=2e-3)
    assert deeper.noise == own.noise


def test_what_does_not_go_together_stays_the_trackers(
    weights: str, shown: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    own = told(0)
    own.pointmap[::2] *= 4
    assert Deepener(OPTIONS, weights, keeps_own=False).deeper(own) is own
    assert "do not go together" in caplog.text


def test_few_readings_and_poses_alone_stay_as_they_are(weights: str, shown: list[int]) -> None:
    deepener = Deepener(OPTIONS, weights, keeps_own=False)
    few, none = told(0, known=slice(5, 6)), told(1, known=slice(0, 0))
    assert deepener.deeper(few) is few and deepener.deeper(none) is none


def test_earlier_views_are_shown_where_they_were_taken_from_elsewhere(
    weights: str, shown: list[int]
) -> None:
    deepener = Deepener(OPTIONS, weights, keeps_own=False)
    for index, x in enumerate((0.0, 0.01, 0.5, 1.0, 1.5, 2.0)):
        deepener.deeper(told(index, x))
    assert shown == [1, 2, 2, 3, 4, 4]
    deepener.deeper(told(6, 2.5, segment=1))
    assert shown[-1] == 1


def test_what_is_masked_has_no_depth(weights: str, shown: list[int]) -> None:
    deepener = Deepener(OPTIONS, weights, keeps_own=False)
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[:, 30:] = False
    own = told(0)
    deepener.see(Frame(0, 0.0, own.image, mask=mask))
    deeper = deepener.deeper(own)
    assert not deeper.confidence[:, 30:].any() and deeper.confidence[:, :29].all()


def test_the_network_is_told_the_poses(weights: str) -> None:
    """Without a stand-in: of two views, the second turned or not, it says another thing."""
    depths = []
    for R in (np.eye(3), np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])):
        deepener = Deepener(OPTIONS, weights, keeps_own=False)
        deepener._depth(told(0))
        turned = told(1, 2.0)
        turned.T_world_camera[:3, :3] = R
        found = deepener._depth(turned)
        assert found is not None
        depths.append(found[0])
    assert np.abs(depths[0] - depths[1]).max() > 1e-3


@pytest.mark.parametrize("tracker", ["mono", "rgbd"])
def test_trackers_of_both_kinds(weights: str, tracker: Literal["mono", "rgbd"]) -> None:
    options = Da3Options(tracker=tracker, device="cpu")
    config = MapperConfig(frontend="da3-posed", weights=weights, da3=options)
    frontend = create_frontend(config, "da3-posed", OrbMatcher())
    assert frontend.name == "da3-posed" and frontend.is_metric == (tracker == "rgbd")
    assert isinstance(frontend, CorrectingFrontend if tracker == "mono" else ResumableFrontend)
