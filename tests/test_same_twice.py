"""Equal runs write equal files, to the last bit: with and without threads, stopped or not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mapper.cli import main
from mapper.pipeline import map_into
from mapper.request import RunRequest
from tests.support.paths import ROOT
from tests.support.quick_outputs import COMMAND, skip_report

FRAMES = 24
CHANGES = ("backend.fusion.tsdf.voxel_size=0.04", "backend.keyframes.max_frames=4")
NAMES = ("mesh.ply", "cloud.ply", "trajectory.txt", "trajectory_keyframes.txt")


def contents(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in NAMES}


def settings(threads: bool) -> tuple[str, ...]:
    return (*CHANGES, f"threads={str(threads).lower()}")


@pytest.fixture(scope="module")
def first(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that the others should be equal to."""
    out = tmp_path_factory.mktemp("same") / "run"
    with pytest.MonkeyPatch.context() as patched:
        skip_report(patched)
        map_into(RunRequest(sequence=sample, out=out, max_frames=FRAMES, changes=settings(True)))
    assert len((out / "mesh.ply").read_bytes()) > 10_000
    return out


@pytest.mark.parametrize("threads", [True, False])
def test_two_runs_write_the_same_bytes(
    threads: bool, first: Path, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_report(monkeypatch)
    request = RunRequest(
        sequence=sample, out=tmp_path / "run", max_frames=FRAMES, changes=settings(threads)
    )
    map_into(request)
    assert contents(tmp_path / "run") == contents(first)


def test_two_threads_write_what_one_does(sample: Path, tmp_path: Path) -> None:
    """Each in a process of its own, which loads the kernels that are there: what another process
    has compiled at the same time may round another way."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    changes = [word for change in settings(True) for word in ("--set", change)]
    for threads in ("1", "2"):
        line = [*COMMAND, "run", str(sample), "--out", str(tmp_path / threads)]
        line += ["--max-frames", str(FRAMES), "--no-save-rrd", *changes]
        environment = os.environ | dict.fromkeys(variables, threads)
        subprocess.run(line, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert contents(tmp_path / "2") == contents(tmp_path / "1")


def test_the_mesh_of_a_run_is_fused_to_the_same_bytes_twice(first: Path, tmp_path: Path) -> None:
    for name in ("one.ply", "other.ply"):
        line = ["mesh", str(first), "--voxel-size", "0.03", "--out", str(tmp_path / name)]
        assert main(line) == 0
    assert (tmp_path / "one.ply").read_bytes() == (tmp_path / "other.ply").read_bytes()
