"""How a recording looks when it is opened: its views, the eye's place, what is folded away."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

BACKGROUND: Final = (16, 19, 26)
ESTIMATE_COLOR: Final = (255, 176, 46)
GROUND_TRUTH_COLOR: Final = (176, 186, 204)
PLOT_COLORS: Final = (
    (74, 144, 255),
    (255, 176, 46),
    (62, 200, 120),
    (236, 92, 108),
    (160, 120, 240),
    (40, 190, 200),
    (200, 140, 90),
    (140, 150, 165),
)
EDGE_COLORS: Final = {
    "odometry": (120, 128, 142),
    "overlap": (74, 144, 255),
    "covisibility": (74, 144, 255),
    "loop": (62, 214, 120),
    "rejected": (240, 72, 72),
}
STATE_COLORS: Final = {"tracking": (62, 214, 120), "lost": (240, 72, 72)}
OTHER_STATE_COLOR: Final = (255, 214, 64)

EYE_DISTANCE: Final = 0.8  # of the map's diagonal
PLAN_MARGIN: Final = 0.08  # of the larger side
EYE_ELEVATION: Final = np.radians(32.0)  # and more, as cameras mostly look down


def map_blueprint(
    eye: rrb.EyeControls3D | None = None, plan_bounds: rrb.VisualBounds2D | None = None
) -> rrb.Blueprint:
    """The map on the left; images, bird's-eye trajectory and plots on the right.

    Without an eye and bounds the viewer fits its views to what has been logged so far.
    """
    map_view = rrb.Spatial3DView(
        origin="/world",
        name="Map",
        background=rrb.Background(color=BACKGROUND),
        line_grid=rrb.LineGrid3D(visible=False),
        spatial_information=rrb.SpatialInformation("tf#/world", show_axes=False),
        eye_controls=eye,
    )
    return rrb.Blueprint(
        rrb.Horizontal(map_view, _right_side(plan_bounds), column_shares=[5, 2]),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed", timeline="frame", play_state="following"),
        auto_layout=False,
        auto_views=False,
    )


def _right_side(plan_bounds: rrb.VisualBounds2D | None) -> rrb.Vertical:
    """Images of the camera and of the newest keyframe, the way from above, plots and events."""
    return rrb.Vertical(
        rrb.Tabs(
            rrb.Spatial2DView(origin="/world/camera/image", name="Camera"),
            rrb.Spatial2DView(origin="/keyframe/depth", name="Depth"),
            rrb.Spatial2DView(origin="/keyframe/confidence", name="Confidence"),
            active_tab=0,
        ),
        rrb.Spatial2DView(
            origin="/plan",
            name="Bird's eye: estimate and ground truth",
            background=rrb.Background(color=BACKGROUND),
            visual_bounds=plan_bounds,
        ),
        rrb.Tabs(
            _plot("timings", "Timings [ms]"),
            _plot("tracking", "Tracking"),
            _plot("health", "Rate and memory"),
            _plot("drift", "Scale and drift"),
            _plot("live", "Dropped"),
            rrb.TextLogView(origin="/log", name="Events"),
            active_tab=0,
        ),
        row_shares=[4, 3, 3],
    )


def eye_above(points: np.ndarray, poses: np.ndarray) -> rrb.EyeControls3D | None:
    """An eye outside and above the map that looks the way the cameras mostly looked.

    points: (N, 3), a sample of the map. poses: (M, 4, 4), camera-to-world. Both in the world frame.
    Returns None where there is too little to look at.
    """
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 10 or len(poses) == 0:
        return None
    low, high = np.percentile(points, [3, 97], axis=0)
    positions = poses[:, :3, 3]
    low, high = np.minimum(low, positions.min(axis=0)), np.maximum(high, positions.max(axis=0))
    centre, diagonal = (low + high) / 2, float(np.linalg.norm(high - low))
    up = _unit(-poses[:, :3, 1].mean(axis=0), np.array([0.0, -1.0, 0.0]))
    forward = poses[:, :3, 2].mean(axis=0)
    forward = _unit(forward - (forward @ up) * up, np.array([0.0, 0.0, 1.0]))
    away = np.sin(EYE_ELEVATION) * up - np.cos(EYE_ELEVATION) * forward
    return rrb.EyeControls3D(
        kind=rrb.Eye3DKind.Orbital,
        position=centre + EYE_DISTANCE * max(diagonal, 1e-3) * away,
        look_target=centre,
        eye_up=up,
    )


def bounds_around(positions: np.ndarray) -> rrb.VisualBounds2D | None:
    """What the bird's-eye view shows: positions (N, 2), as plan() gives them, and a margin."""
    if len(positions) < 2:
        return None
    low, high = positions.min(axis=0), positions.max(axis=0)
    margin = PLAN_MARGIN * max(float((high - low).max()), 1e-3)
    low, high = low - margin, high + margin
    return rrb.VisualBounds2D(x_range=[low[0], high[0]], y_range=[low[1], high[1]])


def plan(positions: np.ndarray) -> np.ndarray:
    """World positions (..., 3) seen from above: x to the right, z (forward) up the picture."""
    return positions[..., [0, 2]] * np.array([1.0, -1.0], dtype=np.float32)


def _plot(origin: str, name: str) -> rrb.TimeSeriesView:
    return rrb.TimeSeriesView(
        origin=f"/{origin}", name=name, plot_legend=rrb.PlotLegend(corner=rrb.Corner2D.LeftTop)
    )


def _unit(vector: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-3 else fallback


def ui_points(size: float) -> Any:
    """A radius in pixels of the screen, so that lines look the same at any scale of the map."""
    return rr.Radius.ui_points(size)
