"""Each published recipe builds its network and takes a step at its published sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training_memory import META, PUBLISHED, MetaStep, meta_step, tensors_in

from mapper.errors import ConfigError
from mapper.train.recipe import load_recipe

QUICK = ("cut3r-stage2", "vggt-finetune")
EACH = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED]
# Parameters of the network, and those that are trained.
SIZES = {
    "cut3r-stage1": (748_443_655, 748_443_655),
    "cut3r-stage2": (748_443_655, 748_443_655),
    "cut3r-stage3": (793_307_858, 793_307_858),
    "cut3r-stage4": (793_307_858, 463_438_546),
    "stream3r": (1_190_596_120, 886_223_384),
    "streamvggt-distill": (1_256_537_516, 952_154_540),
    "vggt-finetune": (1_256_537_516, 248_829_172),
    "wint3r": (749_463_922, 749_463_922),
}


def test_every_published_training_has_a_recipe() -> None:
    assert set(PUBLISHED) == set(SIZES)


@pytest.mark.parametrize("name", EACH)
def test_a_step_at_published_sizes(name: str) -> None:
    """On torch's meta device: shapes and types without numbers."""
    step = meta_step(name)
    assert (step.parameters, step.trained) == SIZES[name]
    check_output(step)
    check_gradients(step)
    assert step.kept > step.batch.images.nbytes


def check_output(step: MetaStep) -> None:
    """Maps of every view have the size of the images, and all is float32."""
    tensors = [tensor for output in step.said for tensor in tensors_in(output)]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    size = step.batch.depth.shape[-2:]
    maps = [tensor for tensor in tensors if tensor.ndim >= 4 and tensor.shape[2:4] == size]
    views = sum(tensor.shape[1] for tensor in maps if tensor.ndim == 4)
    assert maps and views >= step.batch.images.shape[1]


def check_gradients(step: MetaStep) -> None:
    """Of what is trained and nothing else."""
    trained = used = 0
    for name, parameter in step.model.named_parameters():
        assert parameter.requires_grad or parameter.grad is None, name
        trained += parameter.numel() * parameter.requires_grad
        if parameter.grad is not None:
            assert parameter.grad.shape == parameter.shape and parameter.grad.device == META
            used += parameter.numel()
    assert used > 0.8 * trained


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("long=true", "of cut3r alone"),
        ("data.rays_alone=0.1", "of cut3r alone"),
        ("alpha=1", "of cut3r alone"),
        ("loss=points", "of vggt and streamvggt"),
        ("data.fewest_views=20", "more than views"),
        ("data.pixels=[1000, 2000]", "give aspects"),
    ],
)
def test_a_recipe_with_what_does_nothing_is_refused(change: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_recipe("stream3r", [change])


def test_a_file_without_a_model_is_no_recipe(tmp_path: Path) -> None:
    """Else it would be a network of a billion parameters, by default."""
    file = tmp_path / "mine.yaml"
    for text in ("", "steps: 3\n"):
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"mine\.yaml: names no model"):
            load_recipe(str(file), [])
    assert load_recipe(str(file), ["model=cut3r"]).steps == 3
    with pytest.raises(ConfigError, match="network=3: expected keys with values"):
        load_recipe(str(file), ["model=cut3r", "network=3"])
    with pytest.raises(ConfigError, match="freeze=3: expected a list"):
        load_recipe(str(file), ["model=cut3r", "freeze=3"])
