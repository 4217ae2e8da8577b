"""Which recorded runs we can repeat: (family, kind) of a golden file's protocol to its runner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mapper.golden import Runner
from mapper.golden_cut3r import run_sequence, run_weights
from mapper.golden_cut3r_parts import run_geometry, run_preprocess

RUNNERS: Final[Mapping[tuple[str, str], Runner]] = {
    ("cut3r", "weights"): run_weights,
    ("cut3r", "sequence"): run_sequence,
    ("cut3r", "geometry"): run_geometry,
    ("cut3r", "preprocess"): run_preprocess,
}
