"""mapper occupancy: a grid that agrees with the exact room, and one line for what makes none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from measures.occupancy_score import score_occupancy

from mapper.backend.fusion.occupancy import FREE, OCCUPIED
from mapper.run.directory import RunDirectory
from mapper.saved.occupancy import run_occupancy


def states(folder: Path) -> np.ndarray:
    with np.load(folder / "esdf.npz") as stored:
        return stored["cells"]


def test_the_grid_is_written_beside_the_run_and_told(finished: RunDirectory, command) -> None:
    code, out, _ = command("occupancy", finished.path)
    assert code == 0 and "m2 free" in out and "NOT METRES" not in out
    folder = finished.path / "occupancy"
    assert sorted(p.name for p in folder.iterdir()) == ["esdf.npz", "map.pgm", "map.yaml"]
    assert set(np.unique(states(folder))) == {-1, 0, 100}
    code, _, err = command("occupancy", finished.path)
    assert code == 2 and "--overwrite" in err
    assert command("occupancy", finished.path, "--overwrite")[0] == 0


def test_the_camera_stood_where_it_is_free(finished: RunDirectory, command) -> None:
    """Where it began is the grid's origin, and it had looked there from elsewhere or not at all."""
    told = json.loads(command("occupancy", finished.path, "--json")[1])
    assert told["floor_below_first_camera"] == pytest.approx(1.35, abs=0.1)
    assert told["free_area"] > 3
    said = yaml.safe_load((finished.path / "occupancy/map.yaml").read_text())
    column, row = (int(-said["origin"][k] / said["resolution"]) for k in (0, 1))
    assert states(finished.path / "occupancy")[row, column] != 100


def test_free_space_agrees_with_the_exact_room_and_a_lie_is_found_out(mapped: Path) -> None:
    run = RunDirectory.open(mapped)
    found = run_occupancy(run, 0.05, (0.1, 1.8), quiet=True)
    score = score_occupancy(found, run)
    assert score.precision >= 0.97 and score.recall >= 0.97
    assert score.walls >= 0.99 and score.leaks == 0
    cells = np.where(found.occupancy.cells == OCCUPIED, FREE, found.occupancy.cells)
    lied = replace(found, occupancy=replace(found.occupancy, cells=cells))
    score = score_occupancy(lied, run)
    assert score.precision < 0.9 and score.walls < 0.1 and score.leaks > 0


def test_up_gives_the_same_floor_as_the_floor_gives_up(finished: RunDirectory, command) -> None:
    told = json.loads(command("occupancy", finished.path, "--json")[1])
    up = ",".join(map(str, told["up"]))
    again = json.loads(
        command("occupancy", finished.path, f"--up={up}", "--overwrite", "--json")[1]
    )
    assert again["free_area"] == pytest.approx(told["free_area"], rel=0.02)


def test_a_killed_run_has_a_grid_too(killed: RunDirectory, command) -> None:
    code, out, _ = command("occupancy", killed.path, "--resolution", 0.1, "--json")
    assert code == 0 and json.loads(out)["free_area"] > 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--height", "1.8:0.1"), "below the second"),
        (("--height", "0.1:0.12"), "less than a cell"),
        (("--height", "low"), "0.1:1.8"),
        (("--height", "7:8"), "no surface between 7 and 8"),
        (("--up", "0,0,0"), "no direction"),
        (("--up", "0,1"), "--up=0,-1,0"),
        (("--up", "0,1,0"), "--up"),  # the ceiling is not in sight
        (("--resolution", "0"), "above zero"),
        (("--resolution", "0.0005"), "too large"),
    ],
)
def test_what_makes_no_grid_is_told(
    finished: RunDirectory, command, options: tuple[str, ...], message: str
) -> None:
    code, _, err = command("occupancy", finished.path, *options)
    assert code == 2 and message in err.splitlines()[-1]
    assert not (finished.path / "occupancy").exists()


def test_a_map_up_to_scale_wants_to_be_told_its_units(finished: RunDirectory, command) -> None:
    described = yaml.safe_load((finished.path / "run.yaml").read_text())
    finished.write_description(described | {"units": "units"})
    code, _, err = command("occupancy", finished.path)
    assert code == 2 and "--resolution" in err and "--height" in err
    options = ("--resolution", 0.1, "--height", "0.1:1.8")
    code, out, _ = command("occupancy", finished.path, *options)
    assert code == 0 and "NOT METRES" in out
    assert "NOT METRES" in (finished.path / "occupancy" / "map.yaml").read_text()


def test_an_empty_map_is_told(killed: RunDirectory, command) -> None:
    killed.journal.write_text("")
    code, _, err = command("occupancy", killed.path)
    assert code == 2 and "no keyframes" in err
