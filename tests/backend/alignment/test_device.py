"""A solve stays on the device where the views are.

There need be no GPU: torch's "meta" device holds no numbers, so that whatever is read from it on
the host (item, tolist, numpy, cpu, a truth value) raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import Pairs, State
from mapper.backend.alignment.matching import Matches, match
from mapper.backend.alignment.problem import Problem
from mapper.backend.alignment.residuals import Weighting
from mapper.backend.alignment.solver import optimise
from mapper.backend.graph.edge import Edge, EdgeKind
from tests.support.plane_views import all_pairs, moved, plane_map, state_of, views_of

META = torch.device("meta")
TRUTH = (moved(), moved(0.12, 0.03, yaw=-0.03), moved(-0.1, 0.08, 0.05, pitch=0.02))
EDGE = Edge(0, 1, np.linalg.inv(TRUTH[0]) @ TRUTH[1], np.eye(7), EdgeKind.ODOMETRY)


@dataclass(frozen=True, slots=True)
class Start:
    problem: Problem
    state: State
    matches: Matches


class SameDevice(TorchDispatchMode):
    """Refuses operations on tensors of two devices, as a GPU would: the meta device lets some
    pass. And those that bring a tensor from one to another. A number may join from the host."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor) and x.ndim]
        made = [x for x in tree_leaves(result) if isinstance(x, torch.Tensor) and tensors]
        devices = {x.device.type for x in [*tensors, *made]}
        assert len(devices) < 2, f"{func} on {devices}"
        return result


@pytest.fixture
def all_nonzero() -> Iterator[None]:
    """How many entries a mask lets through, a device without numbers cannot say: all. Masks are
    pypose's, in exp and log; they count on the device, and move nothing off it."""
    import torch.fx.experimental._config as config

    before = config.meta_nonzero_assume_all_nonzero
    config.meta_nonzero_assume_all_nonzero = True
    yield
    config.meta_nonzero_assume_all_nonzero = before


def start_on(device: torch.device, ray: bool) -> Start:
    """Matches are found on the CPU, once a round; what follows is on the device."""
    views, state, pairs = views_of([plane_map(T) for T in TRUTH]), state_of(TRUTH), all_pairs(3)
    matches = match(views, state, pairs)
    views, state, matches = (carried(x, device) for x in (views, state, matches))
    edges = EdgeTerms([EDGE], 1.0, device)
    weighting = Weighting(1.0, 0.02, 3.0, ray)
    problem = Problem(views, carried(pairs, device), weighting, edges, 0.03, False, [0], True)
    return Start(problem, state, matches)


def carried(x: Any, device: torch.device) -> Any:
    """Every tensor of a dataclass, on another device."""
    if isinstance(x, torch.Tensor):
        return x.to(device)
    if isinstance(x, tuple):
        return tuple(carried(each, device) for each in x)
    if is_dataclass(x) and not isinstance(x, type):
        return replace(x, **{f.name: carried(getattr(x, f.name), device) for f in fields(x)})
    return x


@pytest.mark.usefixtures("all_nonzero")
@pytest.mark.parametrize("ray", [False, True])
def test_of_each_step_and_trial_the_host_is_told_one_number(
    monkeypatch: pytest.MonkeyPatch, ray: bool
) -> None:
    start = start_on(META, ray)
    # Once a round: who is matched with whom, for the order in which the views are eliminated.
    listed = {6: all_pairs(3).listed(), 1: [(0, 1)]}
    monkeypatch.setattr(Pairs, "listed", lambda pairs: listed[len(pairs)])
    assert len(start.problem.pair_places.first) == 6 and len(start.problem.edge_places.first) == 1
    assert start.problem.prior_information.device == META
    costs = iter([10.0, 8.0, 7.0, 9.0, 9.0, 5.0, 5.0, 4.999])
    monkeypatch.setattr("mapper.backend.alignment.solver.told", lambda cost: next(costs))
    with SameDevice():
        moved_on, cost, _ = optimise(start.problem, start.state, start.matches, 5)
    # Three steps, of which the second took three trials and the last gained too little to go on.
    assert next(costs, None) is None
    assert cost == (10.0, pytest.approx(10.0 * 0.8 * (5 / 7) * (4.999 / 5)))
    assert (
        moved_on.S_world_view.device == moved_on.grids.device == moved_on.log_focal.device == META
    )


def test_what_is_told_is_the_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without it being told the solve is not possible: here, with numbers, it is read."""
    start = start_on(torch.device("cpu"), False)
    read = []
    real = torch.Tensor.__float__

    def note(x: torch.Tensor) -> float:
        read.append(x.shape)
        return real(x)

    monkeypatch.setattr(torch.Tensor, "__float__", note)
    with SameDevice():
        optimise(start.problem, start.state, start.matches, 1)
    assert read == [torch.Size([])] * 2


@pytest.mark.usefixtures("all_nonzero")
def test_a_tensor_that_leaves_the_device_is_noticed() -> None:
    here = torch.zeros(3, device=META)
    with pytest.raises(RuntimeError):
        float(here.sum())
    with SameDevice():
        with pytest.raises(NotImplementedError):
            here.cpu()
        with pytest.raises(AssertionError, match="on "):
            here[torch.tensor([0, 1])]
