"""mapper export --points and --refine: what COLMAP's own library makes of the points."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.tracks import bundle_refinement
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from tests.support.exports import colmap_poses, nerfstudio_poses

pycolmap = pytest.importorskip("pycolmap")


def _model(folder: Path):
    return pycolmap.Reconstruction(str(folder / "sparse" / "0"))


def test_colmap_gets_points_with_tracks(finished: RunDirectory, command) -> None:
    """Each track sees an image once, and where its point lands by pycolmap's own projection."""
    code, out, _ = command("export", finished.path, "--format", "colmap", "--json")
    model = _model(finished.path / "export" / "colmap")
    assert code == 0 and json.loads(out)["points"] == len(model.points3D) > 300
    errors = []
    for number, point in model.points3D.items():
        elements = point.track.elements
        assert len({element.image_id for element in elements}) == len(elements) >= 2
        off = []
        for element in elements:
            image = model.images[element.image_id]
            seen = image.points2D[element.point2D_idx]
            assert seen.point3D_id == number
            off.append(np.linalg.norm(image.project_point(point.xyz) - seen.xy))
        assert point.error == pytest.approx(np.mean(off), abs=1e-6)
        errors += off
    assert np.mean(errors) < 1.5 and np.max(errors) < 4.01
    assert len({tuple(point.color) for point in model.points3D.values()}) > 100


def test_the_points_are_as_far_away_as_was_measured(finished: RunDirectory, command) -> None:
    command("export", finished.path, "--format", "colmap")
    model = _model(finished.path / "export" / "colmap")
    first = model.images[1]
    depth = finished.keyframes.load(0).depth
    off = []
    for seen in first.points2D:
        z = (first.cam_from_world() * model.points3D[seen.point3D_id].xyz)[2]
        u, v = np.rint(seen.xy - 0.5).astype(int)
        off += [abs(z - depth[v, u]) / z] if depth[v, u] > 0 else []
    assert len(off) > 30 and np.median(off) < 0.02


def test_fused_points_have_no_tracks(finished: RunDirectory, command) -> None:
    code, _, _ = command("export", finished.path, "--format", "colmap", "--points", "fused")
    model = _model(finished.path / "export" / "colmap")
    assert code == 0 and len(model.points3D) == len(read_mesh(finished.mesh).vertices)
    assert all(point.track.length() == 0 for point in model.points3D.values())


def test_nerfstudio_starts_from_sparse_points_if_asked(finished: RunDirectory, command) -> None:
    command("export", finished.path, "--format", "colmap,nerfstudio", "--points", "sparse")
    points = read_mesh(finished.path / "export" / "nerfstudio" / "points.ply")
    model = _model(finished.path / "export" / "colmap")
    expected = np.array([model.points3D[key].xyz for key in sorted(model.points3D)])
    np.testing.assert_allclose(points.vertices, expected, atol=1e-5)


def test_refining_lowers_the_error_and_keeps_the_map(finished: RunDirectory, command) -> None:
    code, out, _ = command(
        "export", finished.path, "--format", "colmap,nerfstudio", "--refine", "--json"
    )
    told = json.loads(out)[0]["refined"]
    assert code == 0 and told["after_px"] <= told["before_px"] < 1.5
    folder = finished.path / "export"
    poses, before = colmap_poses(folder / "colmap"), read_tum(finished.keyframe_trajectory)
    np.testing.assert_allclose(poses, nerfstudio_poses(folder / "nerfstudio"), atol=1e-8)
    moved = np.linalg.norm(poses[:, :3, 3] - before.T_world_camera[:, :3, 3], axis=1)
    assert 0 < moved.max() < 0.03 and moved.max() == pytest.approx(told["moved"], rel=0.01)
    steps = [
        sum(np.linalg.norm(b - a) for a, b in pairwise(T[:, :3, 3]))
        for T in (before.T_world_camera, poses)
    ]
    assert steps[1] == pytest.approx(steps[0], rel=0.02)  # metric as before
    model = _model(folder / "colmap")
    errors = np.concatenate([[p.error] * p.track.length() for p in model.points3D.values()])
    assert errors.mean() == pytest.approx(told["after_px"], abs=1e-3)
    code, out, _ = command("export", finished.path, "--format", "colmap", "--refine", "--overwrite")
    assert "px off before" in out and code == 0


def test_other_frames_stay_where_they_are_in_their_refined_keyframe(
    finished: RunDirectory, command
) -> None:
    """The keyframes come out as without the others, whichever frames are asked for."""
    base = finished.path / "export"
    poses = {}
    for name, options in {
        "keyframes": ("--refine",),
        "all": ("--refine", "--frames", "all"),
        "third": ("--refine", "--frames", "every:3"),
        "plain": ("--frames", "all"),
    }.items():
        out = base / name
        code, told, _ = command(
            "export", finished.path, "--format", "colmap", "--out", out, "--json", *options
        )
        assert code == 0
        model = _model(out)
        names = sorted(image.name for image in model.images.values())
        poses[name] = dict(zip(names, colmap_poses(out), strict=True))
        assert json.loads(told)["images"] == len(names)
        if name != "plain":
            assert json.loads(told)["refined"]["after_px"] < 1.5
        for point in model.points3D.values():
            for element in point.track.elements:
                image = model.images[element.image_id]
                seen = image.points2D[element.point2D_idx].xy
                assert np.linalg.norm(image.project_point(point.xyz) - seen) < 20
    everything, keyframes, plain = poses["all"], poses["keyframes"], poses["plain"]
    assert len(everything) > len(keyframes) and set(everything) == set(plain)
    for name, T in keyframes.items():
        np.testing.assert_allclose(everything[name], T, atol=1e-6)
    assert poses["third"].keys() == {n for n in plain if int(n[6:12]) % 3 == 0}
    for name, T in poses["third"].items():
        np.testing.assert_allclose(T, everything[name], atol=1e-6)
    owner, followers = None, 0
    for name in sorted(plain):
        if name in keyframes:
            owner = name
            continue
        before = np.linalg.inv(plain[owner]) @ plain[name]
        after = np.linalg.inv(everything[owner]) @ everything[name]
        np.testing.assert_allclose(after, before, atol=1e-6)
        followers += 1
    assert followers > 3


def test_what_cannot_be_refined_is_a_line(
    finished: RunDirectory, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--format", "colmap", "--refine", "--points", "fused")
    code, _, err = command("export", finished.path, *options)
    assert code == 2 and "leave out --points fused" in err and len(err.strip().splitlines()) == 1
    monkeypatch.setattr(bundle_refinement, "LEAST_IMAGES", 1000)
    code, _, err = command("export", finished.path, "--format", "colmap", "--refine")
    assert code == 2 and "too little to refine" in err
    assert not (finished.path / "export" / "colmap").exists()


def test_a_keyframe_alone_has_no_tracks(finished: RunDirectory, command) -> None:
    """Its fused points are exported, unless tracks are asked for."""
    lines = [json.loads(line) for line in finished.journal.read_text().splitlines()]
    first = [line for line in lines if line["event"] == "keyframe"][:1]
    finished.journal.write_text("\n".join(map(json.dumps, first)) + "\n")
    code, out, _ = command("export", finished.path, "--format", "colmap", "--json")
    assert code == 0 and json.loads(out)["images"] == 1 and json.loads(out)["points"] > 1000
    code, _, err = command(
        "export", finished.path, "--format", "colmap", "--points", "sparse", "--overwrite"
    )
    assert code == 2 and "one keyframe alone" in err and len(err.strip().splitlines()) == 1
