"""Which frames form which chunks."""

from __future__ import annotations

from mapper.errors import ConfigError


def chunk_ranges(frames: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """[start, end) of each chunk; ConfigError where the overlap leaves nothing new."""
    if not 0 < overlap < size:
        raise ConfigError(f"an overlap of {overlap} frames does not fit into chunks of {size}")
    if frames <= size:
        return [(0, frames)]
    step = size - overlap
    count = -(-(frames - overlap) // step)
    return [(i * step, min(i * step + size, frames)) for i in range(count)]
