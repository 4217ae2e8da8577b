"""How like its frames a textured mesh looks: python tools measures.texture_psnr RUN MESH.obj

Frames that are no keyframes, of which no mesh has colours, are compared with what the textured mesh
and the run's own mesh, coloured at its vertices, look like from their poses, where both are hit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import MATCH_SECONDS, matching_times
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory
from mapper.runtime.open3d_loader import load_open3d
from mapper.saved.map import load_map
from mapper.saved.results import sequence_again

FRAMES: Final = 24
Colors = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of faces (N,) at uv (N, 2): (N, 3)


class Shown:
    """A mesh seen by cameras. colors: float (N, 3), 0..255, of hits."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, colors: Colors) -> None:
        self._core = load_open3d().core
        self._scene = load_open3d().t.geometry.RaycastingScene()
        self._scene.add_triangles(vertices.astype(np.float32), faces.astype(np.uint32))
        self._colors = colors

    def picture(self, camera: Intrinsics, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float (H, W, 3), and bool (H, W): where there is a surface."""
        v, u = np.mgrid[0 : camera.height, 0 : camera.width]
        x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
        directions = np.stack([x, y, np.ones_like(x)], axis=-1) @ T[:3, :3].T
        rays = np.concatenate([np.broadcast_to(T[:3, 3], directions.shape), directions], axis=-1)
        hits = self._scene.cast_rays(self._core.Tensor(rays.astype(np.float32)))
        hit = np.isfinite(hits["t_hit"].numpy())
        picture = np.zeros((*hit.shape, 3))
        faces = hits["primitive_ids"].numpy()[hit].astype(np.int64)
        picture[hit] = self._colors(faces, hits["primitive_uvs"].numpy()[hit])
        return picture, hit


def textured(path: Path) -> Shown:
    """A textured .obj or .glb, read by Open3D."""
    mesh = load_open3d().io.read_triangle_mesh(str(path))
    faces, uvs = np.asarray(mesh.triangles), np.asarray(mesh.triangle_uvs).reshape(-1, 3, 2)
    texture = np.asarray(mesh.textures[-1])[..., :3]
    # Open3D turns a texture over, so that its first row is where v is 0.
    height, width = texture.shape[:2]

    def colors(hit: np.ndarray, uv: np.ndarray) -> np.ndarray:
        places = np.einsum("nk,nkd->nd", _weights(uv), uvs[hit])
        x = (places[:, 0] * width - 0.5).astype(np.float32)
        y = (places[:, 1] * height - 0.5).astype(np.float32)
        found = [
            cv2.remap(texture, x[start : start + 30000, None], y[start : start + 30000, None], 1)
            for start in range(0, len(x), 30000)  # OpenCV takes no more than 32767 rows
        ]
        return np.concatenate(found)[:, 0].astype(float) if found else np.zeros((0, 3))

    return Shown(np.asarray(mesh.vertices), faces, colors)


def vertex_coloured(path: Path) -> Shown:
    """A .ply with colours at its vertices."""
    mesh = read_mesh(path)

    def colors(hit: np.ndarray, uv: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nkd->nd", _weights(uv), mesh.colors[mesh.faces[hit]].astype(float))

    return Shown(mesh.vertices, mesh.faces, colors)


def _weights(uv: np.ndarray) -> np.ndarray:
    return np.stack([1 - uv[:, 0] - uv[:, 1], uv[:, 0], uv[:, 1]], axis=1)


def held_out(run: RunDirectory, frames: int) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
    """Image, pose and camera of frames that are no keyframes, spread over the run."""
    sequence = sequence_again(run)
    assert sequence is not None and sequence.intrinsics is not None, "the sequence is gone"
    way = read_tum(run.trajectory)
    keyframes = {keyframe.frame_index for keyframe in load_map(run).keyframes}
    with closing(sequence):
        rows, indices = matching_times(way.timestamps, sequence.timestamps, MATCH_SECONDS)
        others = [(r, i) for r, i in zip(rows, indices, strict=True) if int(i) not in keyframes]
        for row, index in others[:: max(1, len(others) // frames)]:
            yield sequence[int(index)].image, way.T_world_camera[row], sequence.intrinsics


def compare(
    run: RunDirectory, path: Path, frames: int = FRAMES, pictures: Path | None = None
) -> tuple[float, float, float]:
    """Mean PSNR (dB) of the textured and of the vertex-coloured mesh, and the mean share of the
    images that both cover. pictures: a folder for image, textured and coloured side by side."""
    ours, theirs = textured(path), vertex_coloured(run.mesh)
    results = []
    for number, (image, T, camera) in enumerate(held_out(run, frames)):
        (a, hit_a), (b, hit_b) = ours.picture(camera, T), theirs.picture(camera, T)
        both = hit_a & hit_b
        results.append((_psnr(a, image, both), _psnr(b, image, both), both.mean()))
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            row = np.hstack([image, a.astype(np.uint8), b.astype(np.uint8)])
            cv2.imwrite(str(pictures / f"{number:02d}.png"), cv2.cvtColor(row, cv2.COLOR_RGB2BGR))
    means = np.mean(results, axis=0).tolist()
    return means[0], means[1], means[2]


def _psnr(picture: np.ndarray, image: np.ndarray, where: np.ndarray) -> float:
    """After each channel of the picture is brought to the image's brightness: its camera had an
    exposure of its own, of which a map knows nothing."""
    shown, wanted = picture[where], image[where].astype(float)
    gain = (shown * wanted).sum(axis=0) / np.maximum((shown * shown).sum(axis=0), 1e-9)
    error = np.mean((np.clip(gain * shown, 0, 255) - wanted) ** 2)
    return float(10 * np.log10(255**2 / error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("mesh", type=Path)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    run = RunDirectory.open(arguments.run)
    ours, theirs, covered = compare(run, arguments.mesh, arguments.frames, arguments.pictures)
    print(
        f"textured {ours:.2f} dB, vertex-coloured {theirs:.2f} dB: {ours - theirs:+.2f} dB on "
        f"{covered:.0%} of the images"
    )


if __name__ == "__main__":
    main()
