"""Why there is no map at all, in a sentence for the user."""

from __future__ import annotations

from pathlib import Path

from mapper.frontends.base import ExplainingFrontend, Frontend
from mapper.slam.mapper import Mapper


def no_map(path: Path, mapper: Mapper, frontend: Frontend) -> str:
    """path: of the sequence that was mapped."""
    counts = mapper.counts
    if counts.skipped == counts.frames and mapper.skip_reason is not None:
        return f"{path}: not one frame could be read; the first: {mapper.skip_reason}"
    what = f"{path}: not one of {counts.frames} frames could be placed"
    if isinstance(frontend, ExplainingFrontend):
        return f"{what}: {frontend.explain()}"
    return (
        f"{what}, so there is no map; is there depth in the depth images, and is the depth scale "
        "right?"
    )
