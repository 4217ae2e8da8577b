"""mapper calibrate: the file that --calib reads, from pictures of a chessboard or from a run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from mapper.io.cameras.chessboard import Board, ChessboardCalibration

EPILOG = """examples:
  mapper calibrate board.mp4 --pattern 9x6 --square 0.025 --out camera.yaml
  mapper calibrate pictures/ --pattern 8x5 --square 0.03 --out camera.yaml
  mapper calibrate left/ --stereo right/ --pattern 9x6 --square 0.025 --out stereo.yaml
  mapper calibrate --from runs/video --out camera.yaml     # the camera that the frontend mono found

Hold the board, or the camera, so that every part of the image sees it, near and far, tilted.
"""
GOOD_RMSE = 1.0  # pixels
GOOD_COVERAGE = 0.6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument(
        "pictures", nargs="?", type=Path, metavar="IMAGES|VIDEO", help="folder, or video file"
    )
    parser.add_argument(
        "--from", dest="run", type=Path, metavar="RUN", help="the camera that this run found"
    )
    parser.add_argument(
        "--stereo",
        type=Path,
        metavar="IMAGES|VIDEO",
        help="what the right camera took at the same moments: images of the same names, or a video "
        "of as many frames",
    )
    parser.add_argument(
        "--pattern", metavar="9x6", help="inner corners of the board, across x down"
    )
    parser.add_argument("--square", type=float, metavar="M", help="side of a square, metres")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="like camera.yaml")
    parser.add_argument(
        "--every", type=int, metavar="N", help="take every N-th picture (10 of a video, else 1)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier file")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.errors import ConfigError

    if arguments.run is not None:
        others = arguments.pictures, arguments.pattern, arguments.square, arguments.stereo
        if any(other is not None for other in others):
            raise ConfigError("--from RUN takes the run's camera: leave pictures and board out")
        return _from_run(arguments)
    missing = {"IMAGES|VIDEO": "pictures", "--pattern": "pattern", "--square": "square"}
    if lacking := [name for name, value in missing.items() if getattr(arguments, value) is None]:
        raise ConfigError(
            f"needs {' and '.join(lacking)}, such as --pattern 9x6 (inner corners) --square 0.025 "
            "(metres); or --from RUN"
        )
    return _from_board(arguments) if arguments.stereo is None else _of_two(arguments)


def _from_run(arguments: argparse.Namespace) -> int:
    """The camera that a run's frontend found, for images of the size that they were read in."""
    from mapper.core.intrinsics import Intrinsics
    from mapper.errors import InputError
    from mapper.io.cameras.calibration import Calibration, save_calibration
    from mapper.io.cameras.camera import Camera
    from mapper.run.directory import RunDirectory
    from mapper.runtime.existing_files import make_way

    run = RunDirectory.check(arguments.run)
    metrics = run.read_json(run.metrics)
    found = metrics.get("found_camera")
    if not found:
        raise InputError(f"{run.path}: no camera was found in it; the frontend mono finds one")
    worked = Intrinsics(*(found[key] for key in ("fx", "fy", "cx", "cy", "width", "height")))
    camera = worked.resized(*(metrics.get("original_size") or (worked.width, worked.height)))
    make_way(arguments.out, arguments.overwrite)
    distortion = (found["k1"], 0.0, 0.0, 0.0, 0.0)
    save_calibration(Calibration(Camera(camera, distortion)), arguments.out)
    if arguments.json:
        print(json.dumps({"calibration": str(arguments.out), **found}))
    else:
        print(f"{arguments.out}: focal length {camera.fx:.1f} px, radial term {found['k1']:.4f}")
    return 0


def _from_board(arguments: argparse.Namespace) -> int:
    """The camera that saw a chessboard."""
    from tqdm import tqdm

    from mapper.io.cameras.calibration import Calibration, save_calibration
    from mapper.io.cameras.camera import Camera
    from mapper.io.cameras.chessboard import calibrate
    from mapper.runtime.existing_files import make_way

    board = _board(arguments.pattern, arguments.square)
    make_way(arguments.out, arguments.overwrite)
    with tqdm(unit=" pictures", disable=arguments.json or None, leave=False) as bar:

        def progress(count: int, found: int) -> None:
            bar.set_postfix_str(f"{found} boards", refresh=False)
            bar.update(count - bar.n)

        found = calibrate(_images(arguments.pictures, arguments.every), board, progress)
    save_calibration(Calibration(Camera(found.intrinsics, found.distortion)), arguments.out)
    if arguments.json:
        print(json.dumps({"calibration": str(arguments.out), **_camera_as_json(found)}))
    else:
        _print(arguments.out, found)
    return 0


def _of_two(arguments: argparse.Namespace) -> int:
    """Two cameras that saw a chessboard at once."""
    from tqdm import tqdm

    from mapper.io.sequences.stereo.calibration import save_stereo
    from mapper.io.sequences.stereo.chessboard import calibrate_stereo
    from mapper.runtime.existing_files import make_way

    board = _board(arguments.pattern, arguments.square)
    make_way(arguments.out, arguments.overwrite)
    pairs = _pairs(arguments.pictures, arguments.stereo, arguments.every)
    with tqdm(unit=" pairs", disable=arguments.json or None, leave=False) as bar:

        def progress(count: int, found: int) -> None:
            bar.set_postfix_str(f"{found} boards", refresh=False)
            bar.update(count - bar.n)

        found = calibrate_stereo(pairs, board, progress)
    save_stereo(found.cameras, arguments.out)
    baseline = float(-found.cameras.T_right_left[0, 3])
    if arguments.json:
        sides = {side: _camera_as_json(getattr(found, side)) for side in ("left", "right")}
        whole = {"baseline": baseline, "rmse": found.rmse, "views": found.views}
        print(json.dumps({"calibration": str(arguments.out), **whole, **sides}))
        return 0
    print(f"  {found.seen} pairs with a board in both, {found.views} used")
    for side in (found.left, found.right):
        _print_camera(side)
    print(f"  both fit together to {found.rmse:.2f} pixels; baseline {100 * baseline:.2f} cm")
    print(f"  {arguments.out}")
    return 0


def _pairs(left: Path, right: Path, every: int | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images of one name; of two videos the frames of one number."""
    import numpy as np

    from mapper.errors import InputError
    from mapper.io.sequences.decode import read_image
    from mapper.io.sequences.image_files import list_images
    from mapper.io.sequences.open_sequence import open_sequence
    from mapper.io.sequences.stereo.pairs import pairs_by_name

    if left.is_dir() != right.is_dir():
        raise InputError(f"{left} and {right}: give two folders, or two videos")
    if left.is_dir():
        images = [list_images(folder) for folder in (left, right)]
        for folder, found in zip((left, right), images, strict=True):
            if not found:
                raise InputError(f"{folder}: there are no images in it")
        paired = pairs_by_name(images[0], images[1], np.zeros(len(images[0])))
        chosen = range(0, len(paired.left), _stride(left, every))
        for k in chosen:
            sides = paired.left[k], paired.right[k]
            yield read_image(sides[0], as_stored=True), read_image(sides[1], as_stored=True)
        return
    stride = _stride(left, every)
    with closing(open_sequence(left)) as first, closing(open_sequence(right)) as second:
        if len(first) != len(second):
            raise InputError(
                f"{left} has {len(first)} frames and {right} has {len(second)}: which were taken "
                "at once is not known; give folders of images whose names tell"
            )
        for index in range(0, len(first), stride):
            yield first[index].image, second[index].image


def _board(pattern: str, square: float) -> Board:
    from mapper.errors import ConfigError
    from mapper.io.cameras.chessboard import Board

    columns, _, rows = pattern.lower().partition("x")
    if not (columns.isdecimal() and rows.isdecimal() and int(columns) > 2 and int(rows) > 2):
        raise ConfigError(f"--pattern {pattern}: inner corners like 9x6, at least 3x3")
    if not 0 < square < 10:
        raise ConfigError(f"--square {square}: the side of a square in metres, like 0.025")
    return Board(int(columns), int(rows), square)


def _images(path: Path, every: int | None) -> Iterator[np.ndarray]:
    from mapper.io.sequences.open_sequence import open_sequence

    sequence = open_sequence(path, stride=_stride(path, every))
    try:
        yield from (sequence[index].image for index in range(len(sequence)))
    finally:
        sequence.close()


def _stride(path: Path, every: int | None) -> int:
    """Every so many-th picture is taken."""
    from mapper.errors import ConfigError

    if every is not None and every < 1:
        raise ConfigError(f"--every {every}: must be at least 1")
    return every or (10 if path.is_file() else 1)


def _camera_as_json(found: ChessboardCalibration) -> dict[str, object]:
    camera = found.intrinsics
    return {
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "distortion": list(found.distortion),
        "rmse": found.rmse,
        "views": found.views,
        "coverage": found.coverage,
    }


def _print(out: Path, found: ChessboardCalibration) -> None:
    print(f"  {found.seen} boards found, {found.views} views used")
    _print_camera(found)
    print(f"  {out}")


def _print_camera(found: ChessboardCalibration) -> None:
    camera = found.intrinsics
    print(f"  fx {camera.fx:.1f}, fy {camera.fy:.1f}, cx {camera.cx:.1f}, cy {camera.cy:.1f}")
    print(f"  corners fit to {found.rmse:.2f} pixels; seen in {found.coverage:.0%} of the image")
    if found.rmse > GOOD_RMSE or found.coverage < GOOD_COVERAGE:
        print("  that is poor: take sharper pictures, with the board in every part of the image")
