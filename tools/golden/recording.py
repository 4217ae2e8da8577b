"""Golden files: recorded inputs and outputs of a reference model, and the comparison with ours.

A golden file is NAME.safetensors beside NAME.json; the sidecar's `protocol` says what was run. The
small ones in tests/golden are parts of those in ../shared/golden (tools/pack_golden.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from golden.drawn_weights import drawn_weights
from mapper.errors import InputError

TOLERANCE: Final = 1e-4
CPU: Final = torch.device("cpu")
# A slice of a tensor (one frame, say) is judged by its own scale, but not by less than this
# share of the whole tensor's: an almost empty slice would make rounding look like an error.
SMALLEST_SCALE: Final = 0.1


@dataclass(frozen=True)
class Golden:
    """One golden file. tensors: read on first use, and put where the run is to be repeated."""

    path: Path
    sidecar: Mapping[str, Any]
    device: torch.device = CPU

    @staticmethod
    def open(path: Path) -> Golden:
        """From either of the two files."""
        try:
            sidecar = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise InputError(f"{path.with_suffix('.json')}: {error}") from error
        return Golden(path.with_suffix(".safetensors"), sidecar)

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        stored = load_tensors(self.path)
        if "drawn" in self.sidecar:
            stored = dict(drawn_weights(self.sidecar, stored))
        terms = self.sidecar.get("terms")
        stored |= _recorded_terms(terms) if isinstance(terms, Mapping) else {}
        return {name: tensor.to(self.device) for name, tensor in stored.items()}

    @property
    def protocol(self) -> Mapping[str, Any]:
        return self.sidecar.get("protocol") or {}

    @property
    def kind(self) -> tuple[str, str]:
        """(family, kind)."""
        return str(self.protocol.get("family", "")), str(self.protocol.get("kind", ""))

    def beside(self, name: str) -> Golden:
        """Another golden file, which the protocol names."""
        return replace(Golden.open(self.path.with_name(name)), device=self.device)

    def siblings(self) -> list[Golden]:
        """All golden files of the folder of the same family and kind, this one first."""
        found = golden_files([self.path.parent])
        others = (g for g in found if g.kind == self.kind and g.path != self.path)
        return [self, *(replace(other, device=self.device) for other in others)]


def _recorded_terms(terms: Mapping[str, Any]) -> dict[str, Tensor]:
    """Numbers of a sidecar, where None is none, as tensors terms.NAME; lists are left out."""
    return {
        f"terms.{name}": torch.tensor(torch.nan if value is None else value)
        for name, value in terms.items()
        if value is None or isinstance(value, float)
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """absolute, relative: the largest errors. fault: why the tensors cannot be compared at all."""

    name: str
    absolute: float
    relative: float
    fault: str = ""

    def within(self, tolerance: float) -> bool:
        return not self.fault and self.relative <= tolerance


@dataclass(frozen=True, slots=True)
class Verdict:
    """differences: a tensor each. skipped: names of tensors that nothing was compared with."""

    path: Path
    covered: bool
    differences: list[Difference] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def worst(self) -> Difference | None:
        return max(self.differences, key=lambda d: (bool(d.fault), d.relative), default=None)


@dataclass(frozen=True, slots=True)
class Slack:
    """What rounding alone may do to a recorded tensor: errors up to `absolute` do not count, and
    only a `share` of the elements has to keep to it."""

    absolute: Tensor
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Runner:
    """run: repeats what a golden file records; yields (name of a recorded tensor, our tensor).

    inputs: names of tensors that were put in rather than came out; "in." stands for all that begin
    so. probabilities: names of tensors whose scale is 1, however small their entries happen to be.
    slack: of tensors by name, where a file says what rounding does to them.
    """

    run: Callable[[Golden], Iterator[tuple[str, Tensor]]]
    inputs: tuple[str, ...] = ()
    probabilities: tuple[str, ...] = ()
    slack: Callable[[Golden], Mapping[str, Slack]] | None = None

    def takes(self, name: str) -> bool:
        return any(name.startswith(i) if i.endswith(".") else name == i for i in self.inputs)


def check(golden: Golden, runners: Mapping[tuple[str, str], Runner]) -> Verdict:
    """Run the protocol of one file and compare everything that the runner yields.

    Raises InputError where that is nothing: a proof that compares nothing proves nothing.
    """
    runner = runners.get(golden.kind)
    if runner is None:
        return Verdict(golden.path, covered=False)
    results = [(name, golden.tensors[name], ours) for name, ours in runner.run(golden)]
    if not results:
        raise InputError(f"{golden.path}: nothing in it could be compared with ours")
    slack = runner.slack(golden) if runner.slack else {}
    differences = [
        compare(name, expected, ours, float(name in runner.probabilities), slack.get(name))
        for name, expected, ours in results
    ]
    compared = {name for name, *_ in results}
    skipped = [n for n in golden.tensors if n not in compared and not runner.takes(n)]
    return Verdict(golden.path, True, differences, skipped)


def compare(
    name: str,
    expected: Tensor,
    ours: Tensor,
    least_scale: float = 0.0,
    slack: Slack | None = None,
) -> Difference:
    """Largest errors, relative to the scale of each entry of the first axis, or to `least_scale`.

    Integers and pixels must be equal; NaN must stand where NaN stood.
    """
    if expected.shape != ours.shape:
        fault = f"shape {tuple(ours.shape)}, expected {tuple(expected.shape)}"
        return Difference(name, float("inf"), float("inf"), fault)
    if expected.numel() == 0:
        return Difference(name, 0.0, 0.0)
    exact = not expected.is_floating_point()
    expected, ours = expected.cpu().double(), ours.detach().cpu().double()
    if not torch.equal(expected.isnan(), ours.isnan()):
        return Difference(name, float("inf"), float("inf"), "NaN at other places")
    equal = (expected == ours) | expected.isnan()
    error = (expected - ours).abs().masked_fill(equal, 0.0)
    if slack is not None:
        error = _beyond(error, slack)
    if exact and bool(error.any()):
        fault = f"{int((error > 0).sum())} of {error.numel()} values differ"
        return Difference(name, float(error.max()), float("inf"), fault)
    magnitude = expected.abs().nan_to_num(0.0, posinf=0.0)
    rows = magnitude.reshape(len(expected) if expected.ndim > 1 else 1, -1)
    least = max(SMALLEST_SCALE * float(rows.max()), least_scale, 1e-12)
    scale = rows.amax(1).clamp(min=least)
    relative = error.reshape(len(rows), -1).amax(1) / scale
    return Difference(name, float(error.max()), float(relative.max()))


def _beyond(error: Tensor, slack: Slack) -> Tensor:
    """Errors less what rounding may do; of the largest ones only a share counts."""
    beyond = (error - slack.absolute.to(error.device)).clamp(min=0)
    spared = int((1 - slack.share) * beyond.numel())
    if spared:
        largest = beyond.flatten().topk(spared).indices
        beyond = beyond.flatten().index_fill(0, largest, 0.0).view_as(beyond)
    return beyond


def golden_files(paths: Iterable[Path]) -> list[Golden]:
    """The golden files among files and folders, sorted by name; sidecars without tensors do not
    count."""
    found: dict[Path, Golden] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist")
        candidates = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        for candidate in candidates:
            tensors = candidate.with_suffix(".safetensors")
            if tensors.exists():
                found[tensors] = Golden.open(candidate)
            elif not path.is_dir():
                raise InputError(f"{tensors} does not exist")
    if not found:
        raise InputError("no golden files there: expected NAME.safetensors beside NAME.json")
    return list(found.values())


def load_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, in the file's order."""
    try:
        tensors = load_file(path)
        with safe_open(path, framework="pt") as file:
            return {name: tensors[name] for name in file.keys()}
    except Exception as error:  # safetensors raises its own error type for broken files
        raise InputError(f"{path}: cannot be read as safetensors ({error})") from error
