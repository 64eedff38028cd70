"""Make the programs of derivative rules readable: decide choices, and drop what changes nothing.

A rule has choices of two kinds. Those of an operation with a kink are its mathematics: `1 if x > 0 else 0`. Others
protect a rule from overflow or from 0 / 0, and say nothing to a reader: each is the case that the numbers here choose.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from math import inf

from autograd.codegen.program import Operand, Program, ProgramBuilder, Step
from autograd.ops import TABLE

_DEEPEST = 100  # operations one inside the other, and
_MOST = 500  # operations, beyond which nobody could read a formula


class Choices(Enum):
    """The choices that stay in a formula."""

    ALL = "all"
    OUTER = "those with no arithmetic around them"
    NONE = "none"


class _TooLargeError(Exception):
    pass


_Known = frozenset[tuple[int, bool]]
"""Conditions, by their numbers in the program, and whether each holds."""


def readable(program: Program, numbers: Sequence[float], stay: Choices) -> tuple[Program, list[bool]]:
    """Return a program of formulas as people would write them, and for each output of the old one if it has one.

    Arguments:
        program: what rules recorded.
        numbers: those of its inputs, which decide choices: the new program has the same results for them.
        stay: the choices that stay. In the case of another choice with the same condition, that decides, whatever the
            numbers are.

    An output that is too large to be read has no formula.

    >>> from autograd import Value, elu
    >>> from autograd.codegen.program import lower
    >>> from autograd.engine import grad
    >>> x = Value(2.0)
    >>> program = lower([grad(elu(x), x)], [x])     # 1 if x > 0 else exp(0.5 * (0 if x > 0 else x)) * ...
    >>> [step.op.name for step in program.steps if step.op.name != "mul"]
    ['where', 'exp', 'where']
    >>> program, [has_formula] = readable(program, [2.0], Choices.OUTER)
    >>> [step.op.name for step in program.steps if step.op.name != "mul"], has_formula
    (['exp', 'where'], True)
    """
    inputs, steps, outputs = program
    values = Program(inputs, steps, [*range(inputs + len(steps))]).results(numbers)
    builder = ProgramBuilder(inputs)
    written: dict[tuple[Operand, _Known, bool], Operand] = {}

    def number(x: Operand) -> float:
        return values[x] if type(x) is int else x

    def holds(condition: int, known: _Known, decided: bool) -> bool | None:
        """Return whether a condition is above 0 where these are known; None if it stays."""
        for side in (True, False):
            if (condition, side) in known:
                return side
        if _is_never_above_0(program, condition):
            return False
        return values[condition] > 0 if decided else None

    def write(x: Operand, known: _Known, outer: bool) -> Operand:
        """Add an operand, as it is where these conditions are known."""
        if type(x) is float or x < inputs:
            return x
        key = x, known, outer
        if key not in written:
            if len(written) > most:
                raise _TooLargeError
            written[key] = write_step(int(x), known, outer)
        return written[key]

    def write_step(x: int, known: _Known, outer: bool) -> Operand:
        op, operands = steps[x - inputs]
        decided = stay is Choices.NONE or (stay is Choices.OUTER and not outer)
        if op is TABLE["where"]:
            condition, *cases = operands
            side = holds(int(condition), known, decided)
            if side is not None:
                return write(cases[0] if side else cases[1], known, outer)
            both = [write(case, known | {(int(condition), s)}, outer) for case, s in zip(cases, (True, False))]
            return builder.add(op, (write(condition, known, False), *both))
        if decided and op is TABLE["clip"]:  # its bounds are where a rule has 0 or 1 to the last bit
            return write(next((y for y in operands if number(y) == values[x]), values[x]), known, outer)
        if decided and op is TABLE["stop_gradient"]:  # a scale: nothing depends on it but the rounding
            return values[x]
        return builder.add(op, tuple([write(y, known, False) for y in operands]))

    depths = _measured(program, lambda inner: 1 + max(inner, default=0))
    found: list[Operand | None] = []
    for x in outputs:
        most = len(written) + _MOST
        try:
            found.append(None if depths(x) > _DEEPEST else write(x, frozenset(), True))
        except _TooLargeError:
            found.append(None)
    sizes = _measured(Program(inputs, builder.steps, []), lambda inner: 1 + sum(inner))
    found = [None if x is None or sizes(x) > _MOST else x for x in found]
    return _with_signs(builder.program([x for x in found if x is not None])), [x is not None for x in found]


def _measured(program: Program, combine: Callable[[list[int]], int]) -> Callable[[Operand], int]:
    """Return a function for the measure of an operand's formula, combined from those of the operands: 0 for names."""
    measures = [0] * program.inputs
    for step in program.steps:
        measures.append(combine([measures[x] for x in step.operands if type(x) is int]))
    return lambda x: measures[x] if type(x) is int else 0


def _is_never_above_0(program: Program, condition: int) -> bool:
    """Return True for -inf - x and x - inf: there is no bound to compare with."""
    step = program.steps[condition - program.inputs] if condition >= program.inputs else None
    return step is not None and step.op is TABLE["sub"] and (step.operands[0] == -inf or step.operands[1] == inf)


def _with_signs(program: Program) -> Program:
    """Write -x in place of -1 * x, which is how rules write the sign of a gradient."""
    steps = []
    for op, operands in program.steps:
        others = tuple(x for x in operands if type(x) is int or x != -1.0)
        is_sign = op is TABLE["mul"] and len(others) == 1
        steps.append(Step(TABLE["neg"], others) if is_sign else Step(op, operands))
    return Program(program.inputs, steps, program.outputs)
