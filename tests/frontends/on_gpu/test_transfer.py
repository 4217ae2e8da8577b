"""An image goes up, and what the network says comes down, in one copy each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mapper.frontends.device_settings import inference_on
from mapper.frontends.transfer import brought, sent
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

IMAGE = np.random.default_rng(1).integers(0, 255, (4, 6, 3), np.uint8)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_goes_up_comes_down(device: str) -> None:
    with pretended_gpu() as gpu:
        pixels = sent(IMAGE, torch.device(device))
        parts = [pixels.float(), pixels.double().mean(), pixels.half()[0], pixels[:0].float()]
        arrays = brought(parts)
    for array, expected in zip(arrays, (IMAGE, IMAGE.mean(), IMAGE[0], IMAGE[:0]), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-6)
        assert array.dtype == np.float32 and array.shape == np.shape(expected)
    if device == "cuda":
        assert [what for what, _ in gpu.tally.waits] == ["synchronize"]
        assert gpu.tally.up == IMAGE.nbytes and gpu.tally.kernels["copy down"] == 1


@pytest.mark.parametrize(("precision", "rounded"), [("bfloat16", True), ("float32", False)])
def test_tf32_is_taken_beside_half_precision_alone(precision: str, rounded: bool) -> None:
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    with pretended_gpu():
        with inference_on(torch.device("cuda"), precision):  # type: ignore[arg-type]
            assert products.allow_tf32 == convolutions.allow_tf32 == rounded
            assert torch.is_inference_mode_enabled()
        assert (products.allow_tf32, convolutions.allow_tf32) == before
