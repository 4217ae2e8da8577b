"""What a training is made of: network, data, loss, optimiser; a YAML file that one can read."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any, Final, Literal

from mapper.config.loader import changed
from mapper.core.quantities import Count, NonNegative, Positive, Probability, Share, Switch, Whole
from mapper.core.settings_model import from_mapping, settings
from mapper.core.yaml_text import read_mapping
from mapper.errors import ConfigError
from mapper.train.losses.terms import ALPHA
from mapper.train.schedules import EpochCosine, OneCycle, Schedule, ShareCosine, StepCosine

RECIPES: Final = Path(__file__).resolve().parents[1] / "configs" / "training"


Pair = tuple[Positive, Positive]


@settings
class DataRecipe:
    """What a batch is drawn from the scenes.

    width, height: pixels of the images. sizes: of which each batch has one, [width, height] each,
        instead. aspects: lowest and highest height a width, of which each batch has one, instead.
    favour_first: the first half of the sizes comes twice as often.
    pixels: fewest and most of an image, where there are aspects; [] = `width` says it. multiple:
        what both sides are a multiple of, where there are aspects.
    margin: pixels by which an image is resized too large at most, to be cut at random sizes.
    views: of each sequence. fewest_views: of a batch, where they vary; 0 = all have `views`.
    sequences: in each batch. images: in each batch, whatever the views; 0 = `sequences` says it.
    longest_interval: images from a view to the next, at most. video: share of sequences whose
        views are in order. steady: share of those with equal intervals. block: views within so
        many are shuffled where they are no video; 0 = all. repeats: scenes that are too short show
        images again.
    rays_alone, rays_too: shares of views that show the network their rays instead of the image, and
        beside it.
    jitter: colours of each sequence are changed by chance, as photographs differ. jitter_each: of
        each view, instead.
    """

    width: Count = 112
    height: Count = 84
    sizes: tuple[tuple[Count, Count], ...] = ()
    favour_first: Switch = False
    aspects: Pair | None = None
    pixels: Pair | None = None
    multiple: Count = 14
    margin: Whole = 0
    views: Count = 6
    fewest_views: Whole = 0
    sequences: Count = 4
    images: Whole = 0
    longest_interval: Count = 6
    video: Share = 0.8
    steady: Share = 0.5
    block: Whole = 0
    repeats: Switch = False
    rays_alone: Share = 0.0
    rays_too: Share = 0.0
    jitter: Switch = True
    jitter_each: Switch = False

    def __post_init__(self) -> None:
        if self.fewest_views > self.views:
            raise ValueError(f"fewest_views {self.fewest_views}: more than views, {self.views}")
        if self.sizes and self.aspects:
            raise ValueError("sizes and aspects: give one of them")
        if self.pixels and not self.aspects:
            raise ValueError("pixels: give aspects too")


@settings
class RateRecipe:
    """The learning rate over the steps.

    curve: from_start: straight from `start` to `highest` in `warm_up` steps, then down a cosine to
        `lowest` at the last step (STream3R). from_zero: the same from 0 (CUT3R, StreamVGGT).
        from_lowest: the same from `lowest` (VGGT). down: down the cosine from the first step on
        (WinT3R).
    """

    highest: Positive = 1e-3
    lowest: NonNegative = 1e-5
    start: NonNegative = 1e-6
    warm_up: Whole = 200
    curve: Literal["from_start", "from_zero", "from_lowest", "down"] = "from_start"

    def schedule(self, steps: int) -> Schedule:
        """Of a training of so many steps."""
        if self.curve == "from_start":
            return StepCosine(self.highest, self.lowest, self.start, self.warm_up, steps)
        if self.curve == "from_zero":
            return EpochCosine(self.highest, self.lowest, self.warm_up, steps)
        if self.curve == "from_lowest":
            return ShareCosine(self.highest, self.lowest, self.warm_up / steps, steps)
        return OneCycle(self.highest, self.lowest, steps)


@settings
class Recipe:
    """A training.

    model: whose network, loss and pre-processing. network: sizes that differ from the published
        ones, by their published names.
    loss: published: the model's own, of StreamVGGT the distillation. all_alike: CUT3R's of stages 1
        and 4, which does not judge a sequence by what its truth is worth. points: CUT3R's loss for
        the points and cameras of VGGT or StreamVGGT. cameras: of STream3R's published loss the
        part of the cameras alone; no map is computed.
    long: CUT3R's sequences are decoded in chunks, of which the last four are trained.
        step_each_chunk: published; the optimiser moves after each, else once a batch.
    last_view_decides: CUT3R's published rule that a sequence whose last view shows rays alone has
        no loss of poses.
    limit_images: STream3R's published bound on what an image's edges may cost.
    cameras: what the cameras' part of STream3R's or CUT3R's loss weighs. matching: weight of what
        the first head of global attention matching_block of STream3R, of cross attention
        matching_block of CUT3R (from 1 on), is told of where patches are seen again; 0 = nothing,
        as published.
    alpha: what the logarithm of a confidence weighs in CUT3R's loss; published: 0.2. Where errors
        are above it, confidences are all at their least.
    data: what batches are drawn.
    rate: of learning.
    steps: of the optimiser. accumulate: batches of each. clip: norm of the gradient at most, 0 =
        any.
        clip_parts: parts of the network that are clipped each by itself; [] = the whole.
    matrices: the rate at which the matrices of blocks are moved by Muon, as a multiple of the
        others' rate; 0 = all by AdamW, as published.
    decay: weight decay of AdamW, on matrices and tokens, or on all parameters.
    weight_decay, beta1, beta2: of AdamW.
    freeze: names of parameters that stay as they are, with * for anything.
    precision: of products in the trunk; heads, losses and weights are float32.
    recompute: blocks and dense heads keep nothing for the gradient, and are computed again: a third
        more work, several times less memory.
    seed: of weights, batches and jitter.
    log_every, save_every, validate_every: steps. validation_batches: of each look.
    """

    model: Literal["cut3r", "stream3r", "streamvggt", "vggt", "wint3r"] = "stream3r"
    network: dict[str, Any] = field(default_factory=dict)
    loss: Literal["published", "all_alike", "points", "cameras"] = "published"
    long: Switch = False
    step_each_chunk: Switch = False
    last_view_decides: Switch = False
    data: DataRecipe = field(default_factory=DataRecipe)
    rate: RateRecipe = field(default_factory=RateRecipe)
    steps: Count = 1000
    accumulate: Count = 1
    clip: NonNegative = 1.0
    clip_parts: list[str] = field(default_factory=list)
    decay: Literal["matrices", "all"] = "matrices"
    weight_decay: NonNegative = 0.05
    beta1: Probability = 0.9
    beta2: Probability = 0.95
    freeze: list[str] = field(default_factory=list)
    limit_images: Switch = False
    cameras: Positive = 1.0
    alpha: Positive = ALPHA
    matching: NonNegative = 0.0
    matching_block: Whole = 2
    matrices: NonNegative = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    recompute: Switch = False
    seed: Whole = 0
    log_every: Count = 20
    save_every: Count = 200
    validate_every: Count = 500
    validation_batches: Count = 8

    def __post_init__(self) -> None:
        of_cut3r = {
            "long": self.long,
            "step_each_chunk": self.step_each_chunk,
            "last_view_decides": self.last_view_decides,
            "data.rays_alone": self.data.rays_alone,
            "data.rays_too": self.data.rays_too,
            "loss all_alike": self.loss == "all_alike",
            "alpha": self.alpha != ALPHA,
        }
        chosen = [name for name, value in of_cut3r.items() if value]
        if chosen and self.model != "cut3r":
            raise ValueError(f"{chosen[0]}: of cut3r alone, not of {self.model}")
        if self.loss == "points" and self.model not in ("vggt", "streamvggt"):
            raise ValueError(f"loss points: of vggt and streamvggt, not of {self.model}")
        told = {
            "cameras": self.cameras != 1,
            "matching": self.matching > 0,
        }
        chosen = [name for name, value in told.items() if value]
        if chosen and self.model not in ("stream3r", "cut3r"):
            raise ValueError(f"{chosen[0]}: of stream3r and cut3r, not of {self.model}")
        if chosen and self.long:
            raise ValueError(f"{chosen[0]}: of whole sequences, not of long ones")
        if self.loss == "cameras" and self.model != "stream3r":
            raise ValueError(f"loss cameras: of stream3r alone, not of {self.model}")
        if self.step_each_chunk and (not self.long or self.accumulate > 1):
            raise ValueError("step_each_chunk: needs long, and accumulate 1")


def load_recipe(name: str, changes: list[str]) -> Recipe:
    """A YAML file, or one of configs/training by its name, changed by texts like "steps=10".

    Raises ConfigError with the names that there are, or with the key that is wrong.
    """
    path = Path(name)
    if not path.suffix:
        path = RECIPES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
        raise ConfigError(f"recipe {name}: no such file, and none of {known}")
    values = read_mapping(path)
    if "model" not in values and not any(text.startswith("model=") for text in changes):
        raise ConfigError(f"{path}: names no model; a recipe begins with a line like model: cut3r")
    try:
        return from_mapping(Recipe, changed(values, changes, Recipe))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
