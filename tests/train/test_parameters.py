"""What decays and what is frozen, as published."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from mapper.errors import ConfigError
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.network import Vggt
from mapper.train.parameters import Optimisation, freeze, optimiser, parameter_groups
from tests.support.paths import COMMITTED_GOLDEN, FULL_GOLDEN

RECORDED = "training/parameter_groups.json"
CUT3R_ENCODER = [
    *("patch_embed", "patch_embed_ray_map", "masked_img_token", "masked_ray_map_token"),
    *("enc_blocks", "enc_blocks_ray_map", "enc_norm", "enc_norm_ray_map"),
]
TINY = VggtConfig(
    img_size=28, embed_dim=16, vit_depth=1, vit_heads=2, agg_depth=1, agg_heads=2,
    cam_trunk_depth=1, cam_heads=2, dpt_features=8, dpt_out_channels=(8, 8, 8, 8),
    dpt_layer_idx=(0, 0, 0, 0),
)  # fmt: skip


def test_biases_and_norms_do_not_decay_and_tokens_do() -> None:
    model = Vggt(TINY)
    groups = parameter_groups(model.named_parameters(), Optimisation())
    by_decay = {group["weight_decay"]: {id(p) for p in group["params"]} for group in groups}
    assert set(by_decay) == {0.0, 0.05}
    assert id(model.aggregator.camera_token) in by_decay[0.05]
    assert id(model.aggregator.frame_blocks[0].norm1.weight) in by_decay[0.0]  # type: ignore[union-attr]
    everything = parameter_groups(model.named_parameters(), Optimisation("all"))
    assert len(everything) == 1 and everything[0]["weight_decay"] == 0.05


def test_what_is_frozen_is_in_no_group_and_a_wrong_name_is_refused() -> None:
    model = Vggt(TINY)
    before = sum(
        len(group["params"]) for group in parameter_groups(model.named_parameters(), Optimisation())
    )
    frozen = freeze(model, ["aggregator.patch_embed"])
    after = sum(
        len(group["params"]) for group in parameter_groups(model.named_parameters(), Optimisation())
    )
    still = sum(name.endswith("mask_token") for name in frozen)  # which never had a gradient
    assert len(frozen) > 5 and before - after == len(frozen) - still
    with pytest.raises(ConfigError, match="no parameter"):
        freeze(model, ["agregator"])
    freeze(model, ["*"])
    with pytest.raises(ConfigError, match="nothing of the network to train"):
        optimiser(model, Optimisation())


def recorded_groups() -> dict[str, list[dict[str, Any]]]:
    """Of the whole recording where it is at hand."""
    paths = [folder / RECORDED for folder in (COMMITTED_GOLDEN, FULL_GOLDEN)]
    texts = [path.read_text("utf-8") for path in paths if path.exists()]
    return {name: groups for text in texts for name, groups in json.loads(text)["groups"].items()}


@pytest.mark.parametrize(("name", "groups"), recorded_groups().items())
def test_cut3r_s_groups_are_the_recorded_ones(name: str, groups: list[dict[str, Any]]) -> None:
    """The publication makes four groups of two kinds: by decay, and by names, which says nothing.
    Within a kind the order is that of the network."""
    _, head, frozen = name.split("_")
    weights = json.loads(
        (COMMITTED_GOLDEN / "cut3r" / f"weights_tiny_{head}.json").read_text("utf-8")
    )
    with torch.device("meta"):
        model = Cut3r(Cut3rConfig.of(weights["config"], weights.get("dpt_overrides")))
    assert sorted(freeze(model, CUT3R_ENCODER if frozen == "encoder" else [])) == sorted(
        groups[-1]["frozen"]
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in parameter_groups(model.named_parameters(), Optimisation()):
        recorded = [each for each in groups[:-1] if each["weight_decay"] == group["weight_decay"]]
        expected = {name for each in recorded for name in each["names"]}
        assert {names[id(parameter)] for parameter in group["params"]} == expected
