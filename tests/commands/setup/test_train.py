"""`mapper train` on the run directory of one's own room, and what it says of data that is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.run.directory import RunDirectory
from mapper.train.data.recorded import run_scene
from tests.commands.conftest import Command
from tests.support.networks.trained import VGGT

RECIPE = {
    "model": "stream3r",
    "network": {name: size for name, size in VGGT.items() if name != "track"},
    "data": {"width": 56, "height": 42, "views": 2, "sequences": 1, "longest_interval": 2},
    "rate": {"warm_up": 1},
    "steps": 2,
    "log_every": 1,
}


def test_a_finished_run_is_learned_from(
    finished: RunDirectory, tmp_path: Path, command: Command
) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(json.dumps(RECIPE))  # which is YAML
    out = tmp_path / "net"
    status, said, _ = command(
        "train", "--recipe", recipe, "--data", f"3@{finished.path}", "--out", out, "--json"
    )
    assert status == 0 and json.loads(said.splitlines()[-1])["steps"] == 2
    assert (out / "model.safetensors").exists() and (out / "log.jsonl").exists()


def test_views_of_a_run_stand_where_it_placed_them(finished: RunDirectory) -> None:
    """What one view sees, the next one sees at the depth that the poses say."""
    scene = run_scene(finished.path)
    first, second = scene.view(0), scene.view(min(2, len(scene) - 1))
    rows, columns = np.nonzero(first.depth > 0)
    rays = np.linalg.inv(first.intrinsics) @ [columns, rows, np.ones_like(rows)]
    points = np.vstack([rays * first.depth[rows, columns], np.ones(len(rows))])
    x, y, z, _ = np.linalg.inv(second.T_world_camera) @ first.T_world_camera @ points
    u, v, _ = second.intrinsics @ np.stack([x, y, z]) / z
    height, width = second.depth.shape
    inside = (u > 0) & (u < width - 1) & (v > 0) & (v < height - 1) & (z > 0)
    there = second.depth[v[inside].round().astype(int), u[inside].round().astype(int)]
    off = np.abs(there - z[inside])[there > 0] / z[inside][there > 0]
    assert len(off) > 1000 and np.median(off) < 0.01


def test_a_run_that_is_not_in_metres_is_refused(finished: RunDirectory) -> None:
    path = finished.path / "run.yaml"
    path.write_text(path.read_text().replace("units: metres", "units: units"))
    with pytest.raises(InputError, match="not in metres"):
        run_scene(finished.path)


def test_data_that_is_none_is_named(tmp_path: Path, command: Command) -> None:
    status, _, said = command(
        "train", "--recipe", "cut3r-mini", "--data", tmp_path, "--out", tmp_path / "net"
    )
    assert status != 0 and "make_rooms" in said and not (tmp_path / "net").exists()


def test_options_that_make_no_sense_are_one_line(tmp_path: Path, command: Command) -> None:
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    np.savez(rooms / "train_00000.npz", images=np.zeros((3, 42, 56, 3), np.uint8))
    recipe, file = tmp_path / "small.yaml", tmp_path / "file"
    recipe.write_text(json.dumps(RECIPE))
    file.write_text("something")
    common = ("train", "--recipe", recipe, "--data", rooms, "--out")
    for more, word in (
        ((file,), "cannot write"),
        ((file / "net",), "a part of the path is a file"),
        ((tmp_path / "net", "--minutes", "nan"), "--minutes nan"),
        ((tmp_path / "net",), "train_00000.npz"),
    ):
        status, _, said = command(*common, *more)
        assert status == 2 and word in said and len(said.strip().splitlines()) == 1, said
    assert file.read_text() == "something"
