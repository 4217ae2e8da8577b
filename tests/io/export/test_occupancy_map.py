"""The grid's files, read as Nav2's map_server reads them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mapper.io.export.occupancy_map import GridMap, write_grid_map

CELLS = np.array([[0, 1, 2], [1, 1, 0]], np.uint8)  # y = 0 first


def grid(units: str = "metres") -> GridMap:
    voxels = CELLS[None]
    distances = np.arange(6, dtype=np.float32).reshape(2, 3)
    low, T = np.array([-0.4, 1.5, 0.1]), np.eye(4)
    return GridMap(CELLS, voxels, distances, distances[None], low, 0.05, T, units)


def as_map_server(folder: Path) -> tuple[np.ndarray, dict]:
    """nav_msgs/OccupancyGrid's data (Y, X), y upwards, by the rules of its trinary mode."""
    said = yaml.safe_load((folder / "map.yaml").read_text())
    image = cv2.imread(str(folder / said["image"]), cv2.IMREAD_UNCHANGED)
    assert image is not None and image.dtype == np.uint8 and image.ndim == 2
    assert said["mode"] == "trinary" and said["negate"] == 0
    taken = (255 - image.astype(float)) / 255
    data = np.full(image.shape, -1)
    data[taken > said["occupied_thresh"]] = 100
    data[taken < said["free_thresh"]] = 0
    return data[::-1], said


def test_map_server_reads_what_was_written(tmp_path: Path) -> None:
    write_grid_map(tmp_path / "grid", grid())
    data, said = as_map_server(tmp_path / "grid")
    assert data.tolist() == [[-1, 0, 100], [0, 0, -1]]
    assert said["resolution"] == 0.05 and said["origin"] == [-0.4, 1.5, 0.0]


def test_the_distances_come_with_all_that_places_them(tmp_path: Path) -> None:
    write_grid_map(tmp_path / "grid", grid())
    with np.load(tmp_path / "grid" / "esdf.npz") as stored:
        assert stored["cells"].tolist() == [[-1, 0, 100], [0, 0, -1]]
        assert stored["voxels"].shape == stored["voxel_distances"].shape == (1, 2, 3)
        assert stored["cell_distances"].dtype == np.float32
        assert stored["origin"].tolist() == [-0.4, 1.5, 0.1] and stored["resolution"] == 0.05
        assert stored["T_grid_world"].shape == (4, 4) and str(stored["units"]) == "metres"


@pytest.mark.parametrize(("units", "warned"), [("metres", False), ("units", True)])
def test_a_map_up_to_scale_says_so(tmp_path: Path, units: str, warned: bool) -> None:
    write_grid_map(tmp_path / "grid", grid(units))
    assert ("NOT METRES" in (tmp_path / "grid" / "map.yaml").read_text()) == warned
