"""Views, batches and epochs are drawn as recorded of the published data pipelines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mapper.train.data.sampling import BatchPlan, resized, stream3r_rows
from mapper.train.data.view_selection import ViewRule, choose_views
from tests.support.paths import COMMITTED_GOLDEN

RECORDED = json.loads((COMMITTED_GOLDEN / "training" / "data_pipeline.json").read_text("utf-8"))


def test_views_are_those_that_a_seed_gives() -> None:
    assert len(RECORDED["view_selection"]) > 20
    for of in RECORDED["view_selection"]:
        rule = ViewRule(
            (1, of.get("max_interval", 25)),
            of.get("video_prob", 0.5),
            of.get("fix_interval_prob", 0.5),
            of.get("block_shuffle"),
            repeats=True,
        )
        rng = np.random.default_rng(of["seed"])
        chosen = choose_views(of["num_views"], of["start"], of["images"], rule, rng)
        assert chosen == (of["positions"], of["ordered_video"]), of


def test_a_scene_that_is_too_short_is_refused_unless_views_may_come_again() -> None:
    with pytest.raises(ValueError, match="too few"):
        choose_views(6, 2, 5, ViewRule(), np.random.default_rng(0))
    again = choose_views(6, 0, 5, ViewRule(repeats=True), np.random.default_rng(0))
    assert len(again.positions) == 6 and set(again.positions) <= set(range(5))


def test_batches_share_size_and_length_as_recorded() -> None:
    for of in RECORDED["sampler"]:
        plan = BatchPlan(of["batch_size"], of["resolutions"], (of["min_views"], of["max_views"]))
        rows = plan.rows(of["samples"], of["epoch"])
        assert [list(row) for row in rows] == of["index_resolution_views"]
    for of in RECORDED["sampler_stream3r"]:
        drawn = stream3r_rows(of["samples"], of["resolutions"], of["batch_size"], of["epoch"])
        assert [list(row) for row in drawn] == of["index_resolution"]


def test_an_epoch_of_another_size_is_made_as_recorded() -> None:
    for of in RECORDED["resized"]:
        assert resized(of["dataset_length"], of["size"], of["epoch"]) == of["mapping"]
