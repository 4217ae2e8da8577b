"""Files of arrays: what is not as expected is one line, and costs no memory."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.core.npz import Array, Layout
from mapper.errors import InputError

LAYOUT = Layout(
    "the thing",
    "make it again",
    {
        "map": Array("<f4", ("h", "w"), finite=True),
        "image": Array("|u1", ("h", "w", 3)),
        "extra": Array("number", ("n",), optional=True),
    },
)
GOOD: dict[str, Any] = {
    "map": np.ones((4, 6), np.float32),
    "image": np.zeros((4, 6, 3), np.uint8),
    "extra": np.arange(3),
}


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    """An .npy file of that shape without its content."""
    buffer = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()


def write(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def test_what_is_as_expected_is_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for savez in (np.savez, np.savez_compressed):
        savez(path, **{**GOOD, "map": np.asfortranarray(np.arange(24, dtype="f4").reshape(4, 6))})
        found = LAYOUT.read(path)
        assert found.keys() == GOOD.keys()
        np.testing.assert_array_equal(found["map"], np.arange(24).reshape(4, 6))
        assert all(array.flags.c_contiguous and array.flags.writeable for array in found.values())
        assert LAYOUT.read(path, ("image",)).keys() == {"image"}
    np.savez(path, **{name: GOOD[name] for name in ("map", "image")})
    assert "extra" not in LAYOUT.read(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"map": np.ones((4, 6))}, "map is float64"),
        ({"map": np.ones((4, 6), ">f4")}, "expected <f4"),
        ({"map": np.ones((4, 5), np.float32)}, "image is uint8 (4, 6, 3)"),
        ({"map": np.ones(24, np.float32)}, "map is float32 (24,)"),
        ({"map": np.full((4, 6), np.nan, np.float32)}, "map is not finite"),
        ({"map": np.array([[None] * 6] * 4)}, "map is object"),
        ({"image": np.zeros((4, 6, 4), np.uint8)}, "(4, 6, 4)"),
        ({"extra": np.array(["a"])}, "extra is <U1"),
        ({"more": np.zeros(1)}, "'more.npy'"),
    ],
)
def test_what_is_not_is_said_in_one_line(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **{**GOOD, **change})
    with pytest.raises(InputError) as raised:
        LAYOUT.read(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: the thing cannot be read (") and told in message
    assert message.endswith("); make it again") and "\n" not in message


def test_a_missing_array_and_a_missing_file_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", map=GOOD["map"])
    with pytest.raises(InputError, match="holds no image"):
        LAYOUT.read(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"b\.npz.*No such file"):
        LAYOUT.read(tmp_path / "b.npz")


@pytest.mark.parametrize(
    "content",
    [
        header((100_000, 100_000)),
        header((100_000, 100_000)) + bytes(1 << 20),
        header((1 << 62, 1 << 62)),
        header((-1, 6)),
        b"\x93NUMPY\x09\x00" + header((4, 6))[8:],
        b"no array",
        header((4, 6))[:40],
    ],
)
def test_sizes_are_not_believed_before_they_are_seen(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "a.npz", {"map": content, "image": b""})
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"a\.npz"):
            LAYOUT.read(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def flag(at: int, value: int) -> Callable[[bytearray], None]:
    def change(content: bytearray) -> None:
        content[content.rindex(b"PK\x01\x02") + at] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (flag(8, 1), "RuntimeError"),  # encrypted
        (flag(8, 32), "NotImplementedError"),  # patch data
        (flag(10, 99), "NotImplementedError"),  # an unknown compression
        (flag(16, 0xAA), "BadZipFile"),  # the checksum
    ],
)
def test_whatever_zipfile_raises_is_one_line(
    tmp_path: Path, change: Callable[[bytearray], None], reason: str
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **GOOD)
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.npz: the thing cannot be read \({reason}\)"):
        LAYOUT.read(path)
