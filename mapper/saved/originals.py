"""The images of a run as large as they are stored, and how its maps lie in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.images import Layout
from mapper.frontends.mono.geometry.lens import Lens
from mapper.io.sequences.sequence import Sequence
from mapper.run.directory import RunDirectory
from mapper.saved.results import sequence_again

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, UInt8

VIDEO: Final = "video"  # kind of the sequences all whose frames are of one size
SAME: Final = 12.0  # mean difference of colours, of 255: filters differ by far less


@dataclass(frozen=True, slots=True)
class Original:
    """An image as it is stored, without distortion, and how the frontend's image lies in it.

    depth: of the sensor, metres; or None.
    """

    image: UInt8[np.ndarray, "h w 3"]
    layout: Layout
    depth: Float32[np.ndarray, "h w"] | None = None
    mask: Bool[np.ndarray, "h w"] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.image.shape[1], self.image.shape[0]

    def mapped(self, depth: Float32[np.ndarray, "rows columns"]) -> Float32[np.ndarray, "h w"]:
        """A keyframe's depth at the original's size, nearest readings; 0 where it saw nothing."""
        width, height = self.size
        columns, rows = (
            _looked_up(self.layout, axis, count, self.size)
            for axis, count in enumerate((width, height))
        )
        inside = ((rows >= 0) & (rows < depth.shape[0]))[:, None]
        inside = inside & (columns >= 0) & (columns < depth.shape[1])
        found = depth[rows.clip(0, depth.shape[0] - 1)][:, columns.clip(0, depth.shape[1] - 1)]
        return np.where(inside, found, np.float32(0))


def _looked_up(layout: Layout, axis: int, count: int, size: tuple[int, int]) -> np.ndarray:
    """Column (axis 0) or row (axis 1) of the frontend's image for each of the original's."""
    pixels = np.zeros((count, 2))
    pixels[:, axis] = np.arange(count)
    return np.rint(layout.to_network(pixels, size)[:, axis]).astype(np.int64)


def original_camera(worked: Intrinsics, layout: Layout, size: tuple[int, int]) -> Intrinsics:
    """The inverse of Layout.intrinsics. size: width and height of the original."""
    left, top = layout.offset
    whole = replace(
        worked,
        cx=worked.cx + left,
        cy=worked.cy + top,
        width=layout.resized[0],
        height=layout.resized[1],
    )
    return whole.resized(*size)


class Originals:
    """A run's images, read again. Raises InputError where they are gone or have changed."""

    def __init__(self, run: RunDirectory) -> None:
        sequence = sequence_again(run)
        if sequence is None:
            path = run.read_description().sequence_path
            raise InputError(f"{path} is gone or changed: its images cannot be read again")
        self._sequence: Sequence = sequence
        self.has_depth = sequence.has_depth
        self.has_masks = run.read_description().says.sequence.mask_dir is not None
        self._frontend = run.read_description().says.frontend
        found = run.read_json(run.metrics).get("found_camera")
        self._k1 = float(found["k1"]) if found else 0.0
        self._one_size: tuple[int, int] | None = None
        self._layouts: dict[tuple[int, int, int, int], Layout] = {}

    def close(self) -> None:
        """Of the sequence."""
        self._sequence.close()

    @property
    def files(self) -> tuple[Path, ...]:
        """Of each frame's image; empty where the sequence does not tell."""
        of = getattr(self._sequence, "source_files", None)
        found = [of(index) for index in range(len(self._sequence))] if of else []
        return tuple(files[0] for files in found if files)

    @property
    def times(self) -> np.ndarray:
        """(N,), seconds, of the frames."""
        return self._sequence.timestamps

    def check(self, index: int, keyframe: KeyframeMap) -> None:
        """Raises InputError unless the image of a keyframe is that frame's."""
        self._layout(self._sequence[index].image, keyframe)

    def camera(self, index: int, worked: Intrinsics) -> Intrinsics:
        """Of the original of a frame, given that of the frontend's image of it."""
        camera = self._sequence.intrinsics
        size = (camera.width, camera.height) if camera is not None else self._size(index)
        return original_camera(worked, self._known(size, worked), size)

    def _size(self, index: int) -> tuple[int, int]:
        if self._one_size is None:
            height, width = self._sequence[index].image.shape[:2]
            if self._sequence.kind == VIDEO:  # all of its frames are as large
                self._one_size = width, height
            return width, height
        return self._one_size

    def _known(self, size: tuple[int, int], worked: Intrinsics) -> Layout:
        """The layout that `check` found for images of a size, else that of the frontend."""
        key = (*size, worked.width, worked.height)
        if key not in self._layouts:
            self._layouts[key] = next(self._candidates(*key))
        return self._layouts[key]

    def read(self, index: int, worked: Intrinsics) -> Original:
        """The image of a frame. worked: camera of the frontend's image, of a size that `check` has
        seen."""
        frame = self._sequence[index]
        height, width = frame.image.shape[:2]
        layout = self._known((width, height), worked)
        image = frame.image
        if self._k1:
            camera = original_camera(worked, layout, (width, height))
            image = _straight(image, camera, self._k1)
        return Original(image, layout, frame.depth, frame.mask)

    def _layout(self, image: UInt8[np.ndarray, "h w 3"], keyframe: KeyframeMap) -> Layout:
        """By which layout an image looks like a keyframe's, remembered for all of its size."""
        height, width = image.shape[:2]
        rows, columns = keyframe.image.shape[:2]
        key = (width, height, columns, rows)
        if key not in self._layouts:
            off = [
                (_difference(image, keyframe.image, layout), number, layout)
                for number, layout in enumerate(self._candidates(*key))
            ]
            best = min(off, default=None, key=lambda each: each[:2])
            if best is None or best[0] > SAME:
                raise InputError(
                    f"images of {width}x{height} do not look like the keyframes of the run, which "
                    f"have {columns}x{rows}"
                )
            self._layouts[key] = best[2]
        return self._layouts[key]

    def _candidates(self, width: int, height: int, columns: int, rows: int) -> Iterator[Layout]:
        """Ways of the frontends to make an image of columns x rows of one of width x height."""
        yield from (
            layout
            for layout in _published(self._frontend, width, height, max(columns, rows))
            if layout.size == (columns, rows)
        )
        yield Layout((columns, rows), (0, 0), (columns, rows))


def _published(frontend: str, width: int, height: int, side: int) -> Iterator[Layout]:
    """What the learned frontends do to an image whose longer side becomes `side`."""
    from mapper.frontends.cut3r import preprocess as cut3r
    from mapper.frontends.da3 import preprocess as da3
    from mapper.frontends.vggt import preprocess as vggt
    from mapper.frontends.wint3r import preprocess as wint3r

    makers = {
        "cut3r": partial(cut3r.layout_of, width, height, side),
        "cut3r of small patches": partial(cut3r.layout_of, width, height, side, patch=14),
        "wint3r": partial(wint3r.layout_of, width, height),
        "vggt": partial(vggt.layout_of, width, height, side),
        "da3": partial(da3.layout_of, width, height, side, "upper_bound_crop"),
    }
    family = "vggt" if "vggt" in frontend or "stream3r" in frontend else frontend.split("-")[0]
    first = [family] if family in makers else []
    for name in [*first, *(other for other in makers if other != family)]:
        try:
            yield makers[name]()
        except InputError:  # too narrow for it
            continue


def _difference(
    image: UInt8[np.ndarray, "h w 3"], worked: UInt8[np.ndarray, "rows columns 3"], layout: Layout
) -> float:
    """Mean absolute difference of colours where both have any."""
    resized = cv2.resize(image, layout.resized, interpolation=cv2.INTER_AREA)
    seen = layout.inside()
    columns, rows = (np.flatnonzero(seen.any(axis)) for axis in (0, 1))
    left, top = layout.offset
    part = worked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mine = resized[rows[0] + top : rows[-1] + top + 1, columns[0] + left : columns[-1] + left + 1]
    return float(np.abs(mine.astype(np.int16) - part).mean())


def _straight(image: UInt8[np.ndarray, "h w 3"], camera: Intrinsics, k1: float) -> np.ndarray:
    """Without the distortion that the frontend found."""
    lens = Lens(camera.fx, camera.fy, camera.cx, camera.cy, k1, camera.width, camera.height)
    return np.asarray(lens.undistorted(image, camera.width, camera.height))
