"""KITTI odometry.

    ROOT/sequences/00/image_2/000000.png (or image_0), calib.txt, times.txt
    ROOT/poses/00.txt                    00 to 10 have poses

The reader of `mapper run`: the poses of camera 0 (3x4, camera-to-world, OpenCV axes, metres) are
brought to the camera whose images are read by calib.txt. No depth; images are rectified. ROOT may
also be the folder above `dataset`.
Source: Geiger et al., "Are we ready for autonomous driving?", CVPR 2012, cvlibs.net/datasets/kitti.
"""

from __future__ import annotations

from pathlib import Path

from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.file_frames import bench_sequence
from mapper.io.datasets.layout import sequence_names
from mapper.io.sequences.kitti import is_kitti, open_left

_SAME_TIME = 1e-6  # s; the poses carry the images' own times


def find(root: Path) -> list[str]:
    """The sequences with images: 00 to 21 in the full dataset."""
    return sequence_names(
        _home(root) / "sequences", "folders like 00 with image_2 or image_0 in them", is_kitti
    )


def read(root: Path, name: str) -> BenchSequence:
    """One sequence; without poses from 11 on."""
    sequence = open_left(_home(root) / "sequences" / name)
    return bench_sequence(sequence, name, _SAME_TIME)


def _home(root: Path) -> Path:
    nested = root / "dataset"
    return nested if nested.is_dir() else root
