"""mapper mesh: fuse the map of a run again, at any resolution."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.mapping.run import print_warnings
from mapper.commands.numbers import not_negative, positive
from mapper.commands.options import add_run

if TYPE_CHECKING:
    from mapper.backend.fusion.map_fusion import FusionConfig
    from mapper.backend.global_map import GlobalMap
    from mapper.core.mesh import Mesh
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper mesh runs/desk                                  writes runs/desk/mesh_0.010.ply
  mapper mesh runs/desk --voxel-size 0.005 --depth-max 2.5 --out desk.glb
  mapper mesh runs/desk --texture                        writes runs/desk/textured.obj, .mtl, .png

Works on finished and on interrupted runs. Halving the voxels takes four times the memory.
"""
FORMATS = ("ply", "glb", "obj")
TEXTURED = ("obj", "glb")
FACES, SIDE = 60_000, 2048
MAX_SIDE = 16384


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument(
        "--voxel-size", type=positive, metavar="M", help="metres (0.01; of a texture 0.02)"
    )
    parser.add_argument("--format", choices=FORMATS, help="by the name of --out, else ply")
    parser.add_argument(
        "--texture",
        action="store_true",
        help="few triangles, painted with the keyframes' images: .obj with .mtl and .png, or .glb "
        "(pip install xatlas)",
    )
    parser.add_argument(
        "--faces", type=int, metavar="N", help=f"triangles of a textured mesh ({FACES})"
    )
    parser.add_argument(
        "--texture-size", type=int, metavar="N", help=f"texels along its sides, about ({SIDE})"
    )
    parser.add_argument(
        "--depth-max", type=positive, metavar="M", help="leave readings beyond M metres out"
    )
    parser.add_argument(
        "--min-area",
        type=not_negative,
        metavar="M2",
        help="leave pieces of less surface out; 0 keeps all (as the run did: 0.005)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="(RUN/mesh_VOXELSIZE.FORMAT)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    parser.add_argument(
        "--max-memory-mb",
        type=positive,
        default=4000.0,
        metavar="MB",
        help="of the fused volume (4000)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import writing_into
    from mapper.runtime.existing_files import make_way

    _check_texture(arguments)
    arguments.voxel_size = arguments.voxel_size or (0.02 if arguments.texture else 0.01)
    run = RunDirectory.open(arguments.run)
    out = _output(run, arguments)
    for file in _files(out, arguments.texture):
        make_way(file, arguments.overwrite)
    with writing_into(run, out):
        result = _fuse(run, out, arguments)
    print(json.dumps(result)) if arguments.json else _print(result, arguments.max_memory_mb)
    return 0


def _fuse(run: RunDirectory, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the mesh; what is told of it."""
    from mapper.errors import InputError
    from mapper.io.meshes.mesh_files import write_mesh
    from mapper.report.shortfall import shortfalls
    from mapper.saved.map import load_map
    from mapper.saved.results import fuse_again

    started = time.perf_counter()
    saved = load_map(run)
    config = _config(run, arguments)
    mesh, full = fuse_again(run, saved, config, quiet=arguments.json)
    if not len(mesh.faces):
        raise InputError(
            f"{run.path}: no surface at a voxel size of {arguments.voxel_size:g} m; "
            "try larger voxels or a larger --depth-max"
        )
    painted: dict[str, Any] = {}
    if arguments.texture:
        painted = _paint(run, saved, mesh, out, arguments)
    else:
        write_mesh(out, mesh)
    units = run.read_description().says.units
    told = {"mesh_vertices": len(mesh.vertices), "units": units}
    return {
        "mesh": str(out),
        "voxel_size": arguments.voxel_size,
        "keyframes": len(saved.keyframes),
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "bytes": sum(file.stat().st_size for file in _files(out, arguments.texture)),
        "seconds": time.perf_counter() - started,
        "full": full,
        "warnings": shortfalls(told, config.tsdf),
        **painted,
    }


def _paint(
    run: RunDirectory, saved: GlobalMap, mesh: Mesh, out: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Write the textured mesh; what is told of it, in place of what is of all the surface."""
    from mapper.io.meshes.textured import write_textured
    from mapper.saved.texture import TextureSize, textured_map

    size = TextureSize(arguments.faces or FACES, arguments.texture_size or SIDE)
    textured, share = textured_map(run, saved, mesh, size, quiet=arguments.json)
    write_textured(out, textured)
    height, width = textured.texture.shape[:2]
    return {
        "vertices": len(textured.vertices),
        "faces": len(textured.faces),
        "texture": [width, height],
        "painted": share,
    }


def _files(out: Path, texture: bool) -> list[Path]:
    """All that is written."""
    from mapper.io.meshes.textured import textured_files

    return textured_files(out) if texture else [out]


def _check_texture(arguments: argparse.Namespace) -> None:
    """Refuse options of textures without one, and textures without the package for them."""
    from mapper.errors import ConfigError

    faces, side = arguments.faces, arguments.texture_size
    if not arguments.texture:
        if faces is not None or side is not None:
            raise ConfigError("--faces and --texture-size are of textured meshes: give --texture")
        return
    from mapper.backend.texturing.atlas import load_xatlas

    if faces is not None and faces < 4:
        raise ConfigError(f"--faces {faces}: a textured mesh has 4 at least")
    if side is not None and not 64 <= side <= MAX_SIDE:
        raise ConfigError(f"--texture-size {side}: 64 to {MAX_SIDE} texels")
    load_xatlas()


def _output(run: RunDirectory, arguments: argparse.Namespace) -> Path:
    """The file to write."""
    from mapper.errors import ConfigError

    known = TEXTURED if arguments.texture else FORMATS
    usual = "obj" if arguments.texture else "ply"
    kind = arguments.format or (arguments.out.suffix[1:].lower() if arguments.out else usual)
    size = f"{arguments.voxel_size:.3f}"
    if abs(float(size) - arguments.voxel_size) > 1e-9:
        size = f"{arguments.voxel_size:g}"
    name = f"textured.{kind}" if arguments.texture else f"mesh_{size}.{kind}"
    out = Path(arguments.out or run.path / name)
    if kind not in known or out.suffix.lower() != f".{kind}":
        wanted = f".{kind}" if arguments.format in known else ", ".join(f".{f}" for f in known)
        raise ConfigError(f"--out {out}: end the name in {wanted}")
    return out


def _config(run: RunDirectory, arguments: argparse.Namespace) -> FusionConfig:
    """The run's own settings, changed by the options."""
    from mapper.saved.results import fusion_config

    config = fusion_config(run)
    tsdf = replace(
        config.tsdf,
        voxel_size=arguments.voxel_size,
        max_depth=arguments.depth_max or config.tsdf.max_depth,
        max_memory_mb=arguments.max_memory_mb,
    )
    area = config.min_piece_area if arguments.min_area is None else arguments.min_area
    return replace(config, tsdf=tsdf, min_piece_area=area)


def _print(result: dict[str, Any], max_memory_mb: float) -> None:
    print(
        f"{result['keyframes']} keyframes fused at {result['voxel_size']:g} m: "
        f"{result['vertices']} vertices, {result['faces']} faces ({result['seconds']:.1f} s)"
    )
    if "texture" in result:
        width, height = result["texture"]
        print(f"texture of {width} x {height}: images show {result['painted']:.0%} of the surface")
    if result["full"]:
        print(
            f"NOT WHOLE: the map filled its {max_memory_mb:g} MB, the rest was left out; "
            "raise --max-memory-mb or --voxel-size, or lower --depth-max"
        )
    print_warnings(result)
    print(f"  {result['mesh']} ({result['bytes'] / 1e6:.1f} MB)")
