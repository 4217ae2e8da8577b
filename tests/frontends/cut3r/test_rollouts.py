"""Rollouts from every image against the plain network, frame by frame."""

from __future__ import annotations

import pytest
import torch
from golden.cut3r_sequences import build
from golden.recording import Golden
from torch import Tensor

from mapper.core.image_pairs import pair_indices, rollout_indices
from mapper.errors import InputError
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.rollouts import rollout_pairs
from mapper.frontends.cut3r.state import StreamInput
from mapper.frontends.cut3r.stepping import Rollout, StepOptions, whole_sequence
from mapper.frontends.cut3r.update_rules import ReplaceRule, TemporalSpatialRule, UpdateRule
from mapper.frontends.layers.encoded import Encoded
from tests.support.networks.cut3r_streams import stream
from tests.support.networks.tiny_cut3r import random_network
from tests.support.paths import COMMITTED_GOLDEN

FOLDER = COMMITTED_GOLDEN / "cut3r"


pytestmark = pytest.mark.usefixtures("only_one_thread")


def pictures(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(8)
    return [torch.rand(3, 48, 64, generator=generator) * 2 - 1 for _ in range(count)]


@torch.inference_mode()
def plainly(model: Cut3r, images: list[Tensor], rule: UpdateRule) -> dict[tuple[int, int], list]:
    """Every rollout with all heads, every image encoded as often as it is seen."""
    options = StepOptions(rule, whole_sequence(any_ray_map=False), world=True)
    found = {}
    for root, *others in rollout_indices(len(images)):
        views = [StreamInput(image=images[k][None]) for k in (root, *others)]
        first, *rest = list(stream(model, views, options))
        for other, seen in zip(others, rest, strict=True):
            maps = (first.pointmap, first.confidence, seen.pointmap_world, seen.confidence_world)
            found[root, other] = [m[0] for m in maps if m is not None]
    return found


def check(model: Cut3r, rule: UpdateRule) -> None:
    images = pictures(4)
    pairs = rollout_pairs(model, images, rule)
    assert [(pair.i, pair.j) for pair in pairs] == pair_indices(4)
    expected = plainly(model, images, rule)
    for pair in pairs:
        maps = (pair.pointmap_i, pair.confidence_i, pair.pointmap_j, pair.confidence_j)
        for ours, theirs in zip(maps, expected[pair.i, pair.j], strict=True):
            torch.testing.assert_close(torch.from_numpy(ours), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head", ["dpt", "linear"])
def test_pairs_are_those_of_the_recorded_network(head: str) -> None:
    check(build(Golden.open(FOLDER / f"weights_tiny_{head}.json")), ReplaceRule())


def test_the_update_rule_of_the_model_applies() -> None:
    check(random_network(), TemporalSpatialRule())


def test_an_image_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = random_network(), pictures(5)
    calls: list[StreamInput] = []
    done: list[int] = []
    encode = Cut3r.encode

    def counted(model: Cut3r, view: StreamInput, rollout: Rollout) -> Encoded:
        calls.append(view)
        return encode(model, view, rollout)

    monkeypatch.setattr(Cut3r, "encode", counted)
    pairs = rollout_pairs(network, images, ReplaceRule(), done.append)
    assert len(calls) == 5 and done == list(range(1, 10))
    assert len(pairs) == 10
    assert all(pair.confidence_i.min() > 1 for pair in pairs)


def test_images_of_several_sizes_and_broken_outputs_are_refused() -> None:
    network = random_network()
    with pytest.raises(InputError, match="differ in size"):
        rollout_pairs(network, [torch.zeros(3, 48, 64), torch.zeros(3, 48, 48)], ReplaceRule())
    broken = pictures(3)
    broken[2][0, 5, 5] = torch.nan
    with pytest.raises(InputError, match=r"image 2: .* not finite"):
        rollout_pairs(network, broken, ReplaceRule())
