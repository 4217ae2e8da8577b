"""What the log says is drawn, where somebody asked for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mapper.errors import ConfigError
from mapper.train.curves import TENSORBOARD, TensorboardCurves, by_curve
from mapper.train.data.batches import Batches, Source
from mapper.train.loop import Training
from mapper.train.networks import trained_network
from tests.train.test_loop import RECIPE, Corner


class Kept:
    def __init__(self) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []

    def add(self, step: int, values: Mapping[str, float]) -> None:
        self.points.append((step, dict(values)))

    def close(self) -> None:
        """Nothing is open."""


def test_every_line_of_the_log_is_a_point_on_each_curve(tmp_path: Path) -> None:
    recipe, kept = replace(RECIPE, steps=2, validate_every=2), Kept()
    batches = Batches([Source([Corner()])], recipe.data, 0)
    Training(
        recipe,
        trained_network(recipe),
        batches,
        batches,
        tmp_path,
        tell=lambda _: None,
        curves=[kept],
    ).run()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [step for step, _ in kept.points] == [line["step"] for line in lines] == [1, 2, 2]
    assert kept.points[0][1]["training/total"] == lines[0]["total"]
    assert kept.points[2][1]["validation/depth"] == lines[2]["validation"]["depth"]


def test_numbers_of_a_line_have_names_of_their_own() -> None:
    assert by_curve({"step": 3, "rate": 0.1, "total": 2}) == {
        "training/rate": 0.1,
        "training/total": 2.0,
    }
    assert by_curve({"step": 3, "validation": {"total": 1}}) == {"validation/total": 1.0}


def test_tensorboard_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = TensorboardCurves(tmp_path)
    curves.add(5, {"training/total": 0.5})
    curves.close()
    read = EventAccumulator(str(tmp_path / TENSORBOARD))
    read.Reload()
    (point,) = read.Scalars("training/total")
    assert (point.step, point.value) == (5, 0.5)


def test_without_its_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="pip install tensorboard"):
        TensorboardCurves(tmp_path)
