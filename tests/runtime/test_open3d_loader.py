"""Open3D loads, with the packaged libusb where the system has none, or says what to install."""

from __future__ import annotations

import ctypes
import importlib
import subprocess
import sys

import pytest

from mapper.errors import InputError
from mapper.runtime import open3d_loader


@pytest.fixture
def without_open3d(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "open3d", raising=False)


def test_loads_the_module() -> None:
    assert open3d_loader.load_open3d().__name__ == "open3d"


@pytest.mark.parametrize("system_has_libusb", [True, False])
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wheels link to libusb")
def test_packaged_libusb_only_where_the_system_has_none(
    system_has_libusb: bool, without_open3d: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[str, int]] = []

    def fake_cdll(name: str, mode: int = 0) -> None:
        if name == "libusb-1.0.so.0" and not system_has_libusb:
            raise OSError("cannot open shared object file")
        loaded.append((name, mode))

    monkeypatch.setattr(ctypes, "CDLL", fake_cdll)
    _import_gives(monkeypatch, None)
    open3d_loader.load_open3d()
    name, mode = loaded[0]
    assert len(loaded) == 1
    assert ("libusb_package" in name) is not system_has_libusb
    assert system_has_libusb or mode == ctypes.RTLD_GLOBAL


@pytest.mark.parametrize(
    ("library", "package"),
    [("libGL.so.1", "libgl1"), ("libusb-1.0.so.0", "libusb-1.0-0"), ("libidn2.so.0", "libidn2-0")],
)
def test_missing_library_is_named_with_the_install_line(
    library: str, package: str, without_open3d: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = f"{library}: cannot open shared object file: No such file or directory"
    _import_gives(monkeypatch, ImportError(message))
    with pytest.raises(InputError, match=library) as caught:
        open3d_loader.load_open3d()
    line = "apt-get install -y libgl1 libegl1 libx11-6 libgomp1"
    assert line in str(caught.value) and package in str(caught.value)


def _import_gives(monkeypatch: pytest.MonkeyPatch, fault: Exception | None) -> None:
    """Make the import of open3d succeed emptily, or fail; other imports stay as they are."""
    genuine = importlib.import_module

    def fake_import(name: str) -> object:
        if name != "open3d":
            return genuine(name)
        if fault is not None:
            raise fault
        return object()

    monkeypatch.setattr(importlib, "import_module", fake_import)


def test_an_own_array_outlives_open3d_and_the_process_ends_well() -> None:
    program = """
import sys
import threading
import numpy as np
from mapper.runtime.open3d_loader import load_open3d, own_array

def made():
    tensor = load_open3d().core.Tensor(np.arange(6.0))
    return own_array(tensor) if sys.argv[1] == "own" else tensor.numpy()

kept = [made()]
print(kept[0].sum())
threading.Thread(target=lambda kept: threading.Event().wait(), args=(kept,), daemon=True).start()
"""
    ended = {
        kind: subprocess.run([sys.executable, "-c", program, kind], capture_output=True, text=True)
        for kind in ("own", "shared")
    }
    assert [run.stdout.split()[0] for run in ended.values()] == ["15.0", "15.0"]
    assert ended["own"].returncode == 0
    assert ended["shared"].returncode == 1  # else Open3D has changed and own_array can go
