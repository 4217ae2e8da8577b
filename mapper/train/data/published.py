"""What the published trainings know of each data set: what its truth is worth, which views go
together, how often views show rays, and which depths count.

Sections 7.4 and 7.6 of the training specification. Not here: what each set's pre-processing does,
and sets whose views are chosen by overlap, of which views are taken as of any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.errors import ConfigError, unknown_name
from mapper.train.data.rays import ShownShares
from mapper.train.data.view_selection import ViewRule

if TYPE_CHECKING:
    from jaxtyping import Float32

SURE: Final = 98.0  # per cent of an image's depths that are no outliers, where a set has such


@dataclass(frozen=True, slots=True)
class SetTraits:
    """rule, rays: of views; None = the recipe's.

    metric: its units are metres. sky_from, none_from: depths from which on there is sky, or no
    reading. outliers: the largest depths of an image are such. camera_only: poses and intrinsics
    are known, depth is not. single_view: its images have nothing to do with each other.
    """

    metric: bool = True
    rule: ViewRule | None = None
    rays: ShownShares | None = None
    sky_from: float = math.inf
    none_from: float = math.inf
    outliers: bool = False
    camera_only: bool = False
    single_view: bool = False

    def depth(self, depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """As the set's depth counts: -1 in the sky, 0 where there is no reading."""
        kept = np.where(depth >= self.sky_from, np.float32(-1), depth)
        kept = np.where(kept > self.none_from, np.float32(0), kept)
        known = kept > 0
        if self.outliers and known.any():
            kept = np.where(kept > np.percentile(kept[known], SURE), np.float32(0), kept)
        return kept


def _rule(longest: int, video: float, steady: float, block: int | None = 16) -> ViewRule:
    return ViewRule((1, longest), video, steady, block)


def _cameras(rule: ViewRule) -> SetTraits:
    return SetTraits(metric=False, rule=rule, camera_only=True)


MOST: Final = ShownShares(0.75, 0.2)
FEWER: Final = ShownShares(0.85, 0.1)
PLAIN: Final = SetTraits()
UNSCALED: Final = SetTraits(metric=False)
SETS: Final[dict[str, SetTraits]] = {
    "unscaled": UNSCALED,
    "scannet": SetTraits(rule=_rule(30, 0.6, 0.6), rays=MOST),
    "arkitscenes": SetTraits(rule=_rule(8, 0.8, 0.5), rays=MOST),
    "arkitsceneshighres": SetTraits(rule=_rule(8, 0.5, 0.5), rays=ShownShares(0.7, 0.25)),
    "scannetpp": SetTraits(rule=_rule(3, 0.8, 0.5), rays=MOST),
    "mapfree": SetTraits(rule=_rule(30, 0.8, 0.5), rays=MOST, none_from=400, outliers=True),
    "waymo": SetTraits(rule=_rule(8, 0.9, 0.9), rays=FEWER),
    "tartanair": SetTraits(rule=_rule(20, 0.8, 0.8), rays=MOST, sky_from=1000, outliers=True),
    "unreal4k": SetTraits(rule=_rule(2, 0.5, 0.5, None), rays=MOST, sky_from=1000, outliers=True),
    "virtualkitti2": SetTraits(rule=_rule(5, 1, 0.9, None), rays=FEWER, sky_from=655),
    "hypersim": SetTraits(rule=_rule(4, 0.5, 0.5), rays=MOST),
    "bedlam": SetTraits(rule=_rule(4, 1, 1, None), rays=FEWER, none_from=200),
    "dynamicreplica": SetTraits(rule=_rule(16, 1, 1, None), rays=FEWER),
    "spring": SetTraits(rule=_rule(16, 1, 1, None), rays=FEWER),
    "pointodyssey": SetTraits(
        rule=_rule(4, 1, 1, None), rays=ShownShares(0.9, 0.05), none_from=1000
    ),
    "uasol": SetTraits(rule=_rule(40, 0.75, 0.75, None), rays=MOST, none_from=20),
    "mp3d": SetTraits(rays=FEWER),
    "wildrgbd": SetTraits(rule=_rule(25, 0.5, 0.5, None)),
    "co3d": SetTraits(metric=False, rule=_rule(25, 0.5, 0.5, None)),
    "blendedmvs": UNSCALED,
    "megadepth": UNSCALED,
    "dl3dv": SetTraits(metric=False, rule=_rule(20, 0.5, 0.5, 25), outliers=True),
    "mvssynth": SetTraits(metric=False, rule=_rule(4, 1, 1, None), none_from=1000, outliers=True),
    "omniobject3d": SetTraits(metric=False, rule=_rule(100, 0, 0.5, None)),
    "cop3d": _cameras(_rule(5, 1, 0.9, None)),
    "mvimgnet": _cameras(_rule(32, 0.5, 0.5, None)),
    "re10k": _cameras(_rule(128, 0.5, 0.5, None)),
    "3dkenburns": SetTraits(metric=False, single_view=True),
    "irs": SetTraits(none_from=200, single_view=True),
    "synscapes": SetTraits(none_from=200, single_view=True),
    "urbansyn": SetTraits(none_from=200, single_view=True),
    "eden": SetTraits(single_view=True),
    "smartportraits": SetTraits(single_view=True),
    "hoi4d": SetTraits(single_view=True),
}


def traits_of(name: str) -> SetTraits:
    """Of a set by its name, written as one likes: "ScanNet++", "3D Ken Burns". Raises ConfigError
    with the nearest name."""
    plain = "".join(c for c in name.lower().replace("++", "pp") if c.isalnum())
    if plain not in SETS:
        raise ConfigError(unknown_name("data set", name, list(SETS)))
    return SETS[plain]
