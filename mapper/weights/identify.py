"""Which known model a set of tensors belongs to, by names and shapes alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from mapper.errors import InputError
from mapper.weights.signatures import SIGNATURES, Signature

# Under these the parts are told apart one level deeper.
DEEPER: Final = ("aggregator", "downstream_head")


class Shaped(Protocol):
    """Anything with a shape: a tensor, or the entry of a list of shapes."""

    @property
    def shape(self) -> Iterable[int]:
        """Sizes of its dimensions."""


def looks_like(tensors: Mapping[str, Shaped]) -> str | None:
    """The model, in words, of which these are the tensors; None if it is not a known one."""
    signature = identify(tensors)
    if signature is None:
        return None
    if signature.digest and digest(tensors) != signature.digest:
        return f"{signature.title}, of other sizes than the published ones"
    return signature.title


def identify(tensors: Mapping[str, Shaped]) -> Signature | None:
    """The signature that the names agree with; of one network in several sizes the one whose sizes
    these are, else the first."""
    fitting = [
        signature
        for signature in SIGNATURES
        if all(_any_begins(tensors, begin) for begin in signature.present)
        and not any(_any_begins(tensors, begin) for begin in signature.absent)
    ]
    if len(fitting) > 1:
        found = digest(tensors)
        exact = [signature for signature in fitting if signature.digest == found]
        fitting = exact or fitting
    return fitting[0] if fitting else None


def check_model(tensors: Mapping[str, Shaped], model: str, path: Path | str) -> None:
    """InputError if the tensors are those of another known model than `model`.

    Tensors that no signature fits pass: whoever loads them strictly says what is wrong.
    """
    signature = identify(tensors)
    if signature is not None and model not in signature.models:
        raise InputError(
            f"{path}: this looks like a checkpoint of {signature.title}, not of {model}; "
            f"give weights of {model} (mapper weights list shows them)"
        )


def differences(tensors: Mapping[str, Shaped], signature: Signature) -> list[str]:
    """In which parts the tensors differ from the published ones; empty if nowhere."""
    if not signature.digest or digest(tensors) == signature.digest:
        return []
    found = parts(tensors)
    lines = []
    for part in sorted(set(found) | set(signature.parts)):
        count, values = found.get(part, (0, 0))
        expected, expected_values = signature.parts.get(part, (0, 0))
        if (count, values) != (expected, expected_values):
            lines.append(
                f"{part}: {count} tensors with {values:,} values; "
                f"published {expected} with {expected_values:,}"
            )
    return lines or ["names or shapes differ within parts of the right size"]


def parts(tensors: Mapping[str, Shaped]) -> dict[str, tuple[int, int]]:
    """How many tensors, and values in them, stand under each beginning of the names."""
    found: dict[str, tuple[int, int]] = {}
    for name, tensor in tensors.items():
        pieces = name.split(".")
        part = ".".join(pieces[: 2 if pieces[0] in DEEPER else 1])
        count, values = found.get(part, (0, 0))
        found[part] = (count + 1, values + _values(tensor))
    return found


def digest(tensors: Mapping[str, Shaped]) -> str:
    """SHA-256 of the sorted lines "name AxBxC"."""
    lines = sorted(f"{name} {'x'.join(map(str, t.shape))}" for name, t in tensors.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _values(tensor: Shaped) -> int:
    total = 1
    for length in tensor.shape:
        total *= int(length)
    return total


def _any_begins(names: Iterable[str], begin: str) -> bool:
    return any(name.startswith(begin) for name in names)
