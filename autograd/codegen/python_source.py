"""Write Python source: a program's steps as assignments, and the function around them.

That function unpacks its arguments and assembles its result. It calls the functions in `NAMES`, which the namespace of
the generated source must contain, and `_into` (`out.py`) if it takes `out`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from autograd.codegen.arguments import (
    Signature,
    argument_error,
    as_array,
    batch_size,
    checked_lists,
    is_array,
    is_flat,
    lone_number,
    pieces_of,
    with_pieces,
)
from autograd.codegen.backend import CompiledCode, Spelling, defined, repeating
from autograd.codegen.out import into
from autograd.codegen.program import Operand, Program, Step, varying_values
from autograd.codegen.spelling import TERMS_IN_A_STATEMENT, float_literal, spelling_of
from autograd.floats import number
from autograd.trees import tree_map, tree_shape

Name = Callable[[Operand], str]
"""Writes a value or a constant as an operand."""

_CHECKED_ONE_BY_ONE = 8  # numbers at most: floats need no conversion, which would be half of a small function's time


# Steps ---------------------------------------------------------------------------------------------------------------


class Statements(NamedTuple):
    """Lines without indentation, in order of execution."""

    once: list[str]  # batch-invariant steps (`backend.py`)
    each: list[str]  # steps whose results differ between samples


def variable_names(program: Program) -> Name:
    """Return the usual names: `x0`, `x1`, ... for inputs, `v0`, `v1`, ... for results, constants as literals."""

    def name(x: Operand) -> str:
        if type(x) is int:
            return f"x{x}" if x < program.inputs else f"v{x - program.inputs}"
        return float_literal(x)

    return name


def straight_statements(program: Program, signature: Signature, name: Name, spelling: Spelling) -> Statements:
    """Return one assignment for each step.

    Arguments:
        name: returns a value as it is written.
        spelling: the spelling of operations.
    """
    varying = varying_values(program, signature)
    statements = Statements([], [])
    for place, step in enumerate(program.steps, start=program.inputs):
        (statements.each if place in varying else statements.once).extend(assignment(place, step, name, spelling))
    return statements


def assignment(place: int, step: Step, name: Name, spelling: Spelling) -> Iterator[str]:
    """Yield the statement that computes a step; several for a long sum."""
    target, names = name(place), list(map(name, step.operands))
    if step.op.adds:
        yield from added(target, spelling_of(step.op).terms("python", names), name(0.0))
    else:
        yield f"{target} = {spelling.expression(step, names)}"


def added(target: str, terms: Sequence[str], zero: str = "0.0") -> Iterator[str]:
    """Yield statements that add the terms strictly left to right, starting from `zero`."""
    for i in range(0, len(terms), TERMS_IN_A_STATEMENT):
        yield f"{target} = {' + '.join([zero if i == 0 else target, *terms[i : i + TERMS_IN_A_STATEMENT]])}"


# The function around them --------------------------------------------------------------------------------------------


NAMES: Mapping[str, Any] = {
    "_number": number, "_argument_error": argument_error, "_batch_size": batch_size, "_rows": checked_lists,
    "_array": as_array, "_lone": lone_number, "_plain": (list, tuple), "_is_array": is_array,
    "inf": math.inf, "nan": math.nan,
}  # fmt: skip


def function_text(
    head: str,
    signature: Signature,
    name: Name,
    body: Iterable[str],
    result: Callable[[bool], str],
    *,
    out: bool = False,
) -> str:
    """Return a function that unpacks its unbatched arguments, runs `body`, and returns arrays for arrays.

    Arguments:
        head: the function's name and parameters.
        name: returns an input as it is written.
        body: lines without indentation.
        result: returns the expression for the result, with arrays (True) or with floats and lists (False).
        out: True if it takes `out`, as `head_of_compiled` has it.
    """
    lines = [f"def {head}:"]
    for k, tree in enumerate(signature.inputs):
        if not signature.batched[k]:
            lines += indented(unpacking(f"a{k}", tree, k, name))
    lines += indented(body)
    asked = array_among(signature)
    if asked:
        lines += [f"    if {asked}:", f"        result = {result(True)}", "    else:"]
    lines.append(f"    {'    ' * bool(asked)}result = {result(False)}")
    return "\n".join([*lines, f"    return {written('result') if out else 'result'}"]) + "\n"


def compiled_source(text: str, signature: Signature, functions: Mapping[str, Any]) -> CompiledCode:
    """Run source that defines `compiled`; `functions` are those that it calls in addition to `NAMES` and `_into`."""
    function = defined("compiled", text, {**NAMES, "_into": into(signature), **functions})
    return CompiledCode(text, function, repeating(function) if signature.feedback else None)


def parameters(signature: Signature) -> str:
    """Return the parameters of a function: `a0, a1, ...`."""
    return ", ".join(f"a{k}" for k in range(len(signature.inputs)))


def head_of_compiled(signature: Signature) -> str:
    """Return the name and the parameters of a function that takes `out`."""
    return f"compiled({parameters(signature)}{', ' if signature.inputs else ''}*, out=None)"


def written(result: str) -> str:
    """Return the expression for what a function with this result returns: that, or `out`, into which it is written."""
    return f"{result} if out is None else _into(out, {result})"


def indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


# Arguments -----------------------------------------------------------------------------------------------------------


def unpacking(source: str, tree: Any, k: int, name: Name) -> Iterator[str]:
    """Yield statements that unpack argument k into floats, or raise the error of `argument_error`.

    Arguments:
        source: the variable that holds the argument, or a part of it.
        tree: the tree of its input numbers.
        name: returns an input as it is written.
    """
    if not isinstance(tree, (list, tuple)):
        yield f"{name(tree)} = {source} if type({source}) is float else _lone({k}, {source})"
        return
    flat = is_flat(tree)
    targets = [name(part) if flat else f"{source}_{i}" for i, part in enumerate(tree)]
    listed = ", ".join(targets)
    # A part, or a row of a batch, is checked here; the argument itself is checked where the result is built.
    parts = source if source == f"a{k}" else f"{source} if type({source}) in _plain else _rows({source})"
    if flat and 0 < len(tree) <= _CHECKED_ONE_BY_ONE:
        are_floats = f"{' is '.join(f'type({x})' for x in targets)} is float"
        lines = [f"[{listed}] = {parts}", f"if not ({are_floats}):", f"    [{listed}] = map(_number, [{listed}])"]
    else:
        lines = [f"[{listed}] = {f'map(_number, {parts})' if flat else parts}"]
    yield from ["try:", *indented(lines), "except (TypeError, ValueError, OverflowError) as problem:"]
    yield f"    raise _argument_error({k}, {tree_shape(tree)!r}, {source}, problem) from None"
    if not flat:
        for target, part in zip(targets, tree, strict=True):
            yield from unpacking(target, part, k, name)


def array_among(signature: Signature) -> str:
    """Return the condition that an argument is an array; nothing if none can be.

    All are asked, because what is asked refuses masked arrays, too.
    """
    asked = [
        f"type(a{k}) not in _plain and _is_array(a{k})"
        for k, tree in enumerate(signature.inputs)
        if signature.batched[k] or isinstance(tree, (list, tuple))
    ]
    return asked[0] if len(asked) == 1 else " | ".join(f"({x})" for x in asked)


# Results -------------------------------------------------------------------------------------------------------------


def tree_text(tree: Any) -> str:
    """Return a tree of expressions as one expression.

    >>> tree_text(("a", ["b"], ("c",)))
    '(a, [b], (c,))'
    """
    if isinstance(tree, list):
        return f"[{', '.join(map(tree_text, tree))}]"
    return f"({', '.join(map(tree_text, tree))}{',' * (len(tree) == 1)})" if isinstance(tree, tuple) else str(tree)


def packed(tree: Any, numbers: Iterable[str], arrays: bool) -> str:
    """Return the expression that packs these numbers into a result, in order; `arrays` makes each flat list an array.

    >>> packed((0, [1, 2]), ["a", "b", "c"], arrays=True)
    '(a, _array([b, c]))'
    """
    left = iter(numbers)
    texts = [tree_text(tree_map(lambda _: next(left), piece)) for piece in pieces_of(tree)]
    if arrays:
        texts = [f"_array({t})" if isinstance(p, list) else t for p, t in zip(pieces_of(tree), texts, strict=True)]
    return packed_pieces(tree, texts)


def packed_pieces(tree: Any, pieces: Iterable[str]) -> str:
    """Return the expression that packs these pieces into a result, in order.

    >>> packed_pieces((0, [1, 2]), ["r0", "r1"])
    '(r0, r1)'
    """
    return tree_text(with_pieces(tree, iter(pieces)))
