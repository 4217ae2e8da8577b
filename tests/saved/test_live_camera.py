"""What is known of a live camera: as asked, told by the device, or found by the part before."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mapper.core.camera_kinds import CameraKind
from mapper.core.depth_noise import LIDAR, STEREO, DepthNoise
from mapper.request import LiveRequest
from mapper.run.directory import RunDirectory
from mapper.saved.live_camera import known_camera
from tests.support.paced_source import PacedSource

FOUND = DepthNoise(0.001, 0.002, 0.003)


@pytest.fixture
def before(tmp_path: Path) -> RunDirectory:
    """A run of the camera "0", whose noise was found by its depth."""
    run = RunDirectory.create(tmp_path / "run", False)
    sequence: dict[str, object] = {"name": "live", "kind": "live", "path": "0", "camera": "0"}
    sequence |= {
        "fingerprint": "live",
        "camera_kind": "estimated",
        "depth_noise": [0.001, 0.002, 0.003],
    }
    run.write_description({"sequence": sequence, "frontend": "rgbd", "config": {}})
    return run


def source(kind: CameraKind | None, has_depth: bool = True) -> PacedSource:
    made = PacedSource([], threading.Semaphore(1))
    made.camera_kind, made.has_depth = kind, has_depth
    return made


def noise(
    request: LiveRequest, before: RunDirectory | None, opened: PacedSource
) -> DepthNoise | None:
    camera = known_camera(request, before, None, opened)
    return None if camera is None else camera.noise


def test_the_same_camera_is_as_it_was_found_and_another_one_is_not(before: RunDirectory) -> None:
    same, other = LiveRequest(camera="0"), LiveRequest(camera="1")
    assert noise(same, before, source(None)) == FOUND
    assert noise(other, before, source(None)) is None
    assert noise(same, None, source(None)) is None
    assert noise(same, before, source("stereo")) == STEREO
    assert noise(LiveRequest(camera="0", camera_kind="lidar"), before, source("stereo")) == LIDAR
    assert noise(same, before, source("stereo", has_depth=False)) is None
