"""Settings of the global alignment."""

from __future__ import annotations

from dataclasses import dataclass

from mapper.errors import ConfigError


@dataclass(frozen=True, slots=True)
class GlobalAlignmentConfig:
    """rounds: how often correspondences are found anew; steps: Levenberg-Marquardt steps in each.

    width: pixels; views are matched at most this wide. corners, grid_columns: samples of a view,
    at corners, which are matched by their looks, and on a grid, which are not.
    neighbours: covisible keyframes that a keyframe is compared with; min_overlap: of their views.
    pixel_sigma: of a match, at the working width. depth_sigmas: of a depth difference, in
    standard deviations of the depth's noise. correction_sigmas: of a keyframe's smooth depth
    correction, likewise; 0 corrects nothing. correction_columns, correction_rows: its nodes.
    edge_weight: of the pose graph's edges, which hold what no correspondence does.
    residual: "pixel" for calibrated cameras, "ray" for others, "auto" decides by whether all
    keyframes have one camera. refine_focal: one factor on all focal lengths, optimised too.
    kernel_scale: of the robust kernel (Geman-McClure), in standard deviations.
    device: "cpu", "cuda", or "auto". max_keyframes: a map of more is not aligned: each takes some
    6 MB.
    """

    rounds: int = 4
    steps: int = 4
    width: int = 320
    corners: int = 160
    grid_columns: int = 12
    neighbours: int = 8
    min_overlap: float = 0.25
    pixel_sigma: float = 1.0
    depth_sigmas: float = 1.5
    correction_sigmas: float = 2.5
    correction_columns: int = 4
    correction_rows: int = 3
    edge_weight: float = 0.05
    residual: str = "auto"
    refine_focal: bool = False
    kernel_scale: float = 3.0
    device: str = "auto"
    max_keyframes: int = 2000

    def __post_init__(self) -> None:
        if self.residual not in ("auto", "pixel", "ray"):
            raise ConfigError(f"alignment.residual={self.residual!r}: auto, pixel or ray")
        if self.correction_columns < 2 or self.correction_rows < 2:
            raise ConfigError("alignment.correction_columns and _rows must be at least 2")
        if min(self.rounds, self.steps, self.neighbours) < 1 or self.width < 32:
            raise ConfigError("alignment.rounds, steps, neighbours from 1, width from 32")
        if self.device not in ("auto", "cpu") and not self.device.startswith("cuda"):
            raise ConfigError(f"alignment.device={self.device!r}: auto, cpu or cuda")
        if self.corners < 1 or self.grid_columns < 2:
            raise ConfigError("alignment.corners from 1, grid_columns from 2")
        if min(self.pixel_sigma, self.depth_sigmas, self.kernel_scale) <= 0:
            raise ConfigError("alignment.pixel_sigma, depth_sigmas, kernel_scale must be positive")
        if min(self.correction_sigmas, self.edge_weight) < 0:
            raise ConfigError("alignment.correction_sigmas and edge_weight must not be negative")
