"""priors.json of a run: what is known of its map from elsewhere, to be counted again."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from mapper.backend.graph.priors import LengthPrior, Measured, ScalePrior, TagSighting, UpPrior
from mapper.backend.priors.knowledge import Knowledge
from mapper.core.geometry import pose_from_quaternion_xyzw, pose_to_quaternion_xyzw
from mapper.core.pose_readings import GeoOrigin, GravityReadings, PoseReadings
from mapper.errors import InputError
from mapper.run.directory import RunDirectory

VERSION: Final = 1


def write_knowledge(run: RunDirectory, known: Knowledge) -> None:
    """Write the file, whole or not at all; none where nothing is known."""
    if not known:
        return
    content = {
        "version": VERSION,
        "readings": [_readings_record(readings) for readings in known.readings],
        "odometry": [_readings_record(readings) for readings in known.odometry],
        "measured": [_measured_record(measured) for measured in known.measured],
        "sightings": [_sighting_record(sighting) for sighting in known.sightings],
        "gravity": [_gravity_record(readings) for readings in known.gravity],
        "ups": [_up_record(up) for up in known.ups],
    }
    run.write_json(run.priors, content, indent=None)


def read_knowledge(run: RunDirectory) -> Knowledge:
    """What is known of a run's map; nothing where the file was never written."""
    content = run.read_json(run.priors)
    if not content:
        return Knowledge()
    if content.get("version") != VERSION:
        raise InputError(f"{run.priors}: written by a newer version of mapper; update this one")
    try:
        return Knowledge(
            tuple(_readings(record) for record in content["readings"]),
            tuple(_measured(record) for record in content["measured"]),
            tuple(_sighting(record) for record in content.get("sightings", [])),
            tuple(_readings(record) for record in content.get("odometry", [])),
            tuple(_gravity(record) for record in content.get("gravity", [])),
            tuple(_up(record) for record in content.get("ups", [])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{run.priors}: damaged ({type(error).__name__}: {error})") from error


def _readings_record(readings: PoseReadings) -> dict[str, Any]:
    rotations, origin = readings.rotations, readings.origin
    quaternions = None
    if rotations is not None:
        T = np.tile(np.eye(4), (len(rotations), 1, 1))
        T[:, :3, :3] = rotations
        quaternions = pose_to_quaternion_xyzw(T).tolist()
    return {
        "name": readings.name,
        "times": readings.times.tolist(),
        "positions": None if readings.positions is None else readings.positions.tolist(),
        "quaternions_xyzw": quaternions,
        "sigma": readings.sigma.tolist(),
        "sigma_deg": readings.sigma_deg,
        "is_metric": readings.is_metric,
        "drifts": readings.drifts,
        "vertical": readings.vertical,
        "clock_s": readings.clock_s,
        "origin": origin and [origin.latitude, origin.longitude, origin.altitude],
    }


def _readings(record: dict[str, Any]) -> PoseReadings:
    quaternions, positions = record["quaternions_xyzw"], record["positions"]
    rotations = None
    if quaternions is not None:
        nowhere = np.zeros((len(quaternions), 3))
        rotations = pose_from_quaternion_xyzw(np.array(quaternions), nowhere)[:, :3, :3]
    return PoseReadings(
        str(record["name"]),
        np.array(record["times"], float),
        None if positions is None else np.array(positions, float),
        rotations,
        np.array(record["sigma"], float),
        float(record["sigma_deg"]),
        bool(record["is_metric"]),
        bool(record["drifts"]),
        None if record["origin"] is None else GeoOrigin(*map(float, record["origin"])),
        float(record.get("vertical", 1.0)),
        float(record.get("clock_s", 0.0)),
    )


def _measured_record(measured: Measured) -> dict[str, Any]:
    common = {"name": measured.name, "sigma": measured.sigma}
    if isinstance(measured, ScalePrior):
        certain = {"is_certain": measured.is_certain}
        log_metres = {"keyframe": measured.keyframe, "log_metres": measured.log_metres}
        return {**common, **log_metres, **certain}
    return {
        **common,
        "keyframes": [measured.i, measured.j],
        "points": [measured.point_i.tolist(), measured.point_j.tolist()],
        "metres": measured.metres,
    }


def _measured(record: dict[str, Any]) -> Measured:
    name, sigma = str(record["name"]), float(record["sigma"])
    if "keyframe" in record:
        log_metres, certain = float(record["log_metres"]), bool(record.get("is_certain", True))
        return ScalePrior(name, int(record["keyframe"]), log_metres, sigma, certain)
    (i, j), points = record["keyframes"], np.array(record["points"], float)
    return LengthPrior(name, int(i), points[0], int(j), points[1], float(record["metres"]), sigma)


def _sighting_record(seen: TagSighting) -> dict[str, Any]:
    return {
        "name": seen.name,
        "tag": seen.tag,
        "keyframe": seen.keyframe,
        "S_keyframe_tag": seen.S_keyframe_tag.ravel().tolist(),
        "information": seen.information.ravel().tolist(),
    }


def _sighting(record: dict[str, Any]) -> TagSighting:
    return TagSighting(
        str(record["name"]),
        int(record["tag"]),
        int(record["keyframe"]),
        np.array(record["S_keyframe_tag"], float).reshape(4, 4),
        np.array(record["information"], float).reshape(7, 7),
    )


def _gravity_record(readings: GravityReadings) -> dict[str, Any]:
    return {
        "name": readings.name,
        "times": readings.times.tolist(),
        "up": readings.up.tolist(),
        "sigma_deg": readings.sigma_deg,
        "axes_are_told": readings.axes_are_told,
    }


def _gravity(record: dict[str, Any]) -> GravityReadings:
    return GravityReadings(
        str(record["name"]),
        np.array(record["times"], float),
        np.array(record["up"], float).reshape(-1, 3),
        float(record["sigma_deg"]),
        bool(record["axes_are_told"]),
    )


def _up_record(up: UpPrior) -> dict[str, Any]:
    return {
        "name": up.name,
        "keyframe": up.keyframe,
        "R_keyframe_camera": up.R_keyframe_camera.ravel().tolist(),
        "up": up.up.tolist(),
        "sigma_rad": up.sigma_rad,
        "axes_are_told": up.axes_are_told,
    }


def _up(record: dict[str, Any]) -> UpPrior:
    return UpPrior(
        str(record["name"]),
        int(record["keyframe"]),
        np.array(record["R_keyframe_camera"], float).reshape(3, 3),
        np.array(record["up"], float).reshape(3),
        float(record["sigma_rad"]),
        bool(record["axes_are_told"]),
    )
