"""What run.yaml says of a merged run."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from mapper.config.loader import to_mapping
from mapper.merging.merge import MergedMap
from mapper.run.stored_run import (
    MERGED,
    StoredDescription,
    StoredSequence,
    StoredSession,
    seen_from,
)
from mapper.runtime.versions import versions


def described(out: Path, merged: MergedMap) -> dict[str, Any]:
    """The content of run.yaml: as the first run's, whose world it is, and what it was merged of."""
    first = merged.runs[0].run.read_description().says
    config = deepcopy(first.config)
    config["backend"] = to_mapping(merged.config)
    config["backend"]["graph"]["scale"] = "free" if merged.joint.graph.free_scale else "fixed"
    size = merged.final.image_size
    description = StoredDescription(
        sequence=StoredSequence(
            name=" + ".join(each.name for each in merged.runs),
            kind=MERGED,
            path=str(out.resolve()),
            fingerprint=MERGED,
            frames=sum(each.counts.frames for each in merged.runs),
            image_size=None if size is None else list(size),
            camera_kind=first.sequence.camera_kind,
            depth_noise=first.sequence.depth_noise,
        ),
        frontend=first.frontend,
        weights=first.weights,
        units="metres" if merged.runs[0].units_known else "units",
        versions=versions(),
        paths_from_run=first.paths_from_run,
        config=config,
        origin=first.origin,
        sessions=[StoredSession(**record) for record in session_records(out, merged)],
    )
    return description.model_dump(exclude_unset=True)


def session_records(out: Path, merged: MergedMap) -> list[dict[str, Any]]:
    """The runs, by the keys of StoredSession."""
    return [
        {
            "name": each.name,
            "path": str(each.run.path.resolve()),
            "path_from_run": seen_from(out, each.run.path),
            "first_keyframe": each.shift.keyframes,
            "first_segment": each.shift.segments,
            "first_frame": each.shift.frames,
            "seconds": each.shift.seconds,
            "frames": each.counts.frames,
            "keyframes": len(each.session.keyframes),
            "units": "metres" if each.units_known else "units",
            "scale": scale,
        }
        for each, scale in zip(merged.runs, merged.scales, strict=True)
    ]
