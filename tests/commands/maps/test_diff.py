"""mapper diff: what differs between two runs, as a page, a mesh and a file to be read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mapper.io.meshes.mesh_files import read_mesh
from tests.commands.conftest import Command


def test_the_same_map_twice_differs_in_nothing(
    mapped: Path, tmp_path: Path, command: Command
) -> None:
    again = Path(shutil.copytree(mapped, tmp_path / "again"))
    code, said, _ = command("diff", mapped, again, "--out", tmp_path / "diff", "--json")
    found = json.loads(said)
    assert code == 0 and found["appeared"] == [] and found["vanished"] == []
    assert found["units"] == "metres" and found["world"] == mapped.name
    assert len(read_mesh(tmp_path / "diff/diff.ply").faces) > 1000
    assert "Nothing of 10 cm or more differs" in (tmp_path / "diff/diff.html").read_text()
    assert json.loads((tmp_path / "diff/diff.json").read_text())["min_size"] == 0.1
    code, _, error = command("diff", mapped, again, "--out", tmp_path / "diff")
    assert code == 2 and "exists already" in error


def test_a_run_is_not_compared_with_itself(mapped: Path, tmp_path: Path, command: Command) -> None:
    code, _, error = command("diff", mapped, mapped, "--out", tmp_path / "diff")
    assert code == 2 and "named twice" in error
