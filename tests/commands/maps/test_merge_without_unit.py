"""Two runs of a network that knows no unit, each with a scale of its own, become one map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from simulation.config import ImageConfig, SimulationConfig
from simulation.simulator import PredictionSimulator
from simulation.truth import DepthRenderer, true_poses

from mapper.core.geometry import umeyama
from mapper.core.prediction_files import save_prediction
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.trajectory_files import read_tum
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.rooms.sample.sequence import room_mesh
from mapper.run.directory import RunDirectory
from tests.commands.conftest import Command
from tests.support.room_views import in_units

pytestmark = pytest.mark.slow
COUNT, SHARED = 70, 35  # frames of each run, and of both


@pytest.fixture
def pair(sample: Path, tmp_path: Path) -> list[Path]:
    """The walk's first frames, and those from the middle of these on, simulated anew."""
    starts = (0, 1.0), (COUNT - SHARED, 0.4)
    return [simulated(sample, tmp_path, start, units) for start, units in starts]


def simulated(sample: Path, folder: Path, start: int, units: float) -> Path:
    """A run of what a network says of these frames, with so many units for a metre."""
    out, predictions = folder / f"run{start}", folder / f"predictions{start}"
    predictions.mkdir()
    opened = open_sequence(sample, start=start, max_frames=COUNT)
    images = ImageConfig(source="real")
    config = SimulationConfig(seed=start, width=160, metric=False, images=images)
    renderer = DepthRenderer(room_mesh())
    for prediction in PredictionSimulator(opened, renderer, true_poses(opened), config):
        save_prediction(predictions, in_units(prediction, units))
    request = RunRequest(
        sequence=sample,
        out=out,
        frontend="replay",
        changes=(f"replay.predictions={predictions}",),
        start=start,
        max_frames=COUNT,
        save_recording=False,
    )
    map_into(request)
    return out


def scale_of(run: Path) -> float:
    """Metres of the truth that one unit of a run is."""
    found, truth = read_tum(run / "trajectory.txt"), read_tum(run / "groundtruth.txt")
    rows = [int(np.argmin(np.abs(truth.timestamps - t))) for t in found.timestamps]
    scale, _ = umeyama(found.positions, truth.positions[rows], with_scale=True)
    return float(scale)


def test_they_meet_in_the_unit_of_the_first(
    pair: list[Path], tmp_path: Path, command: Command
) -> None:
    code, said, error = command("merge", *pair, "--out", tmp_path / "merged", "--json")
    assert code == 0, error
    metrics = json.loads(said)
    assert metrics["units"] == "units" and metrics["frames"] == 2 * COUNT
    first, second = (scale_of(run) for run in pair)
    assert metrics["sessions"][1]["scale"] == pytest.approx(second / first, rel=0.1)
    merged = read_tum(RunDirectory.open(tmp_path / "merged").trajectory)
    both = merged.positions[COUNT - SHARED : COUNT], merged.positions[COUNT:][:SHARED]
    apart = first * np.linalg.norm(both[0] - both[1], axis=1)  # metres, of the same frames
    assert float(np.sqrt((apart**2).mean())) < 0.06
    assert metrics["evaluation"]["ate_sim3"]["rmse"] < 0.06
