"""A run with masks: no surface where they forbid it, and the same again when it is carried on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import ConfigError
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.trajectory_files import read_tum
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.results import sequence_again

FRAMES, EDGE = 3, 120  # of 320 columns


@pytest.fixture(scope="module")
def masks(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The left of each image."""
    folder = tmp_path_factory.mktemp("masks")
    mask = np.full((240, 320), 255, np.uint8)
    mask[:, :EDGE] = 0
    sequence = open_sequence(sample)
    for index in range(FRAMES):
        image = sequence.source_files(index)[0]  # type: ignore[attr-defined]
        assert cv2.imwrite(str(folder / f"{image.name}.png"), mask)
    return folder


@pytest.fixture(scope="module")
def run(sample: Path, masks: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    out = tmp_path_factory.mktemp("runs") / "masked"
    request = RunRequest(
        sequence=sample, mask_dir=masks, out=out, max_frames=FRAMES, save_recording=False
    )
    return map_into(request)[0]


def test_there_is_surface_only_where_some_frame_may_see_it(run: RunDirectory, sample: Path) -> None:
    camera = open_sequence(sample).intrinsics
    assert camera is not None
    vertices = read_mesh(run.path / "mesh.ply").vertices
    columns = []
    for T_world_camera in read_tum(run.path / "trajectory.txt").T_world_camera:
        T = np.linalg.inv(T_world_camera)
        points = vertices @ T[:3, :3].T + T[:3, 3]
        columns.append(camera.fx * points[:, 0] / points[:, 2] + camera.cx)
    assert len(columns) == FRAMES and len(vertices) > 1000
    rightmost = np.max(columns, axis=0)
    assert rightmost.min() > EDGE - 3 and rightmost.max() > 310


def test_the_masks_are_found_again(run: RunDirectory, masks: Path) -> None:
    again = sequence_again(run)
    assert again is not None and again[0].mask is not None
    assert run.read_description().mask_dir == masks


def test_a_run_is_not_carried_on_with_other_masks(
    run: RunDirectory, sample: Path, tmp_path: Path
) -> None:
    request = RunRequest(sequence=sample, out=run.path, resume=True, mask_dir=tmp_path)
    with pytest.raises(ConfigError, match="was made with --mask-dir"):
        map_into(request)
