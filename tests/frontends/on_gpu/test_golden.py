"""Recorded runs of the reference, repeated on a (pretended) GPU."""

from __future__ import annotations

import check_golden
import pytest

from tests.support.paths import COMMITTED_GOLDEN
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

QUICK = ("vggt/stream3r_tiny_batch_full", "cut3r/cut3r_raymap_recurrent_dpt")
SLOW = (
    "cut3r/cut3r_flags_dpt",
    "cut3r/ttsa3r_landscape_dpt",
    "cut3r/ttt3r_landscape_linear",
    "vggt/stream3r_tiny_session_causal",
    "vggt/stream3r_tiny_session_window",
    "vggt/streamvggt_tiny_batch",
    "vggt/streamvggt_tiny_stream",
    "vggt/vggt_tiny_full",
    "wint3r/stream11_online",
    "wint3r/stream11_online_kernelrope",
)
EACH = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


@pytest.mark.parametrize("name", EACH)
def test_a_recorded_run_is_reproduced(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(COMMITTED_GOLDEN / f"{name}.safetensors")
    with pretended_gpu() as gpu:
        assert check_golden.main([path, "--device", "cuda", "--quiet"]) == 0
    assert gpu.tally.launches > 100 and "not covered" not in capsys.readouterr().out
