"""What coarser products change, on the recorded networks."""

from __future__ import annotations

import pytest
import torch
from measures.precision_error import NETWORKS, apart, enlarge_channels, errors, moving_images

from mapper.frontends.layers import int8_linear


@pytest.mark.parametrize("name", ["stream3r", "wint3r"])
@torch.inference_mode()
def test_larger_channels_are_the_same_network(name: str) -> None:
    build, run, size = NETWORKS[name]
    model, images = build(), moving_images(4, *size)
    plain = run(model, images)
    enlarge_channels(model, 30.0)
    assert 0 < apart(run(model, images), plain, 0) < 1e-4


@pytest.mark.skipif(not int8_linear.AVAILABLE, reason="no such products on this processor")
@pytest.mark.parametrize("outliers", [1.0, 30.0])
def test_bfloat16_and_int8_are_harmless_on_a_recorded_network(outliers: float) -> None:
    """Outliers too: channels that stand out must not take the others' digits."""
    depth = {precision: error[0] for precision, error in errors("stream3r", 3, outliers)}
    assert 0 < depth["bfloat16"] < 0.01
    assert 0 < depth["int8"] < 0.02
