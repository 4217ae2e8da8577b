"""mapper: SLAM-style mapping with streaming 3D models and depth cameras.

from mapper import Mapper, open_sequence
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapper.config.settings import MapperConfig
    from mapper.core.frame import Frame
    from mapper.core.intrinsics import Intrinsics
    from mapper.core.mesh import Mesh
    from mapper.core.prediction import Prediction
    from mapper.core.trajectory import Trajectory
    from mapper.errors import ConfigError, InputError, MapperError, OutputError
    from mapper.io.sequences.open_sequence import open_sequence
    from mapper.saved.opened_map import Map
    from mapper.slam.mapper import Mapper
    from mapper.slam.result import MappingResult

__version__ = "0.1.0"

# Looked up when first used, so that `import mapper` and `mapper --help` stay instant.
_HOMES = {
    "ConfigError": "mapper.errors",
    "Frame": "mapper.core.frame",
    "InputError": "mapper.errors",
    "Intrinsics": "mapper.core.intrinsics",
    "Map": "mapper.saved.opened_map",
    "Mapper": "mapper.slam.mapper",
    "MapperConfig": "mapper.config.settings",
    "MapperError": "mapper.errors",
    "MappingResult": "mapper.slam.result",
    "Mesh": "mapper.core.mesh",
    "OutputError": "mapper.errors",
    "Prediction": "mapper.core.prediction",
    "Trajectory": "mapper.core.trajectory",
    "open_sequence": "mapper.io.sequences.open_sequence",
}
__all__ = [
    "ConfigError",
    "Frame",
    "InputError",
    "Intrinsics",
    "Map",
    "Mapper",
    "MapperConfig",
    "MapperError",
    "MappingResult",
    "Mesh",
    "OutputError",
    "Prediction",
    "Trajectory",
    "open_sequence",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mapper' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
