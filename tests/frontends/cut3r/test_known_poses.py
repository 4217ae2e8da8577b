"""Known poses go to CUT3R as ray maps: what the network is shown, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mapper.core.geometry import exp_se3, inverse
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.frontends.cut3r.frontend import Cut3rFrontend
from mapper.frontends.cut3r.rays import known_at, rays_of
from tests.frontends.cut3r.test_frontend import HEIGHT, OPTIONS, WIDTH, frames
from tests.support.networks.tiny_cut3r import write_checkpoint

CAMERA = Intrinsics(50.0, 50.0, 32.0, 24.0, WIDTH, HEIGHT)
SHOWN = replace(OPTIONS, known_poses=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.pth")


def poses(*indices: int) -> Trajectory:
    """Of the frames of these numbers."""
    T = [exp_se3(0.2 * np.random.default_rng(n).normal(size=6)) for n in indices]
    return Trajectory(np.array(indices) / 30, np.array(T))


def answers(tiny: Path, known: Trajectory | None, count: int = 3) -> list[np.ndarray]:
    """Poses of the camera."""
    frontend = Cut3rFrontend("cut3r", SHOWN if known is not None else OPTIONS, str(tiny))
    frontend.guide(known)
    return [frontend.step(frame)[0].T_world_camera for frame in frames(count, CAMERA)]


def test_rays_begin_at_the_camera_and_turn_with_it() -> None:
    still = rays_of(np.eye(4), CAMERA)
    assert still.shape == (1, HEIGHT, WIDTH, 6) and still.dtype == torch.float32
    np.testing.assert_allclose(still[0, 24, 32], [0, 0, 0, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(torch.linalg.norm(still[..., 3:], dim=-1), 1, atol=1e-6)
    T = exp_se3(np.array([0, np.pi / 2, 0, 0, 0, 0]))
    T[:3, 3] = 0.1, 0.2, 0.3
    moved = rays_of(T, CAMERA)
    np.testing.assert_allclose(moved[..., :3], np.broadcast_to([0.1, 0.2, 0.3], (1, 48, 64, 3)))
    published = np.array([1.1, 0.2, 0.3])  # with the translation in it, before it is made a unit
    np.testing.assert_allclose(moved[0, 24, 32, 3:], published / np.linalg.norm(published), 1e-5)


def test_the_network_is_shown_them_from_the_second_frame_on(tiny: Path) -> None:
    plain, guided = answers(tiny, None), answers(tiny, poses(0, 1, 2))
    np.testing.assert_array_equal(plain[0], guided[0])  # the first frame shows none
    assert np.abs(plain[1] - guided[1]).max() > 1e-5
    # Where the world lies does not matter, only how the cameras stand to the first one.
    known = poses(0, 1, 2)
    T = exp_se3(np.array([0.3, -0.2, 0.1, 1.0, 2.0, 3.0]))
    elsewhere = answers(tiny, Trajectory(known.timestamps, T @ known.T_world_camera))
    np.testing.assert_allclose(guided[2], elsewhere[2], atol=1e-5)


def test_frames_without_a_pose_show_their_image_alone(tiny: Path) -> None:
    plain = answers(tiny, None)
    np.testing.assert_array_equal(plain[1], answers(tiny, poses(0, 2))[1])
    assert np.abs(plain[2] - answers(tiny, poses(0, 2))[2]).max() > 1e-5
    np.testing.assert_array_equal(plain[2], answers(tiny, poses(1, 2))[2])  # none of the first
    assert known_at(poses(0, 2), 2.01 / 30) is not None
    assert known_at(poses(0, 2), 1 / 30) is None


def test_a_resumed_run_goes_on_digit_by_digit(tiny: Path) -> None:
    options = replace(SHOWN, resume_state=True)
    known, seen = poses(0, 1, 2, 3), frames(4, CAMERA)
    whole = Cut3rFrontend("cut3r", options, str(tiny))
    whole.guide(known)
    for frame in seen[:2]:
        whole.step(frame)
    memory = whole.snapshot()
    assert memory is not None
    again = Cut3rFrontend("cut3r", options, str(tiny))
    again.guide(known)
    again.restore(json.loads(json.dumps(memory.note())), seen.__getitem__)
    for frame in seen[2:]:
        first, second = whole.step(frame)[0], again.step(frame)[0]
        np.testing.assert_array_equal(first.T_world_camera, second.T_world_camera)


def test_a_reset_begins_with_the_pose_of_the_frame_it_shares(tiny: Path) -> None:
    frontend = Cut3rFrontend("cut3r", replace(SHOWN, reset_every=2), str(tiny))
    known = poses(0, 1, 2)
    frontend.guide(known)
    *_, last = [frontend.step(frame) for frame in frames(3, CAMERA)]
    other = Cut3rFrontend("cut3r", SHOWN, str(tiny))
    other.guide(known)
    alone = [other.step(frame)[0] for frame in frames(3, CAMERA)[1:]]
    np.testing.assert_allclose(last[0].T_world_camera, alone[1].T_world_camera, atol=1e-6)


def test_what_it_needs_is_said(tiny: Path) -> None:
    frontend = Cut3rFrontend("cut3r", SHOWN, str(tiny))
    with pytest.raises(ConfigError, match="no known poses in metres"):
        frontend.guide(None)
    frontend.guide(Trajectory(np.array([0.0]), inverse(np.eye(4))[None]))
    with pytest.raises(InputError, match="rays need the camera's intrinsics"):
        frontend.step(frames(1)[0])
    Cut3rFrontend("cut3r", OPTIONS, str(tiny)).guide(None)  # which does not ask for them
