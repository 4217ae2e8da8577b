"""The truth of a real sequence against itself, through the published protocols."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mapper.evaluate.benchmark import BenchOptions, run_benchmark
from mapper.evaluate.job import BenchRequest
from mapper.evaluate.protocol import load_protocol

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("protocol", "errors"),
    [
        ("metric-any-pose", ("ate", "rpe_translation", "rpe_rotation_deg", "scale_error")),
        ("cut3r-7scenes-reconstruction", ("accuracy", "completeness")),
    ],
)
def test_redkitchen_has_no_error_against_itself(
    protocol: str, errors: tuple[str, ...], shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    root = shared_data("7scenes")
    request = BenchRequest(load_protocol(protocol), "7scenes", str(root), "truth")
    _, summary = run_benchmark(request, tmp_path / "out", BenchOptions(), lambda result: None)
    assert summary["sequences"]["redkitchen/seq-01"]["coverage"] == 1
    assert max(abs(summary["mean"][name]) for name in errors) < 2e-6
