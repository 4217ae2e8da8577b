"""mapper mesh: any resolution, from finished and from interrupted runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.io.meshes.mesh_files import read_mesh
from mapper.run.directory import RunDirectory


def test_half_the_voxel_size_gives_four_times_the_vertices(finished: RunDirectory, command) -> None:
    counts = []
    for size in ("0.04", "0.02"):
        code, out, _ = command("mesh", finished.path, "--voxel-size", size, "--json")
        assert code == 0
        counts.append(json.loads(out)["vertices"])
    assert 3.0 < counts[1] / counts[0] < 5.5
    assert (finished.path / "mesh_0.040.ply").exists()


def test_the_runs_own_voxel_size_gives_the_runs_own_mesh(finished: RunDirectory, command) -> None:
    command("mesh", finished.path, "--voxel-size", 0.02)
    again, before = read_mesh(finished.path / "mesh_0.020.ply"), read_mesh(finished.mesh)
    assert len(again.faces) == pytest.approx(len(before.faces), rel=0.01)
    assert np.allclose(again.vertices.min(0), before.vertices.min(0), atol=0.04)


def test_a_killed_run_gives_the_same_map(
    finished: RunDirectory, killed: RunDirectory, command
) -> None:
    faces = []
    for run in (finished, killed):
        code, out, _ = command("mesh", run.path, "--voxel-size", 0.03, "--json")
        assert code == 0
        faces.append(json.loads(out)["faces"])
    assert faces[1] == pytest.approx(faces[0], rel=0.02)


def test_depth_max_leaves_out_what_is_far(finished: RunDirectory, command) -> None:
    far = json.loads(command("mesh", finished.path, "--voxel-size", 0.04, "--json")[1])
    out = finished.path / "near.glb"
    near = json.loads(
        command(
            "mesh", finished.path, "--voxel-size", 0.04, "--depth-max", 2.2, "--out", out, "--json"
        )[1]
    )
    assert out.exists() and 0 < near["vertices"] < 0.8 * far["vertices"]


def test_small_pieces_are_left_out_on_demand(finished: RunDirectory, command) -> None:
    counts = []
    for area in (0, 2.0):
        _, out, _ = command(
            "mesh", finished.path, "--voxel-size", 0.04, "--min-area", area, "--overwrite", "--json"
        )
        counts.append(json.loads(out)["vertices"])
    assert 0 < counts[1] < counts[0]


def test_a_full_volume_is_told(finished: RunDirectory, command) -> None:
    code, out, _ = command("mesh", finished.path, "--max-memory-mb", 10)
    assert code == 0 and "NOT WHOLE" in out and "--max-memory-mb" in out


@pytest.mark.parametrize("suffix", ["ply", "glb", "obj"])
def test_the_format_follows_the_option(finished: RunDirectory, command, suffix: str) -> None:
    code, out, _ = command("mesh", finished.path, "--voxel-size", 0.05, "--format", suffix)
    assert code == 0
    assert f"mesh_0.050.{suffix}" in out
    assert (finished.path / f"mesh_0.050.{suffix}").stat().st_size > 10_000


def test_nothing_is_overwritten(finished: RunDirectory, command) -> None:
    code, _, err = command("mesh", finished.path, "--out", finished.mesh)
    assert code == 2 and "exists already" in err and "--overwrite" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "map.stl"), "end the name in"),
        (("--out", "map.ply", "--format", "glb"), "end the name in .glb"),
        (("--voxel-size", "0"), "above zero"),
        (("--voxel-size", "nan"), "above zero"),
        (("--depth-max", "x"), "invalid"),
        (("--depth-max", "0.01"), "no surface"),
        (("--min-area", "-1"), "below zero"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    finished: RunDirectory, command, options: tuple[str, ...], message: str
) -> None:
    code, _, err = command("mesh", finished.path, *options)
    assert code == 2 and message in err


def test_a_run_without_keyframes_has_no_map(killed: RunDirectory, command) -> None:
    killed.journal.write_text("")
    code, _, err = command("mesh", killed.path)
    assert code == 2 and "no keyframes" in err


def test_a_keyframe_that_is_gone_is_named(finished: RunDirectory, command) -> None:
    Path(finished.keyframes.path(1)).unlink()
    code, _, err = command("mesh", finished.path)
    assert code == 2 and "000001.npz" in err
