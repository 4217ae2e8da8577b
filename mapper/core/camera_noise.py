"""What is taken for a camera's depth noise, and why: it stands in run.yaml, metrics and report."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, Final

from mapper.core.camera_kinds import AUTO, CAMERA_KINDS, CameraKind
from mapper.core.depth_noise import NOISE_BY_KIND, STRUCTURED_LIGHT, DepthNoise
from mapper.errors import ConfigError, unknown_name

TOLD_AT: Final = (1.0, 2.0, 4.0)  # metres
# Older runs took every camera for this one.
FORMER: Final[CameraKind] = "structured-light"


@dataclass(frozen=True, slots=True)
class CameraNoise:
    """kind: of mapper.core.camera_kinds, or "estimated". why: in a few words."""

    kind: str
    noise: DepthNoise
    why: str

    @property
    def coefficients(self) -> list[float]:
        """[floor, relative, quadratic], for run.yaml."""
        return [float(value) for value in astuple(self.noise)]

    @property
    def told_kind(self) -> CameraKind | None:
        """Of a camera whose kind is known."""
        return next((kind for kind in CAMERA_KINDS if kind == self.kind), None)

    @property
    def in_words(self) -> str:
        """Like "time-of-flight depth (as asked): 3, 6, 12 mm at 1, 2, 4 m"."""
        sigmas = ", ".join(f"{1e3 * self.noise.sigma(z):.2g}" for z in TOLD_AT)
        return f"{self.kind} depth ({self.why}): off by {sigmas} mm at 1, 2, 4 m"

    @property
    def as_metrics(self) -> dict[str, Any]:
        """For metrics.json; sigma_mm: by metres."""
        sigmas = {f"{z:g}": round(1e3 * self.noise.sigma(z), 2) for z in TOLD_AT}
        return {"kind": self.kind, "why": self.why, "sigma_mm": sigmas}


def known_noise(asked: str, told: CameraKind | None) -> CameraNoise | None:
    """By what the user asks for, else by what the input tells of its camera; None = neither."""
    if asked != AUTO:
        return CameraNoise(asked, NOISE_BY_KIND[_known_kind(asked)], "as asked")
    return None if told is None else CameraNoise(told, NOISE_BY_KIND[told], "by the input")


def noted_noise(kind: str | None, coefficients: list[float] | None) -> CameraNoise:
    """As run.yaml has it; of an older run, which says nothing, what it was made with."""
    if kind is None or coefficients is None or len(coefficients) != 3:
        return CameraNoise(FORMER, STRUCTURED_LIGHT, "as before")
    return CameraNoise(kind, DepthNoise(*coefficients), "as before")


def _known_kind(name: str) -> CameraKind:
    for kind in CAMERA_KINDS:
        if kind == name:
            return kind
    raise ConfigError(unknown_name("camera kind", name, CAMERA_KINDS))
