"""Lower graphs to programs, the straight-line code that every backend prints.

A `Program` is a list of steps over numbered values: the inputs come first, and each step adds one. It contains no names
and no user text. It keeps the order of recording, so every backend does the same arithmetic in the same order.

Lowering drops steps that no output needs, merges equal steps, and evaluates steps on constants, by the row itself. It
makes only folds that are exact for every float (`folds.py`). Nothing is reassociated.

`expanded` then adapts a program to a target: an operation without a spelling there, such as one that a user has added,
is replaced by what its function records, x ** 2 and x ** -1 by the product and the quotient that their row computes.
"""

import math
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from autograd.codegen.arguments import Signature
from autograd.codegen.expansion import recorded
from autograd.codegen.spelling import is_spelled, spelling_of
from autograd.engine import Value, graph_of
from autograd.errors import UnsupportedOperationError
from autograd.folds import computed, folded
from autograd.ops import TABLE, Op
from autograd.trees import tree_leaves

Operand = int | float
"""A step's operand: the number of a value (an `int`), or a constant (a `float`)."""


class Step(NamedTuple):
    """One operation on earlier values and constants."""

    op: Op
    operands: tuple[Operand, ...]

    def moved(self, places: Sequence[Operand]) -> "Step":
        """Return the operation on the values, or constants, that have come in place of its operands."""
        return Step(self.op, tuple(moved(self.operands, places)))


def moved(operands: Iterable[Operand], places: Sequence[Operand]) -> list[Operand]:
    """Return operands with what has come in place of each value; constants stay."""
    return [places[x] if type(x) is int else x for x in operands]


class Program(NamedTuple):
    """Straight-line code: inputs are the values 0, 1, ...; step i makes value `inputs + i`; `outputs` are returned."""

    inputs: int
    steps: list[Step]
    outputs: list[Operand]

    @property
    def terms(self) -> int:
        """The number of terms that its sums add, and of its other steps."""
        return sum(len(step.op.lists(step.operands)[0]) if step.op.adds else 1 for step in self.steps)

    def results(self, inputs: Iterable[float], constant: Callable[[float], float] = float) -> list[float]:
        """Return the numbers of the outputs.

        Arguments:
            inputs: the numbers of the inputs.
            constant: returns the number to take in place of a constant, such as that with fewer digits.

        >>> x = Value(2.0)
        >>> lower([x * x + 0.26], [x]).results([3.0], lambda x: round(x, 1))
        [9.3]
        """
        values = [*inputs]

        def number(x: Operand) -> float:
            return values[x] if type(x) is int else constant(x)

        for op, operands in self.steps:
            values.append(op.computes(*map(number, operands)))
        return [number(x) for x in self.outputs]


def bits_of(x: float) -> bytes:
    """Return the bits of a constant, which tell 0.0 from -0.0 and make a nan equal to itself."""
    return struct.pack("d", x)


def float_of(bits: bytes) -> float:
    """Return the constant with these bits."""
    x: float = struct.unpack("d", bits)[0]
    return x


class ProgramBuilder:
    """A program in the making: folds each step where possible, and merges equal ones.

    Arguments:
        inputs: the number of the program's inputs.
        folds: False to fold only what all operands are constants of: x * 1 then stays what x * 2 is.
    """

    def __init__(self, inputs: int, *, folds: bool = True) -> None:
        self.inputs = inputs
        self.steps: list[Step] = []
        self._folds = folds
        self._known: dict[object, int] = {}

    def add(self, op: Op, operands: tuple[Operand, ...]) -> Operand:
        """Return the result of a step: that of an equal step or of a new one, or what the step folds to."""
        return self.add_step(Step(op, operands))

    def add_step(self, step: Step) -> Operand:
        """Return the same for a step that is there already."""
        key: object = step
        constants = float in map(type, step.operands)
        if constants or self._folds:
            folds_to: Operand | None = (folded if self._folds else computed)(*step)
            if folds_to is not None:
                return folds_to
        if constants:  # compared by their bits: 1.0 would equal 1, the number of a value
            key = (step.op, *[x if type(x) is int else bits_of(x) for x in step.operands])
        new = self.inputs + len(self.steps)
        place = self._known.setdefault(key, new)
        if place == new:
            self.steps.append(step)
        return place

    def program(self, outputs: list[Operand]) -> Program:
        return without_dead_steps(Program(self.inputs, self.steps, outputs))


def lower(outputs: Sequence[Value], inputs: Sequence[Value], *, folds: bool = True) -> Program:
    """Return the program that computes `outputs` from `inputs`; other leaves become constants, with their data now.

    Arguments:
        folds: as for `ProgramBuilder`.

    >>> x, y = Value(2.0), Value(3.0)
    >>> program = lower([x * y + x * y, x ** 1.0], [x, y])
    >>> program.steps
    [Step(op=<operation mul: · * ·>, operands=(0, 1)), Step(op=<operation add: · + ·>, operands=(2, 2))]
    >>> program.outputs
    [3, 0]
    """
    places: dict[Value, Operand] = {leaf: i for i, leaf in enumerate(inputs)}
    builder = ProgramBuilder(len(inputs), folds=folds)
    # What computed inputs come from is left out. Leaves are found by the native core, in an eighth of the time.
    leaves_only = all(x.op is None for x in inputs)
    for v in graph_of(*outputs) if leaves_only else graph_of(*outputs, known=places.__contains__):
        if v not in places:
            operands = tuple([places[x] if isinstance(x, Value) else x for x in v.args])
            places[v] = v.data if v.op is None else builder.add_step(Step(v.op, operands))
    program = Program(len(inputs), builder.steps, [places[v] for v in outputs])
    return without_dead_steps(program) if folds else program  # without folds, outputs need every Value of their graph


def expanded(
    program: Program,
    target: str | Callable[[Op], bool],
    *,
    otherwise: str = "",
    calls_functions: bool = False,
    folds: bool = True,
) -> Program:
    """Replace the operations that a target has no spelling for by others: those of formulas, and of users' functions.

    Arguments:
        target: a column of the table in `spelling.py`, or a predicate for the operations that the target spells. An
            operation of the table that it does not spell, and that has no formula, is left for the target to refuse.
        otherwise: an alternative to rewriting a function that runs in Python only, for the end of the error message.
        calls_functions: True if the target can call users' functions: it keeps those that run in Python only.
        folds: as for `ProgramBuilder`; True folds what `lower` has not.

    Raises:
        LookupError: there is no such column.
        UnsupportedOperationError: a user's function runs in Python only.

    >>> x = Value(0.5)
    >>> [step.op.name for step in expanded(lower([x.softplus()], [x]), "c").steps]
    ['relu', 'neg', 'where', 'exp', 'log1p', 'add']
    >>> [step.op.name for step in expanded(lower([x**2 + x**-1], [x]), "c").steps]
    ['mul', 'div', 'add']
    """

    @cache
    def expansion(op: Op, operands: int) -> Program | None:
        if callable(target):
            kept = (op.built_in and spelling_of(op).formula is None) or target(op)
        else:
            kept = is_spelled(op, target)
        if kept:
            return None
        try:
            leaves, result = recorded(op, operands)
        except UnsupportedOperationError as problem:
            if calls_functions:
                return None
            raise UnsupportedOperationError(f"{problem}. {otherwise}" if otherwise else str(problem)) from problem
        return lower([result], leaves)

    def arithmetic(step: Step) -> Step:  # a spreadsheet shows 15 digits, and A1^2 as people write it
        return step if target == "spreadsheet" else _as_arithmetic(step)

    def stays(step: Step) -> bool:
        if folds and folded(*step) is not None:
            return False
        return expansion(step.op, len(step.operands)) is None and arithmetic(step) is step

    if all(map(stays, program.steps)):
        return program
    builder = ProgramBuilder(program.inputs, folds=folds)

    def add(program: Program, operands: Sequence[Operand]) -> list[Operand]:
        """Add a program's steps, on these operands in place of its inputs, and return its outputs."""
        places = list(operands)
        others = operands != range(program.inputs)  # most programs keep the numbers of most values
        for step in program.steps:
            own = arithmetic(step.moved(places) if others else step)
            inner = expansion(own.op, len(own.operands))
            place = builder.add_step(own) if inner is None else add(inner, own.operands)[0]
            others = others or type(place) is float or place != len(places)
            places.append(place)
        return moved(program.outputs, places)

    return builder.program(add(program, range(program.inputs)))


def _as_arithmetic(step: Step) -> Step:
    """Return a power whose exponent is the constant 2 or -1 as the product or the quotient that its row computes.

    `lower` keeps the power, because views print its programs as formulas for people.
    """
    if step.op is TABLE["pow"] and step.operands[1] in (2.0, -1.0) and type(step.operands[1]) is float:
        x, y = step.operands
        return Step(TABLE["mul"], (x, x)) if y == 2.0 else Step(TABLE["div"], (1.0, x))
    return step


def with_one_factor(program: Program) -> Program:
    """Write (c * d) * x in place of c * (d * x), for views: c and d are numbers, one of them a power of two.

    Rules multiply by the gradient from above last, people by numbers first: x**2 / 2 has the derivative x. The power of
    two makes that exact, but for products beyond the largest or below the smallest normal number.

    >>> x = Value(3.0)
    >>> with_one_factor(lower([0.5 * (2.0 * x)], [x])).outputs
    [0]
    """
    steps: list[Step] = []
    places: list[Operand] = [*range(program.inputs)]
    for step in (step.moved(places) for step in program.steps):
        new = step
        c, x = _factor_and_rest(step)
        if c is not None and x >= program.inputs:
            d, y = _factor_and_rest(steps[x - program.inputs])
            if d is not None and any(abs(math.frexp(n)[0]) == 0.5 for n in (c, d)):
                if c * d == 1:
                    places.append(y)
                    continue
                new = Step(step.op, (c * d, y))
        places.append(program.inputs + len(steps))
        steps.append(new)
    return without_dead_steps(Program(program.inputs, steps, moved(program.outputs, places)))


def _factor_and_rest(step: Step) -> tuple[float | None, int]:
    """Return the constant and the value that a step multiplies; None if it does not multiply these."""
    if step.op is TABLE["mul"]:
        for c, x in (step.operands, step.operands[::-1]):
            if type(c) is float and type(x) is int:
                return c, x
    return None, -1


def without_dead_steps(program: Program) -> Program:
    """Drop the steps that no output needs."""
    inputs, steps, outputs = program
    needed = bytearray(inputs + len(steps))
    places_backwards = range(len(needed) - 1, inputs - 1, -1)
    of_needed = (steps[place - inputs].operands for place in places_backwards if needed[place])
    for operands in chain([outputs], of_needed):  # those of a step come once all that read it have been seen
        for x in operands:
            if type(x) is int:
                needed[x] = True
    if all(needed[inputs:]):
        return program
    places: list[Operand] = [*range(inputs)]
    kept: list[Step] = []
    for step, is_needed in zip(steps, needed[inputs:], strict=True):
        places.append(inputs + len(kept))
        if is_needed:
            kept.append(step.moved(places))
    return Program(inputs, kept, moved(outputs, places))


def uses_of(program: Program) -> Counter[int]:
    """Return how often each value is an operand or an output."""
    uses = Counter([x for step in program.steps for x in step.operands if type(x) is int])
    uses.update([x for x in program.outputs if type(x) is int])
    return uses


def varying_values(program: Program, signature: Signature) -> set[int]:
    """Return the values that differ between samples; all others are batch-invariant."""
    varying = {i for k in signature.batched_arguments for i in tree_leaves(signature.inputs[k])}
    for place, step in enumerate(program.steps, start=program.inputs):
        for x in step.operands:
            if type(x) is int and x in varying:  # 3 is a value, 3.0 a constant
                varying.add(place)
                break
    return varying


def without_fixed_terms(program: Program, signature: Signature) -> tuple[Program, Signature, dict[int, Operand]]:
    """Move batch-invariant terms out of a sum over the samples.

    Such terms, as a penalty on the weights adds one to every gradient, are added once, after the sum. Returns the
    program with each such output `y + c` reduced to `y`, and each `c` appended to its outputs, so that it is computed;
    the signature without them; and a dict from an output's index to its term. Without a `reduce` nothing changes.
    """
    made = ((i, x - program.inputs) for i, x in enumerate(program.outputs) if isinstance(x, int))
    sums = {i: program.steps[k] for i, k in made if k >= 0 and program.steps[k].op is TABLE["add"]}
    if not (signature.reduce and sums):
        return program, signature, {}
    varying = varying_values(program, signature)
    uses = uses_of(program)
    outputs = list(program.outputs)
    fixed: dict[int, Operand] = {}
    for i, step in sums.items():
        if outputs[i] in varying and uses[int(outputs[i])] == 1:
            changing = [type(operand) is int and operand in varying for operand in step.operands]
            if not all(changing):
                outputs[i], fixed[i] = step.operands if changing[0] else reversed(step.operands)
    program = without_dead_steps(Program(program.inputs, program.steps, [*outputs, *fixed.values()]))
    terms = dict(zip(fixed, program.outputs[len(outputs) :], strict=True))
    return program, signature.with_outputs(program.outputs), terms
