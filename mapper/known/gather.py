"""What a request says is known of the map that is going to be made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from mapper.backend.priors.knowledge import Knowledge
from mapper.core.pose_readings import GravityReadings, PoseReadings
from mapper.errors import ConfigError
from mapper.io.priors.gps.files import read_fixes
from mapper.io.priors.gps.photographs import photographed
from mapper.io.priors.gps.track import gps_readings
from mapper.io.priors.gravity.mounting import gravity_of_log, gravity_of_poses
from mapper.io.priors.pose_files import FoundPoses, FrameNames, read_poses
from mapper.io.priors.readings import PoseSigma, by_the_frames_clock, pose_readings
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.pose_choices import OFF, PRIOR, TRUTH
from mapper.io.sequences.sequence import Sequence
from mapper.request import FLOOR, RunRequest

NO_OFFSET: Final = "0"
OF_A_METRE: Final = "0.02,0.5"  # of odometry: metres and degrees that it is off
EXIF: Final = "exif"  # of --gps: the images' own places
LEVEL: Final = ("record3d", "stray-scanner", "polycam")  # whose worlds have y up
METRIC: Final = ("ARKit", "Polycam")  # who of those that estimate poses know the unit


def gather(request: RunRequest, sequence: Sequence) -> Knowledge:
    """Read all files that the request names. Raises InputError or ConfigError that names one.

    sequence: the frames that are going to be mapped.
    """
    readings = [*_of_poses(request), *_of_gps(request, sequence)]
    odometry = list(_of_odometry(request))
    gravity = list(_of_gravity(request))
    if (readings or odometry or gravity) and request.split_360 is not None:
        raise ConfigError("--split-360: a panorama's views cannot be tied to known poses yet")
    times = sequence.timestamps
    return Knowledge(
        tuple(by_the_frames_clock(each, times, *moved) for each, *moved in readings),
        odometry=tuple(by_the_frames_clock(each, times, *moved) for each, *moved in odometry),
        gravity=tuple(
            by_the_frames_clock(each, times, request.gravity_offset, "--gravity-offset")
            for each in gravity
        ),
    )


def _of_poses(request: RunRequest) -> Iterator[tuple[PoseReadings, str, str]]:
    """With what moves their clock, and the option that says it."""
    if request.pose_file is None and request.poses != PRIOR:
        if request.pose_sigma is not None or request.pose_offset != NO_OFFSET:
            raise ConfigError("--pose-sigma and --pose-offset are for --poses prior or a file")
        return
    sigma = None if request.pose_sigma is None else PoseSigma.of(request.pose_sigma)
    name, found = _found_poses(request)
    yield pose_readings(name, found, sigma), request.pose_offset, "--pose-offset"


def _of_gps(request: RunRequest, sequence: Sequence) -> Iterator[tuple[PoseReadings, str, str]]:
    """The same."""
    if request.gps is None:
        if request.gps_sigma is not None or request.gps_offset != NO_OFFSET:
            raise ConfigError("--gps-sigma and --gps-offset are for --gps")
        return
    sigma = request.gps_sigma
    if sigma is not None and not (math.isfinite(sigma) and sigma > 0):
        raise ConfigError(f"--gps-sigma {sigma:g}: it must be larger than 0")
    if request.gps == EXIF:
        files = getattr(sequence, "source_files", None)
        images = [files(row)[0] for row in range(len(sequence))] if files else []
        fixes = photographed(images, sequence.timestamps)
    else:
        fixes = read_fixes(Path(request.gps).expanduser())
    yield gps_readings(request.gps, fixes, sigma), request.gps_offset, "--gps-offset"


def _of_odometry(request: RunRequest) -> Iterator[tuple[PoseReadings, str, str]]:
    """The same."""
    if request.odometry is None:
        if request.odometry_sigma is not None or request.odometry_offset != NO_OFFSET:
            raise ConfigError("--odometry-sigma and --odometry-offset are for --odometry")
        return
    sigma = PoseSigma.of(request.odometry_sigma or OF_A_METRE, "--odometry-sigma")
    with closing(_whole(request, OFF)) as whole:
        found = read_poses(request.odometry, _names(whole), "--odometry")
    if not found.is_metric:
        raise ConfigError(f"{request.odometry}: these poses have no unit: --poses takes them")
    readings = pose_readings(str(request.odometry), found, sigma)
    yield readings, request.odometry_offset, "--odometry-offset"


def _of_gravity(request: RunRequest) -> Iterator[GravityReadings]:
    """By the clock of their file. The floor is looked for when the map is made."""
    options = request.gravity_axes, request.gravity_sigma
    if request.gravity in (None, FLOOR):
        if options != (None, None) or request.gravity_offset != NO_OFFSET:
            raise ConfigError("--gravity-axes, --gravity-sigma and --gravity-offset are for a log")
        return
    sigma = request.gravity_sigma
    if sigma is not None and not (math.isfinite(sigma) and sigma > 0):
        raise ConfigError(f"--gravity-sigma {sigma:g}: it must be larger than 0")
    assert request.gravity is not None
    with closing(_whole(request, OFF)) as whole:
        kind, R_frame_camera = whole.kind, getattr(whole, "R_frame_camera", np.eye(3))
    if request.gravity != PRIOR:
        path = Path(request.gravity).expanduser()
        yield gravity_of_log(path, request.gravity_axes, sigma, R_frame_camera)
        return
    if request.gravity_axes is not None:
        raise ConfigError("--gravity-axes is for a log: the axes of poses are known")
    if kind not in LEVEL:
        raise ConfigError(
            f"--gravity prior: what is up in the world of the poses by {kind} is not known; it is "
            f"in those of {', '.join(LEVEL)}"
        )
    with closing(_whole(request, TRUTH)) as whole:
        assert whole.ground_truth is not None
        yield gravity_of_poses(f"gravity by {kind}", whole.ground_truth, sigma)


def _found_poses(request: RunRequest) -> tuple[str, FoundPoses]:
    """The sequence's own, or those of the file."""
    poses = TRUTH if request.pose_file is None else OFF
    with closing(_whole(request, poses)) as whole:
        if request.pose_file is not None:
            return str(request.pose_file), read_poses(request.pose_file, _names(whole))
        assert whole.ground_truth is not None
        author = getattr(whole, "poses_by", None)
        is_metric = author is None or author in METRIC
        return f"the poses by {author or whole.kind}", FoundPoses(whole.ground_truth, is_metric)


def _whole(request: RunRequest, poses: str) -> Sequence:
    """The sequence with all of its frames."""
    return open_sequence(
        request.sequence,
        calibration=request.calib,
        registration=request.registration,
        topics=request.topics,
        poses=poses,
    )


def _names(sequence: Sequence) -> FrameNames:
    """Of all frames, whichever are mapped."""
    files = getattr(sequence, "source_files", None)
    count = len(sequence)
    names = [Path(files(row)[0]).name if files and files(row) else "" for row in range(count)]
    return FrameNames(sequence.timestamps, tuple(names))
