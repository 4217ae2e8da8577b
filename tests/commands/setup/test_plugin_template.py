"""The template of a plugin, installed as its reader would do it, brings what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mapper.core.geometry import inverse
from mapper.doctor.checks import _plugins
from tests.support.paths import ROOT
from tests.support.room_views import Room

TEMPLATE = ROOT / "docs" / "plugin_template"
OFFLINE = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--no-compile")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the template was installed into, without network."""
    source = tmp_path_factory.mktemp("template") / "source"  # pip leaves a build folder in it
    shutil.copytree(TEMPLATE, source)
    target = source.parent / "target"
    pip = (sys.executable, "-m", "pip", "install", *OFFLINE, "--target", target, source)
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def recording(room: Room, tmp_path: Path) -> Path:
    """Four frames of the room in the template's format."""
    frames = [room.frame(index) for index in range(4)]
    camera = room.intrinsics
    path = tmp_path / "room.frames.npz"
    np.savez(
        path,
        images=[frame.image for frame in frames],
        depths=np.array([frame.depth for frame in frames]),
        camera=[camera.fx, camera.fy, camera.cx, camera.cy],
    )
    return path


def test_the_template_reads_maps_and_exports(
    target: Path, recording: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(target))
    out = recording.parent / "run"
    options = ("--frontend", "template-still", "--out", out, "--no-save-rrd", "--json")
    code, said, err = command("run", recording, *options)
    assert code == 0, err
    assert json.loads(said)["frames"] == 4
    code, said, err = command("export", out, "--format", "template-xyz")
    assert code == 0, err
    assert "template-xyz: 4 positions" in said
    assert np.loadtxt(out / "export" / "positions.xyz").shape == (4, 3)
    listed = [check.detail for check in _plugins() if check.status == "ok"]
    assert "frontend template-still, by mapper-template 0.1.0" in listed
    assert len(listed) == 4


def test_its_adapter_reads_what_a_model_wrote(
    target: Path, recording: Path, room: Room, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(target))
    poses = [inverse(room.poses[0]) @ room.poses[index] for index in range(4)]
    depths = [room.frame(index, noisy=False).depth for index in range(4)]
    saved, out = recording.parent / "out.pred.npz", recording.parent / "run"
    np.savez(saved, depths=np.array(depths), poses=poses, camera=room.intrinsics.matrix)
    options = ("--set", f"predictions.path={saved}", "--out", out, "--no-save-rrd", "--json")
    code, said, err = command("run", recording, *options, "--frontend", "predictions")
    assert code == 0, err
    assert json.loads(said)["tracked"] == 4
