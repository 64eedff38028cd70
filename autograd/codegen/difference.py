"""Compare two programs, and write out the first step in which they differ.

Programs are compared by what they compute, not by the order of their steps: two results are the same if the same
operation makes them from the same operands, and two constants if they have the same bits.
"""

from collections.abc import Sequence
from typing import NamedTuple

from autograd.codegen.formulas import LOOSE, Term, constant, formula
from autograd.codegen.program import Operand, Program, Step, bits_of

_NESTED = 1  # levels of operands that are written out
_MOST_OPERANDS = 6  # that are written out; of more, only the one that differs is shown


class Difference(NamedTuple):
    """The same place in two programs, as text."""

    here: str
    there: str


def difference(here: Program, there: Program, names: Sequence[str]) -> Difference | None:
    """Return the first place at which two programs differ, as text; None if they compute the same.

    Arguments:
        here: a program.
        there: another one, with the same inputs and as many outputs.
        names: the names of the inputs.

    >>> from autograd import Value
    >>> from autograd.codegen.program import lower
    >>> x, w = Value(2.0), Value(3.0)
    >>> difference(lower([(w * x).relu() * 0.5], [x, w]), lower([(w * x).relu() * 0.7], [x, w]), ["x", "w"])
    Difference(here='relu(...) * 0.5', there='relu(...) * 0.7')
    >>> difference(lower([x + w, w * x], [x, w]), lower([x + w, w * x], [x, w]), ["x", "w"])
    """
    known: dict[object, int] = {}
    ours, others = _classes(here, known), _classes(there, known)

    def differ(x: Operand, y: Operand) -> bool:
        return _class(x, ours) != _class(y, others)

    pairs = [(x, y) for x, y in zip(here.outputs, there.outputs, strict=True) if differ(x, y)]
    if not pairs:
        return None
    x, y = pairs[0]
    argument: int | None = None  # the place of the operand that differs
    while True:
        step, other = _step(here, x), _step(there, y)
        if step is None or other is None or step.op is not other.op or len(step.operands) != len(other.operands):
            argument = None
            break
        argument = next(i for i, pair in enumerate(zip(step.operands, other.operands)) if differ(*pair))
        inner, other_inner = step.operands[argument], other.operands[argument]
        if _step(here, inner) is None or _step(there, other_inner) is None:
            break
        x, y = inner, other_inner
    texts = [_written(program, place, names, argument).text for program, place in ((here, x), (there, y))]
    if texts[0] == texts[1]:
        texts[1] += " by another operation of that name (make an operation once, outside the model)"
    return Difference(*texts)


def _classes(program: Program, known: dict[object, int]) -> list[int]:
    """Return a number for each value of a program, equal for values that are computed alike.

    Arguments:
        known: the numbers of the results so far, of all programs that are compared.
    """
    classes = list(range(program.inputs))
    for op, operands in program.steps:
        key = (op, *(_class(x, classes) for x in operands))
        classes.append(known.setdefault(key, program.inputs + len(known)))
    return classes


def _class(x: Operand, classes: Sequence[int]) -> int | bytes:
    return classes[x] if type(x) is int else bits_of(x)


def _step(program: Program, x: Operand) -> Step | None:
    """Return the step that makes a value; None for an input or a constant."""
    return program.steps[x - program.inputs] if type(x) is int and x >= program.inputs else None


def _written(program: Program, x: Operand, names: Sequence[str], argument: int | None, level: int = 0) -> Term:
    """Write a value as a formula of its operands, and of theirs.

    Arguments:
        argument: the place of the operand to show of a long step.
        level: how deep in a formula the value is written.
    """
    step = _step(program, x)
    if step is None:
        return Term(names[x]) if type(x) is int else constant(repr(x))
    op, operands = step
    if level > _NESTED or (level and len(operands) > _MOST_OPERANDS):
        return Term(f"{op.name}(...)") if "(" in op.reads else Term("...", LOOSE)
    if len(operands) > _MOST_OPERANDS:
        text = f"{op.name} of {len(operands)} operands"
        if argument is not None:
            text += f", number {argument} is {_written(program, operands[argument], names, None, 1).text}"
        return Term(text)
    return formula(op, [_written(program, operand, names, None, level + 1) for operand in operands])
