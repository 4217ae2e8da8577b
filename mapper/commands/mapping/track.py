"""mapper track: follow points of the first frame through a sequence."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.options import add_changes, add_frames, add_weights

if TYPE_CHECKING:
    from mapper.core.frame import Frame
    from mapper.frontends.vggt.point_tracker import PointTracker, TrackedPoints
    from mapper.io.sequences.sequence import Sequence
    from mapper.io.viewer.track_logger import TrackLogger

EPILOG = """examples:
  mapper track clip.mp4 --points corners.txt
  mapper track rgbd_dataset_freiburg1_desk/ --points corners.txt --frontend vggt --max-frames 30

FILE has a line "x y" for each point, in pixels of the first frame's image (0 0 is the middle of the
pixel in the upper left corner), or is an .npz file with the array points (N, 2). streamvggt follows
them frame by frame, vggt through all frames at once. tracks.npz then holds frames (F,), timestamps
(F,), tracks (F, N, 2) in pixels of the images, visibility and confidence (F, N).
"""
FRONTENDS = ("streamvggt", "vggt")  # those whose published weights have a track head


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument("sequence", type=Path, metavar="SEQUENCE", help="as for mapper run")
    parser.add_argument(
        "--points", type=Path, required=True, metavar="FILE", help="pixels of the first frame"
    )
    parser.add_argument("--frontend", choices=FRONTENDS, default=FRONTENDS[0])
    add_weights(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder (runs/NAME-tracks)")
    add_changes(parser)
    add_frames(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.config.loader import load_config
    from mapper.frontends.terms import check_terms
    from mapper.io.point_files import check_inside, read_points
    from mapper.io.sequences.open_sequence import open_sequence

    started = time.perf_counter()
    points = read_points(arguments.points)
    config = load_config(None, arguments.changes)
    if config.commercial or arguments.commercial:
        check_terms(replace(config, weights=arguments.weights or ""), arguments.frontend)
    out = _folder(arguments)
    opened = open_sequence(
        arguments.sequence,
        start=arguments.start,
        stride=arguments.stride,
        max_frames=arguments.max_frames,
    )
    with closing(opened) as sequence:
        height, width = sequence[0].image.shape[:2]
        check_inside(points, width, height, arguments.points)
        from mapper.frontends.vggt.point_tracker import create_tracker

        options = getattr(config, arguments.frontend)
        tracker = create_tracker(arguments.frontend, options, arguments.weights, points)
        found, skipped = _track(sequence, tracker, out, len(points))
    _write(out / "tracks.npz", found)
    result = {
        "tracks": str(out / "tracks.npz"),
        "recording": str(out / "run.rrd"),
        "points": len(points),
        "frames": len(found),
        "skipped": skipped,
        "seconds": time.perf_counter() - started,
    }
    print(json.dumps(result) if arguments.json else _text(result))
    return 0


def _folder(arguments: argparse.Namespace) -> Path:
    """Where the results go; refused where there are some already, unless they are replaced."""
    from mapper.runtime.existing_files import make_way

    out = Path(arguments.out or Path("runs") / f"{arguments.sequence.resolve().stem}-tracks")
    for name in ("tracks.npz", "run.rrd"):
        make_way(out / name, arguments.overwrite)
    return out


def _track(
    sequence: Sequence, tracker: PointTracker, out: Path, points: int
) -> tuple[list[TrackedPoints], int]:
    """The points in every frame that could be read, and how many could not."""
    from mapper.errors import InputError
    from mapper.io.sequences.prefetch import Prefetch
    from mapper.io.viewer.track_logger import TrackLogger

    found: list[TrackedPoints] = []
    skipped = 0
    with (
        TrackLogger(out / "run.rrd", points) as show,
        Prefetch(sequence, prepare=tracker.prepare) as frames,
    ):
        for frame in frames:
            if isinstance(frame, InputError):
                skipped += 1
                continue
            tracker.step(frame)
            found += tracker.tracked
            _show(show, frame, tracker.tracked)
        tracker.flush()
        if not found:  # told of all frames at once
            found = tracker.tracked
            for tracked in found:
                _show(show, sequence[tracked.index], [tracked])
    if not found:
        raise InputError(f"{sequence.path}: in not one frame the points could be followed")
    return found, skipped


def _show(show: TrackLogger, frame: Frame, tracked: list[TrackedPoints]) -> None:
    for each in tracked:
        show.frame(each.index, each.timestamp, frame.image, each.xy, each.visibility)


def _write(path: Path, found: list[TrackedPoints]) -> None:
    import numpy as np

    from mapper.runtime.atomic_files import atomic_write

    with atomic_write(path, "wb") as file:
        np.savez_compressed(
            file,
            frames=np.array([each.index for each in found]),
            timestamps=np.array([each.timestamp for each in found]),
            tracks=np.stack([each.xy for each in found]),
            visibility=np.stack([each.visibility for each in found]),
            confidence=np.stack([each.confidence for each in found]),
        )


def _text(result: dict[str, Any]) -> str:
    return (
        f"{result['points']} points in {result['frames']} frames ({result['seconds']:.1f} s), "
        f"{result['skipped']} frames unreadable\n  {result['tracks']}\n  {result['recording']}"
    )
