"""The captures that are known: how each is told from the others, opened and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from mapper.io.sequences.captures.arkitscenes import (
    arkitscenes_name,
    is_arkitscenes,
    open_arkitscenes,
)
from mapper.io.sequences.captures.colmap import colmap_name, is_colmap, open_colmap
from mapper.io.sequences.captures.nerfstudio import is_nerfstudio, open_nerfstudio
from mapper.io.sequences.captures.polycam import is_polycam, open_polycam
from mapper.io.sequences.captures.record3d import is_record3d, open_record3d, record3d_name
from mapper.io.sequences.captures.stray import is_stray, open_stray
from mapper.io.sequences.published.bundlefusion import is_bundlefusion, open_bundlefusion
from mapper.io.sequences.published.euroc import euroc_name, is_euroc, open_euroc
from mapper.io.sequences.published.icl_nuim import is_icl_nuim, open_icl_nuim
from mapper.io.sequences.published.redwood import is_redwood, open_redwood
from mapper.io.sequences.published.replica import is_replica, open_replica
from mapper.io.sequences.published.scannet import is_scannet, open_scannet, scannet_name
from mapper.io.sequences.sequence import Sequence


class Format(NamedTuple):
    """name_of: the name that a sequence will have, known without opening it."""

    recognises: Callable[[Path], bool]
    open: Callable[[Path, Path | None, str], Sequence]
    name_of: Callable[[Path], str]


def folder_name(path: Path) -> str:
    """What most sequences are called."""
    return path.resolve().name


# In TUM's layout but for its truth and its camera: it comes before TUM.
ICL_NUIM: Final = Format(is_icl_nuim, open_icl_nuim, folder_name)
# The first that recognises a path. Files that no other layout has come before mere folders.
CAPTURES: Final = (
    Format(is_stray, open_stray, folder_name),
    Format(is_record3d, open_record3d, record3d_name),
    Format(is_polycam, open_polycam, folder_name),
    Format(is_arkitscenes, open_arkitscenes, arkitscenes_name),
    Format(is_bundlefusion, open_bundlefusion, folder_name),
    Format(is_scannet, open_scannet, scannet_name),
    Format(is_euroc, open_euroc, euroc_name),
    Format(is_replica, open_replica, folder_name),
    Format(is_nerfstudio, open_nerfstudio, folder_name),
    Format(is_colmap, open_colmap, colmap_name),
    Format(is_redwood, open_redwood, folder_name),
)
