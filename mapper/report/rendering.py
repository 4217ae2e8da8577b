"""Pages from the templates beside this file; every value is escaped."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES: Final = Path(__file__).parent / "templates"
DASH: Final = "\N{EN DASH}"  # where there is no value


def render(template: str, **values: Any) -> str:
    """The page of a template with the values that it names, each of which must be there."""
    return _environment().get_template(template).render(**values)


def cell_text(value: object) -> str:
    """A value in a table: three digits of a number, a dash for None."""
    if value is None:
        return DASH
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"
    return str(value)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_url": _data_url, "png": _png, "cell": cell_text, "size": _size}
    environment.filters["file"] = _file
    return environment


@cache
def _file(name: str) -> Markup:
    """Style or script beside the templates as it is: braces in it are its own."""
    return Markup((TEMPLATES / name).read_text("utf-8"))


def _data_url(png: bytes) -> str:
    """A PNG as the address of an image, so that the page needs no other file."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(picture: np.ndarray) -> bytes:
    """PNG of a picture uint8 (H, W, 3), RGB."""
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def _size(path: Path) -> str:
    """The size of a file as a person says it."""
    try:
        size = float(path.stat().st_size)
    except OSError:
        return "not written"
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
