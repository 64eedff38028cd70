"""Record graphs that are given as tuples, and compute polynomial ones exactly, in fractions.

With small integers every + − × is exact in floats, so values and gradients must agree with `fractions.Fraction`
with no tolerance: no tolerance hides a graph bug there.
"""

import math
import operator
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from autograd import Value
from autograd.ops import TABLE, Op

# A graph is a tuple of nodes, operands before results; a node is the name of an operation and its operands; an
# operand is the index of an earlier node (an int) or a constant (a float). ("leaf", (x,)) is a leaf of data x.
Node = tuple[str, tuple[int | float, ...]]
Graph = tuple[Node, ...]


def spread(op: Op) -> Callable[..., Any]:
    """A variadic operation, called with its operands as arguments instead of in lists."""
    lists = op.reads.count("{}")
    return lambda *xs: op(*[xs[i * len(xs) // lists : (i + 1) * len(xs) // lists] for i in range(lists)])


ROWS = [op for op in TABLE.values() if op.built_in]
ARITY = {op.name: op.arity or 0 for op in ROWS}  # 0: any number
OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "neg": operator.neg,
    **{op.name: op if op.arity else spread(op) for op in ROWS if op.name not in ("add", "sub", "mul", "div", "neg")},
}
POLYNOMIAL = ["+", "-", "*", "neg", "sum", "dot"]
RATIONAL = [*POLYNOMIAL, "/"]
EVERYTHING = list(OPERATIONS)


def record(graph: Graph, order: Iterable[int] | None = None, beside: Callable[[Value], object] = id) -> list[Value]:
    """Record the graph as Values, in the given order; `beside` is called with every node as it is made."""
    nodes: dict[int, Value] = {}
    for i in range(len(graph)) if order is None else order:
        name, operands = graph[i]
        if name == "leaf":
            nodes[i] = Value(operands[0])
        else:
            nodes[i] = OPERATIONS[name](*[nodes[x] if isinstance(x, int) else x for x in operands])
        beside(nodes[i])
    return [nodes[i] for i in range(len(graph))]


def bits(x: float) -> str:
    """Return the number to the last bit; all nans are alike, and so are both zeros."""
    assert type(x) is float
    return "nan" if math.isnan(x) else (x + 0.0).hex()


def data(nodes: Iterable[Value]) -> list[str]:
    return [bits(v.data) for v in nodes]


def gradients(nodes: Iterable[Value]) -> list[str]:
    return [bits(v.grad) for v in nodes]


def leaves(graph: Graph) -> list[int]:
    return [i for i, (name, _) in enumerate(graph) if name == "leaf"]


def ancestors(graph: Graph, output: int) -> set[int]:
    """Return the nodes that the output depends on, itself included."""
    found = {output}
    for i in reversed(range(output + 1)):
        if i in found:
            found |= {x for x in graph[i][1] if isinstance(x, int)}
    return found


# ------------------------------------------------------------------------------------------- exact reference values


@dataclass(frozen=True)
class Dual:
    """a + b·ε, ε² = 0, in Fractions: carries a derivative along, and so gives gradients of gradients exactly."""

    a: Fraction
    b: Fraction

    def __add__(self, other: "Dual") -> "Dual":
        return Dual(self.a + other.a, self.b + other.b)

    def __mul__(self, other: "Dual") -> "Dual":
        return Dual(self.a * other.a, self.a * other.b + self.b * other.a)


ZERO, ONE, MINUS_ONE = (Dual(Fraction(n), Fraction(0)) for n in (0, 1, -1))


def total(numbers: Iterable[Dual]) -> Dual:
    result = ZERO
    for x in numbers:
        result = result + x
    return result


def slopes(name: str, x: list[Dual]) -> list[Dual]:
    """Return the derivatives of a polynomial operation by its operands."""
    half = len(x) // 2
    if name in ("*", "dot"):
        return x[half:] + x[:half]
    return {"-": [ONE, MINUS_ONE], "neg": [MINUS_ONE]}.get(name, [ONE] * len(x))


def result(name: str, x: list[Dual]) -> Dual:
    half = len(x) // 2
    if name in ("*", "dot"):
        return total(map(operator.mul, x[:half], x[half:]))
    return total(map(operator.mul, x, slopes(name, x)))


def exact(graph: Graph, direction: Sequence[float] = ()) -> tuple[list[Dual], list[list[Dual]]]:
    """Values, and derivatives of every node by every node, in forward mode; leaf n moves along with direction[n]."""
    values: list[Dual] = []
    tangents: list[list[Dual]] = []
    along = iter(direction)
    for i, (name, operands) in enumerate(graph):
        tangent = [ZERO] * len(graph)
        if name == "leaf":
            values.append(Dual(Fraction(operands[0]), Fraction(next(along, 0.0))))
        else:
            x = [values[x] if isinstance(x, int) else Dual(Fraction(x), Fraction(0)) for x in operands]
            values.append(result(name, x))
            for operand, slope in zip(operands, slopes(name, x), strict=True):
                if isinstance(operand, int):
                    tangent = [t + slope * s for t, s in zip(tangent, tangents[operand], strict=True)]
        tangent[i] = ONE
        tangents.append(tangent)
    return values, tangents


def exact_in_floats(graph: Graph) -> bool:
    """Return True if no sum, in any order, in values, gradients or gradients of gradients, needs rounding.

    True where even the graph of the magnitudes, in which nothing cancels, stays below 2**53.
    """
    plus = {"-": "+", "neg": "sum"}
    magnitudes = tuple(
        (plus.get(name, name), tuple(x if isinstance(x, int) else abs(x) for x in operands)) for name, operands in graph
    )
    values, tangents = exact(magnitudes, [4.0] * len(leaves(graph)))
    return max(max(x.a, x.b) for x in [*values, *tangents[-1]]) <= 2**53


def random_graph(
    rng: random.Random,
    names: Sequence[str],
    number: Callable[[], float],
    fits: Callable[[Graph], bool] = lambda graph: True,
) -> Graph:
    """Return a graph of one to four leaves and up to twelve operations, each with a node among its operands.

    An operation that does not fit is replaced by a negation.
    """
    graph: Graph = tuple(("leaf", (number(),)) for _ in range(rng.randint(1, 4)))
    for _ in range(rng.randint(1, 12)):
        name = rng.choice(names)
        count = ARITY.get(name, 2) or 2 * rng.randint(1, 3)
        operands = [rng.randrange(len(graph)) if rng.random() < 0.7 else number() for _ in range(count)]
        operands[rng.randrange(count)] = node = rng.randrange(len(graph))
        larger: Graph = (*graph, (name, tuple(operands)))
        graph = larger if fits(larger) else (*graph, ("neg", (node,)))
    return graph
