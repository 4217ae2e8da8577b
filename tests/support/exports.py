"""Exported scenes, as other programs read them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])  # its cameras look along -z and have y up


def colmap_poses(folder: Path) -> np.ndarray:
    """float64 (N, 4, 4): T_world_camera by image name, read by COLMAP's own library."""
    pycolmap = pytest.importorskip("pycolmap")
    model = pycolmap.Reconstruction(str(folder / "sparse" / "0"))
    images = sorted(model.images.values(), key=lambda image: image.name)
    poses = np.tile(np.eye(4), (len(images), 1, 1))
    poses[:, :3] = [image.cam_from_world().inverse().matrix() for image in images]
    return poses


def nerfstudio_poses(folder: Path) -> np.ndarray:
    """float64 (N, 4, 4): T_world_camera, OpenCV axes, by image name."""
    frames = json.loads((folder / "transforms.json").read_text(encoding="utf-8"))["frames"]
    frames.sort(key=lambda frame: frame["file_path"])
    return np.array([frame["transform_matrix"] for frame in frames]) @ OPENGL


def read_glb(path: Path) -> tuple[dict, bytes]:
    """A .glb's document and its binary chunk; asserts that it is laid out as the standard says."""
    content = path.read_bytes()
    magic, version, total = struct.unpack_from("<4s2I", content)
    assert (magic, version, total) == (b"glTF", 2, len(content))
    length, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON" and length % 4 == 0
    document = json.loads(content[20 : 20 + length])
    return document, content[20 + length + 8 :]
