"""Write a program's steps as Python assignments: the part that all backends written as Python share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from autograd.codegen.arguments import Signature
from autograd.codegen.backend import Spelling
from autograd.codegen.program import Operand, Program, Step, varying_values, without_fixed_terms
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE

Name = Callable[[Operand], str]
"""Writes a value or a constant as an operand."""

_TERMS_IN_A_STATEMENT = 40  # Python's compiler recurses into each term of a sum


class Statements(NamedTuple):
    """Lines without indentation, in order of execution."""

    once: list[str]
    """What no sample changes."""
    each: list[str]
    """What differs from sample to sample."""


def variable_names(program: Program) -> Name:
    """Return the usual names: `x0`, `x1`, ... for inputs, `v0`, `v1`, ... for results, constants as literals."""

    def name(x: Operand) -> str:
        if type(x) is int:
            return f"x{x}" if x < program.inputs else f"v{x - program.inputs}"
        return f"({x!r})" if math.copysign(1, x) < 0 else repr(x)  # -2.0 ** 2 would be -4.0

    return name


def straight_statements(
    program: Program, signature: Signature, name: Name, spelling: Spelling, fixed: Spelling | None = None
) -> Statements:
    """Return one assignment for each step.

    Arguments:
        name: how values are written.
        spelling: how operations are written.
        fixed: how those are written that no sample changes, where that differs.
    """
    varying = varying_values(program, signature.inputs, signature.batched)
    statements = Statements([], [])
    for place, step in enumerate(program.steps, start=program.inputs):
        if place in varying:
            statements.each.extend(assignment(place, step, name, spelling))
        else:
            statements.once.extend(assignment(place, step, name, fixed or spelling))
    return statements


def assignment(place: int, step: Step, name: Name, spelling: Spelling) -> Iterator[str]:
    """Yield the statement that computes one step; several for a long sum."""
    target, names = name(place), list(map(name, step.operands))
    if step.op in (TABLE["sum"], TABLE["dot"]):
        yield from added(target, spelling_of(step.op).terms("python", names), name(0.0))
    else:
        yield f"{target} = {spelling.expression(step, names)}"


def added(target: str, terms: Sequence[str], zero: str = "0.0") -> Iterator[str]:
    """Yield statements that add up the terms strictly left to right, from `zero`."""
    for i in range(0, len(terms), _TERMS_IN_A_STATEMENT):
        yield f"{target} = {' + '.join([zero if i == 0 else target, *terms[i : i + _TERMS_IN_A_STATEMENT]])}"


def with_fixed_terms_apart(program: Program, signature: Signature) -> tuple[Program, Signature, dict[int, Operand]]:
    """Take the terms that no sample changes out of outputs that are summed over the samples.

    Returns the program and the signature without these terms, and the terms by the numbers of their outputs: they are
    added once, after the sum. Without a `reduce` nothing changes.
    """
    if not signature.reduce:
        return program, signature, {}
    program, places = without_fixed_terms(program, signature.inputs, signature.batched)
    terms = {i: program.outputs[at] for i, at in places.items()}
    return program, signature.with_outputs(program.outputs), terms  # in program.outputs, the terms come last
