"""The published configurations that budgets hold, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.support.pretended_gpu.published import (
    Configuration,
    of_cut3r,
    of_da3,
    of_stream3r,
    of_streamvggt,
    of_vggt,
    of_wint3r,
)

WINDOW: Final = 8  # frames until a window is full and captured
# Of a full cache, where room is made for every frame; and of one of keyframes alone.
KEPT: Final[Mapping[str, dict[str, Any]]] = {
    "tokens": {"kv_policy": "tokens", "kv_budget": "10GB"},
    "keyframes": {"cache_overlap": 0.9},
}
CONFIGURATIONS: Final[Mapping[str, Configuration]] = {
    "cut3r": Configuration("cut3r", of_cut3r("cut3r"), frames=3),
    "cut3r-ttsa": Configuration("cut3r", of_cut3r("cut3r-ttsa"), frames=3, calibrated=True),
    "cut3r-filt with all on top": Configuration(
        "cut3r", of_cut3r("cut3r-filt", brake=0.5, frame_gate=0.1, chunks=8), frames=3
    ),
    "cut3r 224": Configuration("linear", of_cut3r("cut3r", "linear"), frames=3),
    "stream3r frame 1": Configuration("vggt", of_stream3r(), frames=0),
    "stream3r frame 200": Configuration("vggt", of_stream3r(), frames=3, past=199),
    "stream3r frame 200 float8": Configuration(
        "vggt", of_stream3r(cache="float8"), frames=3, past=199
    ),
    **{
        f"stream3r frame 200 {name}": Configuration(
            "vggt", of_stream3r(**options), frames=3, past=199
        )
        for name, options in KEPT.items()
    },
    "stream3r window": Configuration("vggt", of_stream3r(mode="window"), frames=WINDOW),
    "streamvggt frame 200": Configuration("vggt", of_streamvggt(), frames=3, past=199),
    "vggt, of 8 frames": Configuration("vggt", of_vggt(), frames=0, per=8),
    "wint3r": Configuration("wint3r", of_wint3r(), frames=8, per=2),
    "da3-small, loop": Configuration("da3", of_da3(), frames=16, per=8),
}
