"""What stands in a keyframe's file reaches kernels only if it is what they take it for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mapper.backend.keyframes.keyframe_map import KeyframeMap, MovingPixels
from mapper.backend.moving.marking import marked
from mapper.errors import InputError
from mapper.run.keyframe_files import KeyframeFiles
from tests.support.room_views import Room, keyframe_of

MAPS = ("depth", "weight", "image_png", "intrinsics", "noise")


@pytest.fixture
def store(room: Room, tmp_path: Path) -> KeyframeFiles:
    """With keyframe 0 in it."""
    files = KeyframeFiles(tmp_path)
    prediction = room.prediction(0)
    files.save(keyframe_of(0, prediction), KeyframeMap.of(prediction))
    return files


def png(height: int, width: int) -> np.ndarray:
    return np.ravel(cv2.imencode(".png", np.full((height, width, 3), 9, np.uint8))[1])


def shrunk(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array[:3, :3])


def bomb() -> np.ndarray:
    """A PNG whose header says 60000x60000."""
    content = png(8, 8)
    content[16:24] = np.frombuffer((60_000).to_bytes(4, "big") * 2, np.uint8)
    return content


HOSTILE: dict[str, Any] = {
    "a weight of 3x3": ("weight", shrunk),
    "an image of 2x2": ("image_png", lambda _: png(2, 2)),
    "an image of 60000x60000": ("image_png", lambda _: bomb()),
    "an image that is none": ("image_png", lambda content: content[::-1].copy()),
    "an image that ends early": ("image_png", lambda content: content[:40]),
    "no image at all": ("image_png", lambda content: content[:0]),
    "depth of double precision": ("depth", lambda depth: depth.astype(float)),
    "depth that is NaN": ("depth", lambda depth: depth * np.float32("nan")),
    "depth below zero": ("depth", lambda depth: -depth),
    "weight without end": ("weight", lambda weight: weight + np.float32("inf")),
    "a camera of another size": ("intrinsics", lambda camera: camera + [0, 0, 0, 0, 1, 0]),
    "a camera that is none": ("intrinsics", lambda camera: camera * 0),
    "a camera that is NaN": ("intrinsics", lambda camera: camera * np.nan),
    "noise of two numbers": ("noise", lambda noise: noise[:2]),
    "fewer points than pixels": ("feature_points", lambda points: points[:-1]),
    "descriptors of 16 bytes": ("feature_descriptors", lambda rows: rows[:, :16].copy()),
    "pixels that are NaN": ("feature_pixels", lambda pixels: pixels * np.float32("nan")),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_keyframe_is_refused_at_the_door(store: KeyframeFiles, fault: str) -> None:
    name, change = HOSTILE[fault]
    path = store.path(0)
    with np.load(path) as arrays:
        content = {each: arrays[each] for each in arrays.files}
    content[name] = change(content[name])
    np.savez_compressed(path, **content)
    read = store.load if name in MAPS else store.load_view
    with pytest.raises(InputError, match=r"000000\.npz: the keyframe cannot be read") as raised:
        read(0)
    assert "\n" not in str(raised.value) and "--overwrite" in str(raised.value)


def test_whole_numbers_for_a_camera_are_read(store: KeyframeFiles, room: Room) -> None:
    """As files from before have them, where the calibration had no decimals."""
    path = store.path(0)
    with np.load(path) as arrays:
        content = {name: arrays[name] for name in arrays.files}
    content["intrinsics"] = np.rint(content["intrinsics"]).astype(np.int64)
    np.savez(path, **content)
    assert store.load(0).intrinsics.width == room.intrinsics.width


@pytest.mark.parametrize("kind", [np.uint8, np.float16])
def test_descriptors_of_bits_and_vectors_are_read_back_as_they_were(
    room: Room, tmp_path: Path, kind: type
) -> None:
    prediction, rng = room.prediction(0), np.random.default_rng(0)
    keyframe = keyframe_of(0, prediction)
    shape = len(keyframe.features), 32 if kind is np.uint8 else 64
    described: np.ndarray = rng.integers(0, 256, shape).astype(kind)
    keyframe.features = replace(keyframe.features, descriptors=described)
    files = KeyframeFiles(tmp_path)
    files.save(keyframe, KeyframeMap.of(prediction))
    features, _, _ = files.load_view(0)
    assert features.descriptors.dtype == kind
    np.testing.assert_array_equal(features.descriptors, described)


def test_the_image_is_read_alone(store: KeyframeFiles) -> None:
    np.testing.assert_array_equal(store.load_image(0), store.load(0).image)
    store.path(0).write_bytes(store.path(0).read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        store.load_image(0)


def test_features_without_descriptors_are_refused(store: KeyframeFiles) -> None:
    with np.load(store.path(0)) as archive:
        arrays = {name: archive[name] for name in archive.files if "descriptors" not in name}
    np.savez(store.path(0), **arrays)
    with pytest.raises(InputError, match="no descriptors"):
        store.load_view(0)


def test_what_moved_is_read_back_as_it_was(room: Room, tmp_path: Path) -> None:
    files, prediction = KeyframeFiles(tmp_path), room.prediction(0)
    pixels = np.arange(1000, 2000, dtype=np.int32)
    without = marked(KeyframeMap.of(prediction), pixels, take_out=True)
    files.save(keyframe_of(0, prediction), without)
    read = files.load(0)
    assert read.moving is not None and without.moving is not None
    for name in ("pixels", "depth", "weight"):
        assert (getattr(read.moving, name) == getattr(without.moving, name)).all()
    assert (read.depth == without.depth).all()


@pytest.mark.parametrize("pixel", [-1, 320 * 240])
def test_pixels_outside_the_image_are_refused(room: Room, tmp_path: Path, pixel: int) -> None:
    files, prediction = KeyframeFiles(tmp_path), room.prediction(0)
    one = np.ones(1, np.float32)
    hostile = KeyframeMap.of(prediction)
    hostile.moving = MovingPixels(np.array([pixel], np.int32), one, one)
    files.save(keyframe_of(0, prediction), hostile)
    with pytest.raises(InputError, match="moving things"):
        files.load(0)
