"""Pickle and deep-copy graphs as flat lists, so that no depth of graph exhausts the stack.

`pickle` and `copy.deepcopy` look up in `copyreg` how to reduce a Value, so the engine does not know this module.
"""

from __future__ import annotations

import copy
import copyreg
import weakref
from collections.abc import Iterable
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


_alive: dict[int, weakref.ref[_FlatGraph]] = {}  # by the id of a node, while the graph keeps the node alive


def _graph_alive(v: Value) -> _FlatGraph | None:
    found = _alive.get(id(v))
    return found() if found else None


class _FlatGraph:
    """A graph as pickle and deepcopy see it: a node reduces to "number i of that graph".

    Both remember the graph while they work, so other nodes of it that they meet reduce to the same graph: Values that
    share a subgraph still share it afterwards.
    """

    def __init__(self, heads: Iterable[Value], made: Iterable[Value]) -> None:
        self.heads = list(heads)  # these reduce on their own: leaves, and nodes of graphs met before
        self.made = list(made)
        self.place = {v: i for i, v in enumerate(self.made)}
        _alive.update(dict.fromkeys(map(id, self.made), weakref.ref(self)))

    def __del__(self) -> None:  # the pickler is done: forget the ids while the nodes still exist
        for v in self.made:
            _alive.pop(id(v), None)

    @classmethod
    def holding(cls, v: Value) -> _FlatGraph:
        """Return the graph that holds `v` in the pickle being written, or else a new one."""

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
        """Return a row for each result; its operands are numbers of nodes (`int`) and constants (`float`)."""
        place = {v: i for i, v in enumerate(self.heads + self.made)}
        return [
            (v.op, v.data, v.grad, v.label, tuple([place[x] if isinstance(x, Value) else x for x in v.args]))
            for v in self.made
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return _built, (self.heads, self.rows())

    def __deepcopy__(self, memo: dict[int, Any]) -> _FlatGraph:
        return _built([copy.deepcopy(v, memo) for v in self.heads], self.rows())


def _built(heads: list[Value], rows: list[tuple[Any, ...]]) -> _FlatGraph:
    nodes = list(heads)
    for op, data, gradient, label, operands in rows:
        args = tuple([nodes[x] if type(x) is int else x for x in operands])
        v = new_node(op, data, args) if op.variadic or len(args) > 2 else new_node(op, data, *args)
        v.grad, v.label = gradient, label
        nodes.append(v)
    return _FlatGraph(heads, nodes[len(heads) :])


copyreg.pickle(Value, _reduce)
