"""All layouts by name. Other packages add theirs by an entry point of the group `mapper.adapters`,
which names an Adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mapper.errors import ConfigError, InputError, unknown_name
from mapper.frontends.predictions.adapter import Adapter
from mapper.frontends.predictions.adapters.cut3r_demo import Cut3rDemoAdapter
from mapper.frontends.predictions.adapters.da3 import Da3Adapter
from mapper.frontends.predictions.adapters.depth_folder import DepthFolderAdapter
from mapper.frontends.predictions.adapters.per_frame import PerFrameAdapter
from mapper.frontends.predictions.adapters.replay import ReplayAdapter
from mapper.frontends.predictions.adapters.vggt import VggtAdapter

ENTRY_POINTS: Final = "mapper.adapters"
# In the order in which they are asked: those that know their files for certain first.
BUILT_IN: Final[tuple[Adapter, ...]] = (
    ReplayAdapter(),
    Cut3rDemoAdapter(),
    VggtAdapter(),
    Da3Adapter(),
    PerFrameAdapter(),
    DepthFolderAdapter(),
)


def choose_adapter(name: str, path: Path) -> Adapter:
    """By its name, or for "auto" the first that knows the files.

    Raises InputError where none does or nothing is there, ConfigError for an unknown name.
    """
    if not path.exists():
        raise InputError(f"{path}: there is nothing; predictions.path names what a model saved")
    if name != "auto":
        adapters = {adapter.name: adapter for adapter in (*BUILT_IN, *_added())}
        if name not in adapters:
            known = ["auto", *adapters]
            raise ConfigError(unknown_name("layout of predictions", name, known))
        return adapters[name]
    for adapter in (*_added(), *BUILT_IN):
        if adapter.detect(path):
            return adapter
    every = "; ".join(f"{adapter.name} ({adapter.what})" for adapter in BUILT_IN)
    raise InputError(f"{path}: no predictions that are known here: {every}")


def _added() -> list[Adapter]:
    """Of other packages."""
    from importlib.metadata import entry_points

    added = []
    for point in entry_points(group=ENTRY_POINTS):
        adapter = point.load()
        adapter = adapter() if isinstance(adapter, type) else adapter
        missing = [name for name in ("name", "detect", "open") if not hasattr(adapter, name)]
        if missing:
            raise ConfigError(
                f"the adapter {point.name!r} of another package has no {', '.join(missing)}; see "
                "mapper.frontends.predictions.adapter"
            )
        added.append(adapter)
    return added
