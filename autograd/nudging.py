"""Nudging: change a number a little, see how far the result moves. Every view that shows faux gradients calls this.

    faux gradient of f at x = (f(x + tiny) - f(x)) / tiny

The word is that of the article "Gradients for a single neuron"; the field says "finite difference". It knows nothing of
derivative rules, so agreement with `backward()` is evidence, not repetition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from autograd.engine import Value, graph_of, replay
from autograd.floats import number


def faux_gradient(output: Value, wrt: Value, tiny: float = 1e-4, method: str = "forward") -> float:
    """Return how far `output` moves when `wrt` is nudged, divided by the nudge.

    The graph is replayed aside: no `.data` changes.

    Arguments:
        output: the result to watch.
        wrt: what to nudge, a leaf or an intermediate value; what is computed *before* it stays as it is.
        tiny: the size of the nudge.
        method: `"forward"`: (f(x + tiny) - f(x)) / tiny, as in the article; or `"central"`:
            (f(x + tiny) - f(x - tiny)) / (2 tiny), whose error shrinks with the square of tiny.

    Returns 0.0 where `output` does not depend on `wrt`.

    Raises:
        TypeError: `output` or `wrt` is no Value, `tiny` no number.
        ValueError: `tiny` is zero or not finite, or an unknown method.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> round(faux_gradient(y, x), 6), round(faux_gradient(y, x, method="central"), 6)
    (6.0001, 6.0)
    """
    if type(wrt) is not Value:
        raise TypeError(f"wrt is the Value to nudge, got {type(wrt).__name__}")
    tiny = number(tiny)
    if not 0 < abs(tiny) < math.inf:
        raise ValueError(f"tiny is the size of the nudge: a small number, not {tiny}")
    f, x = as_function(output, wrt), wrt.data
    if method == "forward":
        return (f(x + tiny) - f(x)) / tiny
    if method == "central":
        return (f(x + tiny) - f(x - tiny)) / (2 * tiny)
    raise ValueError(f"method is 'forward' or 'central', got {method!r}")


def as_function(output: Value, wrt: Value, nodes: Sequence[Value] | None = None) -> Callable[[float], float]:
    """`output` as a function of the number of `wrt`; `nodes` is the graph, where it is at hand."""
    nodes = graph_of(output) if nodes is None else nodes

    def f(x: float) -> float:
        return replay(nodes, {wrt: x}).get(output, output.data)

    return f
