"""Pickle and deep-copy graphs without recursion, however deep they are.

`pickle` and `copy.deepcopy` look up in `copyreg` how to reduce a Value, so the engine does not know this module.

A node reduces to its parts: its operation, its numbers, its label and its operands. `pickle` saves the operands before
the node, each by the same reduction, so a chain of a thousand nodes would exhaust the stack. A node whose operands are
not in the pickle yet therefore reduces to a list of all nodes that are missing, operands first, itself last. While it
saves that list, `pickle` reaches every node after its operands, and stays at the same depth.

A reduction does not know which pickle it is for, so the list of missing nodes is a guess: a `_Pickle` remembers what
the thread's latest pickle was given. The result is right whatever the guess, because `pickle` itself decides what to
save and what to refer to. A node listed needlessly costs a reference; a node that should have been listed is saved as
an operand, and its reduction, which the guess took for done, shows that the guess was wrong and starts another.
"""

from __future__ import annotations

import copyreg
import threading
import weakref
from collections.abc import Callable
from typing import Any

from autograd.engine import Value, commit_data, graph_of, new_node, numbers_of
from autograd.ops import Op
from autograd.staleness import changed_operands

_MOST_GUESSES = 4  # for each thread; if more picklers take turns, their pickles have more references


def _reduce(v: Value) -> tuple[Any, ...]:
    op = v.op
    if op is None:
        return _node, (None, v.data, v.grad, v.label)
    pickle = _guesses.latest()
    if pickle is not None and pickle.can_reach(v):
        return _maker(v), (op, v.data, v.grad, v.label, *v.args)
    return _output, (_GraphPickle(v),)


def _maker(v: Value) -> Callable[..., Value]:
    """Return the function that makes a copy of this result from its parts."""
    return _older_node if changed_operands(v) else _node


def _node(op: Op | None, data: float, gradient: float, label: str | None, *args: Value | float) -> Value:
    if op is None:
        v = Value(data)
    elif op.arity not in {None, len(args)}:
        operands = f"{len(args)} operand{'s' * (len(args) != 1)}"
        raise TypeError(f"a result of {op.name} with {operands} is to be loaded, but {op.name} takes {op.arity} here")
    else:
        v = new_node(op, data, args) if op.variadic or len(args) > 2 else new_node(op, data, *args)
    v.grad, v.label = gradient, label
    return v


def _older_node(op: Op, data: float, gradient: float, label: str | None, *args: Value | float) -> Value:
    """Return a node that counts as older than the latest change of its operands."""
    v = _node(op, data, gradient, label, *args)
    leaves = [x for x in args if type(x) is Value and x.op is None]
    commit_data(leaves, numbers_of(leaves))
    return v


def _output(graph: _GraphPickle | list[Value]) -> Value:
    if isinstance(graph, list):
        return graph[-1]
    v = graph.output  # copy.copy passes on the same objects: the copy shares the operands
    return _maker(v)(v.op, v.data, v.grad, v.label, *v.args)


class _GraphPickle:
    """A result, with all nodes that a copy needs first: pickled or deep-copied, it is a list of nodes.

    A pickler keeps what it has pickled alive, and so the `_Pickle` in it.
    """

    def __init__(self, output: Value) -> None:
        self.output = output

    def __reduce__(self) -> tuple[Any, ...]:
        self.pickle = _guesses.pickle_without(self.output)
        return list, (self.pickle.missing(self.output),)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Value]:
        """Copy what is not in `memo`, where deepcopy keeps the copy of each object by its id."""
        for v in graph_of(self.output, known=lambda v: id(v) in memo):
            args = [memo[id(x)] if isinstance(x, Value) else x for x in v.args]
            memo[id(v)] = _maker(v)(v.op, v.data, v.grad, v.label, *args)
        return [memo[id(self.output)]]


class _Pickle:
    """The nodes that a pickle holds, guessed from the reductions that it has requested."""

    def __init__(self) -> None:
        self.place: dict[int, int] = {}  # of each node, in the order of writing; by its id, so that none is kept alive
        self.reached = 0

    def __contains__(self, v: Value) -> bool:
        return id(v) in self.place

    def can_reach(self, v: Value) -> bool:
        """Return True if the pickle can reach `v` now: all its operands precede it, and no later node was reached."""
        place = self.place.get(id(v), len(self.place))
        for x in v.args:
            if isinstance(x, Value) and x.op is not None and self.place.get(id(x), place) >= place:
                return False
        if place < self.reached:
            return False
        self.place[id(v)] = self.reached = place
        return True

    def missing(self, output: Value) -> list[Value]:
        """Return the nodes to write next, up to `output`, in the order of their creation."""
        nodes = graph_of(output, known=self.__contains__)
        self.place.update((id(v), i) for i, v in enumerate(nodes, len(self.place)))
        return nodes


class _Guesses(threading.local):
    """The pickles that a thread has written and that still exist, the latest last."""

    def __init__(self) -> None:
        self.pickles: list[weakref.ref[_Pickle]] = []

    def latest(self) -> _Pickle | None:
        while self.pickles:
            pickle = self.pickles[-1]()
            if pickle is not None:
                return pickle
            self.pickles.pop()
        return None

    def pickle_without(self, v: Value) -> _Pickle:
        """Return the latest pickle; a new one if that has `v` already, because then another pickler is asking."""
        pickle = self.latest()
        if pickle is None or v in pickle:
            pickle = _Pickle()
            self.pickles.append(weakref.ref(pickle))
            if len(self.pickles) > _MOST_GUESSES:
                forgotten = self.pickles.pop(0)()
                if forgotten is not None:
                    forgotten.place.clear()
        return pickle


_guesses = _Guesses()
copyreg.pickle(Value, _reduce)
