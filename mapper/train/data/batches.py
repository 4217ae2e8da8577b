"""Batches, each drawn by its own number: the same again after a break, in any process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mapper.errors import InputError
from mapper.train.batch import SampleKinds, TrainingBatch, points_of
from mapper.train.data.colors import Jitter
from mapper.train.data.cropping import Crop
from mapper.train.data.published import PLAIN, SetTraits
from mapper.train.data.rays import Shown, ShownShares, draw_shown
from mapper.train.data.scene import Scene, View
from mapper.train.data.view_selection import ViewRule, choose_views
from mapper.train.recipe import DataRecipe


@dataclass(frozen=True, slots=True)
class BatchShape:
    """size: (W, H) pixels. views: of each of so many sequences."""

    size: tuple[int, int]
    views: int
    sequences: int


@dataclass(frozen=True, slots=True)
class Source:
    """Scenes of one kind. share: of all sequences, against those of other sources."""

    scenes: Sequence[Scene]
    share: float = 1.0
    traits: SetTraits = PLAIN


@dataclass(frozen=True, slots=True)
class Batches:
    """sources: each sequence is drawn from one of them by their shares; of a single one nothing is
    drawn. Scenes may have any size, that of the batch is cut from them."""

    sources: Sequence[Source]
    recipe: DataRecipe
    seed: int

    def __getitem__(self, number: int) -> TrainingBatch:
        """The batch of that number."""
        rng = np.random.default_rng([self.seed, number])
        shape = drawn_shape(self.recipe, rng)
        samples = [self._sample(shape, rng) for _ in range(shape.sequences)]
        batch = joined([each.views for each in samples], [each.traits for each in samples])
        if not self._shows_rays:
            return batch
        shown = torch.tensor([sample.shown for sample in samples])
        return replace(batch, shows_image=shown[..., 0], shows_rays=shown[..., 1])

    @property
    def _shows_rays(self) -> bool:
        return bool(self.recipe.rays_alone or self.recipe.rays_too)

    def _sample(self, shape: BatchShape, rng: np.random.Generator) -> _Sample:
        recipe, source = self.recipe, self._source(rng)
        traits, crop = source.traits, Crop(shape.size, recipe.margin)
        chosen = self._singles if traits.single_view else self._sequence
        views = [
            _fitted(replace(view, depth=traits.depth(view.depth)), crop, rng)
            for view in chosen(source, shape.views, rng)
        ]
        if recipe.jitter:
            views = _jittered(views, recipe.jitter_each, rng)
        if not self._shows_rays:
            return _Sample(views, traits)
        ours = ShownShares(1 - recipe.rays_alone - recipe.rays_too, recipe.rays_alone)
        return _Sample(
            views, traits, draw_shown(len(views), traits.metric, traits.rays or ours, rng)
        )

    def _source(self, rng: np.random.Generator) -> Source:
        if len(self.sources) == 1:
            return self.sources[0]
        shares = np.array([source.share for source in self.sources])
        return self.sources[int(rng.choice(len(shares), p=shares / shares.sum()))]

    def _sequence(self, source: Source, count: int, rng: np.random.Generator) -> Iterator[View]:
        """Views of one scene."""
        recipe = self.recipe
        rule = source.traits.rule or ViewRule(
            (1, recipe.longest_interval), recipe.video, recipe.steady, recipe.block or None
        )
        scene = source.scenes[int(rng.integers(len(source.scenes)))]
        # With repeats as published: of a scene that is shorter still nothing can be made.
        fewest = max(count // 3, 3) if recipe.repeats else count
        if len(scene) < fewest:
            raise InputError(f"a scene of {len(scene)} images is too short: set data.views lower")
        first = int(rng.integers(len(scene) - fewest + 1))
        rule = replace(rule, repeats=recipe.repeats)
        chosen = choose_views(count, first, len(scene), rule, rng)
        return (scene.view(position) for position in chosen.positions)

    def _singles(self, source: Source, count: int, rng: np.random.Generator) -> Iterator[View]:
        """Views that have nothing to do with each other, each in the world's origin."""
        for _ in range(count):
            scene = source.scenes[int(rng.integers(len(source.scenes)))]
            view = scene.view(int(rng.integers(len(scene))))
            yield replace(view, T_world_camera=np.eye(4))


@dataclass(frozen=True, slots=True)
class _Sample:
    """shown: what of each view, where rays may be."""

    views: list[View]
    traits: SetTraits
    shown: Sequence[Shown] = ()


def drawn_shape(recipe: DataRecipe, rng: np.random.Generator) -> BatchShape:
    """Of a batch; nothing is drawn of what the recipe leaves no choice of."""
    size = recipe.width, recipe.height
    if recipe.sizes:
        weights = np.ones(len(recipe.sizes))
        if recipe.favour_first:
            weights[: len(recipe.sizes) // 2] = 2
        size = recipe.sizes[int(rng.choice(len(recipe.sizes), p=weights / weights.sum()))]
    elif recipe.aspects is not None:
        size = _drawn_size(recipe, recipe.aspects, rng)
    views = recipe.views
    if recipe.fewest_views:
        views = int(rng.integers(recipe.fewest_views, recipe.views + 1))
    sequences = max(recipe.images // views, 1) if recipe.images else recipe.sequences
    return BatchShape(size, views, sequences)


def _drawn_size(
    recipe: DataRecipe, aspects: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int]:
    """(W, H): multiples of the patch, the height never 0."""
    aspect, step = float(rng.uniform(*aspects)), recipe.multiple
    width = float(recipe.width)
    if recipe.pixels is not None:
        width = float(np.sqrt(rng.uniform(*recipe.pixels) / aspect))
    columns = max(int(np.round(width / step)), 1)
    rows = max(int(width * aspect / step), 1)
    return columns * step, rows * step


def _fitted(view: View, crop: Crop, rng: np.random.Generator) -> View:
    """As it is where it has the size already."""
    height, width = view.depth.shape
    return view if (width, height) == crop.size and crop.margin <= 1 else crop(view, rng)


def _jittered(views: list[View], each: bool, rng: np.random.Generator) -> list[View]:
    jitter = Jitter(rng)
    changed = []
    for number, view in enumerate(views):
        if each and number:
            jitter = Jitter(rng)
        changed.append(replace(view, image=jitter(view.image)))
    return changed


def joined(samples: Sequence[Sequence[View]], traits: Sequence[SetTraits]) -> TrainingBatch:
    """Sequences of equally many views of one size. The world is moved to their first cameras, in
    float64: rooms far from their origin lose no digits."""
    depth = _stacked(samples, lambda view: view.depth)
    poses = _stacked(samples, lambda view: view.T_world_camera)
    T = torch.linalg.inv(poses[:, :1].double()) @ poses.double()
    intrinsics = _stacked(samples, lambda view: view.intrinsics).float()
    images = _stacked(samples, lambda view: view.image).float() / 255
    points = points_of(depth, intrinsics, T.float())
    metric, camera_only, single = torch.tensor(
        [(each.metric, each.camera_only, each.single_view) for each in traits]
    ).unbind(1)
    return TrainingBatch(
        images=((images - 0.5) / 0.5).permute(0, 1, 4, 2, 3).contiguous(),
        depth=depth,
        T_world_camera=T.float(),
        intrinsics=intrinsics,
        points=points,
        valid=(depth > 0) & points.isfinite().all(-1),
        sky=depth < 0,
        shows_image=torch.ones(depth.shape[:2], dtype=torch.bool),
        kinds=SampleKinds(metric, camera_only, torch.zeros_like(metric), single),
        resets=single[:, None].expand(depth.shape[:2]) if bool(single.any()) else None,
    )


def _stacked(samples, of) -> torch.Tensor:  # type: ignore[no-untyped-def]
    return torch.from_numpy(np.stack([[of(view) for view in views] for views in samples]))
