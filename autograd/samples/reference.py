"""Compare the recorded graphs of samples, and numbers that were computed in different ways."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from autograd.codegen.difference import Difference, difference
from autograd.codegen.program import Program, bits_of, lower
from autograd.engine import Value, graph_of
from autograd.errors import RecordingError
from autograd.samples.recording import Graph, check_fresh
from autograd.trees import tree_leaves

AT_RANDOM = 4  # samples that are compared for no other reason
_REPEATS = 8  # recordings of a sample that differs: if these differ, too, the model draws at random

_ROUNDING = 1e-9  # relative: backends add samples in different orders, and `hypot` differs in its last digits
_UNDERFLOW = 1e-300  # absolute: a share of a sum may be 0 where the sum is not
_OVERFLOWING = 1e300  # a mean that may be infinite, depending on the order of additions

GRAPH_DOES_NOT_HOLD = "one recorded graph cannot stand for all samples"
READS = "The model or the loss reads numbers: .data, float(...), int(...)"
RANDOM = (
    "It draws random numbers, or changes from call to call. Draw with nn.uniform(n) or nn.normal(n): their numbers "
    "are drawn anew for each sample"
)
MOVED = "It reads the numbers of parameters (.data), or something that it uses has changed"
_WHAT_TO_DO = (
    "Keep a choice in the graph with autograd.where(condition, x, y), use inputs and targets as they come, as Values, "
    'or pass backend="eager", which calls the model for each sample'
)


class Reference:
    """A recorded graph with which others are compared.

    It captures constants at once, so a leaf whose number changes later counts as a difference.

    Raises:
        RecordingError: it uses results of parameters that are older than the recording.
    """

    def __init__(self, graph: Graph) -> None:
        self.parameters, self.drawn = graph.inputs[0], len(graph.drawn)
        check_fresh(graph.outputs, graph.begin, self.parameters)
        self.program = _lowered(graph)
        self.alike: list[Any] = []  # the traces of graphs that compute the same
        self.places = {id(p): i for i, p in enumerate(self.parameters)}

    def difference(self, graph: Graph, made: Sequence[Value], names: Callable[[], Sequence[str]]) -> Difference | None:
        """Return the first place where another graph differs; None if both compute the same.

        Arguments:
            graph: a graph with the same parameters.
            made: all results that were recorded for it, in order of creation.
            names: returns the names of its leaves.

        Raises:
            RecordingError: it uses results of parameters that are older than the recording.
        """
        if len(graph.drawn) != self.drawn:
            drawn = self.drawn, len(graph.drawn)
            return Difference(*(f"{n:,} number{'s' * (n != 1)} drawn by nn.uniform" for n in drawn))
        trace = self._trace(graph, made)
        if trace in self.alike:
            return None
        found = difference(self.program, _lowered(graph), names())
        if found is None:
            self.alike.append(trace)
        return found

    def _trace(self, graph: Graph, made: Sequence[Value]) -> tuple[Any, ...]:
        """Return the recorded operations in a form that `==` compares, which is far less work than lowering them."""
        places: dict[int, Any] = self.places.copy()
        for leaf in (*tree_leaves(graph.all_inputs()[1:]), *graph.held):
            places[id(leaf)] = len(places)
        steps, place = [], places.get
        for v in made:
            operands = list(map(place, map(id, v.args)))  # of constants, None
            if None in operands:
                operands = [self._constant(graph, x) if i is None else i for i, x in zip(operands, v.args)]
            places[id(v)] = len(places)
            steps.append((v.op, operands))
        return steps, [self._constant(graph, v) if place(id(v)) is None else place(id(v)) for v in graph.outputs]

    def _constant(self, graph: Graph, x: Value | float) -> bytes:
        if isinstance(x, float):
            return bits_of(x)
        if x.op is not None:
            check_fresh(graph.outputs, graph.begin, self.parameters)
        return bits_of(x.data)


def _lowered(graph: Graph) -> Program:
    return lower(graph.outputs, [*tree_leaves(graph.all_inputs()), *graph.held])


def refuse(found: Difference, one: str, other: str, cause: str) -> NoReturn:
    """Raise the error for two graphs that differ.

    Arguments:
        found: where they do.
        one, other: what they were recorded for.
        cause: the likely reason, a sentence without its full stop.
    """
    width = max(len(one), len(other)) + 1
    raise RecordingError(
        f"{GRAPH_DOES_NOT_HOLD}:\n    {one + ':':{width}} {found.here}\n    {other + ':':{width}} {found.there}\n"
        f"{cause}. {_WHAT_TO_DO}"
    )


def refuse_number(what: str, compiled: float, called: float) -> NoReturn:
    """Raise the error for a number that compiled code computes otherwise than the model that is called."""
    raise RecordingError(
        f"{GRAPH_DOES_NOT_HOLD}: {what} is {compiled!r} in compiled code, but {called!r} when the model is called. It "
        "uses numbers that change, results that are out of date, or an operation whose rule reads more than its "
        f"operands. {_WHAT_TO_DO}"
    )


def check_repeatable(
    graph: Graph, record: Callable[[], Graph], made: Sequence[Value], names: Callable[[], Sequence[str]], name: str
) -> None:
    """Raise an error if recording the same again, some times, gives another graph.

    Arguments:
        graph: what was recorded.
        record: records it again.
        made, names: as for `Reference.difference`.
        name: what it was recorded for.
    """
    this = Reference(graph)
    for _ in range(_REPEATS):
        again = this.difference(record(), made, names)
        if again is not None:
            refuse(again, name, f"{name}, once more", RANDOM)


def agree(number: float, shares: Sequence[float], largest: float = 0.0) -> bool:
    """Return True if a number is the sum of these shares, up to the rounding errors by which backends may differ.

    Arguments:
        number: what a compiled function has computed.
        shares: the numbers that add up to it.
        largest: the largest of the numbers that they were computed from, for sums that are close to 0 beside these.

    >>> agree(0.3, [0.1, 0.2]), agree(0.3, [0.1, 0.25]), agree(1e-18, [2e-18]), agree(1e-18, [2e-18], 1.0)
    (True, False, False, True)
    >>> agree(math.inf, [math.nan, 1.0]), agree(math.nan, [1.0])
    (True, False)
    """
    if not all(map(math.isfinite, shares)):
        return not math.isfinite(number)
    scale = sum(map(abs, shares))
    if scale > _OVERFLOWING:
        return True
    return abs(number - math.fsum(shares)) <= _ROUNDING * max(scale, largest) + _UNDERFLOW


def largest_in(outputs: Iterable[Value]) -> float:
    """Return the largest finite number from which outputs were computed, for `agree`."""
    return max((abs(v.data) for output in outputs for v in graph_of(output) if math.isfinite(v.data)), default=0.0)


def leaf_names(name: str, tree: Any) -> list[str]:
    """Name the leaves of a tree.

    >>> leaf_names("x", 1.0), leaf_names("x", [1.0, [2.0]])
    (['x'], ['x[0]', 'x[1][0]'])
    """
    if not isinstance(tree, list):
        return [name]
    return [leaf for i, branch in enumerate(tree) for leaf in leaf_names(f"{name}[{i}]", branch)]
