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

from collections.abc import Sequence
from typing import NamedTuple

from autograd.ops import Op


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
    no strides lead to the elements, `table` lists their places for all rounds, the last loop first.
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


Output = tuple[Array, int] | float
"""An element of an array, or a constant."""


class ArrayProgram(NamedTuple):
    """Statements in order of execution."""

    arguments: list[Array]
    constants: list[Array]
    statements: list[Statement]
    outputs: list[Output]
    """One for each output of the program, in order."""
