"""Arrays are checked before anything is mapped, and what is wrong is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mapper import InputError, Intrinsics
from mapper.arrays.sequence import Arrays, ArraySequence, cameras_of, known_poses

IMAGE = np.zeros((6, 8, 3), np.uint8)
DEPTH = np.full((6, 8), 2.0)
CAMERA = Intrinsics(10, 11, 3.5, 2.5, 8, 6)
NUMBERS = (10, 11, 3.5, 2.5)


@pytest.mark.parametrize(
    "said",
    [CAMERA, NUMBERS, list(NUMBERS), np.array(NUMBERS), CAMERA.matrix, CAMERA.matrix.tolist()],
)
def test_a_camera_may_be_said_in_several_ways(said: object) -> None:
    assert cameras_of(said, IMAGE) == (CAMERA,)
    assert cameras_of([said, said], IMAGE) == (CAMERA, CAMERA)


def test_of_no_camera_there_is_none() -> None:
    assert cameras_of(None, IMAGE) == ()


@pytest.mark.parametrize("said", [5.0, np.eye(5), "wide", [1, 2, 3]])
def test_what_is_no_camera_is_refused(said: object) -> None:
    with pytest.raises(InputError, match="expected fx, fy, cx, cy or a 3x3 matrix"):
        cameras_of(said, IMAGE)


def test_a_frame_holds_what_the_arrays_hold() -> None:
    depth = DEPTH.copy()
    depth[0, :3] = np.nan, np.inf, -1
    mask = np.ones((6, 8), np.uint8)
    mask[5] = 0
    gray = np.full((6, 8), 7, np.uint8)
    arrays = Arrays([IMAGE, gray], [DEPTH, depth], (CAMERA,), np.array([1.0, 4.0]), [mask, mask])
    sequence = ArraySequence(arrays)
    frame = sequence[1]
    assert len(sequence) == 2 and sequence.has_depth and sequence.intrinsics == CAMERA
    assert frame.timestamp == 4 and (frame.image == 7).all() and frame.image.shape == (6, 8, 3)
    assert frame.depth is not None and frame.depth.dtype == np.float32
    assert (frame.depth[0, :3] == 0).all() and (frame.depth[5] == 0).all()
    assert frame.depth[1:5].min() == 2
    assert [ArraySequence(Arrays([IMAGE] * 3)).timestamps[k] * 30 for k in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"images": []}, "there are none"),
        ({"depths": [DEPTH]}, "depths: 1, and 2 images"),
        ({"depths": [DEPTH] * 2, "cameras": ()}, "depths: they need intrinsics"),
        ({"cameras": (CAMERA,) * 3}, "intrinsics: 3, and 2 images"),
        ({"masks": [DEPTH]}, "masks: 1, and 2 images"),
        ({"times": np.zeros(2)}, "must be finite and increase"),
        ({"times": np.zeros(3)}, "one for each"),
    ],
)
def test_what_does_not_fit_is_named(arrays: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        ArraySequence(Arrays(**{"images": [IMAGE] * 2, "cameras": (CAMERA,), **arrays}))


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"depths": [(DEPTH * 1000).astype(np.uint16)]}, "divide what a camera gives"),
        ({"images": [IMAGE[:3]]}, "the image is 8x3 and its camera 8x6"),
        ({"images": [IMAGE / 255.0]}, "expected uint8"),
    ],
)
def test_a_wrong_image_is_named_when_its_turn_comes(arrays: dict[str, Any], told: str) -> None:
    sequence = ArraySequence(Arrays(**{"images": [IMAGE], "cameras": (CAMERA,), **arrays}))
    with pytest.raises(InputError, match=told):
        sequence[0]


def test_poses_are_of_the_frames_that_have_one() -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[1, 0, 3] = np.nan
    found = known_poses(poses, np.array([0.0, 1.0, 2.0]))
    assert found.timestamps.tolist() == [0, 2]
    with pytest.raises(InputError, match=r"shape \(3, 4, 4\); expected \(2, 4, 4\)"):
        known_poses(poses, np.zeros(2))
    poses[2, :3, :3] = np.diag([1, 1, -1])
    with pytest.raises(InputError, match="the rotation of image 2 is none"):
        known_poses(poses, np.arange(3.0))
    poses[2, :3, :3] = 2 * np.eye(3)
    with pytest.raises(InputError, match="the rotation of image 2 is none"):
        known_poses(poses, np.arange(3.0))
