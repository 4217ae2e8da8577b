"""What is known of a map from elsewhere, and how the map was tied to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mapper.backend.graph.priors import (
    LengthPrior,
    Measured,
    MotionPrior,
    PosePrior,
    Priors,
    SourceTraits,
    TagSighting,
    UpPrior,
)
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.priors.attachment import attach, placed_frames
from mapper.backend.priors.clock import found_offset
from mapper.backend.priors.gravity import attached_ups
from mapper.backend.priors.motions import motions_of
from mapper.core.pose_readings import GeoOrigin, GravityReadings, PoseReadings


@dataclass(frozen=True, slots=True)
class Knowledge:
    """readings: of poses, each source's in a world of its own. measured: lengths and scales.
    sightings: of tags, whose size is known. odometry: readings of which only the way from one to
    the next counts; their sigmas are those of a metre of it. gravity: which way is up, by the
    frames' clock; ups: by keyframes."""

    readings: tuple[PoseReadings, ...] = ()
    measured: tuple[Measured, ...] = ()
    sightings: tuple[TagSighting, ...] = ()
    odometry: tuple[PoseReadings, ...] = ()
    gravity: tuple[GravityReadings, ...] = ()
    ups: tuple[UpPrior, ...] = ()

    def __bool__(self) -> bool:
        return self != Knowledge()

    def __add__(self, other: Knowledge) -> Knowledge:
        return Knowledge(
            self.readings + other.readings,
            self.measured + other.measured,
            self.sightings + other.sightings,
            self.odometry + other.odometry,
            self.gravity + other.gravity,
            self.ups + other.ups,
        )

    def with_clocks(
        self, keyframes: Sequence[Keyframe], poses: Mapping[int, np.ndarray]
    ) -> tuple[Knowledge, str]:
        """With the times of sources whose clock was left open put right by the map's poses
        S_world_keyframe; and why that is not possible, empty where it is."""
        if not any(readings.clock_s for readings in self.readings + self.odometry):
            return self, ""
        placed = placed_frames(keyframes)
        found: list[list[PoseReadings]] = [[], []]
        for kept, group in zip(found, (self.readings, self.odometry), strict=True):
            for readings in group:
                offset = found_offset(readings, placed, poses) if readings.clock_s else 0.0
                if offset is None:
                    return self, (
                        f"{readings.name}: no offset of its clock within {readings.clock_s:.0f} s "
                        "makes its way the map's; say it, or walk around more corners"
                    )
                kept.append(replace(readings.later(offset), clock_s=0.0))
        return replace(self, readings=tuple(found[0]), odometry=tuple(found[1])), ""

    def priors(self, keyframes: Sequence[Keyframe]) -> Priors:
        """By keyframe, as far as it is of these."""
        ids = {keyframe.id for keyframe in keyframes}
        poses: list[PosePrior] = []
        motions: list[MotionPrior] = []
        ups = [up for up in self.ups if up.keyframe in ids]
        if self.readings or self.odometry or self.gravity:
            placed = placed_frames(keyframes)
            for readings in self.odometry:
                motions += motions_of(readings.name, attach(readings, 0, placed))
            for number, readings in enumerate(self.readings):
                poses += attach(readings, number, placed)
            for seen in self.gravity:
                ups += attached_ups(seen, placed)
        return Priors(
            tuple(
                SourceTraits(r.name, r.is_metric, r.drifts, r.origin is not None)
                for r in self.readings
            ),
            tuple(poses),
            tuple(m for m in self.measured if keyframes_of(m) <= ids),
            tuple(s for s in self.sightings if s.keyframe in ids),
            tuple(motions),
            tuple(ups),
        )


def keyframes_of(measured: Measured) -> set[int]:
    """Ids of the keyframes that a length or a scale is of."""
    if isinstance(measured, LengthPrior):
        return {measured.i, measured.j}
    return {measured.keyframe}


@dataclass(frozen=True, slots=True)
class Tie:
    """How a map was tied. refused: a sentence why it was not, and then it stayed as it was; empty
    where it was. is_metric: its unit is the metre now. origin: of a map whose world is that place
    on the Earth, with x to the east, y to the north and z up. is_upright: z is up. sources: an
    account of each.
    """

    refused: str = ""
    is_metric: bool = False
    origin: GeoOrigin | None = None
    sources: tuple[dict[str, Any], ...] = ()
    is_upright: bool = False

    @property
    def account(self) -> dict[str, Any]:
        """For the metrics."""
        if self.refused:
            return {"refused": self.refused}
        origin = self.origin
        place = [] if origin is None else [origin.latitude, origin.longitude, origin.altitude]
        return {
            "metric": self.is_metric,
            "sources": list(self.sources),
            "origin": place,
            "upright": self.is_upright,
        }
