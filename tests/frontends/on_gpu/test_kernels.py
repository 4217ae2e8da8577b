"""Which kernel attends to the cache: by the GPU's generation and by what is really there."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from mapper.frontends.vggt.cache import gpu_kernels, kernels
from mapper.frontends.vggt.cache.gpu_kernels import first_that_works, splits
from tests.support.flash_attn import FLASH_ATTN_2, FLASH_ATTN_2_5, FLASH_ATTN_3, FLASH_ATTN_4
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

GPU = torch.device("cuda")
HALF, SINGLE = torch.bfloat16, torch.float32
T4, A100, H100 = (7, 5), (8, 0), (9, 0)
EACH = [
    (H100, HALF, {}, "cuDNN"),
    (H100, HALF, FLASH_ATTN_2, "cuDNN"),
    (H100, HALF, FLASH_ATTN_3, "FlashAttention 3"),
    (H100, HALF, FLASH_ATTN_4, "FlashAttention 4"),
    (H100, HALF, FLASH_ATTN_3 | FLASH_ATTN_4, "FlashAttention 3"),
    (A100, HALF, {}, "PyTorch's flash kernel"),
    (A100, HALF, FLASH_ATTN_2, "flash-attn 2"),
    (A100, HALF, FLASH_ATTN_2_5, "PyTorch's flash kernel"),  # it does not tell denominators
    (A100, HALF, FLASH_ATTN_4, "PyTorch's flash kernel"),
    (A100, SINGLE, FLASH_ATTN_2, "memory-efficient"),
    (T4, torch.float16, FLASH_ATTN_2, "memory-efficient"),
    (T4, SINGLE, {}, "memory-efficient"),
]


@pytest.mark.parametrize(("capability", "dtype", "installed", "expected"), EACH)
def test_the_fastest_that_works_is_taken(
    capability: tuple[int, int],
    dtype: torch.dtype,
    installed: dict[str, Any],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, module in installed.items():
        monkeypatch.setitem(sys.modules, name, module)
    with pretended_gpu(capability=capability):
        found = first_that_works(GPU, dtype)
        assert found is not None and expected in found[0]
        generator = torch.Generator().manual_seed(3)
        query, key, value = (torch.randn(1, 50, 2, 16, generator=generator) for _ in range(3))
        parts = [(t.to(GPU, dtype) for t in part) for part in ((key, value), (value, key))]
        mixed = kernels.attend_parts(query.to(GPU, dtype), [(k, v) for k, v in parts])
        expected_mix = kernels.attend_parts(query, [(key, value), (value, key)])
        exact = dtype == SINGLE
        atol = 1e-5 if exact else 0.03
        torch.testing.assert_close(mixed.cpu().float(), expected_mix, atol=atol, rtol=0)


def test_without_any_the_parts_are_joined() -> None:
    with pretended_gpu(capability=T4):
        assert first_that_works(GPU, HALF) is None  # its kernels know no bfloat16
        query, key, value = (torch.ones(1, 5, 2, 16, device=GPU, dtype=SINGLE) for _ in range(3))
        assert kernels.choose(GPU, HALF) is None
        joined = kernels.attend_parts(query, [(key, value), (key, value)])
        assert (joined.cpu() == 1).all()


def test_a_kernel_that_is_wrong_is_told_and_not_used(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = gpu_kernels._cudnn

    def shifted(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        mixed, denominator = right(query, key, value)
        return mixed, denominator * 1.4427  # to another base, as some kernels tell it

    monkeypatch.setattr(gpu_kernels, "_cudnn", shifted)
    with pretended_gpu(), caplog.at_level(logging.WARNING):
        found = first_that_works(GPU, HALF)
    assert found is not None and "flash kernel" in found[0]
    assert "computes nonsense" in caplog.text


def test_keys_are_split_where_processors_would_idle() -> None:
    assert splits(132, 132) == 1 and splits(1320, 132) == 1
    assert splits(144, 132) == 5  # 720 of the 792 that six rounds can take
    assert splits(66, 132) == 2 and splits(1, 132) == 8


@pytest.mark.parametrize(("capability", "kernel"), [(H100, "cuDNN"), (T4, "memory-efficient")])
def test_the_doctor_tells_what_is_used(capability: tuple[int, int], kernel: str) -> None:
    from mapper.doctor.checks import _attention

    with pretended_gpu(capability=capability):
        check = _attention()
    assert check.status == "ok" and kernel in check.detail
