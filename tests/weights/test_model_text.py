"""The constructor text: what is read, the loader's rules, and what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mapper.errors import InputError
from mapper.weights.model_text import parse_model_text
from tests.support.paths import MANIFESTS

# The four files with which the published loader was exercised; the tails of their texts are
# recorded in container_check_tiny.json.
TINY_TAIL = "dec_num_heads=3, state_dec_num_heads=4, local_mem_size=10"


def read(argument: str) -> Any:
    return parse_model_text(f"Model(Config(x={argument}))")[1]["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-2.5e-3", -0.0025),
        ("+3", 3),
        ("'2d'", "2d"),
        ("None", None),
        ("True", True),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("float('inf')", math.inf),
        ("-float('Infinity')", -math.inf),
        ("float('1e-6')", 1e-6),
        ("np.inf", math.inf),
        ("-math.inf", -math.inf),
        ("('exp', -inf, inf)", ("exp", -math.inf, math.inf)),
        ("(512, 512)", (512, 512)),
        ("[0, [1, ()]]", [0, [1, ()]]),
        ("{'a': -1}", {"a": -1}),
    ],
)
def test_values(text: str, value: object) -> None:
    assert read(text) == value
    assert type(read(text)) is type(value)


def test_names_and_arguments() -> None:
    assert parse_model_text("A(AConfig(b=1), c=2)") == (
        "A",
        {"b": 1, "c": 2, "landscape_only": False},
    )
    assert parse_model_text(" pkg.A(b=1) ") == ("A", {"b": 1, "landscape_only": False})


def test_rules_of_the_published_loader() -> None:
    text = "A(C(patch_embed_cls='ManyAR_PatchEmbed', landscape_only=True))"
    expected = {"patch_embed_cls": "PatchEmbedDust3R", "landscape_only": False}
    assert parse_model_text(text) == ("A", expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "A(",
        "A(b)",
        "A(1)",
        "A(B(1))",
        "A(B(), C())",
        "A(**{'b': 1})",
        "A(b=1, b=2)",
        "A(B(b=1), b=2)",
        "A(b=__import__('os').system('true'))",
        "A(b=open('x'))",
        "A(b=float('x'))",
        "A(b=float(1))",
        "A(b=lambda: 1)",
        "A(b=[i for i in (1, 2)])",
        "A(b='x' + 'y')",
        "A(b=2**9**9)",
        "A(b=f'{1}')",
        "A(b=-'x')",
        "A(b=-True)",
        "A(b=b'x')",
        "A(b=1j)",
        "A(b=...)",
        "A(b=unknown)",
        "A(b={**{}})",
        "(lambda: A)()(b=1)",
        "A(b=1); import os",
        "A(b='\0')",
        "A(b=" + "(" * 3000 + ")" * 3000 + ")",
        "A(b=" + "-" * 9000 + "1)",
        "A(b='" + "x" * 30000 + "')",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="constructor text in the checkpoint is not understood"):
        parse_model_text(text)


@pytest.mark.parametrize("name", ["cut3r_512_dpt_4_64", "cut3r_224_linear"])
def test_recorded_texts(name: str) -> None:
    path = MANIFESTS / f"{name}.json"
    if not path.exists():
        pytest.skip("the lists of the published models are not on this machine")
    config = json.loads(path.read_text())["config"]
    explicit = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in config["constructor_args_explicit"].items()
    }
    for moment in ("model_string_in_yaml", "model_string_after_loader_rewrite"):
        assert parse_model_text(config[moment]) == ("ARCroco3DStereo", explicit)


@pytest.mark.parametrize("kind", ["plain", "module_prefix", "no_state_decoder"])
def test_recorded_tails_without_landscape(kind: str) -> None:
    check_tail(kind, f"{TINY_TAIL}))")


def test_recorded_tail_with_landscape() -> None:
    check_tail("has_landscape_only", f"{TINY_TAIL}, landscape_only=True))")


def check_tail(kind: str, stored: str) -> None:
    """Our reading of the stored text equals that of the text which the published loader logged."""
    path = MANIFESTS / "container_check_tiny.json"
    if not path.exists():
        pytest.skip("the record of the published loader is not on this machine")
    logged = json.loads(path.read_text())[kind]["log"].splitlines()[0]
    tail = logged[logged.index("dec_num_heads") :]
    assert parse_model_text(f"A(C({stored}") == parse_model_text(f"A(C({tail}")
