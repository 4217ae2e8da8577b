"""On a (pretended) GPU every learned frontend says, with every option, what it says on the CPU."""

from __future__ import annotations

from typing import Any

import pytest

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from tests.frontends.on_gpu.families import (
    Families,
    answers,
    assert_alike,
    assert_equal,
    distance,
    frames,
)
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

EXACT = [
    ("cut3r", 4, {"cross_view": True, "use_calibration": False}),
    ("cut3r-ttsa", 6, {"reset_every": 2, "chain_resets": True}),
    ("cut3r-ttt", 3, {"reset_every": 2, "compile": "off"}),
    ("cut3r-damped", 2, {"damping": 0.3}),
    ("cut3r-filt", 4, {"brake": 0.5, "frame_gate": 0.5, "chunks": 5}),
    ("stream3r", 4, {"use_calibration": False}),
    ("stream3r", 15, {"mode": "window"}),  # every place in the window is taken twice
    ("stream3r", 3, {"mode": "full"}),
    ("stream3r", 3, {"cache": "bfloat16", "compile": "off"}),
    ("stream3r", 3, {"cache": "int8"}),
    ("streamvggt", 3, {"cache": "float8"}),
    ("streamvggt", 5, {"kv_budget": 400_000, "kv_policy": "attention"}),
    ("streamvggt", 6, {"kv_budget": 400_000, "kv_policy": "tokens"}),
    ("stream3r", 6, {"kv_budget": 400_000, "kv_policy": "special", "cache_every": 2}),
    ("vggt", 2, {}),
    ("wint3r", 9, {"pool_slots": 8, "use_calibration": False}),
    ("wint3r", 4, {"rotary": "fallback", "window": 2}),
    ("wint3r", 4, {"low_latency": True, "edge": 0.0}),
    ("da3", 9, {"use_calibration": False}),
    ("da3", 5, {"cameras": "rays"}),
    ("da3", 8, {"loop": "chunks", "chunk": 5, "overlap": 2}),
]
ROUNDED = [
    ("cut3r-ttsa", 4, {}),
    ("cut3r-ttt", 2, {"cross_view": True}),
    ("stream3r", 4, {}),
    ("stream3r", 7, {"mode": "window"}),
    ("streamvggt", 3, {"cache": "int8"}),
    ("vggt", 2, {}),
    ("wint3r", 8, {}),
    ("da3", 7, {}),
]


pytestmark = pytest.mark.usefixtures("only_one_thread")


def on_gpu(families: Families, name: str, shown: list[Frame], **options: Any) -> list[Prediction]:
    with pretended_gpu() as gpu:
        found = answers(families.build(name, "cuda", **options), shown)
    assert gpu.tally.launches > 100
    return found


@pytest.mark.parametrize(("name", "count", "options"), EXACT)
def test_float32_is_equal(
    families: Families, name: str, count: int, options: dict[str, Any]
) -> None:
    shown = frames(name, count, calibrated=options.get("use_calibration", True))
    expected = answers(families.build(name, "cpu", **options), shown)
    rounded = options.get("cache") in ("bfloat16", "int8", "float8")
    found = on_gpu(families, name, shown, **options)
    # Of a loop each call's scale is found by what was said before: rounding adds up.
    exact = 5e-5 if name == "da3" else 5e-6
    assert_equal(found, expected, 1e-3 if rounded else exact, 0.05 if rounded else 4 * exact)


@pytest.mark.parametrize(("name", "count", "options"), ROUNDED)
def test_bfloat16_is_equal_but_for_its_rounding(
    families: Families, name: str, count: int, options: dict[str, Any]
) -> None:
    shown = frames(name, count)
    exact = answers(families.build(name, "cpu", **options), shown)
    expected = answers(families.build(name, "cpu", precision="bfloat16", **options), shown)
    found = on_gpu(families, name, shown, precision="bfloat16", **options)
    assert_alike(found, expected)
    assert 0 < distance(found, exact) < 2.5 * distance(expected, exact)
    assert distance(found, expected) < 2.5 * distance(expected, exact)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cut3r-ttsa", {"precision": "float16"}),
        ("stream3r", {"precision": "float16"}),
        ("stream3r", {"precision": "auto", "cache": "bfloat16"}),
    ],
)
def test_a_gpu_before_ampere_does_without_bfloat16(
    families: Families, name: str, options: dict[str, Any]
) -> None:
    shown = frames(name, 2)
    exact = answers(families.build(name, "cpu"), shown)
    with pretended_gpu(capability=(7, 5)):
        frontend = families.build(name, "cuda", **options)
        found = answers(frontend, shown)
    assert frontend.precision == ("float32" if options["precision"] == "auto" else "float16")
    assert distance(found, exact) < 1e-3
