"""Golden files: what counts as equal, and that a proof of nothing fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from check_golden import COMMITTED, main
from golden.drawn_weights import drawn_weights
from golden.recording import Golden, Runner, check, compare, golden_files
from golden.runners import RUNNERS

from mapper.errors import InputError
from tests.support.paths import FULL_GOLDEN

WEIGHTS = [path.relative_to(COMMITTED).as_posix() for path in COMMITTED.glob("*/*weights*.json")]


def test_comparison_notices_wrong_shapes_values_and_holes() -> None:
    expected = torch.tensor([[1.0, 2.0], [100.0, 50.0]])
    assert compare("same", expected, expected.clone()).relative == 0
    ours = expected.clone()
    ours[0, 0] += 0.1
    # The first row is judged by a tenth of the largest value, 10, not by its own 2.
    assert compare("off", expected, ours).relative == pytest.approx(0.01)
    ours[0, 0] = torch.nan
    assert "NaN" in compare("hole", expected, ours).fault
    assert "shape" in compare("shape", expected, ours[:1]).fault
    assert not compare("pixel", torch.tensor([1, 2]), torch.tensor([1, 3])).within(1.0)


def test_a_file_of_an_unknown_kind_is_not_covered(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"protocol": {"family": "other", "kind": "sequence"}}')
    (tmp_path / "x.safetensors").write_bytes(b"")
    assert not check(golden_files([tmp_path])[0], RUNNERS).covered


def test_a_runner_that_compares_nothing_fails() -> None:
    golden = Golden.open(COMMITTED / "wint3r" / "units.json")
    idle = {golden.kind: Runner(lambda _: iter(()))}
    with pytest.raises(InputError, match="nothing in it could be compared"):
        check(golden, idle)


def test_the_tool_fails_where_there_is_nothing_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path)])
    assert "no golden files" in capsys.readouterr().err
    (tmp_path / "x.json").write_text('{"protocol": {"family": "other", "kind": "sequence"}}')
    (tmp_path / "x.safetensors").write_bytes(b"")
    assert main([str(tmp_path)]) == 1
    assert "nothing compared" in capsys.readouterr().err


def test_the_tool_tells_a_wrong_file_from_a_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units = COMMITTED / "wint3r" / "units"
    assert main([f"{units}.json", "--quiet"]) == 0
    assert "ok" in capsys.readouterr().out
    for suffix in (".json", ".safetensors"):
        shutil.copy(f"{units}{suffix}", tmp_path)
    content = bytearray((tmp_path / "units.safetensors").read_bytes())
    content[-4096:] = bytes(4096)
    (tmp_path / "units.safetensors").write_bytes(content)
    assert main([str(tmp_path), "--quiet"]) == 1
    assert "BEYOND" in capsys.readouterr().out


def test_what_is_committed_is_small_and_covers_every_family() -> None:
    sizes = [path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()]
    assert sum(sizes) < 12e6
    kinds = {golden.kind for golden in golden_files([COMMITTED])}
    assert {(f, "sequence") for f in ("cut3r", "da3", "vggt", "wint3r")} <= kinds


@pytest.mark.parametrize("name", WEIGHTS)
def test_drawn_weights_are_the_recorded_ones_to_the_last_digit(name: str) -> None:
    if not FULL_GOLDEN.is_dir():
        pytest.skip("../shared/golden is not on this machine")
    recorded, ours = Golden.open(FULL_GOLDEN / name).tensors, Golden.open(COMMITTED / name).tensors
    assert recorded.keys() == ours.keys()
    assert [n for n, tensor in recorded.items() if not torch.equal(tensor, ours[n])] == []


def test_draws_follow_the_order_and_aliases_take_none() -> None:
    entry = {"shape": [4], "steps": [["/", 4], ["*", 3.0]], "mean": 1.0}
    sidecar = {
        "drawn": {"generator": "torch", "seed": 5},
        "tensors": {"a": entry, "again": {"same_as": "a"}, "kept": {"shape": [2]}, "b": entry},
    }
    found = dict(drawn_weights(sidecar, {"kept": torch.zeros(2)}))
    torch.manual_seed(5)
    first, _, last = torch.randn(4), torch.randn(2), torch.randn(4)
    torch.testing.assert_close(found["a"], 1.5 * first + 1)
    assert found["again"] is found["a"] and not found["kept"].any()
    torch.testing.assert_close(found["b"], 1.5 * last + 1)
    sidecar["drawn"] |= {"generator": "dice"}
    with pytest.raises(InputError, match="expected torch or numpy"):
        dict(drawn_weights(sidecar, {}))
