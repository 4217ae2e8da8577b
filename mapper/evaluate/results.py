"""Results on disk: one JSON file a sequence and repetition, failures among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from mapper.core.yaml_text import read_mapping
from mapper.errors import ConfigError, InputError, OutputError
from mapper.runtime.atomic_files import atomic_write, output_error
from mapper.runtime.folder_lock import folder_lock

DESCRIPTION: Final = "bench.yaml"
SEQUENCES: Final = "sequences"
SUMMARY: Final = "summary.json"


@dataclass(frozen=True, slots=True)
class SequenceResult:
    """status: "ok" or "failed", and then `error` says why and there are no metrics.

    key: tells results apart that need not be computed twice. facts: protocol, configuration, code,
    fingerprint of the input. expected, answered: frames that should have been compared, and were.
    """

    sequence: str
    repetition: int
    status: str
    key: str
    facts: dict[str, Any]
    metrics: dict[str, float]
    expected: int
    answered: int
    frames: int
    seconds: float
    notes: list[str]
    error: str = ""

    @property
    def coverage(self) -> float:
        """The share of the expected answers that were given."""
        return self.answered / self.expected if self.expected else 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the sequence was measured to its end."""
        return self.status == "ok"


def failure(sequence: str, repetition: int, reason: str, facts: dict[str, Any]) -> SequenceResult:
    """A sequence without figures: it is counted and shown, never as zero. reason: on one line."""
    error = " ".join(reason.split())
    return SequenceResult(sequence, repetition, "failed", "", facts, {}, 0, 0, 0, 0.0, [], error)


class ResultFolder:
    """The results of one benchmark."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def taken(self, description: dict[str, Any], overwrite: bool = False) -> Iterator[None]:
        """Make the folder, or take up one that was begun with the same request; nobody else may
        write into it then. overwrite: begin anew in any that a benchmark wrote.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be made ({error.strerror})") from error
        with folder_lock(self.path):
            self._begin(description, overwrite)
            yield

    def _begin(self, description: dict[str, Any], overwrite: bool) -> None:
        file = self.path / DESCRIPTION
        if file.exists() and overwrite:
            self._clear()
        elif file.exists():
            if self.description() != description:
                raise OutputError(
                    f"{self.path} holds the results of another benchmark; replace them with "
                    "--overwrite, or choose another folder with --out"
                )
            return
        try:
            (self.path / SEQUENCES).mkdir(exist_ok=True)
        except OSError as error:
            raise output_error(self.path / SEQUENCES, error) from error
        with atomic_write(file) as stream:
            yaml.safe_dump(description, stream, sort_keys=False)

    def _clear(self) -> None:
        """Remove the results, and nothing that no benchmark wrote; bench.yaml is then replaced."""
        files = [self.path / SUMMARY, *(self.path / SEQUENCES).glob("*.json")]
        try:
            for file in files:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(error.filename or self.path, error) from error

    def description(self) -> dict[str, Any]:
        """What was asked for."""
        file = self.path / DESCRIPTION
        try:
            return read_mapping(file)
        except ConfigError as error:
            raise InputError(f"{error}; name a folder that mapper bench wrote") from error

    def write(self, result: SequenceResult) -> None:
        """Write one result at once; a kill loses none."""
        with atomic_write(self._file(result.sequence, result.repetition)) as stream:
            json.dump({**asdict(result), "coverage": result.coverage}, stream, indent=1)

    def read(self, sequence: str, repetition: int) -> SequenceResult | None:
        """An earlier result; None where there is none, or a damaged one."""
        try:
            text = self._file(sequence, repetition).read_text(encoding="utf-8")
            values = json.loads(text)
            values.pop("coverage")
            return SequenceResult(**values)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write what all results come to."""
        with atomic_write(self.path / SUMMARY) as stream:
            json.dump(summary, stream, indent=1)

    def summary(self) -> dict[str, Any]:
        """Of a benchmark that came to its end."""
        file = self.path / SUMMARY
        try:
            summary = dict(json.loads(file.read_text(encoding="utf-8")))
            if missing := {"request", "sequences", "mean"} - summary.keys():
                raise KeyError(*missing)
            return summary
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{file}: not readable ({type(error).__name__}); name a folder in which mapper "
                "bench came to its end"
            ) from error

    def _file(self, sequence: str, repetition: int) -> Path:
        name = sequence.replace("/", "__")
        return self.path / SEQUENCES / f"{name}.{repetition}.json"
