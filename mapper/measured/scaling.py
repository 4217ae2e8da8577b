"""Scales a finished run by what was measured in it: all of its files, or none."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from mapper.errors import InputError
from mapper.known.stored import read_knowledge
from mapper.measured.asked import Measurements
from mapper.measured.measuring import measured_in
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_map
from mapper.saved.realigned_outputs import write_rescaling
from mapper.saved.rescaling import refuse_metric, rescale
from mapper.saved.results import backend_settings_of

logger = logging.getLogger(__name__)


def scaled(run: RunDirectory, asked: Measurements, metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics of a run that was just mapped, and then scaled; of one that was stopped as they
    are. Raises InputError where it cannot be scaled; the run stays as it was mapped."""
    if not metrics["complete"]:
        logger.warning("%s is not scaled, as it was stopped: mapper scale does it", run.path)
        return metrics
    try:
        return scale_run(run, asked, quiet=True)
    except InputError as error:
        reason = str(error).removeprefix(f"{run.path}: ")
        what = "scaled" if asked.tell_scale else "stood upright"
        raise InputError(f"{run.path} is mapped, but not {what}: {reason}") from error


def scale_run(
    run: RunDirectory, asked: Measurements, anew: bool = False, quiet: bool = False
) -> dict[str, Any]:
    """Tie the run's map to what was measured; returns its metrics. The caller owns the run.

    anew: forget what it was told before, but for what mapper run read. Raises ConfigError or
    InputError, and then the run is as it was.
    """
    saved, earlier = load_map(run), read_knowledge(run)
    if asked.tell_scale:
        refuse_metric(run, saved)
    known = measured_in(run, saved, asked, quiet)
    if anew:
        earlier = replace(earlier, measured=(), sightings=(), ups=())
    if asked.has_level_floor:  # which counts once
        earlier = replace(earlier, ups=())
    known = earlier + known
    return write_rescaling(run, rescale(run, backend_settings_of(run), known), known)
