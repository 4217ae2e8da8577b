"""mapper: SLAM-style mapping with streaming 3D models and depth cameras.

    result = mapper.map_images(images, depths, (fx, fy, cx, cy))

What is named here keeps its meaning from version to version; docs/python.md says how.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapper.arrays.mapping import KnownPoses, map_images
    from mapper.config.loader import load_config
    from mapper.config.settings import MapperConfig
    from mapper.core.frame import Frame
    from mapper.core.intrinsics import Intrinsics
    from mapper.core.mesh import Mesh
    from mapper.core.prediction import Prediction
    from mapper.core.trajectory import Trajectory
    from mapper.errors import ConfigError, InputError, MapperError, OutputError
    from mapper.io.meshes.mesh_files import write_mesh
    from mapper.io.sequences.open_sequence import open_sequence
    from mapper.io.trajectory_files import write_trajectory
    from mapper.saved.opened_map import Map
    from mapper.slam.callbacks import Callbacks, FrameEvent, KeyframeEvent, LoopEvent, UpdateEvent
    from mapper.slam.mapper import Mapper
    from mapper.slam.result import MappingResult

__version__ = "0.1.0"

# Looked up when first used, so that `import mapper` and `mapper --help` stay instant.
_HOMES = {
    "Callbacks": "mapper.slam.callbacks",
    "ConfigError": "mapper.errors",
    "Frame": "mapper.core.frame",
    "FrameEvent": "mapper.slam.callbacks",
    "InputError": "mapper.errors",
    "Intrinsics": "mapper.core.intrinsics",
    "KeyframeEvent": "mapper.slam.callbacks",
    "KnownPoses": "mapper.arrays.mapping",
    "LoopEvent": "mapper.slam.callbacks",
    "Map": "mapper.saved.opened_map",
    "Mapper": "mapper.slam.mapper",
    "MapperConfig": "mapper.config.settings",
    "MapperError": "mapper.errors",
    "MappingResult": "mapper.slam.result",
    "Mesh": "mapper.core.mesh",
    "OutputError": "mapper.errors",
    "Prediction": "mapper.core.prediction",
    "Trajectory": "mapper.core.trajectory",
    "UpdateEvent": "mapper.slam.callbacks",
    "load_config": "mapper.config.loader",
    "map_images": "mapper.arrays.mapping",
    "open_sequence": "mapper.io.sequences.open_sequence",
    "write_mesh": "mapper.io.meshes.mesh_files",
    "write_trajectory": "mapper.io.trajectory_files",
}
__all__ = [
    "Callbacks",
    "ConfigError",
    "Frame",
    "FrameEvent",
    "InputError",
    "Intrinsics",
    "KeyframeEvent",
    "KnownPoses",
    "LoopEvent",
    "Map",
    "Mapper",
    "MapperConfig",
    "MapperError",
    "MappingResult",
    "Mesh",
    "OutputError",
    "Prediction",
    "Trajectory",
    "UpdateEvent",
    "load_config",
    "map_images",
    "open_sequence",
    "write_mesh",
    "write_trajectory",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mapper' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
