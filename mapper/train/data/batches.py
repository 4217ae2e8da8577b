"""Batches, each drawn by its own number: the same again after a break, in any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mapper.errors import InputError
from mapper.train.batch import SampleKinds, TrainingBatch, points_of
from mapper.train.data.colors import Jitter
from mapper.train.data.scene import Scene, View
from mapper.train.data.view_selection import ViewRule, choose_views
from mapper.train.recipe import DataRecipe


@dataclass(frozen=True, slots=True)
class Batches:
    """scenes: of the size that the recipe says. metric: their units are metres."""

    scenes: Sequence[Scene]
    recipe: DataRecipe
    seed: int
    metric: bool = True

    def __getitem__(self, number: int) -> TrainingBatch:
        """The batch of that number."""
        rng = np.random.default_rng([self.seed, number])
        return joined([self._sample(rng) for _ in range(self.recipe.sequences)], self.metric)

    def _sample(self, rng: np.random.Generator) -> list[View]:
        recipe = self.recipe
        rule = ViewRule(
            (1, recipe.longest_interval), recipe.video, recipe.steady, recipe.block or None
        )
        scene = self.scenes[int(rng.integers(len(self.scenes)))]
        if len(scene) < recipe.views:
            raise InputError(f"a scene of {len(scene)} images is too short: set data.views lower")
        first = int(rng.integers(len(scene) - recipe.views + 1))
        chosen = choose_views(recipe.views, first, len(scene), rule, rng)
        views = [scene.view(position) for position in chosen.positions]
        sizes = {view.image.shape[:2] for view in views}
        if sizes != {(recipe.height, recipe.width)}:
            height, width = sizes.pop()
            raise InputError(
                f"a scene's images have {width}x{height} pixels, the recipe says "
                f"{recipe.width}x{recipe.height}: set data.width and data.height"
            )
        if not recipe.jitter:
            return views
        jitter = Jitter(rng)
        return [
            View(jitter(view.image), view.depth, view.T_world_camera, view.intrinsics)
            for view in views
        ]


def joined(samples: Sequence[Sequence[View]], metric: bool) -> TrainingBatch:
    """Sequences of equally many views of one size. The world is moved to their first cameras, in
    float64: rooms far from their origin lose no digits."""
    depth = _stacked(samples, lambda view: view.depth)
    poses = _stacked(samples, lambda view: view.T_world_camera)
    T = torch.linalg.inv(poses[:, :1].double()) @ poses.double()
    intrinsics = _stacked(samples, lambda view: view.intrinsics).float()
    images = _stacked(samples, lambda view: view.image).float() / 255
    points = points_of(depth, intrinsics, T.float())
    none = torch.zeros(len(samples), dtype=torch.bool)
    return TrainingBatch(
        images=((images - 0.5) / 0.5).permute(0, 1, 4, 2, 3).contiguous(),
        depth=depth,
        T_world_camera=T.float(),
        intrinsics=intrinsics,
        points=points,
        valid=(depth > 0) & points.isfinite().all(-1),
        sky=depth < 0,
        shows_image=torch.ones(depth.shape[:2], dtype=torch.bool),
        kinds=SampleKinds(none | metric, none, none, none),
    )


def _stacked(samples, of) -> torch.Tensor:  # type: ignore[no-untyped-def]
    return torch.from_numpy(np.stack([[of(view) for view in views] for views in samples]))
