"""Where a figure comes from: the code, the settings and the files that it was made with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

import mapper
from mapper.config.loader import to_mapping
from mapper.evaluate.job import BenchRequest, SequenceJob
from mapper.evaluate.views import source_files
from mapper.runtime.versions import versions

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
    facts = [(path.name, _size(path)) for path in files]
    digest = hashlib.sha256(json.dumps([sequence.name, indices, facts]).encode())
    digest.update(np.ascontiguousarray(sequence.timestamps[indices]).tobytes())
    if sequence.T_world_camera is not None:
        digest.update(np.ascontiguousarray(sequence.T_world_camera[indices]).tobytes())
    return digest.hexdigest()[:DIGITS]


def _size(path: Path) -> int:
    """Bytes of a file, or of the file that a path leads into; -1 where there is none."""
    known = next((p for p in (path, *path.parents) if p.exists()), path)
    return known.stat().st_size if known.is_file() else -1


def request_record(request: BenchRequest) -> dict[str, Any]:
    """The request as plain nested values, ready for YAML and JSON."""
    return dict(json.loads(json.dumps(asdict(request))))


def result_key(job: SequenceJob, repetition: int) -> str:
    """The same for two results that need not both be computed."""
    settings = to_mapping(job.request.config(job.sequence.name))
    facts = [request_record(job.request), input_fingerprint(job), code_version(), repetition]
    content = json.dumps([facts, settings, list(_files_named(settings))], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]


def _files_named(settings: Any) -> Iterator[tuple[str, int, int]]:
    """Name, bytes and time of change of the files that settings name, such as weights or saved
    predictions; of a folder, those directly in it."""
    if isinstance(settings, dict | list):
        for value in settings.values() if isinstance(settings, dict) else settings:
            yield from _files_named(value)
    elif isinstance(settings, str) and settings and Path(settings).exists():
        path = Path(settings)
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.exists():  # a link may lead nowhere
                facts = file.stat()
                yield file.name, facts.st_size, facts.st_mtime_ns
