"""Saved keyframes are aligned anew, and those that cannot be read follow the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.loops.loop_decision import withdrawn
from mapper.core.geometry import pose
from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from mapper.run.journal import Journal, read_journal
from mapper.run.records import decision_record, edge_record, keyframe_record
from mapper.saved.map import load_graph, load_map
from mapper.saved.realigned_outputs import write_realignment
from mapper.saved.realignment import Realignment, realign
from mapper.saved.results import fuse_again
from tests.support.made_up_records import described
from tests.support.room_views import Room, keyframe_of

STEP = 5  # frames between keyframes; each keyframe holds the frame after it too
COUNT = 6
CONFIG = BackendConfig(
    fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.06)),
    alignment=GlobalAlignmentConfig(width=160, corners=80, device="cpu"),
)
OFF = pose(np.eye(3), np.array([0.02, -0.015, 0.01]))  # of every edge


def write_run(path: Path, room: Room) -> RunDirectory:
    """Exact maps of six keyframes, joined by edges that are 2.7 cm off each."""
    run = RunDirectory.create(path, False)
    run.write_description(described({"backend": asdict(CONFIG)}))
    journal = Journal(run.journal)
    for k in range(COUNT):
        prediction = room.prediction(STEP * k)
        keyframe = keyframe_of(k, prediction, blind=True)
        keyframe.frames.append(
            TrackedFrame(STEP * k + 1, (STEP * k + 1) / 30, room.relative(STEP * k, STEP * k + 1))
        )
        if k:
            S = room.relative(STEP * (k - 1), STEP * k) @ OFF
            keyframe.T_previous_keyframe = S
        run.keyframes.save(keyframe, KeyframeMap.of(prediction))
        journal.append("keyframe", **keyframe_record(keyframe))
        if k:
            edge = Edge(k - 1, k, S, 1e4 * np.eye(7), EdgeKind.ODOMETRY)
            journal.append("edge", **edge_record(edge))
    journal.close()
    return run


@pytest.fixture
def run(tmp_path: Path, room: Room) -> RunDirectory:
    return write_run(tmp_path / "run", room)


@pytest.fixture(scope="module")
def whole(room: Room, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDirectory, Realignment]:
    """A run that nobody writes into any more, aligned."""
    run = write_run(tmp_path_factory.mktemp("runs") / "whole", room)
    result = realign(run, CONFIG)
    write_realignment(run, result)
    return run, result


def errors(poses: dict[int, np.ndarray], room: Room) -> np.ndarray:
    """(N,) metres, with the first keyframe held."""
    return np.array(
        [np.linalg.norm((S - room.relative(0, STEP * k))[:3, 3]) for k, S in sorted(poses.items())]
    )


def test_drifted_keyframes_come_back(whole: tuple[RunDirectory, Realignment], room: Room) -> None:
    _, result = whole
    assert result.final.left_out == [] and result.final.alignment is not None
    assert list(result.final.poses) == list(range(COUNT))
    # Five edges of 2.7 cm each add up, since the camera hardly turns.
    assert errors(result.final.poses, room)[-1] < 0.02


def test_all_frames_follow_and_the_map_is_written(
    whole: tuple[RunDirectory, Realignment], room: Room
) -> None:
    run, result = whole
    trajectory = read_tum(run.trajectory)
    assert len(trajectory) == 2 * COUNT and len(read_tum(run.keyframe_trajectory)) == COUNT
    for k, S in result.final.poses.items():
        np.testing.assert_allclose(trajectory.T_world_camera[2 * k], S, atol=1e-5)
        followed = S @ room.relative(STEP * k, STEP * k + 1)
        # A frame in between takes part of what the next keyframe was moved by.
        np.testing.assert_allclose(trajectory.T_world_camera[2 * k + 1], followed, atol=0.01)
    assert len(read_mesh(run.mesh).faces) == len(result.mesh.faces) > 1000
    assert len(read_mesh(run.cloud).vertices) == len(result.mesh.vertices)


def test_a_run_that_was_killed_says_what_is_known_of_it(
    whole: tuple[RunDirectory, Realignment],
) -> None:
    """There was no metrics.json, no checkpoint and no recording."""
    run, result = whole
    metrics = run.read_json(run.metrics)
    assert metrics["complete"] is False and "fps" not in metrics and "evaluation" not in metrics
    assert metrics["frames"] == STEP * (COUNT - 1) + 2  # up to the last one that is known of
    assert metrics["tracked"] == 2 * COUNT and metrics["keyframes"] == COUNT
    alignment = result.final.alignment
    assert alignment is not None and metrics["alignment"]["matches"] == alignment.matches
    assert run.report.exists() and not (run.path / "run.aligned.rrd").exists()


def test_a_line_that_a_kill_cut_off_goes(
    run: RunDirectory, whole: tuple[RunDirectory, Realignment]
) -> None:
    """The new poses would be glued to it."""
    before = read_journal(run.journal)
    with open(run.journal, "ab") as file:
        file.write(b'{"event": "keyframe", "id": 6, "fra')
    write_realignment(run, whole[1])
    after = read_journal(run.journal)
    assert after[: len(before)] == before
    assert [line["event"] for line in after[len(before) :]] == ["dropped", "poses"]


def test_the_map_is_read_back_with_its_corrections(
    whole: tuple[RunDirectory, Realignment],
) -> None:
    run, result = whole
    saved = load_map(run)
    assert saved.pairs == result.final.pairs and len(saved.pairs) > COUNT
    for k, S in result.final.poses.items():
        np.testing.assert_array_equal(saved.poses[k], S)
        np.testing.assert_array_equal(saved.corrections[k], result.final.corrections[k])
    mesh, full = fuse_again(run, saved, CONFIG.fusion, quiet=True)
    assert not full
    assert_same_vertices(mesh, result.mesh)
    plain, _ = fuse_again(run, replace(saved, corrections={}), CONFIG.fusion, quiet=True)
    assert plain.vertices.shape != mesh.vertices.shape


def assert_same_vertices(mesh: Mesh, other: Mesh) -> None:
    """In whatever order."""
    ours, theirs = (np.unique(m.vertices.round(4), axis=0) for m in (mesh, other))
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_a_second_time_gives_the_same(
    whole: tuple[RunDirectory, Realignment],
) -> None:
    """It starts from the pose graph each time, not from where it ended."""
    run, first = whole
    again = realign(run, CONFIG)
    for k, S in first.final.poses.items():
        np.testing.assert_allclose(again.final.poses[k], S, atol=1e-9)


def test_progress_is_told(run: RunDirectory) -> None:
    told: list[tuple[int, int]] = []
    realign(run, CONFIG, lambda done, total: told.append((done, total)))
    assert told == [(k + 1, CONFIG.alignment.rounds) for k in range(len(told))] and told


@pytest.mark.parametrize("broken", [2, COUNT - 1])
def test_a_damaged_keyframe_is_named_and_follows(
    run: RunDirectory,
    room: Room,
    cut: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
    broken: int,
) -> None:
    cut(run.keyframes.path(broken))
    result = realign(run, CONFIG)
    write_realignment(run, result)
    assert result.final.left_out == [broken]
    assert f"{broken:06d}.npz" in caplog.text
    assert broken not in result.final.corrections
    assert len(read_tum(run.trajectory)) == 2 * COUNT
    # One edge, of 2.7 cm, lies between it and its aligned neighbour.
    assert errors(result.final.poses, room)[broken] < 0.05


def test_a_damaged_image_is_left_out_too(
    run: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    """The archive is sound, and what is in it is not."""
    path = run.keyframes.path(3)
    with np.load(path) as arrays:
        content = {name: arrays[name] for name in arrays.files}
    content["image_png"] = content["image_png"][:40]
    np.savez(path, **content)
    assert realign(run, CONFIG).final.left_out == [3]
    assert "000003.npz" in caplog.text


@pytest.mark.parametrize("left", [0, 1])
def test_fewer_than_two_keyframes_are_refused(run: RunDirectory, left: int) -> None:
    for k in range(left, COUNT):
        run.keyframes.path(k).unlink()
    with pytest.raises(InputError, match="fewer than two keyframes"):
        realign(run, CONFIG)


def test_an_empty_run_is_refused(run: RunDirectory) -> None:
    run.journal.write_text("")
    with pytest.raises(InputError, match="fewer than two keyframes"):
        realign(run, CONFIG)


@pytest.mark.parametrize(("event", "key"), [("keyframe", "units"), ("edge", "information")])
def test_a_journal_of_another_version_is_one_error(run: RunDirectory, event: str, key: str) -> None:
    without(run, event, key)
    with pytest.raises(InputError, match=f"another version of mapper .*{key}"):
        realign(run, CONFIG)


def test_poses_of_another_version_are_one_error(
    run: RunDirectory, whole: tuple[RunDirectory, Realignment]
) -> None:
    write_realignment(run, whole[1])
    without(run, "poses", "corrections")
    with pytest.raises(InputError, match=r"another version of mapper .*corrections"):
        load_map(run)


def without(run: RunDirectory, event: str, key: str) -> None:
    """Take a key out of every such line."""
    lines = read_journal(run.journal)
    for line in lines:
        if line["event"] == event:
            del line[key]
    run.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_of_two_edges_alike_the_later_counts(run: RunDirectory) -> None:
    """Alignment while mapping writes the better edge after the first."""
    journal = Journal(run.journal, run.journal.stat().st_size)
    better = Edge(1, 2, np.eye(4), np.eye(7), EdgeKind.ODOMETRY)
    journal.append("edge", **edge_record(better))
    journal.close()
    _, edges = load_graph(run)
    assert [(e.i, e.j) for e in edges] == [(k, k + 1) for k in range(COUNT - 1)]
    np.testing.assert_array_equal(edges[1].S_i_j, np.eye(4))


def test_an_edge_that_was_taken_back_is_none(run: RunDirectory) -> None:
    journal = Journal(run.journal, run.journal.stat().st_size)
    edge = Edge(0, 2, np.eye(4), np.eye(7), EdgeKind.COVISIBILITY)
    journal.append("edge", **edge_record(edge))
    journal.close()
    assert any((e.i, e.j) == (0, 2) for e in load_graph(run)[1])
    journal = Journal(run.journal, run.journal.stat().st_size)
    journal.append("decision", **decision_record(withdrawn(edge)))
    journal.close()
    assert [(e.i, e.j) for e in load_graph(run)[1]] == [(k, k + 1) for k in range(COUNT - 1)]
