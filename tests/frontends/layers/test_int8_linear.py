"""Linear layers in eight bits against the layers that they are made of."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mapper.frontends.layers.int8_linear import AVAILABLE, Int8Linear
from mapper.frontends.layers.linear import Linear
from mapper.frontends.layers.precision import answer_type

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="no such products on this processor")


def layer(bias: bool = True) -> Linear:
    torch.manual_seed(0)
    return Linear(64, 48, bias=bias)


@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("gelu", [False, True])
@torch.inference_mode()
def test_the_error_is_that_of_eight_bits(rows: int, gelu: bool) -> None:
    plain = layer()
    tokens = torch.randn(2, rows, 64)
    expected = plain(tokens, gelu)
    found = Int8Linear(plain)(tokens, gelu)
    assert found.dtype == answer_type(Int8Linear(plain)) and found.shape == expected.shape
    assert 0 < (found - expected).norm() / expected.norm() < 0.02


@torch.inference_mode()
def test_a_row_of_large_tokens_costs_the_others_no_digits() -> None:
    plain = layer()
    tokens = torch.randn(8, 64)
    quiet = Int8Linear(plain)(tokens)[1:]
    tokens[0] *= 1e4
    torch.testing.assert_close(Int8Linear(plain)(tokens)[1:], quiet, rtol=0, atol=0)


@torch.inference_mode()
def test_zeros_and_layers_without_bias_are_no_special_case() -> None:
    assert (Int8Linear(layer(bias=False))(torch.zeros(3, 64)) == 0).all()
    plain = layer()
    expected = functional.linear(torch.zeros(1, 64), plain.weight, plain.bias)
    torch.testing.assert_close(
        Int8Linear(plain)(torch.zeros(1, 64)).float(), expected, rtol=1e-2, atol=1e-2
    )
