"""Settings of the global alignment."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from mapper.core.quantities import (
    AtLeastTwo,
    Count,
    Device,
    Keyframes,
    NonNegative,
    Pixels,
    Positive,
    Share,
    Sigmas,
    SigmasOrZero,
    Unit,
)
from mapper.core.settings_model import settings


@settings
class GlobalAlignmentConfig:
    """Global alignment of all keyframes.

    rounds: how often correspondences are found anew.
    steps: Levenberg-Marquardt steps in each round.
    width: views are matched at most this wide.
    corners: samples of a view at corners, which are matched by their looks.
    grid_columns: columns of samples on a grid, which are not; not finer than every other pixel of
        an image 1280 wide.
    neighbours: covisible keyframes that a keyframe is compared with.
    min_overlap: of the views of two keyframes that are compared.
    pixel_sigma: standard deviation of a match, at the working width.
    depth_sigmas: standard deviation of a depth difference, in those of the depth's noise.
    correction_sigmas: standard deviation of a keyframe's smooth depth correction, in those of the
        depth's noise; 0 corrects nothing.
    correction_columns: nodes of that correction in a row.
    correction_rows: nodes of that correction in a column.
    edge_weight: of the pose graph's edges, which hold what no correspondence does.
    residual: pixel for calibrated cameras, ray for others; auto = by whether all keyframes have
        one camera.
    refine_focal: one factor on all focal lengths is optimised too; auto = while
        mapping, where the frontend knows only that all keyframes have one camera, whose focal
        length is then what comes of it.
    kernel_scale: of the robust kernel (Geman-McClure).
    device: where it is computed; auto = a GPU if there is one, but the CPU while mapping, when the
        GPU is the frontend's.
    max_keyframes: a map of more is not aligned: each takes some 6 MB.
    """

    rounds: Count = 4
    steps: Count = 4
    width: Annotated[Pixels, Ge(32)] = 320
    corners: Count = 160
    grid_columns: Annotated[AtLeastTwo, Le(640)] = 12
    neighbours: Keyframes = 8
    min_overlap: Share = 0.25
    pixel_sigma: Annotated[Positive, Unit("px")] = 1.0
    depth_sigmas: Sigmas = 1.5
    correction_sigmas: SigmasOrZero = 2.5
    correction_columns: AtLeastTwo = 4
    correction_rows: AtLeastTwo = 3
    edge_weight: NonNegative = 0.05
    residual: Literal["auto", "pixel", "ray"] = "auto"
    refine_focal: Literal["auto", "always", "never"] = "auto"
    kernel_scale: Sigmas = 3.0
    device: Device = "auto"
    max_keyframes: Keyframes = 2000

    def __post_init__(self) -> None:
        if self.device == "mps":
            raise ValueError(
                "device=mps has no float64, which the alignment needs: auto, cpu, cuda"
            )
