"""A run directory is never lost by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapper.errors import InputError, OutputError
from mapper.run.directory import RunDirectory
from tests.support.made_up_records import described


def former_run(path: Path) -> Path:
    run = RunDirectory.create(path, overwrite=False)
    run.write_description(described())
    (path / "mesh.ply").write_text("ply")
    return path


def test_a_new_run_may_lie_deep(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "a" / "b", overwrite=False)
    assert run.keyframes.path(7) == tmp_path / "a" / "b" / "keyframes" / "000007.npz"
    assert run.keyframes.path(7).parent.is_dir()


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, overwrite=False)
    assert (tmp_path / "keyframes").is_dir()


def test_an_existing_run_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = former_run(tmp_path / "run")
    with pytest.raises(OutputError, match="--overwrite"):
        RunDirectory.create(path, overwrite=False)
    assert (path / "mesh.ply").exists()


def test_overwrite_replaces_a_run_whole(tmp_path: Path) -> None:
    path = former_run(tmp_path / "run")
    RunDirectory.create(path, overwrite=True)
    # The old description goes when the new one comes: the folder is always known for a run.
    assert sorted(p.name for p in path.iterdir()) == ["keyframes", "run.yaml"]


def test_overwrite_leaves_alone_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="left alone"):
        RunDirectory.create(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_never_taken_for_a_run(overwrite: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    with pytest.raises(OutputError):
        RunDirectory.create(path, overwrite)
    assert path.read_text() == "content"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        RunDirectory.create(tmp_path / "file" / "run", overwrite=False)


def test_opening_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match="no run here"):
            RunDirectory.open(path)


def test_the_description_comes_back(tmp_path: Path) -> None:
    path = former_run(tmp_path / "run")
    assert (
        RunDirectory.open(path).read_description().says.model_dump().items()
        >= {
            "frontend": "room",
            "units": "metres",
        }.items()
    )


def test_json_comes_back_and_is_empty_where_never_written(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", overwrite=False)
    assert run.read_json(run.checkpoint) == {}
    run.write_json(run.checkpoint, {"x": [0.1 + 0.2]})
    assert run.read_json(run.checkpoint) == {"x": [0.1 + 0.2]}


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "\x00\x00"])
def test_damaged_json_is_named(content: str, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", overwrite=False)
    run.checkpoint.write_text(content)
    with pytest.raises(InputError, match=r"checkpoint\.json: damaged"):
        run.read_json(run.checkpoint)


def test_only_files_that_exist_are_named_as_outputs(tmp_path: Path) -> None:
    run = RunDirectory.open(former_run(tmp_path / "run"))
    assert run.outputs() == [run.mesh]


def test_overwrite_leaves_what_the_user_put_into_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = former_run(tmp_path / "run")
    mine = ("notes.md", "mesh_0.010.ply", "export/colmap/list.txt", "keyframes/best.txt")
    for name in mine:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("mine")
    (path / "keyframes" / "000000.npz").touch()
    (path / "predictions").mkdir()
    (path / "predictions" / "000000-000.npz").touch()
    (path / "run.part0.rrd").touch()
    RunDirectory.create(path, overwrite=True)
    left = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
    assert left == {"run.yaml", *mine}
    assert "export, keyframes/best.txt, mesh_0.010.ply, notes.md" in caplog.text


def test_overwrite_follows_no_link(tmp_path: Path) -> None:
    path = former_run(tmp_path / "run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("000000.npz", "journal.jsonl"):
        (elsewhere / name).write_text("mine")
    (path / "keyframes").rmdir()
    (path / "keyframes").symlink_to(elsewhere)
    (path / "journal.jsonl").symlink_to(elsewhere / "journal.jsonl")
    RunDirectory.create(path, overwrite=True)
    assert sorted(p.name for p in elsewhere.iterdir()) == ["000000.npz", "journal.jsonl"]
    assert not (path / "keyframes").is_symlink() and not (path / "journal.jsonl").exists()


@pytest.mark.parametrize(
    "content", ["cmd: ./start.sh", "", "a: [", "sequence: {path: here}", "sequence: 5"]
)
def test_a_folder_with_another_run_yaml_is_no_run(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(content)
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / ".thesis.0123456789ab.tmp").write_text("somebody else's")
    with pytest.raises(OutputError, match="not a run of mapper and is left alone"):
        RunDirectory.create(tmp_path, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 3


def test_what_a_kill_left_before_the_run_began_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "keyframes").mkdir()
    (tmp_path / ".run.yaml.0123456789ab.tmp").touch()
    (tmp_path / ".lock").touch()
    RunDirectory.create(tmp_path, overwrite=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "keyframes"]
