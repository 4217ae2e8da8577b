"""mapper export: a run in the formats of other tools."""

from __future__ import annotations

import argparse
import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.options import add_run

if TYPE_CHECKING:
    from mapper.core.intrinsics import Intrinsics
    from mapper.core.mesh import Mesh
    from mapper.io.sequences.sequence import Sequence
    from mapper.run.directory import RunDirectory

logger = logging.getLogger(__name__)

EPILOG = """formats:
  tum, kitti, euroc    trajectory of all frames, T_world_camera
  colmap, nerfstudio   keyframe images, poses, intrinsics and a point cloud, in a new folder
  ply, pcd, las, e57   coloured point cloud; las and e57 want the extra clouds
  gltf                 the mesh with the keyframes' cameras in it, as one .glb

examples:
  mapper export runs/desk --format colmap                writes runs/desk/export/colmap/
  mapper export runs/desk --format tum --out desk.txt

Works on finished and on interrupted runs. World: the first keyframe's camera, x right, y down,
z forward.
"""
DEFAULTS = {
    "tum": "trajectory_tum.txt",
    "kitti": "trajectory_kitti.txt",
    "euroc": "trajectory_euroc.csv",
    "colmap": "colmap",
    "nerfstudio": "nerfstudio",
    "ply": "cloud.ply",
    "pcd": "cloud.pcd",
    "las": "cloud.las",
    "e57": "cloud.e57",
    "gltf": "scene.glb",
}
TRAJECTORIES = ("tum", "kitti", "euroc")
CLOUDS = ("ply", "pcd", "las", "e57")
MAX_POINTS = 200_000  # of the clouds that splatting starts from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--format", choices=tuple(DEFAULTS), required=True)
    parser.add_argument(
        "--out", type=Path, metavar="PATH", help="file or folder (RUN/export/NAME by format)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import writing_into

    run = RunDirectory.open(arguments.run)
    out = arguments.out or run.path / "export" / DEFAULTS[arguments.format]
    _check_output(out, arguments.format, arguments.overwrite)
    with writing_into(run, out):
        if arguments.format in TRAJECTORIES:
            result = _export_trajectory(run, out, arguments.format)
        elif arguments.format in CLOUDS:
            result = _export_cloud(run, out, arguments.json)
        elif arguments.format == "gltf":
            result = _export_gltf(run, out, arguments.json)
        else:
            result = _export_scene(run, out, arguments)
    if arguments.json:
        print(json.dumps({"path": str(out), "format": arguments.format, **result}))
        return 0
    counts = ", ".join(f"{number} {what}" for what, number in result.items())
    print(f"{arguments.format}: {counts.replace('poses, ', 'poses of ')}")
    if arguments.format == "kitti" and result["poses"] != result["frames"]:
        print("frames without a pose have no line, and this format holds no times: use tum")
    print(f"  {out}")
    return 0


def _check_output(out: Path, format: str, overwrite: bool) -> None:
    """Refuse what exists before the work is done rather than after it; make its folder."""
    from mapper.errors import ConfigError
    from mapper.io.export import colmap, nerfstudio
    from mapper.io.export.clouds import require_writer
    from mapper.runtime.existing_files import make_way

    if format in (*CLOUDS, "gltf"):
        suffix = Path(DEFAULTS[format]).suffix
        if out.suffix.lower() != suffix:
            raise ConfigError(f"--out {out}: end the name in {suffix}")
        require_writer(suffix)
    folders = {"colmap": colmap.FILES, "nerfstudio": nerfstudio.FILES}
    make_way(out, overwrite, folders.get(format))


def _export_trajectory(run: RunDirectory, out: Path, format: str) -> dict[str, Any]:
    from mapper.errors import InputError
    from mapper.io.trajectory_files import write_trajectory
    from mapper.saved.results import expected_frames, load_trajectories

    trajectory, _ = load_trajectories(run)
    if not len(trajectory):
        raise InputError(f"{run.path}: no frame of this run was placed; nothing to export")
    write_trajectory(out, trajectory, format)
    return {"poses": len(trajectory), "frames": expected_frames(run)}


def _export_cloud(run: RunDirectory, out: Path, quiet: bool) -> dict[str, Any]:
    from mapper.io.export.clouds import write_cloud
    from mapper.saved.map import load_map
    from mapper.saved.results import load_cloud

    cloud = load_cloud(run, load_map(run), quiet)
    _refuse_empty(run, cloud)
    write_cloud(out, cloud)
    return {"points": len(cloud.vertices)}


def _export_gltf(run: RunDirectory, out: Path, quiet: bool) -> dict[str, Any]:
    from mapper.io.meshes.glb import write_glb
    from mapper.io.meshes.glb_cameras import GlbCamera
    from mapper.saved.map import load_map
    from mapper.saved.results import load_mesh

    saved = load_map(run)
    mesh = load_mesh(run, saved, quiet)
    _refuse_empty(run, mesh)
    poses = saved.keyframe_trajectory().T_world_camera
    cameras = [
        GlbCamera(f"keyframe {keyframe.id}", T, keyframe.intrinsics)
        for keyframe, T in zip(saved.keyframes, poses, strict=True)
    ]
    write_glb(out, mesh, cameras)
    return {"faces": len(mesh.faces), "cameras": len(cameras)}


def _refuse_empty(run: RunDirectory, mesh: Mesh) -> None:
    from mapper.errors import InputError

    if not len(mesh.vertices):
        raise InputError(f"{run.path}: the map of this run has no points; nothing to export")


def _export_scene(run: RunDirectory, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Images and poses of the keyframes and a thinned cloud, for COLMAP or nerfstudio."""
    from functools import partial

    from mapper.io.export.colmap import export_colmap
    from mapper.io.export.nerfstudio import export_nerfstudio
    from mapper.io.export.scene import ExportedImage, Scene
    from mapper.saved.map import load_map
    from mapper.saved.results import load_cloud, thinned

    saved = load_map(run)
    cloud = thinned(load_cloud(run, saved, arguments.json), MAX_POINTS)
    export = export_colmap if arguments.format == "colmap" else export_nerfstudio
    with ExitStack() as stack:
        sequence = _larger_originals(run, saved.keyframes[0].intrinsics)
        if sequence is not None:
            stack.callback(sequence.close)
        images = []
        poses = saved.keyframe_trajectory().T_world_camera
        for k, T in zip(saved.keyframes, poses, strict=True):
            intrinsics, load = k.intrinsics, partial(_image, run, k.id)
            if sequence is not None and sequence.intrinsics is not None:
                intrinsics, load = sequence.intrinsics, partial(_original, sequence, k.frame_index)
            name = f"frame_{k.frame_index:06d}.jpg"
            images.append(ExportedImage(name, T, intrinsics, load))
        export(out, Scene(images, cloud), overwrite=arguments.overwrite)
    return {"images": len(images), "points": len(cloud.vertices)}


def _larger_originals(run: RunDirectory, intrinsics: Intrinsics) -> Sequence | None:
    """The sequence, where its images were reduced to be mapped; None where they were not, or where
    it is gone: then the reduced ones are all that there is."""
    from mapper.saved.results import sequence_again

    stored = run.read_description().says.sequence
    size, original = stored.image_size, stored.original_size
    if size is None or original is None or size == original:
        return None
    if size != [intrinsics.width, intrinsics.height]:
        return None
    sequence = sequence_again(run)
    if sequence is None:
        logger.warning(
            "%s is gone or changed: the images are exported at %dx%d, as they were mapped, and "
            "not at %dx%d",
            stored.path,
            *size,
            *original,
        )
    return sequence


def _original(sequence: Sequence, index: int) -> Any:
    """uint8 (H, W, 3), RGB, as large as it is stored."""
    return sequence[index].image


def _image(run: RunDirectory, keyframe_id: int) -> Any:
    """uint8 (H, W, 3), RGB."""
    return run.keyframes.load(keyframe_id).image
