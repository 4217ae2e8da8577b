"""A file appears whole or not at all."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from mapper.errors import OutputError
from mapper.runtime.atomic_files import atomic_folder, atomic_write


def test_text_and_bytes_arrive(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.txt") as file:
        file.write("grüße\n")
    with atomic_write(tmp_path / "b.bin", "wb") as file:
        file.write(b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == "grüße\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.bin"]


def test_a_fault_keeps_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with atomic_write(path) as file:
            file.write("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_at_the_path_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path) as file:
        file.write("new")
        assert not path.exists()
        assert [other.parent for other in tmp_path.iterdir()] == [tmp_path]
    assert path.read_text() == "new"


def test_full_disk_is_an_output_error(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"map\.ply .*free some space"),
        atomic_write(tmp_path / "map.ply", "wb"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_and_folder_as_file_are_output_errors(tmp_path: Path) -> None:
    inside = tmp_path / "none" / "a.txt"
    with pytest.raises(OutputError, match="create its folder first"), atomic_write(inside):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="it is a folder"), atomic_write(tmp_path / "folder"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_link_is_replaced_and_what_it_names_stays(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with atomic_write(tmp_path / "link.txt") as file:
        file.write("new")
    assert (tmp_path / "real.txt").read_text() == "old"
    assert (tmp_path / "link.txt").read_text() == "new"
    assert not (tmp_path / "link.txt").is_symlink()


def test_a_folder_appears_at_the_end_only(tmp_path: Path) -> None:
    target = tmp_path / "new" / "sample"
    with atomic_folder(target) as folder:
        (folder / "a.txt").write_text("a")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a.txt"]
    assert [path.name for path in target.parent.iterdir()] == ["sample"]


def test_a_fault_leaves_no_folder(tmp_path: Path) -> None:
    def fill_the_disk() -> None:
        with atomic_folder(tmp_path / "sample") as folder:
            (folder / "a.txt").write_text("a")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="free some space"):
        fill_the_disk()
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="exists already"), atomic_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_read_only_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a file cannot even be removed that is not there."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match="the disk is read-only"), atomic_write(tmp_path / "a"):
        pass


def test_a_folder_is_replaced_only_where_all_in_it_is_known(tmp_path: Path) -> None:
    own = re.compile(r"images/\d+\.jpg")
    folder = tmp_path / "colmap"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "7.jpg").touch()

    def replace() -> None:
        with atomic_folder(folder, own) as new:
            (new / "new.txt").touch()

    (folder / "images" / "mask.png").write_text("mine")
    with pytest.raises(OutputError, match=r"holds images/mask\.png"):
        replace()
    assert len(list((folder / "images").iterdir())) == 2
    (folder / "images" / "mask.png").unlink()
    replace()
    assert [path.name for path in folder.iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["colmap"]
