"""Check what users pass: leaves, and graphs whose numbers fit together."""

from collections.abc import Sequence
from typing import Any

from autograd.engine import Value, replay


def check_leaves(values: Sequence[Any], name: str, advice: str) -> None:
    """Raise an error unless all values are leaves, and different ones.

    Arguments:
        values: the values to check.
        name: their name in errors, a plural.
        advice: what to pass instead of something that is not a Value.

    Raises:
        TypeError: one of them is not a Value.
        ValueError: one is the result of an operation, or occurs twice.

    >>> check_leaves([Value(1.0), Value(3.0) * 2], "parameters", "pass model.parameters()")
    Traceback (most recent call last):
        ...
    ValueError: parameters are leaves, but Value(data=6.0, grad=0.0) was made by mul
    """
    for x in values:
        if type(x) is not Value:
            raise TypeError(f"expected a Value, got {type(x).__name__} {x!r} among the {name}: {advice}")
        if x.op is not None:
            raise ValueError(f"{name} are leaves, but {x} was made by {x.op.name}")
    if len(set(values)) != len(values):
        twice = next(x for x in values if values.count(x) > 1)
        raise ValueError(f"{twice} occurs twice among the {name}: name each leaf once")


def check_current(nodes: Sequence[Value]) -> None:
    """Raise an error unless each result has the number that its operands give.

    Arguments:
        nodes: a graph, as `graph_of(output)` returns it.

    Raises:
        ValueError: a number in the graph was changed without `forward()`.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> x.data = 5.0
    >>> check_current([x, y])
    Traceback (most recent call last):
        ...
    ValueError: the graph is out of date: Value(data=9.0, grad=0.0) was made by mul, which gives 25.0 now. Call \
forward() on the output first
    """
    now = replay(nodes, {v: v.data for v in nodes if v.op is None})
    for v in nodes:
        if v.op is not None and repr(now[v]) != repr(v.data):  # as text, in which nan is nan
            raise ValueError(
                f"the graph is out of date: {v} was made by {v.op.name}, which gives {now[v]} now. "
                "Call forward() on the output first"
            )
