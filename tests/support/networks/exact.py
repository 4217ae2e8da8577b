"""Options under which a network's answers are compared digit by digit."""

from __future__ import annotations

from typing import Any, Final

EXACT: Final[dict[str, Any]] = {"device": "cpu", "precision": "float32"}
