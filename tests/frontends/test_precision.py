"""Which precision an option means on a device."""

from __future__ import annotations

import pytest
import torch

from mapper.errors import ConfigError
from mapper.frontends import precision
from mapper.frontends.layers import int8_linear
from mapper.frontends.precision import choose_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float32"), ((9, 0), "bfloat16")])
def test_gpus_before_ampere_compute_in_float32(
    capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert choose_precision("auto", CUDA, "x.precision") == expected
    assert choose_precision("float16", CUDA, "x.precision") == "float16"


@pytest.mark.parametrize("has_products", [True, False])
def test_a_cpu_computes_in_bfloat16_where_it_has_such_products(
    has_products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_products)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    expected = "bfloat16" if has_products else "float32"
    assert choose_precision("auto", CPU, "x.precision") == expected
    assert choose_precision("float32", CPU, "x.precision") == "float32"


def test_what_a_device_cannot_do_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 0))
    monkeypatch.setattr(int8_linear, "AVAILABLE", False)
    for option, device in (
        ("bfloat16", CUDA),
        ("int8", CUDA),
        ("int8", CPU),
        ("float16", CPU),
    ):
        with pytest.raises(ConfigError, match=rf"^x\.precision={option} .*; auto always works$"):
            choose_precision(option, device, "x.precision")


def test_metal_is_left_in_float32() -> None:
    assert not precision.has_fast_bfloat16(torch.device("mps"))
