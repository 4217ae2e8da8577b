"""Damages single bytes of keyframe, prediction and point files, and says what their readers do.

    python tools measures.damage [SEEDS]

Each seed changes one byte of each kind of file. A reader may refuse the file in one line that names
it, or read what was written. It must not end otherwise, and not read something else.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, is_dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import load_prediction, prediction_path, save_prediction
from mapper.errors import MapperError
from mapper.io.point_files import read_points
from mapper.run.keyframe_files import KeyframeFiles
from mapper.vision.local_features import LocalFeatures

Outcome = Literal["refused", "same"]
SIZE: Final = (12, 16)  # small files, so that many of the bytes are headers
Reader = Callable[[Path], Any]


def made_files(folder: Path) -> dict[str, tuple[Path, Reader]]:
    """A file of each kind, and what reads it."""
    rng = np.random.default_rng(1)
    h, w = SIZE
    prediction = Prediction(
        0,
        0.5,
        rng.uniform(1, 2, (h, w, 3)).astype(np.float32),
        np.ones((h, w), np.float32),
        np.eye(4),
        Intrinsics(20.0, 20.0, 8.0, 6.0, w, h),
        rng.integers(0, 255, (h, w, 3), np.uint8),
        True,
        descriptor=rng.uniform(size=8).astype(np.float32),
    )
    save_prediction(folder, prediction)
    features = LocalFeatures(
        rng.uniform(0, 12, (5, 2)).astype(np.float32),
        rng.integers(0, 255, (5, 32), np.uint8),
        rng.uniform(1, 2, (5, 3)).astype(np.float32),
    )
    keyframe = Keyframe(7, 0, np.eye(4), features, prediction.intrinsics, [], 1.5)
    keyframe.descriptor = prediction.descriptor
    files = KeyframeFiles(folder)
    files.save(keyframe, KeyframeMap.of(prediction))
    np.savez(folder / "points.npz", points=rng.uniform(0, 12, (4, 2)))
    return {
        "keyframe": (files.path(7), lambda path: _keyframe(path.parent)),
        "prediction": (prediction_path(folder, 0, 0), load_prediction),
        "points": (folder / "points.npz", read_points),
    }


def outcome_of(seed: int, path: Path, read: Reader) -> Outcome:
    """What a reader does with the file when a byte of it is changed; the file is mended after it.

    AssertionError where it reads something else than was written, or its error is not one line
    that names the file. Any other exception is the reader's.
    """
    content, expected = path.read_bytes(), read(path)
    rng = np.random.default_rng(seed)
    damaged = bytearray(content)
    damaged[rng.integers(len(content))] ^= rng.integers(1, 256)
    path.write_bytes(damaged)
    found, told = None, None
    try:
        found = read(path)
    except MapperError as error:
        told = str(error)
    finally:
        path.write_bytes(content)
    if told is not None:
        assert path.name in told and "\n" not in told and len(told) < 400, told
        return "refused"
    assert is_same(found, expected), "another content was read"
    return "same"


def is_same(a: Any, b: Any) -> bool:
    """Whether two values that were read are equal, with all that they hold."""
    if isinstance(a, KeyframeMap):
        return is_same(tuple(vars(a).values()), tuple(vars(b).values()))
    if is_dataclass(a) and not isinstance(a, type):
        return is_same(astuple(a), astuple(b))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(is_same, a, b))
    return np.array_equal(a, b)


def _keyframe(folder: Path) -> tuple[Any, ...]:
    files = KeyframeFiles(folder)
    return files.load(7), files.load_view(7)


def main() -> None:
    """Count what becomes of each kind."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    with tempfile.TemporaryDirectory() as folder:
        for kind, (path, read) in made_files(Path(folder)).items():
            outcomes = Counter(outcome_of(seed, path, read) for seed in range(seeds))
            print(f"{kind}: {seeds} damaged bytes: {dict(outcomes)}")


if __name__ == "__main__":
    main()
