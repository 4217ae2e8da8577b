"""How a recording looks when it is opened: its views, the eye's place, what is folded away."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import rerun as rr
import rerun.blueprint as rrb
from rerun.blueprint.encodings import TextLogColumn, TimelineColumn

BACKGROUND: Final = (16, 19, 26)
ESTIMATE_COLOR: Final = (255, 176, 46)
GROUND_TRUTH_COLOR: Final = (176, 186, 204)
MOVING_COLOR: Final = (240, 80, 200)
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
    "adjusted": (120, 128, 142),
    "overlap": (74, 144, 255),
    "covisibility": (74, 144, 255),
    "loop": (62, 214, 120),
}
STATE_COLORS: Final = {"tracking": (62, 214, 120), "lost": (240, 72, 72)}
OTHER_STATE_COLOR: Final = (255, 214, 64)
CAMERA_COLOR: Final = STATE_COLORS["tracking"]

EYE_DISTANCE: Final = 0.8  # of the map's diagonal
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
    columns = rrb.TextLogColumns(
        timeline_columns=[TimelineColumn("frame"), TimelineColumn("time", visible=False)],
        text_log_columns=[TextLogColumn("LogLevel"), TextLogColumn("Body")],
    )
    log = rrb.TextLogView(origin="/log", name="What happened", columns=columns)
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Vertical(map_view, log, row_shares=[5, 1]),
            _right_side(plan_bounds),
            column_shares=[2, 1],
        ),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed", timeline="frame", play_state="following"),
        auto_layout=False,
        auto_views=False,
    )


def _right_side(plan_bounds: rrb.VisualBounds2D | None) -> rrb.Vertical:
    """Images of the camera and of the newest keyframe, the way from above, state and plots."""
    depth = rrb.Spatial2DView(origin="/keyframe/depth", name="Depth")
    confidence = rrb.Spatial2DView(origin="/keyframe/confidence", name="Confidence")
    return rrb.Vertical(
        rrb.Horizontal(
            rrb.Spatial2DView(origin="/world/camera/image", name="Camera"),
            rrb.Vertical(depth, confidence),
            column_shares=[3, 2],
        ),
        rrb.Spatial2DView(
            origin="/plan",
            name="From above: way, truth and loops",
            background=rrb.Background(color=BACKGROUND),
            visual_bounds=plan_bounds,
        ),
        rrb.StateTimelineView(origin="/state", name="State"),
        _plots(),
        row_shares=[9, 9, 4, 9],
    )


def _plots() -> rrb.Tabs:
    """A tab each for what belongs together; what differs in size has an axis of its own."""
    rate, memory = "health/frames_per_second", "health/memory_MB"
    scale, shift = "drift/scale", "drift/largest_correction"
    return rrb.Tabs(
        _plot("timings", "Latency [ms]"),
        rrb.Horizontal(_plot(rate, "Rate"), _plot(memory, "Memory"), name="Rate and memory"),
        rrb.Horizontal(_plot(scale, "Scale"), _plot(shift, "Corrections"), name="Drift"),
        rrb.Horizontal(_plot("live", "Dropped"), _plot("tracking", "Tracking"), name="Frames"),
        active_tab=0,
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
