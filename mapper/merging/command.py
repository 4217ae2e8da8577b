"""Runs in, one run out: what `mapper merge` does."""

from __future__ import annotations

import filecmp
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mapper.errors import ConfigError
from mapper.merging.merge import HERE, merge, merging_config
from mapper.merging.merged_outputs import write_merged
from mapper.merging.sessions import opened_runs
from mapper.run.contents import is_left_over
from mapper.run.directory import RunDirectory, refuse_to_replace
from mapper.run.ownership import created
from mapper.runtime.workers import Workers


def merge_runs(
    paths: Sequence[Path],
    out: Path,
    overwrite: bool = False,
    changes: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
    workers: Workers = HERE,
) -> tuple[RunDirectory, dict[str, Any]]:
    """Join runs into a new one at `out`; returns that and its metrics.

    workers: who compares runs. Nothing is written before the runs are joined. Raises InputError,
    ConfigError and OutputError for what cannot be.
    """
    if len(paths) < 2:
        raise ConfigError("name two runs at least that are to be joined")
    for path in paths:
        if path.resolve() == out.resolve():
            raise ConfigError(f"--out {out}: one of the runs, which stay as they are")
    if out.exists() and not (out.is_dir() and is_left_over(out)):
        refuse_to_replace(out, overwrite, remedy="")
    runs = opened_runs(paths)
    _refuse_copies([each.run for each in runs])
    merged = merge(runs, merging_config(runs, changes), say, workers)
    with created(out, overwrite) as run:
        return run, write_merged(run, merged)


def _refuse_copies(runs: Sequence[RunDirectory]) -> None:
    """A run and its copy would bear each other out in all that is wrong with both."""
    for one, other in itertools.combinations(runs, 2):
        if filecmp.cmp(one.journal, other.journal, shallow=False):
            raise ConfigError(
                f"{other.path}: holds the same as {one.path}, keyframe by keyframe; name two runs "
                "that differ"
            )
