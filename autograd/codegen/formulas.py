"""Print formulas: operations on named operands, with no more parentheses than the order of operations needs.

A `Term` is a formula with the binding strength of its outermost operator. `formula` makes one from an operation and
the terms of its operands; every formula that a view shows comes from there. Those of a graph are valid Python
(`weight * input + bias`); with `mathematical=True` they have the sign of books (`weight × input + bias`), and a
choice reads `1 if x > 0 else 0`.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

from autograd.codegen.program import Operand, Program
from autograd.engine import Value
from autograd.ops import TABLE, Op
from autograd.text import LONGEST_FORMULA, decimals, is_signed

BINDING = {"add": 1, "sub": 1, "mul": 2, "div": 2, "mod": 2, "floordiv": 2, "neg": 3, "pow": 4}
"""The binding strength of each operator, as in Python. One that is not listed, a user's own, gets parentheses."""

T = TypeVar("T")

LOOSE, BARE = 0, 5
"""The binding of a choice, and of a name, a number or a call."""


class Term(NamedTuple):
    """A formula, and how tightly its outermost operator binds."""

    text: str
    binding: int = BARE

    def within(self, tightest: int) -> str:
        """Return the formula as an operand of an operator that binds that tightly, in parentheses where needed."""
        return self.text if self.binding > tightest else f"({self.text})"

    @property
    def factor(self) -> str:
        """The formula as a factor of a product: a sum in parentheses."""
        return self.within(BINDING["add"])


def constant(text: str) -> Term:
    """Return a number as a term: a negative one binds as its sign does, as in (-2) ** x."""
    return Term(text, BINDING["neg"] if is_signed(text) else BARE)


def formula(op: Op, operands: Sequence[Term], *, mathematical: bool = False) -> Term:
    """Return the formula of an operation.

    Arguments:
        op: the operation; its row in the table says how it reads.
        operands: the formulas of its operands.
        mathematical: whether to write × in place of *, and `where` as a choice.

    >>> net = formula(TABLE["add"], [Term("x"), Term("bias")])
    >>> formula(TABLE["mul"], [constant("-2"), net]).text, formula(TABLE["tanh"], [net]).text
    ('-2 * (x + bias)', 'tanh(x + bias)')
    >>> formula(TABLE["where"], [net, constant("1"), constant("0")], mathematical=True).text
    '1 if x + bias > 0 else 0'
    """
    if mathematical and op is TABLE["where"]:  # its condition counts as true above 0
        condition, x, y = operands
        return choice(condition, constant("0"), x, y)
    shown = in_place(op, operands)
    if "(" in op.reads:
        return Term(op.read(*shown))
    reads = op.reads.replace(" * ", " × ") if mathematical else op.reads
    return Term(reads.format(*shown), BINDING.get(op.name, LOOSE))


def choice(left: Term, right: Term, x: Term, y: Term) -> Term:
    """Return the formula of x where left > right, else of y."""
    left_text, right_text, *cases = (term.within(LOOSE) for term in (left, right, x, y))
    return Term(f"{cases[0]} if {left_text} > {right_text} else {cases[1]}", LOOSE)


def in_place(op: Op, operands: Sequence[Term]) -> list[str]:
    """Return the operands as the formula of an operation shows them, in parentheses where needed.

    >>> in_place(TABLE["sub"], [constant("-2"), constant("-3")]), in_place(TABLE["tanh"], [constant("-2")])
    (['-2', '(-3)'], ['-2'])
    """
    if "(" in op.reads:
        return [x.text for x in operands]
    binding = BINDING.get(op.name) or BARE - 1  # an unknown operator: only single names and numbers need no parentheses
    # Not x - (y - z) alone: float addition is not associative, and the graph has just one order.
    signed = max(binding, BINDING["neg"])
    tightest = binding if len(operands) > 1 else binding - 1
    shown = [x.within(signed if is_signed(x.text) else tightest) for x in operands]
    if len(operands) > 1:  # the first is left of the operator, where equal strength suffices
        shown[0] = operands[0].within(binding if op.name == "pow" else binding - 1)
    return shown


def graph_formulas(
    values: Iterable[Value], names: Mapping[Value, str], *, number: Callable[[float], str] = decimals
) -> dict[Value, Term]:
    """Return the formula of each Value, with those of earlier ones among them put in; a leaf's is its name.

    Arguments:
        values: Values, operands before results.
        names: the names of these and of their operands.
        number: writes constants: a format of `text.py`, or `repr`.

    >>> x = Value(2.0)
    >>> square = x * x
    >>> y = square + 1
    >>> graph_formulas([square, y], {x: "x", square: "square"})[y].text
    'x * x + 1'
    """
    return graph_written(values, lambda v: Term(names[v]), python_text(number))


class Notation(NamedTuple, Generic[T]):
    """A way to write formulas: functions for constants, for operations, for choices of x where left > right, else y."""

    constant: Callable[[float], T]
    operation: Callable[[Op, Sequence[T]], T]
    choice: Callable[[T, T, T, T], T] | None = None
    """None: a choice is an operation like others."""


def with_sign_of_zero(number: Callable[[float], str]) -> Callable[[float], str]:
    """Return the format of constants in formulas: -0.0 keeps its sign, on which that of x - (-0.0) may depend.

    >>> [with_sign_of_zero(decimals)(x) for x in (0.0, -0.0, -0.5)]
    ['0', '-0.0', '-0.5']
    """
    return lambda x: number(x) if x or math.copysign(1.0, x) > 0 else "-0.0"


def python_text(number: Callable[[float], str]) -> Notation[Term]:
    """Return the notation of Python."""
    write = with_sign_of_zero(number)
    return Notation(lambda x: constant(write(x)), formula)


def mathematical_text(number: Callable[[float], str]) -> Notation[Term]:
    """Return the notation of books, as far as text has it."""
    write = with_sign_of_zero(number)
    return Notation(lambda x: constant(write(x)), functools.partial(formula, mathematical=True), choice)


def graph_written(values: Iterable[Value], name: Callable[[Value], T], notation: Notation[T]) -> dict[Value, T]:
    """Return the formula of each Value, as `graph_formulas` does, in any notation."""
    written: dict[Value, T] = {}

    def operand(x: Value | float) -> T:
        if not isinstance(x, Value):
            return notation.constant(x)
        return written[x] if x in written else name(x)

    for v in values:
        written[v] = name(v) if v.op is None else notation.operation(v.op, [operand(x) for x in v.args])
    return written


def program_written(program: Program, inputs: Sequence[T], notation: Notation[T]) -> list[T]:
    """Return the formulas of a program's outputs, given those of its inputs.

    >>> from autograd.codegen.program import lower
    >>> x, w = Value(2.0), Value(3.0)
    >>> program_written(lower([x * w + w], [x, w]), [Term("x"), Term("w")], mathematical_text(decimals))
    [Term(text='x × w + w', binding=1)]
    """
    written = list(inputs)

    def term(x: Operand) -> T:
        return written[x] if type(x) is int else notation.constant(x)

    for op, operands in program.steps:
        if notation.choice and op is TABLE["where"]:
            compared = _compared(program, operands[0])
            written.append(notation.choice(*map(term, (*compared, *operands[1:]))))
        else:
            written.append(notation.operation(op, [term(x) for x in operands]))
    return [term(x) for x in program.outputs]


def _compared(program: Program, condition: Operand) -> tuple[Operand, Operand]:
    """Return the two operands of which the first is larger just where a condition is above 0, for all floats."""
    step = program.steps[condition - program.inputs] if type(condition) is int and condition >= program.inputs else None
    if step and step.op is TABLE["sub"]:
        x, y = step.operands
        return x, y
    if step and step.op is TABLE["neg"]:
        x, y = _compared(program, step.operands[0])
        return y, x
    return condition, 0.0


def short_formula(
    v: Value,
    names: Mapping[Value, str],
    longest: int = LONGEST_FORMULA,
    *,
    number: Callable[[float], str] = decimals,
) -> str:
    """Return the formula of one Value; in place of one that is too long, such as a dot of many, its `summary`.

    >>> x = Value(2.0)
    >>> short_formula(x * x, {x: "x"})
    'x * x'
    """
    if v.op is None:
        return names[v]
    write = with_sign_of_zero(number)
    return short_operation(
        v, lambda: [Term(names[x]) if isinstance(x, Value) else constant(write(x)) for x in v.args], longest
    )


def short_operation(v: Value, operands: Callable[[], Sequence[Term]], longest: int) -> str:
    """Return the formula of a result, given those of its operands, or its `summary`, as `short_formula` does."""
    text = formula(cast(Op, v.op), operands()).text if len(v.args) <= longest else ""
    return text if 0 < len(text) <= longest else summary(v)


def summary(v: Value) -> str:
    """Return the operation of a result in a few words: its sign or name; of a variadic one, the number of operands too.

    >>> from autograd import ops
    >>> x = Value(2.0)
    >>> summary(x * x), summary(x.tanh()), summary(ops.sum([x] * 2000))
    ('*', 'tanh', 'sum of 2,000 operands')
    """
    if v.op is None:
        return ""
    return f"{v.op.symbol} of {len(v.args):,} operands" if v.op.variadic else v.op.symbol
