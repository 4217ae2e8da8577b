"""One camera: its pinhole, and what its lens does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError

COEFFICIENTS = (0, 4, 5, 8, 12, 14)  # how many OpenCV's polynomial model may have
FISHEYE_COEFFICIENTS = 4
MAX_PIXELS = 200_000_000  # of an image that is read; more is a mistake, or hostile


@dataclass(frozen=True, slots=True)
class Camera:
    """intrinsics: before and after undistortion.

    distortion: OpenCV's k1 k2 p1 p2 k3 ..., of a fisheye k1 k2 k3 k4 of the equidistant model.
    """

    intrinsics: Intrinsics
    distortion: tuple[float, ...] = ()
    # Not in the text by which runs know their cameras again: most were made before it.
    fisheye: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        count = len(self.distortion)
        if self.fisheye and count not in (0, FISHEYE_COEFFICIENTS):
            raise ConfigError(f"a fisheye has 4 numbers of distortion, k1 to k4, not {count}")
        if not self.fisheye and count not in COEFFICIENTS:
            raise ConfigError(f"distortion must list 4, 5, 8, 12 or 14 numbers, not {count}")
        if self.intrinsics.width * self.intrinsics.height > MAX_PIXELS:
            size = f"{self.intrinsics.width}x{self.intrinsics.height}"
            raise ConfigError(f"width and height are {size}: larger than any image that is read")

    @property
    def is_distorted(self) -> bool:
        """Whether straight lines come out bent."""
        return self.fisheye or any(self.distortion)


def pinhole(
    numbers: tuple[float, float, float, float], size: tuple[int, int], path: Path
) -> Intrinsics:
    """Of fx, fy, cx, cy in a file, which an InputError names. size: (width, height)."""
    try:
        return Intrinsics(*numbers, *size)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def polynomial(coefficients: Sequence[float]) -> tuple[float, ...]:
    """OpenCV's k1 k2 p1 p2 ..., filled up with zeros to a number that it knows; none if all are."""
    if not any(coefficients):
        return ()
    length = next((n for n in COEFFICIENTS if n >= len(coefficients)), len(coefficients))
    return (*map(float, coefficients), *[0.0] * (length - len(coefficients)))
