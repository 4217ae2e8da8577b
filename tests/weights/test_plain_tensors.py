"""Small checkpoints are read without PyTorch, and nothing in them is run."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from mapper.errors import InputError
from mapper.weights.plain_tensors import read_tensors


def test_tensors_are_read_as_pytorch_wrote_them(tmp_path: Path) -> None:
    whole = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    tensors = {"a.b": whole, "half": whole[1].half(), "count": torch.tensor(7), "part": whole[1]}
    torch.save(torch.nn.ParameterDict({}).state_dict() | tensors, tmp_path / "some.pt")
    found = read_tensors(tmp_path / "some.pt")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].dtype == tensor.numpy().dtype


class Hostile:
    """Would write a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hostile.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": Hostile(tmp_path / "touched")}, 2))
    with pytest.raises(InputError, match="could run code"):
        read_tensors(tmp_path / "hostile.pt")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": 3}, {"a": {"b": 1}}])
def test_what_is_no_dictionary_of_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match="not a plain dictionary of tensors"):
        read_tensors(tmp_path / "other.pt")


def test_a_tensor_out_of_order_and_a_file_cut_off_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "turned.pt"
    torch.save({"a": torch.arange(6.0).reshape(2, 3).T}, path)
    with pytest.raises(InputError, match="not stored row by row"):
        read_tensors(path)
    torch.save({"a": torch.arange(6.0)}, path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="cut off or damaged"):
        read_tensors(path)
