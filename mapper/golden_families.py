"""Which recorded runs we can repeat: (family, kind) of a golden file's protocol to its runner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mapper.golden import Runner
from mapper.golden_cut3r import QUERY_INPUTS, run_sequence, run_weights
from mapper.golden_cut3r_parts import GEOMETRY_INPUTS, run_geometry, run_preprocess

RUNNERS: Final[Mapping[tuple[str, str], Runner]] = {
    ("cut3r", "weights"): Runner(run_weights),
    ("cut3r", "sequence"): Runner(run_sequence, inputs=("in.", "flag.", *QUERY_INPUTS)),
    ("cut3r", "geometry"): Runner(run_geometry, GEOMETRY_INPUTS),
    ("cut3r", "preprocess"): Runner(run_preprocess, inputs=("raw.", "png.")),
}
