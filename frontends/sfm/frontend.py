"""Maps photographs, unordered or far apart: where they were taken, and their depth, up to scale."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import backproject, inverse
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.frontends.masking import masked
from mapper.frontends.mono.depth.answers import NOISE
from mapper.frontends.mono.depth.view import DepthMap
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.pose_from_points import covariance_seen_from, place_camera
from mapper.frontends.mono.mapping.firmness import UNSURE
from mapper.frontends.sfm.config import SfmConfig
from mapper.frontends.sfm.depth import depths_of
from mapper.frontends.sfm.photographs import Photograph, Photographs
from mapper.frontends.sfm.reconstruction import (
    LEAST_MATCHES,
    LEAST_PLACED,
    PlacedPhotograph,
    Reconstruction,
    import_pycolmap,
    reconstruct,
)

logger = logging.getLogger(__name__)

LEAST_RMS = 0.3  # pixels: features are not more exact, however well few of them fit
HUBER = 3.0  # sigmas


class SfmFrontend:
    """All images are matched, placed together and given depth once the last one is there.

    recovered: less the frames of the last answer that have no place, for all were said tracked.
    Raises ConfigError where pycolmap is not installed.
    """

    name = "sfm"
    is_metric = False

    def __init__(self, config: SfmConfig | None = None) -> None:
        import_pycolmap()
        self.config = config or SfmConfig()
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}
        self.recovered = 0
        self._segment = -1
        self._why = "there were no images"
        self._metrics: dict[str, Any] = {}
        self._notes: list[str] = []
        self._photographs = Photographs(self.config)
        self.reset()

    def reset(self) -> None:
        """Forget the images; the next ones are a segment of their own."""
        self._photographs.close()
        self._photographs = Photographs(self.config)
        self._segment += 1

    def step(self, frame: Frame) -> list[Prediction]:
        """No prediction yet; InputError beyond max_frames, and for images of several sizes."""
        self.recovered = 0
        self._photographs.add(frame)
        return []

    def flush(self) -> list[Prediction]:
        """Of all images that have a place, in their order."""
        photographs = self._photographs.all
        self.recovered = 0
        if not photographs:
            return []
        found = reconstruct(self._photographs, self.config)
        self.recovered = len(found.placed) - len(photographs)
        if found.lens is None or found.uncertainty > UNSURE:
            self.recovered = -len(photographs)
            self._why = _explained(len(photographs), found)
            logger.info("no image could be placed: %s", self._why)
            self.reset()
            return []
        places = sorted(found.placed)
        kept = [photographs[place] for place in places]
        placed = [found.placed[place] for place in places]
        depths = depths_of(kept, placed, found.lens, self.config)
        self._tell(found, found.lens, depths, len(photographs))
        rms = max(found.rms, LEAST_RMS)
        answers = []
        for k in range(len(kept)):
            known = _uncertainty(kept[k - 1], placed[k - 1], placed[k], found.lens, rms)
            answers.append(
                self._prediction(kept[k], placed[k].T, found.lens, depths[k], known if k else None)
            )
        self.reset()
        return answers

    def explain(self) -> str:
        """Why nothing could be placed."""
        return self._why

    def metrics(self) -> dict[str, Any]:
        """The camera, and what was matched and placed."""
        return self._metrics

    def notes(self) -> list[str]:
        """What was found, in a sentence or two."""
        return self._notes

    def _prediction(
        self,
        photograph: Photograph,
        T: np.ndarray,
        lens: Lens,
        depth: DepthMap | None,
        uncertainty: PoseUncertainty | None,
    ) -> Prediction:
        height, width = photograph.image.shape[:2]
        camera = lens.pinhole.resized(width, height)
        none = np.zeros((height, width), np.float32)
        told = Prediction(
            photograph.index,
            photograph.timestamp,
            backproject(none if depth is None else depth.depth, camera),
            none if depth is None else depth.confidence,
            inverse(np.vstack([T, [0.0, 0.0, 0.0, 1.0]])),
            camera,
            lens.undistorted(photograph.image, width, height),
            is_metric=False,
            segment=self._segment,
            noise=NOISE,
            uncertainty=uncertainty,
        )
        if photograph.mask is None:
            return told
        return masked(told, lens.undistorted_mask(photograph.mask, width, height))

    def _tell(
        self, found: Reconstruction, lens: Lens, depths: list[DepthMap | None], count: int
    ) -> None:
        source = "found" if self._photographs.camera is None else "given"
        share = float(np.mean([0.0 if depth is None else depth.share for depth in depths]))
        camera = {
            "fx": lens.fx, "fy": lens.fy, "cx": lens.cx, "cy": lens.cy, "k1": lens.k1,
            "width": lens.width, "height": lens.height, "source": source, "windows": found.pairs,
            "rms_px": found.rms,
        }  # fmt: skip
        self._metrics = {
            "found_camera": camera,
            "depth_share": share,
            "matched_pairs": found.pairs,
            "compared_pairs": found.tried,
        }
        self._notes = [
            f"{len(found.placed)} of {count} images have a place; {found.pairs} of {found.tried} "
            f"pairs match; focal length {lens.fx:.0f} px, {source}, radial term {lens.k1:.3f}; "
            f"points are off by {found.rms:.2f} px; {share:.0%} of the pixels have depth; colour "
            "alone does not tell how large the map is"
        ]
        if found.models > 1:
            self._notes.append(
                f"the images fell into {found.models} groups that nothing joins; the largest is "
                "the map"
            )
        if count > self.config.exhaustive:
            self._notes.append(
                f"with more than {self.config.exhaustive} images each was matched with those that "
                f"come soon after it; if they are unordered: --set sfm.exhaustive={count}"
            )


def _uncertainty(
    before: Photograph,
    placed_before: PlacedPhotograph,
    placed: PlacedPhotograph,
    lens: Lens,
    rms: float,
) -> PoseUncertainty:
    """Of an image in the one before it, by the points that it sees. rms: their error, pixels."""
    weights = np.full(len(placed.points), 1 / rms)
    told = place_camera(lens, placed.T, placed.points, placed.pixels, weights, HUBER, 0)
    bottom = [0.0, 0.0, 0.0, 1.0]
    T_before_camera = np.vstack([placed_before.T, bottom]) @ inverse(np.vstack([placed.T, bottom]))
    covariance = covariance_seen_from(T_before_camera, told.information)
    return PoseUncertainty(before.index, covariance)


def _explained(count: int, found: Reconstruction) -> str:
    """Why none of so many images has a place."""
    if found.lens is not None:
        return (
            f"{len(found.placed)} of {count} images could be placed, but only to "
            f"{found.uncertainty:.0%} of the way they spread: take more images between them"
        )
    if count < LEAST_PLACED:
        return f"there are {count} images, and {LEAST_PLACED} are the fewest that tell a place"
    what = (
        f"{found.pairs} of {found.tried} pairs of the {count} images match in {LEAST_MATCHES} "
        "points or more"
    )
    if found.pairs < LEAST_PLACED - 1:
        return f"{what}: they have too little texture, or see too little of the same"
    return f"{what}, but no {LEAST_PLACED} of them agree on where they were taken: move sideways"
