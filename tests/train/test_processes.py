"""Two processes, started as accelerate starts them, take the step of one that accumulates."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

from mapper.errors import ConfigError
from mapper.train import processes
from mapper.train.data.batches import Batches, Source
from mapper.train.loop import Training
from mapper.train.networks import trained_network
from mapper.train.processes import Together, started
from mapper.train.recipe import DataRecipe, RateRecipe, Recipe
from tests.support.networks.trained import CUT3R, Wall
from tests.support.paths import ROOT

# Rays on some views alone: a process may have no use for what another one trains.
RECIPE = Recipe(
    model="cut3r",
    network=CUT3R,
    data=DataRecipe(
        width=32, height=32, views=3, sequences=1, longest_interval=2, rays_alone=0.4, rays_too=0.1
    ),
    rate=RateRecipe(warm_up=1, highest=1e-3),
    steps=3, accumulate=1, log_every=1,
)  # fmt: skip


def train(folder: Path, **changes: Any) -> None:
    """What each process runs; alone where it was started alone."""
    torch.set_num_threads(1)
    recipe = replace(RECIPE, **changes)
    folder.mkdir(parents=True, exist_ok=True)
    batches = Batches([Source([Wall(side=32)])], recipe.data, 0)
    told: list[str] = []
    Training(
        recipe, trained_network(recipe), batches, None, folder, tell=told.append,
        processes=started(),
    ).run()  # fmt: skip


def in_two_processes(folders: list[Path], changes: list[dict[str, Any]]) -> None:
    """One training after the other, by the variables that accelerate launch and torchrun set."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import json, sys, pathlib\n"
        "from tests.train.test_processes import train\n"
        "for folder, changes in json.loads(sys.argv[1]):\n"
        "    train(pathlib.Path(folder), **changes)\n"
    )
    running = []
    for rank in range(2):
        places = {
            "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tools'}",
        }  # fmt: skip
        tasks = json.dumps([*zip(map(str, folders), changes, strict=True)])
        command = [sys.executable, "-c", code, tasks]
        running.append(
            subprocess.Popen(command, env={**os.environ, **places}, stderr=subprocess.PIPE)
        )
    for each in running:
        _, errors = each.communicate(timeout=240)
        assert each.returncode == 0, errors.decode()


def state(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "training.pt", weights_only=True)


@pytest.mark.slow
def test_two_processes_give_the_gradients_of_one(tmp_path: Path) -> None:
    """AdamW's first moments after a step are the gradients. Of long sequences too, whose published
    training averages nothing."""
    pytest.importorskip("accelerate")
    kinds: list[dict[str, Any]] = [{"long": False, "steps": 1}, {"long": True, "steps": 1}]
    folders = [tmp_path / "whole", tmp_path / "long"]
    in_two_processes(folders, kinds)
    for folder, changes in zip(folders, kinds, strict=True):
        train(tmp_path / "one" / folder.name, accumulate=2, **changes)
        one, two = state(tmp_path / "one" / folder.name), state(folder)
        moments = [each["optimiser"]["state"] for each in (one, two)]
        assert moments[0].keys() == moments[1].keys() and len(moments[0]) > 50
        for number, moment in moments[0].items():
            gradient, other = moment["exp_avg"], moments[1][number]["exp_avg"]
            # The image encoder turns queries and keys in float16.
            assert float((gradient - other).abs().max()) <= 1e-4 * float(gradient.abs().max())


def test_a_group_of_one_leaves_gradients_as_they_are(tmp_path: Path) -> None:
    """Where nobody has one there is none; what is sent in buckets comes back in its places."""
    store = f"file://{tmp_path / 'store'}"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        together = Together(torch.device("cpu"), 1, 0)
        parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((2, 3), (4,), (1,))]
        kept = [torch.randn(2, 3), None, torch.randn(1)]
        for parameter, gradient in zip(parameters, kept, strict=True):
            parameter.grad = gradient
        together.average_gradients(parameters)
        assert parameters[1].grad is None
        for number in (0, 2):
            assert torch.equal(parameters[number].grad, kept[number])  # type: ignore[arg-type]
        assert together.means({"a": 1.5, "b": -2.0}) == {"a": 1.5, "b": -2.0}
        assert together.agree(True) and not together.agree(False)
    finally:
        distributed.destroy_process_group()


def test_a_process_among_several_needs_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)  # importing it fails
    with pytest.raises(ConfigError, match="extra train: pip install accelerate"):
        started()


def test_buckets_hold_all_parameters_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "BUCKET", 10)
    parameters = [torch.nn.Parameter(torch.zeros(count)) for count in (4, 5, 3, 20, 1)]
    found = processes._buckets(parameters)
    assert [[p.numel() for p in bucket] for bucket in found] == [[4, 5], [3], [20], [1]]
