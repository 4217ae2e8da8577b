"""What a setting may be: numbers with a unit and bounds, words, switches.

Each type refuses what it does not allow, and says so in a table of all settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, AllowInfNan, BeforeValidator, Strict


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts. "units" are metres where the frontend is metric."""

    name: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a setting may be, in words, where bounds and choices do not say it."""

    words: str


def _number(value: Any) -> Any:
    """YAML reads 1e-3 as text, and Python counts truth values as numbers."""
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    if isinstance(value, str):
        return float(value)
    return value


def _word(value: Any) -> Any:
    """YAML reads on and off as truth values."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _device(value: str) -> str:
    kind, _, index = value.lower().partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdecimal()):
        raise ValueError("no device")
    return value


# The bounds come before the reading of text, so that a JSON schema holds them.
FINITE: Final = AllowInfNan(False)
NUMBER: Final = BeforeValidator(_number)
Positive = Annotated[float, FINITE, Gt(0), NUMBER]
NonNegative = Annotated[float, FINITE, Ge(0), NUMBER]
Share = Annotated[float, FINITE, Ge(0), Le(1), NUMBER]
Probability = Annotated[float, FINITE, Gt(0), Lt(1), NUMBER]
PositiveShare = Annotated[float, FINITE, Gt(0), Le(1), NUMBER]
Metres = Annotated[float, FINITE, Gt(0), NUMBER, Unit("m")]
MetresOrZero = Annotated[float, FINITE, Ge(0), NUMBER, Unit("m")]
Units = Annotated[float, FINITE, Gt(0), NUMBER, Unit("units")]
UnitsOrZero = Annotated[float, FINITE, Ge(0), NUMBER, Unit("units")]
Radians = Annotated[float, FINITE, Ge(0), NUMBER, Unit("rad")]
PositiveRadians = Annotated[float, FINITE, Gt(0), NUMBER, Unit("rad")]
LogScale = Annotated[float, FINITE, Ge(0), NUMBER, Unit("log")]
PositiveLogScale = Annotated[float, FINITE, Gt(0), NUMBER, Unit("log")]
Sigmas = Annotated[float, FINITE, Gt(0), NUMBER, Unit("sigma")]
SigmasOrZero = Annotated[float, FINITE, Ge(0), NUMBER, Unit("sigma")]
Voxels = Annotated[float, FINITE, Gt(0), NUMBER, Unit("voxels")]
SecondsOrZero = Annotated[float, FINITE, Ge(0), NUMBER, Unit("s")]
Megabytes = Annotated[float, FINITE, Gt(0), NUMBER, Unit("MB")]

Whole = Annotated[int, Strict(), Ge(0)]
Count = Annotated[int, Strict(), Ge(1)]
AtLeastTwo = Annotated[int, Strict(), Ge(2)]
Pixels = Annotated[int, Strict(), Ge(1), Unit("px")]
PixelsOrZero = Annotated[int, Strict(), Ge(0), Unit("px")]
Frames = Annotated[int, Strict(), Ge(1), Unit("frames")]
FramesOrZero = Annotated[int, Strict(), Ge(0), Unit("frames")]
Keyframes = Annotated[int, Strict(), Ge(1), Unit("keyframes")]
KeyframesOrZero = Annotated[int, Strict(), Ge(0), Unit("keyframes")]

Switch = Annotated[bool, Strict()]
# In front of a Literal, so that the words on and off can be among its choices.
WORD: Final = BeforeValidator(_word)
LISTED: Final = BeforeValidator(_listed)  # in front of a tuple, which YAML has as a list
Text = Annotated[str, Strict(), WORD]
Device = Annotated[Text, AfterValidator(_device), Allowed("auto, cpu, cuda, cuda:1 or mps")]
