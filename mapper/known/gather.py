"""What a request says is known of the map that is going to be made."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from mapper.backend.priors.knowledge import Knowledge
from mapper.errors import ConfigError
from mapper.io.priors.pose_files import FoundPoses, FrameNames, read_poses
from mapper.io.priors.readings import PoseSigma, check_overlap, pose_readings
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.pose_choices import OFF, PRIOR, TRUTH
from mapper.io.sequences.sequence import Sequence
from mapper.request import RunRequest

METRIC: Final = ("ARKit", "Polycam")  # who of those that estimate poses know the unit


def gather(request: RunRequest, sequence: Sequence) -> Knowledge:
    """Read all files that the request names. Raises InputError or ConfigError that names one.

    sequence: the frames that are going to be mapped.
    """
    if request.pose_file is None and request.poses != PRIOR:
        if request.pose_sigma is not None or request.pose_offset:
            raise ConfigError("--pose-sigma and --pose-offset are for --poses prior or a file")
        return Knowledge()
    if request.split_360 is not None:
        raise ConfigError("--split-360: a panorama's views cannot be tied to known poses yet")
    sigma = None if request.pose_sigma is None else PoseSigma.of(request.pose_sigma)
    name, found = _found_poses(request)
    readings = pose_readings(name, found, sigma).later(request.pose_offset)
    check_overlap(readings, sequence.timestamps, "--pose-offset")
    return Knowledge((readings,))


def _found_poses(request: RunRequest) -> tuple[str, FoundPoses]:
    """The sequence's own, or those of the file."""
    poses = TRUTH if request.pose_file is None else OFF
    with closing(
        open_sequence(
            request.sequence,
            calibration=request.calib,
            registration=request.registration,
            topics=request.topics,
            poses=poses,
        )
    ) as whole:
        if request.pose_file is not None:
            return str(request.pose_file), read_poses(request.pose_file, _names(whole))
        assert whole.ground_truth is not None
        author = getattr(whole, "poses_by", None)
        is_metric = author is None or author in METRIC
        return f"the poses by {author or whole.kind}", FoundPoses(whole.ground_truth, is_metric)


def _names(sequence: Sequence) -> FrameNames:
    """Of all frames, whichever are mapped."""
    files = getattr(sequence, "source_files", None)
    count = len(sequence)
    names = [Path(files(row)[0]).name if files and files(row) else "" for row in range(count)]
    return FrameNames(sequence.timestamps, tuple(names))
