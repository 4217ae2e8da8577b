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

RECIPES: Final = Path(__file__).resolve().parents[1] / "configs" / "training"


@settings
class DataRecipe:
    """What a batch is drawn from the scenes.

    width, height: pixels of the images. views: of each sequence. sequences: in each batch.
    longest_interval: images from a view to the next, at most. video: share of sequences whose
        views are in order. steady: share of those with equal intervals. block: views within so
        many are shuffled where they are no video; 0 = all.
    jitter: colours of each sequence are changed by chance, as photographs differ.
    """

    width: Count = 112
    height: Count = 84
    views: Count = 6
    sequences: Count = 4
    longest_interval: Count = 6
    video: Share = 0.8
    steady: Share = 0.5
    block: Whole = 0
    jitter: Switch = True


@settings
class RateRecipe:
    """The learning rate: straight from `start` to `highest` in `warm_up` steps, then down a cosine
    to `lowest` at the last step."""

    highest: Positive = 1e-3
    lowest: NonNegative = 1e-5
    start: NonNegative = 1e-6
    warm_up: Count = 200


@settings
class Recipe:
    """A training.

    model: whose network, loss and pre-processing. network: sizes that differ from the published
        ones, by their published names.
    data: what batches are drawn.
    rate: of learning.
    steps: of the optimiser. accumulate: batches of each. clip: norm of the gradient at most.
    decay: weight decay of AdamW, on matrices and tokens, or on all parameters.
    weight_decay, beta1, beta2: of AdamW.
    freeze: names of parameters that stay as they are, with * for anything.
    limit_images: STream3R's published bound on what an image's edges may cost.
    seed: of weights, batches and jitter.
    log_every, save_every, validate_every: steps. validation_batches: of each look.
    """

    model: Literal["stream3r"] = "stream3r"
    network: dict[str, Any] = field(default_factory=dict)
    data: DataRecipe = field(default_factory=DataRecipe)
    rate: RateRecipe = field(default_factory=RateRecipe)
    steps: Count = 1000
    accumulate: Count = 1
    clip: Positive = 1.0
    decay: Literal["matrices", "all"] = "matrices"
    weight_decay: NonNegative = 0.05
    beta1: Probability = 0.9
    beta2: Probability = 0.95
    freeze: list[str] = field(default_factory=list)
    limit_images: Switch = True
    seed: Whole = 0
    log_every: Count = 20
    save_every: Count = 200
    validate_every: Count = 500
    validation_batches: Count = 8


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
    try:
        return from_mapping(Recipe, changed(values, changes, Recipe))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
