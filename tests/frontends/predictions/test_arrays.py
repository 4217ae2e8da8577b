"""Arrays are read row by row, and damaged files are one line."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.frontends.predictions.arrays import NpzFile, names_of, read_npy, read_npz


class Trap:
    """Shouts when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_in_any_order(save: object, tmp_path: Path) -> None:
    path, rng = tmp_path / "a.npz", np.random.default_rng(0)
    plain, fortran = rng.random((6, 5, 4), np.float32), np.asfortranarray(rng.random((6, 3)))
    save(path, plain=plain, fortran=fortran, one=np.float64(3))  # type: ignore[operator]
    file = NpzFile(path)
    for row in (4, 0, 5, 1):
        np.testing.assert_array_equal(file.array("plain").row(row), plain[row])
        np.testing.assert_array_equal(file.array("fortran").row(row), fortran[row])
    assert file.array("one").whole() == 3.0 and names_of(path) == {"plain", "fortran", "one"}
    file.close()
    np.testing.assert_array_equal(read_npz(path)["fortran"], fortran)


def test_pickles_stay_shut(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy holds object and no numbers: pickled objects"):
        read_npy(tmp_path / "a.npy")
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match=r"no readable \.npz file"):
        NpzFile(tmp_path / "b.npz")
    assert names_of(tmp_path / "b.npz") == set()


def test_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(1000.0))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"a\.npy is cut short"):
        read_npy(path)
    path.write_bytes(b"no array")
    with pytest.raises(InputError, match=r"a\.npy is no readable array"):
        read_npy(path)
    np.savez_compressed(tmp_path / "a.npz", depth=np.random.default_rng(0).random(5000))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[2000:2100] = bytes(100)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"depth is damaged"):
        read_npz(tmp_path / "a.npz")


def test_an_absurd_size_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputError, match="too large"):
        read_npy(path)
