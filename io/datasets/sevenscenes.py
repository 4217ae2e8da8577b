"""7-Scenes.

    ROOT/chess/TestSplit.txt, TrainSplit.txt                      lines `sequence3`
    ROOT/chess/seq-03/frame-000000.color.png (or .jpg), frame-000000.pose.txt
    ROOT/chess/seq-03/frame-000000.depth.proj.png                 depth registered to colour, added
    ROOT/chess/seq-03/frame-000000.depth.png                      as downloaded, not registered

pose.txt: 4x4 camera-to-world, OpenCV axes, metres, from KinectFusion. Depth: 16 bit, 1000 units a
metre; 65535, and beyond 10 m, is invalid. Where the first frame has depth.proj, the sequence is
that of the papers: camera f = 525, c = (320, 240), poses taken over as they are. Otherwise the raw
depth is warped into the colour camera, and the poses, which are the depth camera's, are moved to
it, with the calibration of `mapper run`. Film rate 30/s.
`find_test` keeps the sequences of TestSplit.txt, `find` returns all.
Source: Shotton et al., "Scene coordinate regression forests", CVPR 2013,
microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes; cut3r_evaluation, section D.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.file_frames import bench_sequence, read_limited_depth
from mapper.io.datasets.layout import require_file, require_images, subfolders
from mapper.io.sequences.sevenscenes import (
    DEPTH_SCALE,
    FRAME_RATE,
    is_sevenscenes,
    open_sevenscenes,
)
from mapper.io.sequences.truth_files import read_matrices
from mapper.io.text_files import read_text

CAMERA = Intrinsics(525.0, 525.0, 320.0, 240.0, 640, 480)  # of depth.proj and its papers
DEPTH_LIMIT = 10.0  # m

_SAME_TIME = 1e-6  # s; the poses carry the images' own times


def find(root: Path) -> list[str]:
    """All sequences, such as chess/seq-03."""
    names = [
        f"{scene.name}/{sequence.name}"
        for scene in subfolders(root)
        for sequence in subfolders(scene)
        if sequence.name.startswith("seq-") and is_sevenscenes(sequence)
    ]
    if not names:
        raise InputError(f"{root}: no sequences here; expected SCENE/seq-01/frame-000000.color.png")
    return names


def find_test(root: Path) -> list[str]:
    """The sequences of the scenes' test splits."""
    found = find(root)
    names = []
    for scene in dict.fromkeys(name.split("/")[0] for name in found):
        path = require_file(root / scene / "TestSplit.txt", "the scene's list of test sequences")
        numbers = [int(number) for number in re.findall(r"sequence\s*(\d+)", read_text(path))]
        wanted = [f"{scene}/seq-{number:02d}" for number in numbers]
        missing = [name for name in wanted if name not in found]
        if missing or not wanted:
            what = missing[0] if missing else "lines like `sequence3`"
            raise InputError(f"{path}: expected {what}, which is not there; unpack the sequence")
        names += sorted(wanted)
    return names


def read(root: Path, name: str) -> BenchSequence:
    """One sequence, in the view of the colour camera."""
    folder = root / name
    images = [p for p in require_images(folder, "frames") if p.stem.endswith(".color")]
    stems = [path.name.split(".")[0] for path in images]
    if not (folder / f"{stems[0]}.depth.proj.png").is_file():
        sequence = open_sevenscenes(folder, registration="depth_to_color")
        return bench_sequence(sequence, name, _SAME_TIME)
    depths = [require_file(folder / f"{s}.depth.proj.png", "registered depth") for s in stems]
    paths = [require_file(folder / f"{s}.pose.txt", "the frame's pose") for s in stems]
    return BenchSequence(
        name=name,
        images=images,
        timestamps=np.arange(len(images)) / FRAME_RATE,
        T_world_camera=np.concatenate([read_matrices(path, 1) for path in paths]),
        depths=depths,
        read_depth=partial(read_limited_depth, depth_scale=DEPTH_SCALE, limit=DEPTH_LIMIT),
        intrinsics=CAMERA,
        masks=None,
    )
