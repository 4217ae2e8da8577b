"""A cheap name for an input, by which a resumed run knows that it continues the same one."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from mapper.io.sequences.sequence import Sequence


def fingerprint(sequence: Sequence) -> str:
    """sha256 (hex) of kind, frame count, times, cameras, and the end files' names and sizes.

    No image is read, and the folder may have moved.
    """
    camera = sequence.intrinsics
    rig = getattr(sequence, "rig_facts", None)
    facts = {
        "kind": sequence.kind,
        "frames": len(sequence),
        "timestamps": np.asarray(sequence.timestamps, "<f8").tobytes().hex(),
        "has_depth": sequence.has_depth,
        "camera": None if camera is None else np.append(camera.matrix, camera.width).tolist(),
        "rig": rig() if rig else None,
        "files": [_files(sequence, index) for index in (0, len(sequence) - 1)],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _files(sequence: Sequence, index: int) -> list[tuple[str, int]]:
    """Names and sizes in bytes of a frame's files; -1 = missing."""
    source_files = getattr(sequence, "source_files", None)
    paths = source_files(index) if source_files else ()
    return [(path.name, path.stat().st_size if path.exists() else -1) for path in paths]
