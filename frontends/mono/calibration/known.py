"""What is known of the camera, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.mono.calibration.focal_sum import FocalLength
from mapper.frontends.mono.geometry.bundle import FocalPrior
from mapper.frontends.mono.geometry.lens import Lens


class Source(StrEnum):
    """How the focal length came to be known."""

    GIVEN = "given"
    EXIF = "exif"
    FOUND = "found"
    GUESSED = "guessed"


# How well the focal length is known, relative, before all keyframes are adjusted together.
# EXIF tells whole millimetres, of an image's width or of its diagonal: 4 % lie between these.
SIGMAS: Final = {Source.GIVEN: 0.01, Source.EXIF: 0.05, Source.FOUND: 0.03, Source.GUESSED: 0.3}


@dataclass(frozen=True, slots=True)
class KnownCamera:
    """lens: of images of the size that is worked on. windows: that the focal length was found by.

    spread: relative, of those.
    """

    lens: Lens
    source: Source
    windows: int = 0
    spread: float = 0.0

    @classmethod
    def given(cls, intrinsics: Intrinsics, width: int, height: int) -> KnownCamera:
        """By whoever reads the sequence."""
        return cls(Lens.of(intrinsics.resized(width, height)), Source.GIVEN)

    @classmethod
    def by_exif(cls, share: float, width: int, height: int) -> KnownCamera:
        """share: of the longer side, see Frame.exif_focal."""
        return cls(Lens.guessed(share * max(width, height), width, height), Source.EXIF)

    @classmethod
    def found(cls, focal: FocalLength, width: int, height: int) -> KnownCamera:
        """From the images, or not."""
        source = Source.FOUND if focal.is_known else Source.GUESSED
        lens = Lens.guessed(focal.pixels, width, height)
        return cls(lens, source, focal.windows, focal.spread)

    @property
    def prior(self) -> FocalPrior:
        """For bundle adjustment."""
        return FocalPrior(self.lens.fx, SIGMAS[self.source])

    @property
    def in_words(self) -> str:
        """For the log: how the focal length is known."""
        focal = f"focal length {self.lens.fx:.0f} px"
        if self.source == Source.FOUND:
            return f"{focal}, found from {self.windows} pairs of images (+-{self.spread:.0%})"
        if self.source == Source.EXIF:
            return f"focal length from EXIF, {self.lens.fx:.0f} px"
        if self.source == Source.GUESSED:
            return f"{focal}, guessed: the images do not tell it ({self.windows} pairs do)"
        return f"{focal}, given"
