"""What a setting may be: numbers with a unit and bounds, words, switches.

Each type refuses what it does not allow, and says so in a table of all settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

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
Metres = Annotated[Positive, Unit("m")]
MetresOrZero = Annotated[NonNegative, Unit("m")]
Units = Annotated[Positive, Unit("units")]
UnitsOrZero = Annotated[NonNegative, Unit("units")]
Area = Annotated[NonNegative, Unit("units^2")]
Radians = Annotated[NonNegative, Unit("rad")]
PositiveRadians = Annotated[Positive, Unit("rad")]
LogScale = Annotated[NonNegative, Unit("log")]
PositiveLogScale = Annotated[Positive, Unit("log")]
Sigmas = Annotated[Positive, Unit("sigma")]
SigmasOrZero = Annotated[NonNegative, Unit("sigma")]
Voxels = Annotated[Positive, Unit("voxels")]
VoxelsOrZero = Annotated[NonNegative, Unit("voxels")]
SecondsOrZero = Annotated[NonNegative, Unit("s")]
Megabytes = Annotated[Positive, Unit("MB")]

Whole = Annotated[int, Strict(), Ge(0)]
Count = Annotated[int, Strict(), Ge(1)]
AtLeastTwo = Annotated[int, Strict(), Ge(2)]
Pixels = Annotated[Count, Unit("px")]
PixelsOrZero = Annotated[Whole, Unit("px")]
Frames = Annotated[Count, Unit("frames")]
FramesOrZero = Annotated[Whole, Unit("frames")]
Keyframes = Annotated[Count, Unit("keyframes")]
KeyframesOrZero = Annotated[Whole, Unit("keyframes")]

Switch = Annotated[bool, Strict()]
# In front of a Literal, so that the words on and off can be among its choices.
WORD: Final = BeforeValidator(_word)
LISTED: Final = BeforeValidator(_listed)  # in front of a tuple, which YAML has as a list
Text = Annotated[str, Strict(), WORD]
Device = Annotated[Text, AfterValidator(_device), Allowed("auto, cpu, cuda, cuda:1 or mps")]
ProductType = Literal["auto", "float32", "bfloat16", "float16", "int8"]
Compiling = Annotated[Literal["auto", "on", "off"], WORD]
