"""What run.yaml says of made-up runs."""

from __future__ import annotations

from typing import Any


def described(
    config: dict[str, Any] | None = None, frontend: str = "room", **sequence: Any
) -> dict[str, Any]:
    """A whole description; sequence: what differs from a live camera's."""
    source = {"name": "live", "kind": "live", "path": "0", "fingerprint": "live", **sequence}
    return {
        "sequence": source,
        "frontend": frontend,
        "units": "metres",
        "versions": {"mapper": "0"},
        "config": config or {},
    }
