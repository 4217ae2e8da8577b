"""Masks of images: found by name, checked, and carried the way that the image goes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import ConfigError, InputError
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.open_sequence import open_sequence
from tests.support.images import HEIGHT, WIDTH

EDGE = WIDTH // 4  # columns that are masked


def write_mask(path: Path, used: int = 255, width: int = WIDTH, height: int = HEIGHT) -> None:
    mask = np.full((height, width), used, np.uint8)
    mask[:, : width // 4] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mask)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.mark.parametrize("name", ["{}.png", "{}.png.png", "rgb/{}.png", "{}.jpg"])
def test_a_mask_is_found_by_the_name_of_its_image(
    rgbd_folder: Path, masks: Path, name: str
) -> None:
    for number in range(11):
        write_mask(masks / name.format(number))
    (masks / "._0.png").write_bytes(b"no mask")
    sequence = open_sequence(rgbd_folder, mask_dir=masks)
    frame = sequence[10]
    assert frame.mask is not None and frame.depth is not None
    assert not frame.mask[:, :EDGE].any() and frame.mask[:, EDGE + 8 :].all()
    assert (frame.depth[:, :EDGE] == 0).all() and (frame.depth[:, EDGE + 8 :] > 0).all()
    assert (frame.image == open_sequence(rgbd_folder)[10].image).all()
    assert sequence.notes == ()


def test_a_mask_of_ones_says_the_same_as_one_of_255(rgbd_folder: Path, masks: Path) -> None:
    write_mask(masks / "0.png", used=1)
    frame = open_sequence(rgbd_folder, mask_dir=masks)[0]
    assert frame.mask is not None and frame.mask[:, EDGE:].all()


def test_images_without_a_mask_are_used_whole_and_told(rgbd_folder: Path, masks: Path) -> None:
    write_mask(masks / "1.png")
    sequence = open_sequence(rgbd_folder, mask_dir=masks)
    assert sequence[0].mask is None
    assert (
        "10 of 11 images have no mask and are used whole, the first is 0.png" in sequence.notes[0]
    )


def test_masks_of_other_images_are_refused(rgbd_folder: Path, masks: Path) -> None:
    write_mask(masks / "elsewhere.png")
    with pytest.raises(ConfigError, match=r"no mask of any image.* 0\.png or 0\.png\.png"):
        open_sequence(rgbd_folder, mask_dir=masks)
    with pytest.raises(ConfigError, match="no such folder of masks"):
        open_sequence(rgbd_folder, mask_dir=masks / "none")


def test_masks_that_cannot_be_of_their_image_are_named(rgbd_folder: Path, masks: Path) -> None:
    write_mask(masks / "0.png", width=2 * WIDTH)
    write_mask(masks / "1.png", used=0)
    (masks / "2.png").write_bytes(b"nothing")
    sequence = open_sequence(rgbd_folder, mask_dir=masks)
    with pytest.raises(
        InputError, match=rf"0\.png: a mask of {2 * WIDTH}x{HEIGHT} pixels, but its"
    ):
        sequence[0]
    with pytest.raises(InputError, match=r"1\.png: the mask is 0 everywhere"):
        sequence[1]
    with pytest.raises(InputError, match=r"2\.png: no readable image"):
        sequence[2]


def test_a_video_has_masks_by_number(video: Path, masks: Path) -> None:
    write_mask(masks / "000003.png", width=64, height=48)
    sequence = open_sequence(video, mask_dir=masks, start=3)
    mask = sequence[0].mask
    assert mask is not None and not mask[:, :16].any() and mask[:, 16:].all()
    assert sequence[1].mask is None


def test_a_mask_is_undistorted_as_its_image_is(tmp_path: Path, masks: Path) -> None:
    """White where the image is used, so that both must look alike afterwards."""
    image = np.zeros((120, 160), np.uint8)
    cv2.circle(image, (40, 40), 25, 255, -1)
    masks.mkdir()
    (tmp_path / "walk").mkdir()
    cv2.imwrite(str(masks / "0.png"), image)
    cv2.imwrite(str(tmp_path / "walk/0.png"), image)
    (tmp_path / "walk/calibration.yaml").write_text(
        "fx: 90\nfy: 90\ncx: 79.5\ncy: 59.5\nwidth: 160\nheight: 120\n"
        "distortion: [-0.3, 0.1, 0, 0, 0]\n"
    )
    frame = open_sequence(tmp_path / "walk", mask_dir=masks)[0]
    assert frame.mask is not None
    assert (frame.mask == (frame.image[..., 0] == 255)).all()
    assert frame.mask.sum() > 1000 and not (frame.mask == (image == 255)).all()


def test_a_pixel_of_a_smaller_image_is_used_where_all_of_it_is(
    rgbd_folder: Path, masks: Path
) -> None:
    write_mask(masks / "0.png")
    frame = BoundedSequence(open_sequence(rgbd_folder, mask_dir=masks), WIDTH // 2)[0]
    assert frame.mask is not None and frame.depth is not None
    assert frame.mask.shape == (HEIGHT // 2, WIDTH // 2)
    assert not frame.mask[:, : EDGE // 2].any() and frame.mask[:, EDGE // 2 + 1 :].all()
    assert (frame.depth[~frame.mask] == 0).all() and (frame.depth[frame.mask] > 0).all()


def test_another_set_of_masks_is_another_input(rgbd_folder: Path, masks: Path) -> None:
    write_mask(masks / "0.png")
    prints = [fingerprint(open_sequence(rgbd_folder)) for _ in range(2)]
    prints += [fingerprint(open_sequence(rgbd_folder, mask_dir=masks))]
    write_mask(masks / "1.png")
    prints += [fingerprint(open_sequence(rgbd_folder, mask_dir=masks))]
    assert prints[0] == prints[1] and len(set(prints)) == 3
