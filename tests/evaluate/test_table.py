"""Tables, their plots, and comparisons of two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mapper.evaluate.averages import summary_of
from mapper.evaluate.comparison import compare
from mapper.evaluate.job import BenchRequest
from mapper.evaluate.page import as_html
from mapper.evaluate.protocol import DepthProtocol, FrameSelection, Protocol
from mapper.evaluate.provenance import request_record
from mapper.evaluate.results import SequenceResult
from mapper.evaluate.table import DEPTH_COLUMNS, Table, table_of


def depth_protocol(max_frames: int = 0) -> Protocol:
    frames, depth = FrameSelection(max_frames=max_frames), DepthProtocol(("scale",))
    return Protocol("v", task="video-depth", average="pixels", depth=depth, frames=frames)


def write_summary(folder: Path, protocol: Protocol, profile: str | None = None) -> Path:
    request = BenchRequest(protocol, "sintel", "root", "truth", profile=profile)
    summary = summary_of(protocol, [], []) | {"request": request_record(request)}
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(summary | {"code": {"source": "1"}}))
    return folder


def test_a_comparison_tells_what_differs_in_protocols_of_one_name(tmp_path: Path) -> None:
    before = write_summary(tmp_path / "before", depth_protocol())
    after = write_summary(tmp_path / "after", depth_protocol(5), "fast")
    assert compare(before, before)[1]["notes"] == []
    profile, frames = compare(before, after)[1]["notes"]
    assert profile == "profile: None -> fast"
    assert frames.startswith("protocol frames:")
    assert frames.endswith("the figures do not compare")


@pytest.fixture
def table() -> Table:
    """90 pixels with an error of 0 in one sequence, 10 with an error of 1 in the other."""
    metrics = {f"scale.{name}": 0.0 for name in DEPTH_COLUMNS}
    results = [
        SequenceResult(name, 0, "ok", "", {}, metrics | values, 1, 1, 1, 1.0, [])
        for name, values in (
            ("a", {"scale.abs_rel": 0.0, "valid_pixels": 90.0}),
            ("b", {"scale.abs_rel": 1.0, "valid_pixels": 10.0}),
        )
    ]
    protocol = depth_protocol()
    return table_of(protocol, "title", summary_of(protocol, results, []))


def test_plots_show_the_mean_of_the_protocol(table: Table) -> None:
    assert table.means["Abs Rel (scale)"] == pytest.approx(0.1)
    assert set(table.means) == set(table.head[1:-2])
    assert as_html(table).count("<img") == len(table.means)
