"""Makes mapper/report/templates/three.min.js: what the report's viewer needs of three.js.

    python tools bundle_three [--three VERSION] [--esbuild VERSION]

Needs npm and its registry. The file is committed, so that a report needs neither; at its head is
the licence, which has to go wherever the code goes.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "mapper" / "report" / "templates" / "three.min.js"
ENTRY = """
export { BufferAttribute, BufferGeometry, ColorManagement, FrontSide, LinearSRGBColorSpace,
  LineBasicMaterial, LineSegments, Mesh, MeshBasicMaterial, PerspectiveCamera, Scene, WebGLRenderer
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--three", default="0.187.0")
    parser.add_argument("--esbuild", default="0.28.2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = [f"three@{options.three}", f"esbuild@{options.esbuild}"]
        subprocess.run(["npm", "install", "--silent", *packages], cwd=folder, check=True)
        (folder / "entry.js").write_text(ENTRY)
        licence = (folder / "node_modules/three/LICENSE").read_text().strip()
        command = [
            "node_modules/.bin/esbuild",
            "entry.js",
            "--bundle",
            "--minify",
            "--format=iife",
            "--global-name=THREE",
            f"--banner:js=/* three.js {options.three}\n\n{licence}\n*/",
            f"--outfile={TARGET}",
        ]
        subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    main()
