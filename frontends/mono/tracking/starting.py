"""Waits for images far enough apart to make a first map of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.frontends.mono.geometry.bundle import FocalPrior
from mapper.frontends.mono.geometry.initialisation import (
    NoStart,
    Start,
    find_start,
    parallax,
    unit_rays,
)
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.rolling import LONGEST
from mapper.frontends.mono.geometry.two_views import rotation_between
from mapper.frontends.mono.tracking.corners import new_corners
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import Levels

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

MOST_CORNERS: Final = 800
MIN_TRACKS: Final = 120  # corners of an image that has texture
FEWEST: Final = 50  # tracks; with fewer it starts anew
LEFT: Final = 0.35  # ... and with a smaller share of the first ones
PARALLAX: Final = 10.0  # pixels, of an image 640 wide
LAST_CHANCE: Final = 1.5  # times as many: then less parallax must do
LESS: Final = 0.6
WIDTH: Final = 640
STILL: Final = 1.0  # pixels
# Of the tracks, that do not move at all: then the camera stands, and what moves is not the world.
STANDS: Final = 0.35
LEAST_FOLLOWED: Final = 0.5  # of the tracks, from image to image
AGAIN: Final = 3  # frames after a start that did not work out
WALK: Final = "walk sideways rather than turn on the spot"
VIEWS: Final = (0.0, 1 / 3, 2 / 3, 1.0)  # of the way, which must agree


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A start, and which frames its views are, by their place among those that were offered.

    pixels: (V, P, 2), of its points in each. spins: (V, 3), rad/s, how the camera turned there.
    """

    start: Start
    frames: tuple[int, ...]
    pixels: Float64[np.ndarray, "v p 2"]
    spins: Float64[np.ndarray, "v 3"]


class Starter:
    """Follows the corners of a first image until they tell how the camera moved.

    parallax: pixels by which they moved more than a turning camera explains, in the newest image;
    best: the most so far. moved: pixels by which they moved at all, the most so far. corners: the
    most that an image had. changes: how often an image showed something else than the one before.
    """

    def __init__(self, flow: FlowTracker) -> None:
        self._flow = flow
        self._offered = 0
        self._followed: list[float] = []
        self.parallax = self.best = self.moved = 0.0
        self.corners = self.changes = 0
        self._last: Levels | None = None
        self._tracks: list[Float32[np.ndarray, "n 2"]] = []
        self._times: list[float] = []  # seconds, of the same
        self._wait = 0
        self._refused = "hardly a point was followed through four of them"

    @property
    def followed(self) -> float:
        """Share of tracks that could be followed from an image to the next."""
        return float(np.mean(self._followed)) if self._followed else 1.0

    @property
    def tracks(self) -> int:
        """That are left in the newest image."""
        return len(self._tracks[-1])

    def offer(
        self, levels: Levels, time: float, lens: Lens, refine: FocalPrior | None = None
    ) -> Begun | None:
        """Another image, of a time in seconds; what begins with it, if anything does. refine: the
        lens is unknown too."""
        place, self._offered = self._offered, self._offered + 1
        self._times.append(time)
        if self._last is None:
            self._begin(levels, place)
            return None
        followed = self._flow.follow(self._last, levels, self._tracks[-1])
        if len(followed.found):
            self._followed.append(float(followed.found.mean()))
        self._last = levels
        self._tracks = [track[followed.found] for track in self._tracks]
        self._tracks.append(followed.pixels[followed.found])
        fewest = max(min(MIN_TRACKS, LEFT * self._begun_with), FEWEST)
        if self.tracks < fewest:
            self.changes += 1
            self._begin(levels, place)
            return None
        self.parallax = parallax(lens, self._tracks[0], self._tracks[-1])
        self.best = max(self.best, self.parallax)
        moved = np.linalg.norm(self._tracks[-1] - self._tracks[0], axis=1)
        self.moved = max(self.moved, float(np.median(moved)))
        self._wait = max(self._wait - 1, 0)
        wanted = PARALLAX * min(1.0, lens.width / WIDTH)
        if self.tracks < LAST_CHANCE * fewest:
            wanted *= LESS
        if self.parallax < wanted or self._wait or len(self._tracks) < len(VIEWS):
            return None
        return self._try(lens, refine)

    def explain(self, lens: Lens) -> str:
        """Why nothing began, by what the numbers support."""
        wanted = PARALLAX * min(1.0, lens.width / WIDTH)
        if self.corners < MIN_TRACKS:
            return (
                f"too little texture: {self.corners} corners of {MIN_TRACKS}; more light, and more "
                "to see than a bare wall, let it begin"
            )
        if self.followed < LEAST_FOLLOWED:
            return (
                f"frames too far apart: {self.followed:.0%} of the points could be followed from "
                "one to the next; give more frames a second, or take them for photographs by "
                "--frontend sfm"
            )
        if self.moved < STILL and self.changes:
            return (
                f"the images stand still and change at once, {self.changes} times: slides are no "
                "video; take them for photographs by --frontend sfm"
            )
        if self.moved < STILL:
            return f"the camera did not move ({self.moved:.1f} pixels); {WALK}"
        if self.best < wanted:
            return (
                f"the camera turned but did not move enough (parallax {self.best:.1f} px of "
                f"{wanted:.1f}); {WALK}"
            )
        return f"no images begin a map: {self._refused}"

    def _begin(self, levels: Levels, place: int) -> None:
        corners = new_corners(levels.grey, np.zeros((0, 2), np.float32), MOST_CORNERS, levels.used)
        self._tracks, self._times = [corners], self._times[-1:]
        self._first, self._last, self.parallax, self._wait = place, levels, 0.0, 0
        self._begun_with = len(corners)
        self.corners = max(self.corners, len(corners))

    def _try(self, lens: Lens, refine: FocalPrior | None) -> Begun | None:
        last = len(self._tracks) - 1
        places = [round(share * last) for share in VIEWS]
        tracks = np.stack([self._tracks[place] for place in places]).astype(float)
        spins = np.stack([self._spin(lens, place) for place in places])
        still = np.linalg.norm(tracks[-1] - tracks[0], axis=1) < STILL
        if still.mean() > STANDS:
            start: Start | NoStart = NoStart(f"{still.mean():.0%} of the points stand still")
        else:
            start = find_start(lens, tracks, refine, spins)
        if isinstance(start, NoStart):
            self._refused, self._wait = start.reason, AGAIN
            return None
        frames = tuple(self._first + place for place in places)
        return Begun(start, frames, tracks[:, start.tracks], spins)

    def _spin(self, lens: Lens, place: int) -> Float64[np.ndarray, " 3"]:
        """How fast the camera turned at an image, rad/s, by the ones around it."""
        before, after = max(place - 1, 0), min(place + 1, len(self._tracks) - 1)
        seconds = self._times[after] - self._times[before]
        if not 0 < seconds <= LONGEST:
            return np.zeros(3)
        a, b = (unit_rays(lens, self._tracks[each]) for each in (before, after))
        return np.asarray(cv2.Rodrigues(rotation_between(a, b))[0].ravel() / seconds)
