"""Where the project and the shared data lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
COMMITTED_GOLDEN = ROOT / "tests" / "golden"
FULL_GOLDEN = SHARED / "golden"
GOLDEN = FULL_GOLDEN if FULL_GOLDEN.is_dir() else COMMITTED_GOLDEN
MANIFESTS = SHARED / "manifests"
TOOLS = ROOT / "tools"
