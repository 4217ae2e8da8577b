"""Which measurements the user made, as commands and requests say them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from mapper.errors import ConfigError
from mapper.measured.camera_height import check_height
from mapper.measured.lengths import ImageLength, WorldLength
from mapper.measured.tags import TagKind
from mapper.request import FLOOR

NOTHING_ASKED: Final = (
    "nothing to scale it by: give --distance, --image-points, --camera-height, --tag, --depth, "
    "--sparse-depth, --scale-from or --gravity auto"
)


@dataclass(frozen=True, slots=True)
class Measurements:
    """As the user says them. depth: keyframe_images.OF_THE_SEQUENCE, or a folder. sparse_depth: a
    file of readings. scale_from: a network that knows metres, or its weights. has_level_floor:
    the floor tells what is up."""

    distances: tuple[WorldLength, ...] = ()
    image_points: tuple[ImageLength, ...] = ()
    camera_height: float | None = None
    tag: TagKind | None = None
    depth: str | None = None
    sparse_depth: Path | None = None
    scale_from: str | None = None
    has_level_floor: bool = False

    def __bool__(self) -> bool:
        return self != Measurements()

    @property
    def tell_scale(self) -> bool:
        """Whether any of them tells how large the map is."""
        return bool(replace(self, has_level_floor=False))


class Asked(Protocol):
    """Options of a command or fields of a request, as text."""

    @property
    def image_points(self) -> Sequence[Sequence[str]]: ...  # noqa: D102
    @property
    def camera_height(self) -> float | None: ...  # noqa: D102
    @property
    def tag(self) -> str | None: ...  # noqa: D102
    @property
    def depth(self) -> str | None: ...  # noqa: D102
    @property
    def sparse_depth(self) -> Path | None: ...  # noqa: D102
    @property
    def scale_from(self) -> str | None: ...  # noqa: D102
    @property
    def gravity(self) -> str | None: ...  # noqa: D102


def measurements(asked: Asked) -> Measurements:
    """What they say. Raises ConfigError that names the option that makes no sense."""
    if asked.camera_height is not None:
        check_height(asked.camera_height)
    return Measurements(
        (),
        tuple(ImageLength.of(words) for words in asked.image_points),
        asked.camera_height,
        None if asked.tag is None else TagKind.of(asked.tag),
        asked.depth,
        asked.sparse_depth,
        asked.scale_from,
        asked.gravity == FLOOR,
    )


def check_scalable(asked: Measurements, is_metric: bool, frontend: str) -> None:
    """Raise ConfigError where a frontend knows the unit that measurements are to tell."""
    if asked.tell_scale and is_metric:
        raise ConfigError(
            f"frontend {frontend} maps in metres: leave out --image-points, --camera-height, "
            "--tag, --depth, --sparse-depth and --scale-from, which are for maps without a unit"
        )
