"""Points of an image, as a person or a program writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.point_files import read_points


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_points_in_text_of_any_system(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "points.txt"
    path.write_text("# x y\n1.5 2 # a corner\n\n  3, 4\n", encoding=encoding)
    np.testing.assert_array_equal(read_points(path), [[1.5, 2], [3, 4]])


@pytest.mark.parametrize("content", [b"1 2 3\n", b"1\n", b"a b\n", b"# none\n", b"\0\0", b"\xff"])
def test_what_is_no_list_of_points_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "points.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"points\.txt.*expected a line x y") as caught:
        read_points(path)
    assert "\n" not in str(caught.value)
