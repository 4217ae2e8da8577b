"""TUM RGB-D recordings with their depth, for systems that need it.

    ROOT/rgbd_dataset_freiburg1_desk/rgb.txt, depth.txt, groundtruth.txt, rgb/*.png, depth/*.png

The reader of `mapper run`: images that have depth within 0.02 s, depth registered to colour, 16
bit, 5000 units a metre; cameras from calibration.yaml in the folder or as published, distortion
included. Poses are camera-to-world in OpenCV axes, taken over as they are; an image without a pose
within 0.02 s stays, with NaN.
Source: Sturm et al., "A benchmark for the evaluation of RGB-D SLAM systems", IROS 2012,
cvg.cit.tum.de/data/datasets/rgbd-dataset.
"""

from __future__ import annotations

from pathlib import Path

from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.file_frames import bench_sequence
from mapper.io.datasets.layout import sequence_names
from mapper.io.sequences.pairing import ASSOCIATION_TOLERANCE
from mapper.io.sequences.tum import is_tum, open_tum


def find(root: Path) -> list[str]:
    """The names of the folders."""
    return sequence_names(root, "folders with rgb.txt, depth.txt and groundtruth.txt", is_tum)


def read(root: Path, name: str) -> BenchSequence:
    """One recording."""
    return bench_sequence(open_tum(root / name), name, ASSOCIATION_TOLERANCE)
