"""Where the project and the shared data lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
GOLDEN = SHARED / "golden"
MANIFESTS = SHARED / "manifests"
TOOLS = ROOT / "tools"
