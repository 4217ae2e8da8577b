"""Panoramas become pinhole views that lie where they say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.geometry import umeyama
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError
from mapper.frontends.registry import choose_frontend
from mapper.frontends.sfm.config import SfmConfig
from mapper.frontends.sfm.frontend import SfmFrontend
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.views.panorama import PanoramaSequence, rotations
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.sequence import render_sample
from tests.support.room_views import Room

WIDTH, PANORAMAS, VIEWS = 1024, 3, 4
UP_DOWN = np.array([[[1, 0, 0], [0, 0, s], [0, -s, 0]] for s in (-1.0, 1.0)])
MARGIN = 8  # pixels of a face beyond its 90 degrees, to interpolate in


def render_panorama(renderer: RoomRenderer, T_room_camera: np.ndarray, width: int) -> np.ndarray:
    """uint8 (width / 2, width, 3); its middle looks where the camera does."""
    focal, size = width / 8, width // 4 + MARGIN
    face = Intrinsics(focal, focal, (size - 1) / 2, (size - 1) / 2, size, size)
    longitude = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    latitude = (((np.arange(width // 2) + 0.5) / (width // 2) - 0.5) * np.pi)[:, None]
    rays = np.stack(
        np.broadcast_arrays(
            np.sin(longitude) * np.cos(latitude),
            np.sin(latitude),
            np.cos(longitude) * np.cos(latitude),
        ),
        axis=-1,
    )
    panorama = np.zeros((width // 2, width, 3), np.uint8)
    nearest = np.zeros(panorama.shape[:2])
    for R in (*rotations(4), *UP_DOWN):
        T = T_room_camera.copy()
        T[:3, :3] = T[:3, :3] @ R
        image = render_sample(renderer, T, face, None)[0]
        seen = rays @ R
        z = np.maximum(seen[..., 2], 1e-6)
        columns = (face.fx * seen[..., 0] / z + face.cx).astype(np.float32)
        rows = (face.fy * seen[..., 1] / z + face.cy).astype(np.float32)
        own = seen[..., 2] > nearest
        panorama[own] = cv2.remap(image, columns, rows, cv2.INTER_LINEAR)[own]
        nearest = np.maximum(nearest, seen[..., 2])
    return panorama


def write_panoramas(folder: Path, *marks: tuple[float, float]) -> Path:
    """Black ones with white dots at (longitude, latitude), degrees."""
    folder.mkdir(exist_ok=True)
    image = np.zeros((WIDTH // 2, WIDTH), np.uint8)
    for longitude, latitude in marks:
        column = round((longitude / 360 + 0.5) * WIDTH - 0.5)
        row = round((latitude / 180 + 0.5) * WIDTH / 2 - 0.5)
        cv2.circle(image, (column, row), 3, 255, -1)
    for number in range(PANORAMAS):
        assert cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def split(folder: Path, **more: object) -> PanoramaSequence:
    sequence = open_sequence(folder, split_360=VIEWS, **more)  # type: ignore[arg-type]
    assert isinstance(sequence, PanoramaSequence)
    return sequence


@pytest.mark.parametrize(("longitude", "latitude"), [(0, 0), (97, -20), (178, 10), (-130, 30)])
def test_what_is_in_a_direction_is_seen_in_that_direction(
    tmp_path: Path, longitude: float, latitude: float
) -> None:
    sequence = split(write_panoramas(tmp_path / "walk", (longitude, latitude)))
    camera = sequence.intrinsics
    assert camera is not None
    a, b = np.deg2rad([longitude, latitude])
    ray = np.array([np.sin(a) * np.cos(b), np.sin(b), np.cos(a) * np.cos(b)])
    seen = 0
    for index in range(VIEWS):
        x, y, z = rotations(VIEWS)[sequence.view_of(index)[1]].T @ ray
        grey = sequence[index].image[..., 0].astype(float)
        u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
        if z > 0.1 and 5 < u < camera.width - 5 and 5 < v < camera.height - 5:
            rows, columns = np.nonzero(grey > 100)
            assert np.hypot(columns.mean() - u, rows.mean() - v) < 1.5
            seen += 1
    assert seen >= 1


def test_neighbours_in_order_overlap_and_times_increase(tmp_path: Path) -> None:
    sequence = split(write_panoramas(tmp_path / "walk"))
    views = [sequence.view_of(index) for index in range(len(sequence))]
    assert views[:8] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (1, 2), (1, 1), (1, 0)]
    assert (np.diff(sequence.timestamps) > 0).all()
    assert sequence.timestamps[VIEWS] == pytest.approx(1 / 30)
    camera = sequence.intrinsics
    assert camera is not None
    seen = 2 * np.rad2deg(np.arctan(camera.width / 2 / camera.fx))
    assert seen == pytest.approx(360 / VIEWS + 20, abs=0.5)
    # Frames are counted in panoramas.
    part = split(tmp_path / "walk", start=1, stride=1, max_frames=1)
    assert len(part) == VIEWS
    assert (part[0].image == sequence[VIEWS + 3].image).all()


def test_large_views_are_reduced_with_their_camera(tmp_path: Path) -> None:
    bounded = BoundedSequence(split(write_panoramas(tmp_path / "walk")), 200)
    frame = bounded[5]
    assert frame.intrinsics == bounded.intrinsics
    assert frame.image.shape[1] == 200 and frame.index == 5


def test_masks_are_split_as_the_images_are(tmp_path: Path) -> None:
    """What is masked is black in the image here, and nothing else is."""
    write_panoramas(tmp_path / "walk")
    (tmp_path / "masks").mkdir()
    image = np.full((WIDTH // 2, WIDTH), 255, np.uint8)
    image[:, 300:500] = 0
    cv2.imwrite(str(tmp_path / "masks/0.png"), image)
    cv2.imwrite(str(tmp_path / "walk/0.png"), image)
    sequence = split(tmp_path / "walk", mask_dir=tmp_path / "masks")
    for index in range(VIEWS):
        frame = sequence[index]
        assert frame.mask is not None
        assert (frame.mask == (frame.image[..., 0] == 255)).all()
    assert sequence[VIEWS].mask is None


def test_what_is_no_panorama_is_refused_in_a_line(tmp_path: Path, tum: Path, video: Path) -> None:
    folder = write_panoramas(tmp_path / "walk")
    with pytest.raises(ConfigError, match="--split-360 is 3; must be 4 to 12 views"):
        open_sequence(folder, split_360=3)
    with pytest.raises(ConfigError, match="for colour alone; there is depth"):
        open_sequence(tum, split_360=4)
    with pytest.raises(InputError, match="twice as wide as high; these are 64x48"):
        open_sequence(video, split_360=4)
    camera = tmp_path / "camera.yaml"
    camera.write_text("fx: 500\nfy: 500\ncx: 511\ncy: 255\nwidth: 1024\nheight: 512\n")
    with pytest.raises(ConfigError, match="a panorama has no pinhole camera: leave out --calib"):
        open_sequence(folder, calibration=camera, split_360=4)


def test_panoramas_that_are_not_split_are_told(tmp_path: Path) -> None:
    folder = write_panoramas(tmp_path / "walk")
    assert any("--split-360 4" in note for note in open_sequence(folder).notes)
    assert split(folder).notes == ()


def test_another_number_of_views_is_another_input(tmp_path: Path) -> None:
    folder = write_panoramas(tmp_path / "walk")
    prints = {fingerprint(open_sequence(folder, split_360=n)) for n in (None, 4, 6)}
    assert len(prints) == 3


def test_a_walk_among_panoramas_is_found_again(tmp_path: Path, room: Room) -> None:
    """By the frontend that is chosen for them; each view of its own, all of a panorama at once."""
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    renderer, places = RoomRenderer(sample_room()), range(0, 60, 12)
    for number, place in enumerate(places):
        image = render_panorama(renderer, room.poses[place], 640)
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), image[..., ::-1])
    sequence = split(tmp_path)
    frontend = SfmFrontend(SfmConfig(depth_width=96, planes=24))
    for frame in sequence:
        frontend.step(frame)
    found = frontend.flush()
    assert len(found) == len(sequence), frontend.explain()
    of = [sequence.view_of(prediction.frame_index) for prediction in found]
    truth = np.stack([room.poses[places[panorama]][:3, 3] for panorama, _ in of])
    mine = np.stack([prediction.T_world_camera for prediction in found])
    scale, T = umeyama(mine[:, :3, 3], truth, with_scale=True)
    off = scale * mine[:, :3, 3] @ T[:3, :3].T + T[:3, 3] - truth
    assert np.sqrt((off**2).sum(1).mean()) < 0.02
    turned = np.stack([room.poses[places[p]][:3, :3] @ rotations(VIEWS)[v] for p, v in of])
    # Against the first one: the fit of so short a walk leaves its own turn open.
    mine, turned = (R[0].T @ R for R in (mine[:, :3, :3], turned))
    angles = np.trace(mine.transpose(0, 2, 1) @ turned, axis1=1, axis2=2)
    assert np.rad2deg(np.arccos(np.clip((angles - 1) / 2, -1, 1))).max() < 1.5


def test_views_far_apart_are_taken_for_photographs() -> None:
    from mapper.config.settings import MapperConfig

    assert choose_frontend(MapperConfig(), has_depth=False, far_apart=True)[0] == "sfm"
