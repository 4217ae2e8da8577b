"""The faults that a module's source can be given, one at a time, and a sample of them."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
OPPOSITES: Final = dict(
    [("min", "max"), ("minimum", "maximum"), ("any", "all"), ("argmin", "argmax")]
    + [("floor", "ceil"), ("sin", "cos"), ("nanmin", "nanmax"), ("zeros", "ones")]
)
OPPOSITE: Final = OPPOSITES | {b: a for a, b in OPPOSITES.items()}
# How often a kind is drawn, against the others: what a slip of the pen gets wrong comes first.
WEIGHTS: Final = {"comparison": 3, "arithmetic": 3, "constant": 2, "opposite": 4, "condition": 2}
SILENT: Final = ("logger", "warnings", "logging")  # what is only told is not what is computed


@dataclass(frozen=True, slots=True)
class Mutant:
    """kind: of WEIGHTS. line: from 1. before, after: source text. source: of the whole module."""

    kind: str
    line: int
    before: str
    after: str
    source: str


def sample(source: str, count: int, seed: str) -> list[Mutant]:
    """At most `count` mutants of a module, in the order of its lines; the same for a seed."""
    every = list(mutants(source))
    draw = random.Random(seed)
    keyed = [(draw.random() ** (1 / WEIGHTS[mutant.kind]), mutant) for mutant in every]
    keyed.sort(key=lambda pair: -pair[0])  # weighted, without replacement (Efraimidis, 2006)
    return sorted((mutant for _, mutant in keyed[:count]), key=lambda mutant: mutant.line)


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module's source that compiles."""
    for node in _computing(ast.parse(source)):
        before = ast.get_source_segment(source, node)
        if before is None:
            continue
        for kind, changed in _changes(node):
            text = ast.unparse(ast.fix_missing_locations(changed))
            after = text if isinstance(changed, ast.stmt) else f"({text})"
            whole = _replaced(source, node, after)
            try:
                compile(whole, "mutant", "exec")
            except SyntaxError:
                continue  # a name in a place that takes no brackets
            yield Mutant(kind, node.lineno, before, after, whole)


def _computing(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """The nodes that compute: no annotations, decorators, texts, messages or imports."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_told(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield child
            yield from _computing(child)


def _is_told(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and ast.unparse(called.value) in SILENT


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for kind, change in CHANGES:
        for changed in change(node):
            yield kind, changed


def _compared(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Compare):
        return
    for k, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            changed = copy.deepcopy(node)
            changed.ops[k] = other()
            yield changed


def _computed(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.BinOp | ast.AugAssign):
        return
    changed = copy.deepcopy(node)
    if type(node.op) in ARITHMETIC:
        changed.op = ARITHMETIC[type(node.op)]()
        yield changed
    elif isinstance(changed, ast.BinOp) and isinstance(node.op, ast.MatMult):
        changed.left, changed.right = changed.right, changed.left
        yield changed


def _counted(node: ast.AST) -> Iterator[ast.AST]:
    """Numbers one more, or half as much again; truths the other way; signs turned."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield copy.deepcopy(node.operand)
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(1.5 * value if value else 1.0)


def _opposed(node: ast.AST) -> Iterator[ast.AST]:
    """min for max, any for all, and, or; what is called and nothing else."""
    if isinstance(node, ast.BoolOp):
        changed = copy.deepcopy(node)
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield changed
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if name in OPPOSITE:
        called = copy.deepcopy(node)
        if isinstance(called.func, ast.Attribute):
            called.func.attr = OPPOSITE[name]
        else:
            called.func = ast.Name(OPPOSITE[name], ast.Load())
        yield called


def _decided(node: ast.AST) -> Iterator[ast.AST]:
    """A condition that is turned round; comparisons have their own kind."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield copy.deepcopy(node.operand)
    if isinstance(node, ast.IfExp) and not isinstance(node.test, ast.Compare):
        changed = copy.deepcopy(node)
        changed.test = ast.UnaryOp(ast.Not(), changed.test)
        yield changed


CHANGES: Final[tuple[tuple[str, Callable[[ast.AST], Iterator[ast.AST]]], ...]] = (
    ("comparison", _compared),
    ("arithmetic", _computed),
    ("constant", _counted),
    ("opposite", _opposed),
    ("condition", _decided),
)


def _replaced(source: str, node: ast.expr | ast.stmt, text: str) -> str:
    """The source with the text of one node changed; ast counts columns in bytes."""
    lines = source.encode().splitlines(keepends=True)
    assert node.end_lineno is not None and node.end_col_offset is not None
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    begin = starts[node.lineno - 1] + node.col_offset
    end = starts[node.end_lineno - 1] + node.end_col_offset
    whole = source.encode()
    return (whole[:begin] + text.encode() + whole[end:]).decode()
