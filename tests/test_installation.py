"""Installed as users do it, from a clone whose folder is called mapper and as a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from mapper.io.meshes.mesh_files import read_mesh
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow
OFFLINE = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
IGNORED = shutil.ignore_patterns(".*", "golden", "build", "*.egg-info", "__pycache__")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("beside") / "mapper"
    shutil.copytree(ROOT, path, symlinks=True, ignore=IGNORED)
    return path


def environment(folder: Path) -> Path:
    """The Python of a fresh one that sees the libraries of this one, and not our own package."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    at = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    libraries = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    Path(at, "libraries.pth").write_text("\n".join(libraries))  # whose own .pth files are not read
    return folder / "bin" / "python"


def call(*command: str | Path, at: Path) -> str:
    """What a command says; PYTHONPATH would find the package without any installation."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=at, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_editable_install_works_from_everywhere(clone: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "environment")
    call(python, "-m", "pip", "install", *OFFLINE, "--editable", clone, at=clone.parent)
    program = "import mapper; from mapper import Frame; print(mapper.__file__)"
    for folder in (clone.parent, clone, clone / "mapper", clone / "io", Path("/")):
        printed = call(python, "-c", program, at=folder).strip()
        assert Path(printed).resolve() == clone / "mapper" / "__init__.py", folder
        assert call(python, "-m", "mapper", "--version", at=folder) == "mapper 0.1.0\n"
    assert call(python.with_name("mapper"), "--version", at=clone.parent) == "mapper 0.1.0\n"


def test_the_wheel_holds_code_settings_and_licences(clone: Path, tmp_path: Path) -> None:
    call(sys.executable, "-m", "pip", "wheel", *OFFLINE, "-w", tmp_path, clone, at=tmp_path)
    (wheel,) = tmp_path.glob("mapper3d-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in ("LICENSE", "NOTICE"):
        assert f"mapper3d-0.1.0.dist-info/licenses/{name}" in names
    for folder in ("mapper", "io", "frontends", "backend", "configs"):
        for path in [*(clone / folder).rglob("*.py"), *(clone / folder).rglob("*.yaml")]:
            inside = path.relative_to(clone)
            assert str(inside if folder == "mapper" else Path("mapper", inside)) in names
    assert "mapper/io/viewer/no_analytics/rerun/analytics.json" in names
    for name in ("cut3r_mini", "stream3r_mini"):
        assert f"mapper/weights/shipped/{name}.safetensors" in names
    assert not [name for name in names if name.startswith(("tests", "tools", "io/", "backend"))]


def test_the_wheel_maps_a_room_far_from_the_checkout(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = environment(tmp_path / "environment")
    call(sys.executable, "-m", "pip", "wheel", *OFFLINE, "-w", tmp_path, clone, at=tmp_path)
    (wheel,) = tmp_path.glob("mapper3d-*.whl")
    pip = (sys.executable, "-m", "pip", "--python", python)
    call(*pip, "install", *OFFLINE, "--ignore-installed", wheel, at=tmp_path)
    printed = call(python, "-c", "import mapper; print(mapper.__file__)", at=tmp_path).strip()
    assert Path(printed).is_relative_to(tmp_path / "environment")
    monkeypatch.setenv("MAPPER_CACHE", str(tmp_path / "cache"))
    said = call(python.with_name("mapper"), "demo", "--frames", "40", "--out", "run", at=tmp_path)
    assert "the map agrees with the truth" in said
    assert len(read_mesh(tmp_path / "run" / "mesh.ply").faces) > 10000
