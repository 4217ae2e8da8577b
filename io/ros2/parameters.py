"""The parameters of the node, as ROS declares them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from mapper.errors import ConfigError, unknown_name

TRANSFORMS: Final = ("both", "map", "none")
CHOICES: Final = {
    "image_transport": ("raw", "compressed"),
    "depth_transport": ("raw", "compressedDepth"),
    "tf": TRANSFORMS,
}


@dataclass(frozen=True, slots=True)
class NodeParameters:
    """use_depth: subscribe to depth. image_transport, depth_transport: see CHOICES. slop: seconds
    that a colour image and its depth may be apart.

    map_frame, odom_frame, base_frame: names in /tf; an empty base_frame is the root above the
    camera. tf: what is sent there, "both" map to odom and odom to base, "map" the first alone,
    as another node sends the second, or "none".

    map_period: seconds between two cloud, grid and path; 0 = none until the end.
    cloud_resolution: units between points of the cloud; 0 = no cloud. grid_resolution: metres a
    cell; 0 = no grid. grid_low, grid_high: metres above the floor that a robot would touch.
    """

    use_depth: bool = True
    image_transport: str = "raw"
    depth_transport: str = "raw"
    slop: float = 0.02
    map_frame: str = "map"
    odom_frame: str = "odom"
    base_frame: str = ""
    tf: str = "both"
    map_period: float = 2.0
    cloud_resolution: float = 0.03
    grid_resolution: float = 0.05
    grid_low: float = 0.1
    grid_high: float = 1.8

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if (given := getattr(self, name)) not in choices:
                raise ConfigError(unknown_name(f"value of the parameter {name}", given, choices))
        for name in ("slop", "map_period", "cloud_resolution", "grid_resolution"):
            if getattr(self, name) < 0:
                raise ConfigError(f"the parameter {name} must not be negative")
        if self.grid_high - self.grid_low < self.grid_resolution:
            raise ConfigError("the parameter grid_high must be a cell above grid_low at least")


def declared_parameters(node: Any) -> NodeParameters:
    """As launch file, command line or default have them."""
    values = {}
    for field in fields(NodeParameters):
        try:
            values[field.name] = node.declare_parameter(field.name, field.default).value
        except Exception as error:  # of another type
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(f"the parameter {field.name}: {reason}") from error
    return NodeParameters(**values)
