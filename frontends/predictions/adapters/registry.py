"""All layouts by name. Other packages add theirs by an entry point of the group `mapper.adapters`,
which names an Adapter (docs/plugins.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from mapper.errors import ConfigError, InputError, unknown_name
from mapper.frontends.predictions.adapter import Adapter
from mapper.frontends.predictions.adapters.cut3r_demo import Cut3rDemoAdapter
from mapper.frontends.predictions.adapters.da3 import Da3Adapter
from mapper.frontends.predictions.adapters.depth_folder import DepthFolderAdapter
from mapper.frontends.predictions.adapters.per_frame import PerFrameAdapter
from mapper.frontends.predictions.adapters.replay import ReplayAdapter
from mapper.frontends.predictions.adapters.vggt import VggtAdapter
from mapper.runtime.plugins import (
    ADAPTERS,
    find_plugin,
    passed_over,
    plugin_names,
    working_plugins,
)

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
        return _named(name)
    for plugin in working_plugins(ADAPTERS):
        adapter = cast(Adapter, plugin.value)
        try:
            if adapter.detect(path):
                return adapter
        except Exception as error:  # a stranger's code may raise anything
            passed_over(plugin, error)
    for adapter in BUILT_IN:
        if adapter.detect(path):
            return adapter
    every = "; ".join(f"{adapter.name} ({adapter.what})" for adapter in BUILT_IN)
    raise InputError(f"{path}: no predictions that are known here: {every}")


def _named(name: str) -> Adapter:
    for adapter in BUILT_IN:
        if adapter.name == name:
            return adapter
    added = find_plugin(ADAPTERS, name)
    if added is None:
        known = ["auto", *(adapter.name for adapter in BUILT_IN), *plugin_names(ADAPTERS)]
        raise ConfigError(unknown_name("layout of predictions", name, known))
    return cast(Adapter, added)
