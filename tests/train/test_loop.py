"""A training goes on after a break as if there had been none, and says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch
from torch import nn

from mapper.errors import ConfigError, DiskFullError, InputError
from mapper.frontends.cut3r.loading import load_cut3r
from mapper.frontends.vggt.loading import load_vggt
from mapper.frontends.wint3r.loading import load_wint3r
from mapper.runtime.atomic_files import atomic_write
from mapper.train import checkpoint
from mapper.train.batch import TrainingBatch
from mapper.train.data.batches import Batches, Source
from mapper.train.data.scene import View, packed_scenes
from mapper.train.loop import Training, no_room
from mapper.train.losses.terms import Loss
from mapper.train.networks import trained_network
from mapper.train.recipe import DataRecipe, RateRecipe, Recipe, load_recipe
from tests.support.networks.trained import CUT3R, VGGT, WINT3R, Wall

NETWORK = {
    "img_size": 28, "embed_dim": 16, "vit_depth": 1, "vit_heads": 2, "agg_depth": 4, "agg_heads": 2,
    "num_register_tokens": 1, "cam_trunk_depth": 1, "cam_heads": 2, "dpt_features": 8,
    "dpt_out_channels": [8, 8, 8, 8], "dpt_layer_idx": [0, 1, 2, 3],
}  # fmt: skip
RECIPE = Recipe(
    network=NETWORK,
    data=DataRecipe(width=28, height=28, views=3, sequences=2, longest_interval=2),
    rate=RateRecipe(highest=1e-3, warm_up=2),
    steps=6, log_every=1, save_every=2, validate_every=6, validation_batches=1,
)  # fmt: skip


class Corner:
    """A scene of eight views of a slanted wall, the camera moving along it."""

    def __len__(self) -> int:
        return 8

    def view(self, index: int) -> View:
        """One of them."""
        rng = np.random.default_rng(index)
        columns = np.arange(28, dtype=np.float32)
        depth = 2 + 0.02 * columns + np.zeros((28, 1), np.float32)
        T = np.eye(4)
        T[0, 3] = 0.1 * index
        K = np.array([[24.0, 0, 13.5], [0, 24.0, 13.5], [0, 0, 1]])
        return View(rng.integers(0, 256, (28, 28, 3), dtype=np.uint8), depth, T, K)


def training(folder: Path, recipe: Recipe = RECIPE) -> Training:
    folder.mkdir(exist_ok=True)
    batches = Batches([Source([Corner()])], recipe.data, 0)
    return Training(recipe, trained_network(recipe), batches, batches, folder, tell=lambda _: None)


def losses(folder: Path) -> list[float]:
    lines = map(json.loads, (folder / "log.jsonl").read_text("utf-8").splitlines())
    return [line["total"] for line in lines if "total" in line]


def test_a_training_that_was_stopped_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    assert training(tmp_path / "whole").run() == 6
    assert training(tmp_path / "parts", replace(RECIPE, steps=6)).run() == 6
    stopped = tmp_path / "stopped"
    one = training(stopped)
    real, calls = one.trained.objective, []

    def killed(batch: TrainingBatch) -> Iterator[Loss]:
        calls.append(1)
        if len(calls) == 6:  # in its sixth step, two after the last checkpoint
            raise KeyboardInterrupt
        return real(batch)

    with pytest.raises(KeyboardInterrupt):
        replace(one, trained=replace(one.trained, objective=killed)).run()
    assert training(stopped).run() == 6
    assert losses(stopped)[-2:] == losses(tmp_path / "whole")[-2:]
    saved = [load_vggt(tmp_path / name, "stream3r") for name in ("whole", "parts")]
    for a, b in zip(saved[0].parameters(), saved[1].parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("recipe", "load"),
    [
        (Recipe(model="cut3r", network=CUT3R | {"img_size": 48}), load_cut3r),
        (Recipe(model="wint3r", network=WINT3R), load_wint3r),
        (Recipe(model="vggt", network=VGGT), partial(load_vggt, model="vggt")),
    ],
    ids=["cut3r", "wint3r", "vggt"],
)
def test_what_was_trained_is_what_a_frontend_reads(
    recipe: Recipe, load: Callable[[Path], nn.Module], tmp_path: Path
) -> None:
    data = DataRecipe(width=112, height=112, views=2, sequences=1)
    recipe = replace(recipe, data=data, steps=2, rate=RateRecipe(warm_up=1))
    batches = Batches([Source([Wall()])], data, 0)
    trained = trained_network(recipe)
    Training(recipe, trained, batches, None, tmp_path, tell=lambda _: None).run()
    read = load(tmp_path)
    for name, parameter in trained.model.named_parameters():
        assert torch.equal(parameter, read.get_parameter(name)), name
    if recipe.model == "cut3r":
        assert read.config.img_size == 48  # type: ignore[union-attr]


def test_it_learns(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=30, rate=RateRecipe(highest=3e-3, warm_up=3))
    training(tmp_path / "t", recipe).run()
    found = losses(tmp_path / "t")
    assert np.mean(found[-5:]) < 0.8 * np.mean(found[:5])


def test_another_recipe_does_not_go_on_in_its_folder(tmp_path: Path) -> None:
    training(tmp_path / "t", replace(RECIPE, steps=2)).run()
    with pytest.raises(InputError, match=r"another recipe .*seed"):
        training(tmp_path / "t", replace(RECIPE, seed=1)).run()


def test_a_training_by_a_recipe_with_fewer_keys_goes_on(tmp_path: Path) -> None:
    """As those were that were saved before today's keys were there."""
    training(tmp_path / "t", replace(RECIPE, steps=2)).run()
    path = tmp_path / "t" / "training.pt"
    state = torch.load(path, weights_only=True)
    del state["recipe"]["precision"], state["recipe"]["rate"]["curve"]
    torch.save(state, path)
    assert training(tmp_path / "t").run() == 6
    del state["recipe"]["seed"]
    torch.save(state, path)
    with pytest.raises(InputError, match=r"another recipe .*seed"):
        training(tmp_path / "t", replace(RECIPE, seed=1)).run()


def test_losses_that_are_no_numbers_stop_it_with_the_remedy(tmp_path: Path) -> None:
    one = training(tmp_path / "t", replace(RECIPE, steps=20))

    def broken(batch: TrainingBatch) -> Iterator[Loss]:
        for loss in one.trained.objective(batch):
            yield Loss(loss.total * torch.nan, loss.parts)

    with pytest.raises(InputError, match=r"rate\.highest"):
        replace(one, trained=replace(one.trained, objective=broken)).run()


def test_recipes_and_data_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stream3r-mini"):
        load_recipe("mini", [])
    with pytest.raises(ConfigError, match="sequencs"):
        load_recipe("stream3r-mini", ["data.sequencs=2"])
    assert load_recipe("stream3r-mini", ["data.sequences=2"]).data.sequences == 2
    with pytest.raises(InputError, match="make_rooms"):
        packed_scenes(tmp_path)
    (tmp_path / "train_00000.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as npz"):
        packed_scenes(tmp_path)[0].view(0)


def test_a_batch_that_does_not_fit_names_the_setting_that_halves_it(tmp_path: Path) -> None:
    one = training(tmp_path / "t", replace(RECIPE, recompute=True))

    def full(batch: TrainingBatch) -> Iterator[Loss]:
        raise torch.OutOfMemoryError("CUDA out of memory")
        yield

    with pytest.raises(InputError, match=r"data\.sequences=1"):
        replace(one, trained=replace(one.trained, objective=full)).run()
    kept = replace(RECIPE, recompute=True)
    assert "recompute" in no_room(RECIPE)
    assert "data.images=12" in no_room(replace(kept, data=replace(RECIPE.data, images=24)))
    assert "data.views=2" in no_room(replace(kept, data=replace(RECIPE.data, sequences=1)))


@dataclass
class Full:
    """A file on a disk with so much room."""

    file: IO[bytes]
    room: int

    def write(self, part: bytes) -> int:
        self.room -= len(part)
        if self.room < 0:
            raise OSError(ENOSPC, "No space left on device")
        return self.file.write(part)

    def flush(self) -> None:
        self.file.flush()


def test_a_full_disk_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training(tmp_path / "t", replace(RECIPE, steps=2)).run()
    state = (tmp_path / "t" / "training.pt").read_bytes()

    @contextmanager
    def full(path: Path, mode: str = "w") -> Iterator[Full]:
        with atomic_write(path, mode) as file:
            yield Full(file, len(state) // 2)

    monkeypatch.setattr(checkpoint, "atomic_write", full)
    with pytest.raises(DiskFullError, match="No space"):
        training(tmp_path / "t").run()
    monkeypatch.undo()
    assert (tmp_path / "t" / "training.pt").read_bytes() == state
    assert training(tmp_path / "t").run() == 6


def test_weights_to_start_from_are_taken_as_far_as_they_fit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = DataRecipe(width=112, height=112, views=2, sequences=1)
    teacher = Recipe(model="vggt", network=VGGT, data=data, steps=1, seed=3)
    batches = Batches([Source([Wall()])], data, 0)
    Training(teacher, trained_network(teacher), batches, None, tmp_path, tell=lambda _: None).run()
    student = trained_network(Recipe(model="streamvggt", network=VGGT), tmp_path)
    taught = load_vggt(tmp_path, "vggt").state_dict()
    for name, tensor in student.model.state_dict().items():
        assert torch.equal(tensor, taught[name]), name
    (loss,) = student.objective(batches[0])
    assert np.isfinite(float(loss.total.detach()))
    wider = {**VGGT, "dpt_out_channels": [8, 8, 8, 16]}
    trained_network(Recipe(network=wider), tmp_path)
    assert "starts as drawn, not in it: depth_head" in caplog.text
    with pytest.raises(InputError, match="tensors fit the recipe's network"):
        trained_network(Recipe(model="cut3r", network=CUT3R), tmp_path)
