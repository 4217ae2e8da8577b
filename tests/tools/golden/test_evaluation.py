"""The metrics against what the published evaluations computed, to 1e-5, value by value."""

from __future__ import annotations

import pytest
from golden.evaluation import run_evaluation, run_vggt_evaluation
from golden.recording import Golden

from tests.support.paths import GOLDEN

TOLERANCE = 1e-5
FILES = (
    ("cut3r/evaluation", run_evaluation, 155),
    ("vggt/eval_co3d", run_vggt_evaluation, 7),
    ("vggt/eval_depth", run_vggt_evaluation, 7),
    ("vggt/eval_mv_recon", run_vggt_evaluation, 8),
    ("vggt/eval_relpose", run_vggt_evaluation, 1),
)


@pytest.mark.parametrize(("name", "run", "count"), FILES)
def test_every_recorded_value_is_reproduced(name: str, run, count: int) -> None:
    path = GOLDEN / f"{name}.json"
    if not path.exists():
        pytest.skip(f"../shared/golden/{name}.json is not on this machine")
    golden = Golden.open(path)
    compared = 0
    for tensor, ours in run(golden):
        expected = golden.tensors[tensor].double()
        assert ours.shape == expected.shape, tensor
        error = (ours.double() - expected).abs() / expected.abs().clamp(min=1)
        assert float(error.max()) < TOLERANCE, tensor
        compared += 1
    assert compared == count
