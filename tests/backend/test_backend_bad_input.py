"""What a frontend gets wrong, and an alignment that fails, leave a map behind that is sound."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from mapper.backend.alignment import alignment
from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.keyframes.prediction_check import finite_prediction
from mapper.backend.keyframes.segment_units import NOMINAL_DEPTH, SegmentUnits, median_depth
from mapper.core.geometry import exp_se3, umeyama
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError
from tests.support.room_views import Room, in_units

FUSION = FusionConfig(tsdf=TsdfConfig(voxel_size=0.08))


def prediction(room: Room, index: int) -> Prediction:
    """In units of a decimetre."""
    return in_units(room.prediction(index), 10.0)


def mapped(room: Room, align: Literal["off", "final"], **changes: np.ndarray) -> Backend:
    """Frames 0 to 30 of every third; the fourth prediction is changed."""
    backend = Backend(BackendConfig(fusion=FUSION, align=align))
    for index in range(0, 31, 3):
        made = prediction(room, index)
        backend.add(replace(made, **changes) if index == 9 else made)  # type: ignore[arg-type]
    backend.finish()
    return backend


def test_points_and_confidences_that_are_not_finite_are_left_out(room: Room) -> None:
    good = prediction(room, 0)
    pointmap, confidence = good.pointmap.copy(), good.confidence.copy()
    pointmap[10, :, 0], pointmap[20, :, 2], confidence[30] = np.nan, np.inf, np.nan
    found = finite_prediction(replace(good, pointmap=pointmap, confidence=confidence))
    assert found is not None
    bad = np.zeros(confidence.shape, bool)
    bad[[10, 20, 30]] = True
    assert not found.confidence[bad].any() and not found.pointmap[[10, 20]].any()
    np.testing.assert_array_equal(found.confidence[~bad], good.confidence[~bad])
    np.testing.assert_array_equal(found.pointmap[~bad], good.pointmap[~bad])


def test_a_finite_prediction_is_passed_on_as_it_is(room: Room) -> None:
    good = prediction(room, 0)
    assert finite_prediction(good) is good


def test_a_pose_that_is_not_finite_costs_that_frame_alone(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    T = np.eye(4)
    T[0, 3] = np.nan
    backend = mapped(room, "final", T_world_camera=T)
    indices, trajectory = backend.trajectory()
    assert indices.tolist() == [i for i in range(0, 31, 3) if i != 9]
    assert np.isfinite(trajectory.T_world_camera).all()
    assert "frame 9 left out: its pose is not finite" in caplog.text


def test_a_first_frame_without_a_pose_opens_nothing(room: Room) -> None:
    backend = Backend(BackendConfig())
    lost = replace(prediction(room, 0), T_world_camera=np.full((4, 4), np.nan))
    assert backend.add(lost) == GraphUpdate()
    assert not backend.keyframes


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_confidence_that_is_not_finite_spoils_no_map(room: Room, value: float) -> None:
    confidence = np.full(prediction(room, 9).confidence.shape, np.float32(value))
    backend = mapped(room, "final", confidence=confidence)
    assert backend.global_map().alignment is not None
    assert np.isfinite(backend.extract_mesh().vertices).all()
    assert len(backend.trajectory()[0]) == 11


def test_a_first_view_without_points_does_not_decide_the_units(room: Room) -> None:
    units, seen = SegmentUnits(), prediction(room, 3)
    units(replace(prediction(room, 0), confidence=np.zeros_like(seen.confidence)))
    assert median_depth(units(seen)) == pytest.approx(NOMINAL_DEPTH, rel=1e-6)
    assert units.factor(seen.segment) == pytest.approx(NOMINAL_DEPTH / median_depth(seen))


@pytest.mark.parametrize("error", [RuntimeError("\nsingular"), np.linalg.LinAlgError("singular")])
def test_an_alignment_that_breaks_off_is_rolled_back(
    room: Room,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(alignment, "align_globally", fail)
    with caplog.at_level(logging.WARNING):
        found, without = mapped(room, "final"), mapped(room, "off")
    assert "global alignment failed and was rolled back: singular" in caplog.text
    assert found.global_map().alignment is None
    np.testing.assert_array_equal(
        found.trajectory()[1].T_world_camera, without.trajectory()[1].T_world_camera
    )
    assert len(found.extract_mesh().vertices) == len(without.extract_mesh().vertices) > 0


def graph_of_two() -> PoseGraph:
    graph = PoseGraph()
    for k in range(2):
        graph.add_pose(k, np.eye(4))
    return graph


@pytest.mark.parametrize("field", ["S_i_j", "information"])
def test_an_edge_that_is_not_finite_does_not_enter_the_graph(field: str) -> None:
    good = Edge(0, 1, exp_se3(np.full(6, 0.1)), np.eye(7), EdgeKind.ODOMETRY)
    broken = getattr(good, field).copy()
    broken[0, 0] = np.nan
    bad = replace(good, **{field: broken})
    graph = graph_of_two()
    graph.add_edge(bad)
    assert not list(graph.edges) and graph.component_of() == {0: 0, 1: 1}
    graph.add_edge(good)
    graph.replace_edges([bad])
    assert list(graph.edges) == [good]


@pytest.mark.parametrize("change", [{"device": "tpu"}, {"corners": 0}, {"pixel_sigma": 0.0}])
def test_settings_that_cannot_work_are_refused_before_the_first_frame(
    change: dict[str, float | str],
) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(change))}=.* expected"):
        GlobalAlignmentConfig(**change)  # type: ignore[arg-type]


def test_online_alignment_does_not_change_what_kind_an_edge_is(room: Room) -> None:
    # A run that is taken up again keeps the last edge of each kind between two keyframes.
    backend = Backend(BackendConfig(fusion=FUSION, align="online"))
    edges: list[Edge] = []
    for segment, frames in enumerate((range(0, 60, 3), range(57, 120, 3))):
        for index in frames:
            made = replace(prediction(room, index), segment=segment)
            edges += backend.add(made).edges
    kinds: dict[tuple[int, int], set[EdgeKind]] = {}
    for edge in edges:
        kinds.setdefault((edge.i, edge.j), set()).add(edge.kind)
    assert len(edges) > len(kinds), "no edge was replaced"
    assert EdgeKind.OVERLAP in set().union(*kinds.values())
    assert all(len(found) == 1 for found in kinds.values())


def test_a_frontend_that_jumps_is_joined_by_what_its_views_show(room: Room) -> None:
    backend = Backend(BackendConfig(fusion=FUSION, align="off"))
    for index in range(0, 61, 3):
        made = in_units(room.prediction(index), 1.0)
        jumped = made.T_world_camera.copy()
        jumped[0, 3] += 5.0 * (index >= 30)
        backend.add(replace(made, T_world_camera=jumped))
    backend.finish()
    indices, trajectory = backend.trajectory()
    truth = np.array([room.relative(0, int(i))[:3, 3] for i in indices])
    scale, T = umeyama(trajectory.positions, truth, True)
    off = np.linalg.norm(scale * trajectory.positions @ T[:3, :3].T + T[:3, 3] - truth, axis=1)
    assert off.max() < 0.05  # of a jump of five metres


def test_a_jump_that_nothing_bears_out_is_worth_little(room: Room) -> None:
    """Blank views: no features, no alignment. The edge must not pretend to know the step."""
    backend = Backend(BackendConfig(fusion=FUSION, align="off"))
    for index in (0, 30):
        made = in_units(room.prediction(index), 1.0)
        T = np.eye(4)
        T[0, 3] = 4.0 * (index > 0)
        blank = np.zeros_like(made.image)
        backend.add(replace(made, image=blank, T_world_camera=T))
    edges = [edge for edge in backend.graph.edges if edge.kind == EdgeKind.ODOMETRY]
    assert len(edges) == 1
    for edge in edges:
        step = np.linalg.norm(edge.S_i_j[:3, 3])
        assert step > 1
        assert np.sqrt(np.linalg.inv(edge.information)[3, 3]) >= 0.2 * step
