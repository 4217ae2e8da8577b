"""An exporter in ten lines: where the camera was, one position a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mapper.io.export.exporter import ExportedMap


class XyzExporter:
    name = "template-xyz"
    what = "positions of the camera, x y z a line"
    file = "positions.xyz"

    def write(self, map: ExportedMap, path: Path) -> Mapping[str, int]:
        positions = map.trajectory.positions
        np.savetxt(path, positions, fmt="%.6f")
        return {"positions": len(positions)}
