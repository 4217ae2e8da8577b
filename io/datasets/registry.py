"""The datasets of the benchmarks, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mapper.errors import ConfigError, InputError, unknown_name
from mapper.io.datasets import (
    bonn,
    co3d,
    euroc,
    kitti_depth,
    kitti_odometry,
    nrgbd,
    nyu,
    replica,
    scannet,
    sevenscenes,
    sintel,
    tum,
    tum_dynamics,
)
from mapper.io.datasets.dataset import Dataset, FolderDataset

DATASETS: dict[str, Callable[[Path], Dataset]] = {
    name: partial(FolderDataset, name, find, read)
    for name, find, read in (
        ("7scenes", sevenscenes.find, sevenscenes.read),
        ("7scenes-test", sevenscenes.find_test, sevenscenes.read),
        ("bonn", bonn.find, bonn.read),
        ("bonn-markers", bonn.find, bonn.read_markers),
        ("euroc", euroc.find, euroc.read),
        ("kitti-depth", kitti_depth.find, kitti_depth.read),
        ("kitti-odometry", kitti_odometry.find, kitti_odometry.read),
        ("nrgbd", nrgbd.find, nrgbd.read),
        ("nyu", nyu.find, nyu.read),
        ("replica", replica.find, replica.read),
        ("scannet", scannet.find, scannet.read),
        ("sintel", sintel.find, sintel.read),
        ("tum", tum.find, tum.read),
        ("tum-dynamics", tum_dynamics.find, tum_dynamics.read),
    )
}
DATASETS["co3d"] = partial(FolderDataset, "co3d", co3d.find, co3d.read, count=co3d.frame_count)


def open_dataset(name: str, root: Path) -> Dataset:
    """The dataset below root; reads nothing yet. ConfigError, InputError: unknown name or root."""
    if name not in DATASETS:
        raise ConfigError(unknown_name("dataset", name, DATASETS))
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder of the dataset {name}")
    return DATASETS[name](root)
