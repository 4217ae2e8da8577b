"""What decays and what is frozen, as published."""

from __future__ import annotations

import pytest

from mapper.errors import ConfigError
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.network import Vggt
from mapper.train.parameters import Optimisation, freeze, parameter_groups

TINY = VggtConfig(
    img_size=28, embed_dim=16, vit_depth=1, vit_heads=2, agg_depth=1, agg_heads=2,
    cam_trunk_depth=1, cam_heads=2, dpt_features=8, dpt_out_channels=(8, 8, 8, 8),
    dpt_layer_idx=(0, 0, 0, 0),
)  # fmt: skip


def test_biases_and_norms_do_not_decay_and_tokens_do() -> None:
    model = Vggt(TINY)
    groups = parameter_groups(model, Optimisation())
    by_decay = {group["weight_decay"]: {id(p) for p in group["params"]} for group in groups}
    assert set(by_decay) == {0.0, 0.05}
    assert id(model.aggregator.camera_token) in by_decay[0.05]
    assert id(model.aggregator.frame_blocks[0].norm1.weight) in by_decay[0.0]  # type: ignore[union-attr]
    everything = parameter_groups(model, Optimisation("all"))
    assert len(everything) == 1 and everything[0]["weight_decay"] == 0.05


def test_what_is_frozen_is_in_no_group_and_a_wrong_name_is_refused() -> None:
    model = Vggt(TINY)
    before = sum(len(group["params"]) for group in parameter_groups(model, Optimisation()))
    frozen = freeze(model, ["aggregator.patch_embed"])
    after = sum(len(group["params"]) for group in parameter_groups(model, Optimisation()))
    still = sum(name.endswith("mask_token") for name in frozen)  # which never had a gradient
    assert len(frozen) > 5 and before - after == len(frozen) - still
    with pytest.raises(ConfigError, match="no parameter"):
        freeze(model, ["agregator"])
