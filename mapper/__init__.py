"""mapper: SLAM-style mapping with streaming 3D models and depth cameras.

from mapper import Mapper, open_sequence
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapper.config import MapperConfig
    from mapper.errors import ConfigError, InputError, MapperError, OutputError
    from mapper.frame import Frame
    from mapper.intrinsics import Intrinsics
    from mapper.io.open_sequence import open_sequence
    from mapper.mapping import Mapper, MappingResult
    from mapper.mesh import Mesh
    from mapper.prediction import Prediction
    from mapper.trajectory import Trajectory

__version__ = "0.1.0"

# Looked up when first used, so that `import mapper` and `mapper --help` stay instant.
_HOMES = {
    "ConfigError": "mapper.errors",
    "Frame": "mapper.frame",
    "InputError": "mapper.errors",
    "Intrinsics": "mapper.intrinsics",
    "Mapper": "mapper.mapping",
    "MapperConfig": "mapper.config",
    "MapperError": "mapper.errors",
    "MappingResult": "mapper.mapping",
    "Mesh": "mapper.mesh",
    "OutputError": "mapper.errors",
    "Prediction": "mapper.prediction",
    "Trajectory": "mapper.trajectory",
    "open_sequence": "mapper.io.open_sequence",
}
__all__ = [
    "ConfigError",
    "Frame",
    "InputError",
    "Intrinsics",
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
