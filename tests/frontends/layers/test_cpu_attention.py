"""Attention by matrix products against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mapper.frontends.layers import cpu_attention
from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.cpu_attention import by_products, mixed_by_products
from mapper.frontends.layers.linear import AVAILABLE, HAS_BFLOAT16

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="PyTorch has no oneDNN here")


def tensors(queries: int = 40, keys: int = 50) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, queries, 3, 16), torch.randn(2, keys, 3, 16), torch.randn(2, keys, 3, 16)


def expected(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    mixed = scaled_dot_product_attention(query, key, value)
    return mixed.transpose(1, 2)


@pytest.mark.parametrize("logits", [640_000, 1000])
@torch.inference_mode()
def test_float32_is_exact_whatever_the_step(logits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_attention, "LOGITS", logits)
    query, key, value = tensors()
    denominator = torch.empty(query.shape[:3])
    found = mixed_by_products(query, key, value, denominator)
    torch.testing.assert_close(found, expected(query, key, value))
    logit = torch.einsum("bmhd,bnhd->bmhn", query, key) / 4
    torch.testing.assert_close(denominator, logit.logsumexp(-1))


@pytest.mark.skipif(not HAS_BFLOAT16, reason="oneDNN has no bfloat16 here")
@torch.inference_mode()
def test_large_logits_keep_their_digits_in_half_precision() -> None:
    """Logits near 60 that differ by 0.1: rounded to eight bits they would all be alike."""
    query = torch.full((1, 16, 1, 16), 4.0, dtype=torch.bfloat16)
    key = torch.full((1, 8, 1, 16), 3.75, dtype=torch.bfloat16)
    key[0, :, 0, 0] += torch.arange(8) / 32
    value = torch.eye(8, 16, dtype=torch.bfloat16)[None, :, None]
    assert by_products(query, key, value)
    found = mixed_by_products(query, key, value).float()
    exact = expected(query.float(), key.float(), value.float())
    torch.testing.assert_close(found, exact, rtol=2**-7, atol=0)
    assert exact[0, 0, 0, 7] > 1.2 * exact[0, 0, 0, 0]


def test_few_queries_masks_and_gradients_go_another_way() -> None:
    query, key, value = tensors()
    assert by_products(query, key, value)
    assert not by_products(query[:, :4], key, value)
    assert not by_products(query, key.requires_grad_(), value)
    attend(query, key, value).sum().backward()
    assert key.grad is not None and key.grad.abs().sum() > 0
