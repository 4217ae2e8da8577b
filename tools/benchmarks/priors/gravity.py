"""How far maps lean, before and after an accelerometer or the floor has stood them upright.

    python tools benchmarks.priors.gravity SEQUENCE PREDICTIONS... --work DIR
    python tools benchmarks.priors.gravity                # the walks of gps_walk alone

SEQUENCE, PREDICTIONS: as of benchmarks.priors.predictions. The accelerometer reads at 100 Hz what
the true motion makes of gravity, with noise, a bias, a mount that is askew by about a degree about
each axis, and the pushes of a hand (0.7 m/s2), and is written and read as a log. Up in the truth is
the normal of its mesh's floor, or z of the walks. "Drift": root mean square of the angle that
frames lean, against how the map leans on average; "leaning": against the map's own z, which is up.
Both in degrees, the worst frame in brackets.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from benchmarks.priors.gps_walk import walked
from benchmarks.priors.predictions import Mapped, run_of
from mapper.backend.fusion.upright import find_floor
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import TiedMap, tie
from mapper.core.pose_readings import GravityReadings
from mapper.core.sim3 import rigid_part
from mapper.core.trajectory import MATCH_SECONDS, Trajectory, matching_times
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.priors.gravity.mounting import gravity_of_log
from mapper.io.trajectory_files import read_tum
from mapper.measured.level_floor import of_floor

RATE, GRAVITY = 100.0, 9.81  # Hz, m/s2
NOISE, BIAS = 0.1, 0.05  # m/s2, in each axis
HAND, HAND_S = 0.15, 0.15  # m/s by which a hand goes to and fro, and the seconds that it does so in
MOUNT_DEG = 1.0
SMOOTH_S = 0.3  # over which a recorded way is smoothed: its poses tremble by millimetres
HEAD = (
    "| map | drift alone | accelerometer: directions used | drift | leaning | ATE cm | floor: "
    "used | drift | leaning | ATE cm | ATE alone cm |"
)


def sensed(truth: Trajectory, up: np.ndarray, seed: int, folder: Path) -> GravityReadings:
    """By a log of an accelerometer that goes along. up: (3,), in the truth's world."""
    rng = np.random.default_rng(2000 + seed)
    times = np.arange(truth.timestamps[0], truth.timestamps[-1], 1 / RATE)
    turns = Slerp(truth.timestamps, Rotation.from_matrix(truth.T_world_camera[:, :3, :3]))(times)
    way = np.column_stack([np.interp(times, truth.timestamps, x) for x in truth.positions.T])
    way = gaussian_filter1d(way, SMOOTH_S * RATE, axis=0)
    motion = np.gradient(np.gradient(way, 1 / RATE, axis=0), 1 / RATE, axis=0)
    hand = gaussian_filter1d(rng.normal(size=way.shape), HAND_S * RATE, axis=0)
    push = np.gradient(hand * (HAND / hand.std()), 1 / RATE, axis=0)
    read = turns.inv().apply(GRAVITY * up + motion + push)
    mount = Rotation.from_rotvec(np.radians(MOUNT_DEG) * rng.normal(size=3))
    read = mount.apply(read) + BIAS * rng.normal(size=3) + NOISE * rng.normal(size=way.shape)
    path = folder / "imu.csv"
    rows = np.column_stack([times, read])
    np.savetxt(path, rows, fmt="%.9f", delimiter=",", header="time,ax,ay,az", comments="")
    return gravity_of_log(path, None, None, np.eye(3))


def leaning(found: Trajectory, truth: Trajectory, up: np.ndarray) -> tuple[str, str]:
    """Drift and leaning, in words."""
    true, mine = matching_times(truth.timestamps, found.timestamps, MATCH_SECONDS)
    R = found.T_world_camera[mine, :3, :3] @ truth.T_world_camera[true, :3, :3].swapaxes(1, 2)
    seen = R @ up
    mean = seen.mean(axis=0)
    return _degrees(seen @ (mean / np.linalg.norm(mean))), _degrees(seen[:, 2])


def _degrees(cosines: np.ndarray) -> str:
    off = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return f"{np.sqrt(np.mean(off**2)):.2f} ({off.max():.1f})"


def row(seed: int, predictions: Path, arguments: argparse.Namespace) -> str:
    """Of one simulation."""
    mapped = Mapped.of(run_of(predictions, arguments, f"plain_{seed}"))
    truth = read_tum(predictions / "groundtruth.txt")
    up = find_floor(read_mesh(predictions / "truth_mesh.ply")).up
    alone = mapped.saved.trajectory()[1]
    with TemporaryDirectory() as folder:
        readings = sensed(truth, up, seed, Path(folder))
    map_of = mapped.saved.maps_to_fuse(
        mapped.run.read_description().backend_settings().refinement,
        lru_cache(64)(mapped.run.keyframes.load),
    )
    floor = of_floor(mapped.saved, read_mesh(mapped.run.mesh), map_of)
    cells = [leaning(alone, truth, up)[0]]
    for known in (Knowledge(gravity=(readings,)), Knowledge(ups=tuple(floor))):
        tied = mapped.tied(known)
        cells.append(_cells(tied, mapped.trajectory(tied), truth, up))
    ate = 100 * evaluate(alone, truth).ate_sim3.rmse
    return f"| simulated {seed} | " + " | ".join(cells) + f" | {ate:.2f} |"


def _cells(tied: TiedMap, found: Trajectory, truth: Trajectory, up: np.ndarray) -> str:
    if tied.tie.refused:
        return f"{tied.tie.refused} | | | "
    used = tied.tie.sources[0]
    drift, off = leaning(found, truth, up)
    ate = 100 * evaluate(found, truth).ate_sim3.rmse
    return f"{used['agreeing']}/{used['readings']} | {drift} | {off} | {ate:.2f}"


def walk_row(seed: int, is_metric: bool) -> str:
    """Of a walk of 300 m without loops."""
    made = walked(seed, is_metric)
    truth, up = Trajectory(made.times, made.T), np.array([0.0, 0, 1])
    alone = _of_keyframes(made.times, made.task.poses)
    with TemporaryDirectory() as folder:
        readings = sensed(truth, up, seed, Path(folder))
    tied = tie(made.task, Knowledge(gravity=(readings,)))
    after = _of_keyframes(made.times, tied.poses)
    ate = 100 * evaluate(alone, truth).ate_sim3.rmse
    name = f"{'metric' if is_metric else 'colour'} walk {seed}"
    cells = _cells(tied, after, truth, up)
    return f"| {name} | {leaning(alone, truth, up)[0]} | {cells} | | | | | {ate:.2f} |"


def _of_keyframes(times: np.ndarray, poses: Mapping[int, np.ndarray]) -> Trajectory:
    T = rigid_part(np.array([poses[k] for k in sorted(poses)]))
    return Trajectory(times[:: len(times) // len(T)], T)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sequence", nargs="?", type=Path)
    parser.add_argument("predictions", type=Path, nargs="*")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="of the walks, from 0")
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--max-frames", type=int, default=250)
    parser.add_argument("--set", dest="changes", action="append", default=[])
    arguments = parser.parse_args()
    if arguments.predictions and arguments.work is None:
        parser.error("--work DIR is needed, for the runs")
    print(HEAD)
    print("|" + " --- |" * 11)
    for seed, predictions in enumerate(arguments.predictions):
        print(row(seed, predictions, arguments), flush=True)
    for is_metric in (True, False):
        for seed in range(arguments.seeds):
            print(walk_row(seed, is_metric), flush=True)


if __name__ == "__main__":
    main()
