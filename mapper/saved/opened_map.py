"""A run's map, opened once and asked often."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mapper import __version__
from mapper.backend.global_map import GlobalMap
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.localization.landmarks import Landmarks
from mapper.localization.localization import Localization
from mapper.localization.localizer import Localizer
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_map
from mapper.saved.results import CACHED_MAPS, refinement_config
from mapper.slam.matchers import AUTO, choose_matcher, matcher_that_made
from mapper.vision.matching import FeatureMatcher

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8


class Map:
    """The map of a run directory, kept in memory.

        here = Map.open("runs/kitchen").localize(image)
        here.T_world_camera, here.reason

    run: where it was read from. saved: its keyframes and where they are.
    """

    def __init__(self, run: RunDirectory, saved: GlobalMap, matcher: FeatureMatcher) -> None:
        self.run, self.saved, self.matcher = run, saved, matcher

    @classmethod
    def open(cls, path: Path | str, matcher: str = AUTO) -> Map:
        """The map of a run that came to its end, or was interrupted. Raises InputError.

        matcher: by name; "auto": the one that made the run's features, if it can be had.
        """
        run = RunDirectory.open(Path(path).expanduser())
        check_version(run)
        if not any((run.path / "keyframes").glob("*.npz")):
            raise InputError(f"{run.path}: a run without keyframe files; map the sequence again")
        saved = load_map(run)
        chosen = matcher_that_made(saved.keyframes) if matcher == AUTO else choose_matcher(matcher)
        return cls(run, saved, chosen)

    @cached_property
    def landmarks(self) -> Landmarks:
        """The keyframes as images are compared with them."""
        load = lru_cache(CACHED_MAPS)(self.run.keyframes.load)
        map_of = self.saved.maps_to_fuse(refinement_config(self.run), load)
        return Landmarks(self.saved, map_of, self.matcher)

    @cached_property
    def localizer(self) -> Localizer:
        """What finds images in it. Images are worked on as large as those of the run were."""
        largest = max(max(k.intrinsics.width, k.intrinsics.height) for k in self.saved.keyframes)
        return Localizer(self.landmarks, largest)

    def localize(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        intrinsics: Intrinsics | None = None,
        depth: Float32[np.ndarray, "h w"] | None = None,
    ) -> Localization:
        """Where an undistorted image uint8 (H, W, 3), RGB, was taken.

        intrinsics: of its camera; None = they are found. depth: metres, 0 = no reading.
        """
        return self.localizer.localize(Frame(0, 0.0, image, depth, intrinsics))


def check_version(run: RunDirectory) -> None:
    """Raise InputError for a run of a later version, which may mean other things by its words."""
    made_by = str(run.read_description().says.versions.get("mapper", "0"))
    if _numbers(made_by) > _numbers(__version__):
        raise InputError(
            f"{run.path}: made by mapper {made_by}, and this is {__version__}: update mapper"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """Of 1.20.3.dev4 those before its first word: (1, 20, 3)."""
    numbers = []
    for part in version.split("+")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
