"""Pickle for Values: flat, so that no depth of graph exhausts the stack.

`pickle` looks in `copyreg` before it asks an object's class, so the engine need not know about this module.
"""

from __future__ import annotations

import copyreg
import threading
import weakref
from collections.abc import Iterable
from typing import Any, cast

from autograd.engine import Value, each_operand, graph_of, new_node


def _reduce(v: Value) -> tuple[Any, ...]:
    if v.op is None:
        return _leaf, (v.data, v.grad, v.label)
    graph = _PickledGraph.holding(v)
    return _PickledGraph.node, (graph, graph.place[v])


def _leaf(data: float, grad: float, label: str | None) -> Value:
    v = Value(data, label)
    v.grad = grad
    return v


class _PickledGraph:
    """A graph as pickle sees it: flat, so that no depth of graph exhausts the stack.

    A node pickles as "number i of that graph". While a pickler remembers a graph, further nodes of it that go into the
    same pickle refer to it, so Values that share a subgraph still share it when they come back.
    """

    alive = threading.local()

    def __init__(self, heads: Iterable[Value], made: Iterable[Value]) -> None:
        self.heads = list(heads)  # what pickles by itself: leaves, and nodes of graphs pickled before
        self.made = list(made)
        self.place = {v: i for i, v in enumerate(self.made)}

    @classmethod
    def holding(cls, v: Value) -> _PickledGraph:
        """The graph that holds `v` in the pickle being written, else a new one."""
        graphs = cls.alive.__dict__.setdefault("graphs", weakref.WeakSet())
        for graph in graphs:
            if v in graph.place:
                return cast(_PickledGraph, graph)
        known = set().union(*(graph.place for graph in graphs))
        nodes = graph_of(v)
        graph = cls(
            (u for u in nodes if u.op is None or u in known),
            (u for u in nodes if u.op is not None and u not in known),
        )
        graphs.add(graph)
        return graph

    def node(self, i: int) -> Value:
        return self.made[i]

    def __reduce__(self) -> tuple[Any, ...]:
        place = {v: i for i, v in enumerate(self.heads + self.made)}

        def flat(x: Any) -> Any:  # a node as its number, a constant as itself
            return place[x] if type(x) is Value else x

        rows = [(v.op, v.data, v.grad, v.label, each_operand(flat, v._x), each_operand(flat, v._y)) for v in self.made]
        return _unpickled, (self.heads, rows)


def _unpickled(heads: list[Value], rows: list[tuple[Any, ...]]) -> _PickledGraph:
    nodes = list(heads)

    def node(x: Any) -> Any:
        return nodes[x] if type(x) is int else x

    for op, data, gradient, label, x, y in rows:
        v = new_node(op, data, each_operand(node, x), each_operand(node, y))
        v.grad = gradient
        v.label = label
        nodes.append(v)
    return _PickledGraph(heads, nodes[len(heads) :])


copyreg.pickle(Value, _reduce)
