"""Which recorded runs we can repeat: (family, kind) of a golden file's protocol to its runner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from golden.cut3r_alignment import ALIGNMENT_INPUTS, run_alignment
from golden.cut3r_parts import GEOMETRY_INPUTS, run_geometry, run_preprocess
from golden.cut3r_sequences import QUERY_INPUTS, run_sequence, run_weights
from golden.da3.images import PREPROCESS_INPUTS as DA3_PREPROCESS_INPUTS
from golden.da3.images import run_preprocess as run_da3_preprocess
from golden.da3.sequences import run_inputs as run_da3_inputs
from golden.da3.sequences import run_sequence as run_da3_sequence
from golden.da3.sequences import run_weights as run_da3_weights
from golden.da3.units import DA3_FUNCTION_INPUTS
from golden.da3.units import run_functions as run_da3_functions
from golden.evaluation import (
    EVALUATION_INPUTS,
    VGGT_EVALUATION_INPUTS,
    joined,
    run_evaluation,
    run_vggt_evaluation,
)
from golden.recording import Runner
from golden.training.data import CROPS, DATA_INPUTS, run_data
from golden.training.first_losses import LOSS_INPUTS as VGGT_LOSS_INPUTS
from golden.training.first_losses import run_losses
from golden.training.first_losses import slack_of as loss_slack_of
from golden.training.losses import LOSS_INPUTS, run_loss
from golden.training.schedules import run_schedules
from golden.training.steps import STEP_INPUTS, run_cut3r_steps, run_stream3r_steps, slack_of
from golden.vggt_parts import FUNCTION_INPUTS as VGGT_FUNCTION_INPUTS
from golden.vggt_parts import run_functions as run_vggt_functions
from golden.vggt_sequences import run_inputs as run_vggt_inputs
from golden.vggt_sequences import run_sequence as run_vggt_sequence
from golden.vggt_sequences import run_weights as run_vggt_weights
from golden.wint3r_parts import UNIT_INPUTS, run_recon_cli, run_units
from golden.wint3r_parts import run_preprocess as run_wint3r_preprocess
from golden.wint3r_sequences import run_sequence as run_wint3r_sequence
from golden.wint3r_sequences import run_weights as run_wint3r_weights

RUNNERS: Final[Mapping[tuple[str, str], Runner]] = {
    ("cut3r", "weights"): Runner(run_weights),
    ("cut3r", "sequence"): Runner(run_sequence, inputs=("in.", "flag.", *QUERY_INPUTS)),
    ("cut3r", "geometry"): Runner(run_geometry, GEOMETRY_INPUTS),
    ("cut3r", "preprocess"): Runner(run_preprocess, inputs=("raw.", "png.")),
    ("cut3r", "evaluation"): Runner(run_evaluation, EVALUATION_INPUTS),
    ("cut3r", "global_alignment"): Runner(run_alignment, ALIGNMENT_INPUTS),
    ("vggt", "weights"): Runner(run_vggt_weights),
    ("vggt", "inputs"): Runner(
        run_vggt_inputs, inputs=("raw_uint8", "square_raw_uint8", "query_points")
    ),
    ("vggt", "sequence"): Runner(run_vggt_sequence, probabilities=("vis", "track_conf")),
    ("vggt", "functions"): Runner(
        joined(run_vggt_functions, run_vggt_evaluation, run_losses),
        (*VGGT_FUNCTION_INPUTS, *VGGT_EVALUATION_INPUTS, *VGGT_LOSS_INPUTS),
        slack=loss_slack_of,
    ),
    ("wint3r", "weights"): Runner(run_wint3r_weights),
    ("wint3r", "sequence"): Runner(run_wint3r_sequence, inputs=("in.",)),
    ("wint3r", "units"): Runner(run_units, UNIT_INPUTS),
    ("wint3r", "preprocess"): Runner(run_wint3r_preprocess, inputs=("pre.",)),
    ("wint3r", "recon_cli"): Runner(run_recon_cli, inputs=("in.", "ply_bytes")),
    ("da3", "weights"): Runner(run_da3_weights),
    ("da3", "inputs"): Runner(run_da3_inputs, ("raw_uint8", "extrinsics", "intrinsics")),
    ("da3", "sequence"): Runner(run_da3_sequence, ("in.",)),
    ("da3", "preprocess"): Runner(run_da3_preprocess, DA3_PREPROCESS_INPUTS),
    ("da3", "functions"): Runner(run_da3_functions, DA3_FUNCTION_INPUTS),
    ("cut3r", "training_loss"): Runner(run_loss, LOSS_INPUTS),
    ("vggt", "training_loss"): Runner(run_loss, LOSS_INPUTS),
    ("vggt", "training_steps"): Runner(run_stream3r_steps, STEP_INPUTS, slack=slack_of),
    ("cut3r", "training_steps"): Runner(run_cut3r_steps, STEP_INPUTS, slack=slack_of),
    ("wint3r", "training_loss"): Runner(run_loss, LOSS_INPUTS),
    ("training", "schedule"): Runner(run_schedules),
    ("training", "data"): Runner(run_data, (*DATA_INPUTS, *CROPS)),
}
