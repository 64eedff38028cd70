"""Compute gradients for views on copies of a graph, so that no gradient of the user's graph is read or changed.

A copy is recorded anew by `recorded_anew`, then the engine differentiates it: `backward()` gives the numbers, `grad`
the formulas. A local gradient's formula is what its rule recorded on fresh leaves, with a gradient of 1 from above,
lowered to a program (which drops factors of 1) and printed.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple, cast

from autograd.codegen import formulas, typesetting
from autograd.codegen.formulas import Notation, Term, mathematical_text, program_written
from autograd.codegen.program import Program, lower, with_one_factor
from autograd.codegen.readable import Choices, readable
from autograd.codegen.typesetting import Typeset, name, typeset_notation
from autograd.engine import Value, grad, graph_of, local_gradients, record
from autograd.ops import Op
from autograd.text import decimals, significant

NO_GRADIENT = "none"
"""The text in place of a local gradient where no gradient passes."""


def in_equation(x: float) -> str:
    """Format a local gradient, or another number of the chain rule's equations.

    >>> in_equation(-0.0359632)
    '-0.036'
    """
    return decimals(x, 4)


def in_formula(x: float) -> str:
    """Format a constant in the formula of a local gradient, so that the formula gives its number.

    >>> in_formula(0.0359632)
    '0.0359632'
    """
    return significant(x, 9)


def missing_gradients(output: Value, nodes: Iterable[Value]) -> str | None:
    """Return why there are no gradients of this output to show; None if there are.

    `backward()` sets the gradient of the output to the seed. If that is 0, the others are 0 too, or another output's.
    """
    if output.grad != 0:
        return None
    if any(v.grad != 0 for v in nodes):
        return "the gradients here are those of another output: call backward() on this one first to see its own"
    return "all gradients are 0: call backward() first to see them"


Operands = tuple[Value | float, ...]


def same_leaf(x: Value) -> Value:
    """Return a leaf with the number of a Value."""
    return Value(x.data)


def same_operation(v: Value, operands: Operands) -> Value:
    """Record the operation of a result on other operands."""
    return record(cast(Op, v.op), operands)


def recorded_anew(
    nodes: Iterable[Value],
    leaf: Callable[[Value], Value] = same_leaf,
    result: Callable[[Value, Operands], Value] = same_operation,
) -> dict[Value, Value]:
    """Record nodes again, and return the copy of each, in the order of the nodes.

    Arguments:
        nodes: Values, operands before results.
        leaf: returns the copy of a leaf among the nodes, and a leaf in place of an operand that is not among them; it
            is called for each use of such an operand.
        result: returns the copy of a result, given the copies of its operands.

    >>> x = Value(3.0)
    >>> square = x * x
    >>> copies = recorded_anew([x, square, square + 1])
    >>> len(copies), copies[square], copies[square] is square
    (3, Value(data=9.0, grad=0.0), False)
    """
    copies: dict[Value, Value] = {}
    for v in nodes:
        if v.op is None:
            copies[v] = leaf(v)
        else:
            operands = ((copies[x] if x in copies else leaf(x)) if isinstance(x, Value) else x for x in v.args)
            copies[v] = result(v, tuple(operands))
    return copies


def gradients_of(output: Value, nodes: Iterable[Value]) -> dict[Value, float]:
    """Return the gradients that `output.backward()` would give to nodes without gradients.

    >>> x = Value(3.0)
    >>> square = x * x
    >>> gradients_of(square, [x, square]), x.grad
    ({Value(data=3.0, grad=0.0): 6.0, Value(data=9.0, grad=0.0): 1.0}, 0.0)
    """
    copies = recorded_anew(nodes)
    copies[output].backward()
    return {v: copy.grad for v, copy in copies.items()}


def reached_by_gradients(output: Value, nodes: Sequence[Value]) -> set[Value]:
    """Return those of the nodes to which a gradient of `output` passes: all but those behind rules that are None.

    Arguments:
        output: a Value.
        nodes: its graph, or the newest part of it, operands before results.

    >>> x = Value(3.0)
    >>> stopped = x.stop_gradient()
    >>> y = stopped * 2
    >>> reached_by_gradients(y, [x, stopped, y]) == {stopped, y}
    True
    """
    reached = {output}
    for v in reversed(nodes):
        if v in reached and v.op is not None:
            pulls = repeat(True) if v.op.direct else local_gradients(v)  # direct: no rule is None
            reached.update(x for x, pull in zip(v.args, pulls) if isinstance(x, Value) and pull is not None)
    return reached


class LocalGradient(NamedTuple):
    """The local gradient of a result on one use of an operand: a number, and a formula where there is one.

    Both are None where no gradient passes. `part` is what `backward()` adds to the gradient of the operand: what the
    rules give for the gradient of the result. That is not always the product of the two: where no gradient passes to
    the side of a choice, 0 × inf would be nan.
    """

    operand: Value
    number: float | None
    formula: Term | None
    part: float
    user: Value
    """The result that has the operand: the last one of the line, or one inside."""
    typeset: Typeset | None = None
    """The formula as in a textbook."""


def line_gradients(
    line: Sequence[Value],
    terms: Mapping[Value, Term],
    g: float = 1.0,
    *,
    typeset: Mapping[Value, Typeset] | None = None,
    number: Callable[[float], str] | None = None,
) -> list[LocalGradient]:
    """Return the local gradients of a line of arithmetic, one for each use of an operand.

    Arguments:
        line: the results on the line, operands before results; the last is that of the line.
        terms: the names of this one, and of the operands that come from outside.
        g: the gradient of the last result, for the parts.
        typeset: these names as in a textbook; by default, each as if it stood alone.
        number: writes constants; by default with as many digits as it takes for the formula to give its number.

    The uses nearest to the result come first. A rule that needs its operand's number, such as its sign, has no
    formula. A choice that protects a rule from overflow, or from 0 / 0, is decided by the numbers here, so that
    asinh's reads `1 / sqrt(1 + x × x)`; those of an operation with a kink are its mathematics, and stay:
    `1 if x > 0 else 0`.

    >>> x, w = Value(3.0), Value(-2.0)
    >>> product = x * w
    >>> y = product.tanh()
    >>> names = {x: Term("x"), w: Term("w"), product: Term("net"), y: Term("y")}
    >>> [(found.number, found.formula.text) for found in line_gradients([product], names)]
    [(-2.0, 'w'), (3.0, 'x')]
    >>> [found.formula.text for found in line_gradients([y], names)]
    ['1 - y × y']
    """
    result, copies = line[-1], recorded_anew(line)
    found = [  # each use has its own leaf, so that paths keep apart
        (x, fresh, v)
        for v in reversed(line)
        for x, fresh in zip(v.args, copies[v].args)
        if isinstance(x, Value) and isinstance(fresh, Value) and x not in copies
    ]
    leaves = [fresh for _, fresh, _ in found]
    parts, slopes = (_pulled(copies[result], leaves, above) for above in (g, 1.0))
    reached = reached_by_gradients(copies[result], [copies[v] for v in line])
    numbers = [slope if fresh in reached else None for fresh, slope in zip(leaves, slopes)]
    own = {x: _Written(term, typeset[x] if typeset else name(term.text)) for x, term in terms.items()}
    inputs = {fresh: own[x] for x, fresh, _ in found} | {copies[result]: own[result]}
    gradients = _recorded_gradients(copies[result], leaves, numbers)
    written = _formulas(gradients, inputs, _choices_of(line), number)
    return [
        LocalGradient(x, slope, of_one and of_one.term, part, v, of_one and of_one.typeset)
        for (x, _, v), slope, of_one, part in zip(found, numbers, written, parts, strict=True)
    ]


def ops_written(nodes: Iterable[Value]) -> set[Op]:
    """Return the operations in the formulas of nodes and of their local gradients.

    >>> sorted(op.name for op in ops_written([Value(0.5).sin()]))
    ['cos', 'mul', 'sin']
    """
    ops = {v.op for v in nodes if v.op is not None}
    return ops.union(*(_ops_of_rules(op) for op in ops if op.built_in))


@functools.cache
def _ops_of_rules(op: Op) -> set[Op]:
    g, *operands = (Value(0.5) for _ in range(1 + (op.arity or 2)))
    pulls = op.pulls(g, record(op, operands), *operands)
    recorded = graph_of(*(pull for pull in pulls if isinstance(pull, Value)))
    return {v.op for v in recorded if v.op is not None}


def _choices_of(line: Iterable[Value]) -> Choices:
    """Return the choices that stay in the local gradients of a line of arithmetic."""
    ops = [v.op for v in line if v.op is not None]
    if not all(op.built_in for op in ops):  # of a user's nothing says whether its choices are its mathematics
        return Choices.ALL
    # Of the operators, % and // have kinks but no choices, so those on the line are a power's.
    return Choices.OUTER if any(op.kink and op.symbol == op.name for op in ops) else Choices.NONE


def _pulled(result: Value, leaves: Iterable[Value], g: float) -> list[float]:
    """Return what the gradient `g` of a result gives to leaves."""
    result.zero_grad()
    result.backward(g)
    return [x.grad for x in leaves]


def _recorded_gradients(result: Value, leaves: Sequence[Value], numbers: Sequence[float | None]) -> list[Value | None]:
    """Return the graph of each gradient; None where no gradient passes, or where a rule cannot be recorded."""
    try:
        gradients = grad(result, leaves)
    except Exception:  # any: a user's rule may ask its operands for anything
        if len(leaves) == 1:
            return [None]
        return [
            g for x, number in zip(leaves, numbers) for g in _recorded_gradients(result, [x], [number])
        ]  # a rule without a formula does not affect the others
    # A rule may have used its operands as numbers without an error, as dict.get does: then its number is different.
    return [g if x is not None and repr(g.data + 0.0) == repr(x + 0.0) else None for g, x in zip(gradients, numbers)]


class _Written(NamedTuple):
    """A formula in text and typeset."""

    term: Term
    typeset: Typeset


def _notation(number: Callable[[float], str]) -> Notation[_Written]:
    text, typeset = mathematical_text(number), typeset_notation(number)

    def operation(op: Op, operands: Sequence[_Written]) -> _Written:
        terms, typeset_operands = zip(*operands) if operands else ((), ())
        return _Written(text.operation(op, terms), typeset.operation(op, typeset_operands))

    def choice(*operands: _Written) -> _Written:
        terms, typeset_operands = zip(*operands)
        return _Written(formulas.choice(*terms), typesetting.choice(*typeset_operands))

    # A gradient of -0 is shown as 0, as everywhere.
    return Notation(lambda x: _Written(text.constant(x + 0.0), typeset.constant(x + 0.0)), operation, choice)


def _formulas(
    gradients: Sequence[Value | None],
    inputs: Mapping[Value, _Written],
    stay: Choices,
    number: Callable[[float], str] | None,
) -> list[_Written | None]:
    recorded = [g for g in gradients if g is not None]
    numbers = [x.data for x in inputs]
    program, are_readable = readable(with_one_factor(lower(recorded, list(inputs))), numbers, stay)
    wanted = [g.data for g, is_readable in zip(recorded, are_readable, strict=True) if is_readable]
    named = [*inputs.values()]
    if number is None:
        written = _with_digits(program, named, numbers, wanted)
    else:
        exactly = program_written(program, named, _notation(number))
        written = [*exactly]
    found, kept = iter(written), iter(are_readable)
    return [next(found) if g is not None and next(kept) else None for g in gradients]


_DIGITS_OF_CONSTANTS = (9, 12, 15, 17)  # 17 are all


def _with_digits(
    program: Program, inputs: Sequence[_Written], numbers: Sequence[float], wanted: Sequence[float]
) -> list[_Written | None]:
    """Return the formulas of a program's outputs, whose constants have the digits that give the wanted numbers."""
    found: list[_Written | None] = [None] * len(wanted)
    for digits in _DIGITS_OF_CONSTANTS:
        missing = [i for i, written in enumerate(found) if written is None]
        if not missing:
            break

        def number(x: float, digits: int = digits) -> str:
            return significant(x, digits)

        results = program.results(numbers, lambda x: float(number(x)))
        written = program_written(program, inputs, _notation(number))
        for i in missing:
            if _gives(results[i], wanted[i]):
                found[i] = written[i]
    return found


def _gives(result: float, number: float) -> bool:
    """Return True if a formula's result is its number, but for the rounding of constants."""
    return result == number or repr(result) == repr(number) or abs(result - number) <= 1e-8 * abs(number)
