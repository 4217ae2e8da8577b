"""What every kind of error has in common."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers with names; those who derive from it say which."""

    def to_dict(self) -> dict[str, Any]:
        """Its fields by name, nested where they are, for JSON."""
        return asdict(self)
