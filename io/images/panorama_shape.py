"""Images that may be panoramas, by their shape."""

from __future__ import annotations

from typing import Final

SHAPE: Final = 2.0  # of a panorama of 360 by 180 degrees: width over height
TOLERANCE: Final = 0.01
HINT: Final = "--split-360 4"
HINT_WIDTH: Final = 1000  # pixels, below which no camera makes panoramas


def is_panorama(width: int, height: int) -> bool:
    """Whether an image has the shape of one."""
    return abs(width / height / SHAPE - 1) <= TOLERANCE


def panorama_hint(width: int, height: int) -> tuple[str, ...]:
    """A note, of images that may be panoramas and are not taken for them."""
    if width < HINT_WIDTH or not is_panorama(width, height):
        return ()
    return (
        f"images of {width}x{height} may be panoramas of 360 degrees: then {HINT} makes pinhole "
        "views of them",
    )
