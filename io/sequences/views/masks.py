"""Masks beside a sequence: which pixels of its images are not to be used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.frame import Frame
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.captures.common_view import Lens
from mapper.io.sequences.decode import decode, read_bytes
from mapper.io.sequences.image_files import IMAGE_SUFFIXES
from mapper.io.sequences.sequence import NumberedFrames, Sequence

if TYPE_CHECKING:
    from jaxtyping import Bool

LOSSY: Final = frozenset({".jpg", ".jpeg"})
USED_IN_LOSSY: Final = 128  # of 255: what was 0 may have become a little more
FOLDERS_ABOVE: Final = 2  # that may stand before an image's name in the folder of masks, as well


class MaskedSequence(NumberedFrames):
    """A sequence whose frames carry masks; depth of a pixel that is not to be used is 0.

    A mask is of the image as its file is read, and goes the same way: undistorted, and seen from
    the depth camera where the image is. Frames without a mask are used whole, which `notes` tell.
    """

    def __init__(self, sequence: Sequence, folder: Path) -> None:
        """ConfigError where the folder holds no mask of any of the frames."""
        self._sequence, self.folder = sequence, folder
        self._lens = _lenses(sequence)
        self.working_side: int | None = getattr(sequence, "working_side", None)
        self._masks = _masks_of(sequence, folder)
        self.kind, self.name, self.path = sequence.kind, sequence.name, sequence.path
        self.has_depth, self.intrinsics = sequence.has_depth, sequence.intrinsics
        self.timestamps, self.ground_truth = sequence.timestamps, sequence.ground_truth
        self.lonely_times, self.camera_kind = sequence.lonely_times, sequence.camera_kind
        missing = [index for index, mask in enumerate(self._masks) if mask is None]
        self.notes = sequence.notes
        if missing:
            self.notes += (
                f"{folder}: {len(missing)} of {len(sequence)} images have no mask and are used "
                f"whole, the first is {_name(sequence, missing[0])}",
            )

    def __len__(self) -> int:
        return len(self._sequence)

    def _frame(self, index: int) -> Frame:
        frame, path = self._sequence[index], self._masks[index]
        if path is None:
            return frame
        mask = np.where(_read_mask(path), np.uint8(255), np.uint8(0))
        lens = self._lens(index)
        if mask.shape[::-1] != lens.color_size:
            width, height = lens.color_size
            raise InputError(
                f"{path}: a mask of {mask.shape[1]}x{mask.shape[0]} pixels, but its image has "
                f"{width}x{height}"
            )
        if not mask.any():
            raise InputError(f"{path}: the mask is 0 everywhere, which leaves nothing of the image")
        seen = lens.seen(np.repeat(mask[..., None], 3, axis=2), frame.depth)
        return frame.masked(seen[..., 0] == 255)  # all that a pixel was made of is to be used

    def source_files(self, index: int) -> tuple[Path, ...]:
        """Of the sequence within, whose files come first, and the mask."""
        mask = self._masks[index]
        return (*_files(self._sequence, index), *([] if mask is None else [mask]))

    def rig_facts(self) -> str:
        """With the names of the masks; for the fingerprint."""
        facts = getattr(self._sequence, "rig_facts", None)
        names = ",".join("" if mask is None else mask.name for mask in self._masks)
        return f"{facts() if facts else ''} masks {hashlib.sha256(names.encode()).hexdigest()}"

    def close(self) -> None:
        """Closes the sequence within."""
        self._sequence.close()


def _lenses(sequence: Sequence) -> Callable[[int], Rig | Lens]:
    """What the image of each frame goes through; ConfigError where the sequence does not tell."""
    rig = getattr(sequence, "rig", None)
    if isinstance(rig, Rig):
        return lambda index: rig
    lens: Callable[[int], Lens] | None = getattr(sequence, "lens", None)
    if lens is None:
        raise ConfigError(f"{sequence.path}: --mask-dir is for images and videos")
    return lens


def _masks_of(sequence: Sequence, folder: Path) -> list[Path | None]:
    """The mask of each frame."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of masks; check --mask-dir")
    there = {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."
    }
    for name, path in list(there.items()):  # the first of several endings
        there.setdefault(str(Path(name).with_suffix("")), path)
    by_number = {int(name): path for name, path in there.items() if name.isdecimal()}
    found = [
        by_number.get(index)
        if sequence.kind == "video"
        else next((there[name] for name in _names(image) if name in there), None)
        for index, image in ((i, _files(sequence, i)[0]) for i in range(len(sequence)))
    ]
    if not any(found):
        raise ConfigError(
            f"{folder}: no mask of any image here; the first image is {_name(sequence, 0)}, whose "
            f"mask is {_expected(sequence)}"
        )
    return found


def _names(image: Path) -> Iterator[str]:
    """What the mask of an image may be called, without its own ending: NAME.png as COLMAP has it,
    or the image's stem; first below the folders that the image is in."""
    for above in range(FOLDERS_ABOVE, -1, -1):
        name = Path(*image.parts[-1 - above :])
        yield str(name)
        yield str(name.with_suffix(""))


def _read_mask(path: Path) -> Bool[np.ndarray, "h w"]:
    grey = decode(read_bytes(path), path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    return grey >= (USED_IN_LOSSY if path.suffix.lower() in LOSSY else 1)


def _files(sequence: Sequence, index: int) -> tuple[Path, ...]:
    files = getattr(sequence, "source_files", None)
    return files(index) if files else (sequence.path,)


def _name(sequence: Sequence, index: int) -> str:
    return f"frame {index}" if sequence.kind == "video" else _files(sequence, index)[0].name


def _expected(sequence: Sequence) -> str:
    if sequence.kind == "video":
        return "000000.png, counted from 0"
    image = _files(sequence, 0)[0]
    return f"{image.stem}.png or {image.name}.png"
