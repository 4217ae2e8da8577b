"""The constructor text that CUT3R's checkpoints carry, read as data and never evaluated."""

from __future__ import annotations

import ast
import math
from typing import Any, Final

from mapper.errors import InputError

MAX_LENGTH: Final = 20_000  # characters; published texts have about 500
NAMED_NUMBERS: Final = {"inf": math.inf, "nan": math.nan}
NUMBER_MODULES: Final = ("math", "np", "numpy", "torch")
# The variant that transposes portrait images is for training only; it has the same parameters.
REPLACED_VALUES: Final = {"ManyAR_PatchEmbed": "PatchEmbedDust3R"}


def parse_model_text(text: str) -> tuple[str, dict[str, Any]]:
    """The class name and the keyword arguments in a text such as Model(ModelConfig(a=1, b='x')).

    The arguments of a configuration that is the only positional argument, and those beside it,
    count as the model's. Values are numbers, texts, None, True, False, inf, and tuples, lists and
    dicts of these. As the published loader does, ManyAR_PatchEmbed becomes PatchEmbedDust3R, and
    landscape_only becomes False. Anything else is refused with an InputError.
    """
    if len(text) > MAX_LENGTH:
        raise _refusal(f"it has {len(text)} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refusal("it is not an expression") from error
    if not isinstance(tree, ast.Call):
        raise _refusal("it is not a constructor call")
    try:
        arguments = _arguments(tree)
    except RecursionError as error:
        raise _refusal("it is nested too deeply") from error
    arguments["landscape_only"] = False
    return _name(tree), arguments


def _arguments(call: ast.Call) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if len(call.args) > 1:
        raise _refusal(f"{_name(call)} has {len(call.args)} arguments without names")
    for inner in call.args:
        if not isinstance(inner, ast.Call) or inner.args:
            raise _refusal(f"the argument of {_name(call)} is not a configuration")
        arguments.update(_arguments(inner))
    for keyword in call.keywords:
        if keyword.arg is None:
            raise _refusal("it has ** arguments")
        if keyword.arg in arguments:
            raise _refusal(f"{keyword.arg} is given twice")
        arguments[keyword.arg] = _value(keyword.value)
    return arguments


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str(text)):
            return REPLACED_VALUES.get(text, text)
        case ast.Constant(value=bool() | int() | float() | None as plain):
            return plain
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values) if all(keys):
            return {
                _value(key): _value(value) for key, value in zip(keys, values, strict=True) if key
            }
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            return _signed(sign, _value(operand))
        case ast.Name(id=name) if name in NAMED_NUMBERS:
            return NAMED_NUMBERS[name]
        case ast.Attribute(value=ast.Name(id=module), attr=name) if (
            module in NUMBER_MODULES and name in NAMED_NUMBERS
        ):
            return NAMED_NUMBERS[name]
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))], keywords=[]):
            return _spelt_number(text)
    raise _refusal(f"{ast.unparse(node)[:60]!r} is not a plain value")


def _signed(sign: ast.unaryop, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refusal(f"a sign before {value!r}")
    return -value if isinstance(sign, ast.USub) else value


def _spelt_number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise _refusal(f"{text[:20]!r} is not a number") from error


def _name(call: ast.Call) -> str:
    """The class that is called; a dotted name counts by its last part."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    raise _refusal("what is called is not a class name")


def _refusal(reason: str) -> InputError:
    return InputError(
        f"the model's constructor text in the checkpoint is not understood: {reason}; "
        "use a checkpoint as its authors publish it"
    )
