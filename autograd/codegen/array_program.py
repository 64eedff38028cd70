"""Programs on arrays: a few statements, each of which computes many steps of a program.

A network that was recorded neuron by neuron is thousands of steps (`program.py`), of a few kinds. `lifting.py` finds
these kinds; what it makes of them is defined here, and each backend with arrays prints it:

    Array       the numbers of one argument, the constants of one operand, or the results of one kind of step
    View        elements of an array, one for each round of a statement's loops
    Statement   target = value, for each round of its loops

A value is an operation on views and constants (`Call`), a reduction of a list by an operation such as largest (`Fold`),
or a sum of products (`Sum`), which is what `sum`, `dot` and a chain of additions are, in the order of the program.

With a batch, an array that varies has these numbers for each sample; the loops do not run through samples. With a
`reduce`, each output that varies is an element of an array that is a total: the sum of the value over all samples. A
mean is not yet divided by their number.
"""

from collections.abc import Iterator, Sequence
from math import inf, prod
from typing import NamedTuple

from autograd.codegen.nests import Nest, indices_of, longest_nest, nests_through
from autograd.codegen.program import bits_of, float_of
from autograd.ops import TABLE, Op


class Array:
    """A flat list of numbers.

    Arguments:
        name: `a0`, `a1`, ... for the arguments, `c0`, ... for constants, `v0`, ... for results.
        length: how many numbers it has, for one sample.
        varies: True if they differ between samples.
        total: True if they are sums over all samples.
        constants: the numbers, if they are constants.
    """

    def __init__(
        self, name: str, length: int, varies: bool = False, total: bool = False, constants: Sequence[float] = ()
    ) -> None:
        self.name, self.length, self.varies, self.total, self.constants = name, length, varies, total, constants

    def __repr__(self) -> str:
        return f"<array {self.name}>"


class View(NamedTuple):
    """Elements of an array: that at `start`, plus each loop's index times its stride.

    The loops are those of the statement, and within a `Segment` those of its terms, which come last. Where
    no strides lead to the elements, `table` has their places: start and strides are then those of its entries.
    """

    array: Array
    start: int
    strides: tuple[int, ...]
    table: tuple[int, ...] | None = None


class Call(NamedTuple):
    """An operation on numbers."""

    op: Op
    operands: tuple["Expression", ...]


class Segment(NamedTuple):
    """Terms, one for each round of the loops over `terms`: a product of one or two factors; in a `Fold`, of one."""

    terms: tuple[int, ...]
    factors: tuple["View | float", ...]


class Fold(NamedTuple):
    """An operation that takes lists of any length, other than sum and dot; a list has the numbers of its segments."""

    op: Op
    lists: tuple[tuple[Segment, ...], ...]


REPEATED = {TABLE["largest"]: (TABLE["max"], -inf), TABLE["smallest"]: (TABLE["min"], inf)}
"""The operation of two operands that a Fold repeats, and the number from which it starts, which changes no other."""


class Sum(NamedTuple):
    """The terms of all segments, added strictly from left to right to `head`.

    The head is 0.0 for `sum` and `dot`. For a chain of additions it is -0.0, to which adding changes no number: then it
    need not be there.
    """

    head: float
    segments: tuple[Segment, ...]


Expression = float | View | Call | Fold | Sum
"""A Sum is the whole value of its statement, a Fold the whole value or an operand of calls."""


class Statement(NamedTuple):
    """`target` = `value`, for each round of nested loops with these counts, the outermost first.

    An array may be the target of several statements, each for some of its elements. The array of the target says
    whether the values are added over all samples.
    """

    target: View
    loops: tuple[int, ...]
    value: Expression

    def __str__(self) -> str:
        text = _text(self.value, len(self.loops))
        if self.target.array.total:
            text = f"total({text})"
        return f"{_view_text(self.target)} = {_with_loops(text, _LETTERS, self.loops)}"


Output = tuple[Array, int] | float
"""An element of an array, or a constant."""


class ArrayProgram(NamedTuple):
    """Statements in order of execution."""

    arguments: list[Array]
    constants: list[Array]
    statements: list[Statement]
    outputs: list[Output]
    """One for each output of the program, in order."""

    def __str__(self) -> str:
        """Return the program as text, one line for each statement, and one for what is returned."""
        last = "; ".join(map(str, copied(self.outputs)))
        return "\n".join([*map(str, self.statements), f"return {last}"])


def copied(outputs: Sequence[Output], *, tables: bool = False) -> list[Statement]:
    """Return statements that copy elements of arrays, and constants, to an array `out`, in its order.

    Arguments:
        tables: True if irregular elements are read through tables, rather than by many statements.
    """
    out = Array("out", len(outputs))
    places: dict[Array | bytes, list[tuple[int, int]]] = {}
    for i, x in enumerate(outputs):
        key, place = x if isinstance(x, tuple) else (bits_of(x), 0)
        places.setdefault(key, []).append((i, place))
    statements = []
    for key, pairs in places.items():
        targets, elements = map(list, zip(*pairs, strict=True))
        pieces = nests_through([elements], targets) if tables else _pieces([targets, elements])
        for piece, ((*loops,), (to, at), (moves, by)) in pieces:
            value: View | float = View(key, at, by) if isinstance(key, Array) else float_of(key)
            if by is None:
                value = View(key, 0, row_major(loops), tuple(elements[piece.start : piece.stop]))
            statements.append(Statement(View(out, to, moves), tuple(loops), value))
    return sorted(statements, key=lambda statement: statement.target.start)


def _pieces(sequences: Sequence[Sequence[int]]) -> Iterator[tuple[range, Nest]]:
    begin = 0
    while begin < len(sequences[0]):
        nest = longest_nest(sequences, begin)
        yield range(begin, begin + nest.rounds), nest
        begin += nest.rounds


def views_of(value: Expression) -> Iterator[View]:
    """Yield the views that a statement reads, in order."""
    if isinstance(value, View):
        yield value
    elif isinstance(value, Call):
        for operand in value.operands:
            yield from views_of(operand)
    elif isinstance(value, (Sum, Fold)):
        for segments in [value.segments] if isinstance(value, Sum) else value.lists:
            for segment in segments:
                yield from (factor for factor in segment.factors if isinstance(factor, View))


def elements_of(view: View, loops: Sequence[int]) -> list[int]:
    """Return the places of a view's elements in its array, in order."""
    found = indices_of(view.start, view.strides, loops)
    return [view.table[i] for i in found] if view.table else found


def row_major(counts: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of loops that run through adjacent elements.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(prod(counts[i + 1 :]) for i in range(len(counts)))


# Text ----------------------------------------------------------------------------------------------------------------

_LETTERS = [*"ijklmnopqrstuvwxyz", *(f"i{n}" for n in range(1, 100))]  # of loops, the outermost first


def _with_loops(text: str, letters: Sequence[str], loops: Sequence[int]) -> str:
    rounds = ", ".join(f"{letter} < {n}" for letter, n in zip(letters, loops))
    return f"{text} for {rounds}" if rounds else text


def _text(value: Expression, loops: int) -> str:
    if isinstance(value, View):
        return _view_text(value)
    if isinstance(value, Call):
        operands = [_text(x, loops) for x in value.operands]
        if not value.op.reads.endswith(")"):  # an operator
            operands = [f"({t})" if isinstance(x, Call) and " " in t else t for x, t in zip(value.operands, operands)]
        return value.op.reads.format(*operands)
    if isinstance(value, Fold):
        lists = [", ".join(_segment_text(segment, loops) for segment in segments) for segments in value.lists]
        return f"{value.op.name}({'; '.join(lists)})"
    if isinstance(value, Sum):
        terms = [f"sum({_segment_text(s, loops)})" if s.terms else _segment_text(s, loops) for s in value.segments]
        return " + ".join(terms)
    return repr(value)


def _segment_text(segment: Segment, loops: int) -> str:
    return _with_loops(" * ".join(_text(x, loops) for x in segment.factors), _LETTERS[loops:], segment.terms)


def _view_text(view: View) -> str:
    at = f"table of {len(view.table)}" if view.table else index_text(view.start, *zip(view.strides, _LETTERS))
    return f"{view.array.name}[{at}]"


def index_text(start: int, *products: tuple[int, str]) -> str:
    """Return an index, a start plus products, omitting factors of 1 and terms of 0."""
    text = ""
    for n, name in sorted(products, key=lambda product: product[0] < 0):
        if n and name != "0":
            sign = " - " if n < 0 else " + "
            text += sign + (name if abs(n) == 1 else f"{abs(n)} * {name}")
    if text.startswith(" - "):
        return f"{start}{text}"
    text = text.removeprefix(" + ")
    if not text or start:
        text = f"{text} + {start}" if text else str(start)
    return text.replace("+ -", "- ")
