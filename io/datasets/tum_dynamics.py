"""TUM RGB-D, dynamic objects: the selection of 90 frames that the papers evaluate, or recordings.

    ROOT/rgbd_dataset_freiburg3_walking_xyz/rgb_90/*.png, groundtruth_90.txt [, depth_90/*.png]
    ROOT/rgbd_dataset_freiburg3_walking_xyz/rgb.txt, groundtruth.txt, rgb/

A prepared selection rgb_N goes before the full recording; of several the one with the largest N:
each holds the first N of the images that have a pose, or of every third of them, as the times in
their names or in groundtruth_N.txt tell, so a protocol cuts it itself. Of a recording come the
images with a pose within 0.02 s, at full rate and without depth, from which every third makes the
same selection. The registry's `tum` reads recordings with depth instead.
Depth: 16 bit, 5000 units a metre. groundtruth: timestamp tx ty tz qx qy qz qw, camera-to-world in
OpenCV axes, taken over as it is. The cameras are the published ones of freiburg1, 2 and 3.
Source: Sturm et al., "A benchmark for the evaluation of RGB-D SLAM systems", IROS 2012,
cvg.cit.tum.de/data/datasets/rgbd-dataset; cut3r_evaluation, section A.
"""

from __future__ import annotations

from pathlib import Path

from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.layout import largest_selection, sequence_names
from mapper.io.datasets.tum_layout import read_recording, read_selection
from mapper.io.sequences.tum import is_tum, published_calibration

SELECTION_STRIDE = 3  # of rgb_90; rgb_N of long_tum_s1 has 1


def find(root: Path) -> list[str]:
    """The names of the folders."""
    return sequence_names(
        root,
        "folders with rgb_90 and groundtruth_90.txt, or rgb.txt and groundtruth.txt, in them",
        lambda folder: is_tum(folder) or largest_selection(folder, "rgb") is not None,
    )


def read(root: Path, name: str) -> BenchSequence:
    """One sequence; colour only, but for a selection with depth."""
    folder = root / name
    calibration = published_calibration(name)
    camera = calibration.color if calibration else None
    if largest_selection(folder, "rgb") is not None:
        return read_selection(folder, name, camera, SELECTION_STRIDE)
    return read_recording(folder, name, camera, with_depth=False)
