"""What a training says of itself, besides log.jsonl: where people watch curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from mapper.errors import ConfigError

TENSORBOARD: Final = "tensorboard"  # the folder within that of the training


class Curves(Protocol):
    """Takes numbers as they come."""

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Of a step, by names with slashes."""
        ...

    def close(self) -> None:
        """What is under way is written."""
        ...


class TensorboardCurves:
    """Event files in the training's folder."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError where the package is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "--tensorboard needs its package: pip install tensorboard (extra: train)"
            ) from error
        self._writer: Any = SummaryWriter(str(folder / TENSORBOARD))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flushed."""
        self._writer.close()


def by_curve(line: Mapping[str, Any]) -> dict[str, float]:
    """A line of the log as curves: parts of the loss by their names, those of rooms that are not
    trained on under validation/."""
    found = {f"training/{name}": float(value) for name, value in line.items() if _is_curve(value)}
    held_back = line.get("validation", {})
    found |= {f"validation/{name}": float(value) for name, value in held_back.items()}
    found.pop("training/step", None)
    return found


def _is_curve(value: object) -> bool:
    return isinstance(value, int | float)
