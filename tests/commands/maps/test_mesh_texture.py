"""mapper mesh --texture: a painted map that looks more like the frames than one of vertices."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from measures.texture_psnr import compare

from mapper.run.directory import RunDirectory

SMALL = ("--texture", "--voxel-size", 0.03, "--faces", 6000, "--texture-size", 1024)


def test_frames_that_no_mesh_has_seen_look_more_like_the_painted_one(
    finished: RunDirectory, command
) -> None:
    code, out, _ = command("mesh", finished.path, *SMALL, "--json")
    told = json.loads(out)
    assert code == 0 and told["faces"] <= 6000 and told["painted"] > 0.9
    path = finished.path / "textured.obj"
    assert path.exists() and path.with_suffix(".png").exists()
    painted, coloured, covered = compare(finished, path, frames=3)
    assert painted > coloured + 1 and covered > 0.8  # at 320x240 there is less to gain
    code, _, err = command("mesh", finished.path, *SMALL)
    assert code == 2 and "--overwrite" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--texture", "--out", "map.ply"), "end the name in .obj, .glb"),
        (("--texture", "--format", "ply"), "end the name in .obj, .glb"),
        (("--faces", "100"), "give --texture"),
        (("--texture", "--faces", "1"), "4 at least"),
        (("--texture", "--texture-size", "8"), "64 to 16384"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    finished: RunDirectory, command, options: tuple[str, ...], message: str
) -> None:
    code, _, err = command("mesh", finished.path, *options)
    assert code == 2 and message in err


def test_the_package_that_is_missing_is_named(
    finished: RunDirectory, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xatlas", None)
    code, _, err = command("mesh", finished.path, "--texture")
    assert code == 2 and "pip install xatlas" in err
    assert not Path(finished.path / "textured.obj").exists()
