"""mapper export: a run in the formats of other tools."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.maps.export_formats import (
    CLOUDS,
    DEFAULTS,
    SCENES,
    TRAJECTORIES,
    WHOLE,
    every_frames,
    file_of,
    formats_of,
)
from mapper.commands.options import add_run

if TYPE_CHECKING:
    from mapper.core.mesh import Mesh
    from mapper.io.georeference.crs import MapCrs
    from mapper.run.directory import RunDirectory

EPILOG = """formats:
  tum, kitti, euroc    trajectory of all frames, T_world_camera
  colmap, nerfstudio   images, poses, cameras and a point cloud, in a new folder
  ply, pcd, las, e57   coloured point cloud; las and e57 want the extra clouds
  gltf                 the mesh with the keyframes' cameras in it, as one .glb
  and those that other packages bring (docs/plugins.md); mapper doctor lists them

examples:
  mapper export runs/desk --format colmap                writes runs/desk/export/colmap/
  mapper export runs/desk --format tum --out desk.txt
  mapper export runs/desk --format colmap,nerfstudio,tum --frames every:5 --depth
  mapper export runs/walk --format las,colmap --crs EPSG:32632

Images are read again where the run was made from, as large as they are stored, without distortion;
where that is gone, the keyframes' own are written. Each has a camera of its own where the frontend
said so; --shared-camera finds one for all. docs/exports.md says what the files hold.
Works on finished and on interrupted runs. World: the first keyframe's camera, x right, y down,
z forward; of a map that GPS has placed: x east, y north, z up. --crs writes such a map in a system
of surveyors (pip install pyproj); FILE.crs.json says which offset is left out of its coordinates.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument(
        "--format",
        type=formats_of,
        required=True,
        metavar="NAME[,NAME...]",
        help=f"one or more of {', '.join(DEFAULTS)}",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="file or folder (RUN/export/NAME by format); the folder of all, of several formats",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    parser.add_argument(
        "--crs", metavar="EPSG:N", help="in this coordinate system, of a map that GPS has placed"
    )
    scene = parser.add_argument_group("of colmap and nerfstudio")
    scene.add_argument(
        "--frames",
        type=every_frames,
        metavar="keyframes|all|every:N",
        help="which images (keyframes)",
    )
    scene.add_argument("--depth", action="store_true", help="depth maps beside the images")
    scene.add_argument(
        "--shared-camera", action="store_true", help="one camera for all; poses are found again"
    )
    scene.add_argument(
        "--points",
        choices=("sparse", "fused"),
        help="features that several keyframes see (colmap), or the fused cloud (nerfstudio)",
    )
    scene.add_argument(
        "--refine", action="store_true", help="adjust poses and sparse points by pycolmap"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import writing_into
    from mapper.runtime.existing_files import make_way
    from mapper.saved.georeference import crs_of, record_of, write_place

    _check_options(arguments)
    run = RunDirectory.open(arguments.run)
    place = None if arguments.crs is None else crs_of(run, arguments.crs)
    outputs = {format: _output(run, format, arguments) for format in arguments.format}
    for format, out in outputs.items():
        _check_output(out, format, arguments.overwrite)
        if place is not None and format not in SCENES:
            make_way(record_of(out), arguments.overwrite)
    results = []
    for format, out in outputs.items():
        with writing_into(run, out):
            result = _export(run, out, format, arguments, place)
            if format not in SCENES:
                write_place(out, place, format in WHOLE, arguments.overwrite)
        if place is not None:
            result["crs"] = place.record(is_local=format not in WHOLE)
        results.append({"path": str(out), "format": format, **result})
        if not arguments.json:
            _tell(out, format, result)
    if arguments.json:
        print(json.dumps(results[0] if len(results) == 1 else results))
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that none of the formats knows, rather than pass over them."""
    from mapper.errors import ConfigError

    added = [format for format in arguments.format if format not in DEFAULTS]
    if added and arguments.crs is not None:
        raise ConfigError(f"--crs: {added[0]}, of another package, is in the map's own coordinates")
    options = ("frames", "depth", "shared_camera", "points", "refine")
    given = [name for name in options if getattr(arguments, name)]
    if given and not any(format in SCENES for format in arguments.format):
        option = given[0].replace("_", "-")
        raise ConfigError(f"--{option} is for --format {' and '.join(SCENES)}; leave it out")


def _output(run: RunDirectory, format: str, arguments: argparse.Namespace) -> Path:
    out: Path | None = arguments.out
    if out is None:
        return run.path / "export" / file_of(format)
    return out if len(arguments.format) == 1 else out / file_of(format)


def _export(
    run: RunDirectory,
    out: Path,
    format: str,
    arguments: argparse.Namespace,
    place: MapCrs | None,
) -> dict[str, Any]:
    if format not in DEFAULTS:
        from mapper.saved.added_exports import export_by_plugin

        return export_by_plugin(format, run, out, arguments.json)
    if format in TRAJECTORIES:
        return _export_trajectory(run, out, format, place)
    if format in CLOUDS:
        return _export_cloud(run, out, arguments.json, place)
    if format == "gltf":
        return _export_gltf(run, out, arguments.json, place)
    return _export_scene(run, out, format, arguments, place)


def _tell(out: Path, format: str, result: dict[str, Any]) -> None:
    from mapper.saved.georeference import crs_in_words

    told = {what: number for what, number in result.items() if what not in ("refined", "crs")}
    numbers = [f"{number} {what}" for what, number in told.items()]
    counts = ", ".join(numbers)
    where = crs_in_words(result["crs"]) if "crs" in result else ""
    print(f"{format}: {counts.replace('poses, ', 'poses of ')}{where}")
    if format == "kitti" and result["poses"] != result["frames"]:
        print("frames without a pose have no line, and this format holds no times: use tum")
    if "refined" in result:
        before, after, moved = result["refined"].values()
        print(f"refined: {before:.2f} px off before, {after:.2f} px after; moved by {moved:.3g}")
    print(f"  {out}")


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


def _export_trajectory(
    run: RunDirectory, out: Path, format: str, place: MapCrs | None
) -> dict[str, Any]:
    from mapper.core.trajectory import Trajectory
    from mapper.errors import InputError
    from mapper.io.trajectory_files import write_trajectory
    from mapper.saved.results import expected_frames, load_trajectories

    trajectory, _ = load_trajectories(run)
    if not len(trajectory):
        raise InputError(f"{run.path}: no frame of this run was placed; nothing to export")
    if place is not None:
        trajectory = Trajectory(trajectory.timestamps, place.poses(trajectory.T_world_camera))
    write_trajectory(out, trajectory, format)
    return {"poses": len(trajectory), "frames": expected_frames(run)}


def _export_cloud(
    run: RunDirectory, out: Path, quiet: bool, place: MapCrs | None
) -> dict[str, Any]:
    from mapper.io.export.clouds import write_cloud
    from mapper.saved.map import load_map
    from mapper.saved.results import load_cloud

    cloud = load_cloud(run, load_map(run), quiet)
    _refuse_empty(run, cloud)
    write_cloud(out, cloud if place is None else place.local_mesh(cloud), place)
    return {"points": len(cloud.vertices)}


def _export_gltf(run: RunDirectory, out: Path, quiet: bool, place: MapCrs | None) -> dict[str, Any]:
    from mapper.io.meshes.glb import write_glb
    from mapper.io.meshes.glb_cameras import GlbCamera
    from mapper.saved.map import load_map
    from mapper.saved.results import load_mesh

    saved = load_map(run)
    mesh = load_mesh(run, saved, quiet)
    _refuse_empty(run, mesh)
    poses = saved.keyframe_trajectory().T_world_camera
    if place is not None:
        mesh, poses = place.local_mesh(mesh), place.local_poses(poses)
    cameras = [
        GlbCamera(f"keyframe {keyframe.id}", T, keyframe.intrinsics)
        for keyframe, T in zip(saved.keyframes, poses, strict=True)
    ]
    write_glb(out, mesh, cameras, is_z_up=run.read_description().says.origin is not None)
    return {"faces": len(mesh.faces), "cameras": len(cameras)}


def _refuse_empty(run: RunDirectory, mesh: Mesh) -> None:
    from mapper.errors import InputError

    if not len(mesh.vertices):
        raise InputError(f"{run.path}: the map of this run has no points; nothing to export")


def _export_scene(
    run: RunDirectory,
    out: Path,
    format: str,
    arguments: argparse.Namespace,
    place: MapCrs | None,
) -> dict[str, Any]:
    """Images and poses, and a cloud to start from, for COLMAP or nerfstudio."""
    from mapper.io.export.colmap import export_colmap
    from mapper.io.export.nerfstudio import export_nerfstudio
    from mapper.io.export.scene import distinct_cameras, placed_scene
    from mapper.saved.export_scene import SceneChoice, opened_scene
    from mapper.saved.map import load_map
    from mapper.saved.tracked_scene import PointChoice, with_points

    saved = load_map(run)
    choice = SceneChoice(
        arguments.frames, arguments.depth, arguments.shared_camera, arguments.refine
    )
    points = PointChoice(
        arguments.points, format == "colmap", choice.refine, choice.one_camera, choice.every
    )
    export = export_colmap if format == "colmap" else export_nerfstudio
    with opened_scene(run, saved, choice) as opened:
        scene, refined = with_points(run, saved, opened, points, arguments.json)
        scene = scene if place is None else placed_scene(scene, place)
        export(out, scene, overwrite=arguments.overwrite)
    cameras = len(distinct_cameras(scene)[0])
    seen = len(scene.cloud.vertices if scene.tracked is None else scene.tracked.xyz)
    counts = {"images": len(scene.images), "cameras": cameras, "points": seen}
    told = counts if cameras > 1 else {key: counts[key] for key in ("images", "points")}
    return told if refined is None else {**told, "refined": refined.told}
