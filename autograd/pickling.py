"""Copies of graphs, by `pickle` and `copy.deepcopy`: flat, so that no depth of graph exhausts the stack.

Both look in `copyreg` for what to do with a Value, so the engine need not know about this module.
"""

from __future__ import annotations

import copy
import copyreg
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from autograd.engine import Value, graph_of, new_node


def _reduce(v: Value) -> tuple[Any, ...]:
    if v.op is None:
        return _leaf, (v.data, v.grad, v.label)
    graph = _FlatGraph.holding(v)
    return _FlatGraph.node, (graph, graph.place[v])


def _leaf(data: float, grad: float, label: str | None) -> Value:
    v = Value(data, label)
    v.grad = grad
    return v


_alive: dict[int, weakref.ref[_FlatGraph]] = {}  # by the id of a node, as long as the graph holds it


def _graph_alive(v: Value) -> _FlatGraph | None:
    found = _alive.get(id(v))
    return found() if found else None


class _FlatGraph:
    """A graph as pickle and deepcopy see it; a node is "number i of that graph".

    While they remember a graph, further nodes of it that are copied along refer to it, so Values that share a subgraph
    still share it afterwards.
    """

    def __init__(self, heads: Iterable[Value], made: Iterable[Value]) -> None:
        self.heads = list(heads)  # what pickles by itself: leaves, and nodes of graphs pickled before
        self.made = list(made)
        self.place = {v: i for i, v in enumerate(self.made)}
        _alive.update(dict.fromkeys(map(id, self.made), weakref.ref(self)))

    def __del__(self) -> None:  # the pickler is done: forget the nodes while they still exist
        for v in self.made:
            _alive.pop(id(v), None)

    @classmethod
    def holding(cls, v: Value) -> _FlatGraph:
        """The graph that holds `v` in the pickle being written, else a new one."""

        def known(u: Value) -> bool:
            return _graph_alive(u) is not None

        graph = _graph_alive(v)
        if graph is None:
            made = [u for u in graph_of(v, known=known) if u.op is not None]
            operands = dict.fromkeys(x for u in made for x in u.args if isinstance(x, Value))
            graph = cls((x for x in operands if x.op is None or known(x)), made)
        return graph

    def node(self, i: int) -> Value:
        return self.made[i]

    def rows(self) -> list[tuple[Any, ...]]:
        """What each result is made of, with its operands as numbers of nodes (`int`) and constants (`float`)."""
        place = {v: i for i, v in enumerate(self.heads + self.made)}

        def flat(x: Any) -> Any:
            return place[x] if type(x) is Value else x

        return [(v.op, v.data, v.grad, v.label, _each(flat, v._x), _each(flat, v._y)) for v in self.made]

    def __reduce__(self) -> tuple[Any, ...]:
        return _built, (self.heads, self.rows())

    def __deepcopy__(self, memo: dict[int, Any]) -> _FlatGraph:
        return _built([copy.deepcopy(v, memo) for v in self.heads], self.rows())


def _built(heads: list[Value], rows: list[tuple[Any, ...]]) -> _FlatGraph:
    nodes = list(heads)

    def node(x: Any) -> Any:
        return nodes[x] if type(x) is int else x

    for op, data, gradient, label, x, y in rows:
        v = new_node(op, data, _each(node, x), _each(node, y))
        v.grad, v.label = gradient, label
        nodes.append(v)
    return _FlatGraph(heads, nodes[len(heads) :])


def _each(f: Callable[[Any], Any], x: Any) -> Any:
    """`f` of what stands in an operand slot: of the one operand, or of each in a tuple."""
    return tuple(map(f, x)) if type(x) is tuple else f(x)


copyreg.pickle(Value, _reduce)
