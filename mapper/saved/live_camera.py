"""What is known of a live camera before its first image: from the user, the device, or its run."""

from __future__ import annotations

from mapper.core.camera_noise import CameraNoise, known_noise
from mapper.io.cameras.calibration import Calibration, load_calibration
from mapper.io.live.source import LiveSource
from mapper.request import LiveRequest
from mapper.run.directory import RunDirectory
from mapper.saved.resume import camera_before


def calibration_of(request: LiveRequest, before: RunDirectory | None) -> Calibration | None:
    """As given; else, where a run is carried on with its own camera, as then."""
    path = request.calib
    if path is None and before is not None and _is_same(request, before):
        path = before.read_description().calibration
    return None if path is None else load_calibration(path)


def _is_same(request: LiveRequest, before: RunDirectory) -> bool:
    """Whether a run is carried on with the camera that it began with."""
    return before.read_description().says.sequence.camera == request.camera


def known_camera(
    request: LiveRequest,
    before: RunDirectory | None,
    calibration: Calibration | None,
    source: LiveSource,
) -> CameraNoise | None:
    """As asked, else as the calibration or the open camera tells, else as the run that is carried
    on found its own camera to be; None = nobody tells, or there is no depth."""
    if not source.has_depth:
        return None
    told = (calibration and calibration.camera_kind) or source.camera_kind
    known = known_noise(request.camera_kind, told)
    if known is None and before is not None and _is_same(request, before):
        return camera_before(before)
    return known
