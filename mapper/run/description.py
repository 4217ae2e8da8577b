"""What run.yaml says of a run: what it was made from, by whom, and with which settings."""

from __future__ import annotations

from typing import Any, Final

from mapper.config.loader import to_mapping
from mapper.config.settings import MapperConfig
from mapper.frontends.base import Frontend
from mapper.io.live.source import LiveSource
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.sequence import Sequence
from mapper.request import LiveRequest, RunRequest
from mapper.runtime.versions import versions

LIVE: Final = "live"  # kind and fingerprint of an input whose frames are gone


def describe(source: dict[str, Any], frontend: Frontend, config: MapperConfig) -> dict[str, Any]:
    """The content of run.yaml. source: of the input, as the two functions below say it."""
    return {
        "sequence": source,
        "frontend": frontend.name,
        "weights": str(getattr(frontend, "weights", "")) or None,
        "units": "metres" if frontend.is_metric else "units",
        "versions": versions(),
        "config": to_mapping(config),
    }


def described_sequence(request: RunRequest, sequence: Sequence) -> dict[str, Any]:
    """Enough to open the same frames again and to know them for the same."""
    return {
        "name": sequence.name,
        "kind": sequence.kind,
        "path": str(request.sequence.resolve()),
        "frames": len(sequence),
        "start": request.start,
        "stride": request.stride,
        "max_frames": request.max_frames,
        "calibration": str(request.calib) if request.calib else None,
        "registration": request.registration,
        "topics": request.topics,
        "save_predictions": request.save_predictions,
        "fingerprint": fingerprint(sequence),
    }


def described_camera(request: LiveRequest, source: LiveSource) -> dict[str, Any]:
    """By the same keys; path: of the recorded frames, where they are kept."""
    kept = request.record.resolve() if request.record else None
    return {
        "name": kept.name if kept else LIVE,
        "kind": LIVE,
        "camera": source.name,
        "path": str(kept or source.name),
        "start": 0,
        "stride": 1,
        "max_frames": None,
        "calibration": str(request.calib) if request.calib else None,
        "registration": "none",
        "fingerprint": LIVE,
    }
