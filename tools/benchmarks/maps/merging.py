"""How mapper merge joins: redkitchen in three parts, one of them simulated; rooms by seed.

    python tools benchmarks.maps.merging kitchen --out DIR [--data ../shared/data]
    python tools benchmarks.maps.merging many --out DIR [--data ../shared/data] [--jobs N]
    python tools benchmarks.maps.merging rooms --out DIR [--first 3000] [--rooms 8]

kitchen: frames 0-399, 300-699 and 600-999, each a run of its own that begins at its own origin, the
third once by the depth camera and once as a streaming network that does not know the unit is
simulated to see it; errors against the run in one piece. The sample room must be refused.
many: redkitchen in eight parts, each of which shares a third with the next; what looking for those
that overlap takes, comparing them, and all else, in CPU seconds of this process.
rooms: two walks through the same room, by two cameras, must be joined or be refused for want of
overlap, never joined wrongly; walks through different rooms must be refused, and through a larger
one in which the same furniture stands elsewhere. Runs in DIR are taken as they are.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from simulation.config import SimulationConfig
from simulation.simulator import PredictionSimulator
from simulation.truth import DepthRenderer, fuse_truth, true_poses

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.sessions.retrieval import likely_pairs
from mapper.core.geometry import umeyama
from mapper.core.prediction_files import save_prediction
from mapper.core.settings_model import from_mapping
from mapper.core.trajectory import MATCH_SECONDS, Trajectory, matching_times
from mapper.errors import InputError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.trajectory_files import read_tum
from mapper.merging.merge import HERE, MergedMap, merge, merging_config
from mapper.merging.sessions import opened_runs
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.rooms import SequenceSpec, draw_sequence, write_sequence
from mapper.rooms.sample.sequence import make_sample
from mapper.runtime.workers import Workers

KITCHEN: Final = "7scenes/redkitchen/seq-01"
PARTS: Final = (0, 300, 600)  # first frames
PART: Final = 400  # frames
STRIDE: Final = 2  # of the simulated part
TRUTH_EVERY: Final = 5  # frames fused for the simulation
OTHER_WALK: Final = 500  # added to a room's seed, for the camera and the way of the second walk
OTHER_ROOM: Final = 600  # the same for a walk through a room that has its furniture
LARGER: Final = (1.3, 1.2, 1.0)  # times, which that one is
WRONG: Final = 0.1  # metres, root mean square: a join that far off is wrong


@dataclass(frozen=True, slots=True)
class Walk:
    """A run, and the true poses of its frames."""

    path: Path
    truth: Trajectory


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("kitchen", "many", "rooms"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR")
    parser.add_argument("--first", type=int, default=3000, metavar="SEED")
    parser.add_argument("--rooms", type=int, default=8, metavar="N")
    parser.add_argument("--jobs", type=int, default=1, metavar="N")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.what == "kitchen":
        kitchen(options.out, options.data / KITCHEN)
    elif options.what == "many":
        many(options.out, options.data / KITCHEN, Workers(options.jobs))
    else:
        rooms(options.out, range(options.first, options.first + options.rooms))
    return 0


def kitchen(out: Path, sequence: Path) -> None:
    """Print a line for the whole, for each merge and for the refusal."""
    whole = mapped(out / "whole", sequence)
    print(f"in one piece: ATE {100 * ate([whole]):.2f} cm", flush=True)
    parts = [
        mapped(out / f"part{n}", sequence, start=first, max_frames=PART)
        for n, first in enumerate(PARTS)
    ]
    told("three of a depth camera", merged(parts))
    simulated = simulated_part(out, sequence, PARTS[-1])
    told("the third simulated", merged([*parts[:2], simulated]))
    sample = out / "sample"
    if not sample.exists():
        make_sample(sample, 160, 640, 480)
    told("with the sample room", merged([parts[0], mapped(out / "room", sample)]))


def many(out: Path, sequence: Path, workers: Workers) -> None:
    """Print what was compared, how long each step took, and the errors."""
    walks = [
        mapped(out / f"eighth{n}", sequence, start=118 * n, stride=2, max_frames=87)
        for n in range(8)
    ]
    runs = opened_runs([walk.path for walk in walks])
    keyframes = sum(len(each.session.readable) for each in runs)
    started = time.process_time()
    pairs = likely_pairs([each.session for each in runs])
    print(
        f"{len(pairs)} of {len(runs) * (len(runs) - 1) // 2} pairs of runs look alike: "
        f"{keyframes} keyframes asked in {time.process_time() - started:.2f} s",
        flush=True,
    )
    started = compared = time.process_time()

    def say(line: str) -> None:
        nonlocal compared
        compared = time.process_time()
        print(line, flush=True)

    told("eight", merged(walks, workers, say))
    rest = time.process_time() - compared
    print(f"compared in {compared - started:.1f} s, the rest in {rest:.1f} s", flush=True)


def rooms(out: Path, seeds: range) -> None:
    """Print a line a pair, and the counts."""
    firsts, counts = [], {"joined": 0, "refused": 0, "wrong": 0, "strangers joined": 0}
    for seed in seeds:
        specs = three_walks(seed)
        *walks, twin = [
            walked(out, f"{seed}{name}", spec) for name, spec in zip("abc", specs, strict=True)
        ]
        found = merged(walks)
        what = f"{seed} {specs[0].room.layout}, richness {specs[0].room.richness:g}"
        told(f"same room {what}", found)
        key = "refused" if found["refused"] else "wrong" if found["ate"] > WRONG else "joined"
        counts[key] += 1
        found = merged([walks[0], twin])
        told(f"its furniture elsewhere {seed}", found)
        counts["strangers joined"] += not found["refused"]
        firsts.append(walks[0])
    for earlier, later in itertools.pairwise(firsts):
        found = merged([earlier, later])
        told(f"different rooms {earlier.path.name}, {later.path.name}", found)
        counts["strangers joined"] += not found["refused"]
    print(counts)


def three_walks(seed: int) -> tuple[SequenceSpec, ...]:
    """Two through one room, by two cameras; one through a larger one that looks like it."""
    alike = {"path": "hand_held", "moving": "nothing", "frames": 90}
    first = draw_sequence(seed, **alike)
    room = asdict(first.room)
    room["room_seed"] = room.pop("seed")
    second = draw_sequence(seed + OTHER_WALK, **alike, **room)
    room["size"] = tuple(a * b for a, b in zip(room["size"], LARGER, strict=True))
    return first, second, draw_sequence(seed + OTHER_ROOM, **alike, **room)


def walked(out: Path, name: str, spec: SequenceSpec) -> Walk:
    """The run of a made-up sequence, which is not kept."""
    run, folder = out / name, out / f"{name}_frames"
    if not run.exists():
        shutil.rmtree(folder, ignore_errors=True)
        write_sequence(folder, spec)
    found = mapped(run, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def mapped(run: Path, sequence: Path, **request: Any) -> Walk:
    """The run of a sequence; made where it is not there."""
    if not (run / "metrics.json").exists():
        shutil.rmtree(run, ignore_errors=True)
        map_into(RunRequest(sequence=sequence, out=run, save_recording=False, **request))
    return Walk(run, read_tum(run / "groundtruth.txt"))


def simulated_part(out: Path, sequence: Path, start: int) -> Walk:
    """A part as a network that knows no unit sees it, with the simulation's usual errors."""
    folder = out / "predictions"
    if not folder.exists():
        opened = open_sequence(sequence, start=start, stride=STRIDE, max_frames=PART)
        poses = true_poses(opened)
        tsdf = TsdfConfig(voxel_size=0.015, max_memory_mb=3000.0)
        mesh = fuse_truth(opened, poses, range(0, len(opened), TRUTH_EVERY), tsdf)
        config = from_mapping(SimulationConfig, {"images": {"source": "real"}})
        folder.mkdir()
        for prediction in PredictionSimulator(opened, DepthRenderer(mesh), poses, config):
            save_prediction(folder, prediction)
    request = {"frontend": "replay", "changes": (f"replay.predictions={folder}",)}
    frames = {"start": start, "stride": STRIDE, "max_frames": PART}
    return mapped(out / "simulated", sequence, **frames, **request)


def merged(
    walks: list[Walk], workers: Workers = HERE, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """What became of a merge: refused (why, or empty), ate and that of each session, keyframes."""
    runs = opened_runs([walk.path for walk in walks])
    try:
        found = merge(runs, merging_config(runs), say, workers)
    except InputError as error:
        return {"refused": str(error)}
    truths = {walk.path: walk.truth for walk in walks}
    errors = offsets(list(sessions(found, truths)))
    return {
        "refused": "",
        "ate": rms(np.concatenate(errors)),
        "each": [rms(each) for each in errors],
        "keyframes": len(found.final.keyframes),
        "of": sum(len(each.session.keyframes) for each in found.runs),
    }


def sessions(
    found: MergedMap, truths: Mapping[Path, Trajectory]
) -> Iterator[tuple[np.ndarray, ...]]:
    """Of each session true and found positions (n, 3)."""
    indices, trajectory = found.final.trajectory()
    firsts = [each.shift.frames for each in found.runs]
    for each, first, end in zip(found.runs, firsts, [*firsts[1:], np.inf], strict=True):
        here = (indices >= first) & (indices < end)
        truth = truths[each.run.path]
        times = truth.timestamps + each.shift.seconds
        a, b = matching_times(times, trajectory.timestamps[here], MATCH_SECONDS)
        yield truth.positions[a], trajectory.positions[here][b]


def ate(walks: list[Walk]) -> float:
    """Of a run that was not merged."""
    (walk,) = walks
    found = read_tum(walk.path / "trajectory.txt")
    a, b = matching_times(walk.truth.timestamps, found.timestamps, MATCH_SECONDS)
    return rms(offsets([(walk.truth.positions[a], found.positions[b])])[0])


def offsets(parts: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    """Distances (n,) of each part after one rigid alignment of all."""
    true, found = (np.concatenate(each) for each in zip(*parts, strict=True))
    _, T = umeyama(found, true, with_scale=False)
    return [np.linalg.norm(x @ T[:3, :3].T + T[:3, 3] - y, axis=1) for y, x in parts]


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def told(what: str, found: dict[str, Any]) -> None:
    if found["refused"]:
        print(f"{what}: refused: {found['refused']}", flush=True)
        return
    each = ", ".join(f"{100 * value:.2f}" for value in found["each"])
    print(
        f"{what}: ATE {100 * found['ate']:.2f} cm (of the sessions {each}), "
        f"{found['keyframes']} of {found['of']} keyframes kept",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
