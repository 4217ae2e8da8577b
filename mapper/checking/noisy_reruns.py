"""Maps the sequence of a run twice more, from noisy copies of its images: how far do they part?

What noise alone moves, the images did not hold. The depth that comes with images is made noisy as
well, by what its own readings deviate by.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mapper.config.settings import MapperConfig
from mapper.core.camera_noise import CameraNoise
from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_sigma
from mapper.core.frame import Frame
from mapper.core.geometry import umeyama
from mapper.core.trajectory import MATCH_SECONDS, Trajectory, matching_times
from mapper.errors import InputError
from mapper.frontends.registry import create_frontend, frontend_spec
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.sequence import Sequence
from mapper.run.directory import RunDirectory
from mapper.saved.results import sequence_again
from mapper.saved.resume import camera_before
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher

SEEDS: Final = (1, 2)
GREY_LEVELS: Final = 3.0  # standard deviation of what is added to the images
PLAYED_BACK: Final = ("replay", "predictions")
FEWEST: Final = 3  # frames that both runs must place


@dataclass(frozen=True)
class NoisyReruns:
    """Of one run. frames: that are mapped, of both together."""

    run: RunDirectory
    config: MapperConfig
    frontend: str
    sequence: Sequence

    @classmethod
    def of(cls, run: RunDirectory) -> NoisyReruns:
        """Raises InputError where the sequence cannot be mapped again."""
        described = run.read_description()
        frontend = described.says.frontend
        if frontend in PLAYED_BACK:
            raise InputError(
                f"{run.path}: --thorough maps noisy images, and the frontend {frontend} plays back "
                "what was said of them; leave it out"
            )
        sequence = sequence_again(run)
        if sequence is None:
            raise InputError(
                f"{run.path}: --thorough maps its sequence again, and that is gone or another by "
                f"now ({described.sequence_path}); leave it out"
            )
        config = replace(described.settings(), frontend=frontend)
        return cls(run, config, frontend, sequence)

    @property
    def frames(self) -> int:
        """Of both runs."""
        return len(SEEDS) * len(self.sequence)

    def spread(
        self, mapped: Trajectory, is_metric: bool, told: Callable[[], object] = lambda: None
    ) -> float:
        """Units of the map: root mean square distance of the two trajectories from each other, each
        brought to the map's. told: called after each frame."""
        camera = None
        if frontend_spec(self.frontend).needs_depth:
            camera = camera_before(self.run)
        with closing(self.sequence):
            found = [
                brought_to(self._mapped(seed, camera, told), mapped, is_metric) for seed in SEEDS
            ]
        return distance(*found)

    def _mapped(
        self, seed: int, camera: CameraNoise | None, told: Callable[[], object]
    ) -> Trajectory:
        bounded = BoundedSequence(self.sequence, self.config.images.max_side, camera)
        matcher = choose_matcher(self.config.matcher)
        frontend = create_frontend(self.config, self.frontend, matcher)
        with Mapper(self.config, frontend=frontend, matcher=matcher) as mapper:
            for index in range(len(bounded)):
                try:
                    mapper.step(noisy(bounded[index], seed))
                except InputError as error:
                    mapper.skip(error)
                told()
            return mapper.finish().trajectory


def noisy(frame: Frame, seed: int) -> Frame:
    """The same frame with noise; the same seed, the same noise."""
    rng = np.random.default_rng([seed, frame.index])
    image = frame.image + GREY_LEVELS * rng.standard_normal(frame.image.shape, np.float32)
    changed = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if frame.depth is None:
        return replace(frame, image=changed)
    known = frame.noise or STRUCTURED_LIGHT
    sigma = depth_sigma(frame.depth, known.coefficients)
    depth = frame.depth + sigma * rng.standard_normal(frame.depth.shape, np.float32)
    depth = np.where(frame.depth > 0, np.maximum(depth, 0), np.float32(0))
    return replace(frame, image=changed, depth=depth.astype(np.float32))


def brought_to(found: Trajectory, mapped: Trajectory, is_metric: bool) -> Trajectory:
    """A trajectory in the world of another, and in its units, by least squares."""
    a, b = matching_times(found.timestamps, mapped.timestamps, MATCH_SECONDS)
    if len(a) < FEWEST:
        raise InputError(
            "a noisy copy of the images could not be mapped: next to no frame was placed, so how "
            "far noise moves the trajectory is not known"
        )
    scale, T = umeyama(found.positions[a], mapped.positions[b], with_scale=not is_metric)
    poses = found.T_world_camera.copy()
    poses[:, :3, 3] *= scale
    return Trajectory(found.timestamps, T @ poses)


def distance(first: Trajectory, second: Trajectory) -> float:
    """Root mean square between positions at the same times."""
    a, b = matching_times(first.timestamps, second.timestamps, MATCH_SECONDS)
    if len(a) < FEWEST:
        raise InputError("two noisy copies of the images have next to no placed frame in common")
    off = first.positions[a] - second.positions[b]
    return float(np.sqrt((off**2).sum(axis=1).mean()))
