"""The README's moving picture: a map that grows from a recording, and its loops as they close.

    python tools moving_picture SEQUENCE --out docs/redkitchen.webp [--every N] [--width PIXELS]

Maps the sequence with a depth camera, keeps the map after every N frames, and draws each from where
the whole map is seen best: the way so far, the camera, what it sees, and loops when they close.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mapper.backend.fusion.upright import estimate_up, held_up
from mapper.config.settings import MapperConfig
from mapper.core.geometry import inverse
from mapper.core.mesh import Mesh
from mapper.io.open_sequence import open_sequence
from mapper.report.mesh_picture import FIELD_OF_VIEW, oblique_pose
from mapper.report.mesh_renderer import MeshRenderer
from mapper.report.scene.thinning import thinned
from mapper.slam.mapper import Mapper

MOST_FACES = 250_000
INSET = 0.26  # of the picture's width
SHOWN = 3  # pictures that a closed loop stays bright
LAST_MS = 2500
WAY, CAMERA, LOOP, OLD_LOOP = (37, 99, 201), (240, 68, 56), (18, 183, 106), (140, 205, 170)
QUALITY = 70


@dataclass(frozen=True)
class Moment:
    """After some frames: mesh, way (N, 3), pose of the camera (4, 4), what it sees, pairs of places
    (L, 2, 3) that loops join."""

    mesh: Mesh
    way: np.ndarray
    T_world_camera: np.ndarray
    image: np.ndarray
    loops: np.ndarray


def moments_of(path: Path, every: int) -> list[Moment]:
    """The map after every so many frames, and the finished one."""
    sequence = open_sequence(path)
    mapper = Mapper(replace(MapperConfig(), threads=False))
    found: list[Moment] = []
    image = np.zeros((0, 0, 3), np.uint8)
    for count, frame in enumerate(sequence, 1):
        mapper.step(frame)
        image = frame.image
        if count % every == 0 and len((mesh := mapper.backend.extract_mesh()).faces):
            found.append(_moment(mapper, mesh, image))
    result = mapper.finish()
    return [*found, _moment(mapper, result.mesh, image)]


def _moment(mapper: Mapper, mesh: Mesh, image: np.ndarray) -> Moment:
    poses = mapper.backend.trajectory()[1].T_world_camera
    places = mapper.backend.poses
    pairs = [
        (places[edge.i][:3, 3], places[edge.j][:3, 3])
        for edge in mapper.backend.edges
        if edge.kind == "loop" and edge.i in places and edge.j in places
    ]
    loops = np.array(pairs).reshape(-1, 2, 3)
    return Moment(thinned(mesh, MOST_FACES), poses[:, :3, 3], poses[-1], image, loops)


class Artist:
    """Draws moments of one map, seen from one place. T_world_eye: (4, 4). size: of the pictures."""

    def __init__(self, T_world_eye: np.ndarray, size: tuple[int, int], extent: float) -> None:
        self._T_world_eye, self._size = T_world_eye, size
        self._camera_size = 0.03 * extent

    def picture(self, moment: Moment, new_loops: int) -> np.ndarray:
        """uint8 (H, W, 3). new_loops: how many of its loops are drawn bright, and counted."""
        width, height = self._size
        view = MeshRenderer(moment.mesh).picture(width, height, self._T_world_eye, FIELD_OF_VIEW)
        old = len(moment.loops) - new_loops
        self._lines(view, moment.loops[:old], OLD_LOOP, 1)
        self._lines(view, moment.loops[old:], LOOP, 2)
        self._lines(view, np.stack([moment.way[:-1], moment.way[1:]], axis=1), WAY, 2)
        self._lines(view, self._outline(moment.T_world_camera), CAMERA, 2)
        self._inset(view, moment.image)
        if new_loops:
            text = "loop closed" if new_loops == 1 else f"{new_loops} loops closed"
            where = (16, height - 18)
            cv2.putText(view, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.7, LOOP, 2, cv2.LINE_AA)
        return view

    def _lines(
        self, view: np.ndarray, pairs: np.ndarray, color: tuple[int, int, int], thickness: int
    ) -> None:
        """pairs: (L, 2, 3), in the world."""
        T = inverse(self._T_world_eye)
        local = pairs @ T[:3, :3].T + T[:3, 3]
        width, height = self._size
        focal = height / 2 / np.tan(FIELD_OF_VIEW / 2)
        pixels = local[..., :2] / local[..., 2:] * focal + [(width - 1) / 2, (height - 1) / 2]
        for a, b in np.round(8 * pixels).astype(int):
            cv2.line(view, a.tolist(), b.tolist(), color, thickness, cv2.LINE_AA, shift=3)

    def _outline(self, T_world_camera: np.ndarray) -> np.ndarray:
        corners = np.array([[-1, -0.75, 1.3], [1, -0.75, 1.3], [1, 0.75, 1.3], [-1, 0.75, 1.3]])
        corners = self._camera_size * corners
        edges = [(corners[k], corners[(k + 1) % 4]) for k in range(4)]
        pairs = np.array([*edges, *((np.zeros(3), corner) for corner in corners)])
        return pairs @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]

    def _inset(self, view: np.ndarray, image: np.ndarray) -> None:
        width = round(INSET * self._size[0])
        height = round(width * image.shape[0] / image.shape[1])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        top, left = self._size[1] - 12 - height, self._size[0] - 12 - width
        view[top : top + height, left : left + width] = small
        corners = (left - 1, top - 1), (left + width, top + height)
        cv2.rectangle(view, *corners, CAMERA, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.webp")
    parser.add_argument("--every", type=int, default=14, metavar="N")
    parser.add_argument("--width", type=int, default=860, metavar="PIXELS")
    parser.add_argument("--milliseconds", type=int, default=130, help="of each picture")
    options = parser.parse_args()
    moments = moments_of(options.sequence, options.every)
    last = moments[-1]
    size = options.width, round(options.width / 1.6)
    up = estimate_up(last.mesh, held_up(last.T_world_camera[None]))
    extent = float(np.ptp(last.mesh.vertices, axis=0).max())
    artist = Artist(oblique_pose(last.mesh, up, 1.6), size, extent)
    pictures, counts = [], [len(moment.loops) for moment in moments]
    for k, moment in enumerate(moments[:-1]):
        new = max(0, counts[k] - counts[max(0, k - SHOWN)])
        pictures.append(Image.fromarray(artist.picture(moment, new)))
    pictures.append(Image.fromarray(artist.picture(last, 0)))
    times = [options.milliseconds] * (len(pictures) - 1) + [LAST_MS]
    pictures[0].save(
        options.out,
        save_all=True,
        append_images=pictures[1:],
        duration=times,
        loop=0,
        quality=QUALITY,
        method=6,
        minimize_size=True,
    )
    print(f"{options.out}: {len(pictures)} pictures, {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
