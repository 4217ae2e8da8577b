"""mapper demo: map a made-up room and check the result against the exact truth."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.options import add_viewer

if TYPE_CHECKING:
    import numpy as np

    from mapper.run.directory import RunDirectory

EPILOG = """Exit code 0: the map agrees with the truth. 1: it does not.
The room is rendered once and kept in ~/.cache/mapper, or where MAPPER_CACHE says.
"""
OUT = Path("runs") / "demo"
OUT_COLOR = Path("runs") / "demo-color"
FRAMES = 240
SAMPLE_VERSION = "v2"  # a new one whenever the sample's bytes change
MAX_ATE = 0.02  # metres, of a map that agrees
MIN_COVERAGE = 0.9
NEAR = 0.02  # metres


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"({OUT}; with --color {OUT_COLOR})"
    )
    parser.add_argument(
        "--color",
        action="store_true",
        help="map it from colour alone, camera known, and judge that up to scale",
    )
    parser.add_argument(
        "--frames",
        type=int,
        default=FRAMES,
        metavar="N",
        help=f"of one loop through the room ({FRAMES}); with fewer the camera moves faster",
    )
    add_viewer(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.mapping.run import print_summary, say, stop_on_sigterm
    from mapper.commands.progress import ProgressBar
    from mapper.pipeline import map_into
    from mapper.request import RunRequest

    stop_on_sigterm()
    out = arguments.out or (OUT_COLOR if arguments.color else OUT)
    _check_target(out)
    sample = cached_sample(arguments.frames, arguments.json)
    request = RunRequest(
        sequence=sample,
        out=out,
        viewer=arguments.viewer,
        overwrite=True,
        frontend="mono" if arguments.color else None,
    )
    told = () if arguments.json else (say, ProgressBar)
    run, metrics = map_into(request, *told)
    if not metrics["complete"]:
        raise KeyboardInterrupt
    surface = surface_errors(run, with_scale=arguments.color)
    agrees, reason = judge(metrics)
    if arguments.json:
        result = {"run": str(run.path), "agrees": agrees, "surface": surface, **metrics}
        print(json.dumps(result))
        return 0 if agrees else 1
    print_summary(metrics)
    if surface:
        print(
            f"  map surface: median {surface['median'] * 1000:.1f} mm from the exact room, "
            f"{surface['within_2_cm']:.1%} within 2 cm"
        )
    print(f"{'the map agrees with the truth' if agrees else 'THE MAP IS WRONG'}: {reason}")
    print("\n".join(f"  {path}" for path in run.outputs()))
    return 0 if agrees else 1


def cached_sample(frames: int, quiet: bool = False) -> Path:
    """The sample room's folder, rendered now if it is not in the cache."""
    from tqdm import tqdm

    from mapper.errors import ConfigError
    from mapper.rooms.sample.sequence import make_sample

    if frames < 2:
        raise ConfigError(f"--frames {frames}: a walk needs 2 frames at least")
    cache = Path(os.environ.get("MAPPER_CACHE") or "~/.cache/mapper").expanduser()
    folder = cache / f"sample-{frames}-{SAMPLE_VERSION}"
    if _is_whole(folder, frames):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    if not quiet:
        print(f"rendering the sample room: {frames} frames into {folder}", flush=True)
    with tqdm(total=frames, unit=" frames", disable=quiet or None, leave=False) as bar:
        return make_sample(folder, frames, progress=lambda done, _: bar.update(done - bar.n))


def judge(metrics: dict[str, Any]) -> tuple[bool, str]:
    """Whether the run's errors are within bounds, and the figures that say so."""
    if "ate_se3" not in metrics.get("evaluation", {}):
        return False, str(metrics.get("evaluation_failed", "no errors could be computed"))
    best = "ate_se3" if metrics["units"] == "metres" else "ate_sim3"
    ate = metrics["evaluation"][best]["rmse"]
    coverage = metrics["evaluation"]["coverage"]
    reason = (
        f"ATE {ate * 100:.2f} cm (at most {MAX_ATE * 100:g} cm), "
        f"coverage {coverage:.0%} (at least {MIN_COVERAGE:.0%})"
    )
    return ate <= MAX_ATE and coverage >= MIN_COVERAGE, reason


def surface_errors(run: RunDirectory, with_scale: bool = False) -> dict[str, float]:
    """Distances (metres) from the map's vertices to the exact surfaces; empty without a map.

    The map is moved into the room's frame by aligning the trajectories, not the surfaces.
    with_scale: its units are no metres.
    """
    from mapper.core.geometry import transform
    from mapper.io.meshes.mesh_files import read_mesh

    mesh = read_mesh(run.mesh)
    S_room_world = room_from_world(run, with_scale)
    if S_room_world is None or not len(mesh.vertices):
        return {}
    distances = _distances(transform(S_room_world, mesh.vertices))
    import numpy as np

    return {
        "median": float(np.median(distances)),
        "p95": float(np.percentile(distances, 95)),
        "within_2_cm": float((distances <= NEAR).mean()),
    }


def room_from_world(run: RunDirectory, with_scale: bool = False) -> np.ndarray | None:
    """S_room_world (4, 4) from the poses at equal times; None with fewer than three."""
    import numpy as np

    from mapper.core.geometry import umeyama
    from mapper.core.sim3 import similarity
    from mapper.io.trajectory_files import read_tum

    estimate, truth = read_tum(run.trajectory), read_tum(run.ground_truth)
    if len(estimate) < 3:
        return None
    same = np.abs(truth.timestamps[None] - estimate.timestamps[:, None]).argmin(axis=1)
    return similarity(*umeyama(estimate.positions, truth.positions[same], with_scale))


def _distances(points: np.ndarray) -> np.ndarray:
    """float32 (N,): metres from points (N, 3), in the room's frame, to the exact surfaces."""
    import numpy as np

    from mapper.rooms.sample.sequence import room_mesh
    from mapper.runtime.open3d_loader import load_open3d, own_array

    o3d = load_open3d()
    room = room_mesh()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(room.vertices, room.faces.astype(np.uint32))
    return own_array(scene.compute_distance(o3d.core.Tensor(points.astype(np.float32))))


def _is_whole(folder: Path, frames: int) -> bool:
    """Whether a sample that was rendered earlier is all there."""
    lists = all((folder / name).is_file() for name in ("groundtruth.txt", "calibration.yaml"))
    kinds = (("rgb", "jpg"), ("depth", "png"))
    return lists and all(len(list(folder.glob(f"{k}/*.{end}"))) == frames for k, end in kinds)


def _check_target(out: Path) -> None:
    """Only an earlier demo is ever replaced."""
    from mapper.errors import InputError, OutputError
    from mapper.run.directory import RunDirectory

    with suppress(InputError):  # none, or a damaged one: that is refused by who would replace it
        described = RunDirectory.check(out).read_description()
        name = Path(described.says.sequence.path).name
        if not (name.startswith("sample-") and name.endswith(f"-{SAMPLE_VERSION}")):
            raise OutputError(f"{out} holds a run of another sequence; choose another --out")
