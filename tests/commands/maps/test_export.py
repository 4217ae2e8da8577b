"""mapper export: what other tools read back is what the run holds."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from evo.tools import file_interface

from mapper.core.mesh import Mesh
from mapper.io.meshes.mesh_files import read_mesh, write_mesh
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from mapper.saved.results import thinned
from tests.support.exports import colmap_poses, nerfstudio_poses, read_glb

EVO = {
    "tum": file_interface.read_tum_trajectory_file,
    "kitti": file_interface.read_kitti_poses_file,
    "euroc": file_interface.read_euroc_csv_trajectory,
}


@pytest.mark.parametrize(("format", "suffix"), [("tum", "txt"), ("kitti", "txt"), ("euroc", "csv")])
def test_trajectories_come_back_whole(
    finished: RunDirectory, command, format: str, suffix: str
) -> None:
    code, out, _ = command("export", finished.path, "--format", format)
    path = finished.path / "export" / f"trajectory_{format}.{suffix}"
    assert code == 0 and str(path) in out and "80 poses of 80 frames" in out
    before, after = read_tum(finished.trajectory), EVO[format](str(path))
    assert np.allclose(after.poses_se3, before.T_world_camera, atol=1e-9)
    if format != "kitti":
        assert np.allclose(after.timestamps, before.timestamps, atol=1e-6)


@pytest.mark.parametrize(
    ("format", "read_poses"),
    [("colmap", colmap_poses), ("nerfstudio", nerfstudio_poses)],
)
def test_scenes_hold_poses_images_and_points_of_the_keyframes(
    finished: RunDirectory, command, format: str, read_poses
) -> None:
    code, out, _ = command("export", finished.path, "--format", format, "--json")
    folder = finished.path / "export" / format
    keyframes = read_tum(finished.keyframe_trajectory)
    result = json.loads(out)
    assert code == 0 and result["images"] == len(keyframes)
    if format == "nerfstudio":
        assert result["points"] == len(read_mesh(finished.mesh).vertices)
    assert np.allclose(read_poses(folder), keyframes.T_world_camera, atol=1e-9)
    bgr = cv2.imread(str(folder / "images" / "frame_000000.jpg"))
    assert bgr is not None
    image = bgr[..., ::-1]
    stored = finished.keyframes.load(0).image
    assert image.shape == stored.shape
    assert np.abs(image.astype(int) - stored).mean() < 4  # what JPEG costs


def test_the_points_lie_where_the_cameras_look(finished: RunDirectory, command) -> None:
    """COLMAP's points, seen by its first camera, have the depth that the keyframe measured."""
    command("export", finished.path, "--format", "nerfstudio")
    folder = finished.path / "export" / "nerfstudio"
    points = read_mesh(folder / "points.ply").vertices.astype(float)
    T_world_camera = nerfstudio_poses(folder)[0]
    first = finished.keyframes.load(0)
    local = (points - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    k = first.intrinsics
    ahead = local[local[:, 2] > 0.3]
    u = np.round(k.fx * ahead[:, 0] / ahead[:, 2] + k.cx).astype(int)
    v = np.round(k.fy * ahead[:, 1] / ahead[:, 2] + k.cy).astype(int)
    inside = (u >= 0) & (u < k.width) & (v >= 0) & (v < k.height)
    measured, expected = first.depth[v[inside], u[inside]], ahead[inside, 2]
    near = measured[measured > 0] - expected[measured > 0]
    assert inside.sum() > 1000
    assert np.median(np.abs(near)) < 0.02


def test_the_cloud_is_the_mesh_without_faces(finished: RunDirectory, command) -> None:
    code, _, _ = command("export", finished.path, "--format", "ply")
    cloud, mesh = read_mesh(finished.path / "export" / "cloud.ply"), read_mesh(finished.mesh)
    assert code == 0 and len(cloud.faces) == 0
    assert np.array_equal(cloud.vertices, mesh.vertices)
    assert np.array_equal(cloud.colors, mesh.colors)


@pytest.mark.parametrize("format", ["pcd", "las", "e57"])
def test_clouds_have_formats_by_name(finished: RunDirectory, command, format: str) -> None:
    if format != "pcd":
        pytest.importorskip({"las": "laspy", "e57": "pye57"}[format])
    code, out, _ = command("export", finished.path, "--format", format, "--json")
    path = finished.path / "export" / f"cloud.{format}"
    assert code == 0 and json.loads(out)["path"] == str(path) and path.stat().st_size > 100_000
    code, _, err = command("export", finished.path, "--format", format, "--out", "cloud.ply")
    assert code == 2 and f"end the name in .{format}" in err


def test_the_cameras_stand_in_the_gltf_scene(finished: RunDirectory, command) -> None:
    code, out, _ = command("export", finished.path, "--format", "gltf", "--json")
    keyframes = len(read_tum(finished.keyframe_trajectory))
    assert code == 0 and json.loads(out)["cameras"] == keyframes
    document, _ = read_glb(finished.path / "export" / "scene.glb")
    assert len(document["cameras"]) == keyframes and document["nodes"][0]["mesh"] == 0
    assert json.loads(out)["faces"] == len(read_mesh(finished.mesh).faces) > 0


@pytest.mark.parametrize("format", ["pcd", "gltf"])
def test_a_map_without_points_is_not_exported(finished: RunDirectory, command, format: str) -> None:
    empty = np.zeros((0, 3), np.float32)
    nothing = Mesh(empty, empty.astype(np.int32), empty.astype(np.uint8), empty)
    write_mesh(finished.mesh, nothing)
    code, _, err = command("export", finished.path, "--format", format)
    assert code == 2 and "no points" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("format", ["tum", "colmap", "ply"])
def test_a_killed_run_is_exported_from_its_keyframes(
    killed: RunDirectory, tmp_path: Path, command, format: str
) -> None:
    out_path = tmp_path / "deep" / f"out.{format}"
    code, out, _ = command("export", killed.path, "--format", format, "--out", out_path, "--json")
    result = json.loads(out)
    assert code == 0 and out_path.exists()
    assert result.get("poses", 80) == 80
    least = 1000 if format == "colmap" else 10_000  # points with tracks, and fused ones
    assert result.get("points", 99_999) > least


@pytest.mark.parametrize("format", ["tum", "colmap", "ply"])
def test_nothing_is_overwritten(finished: RunDirectory, command, format: str) -> None:
    assert command("export", finished.path, "--format", format)[0] == 0
    code, out, err = command("export", finished.path, "--format", format)
    assert (code, out) == (2, "")
    assert "exists already" in err and "--overwrite" in err


def test_a_cloud_must_be_named_ply(finished: RunDirectory, command) -> None:
    code, _, err = command("export", finished.path, "--format", "ply", "--out", "cloud.xyz")
    assert code == 2 and ".ply" in err


def test_a_run_that_placed_nothing_exports_nothing(finished: RunDirectory, command) -> None:
    finished.trajectory.write_text("# timestamp tx ty tz qx qy qz qw\n")
    code, _, err = command("export", finished.path, "--format", "tum")
    assert code == 2 and "no frame" in err
    assert not (finished.path / "export" / "trajectory_tum.txt").exists()


def test_thinning_keeps_points_with_their_colours() -> None:
    vertices = np.arange(300, dtype=np.float32).reshape(100, 3)
    colors = np.repeat(np.arange(100, dtype=np.uint8)[:, None], 3, axis=1)
    cloud = Mesh(vertices, np.zeros((0, 3), np.int32), colors, np.ones((100, 3), np.float32))
    few = thinned(cloud, 10)
    assert len(few.vertices) == len(few.normals) == 10
    assert np.array_equal(few.vertices[:, 0], 3.0 * few.colors[:, 0])
    assert thinned(cloud, 100) is cloud


def test_several_formats_at_once_with_depth_of_every_tenth_frame(
    finished: RunDirectory, command, tmp_path: Path
) -> None:
    options = ("--format", "colmap,nerfstudio,tum", "--frames", "every:10", "--depth")
    code, out, _ = command("export", finished.path, *options, "--out", tmp_path / "all")
    assert code == 0 and "8 images" in out
    names = [f"frame_{index:06d}" for index in range(0, 80, 10)]
    images = sorted((tmp_path / "all" / "colmap" / "images").iterdir())
    assert [path.stem for path in images] == names
    document = json.loads((tmp_path / "all/nerfstudio/transforms.json").read_text("utf-8"))
    for frame in document["frames"]:
        path = tmp_path / "all" / "nerfstudio" / frame["depth_file_path"]
        steps = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert steps is not None and steps.dtype == np.uint16
        assert 0.3 < np.median(steps[steps > 0]) * document["depth_unit_scale_factor"] < 5
    assert (tmp_path / "all" / "trajectory_tum.txt").exists()


def test_what_cannot_be_exported_is_said_in_a_line(finished: RunDirectory, command) -> None:
    for option, words in (
        (("--format", "colmap,obj"), "invalid choice: 'obj'"),
        (("--format", "colmap", "--frames", "every:0"), "every:N"),
    ):
        code, _, error = command("export", finished.path, *option)
        assert code == 2 and words in error


def test_a_run_whose_input_is_gone_still_exports_its_keyframes(
    finished: RunDirectory, command, tmp_path: Path
) -> None:
    description = finished.path / "run.yaml"
    text = description.read_text(encoding="utf-8")
    stored = finished.read_description().says.sequence
    gone = text.replace(stored.path, str(tmp_path / "gone"))
    gone = gone.replace(str(stored.path_from_run), "gone")
    description.write_text(gone, encoding="utf-8")
    code, out, error = command("export", finished.path, "--format", "colmap")
    assert code == 0 and "images" in out
    code, _, error = command("export", finished.path, "--format", "nerfstudio", "--frames", "all")
    assert code == 2 and "--frames keyframes" in error and len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "option",
    [("--frames", "all"), ("--depth",), ("--shared-camera",), ("--points", "fused"), ("--refine",)],
)
def test_options_of_images_are_refused_where_there_are_none(
    finished: RunDirectory, command, option: tuple[str, ...]
) -> None:
    code, _, err = command("export", finished.path, "--format", "tum,ply", *option)
    assert code == 2 and f"{option[0]} is for --format colmap and nerfstudio" in err
    assert not (finished.path / "export").exists()
