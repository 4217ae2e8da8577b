"""Where a figure comes from: the code, the settings and the files that it was made with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

import mapper
from mapper.config_loader import to_mapping
from mapper.evaluate.job import BenchRequest, SequenceJob
from mapper.evaluate.views import source_files
from mapper.versions import versions

DIGITS: Final = 16  # of a digest: enough to tell files apart


def code_version() -> dict[str, Any]:
    """Version, a digest of the program's own source, and the versions of its packages."""
    return {"mapper": mapper.__version__, "source": source_digest(), "packages": versions()}


@lru_cache(maxsize=1)
def source_digest() -> str:
    """Of all Python files of the package, by name and content."""
    root = Path(mapper.__file__).parent
    digest = hashlib.sha256()
    files = {p.relative_to(root).as_posix(): p for p in _python_files(root)}
    for name in sorted(files):
        digest.update(name.encode() + files[name].read_bytes())
    return digest.hexdigest()[:DIGITS]


def _python_files(folder: Path) -> list[Path]:
    """Below a folder, through links, which rglob does not follow."""
    found: list[Path] = []
    for path in folder.iterdir():
        if path.is_dir() and path.name != "__pycache__":
            found += _python_files(path)
        elif path.suffix == ".py":
            found.append(path)
    return found


def input_fingerprint(job: SequenceJob) -> str:
    """Of the frames shown: names and sizes of their files, times and true poses."""
    sequence, indices = job.sequence, job.indices
    files = [path for index in indices for path in source_files(sequence, index)]
    facts = [(path.name, path.stat().st_size if path.exists() else -1) for path in files]
    digest = hashlib.sha256(json.dumps([sequence.name, indices, facts]).encode())
    digest.update(np.ascontiguousarray(sequence.timestamps[indices]).tobytes())
    if sequence.T_world_camera is not None:
        digest.update(np.ascontiguousarray(sequence.T_world_camera[indices]).tobytes())
    return digest.hexdigest()[:DIGITS]


def request_record(request: BenchRequest) -> dict[str, Any]:
    """The request as plain nested values, ready for YAML and JSON."""
    return dict(json.loads(json.dumps(asdict(request))))


def result_key(job: SequenceJob, repetition: int) -> str:
    """The same for two results that need not both be computed."""
    facts = [request_record(job.request), input_fingerprint(job), source_digest(), repetition]
    settings = to_mapping(job.request.config(job.sequence.name))
    return hashlib.sha256(json.dumps([facts, settings], sort_keys=True).encode()).hexdigest()[
        :DIGITS
    ]
