"""A live camera that nobody knows is told by its first image with depth, and that is noted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.camera_noise import CameraNoise, noted_noise
from mapper.core.depth_noise import LIDAR
from mapper.core.frame import Frame
from mapper.run.description import note_camera
from mapper.run.directory import RunDirectory
from mapper.slam.live_noise import LiveNoise

IMAGE = np.zeros((240, 320, 3), np.uint8)


def walls(index: int) -> Frame:
    depth = 1 / (0.25 + 0.75 * np.arange(320) / 320) + np.zeros((240, 1))
    depth *= 1 + 0.02 * np.random.default_rng(index).standard_normal(depth.shape)
    return Frame(index, float(index), IMAGE, depth.astype(np.float32))


def test_the_first_image_with_depth_tells_once(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", False)
    run.write_description(
        {
            "sequence": {"name": "live", "kind": "live", "path": "0", "fingerprint": "live"},
            "frontend": "rgbd",
            "config": {"backend": {}},
        }
    )
    noise = LiveNoise(None, lambda found: note_camera(run, found))
    assert noise.carried_by(Frame(0, 0.0, IMAGE)).noise is None and noise.camera is None
    first, second = noise.carried_by(walls(1)), noise.carried_by(walls(2))
    assert noise.camera is not None and noise.camera.kind == "estimated"
    assert first.noise == second.noise == noise.camera.noise
    says = run.read_description().says
    assert noted_noise(says.sequence.camera_kind, says.sequence.depth_noise).noise == first.noise
    assert says.config == {"backend": {}} and says.frontend == "rgbd"


def test_a_known_camera_is_not_estimated() -> None:
    told: list[CameraNoise] = []
    noise = LiveNoise(CameraNoise("lidar", LIDAR, "as asked"), told.append)
    assert noise.carried_by(walls(0)).noise == LIDAR and not told
