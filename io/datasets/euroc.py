"""EuRoC MAV in the ASL format; the left camera.

    ROOT/MH_01_easy/mav0/cam0/data.csv                  `timestamp [ns],filename`
    ROOT/MH_01_easy/mav0/cam0/data/1403636579763555584.png
    ROOT/MH_01_easy/mav0/cam0/sensor.yaml               T_BS, intrinsics, distortion_coefficients
    ROOT/MH_01_easy/mav0/state_groundtruth_estimate0/data.csv

The folders may also lie one deeper (machine_hall/MH_01_easy). Ground truth: time [ns], position of
the body in the world, quaternion wxyz, velocities and biases at 200/s. The camera's pose is
T_world_body T_BS, OpenCV axes, metres. An image without a pose within 10 ms (before take-off) stays
with NaN. Grey images 752x480, distorted (radial-tangential); the coefficients are given. No depth.
Source: Burri et al., "The EuRoC micro aerial vehicle datasets", IJRR 2016,
projects.asl.ethz.ch/datasets.
"""

from __future__ import annotations

from pathlib import Path

from mapper.errors import InputError
from mapper.io.datasets.dataset import BenchSequence, poses_at
from mapper.io.datasets.layout import require_file, subfolders
from mapper.io.sequences.published.euroc import TRUTH, image_list, read_sensor
from mapper.io.trajectory_files import read_euroc

POSE_TOLERANCE = 0.01  # s


def find(root: Path) -> list[str]:
    """Names such as MH_01_easy or machine_hall/MH_01_easy."""
    folders = [child for outer in subfolders(root) for child in (outer, *subfolders(outer))]
    names = [str(f.relative_to(root)) for f in folders if (f / "mav0").is_dir()]
    if not names:
        raise InputError(f"{root}: no sequences here; expected MH_01_easy/mav0/cam0/data.csv")
    return names


def read(root: Path, name: str) -> BenchSequence:
    """One flight seen by cam0."""
    mav = root / name / "mav0"
    timestamps, images = image_list(mav / "cam0" / "data.csv")
    camera, T_body_camera = read_sensor(mav / "cam0" / "sensor.yaml")
    path = mav / TRUTH
    truth = read_euroc(require_file(path, "the poses of the body"))
    return BenchSequence(
        name=name,
        images=images,
        timestamps=timestamps,
        T_world_camera=poses_at(timestamps, truth, POSE_TOLERANCE) @ T_body_camera,
        depths=None,
        read_depth=None,
        intrinsics=camera.intrinsics,
        masks=None,
        distortion=camera.distortion,
    )
