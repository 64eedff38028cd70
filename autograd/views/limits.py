"""Limit what a view shows, and check the arguments that several views take.

The limits of one view alone are constants in its own files: for drawings, `draw/__init__.py` (the detail that "auto"
chooses), `draw/plan.py` (what shares a box) and `draw/dot.py` (numbers and tooltips); for spreadsheets, `sheet/`.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from autograd.engine import Value, graph_of
from autograd.floats import number
from autograd.trees import tree_leaves
from autograd.validation import check_leaves
from autograd.validation import size_of as positive_integer

VIEWS_IN_PYTHON = "Or use draw, explain or to_text, which call the function itself"
"""The alternative to a view that writes operations in another language than Python, for the end of its error."""

_EDGES_PER_NODE = 10  # with more of them a view is a smear, however few its nodes are


class Size(NamedTuple):
    """The size of a graph as a view shows it; `edges` is 0 where the nodes are too many already."""

    nodes: int
    edges: int

    def fits(self, max_nodes: int) -> bool:
        """Return True for a size that is still readable."""
        return self.nodes <= max_nodes and self.edges <= max_nodes * _EDGES_PER_NODE

    def __str__(self) -> str:
        return f"{self.nodes:,} nodes" + (f" and {self.edges:,} edges" if self.edges else "")


def graph_to_show(output: Any, call: str) -> list[Value]:
    """Return the graph of a view's argument; `call` is an example of a call, such as `"draw(loss)"`.

    Raises:
        TypeError: it is not a Value.
    """
    if type(output) is not Value:
        raise TypeError(
            f"{call.partition('(')[0]}() takes a Value, got {type(output).__name__}: pass a Value, as in {call}"
        )
    return graph_of(output)


def size_of(values: Sequence[Value], max_nodes: int, *, constants: bool) -> Size:
    """Return the size of a graph whose Values are shown one by one.

    Arguments:
        values: the graph, as `graph_of(output)` returns it.
        max_nodes: with more Values than that, neither constants nor edges are counted: there may be millions.
        constants: whether each use of a constant is a node too.
    """
    if len(values) > max_nodes:
        return Size(len(values), 0)
    counted = sum(not isinstance(x, Value) for v in values for x in v.args) if constants else 0
    return Size(len(values) + counted, sum(len(v.args) for v in values))


def too_large(what: str, purpose: str, max_nodes: int, advice: Iterable[str]) -> ValueError:
    """Return the error for a graph that is too large to be shown.

    >>> print(too_large(f"the graph has {Size(300, 0)}", "to explain", 200, ["explain a part"]))
    the graph has 300 nodes, too large to explain (max_nodes=200): explain a part; or pass a larger max_nodes
    """
    return ValueError(
        f"{what}, too large {purpose} (max_nodes={max_nodes:,}): {'; '.join(advice)}; or pass a larger max_nodes"
    )


def largest_size(max_nodes: Any) -> int:
    """Return the largest number of nodes that a view shows.

    Raises:
        TypeError: it is no integer.
        ValueError: it is not positive.
    """
    return positive_integer("max_nodes", max_nodes, "a view shows at least one node")


def check_size(
    values: Sequence[Value], max_nodes: int, purpose: str, advice: Iterable[str], *, constants: bool = False
) -> None:
    """Refuse a graph that is too large to be shown Value by Value; the arguments are those of the functions above."""
    size = size_of(values, largest_size(max_nodes), constants=constants)
    if not size.fits(max_nodes):
        raise too_large(f"the graph has {size}", purpose, max_nodes, advice)


def listed(values: Any) -> list[Any]:
    """Return what an argument lists: nested lists or tuples, another iterable, or one Value.

    >>> listed([1, (2, [3])]), listed({4: "four"}), listed(5)
    ([1, 2, 3], [4], [5])
    """
    is_other_iterable = hasattr(values, "__iter__") and not isinstance(values, (list, tuple, str))
    return tree_leaves(list(values) if is_other_iterable else values)


def leaves_to_train(train: Any, values: Iterable[Value]) -> list[Value]:
    """Return the leaves that a view is asked to train.

    Arguments:
        train: a leaf, nested lists or tuples of leaves, or an iterable of them.
        values: the graph that must contain them.

    Raises:
        TypeError: something in `train` is not a Value.
        ValueError: it is empty, or has something other than a leaf of the graph, or the same leaf twice.
    """
    leaves = listed(train)
    if not leaves:
        raise ValueError("train is empty: list the leaves to train, or omit the argument")
    check_leaves(leaves, "Values to train", "pass leaves of the graph")
    graph = set(values)
    for v in leaves:
        if v not in graph:
            raise ValueError(f"{v} cannot be trained: it is not in the graph of the output")
    return leaves


def positive(what: str, x: Any) -> float:
    """Return a number above 0 as a float.

    Raises:
        TypeError: it is not a real number.
        ValueError: it is not above 0, or not finite.
    """
    try:
        size = number(x)
    except TypeError as problem:
        raise TypeError(f"{what} is a number above 0: {problem}") from None
    if not 0 < size < math.inf:
        raise ValueError(f"{what} is a number above 0, got {size}")
    return size
