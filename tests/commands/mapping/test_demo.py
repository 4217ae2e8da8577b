"""mapper demo: a verdict that can fail, a cache that is whole, and no one's run replaced."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mapper.commands.mapping import demo
from mapper.commands.mapping.demo import cached_sample, judge, surface_errors
from mapper.core.mesh import Mesh
from mapper.io.meshes.mesh_files import read_mesh, write_mesh
from mapper.request import RunRequest
from mapper.rooms.sample.sequence import make_sample
from mapper.run.directory import RunDirectory
from tests.support.made_up_records import described


@pytest.fixture
def cache(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds the small sample room as the demo's own."""
    folder = tmp_path / "cache"
    shutil.copytree(sample, folder / "sample-240-v2")
    monkeypatch.setenv("MAPPER_CACHE", str(folder))
    return folder


def test_the_demo_agrees_with_the_truth_and_replaces_its_former_run(
    cache: Path, tmp_path: Path, command
) -> None:
    out_path = tmp_path / "demo"
    out_path.mkdir()
    run = RunDirectory(out_path)
    run.write_description(described(kind="tum", path=str(cache / "sample-60-v2")))
    (out_path / "mesh.ply").write_text("old")
    (out_path / "notes.md").write_text("mine")
    code, out, _ = command("demo", "--out", out_path)
    assert code == 0
    assert "the map agrees with the truth" in out and "240 of 240 frames placed" in out
    lines = out.splitlines()
    verdict = next(i for i, line in enumerate(lines) if "agrees" in line)
    assert lines[verdict + 1].strip() == str(out_path / "report.html")
    assert (out_path / "mesh.ply").stat().st_size > 1000
    assert (out_path / "notes.md").read_text() == "mine"


def test_colour_alone_is_mapped_too_and_judged_up_to_scale(
    cache: Path, tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def mapped(request: RunRequest) -> tuple[RunDirectory, dict[str, object]]:
        asked.append(request)
        found = {"ate_se3": {"rmse": 3.0}, "ate_sim3": {"rmse": 0.004}, "coverage": 1.0}
        return RunDirectory(tmp_path), {"complete": True, "units": "units", "evaluation": found}

    monkeypatch.setattr("mapper.pipeline.map_into", mapped)
    monkeypatch.setattr(demo, "surface_errors", lambda run, with_scale: {})
    code, out, _ = command("demo", "--color", "--out", tmp_path / "color", "--json")
    assert code == 0 and json.loads(out)["agrees"] is True
    assert asked[0].frontend == "mono" and asked[0].out == tmp_path / "color"


def test_a_folder_with_somebody_elses_run_yaml_is_left_alone(
    cache: Path, tmp_path: Path, command
) -> None:
    (tmp_path / "run.yaml").write_text("cmd: ./start.sh\n")
    (tmp_path / "thesis.tex").write_text("years of work")
    code, _, err = command("demo", "--out", tmp_path)
    assert code == 2 and "is not a run of mapper and is left alone" in err
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_run_of_something_else_is_left_alone(
    finished: RunDirectory, cache: Path, command
) -> None:
    code, _, err = command("demo", "--out", finished.path)
    assert code == 2 and "another sequence" in err
    assert finished.mesh.exists()


def test_the_surface_is_near_the_exact_room_until_it_is_moved(finished: RunDirectory) -> None:
    right = surface_errors(finished)
    assert right["median"] < 0.01 and right["within_2_cm"] > 0.9
    mesh = read_mesh(finished.mesh)
    moved = mesh.vertices + np.float32(0.1)
    write_mesh(finished.mesh, Mesh(moved, mesh.faces, mesh.colors, mesh.normals))
    assert surface_errors(finished)["median"] > 5 * right["median"]


@pytest.mark.parametrize(
    ("ate", "coverage", "agrees"),
    [(0.019, 1.0, True), (0.021, 1.0, False), (0.001, 0.5, False)],
)
def test_the_verdict_needs_accuracy_and_coverage(ate: float, coverage: float, agrees: bool) -> None:
    for units, best in (("metres", "ate_se3"), ("units", "ate_sim3")):
        found = {"ate_se3": {"rmse": 1.0}, best: {"rmse": ate}, "coverage": coverage}
        assert judge({"units": units, "evaluation": found})[0] is agrees


def test_a_run_that_could_not_be_judged_does_not_agree() -> None:
    agrees, reason = judge({"evaluation_failed": "the estimate has 0 poses"})
    assert not agrees and "0 poses" in reason


def test_a_map_that_is_wrong_ends_with_code_1(
    finished: RunDirectory, cache: Path, tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "MAX_ATE", 1e-9)
    monkeypatch.setattr(
        "mapper.pipeline.map_into",
        lambda request: (finished, finished.read_json(finished.metrics)),
    )
    code, out, _ = command("demo", "--out", tmp_path / "demo", "--json")
    assert code == 1 and json.loads(out)["agrees"] is False


def test_the_sample_is_rendered_once_and_again_where_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []

    def tiny(folder: Path, frames: int, progress=None) -> Path:
        rendered.append(folder)
        return make_sample(folder, frames, 32, 24, progress=progress)

    monkeypatch.setattr("mapper.rooms.sample.sequence.make_sample", tiny)
    monkeypatch.setenv("MAPPER_CACHE", str(tmp_path))
    folder = cached_sample(3, quiet=True)
    assert cached_sample(3, quiet=True) == folder == tmp_path / "sample-3-v2"
    assert len(rendered) == 1
    next(folder.glob("depth/*.png")).unlink()
    cached_sample(3, quiet=True)
    assert len(rendered) == 2 and len(list(folder.glob("depth/*.png"))) == 3


def test_one_frame_is_no_walk(command) -> None:
    code, _, err = command("demo", "--frames", 1)
    assert code == 2 and "--frames" in err
