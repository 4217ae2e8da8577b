"""Files that try to run code: each is refused in one line, and nothing of it is run."""

from __future__ import annotations

import argparse
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from mapper.errors import InputError
from mapper.weights.checkpoint import load_checkpoint
from mapper.weights.inert import Inert

TENSORS = {"weight": torch.ones(2)}


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class Foreign:
    """An ordinary object of a class that no checkpoint needs."""

    def __init__(self) -> None:
        self.x = 1


class Loud(argparse.Namespace):
    """A Namespace that would do something when its state is set."""

    def __setstate__(self, state: object) -> None:
        raise AssertionError("this was run")


def hostile(marker: Path) -> dict[str, Any]:
    touch = f"touch {marker}"
    program = f"open({str(marker)!r}, 'w').close()"
    return {
        "system": {"model": TENSORS, "args": Calls(os.system, touch)},
        "eval": {"model": TENSORS, "args": Calls(eval, program)},
        "exec in tensors": {"model": {**TENSORS, "x": Calls(exec, program)}},
        "getattr": {"model": TENSORS, "args": Calls(getattr, "text", "upper")},
        "whole file": Calls(exec, program),
        "in Namespace": {"model": TENSORS, "args": argparse.Namespace(x=Calls(exec, program))},
        "foreign in Namespace": {"model": TENSORS, "args": argparse.Namespace(x=Foreign())},
        "setstate": {"model": TENSORS, "args": Loud(model="A(b=1)")},
        "whole module": torch.nn.Linear(2, 2),
        "optimizer": {"model": TENSORS, "optimizer": Foreign()},
    }


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("case", list(hostile(Path("x"))))
def test_refused_and_nothing_run(tmp_path: Path, case: str, new: bool) -> None:
    marker = tmp_path / "marker"
    path = tmp_path / "weights.pth"
    torch.save(hostile(marker)[case], path, _use_new_zipfile_serialization=new)
    with pytest.raises(InputError, match="refused, nothing in it was run") as caught:
        load_checkpoint(path)
    assert not marker.exists()
    assert "\n" not in str(caught.value) and "authors" in str(caught.value)


@pytest.mark.parametrize("protocol", range(6))
def test_bare_pickles_are_refused(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Calls(os.system, f"touch {marker}"), protocol=protocol))
    with pytest.raises(InputError):
        load_checkpoint(path)
    assert not marker.exists()


def test_the_file_says_which_object_is_foreign(tmp_path: Path) -> None:
    torch.save({"model": TENSORS, "args": Foreign()}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"it holds [\w.]*\.Foreign, which could run code"):
        load_checkpoint(tmp_path / "w.pth")


def test_a_planted_method_is_data(tmp_path: Path) -> None:
    """State with a key named like a method must not become one."""
    options = argparse.Namespace(model="A(b=1)")
    options.__dict__["__setstate__"] = "x"
    options.__dict__["fields"] = {"model": "B(c=2)"}
    torch.save({"model": TENSORS, "args": options}, tmp_path / "w.pth")
    assert load_checkpoint(tmp_path / "w.pth").model_text == "A(b=1)"


def test_names_allowed_elsewhere_are_not_allowed_here(tmp_path: Path) -> None:
    """What another library has put on PyTorch's list stays off it here, and on it afterwards."""
    torch.save({"model": TENSORS, "args": Foreign()}, tmp_path / "w.pth")
    with torch.serialization.safe_globals([Foreign]):
        with pytest.raises(InputError, match="refused"):
            load_checkpoint(tmp_path / "w.pth")
        assert Foreign in torch.serialization.get_safe_globals()
    assert not any(
        isinstance(entry, tuple) and entry[0] is Inert
        for entry in torch.serialization.get_safe_globals()
    )


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"model": {"weight": torch.eye(3).to_sparse()}}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="not a plain tensor"):
        load_checkpoint(tmp_path / "w.pth")
