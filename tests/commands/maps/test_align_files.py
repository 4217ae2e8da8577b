"""mapper align: afterwards all files of the run directory tell of the same map."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rerun.chunk import RrdReader

from mapper.backend.config import BackendConfig
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.realigned_outputs import write_realignment
from mapper.saved.realignment import Realignment, realign
from mapper.saved.results import fusion_config

pytestmark = pytest.mark.filterwarnings("ignore:RRD file has no footer")

CHANGES = ("alignment.width=160", "alignment.device=cpu", "alignment.rounds=2")
OF_THE_MAPPING = ("complete", "frames", "skipped", "wall_time_s", "fps", "peak_memory_mb")


@pytest.fixture(scope="module")
def result(mapped: Path) -> Realignment:
    """Aligned once, and written into many copies of the run."""
    run = RunDirectory.open(mapped)
    return realign(run, run.read_description().backend_settings(CHANGES))


@pytest.fixture(scope="module")
def aligned(
    mapped: Path, result: Realignment, tmp_path_factory: pytest.TempPathFactory
) -> RunDirectory:
    """A run that was renamed, then aligned; nobody writes into it any more."""
    folder = tmp_path_factory.mktemp("runs") / "renamed"
    run = RunDirectory.open(Path(shutil.copytree(mapped, folder)))
    write_realignment(run, result, CHANGES)
    return run


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time; the run that all tests look at has them."""
    monkeypatch.setattr("mapper.run.outputs._pictures", lambda *_: [])


def metrics_of(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


def contents(run: RunDirectory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}


def root_mean_square_error(run: RunDirectory) -> float:
    """metres, of camera centres after the best rigid motion (Kabsch)."""
    estimate, truth = read_tum(run.trajectory), read_tum(run.ground_truth)
    nearest = np.abs(truth.timestamps[None] - estimate.timestamps[:, None]).argmin(1)
    a, b = estimate.positions, truth.positions[nearest]
    a, b = a - a.mean(0), b - b.mean(0)
    u, _, v = np.linalg.svd(a.T @ b)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    return float(np.sqrt(((a @ turn - b) ** 2).sum(1).mean()))


def test_the_metrics_are_of_the_new_trajectory_and_map(aligned: RunDirectory) -> None:
    metrics = metrics_of(aligned.path)
    assert metrics["ate_rmse"] == pytest.approx(root_mean_square_error(aligned), rel=1e-6)
    mesh = read_mesh(aligned.mesh)
    assert metrics["mesh_vertices"] == len(mesh.vertices)
    assert metrics["mesh_faces"] == len(mesh.faces)
    assert len(read_mesh(aligned.cloud).vertices) == len(mesh.vertices)


def test_what_belongs_to_the_mapping_is_kept(aligned: RunDirectory, mapped: Path) -> None:
    before, metrics = metrics_of(mapped), metrics_of(aligned.path)
    assert metrics["ate_rmse"] != before["ate_rmse"]
    assert [metrics[key] for key in OF_THE_MAPPING] == [before[key] for key in OF_THE_MAPPING]
    assert metrics["timings"].items() >= before["timings"].items()
    assert metrics["tracked"] == before["tracked"] and metrics["lost"] == before["lost"]
    assert metrics["loops_refused"] == before["loops_refused"]


def test_the_alignment_is_accounted_for(aligned: RunDirectory) -> None:
    metrics = metrics_of(aligned.path)
    alignment = metrics["alignment"]
    assert alignment["mode"] == "afterwards" and alignment["seconds"] > 0
    assert alignment["changes"] == list(CHANGES)
    assert all(after <= before for before, after in alignment["costs"])
    assert metrics["timings"]["align afterwards"]["total_s"] == alignment["seconds"]


def test_the_report_shows_the_new_run(aligned: RunDirectory, mapped: Path) -> None:
    report, before = (path.read_text() for path in (aligned.report, mapped / "report.html"))
    error = f"{metrics_of(aligned.path)['ate_rmse'] * 100:.2f} cm from ground truth"
    assert error in report and "Global alignment" in report and "run.aligned.rrd" in report
    assert "# aligned with --set alignment.width=160" in report
    assert report.count('"image"') == before.count('"image"') > 0  # of the keyframes, in its scene
    picture = re.compile(r'<img class="\w+" alt="(.*?)" src="(.*?)">')
    new, old = (dict(picture.findall(page)) for page in (report, before))
    assert new.keys() == old.keys() and "Latency of each frame" in new
    # Only the times of the frames are as they were.
    assert [name for name in new if new[name] == old[name]] == ["Latency of each frame"]


def test_the_recording_is_completed_by_a_second_one(aligned: RunDirectory, mapped: Path) -> None:
    assert aligned.recording.read_bytes() == (mapped / "run.rrd").read_bytes()
    first, second = (RrdReader(aligned.path / name) for name in ("run.rrd", "run.aligned.rrd"))
    assert second.recordings() == first.recordings()  # ids, though the folder was renamed
    ends = [last_moment(reader) for reader in (first, second)]
    assert ends[1][0] > ends[0][0] and ends[1][1] > ends[0][1]
    (mesh,) = rows(second, "/world/mesh", "Mesh3D:vertex_positions")
    np.testing.assert_allclose(mesh, read_mesh(aligned.mesh).vertices, atol=1e-5)
    *_, way = rows(second, "/world/trajectory/estimate", "LineStrips3D:strips")
    np.testing.assert_allclose(way[0], read_tum(aligned.trajectory).positions, atol=1e-5)
    *_, truth = rows(second, "/world/trajectory/ground_truth", "LineStrips3D:strips")
    nearest = np.linalg.norm(np.array(truth[0])[None] - np.array(way[0])[:, None], axis=2).min(1)
    assert nearest.max() < 0.05


def last_moment(reader: RrdReader) -> tuple[int, float]:
    """(frame, seconds) of the mesh."""
    (chunk,) = reader.stream().filter(content="/world/mesh").to_chunks()
    batch = chunk.to_record_batch()
    time = batch.column("time").to_pylist()[-1]
    return batch.column("frame").to_pylist()[-1], time.total_seconds()


def rows(reader: RrdReader, entity: str, column: str) -> list:
    chunks = [chunk.to_record_batch() for chunk in reader.stream().filter(content=entity)]
    return [row for chunk in chunks for row in chunk.column(column).to_pylist()]


def test_without_a_recording_none_is_made(finished: RunDirectory, result: Realignment) -> None:
    finished.recording.unlink()
    write_realignment(finished, result)
    assert not list(finished.path.glob("*.rrd"))
    assert "rrd" not in finished.report.read_text().split("Files</h2>")[1].split("</table>")[0]


def test_a_recording_that_a_kill_cut_off_is_completed_all_the_same(
    finished: RunDirectory, result: Realignment, cut
) -> None:
    cut(finished.recording)
    write_realignment(finished, result)
    (entry,) = RrdReader(finished.path / "run.aligned.rrd").recordings()
    assert entry.recording_id == finished.path.name


def test_the_errors_are_known_where_the_sequence_is_gone(
    finished: RunDirectory, result: Realignment
) -> None:
    move_sequence(finished, "gone")
    metrics = write_realignment(finished, result)
    assert metrics["ate_rmse"] == pytest.approx(root_mean_square_error(finished), rel=1e-6)


def test_without_any_ground_truth_the_old_errors_go(
    finished: RunDirectory, result: Realignment
) -> None:
    move_sequence(finished, "gone")
    finished.ground_truth.unlink()
    write_realignment(finished, result)
    metrics = metrics_of(finished.path)
    assert not {"ate_rmse", "rpe_rmse", "evaluation"} & metrics.keys()
    assert "groundtruth.txt is gone" in metrics["evaluation_failed"]
    assert "groundtruth.txt is gone" in finished.report.read_text()


def test_the_ground_truth_of_a_killed_run_is_that_of_its_sequence(
    killed: RunDirectory, finished: RunDirectory, result: Realignment
) -> None:
    metrics = write_realignment(killed, result)
    assert metrics["complete"] is False and metrics["frames"] == metrics["tracked"]
    assert metrics["ate_rmse"] == pytest.approx(root_mean_square_error(killed), rel=1e-6)
    assert killed.ground_truth.read_bytes() == finished.ground_truth.read_bytes()
    assert killed.report.exists() and "fps" not in metrics


def test_another_sequence_in_its_place_is_not_asked(
    killed: RunDirectory, result: Realignment, tum: Path
) -> None:
    move_sequence(killed, str(tum))
    assert "evaluation" not in write_realignment(killed, result)


def test_what_a_camera_sent_is_kept(finished: RunDirectory, result: Realignment) -> None:
    move_sequence(finished, "/dev/video0", kind="live")
    finished.ground_truth.unlink()
    live = {"received": 90, "dropped": 10, "seconds_to_settle": 1.5}
    before = metrics_of(finished.path)
    errors = ("ate_rmse", "rpe_rmse", "evaluation")
    finished.write_json(
        finished.metrics, {k: v for k, v in before.items() if k not in errors} | live
    )
    metrics = write_realignment(finished, result)
    assert metrics.items() >= live.items()
    assert "evaluation_failed" not in metrics and "evaluation" not in metrics
    assert "10 of 90 images" in finished.report.read_text()


@pytest.mark.parametrize("place", ["write_mesh", "_pictures", "write_report"])
def test_a_fault_while_writing_leaves_everything_as_it_was(
    finished: RunDirectory, result: Realignment, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    before = contents(finished)
    monkeypatch.setattr(f"mapper.run.outputs.{place}", fail)
    with pytest.raises(KeyboardInterrupt):
        write_realignment(finished, result)
    assert contents(finished) == before


def test_what_was_judged_before_is_judged_again(
    finished: RunDirectory, command, result: Realignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapper.saved.realignment.realign", lambda *_: result)
    command("eval", finished.path)
    command("align", finished.path)
    kept = json.loads((finished.path / "eval.json").read_text())
    assert kept["frames"]["ate_se3"]["rmse"] == pytest.approx(root_mean_square_error(finished))
    assert json.loads(command("eval", finished.path, "--json")[1]) == kept


def test_a_judgement_that_cannot_be_made_again_goes(
    finished: RunDirectory,
    command,
    result: Realignment,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("mapper.saved.realignment.realign", lambda *_: result)
    other = Path(shutil.copy(finished.ground_truth, finished.path.parent / "mocap.txt"))
    command("eval", finished.path, "--ground-truth", other)
    other.unlink()
    assert command("align", finished.path)[0] == 0
    assert not (finished.path / "eval.json").exists()
    assert "mocap.txt" in caplog.text


def test_meshes_of_the_map_before_are_named(
    finished: RunDirectory, command, result: Realignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapper.saved.realignment.realign", lambda *_: result)
    fine = finished.path / "mesh_0.005.ply"
    fine.write_bytes(b"of the user")
    _, out, _ = command("align", finished.path)
    assert f"of the map before, to be made again: {fine}" in out
    assert fine.read_bytes() == b"of the user"


def test_settings_are_named_as_for_mapper_run_and_hold_for_the_mesh(
    finished: RunDirectory, command, result: Realignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[BackendConfig] = []

    def noted(_: RunDirectory, config: BackendConfig, *__: object) -> Realignment:
        asked.append(config)
        return result

    monkeypatch.setattr("mapper.saved.realignment.realign", noted)
    before = fusion_config(finished).tsdf
    changes = ("--set", "backend.fusion.tsdf.voxel_size=0.03", "--set", "alignment.rounds=7")
    assert command("align", finished.path, *changes)[0] == 0
    assert asked[0].fusion.tsdf.voxel_size == 0.03 and asked[0].alignment.rounds == 7
    assert fusion_config(finished).tsdf == replace(before, voxel_size=0.03)
    command("align", finished.path)  # changes are those of the last time
    assert fusion_config(finished).tsdf == before


def test_a_resumed_run_keeps_nothing_of_an_alignment_before_its_end(
    killed: RunDirectory, sample: Path, result: Realignment
) -> None:
    write_realignment(killed, result)
    (killed.path / "eval.json").write_text("{}")
    _, metrics = map_into(RunRequest(sequence=sample, out=killed.path, resume=True))
    assert metrics["complete"] and "alignment" not in metrics_of(killed.path)
    left = {path.name for path in killed.path.iterdir()}
    assert not left & {"alignment.json", "run.aligned.rrd", "eval.json", "update"}
    assert metrics["ate_rmse"] == pytest.approx(root_mean_square_error(killed), rel=1e-6)


def move_sequence(run: RunDirectory, path: str, kind: str = "tum") -> None:
    """What run.yaml says of where the frames came from."""
    description = run.read_description().says.model_dump()
    description["sequence"].update(path=path, kind=kind)
    run.write_description(description)
