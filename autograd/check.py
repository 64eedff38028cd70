"""The gradient check: gradients by the rules beside those by nudging, which knows no rules."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from autograd.engine import Value, flatten, grad, graph_of, local_gradients, replay
from autograd.errors import GradientMismatch
from autograd.floats import number

_EPSILON = sys.float_info.epsilon
_RTOL = 1e-6


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


class CheckedGradient(NamedTuple):
    """One line of `check_gradients`: an input, its gradient by the rules and by nudging, and what came of it.

    `verdict` is "ok", "wrong", or "kink": the function, or a stage of it, has a corner, a jump, a vertical tangent or
    the edge of its domain here, so nudging says nothing about the rules.
    """

    name: str
    value: float
    analytic: float
    numeric: float
    verdict: str


class CheckedGradients(Sequence[CheckedGradient]):
    """The table that `check_gradients` returns: a sequence of lines, printed as a table."""

    def __init__(self, lines: Sequence[CheckedGradient]) -> None:
        self._lines = tuple(lines)

    def __getitem__(self, i: Any) -> Any:
        return self._lines[i]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[CheckedGradient]:
        return iter(self._lines)

    def __repr__(self) -> str:
        width = max([5, *(len(line.name) for line in self)])
        rows = [f"{'input':{width}}  {'value':>12}  {'analytic':>18}  {'numeric':>18}  verdict"]
        rows += [
            f"{line.name:{width}}  {line.value:12.6g}  {line.analytic:18.11g}  {line.numeric:18.9g}  {line.verdict}"
            for line in self
        ]
        return "\n".join(rows)


def check_gradients(output: Value, inputs: Any = None) -> CheckedGradients:
    """Compare the gradients of `output` by the rules with those by nudging.

    Central differences with a nudge of ε^⅓ · max(1, |x|), where truncation and rounding balance; relative tolerance
    1e-6, widened by what the numeric gradient itself is unsure of. Where they disagree, smaller nudges are tried before
    the rules are blamed, for functions that bend sharply.

    Arguments:
        output: the result whose gradients are checked. Nothing in its graph changes.
        inputs: a Value or nested lists of them, leaves or intermediate; all leaves of the graph by default.

    Returns a sequence of lines (name, value, analytic, numeric, verdict), whose `repr` is a table.

    Raises:
        GradientMismatch: they differ; the message is the table.
        ValueError: a number in the graph was changed without `forward()`, so that it does not fit together.
        TypeError: `output` or an input is no Value.

    >>> x, y = Value(3.0, "x"), Value(-2.0, "y")
    >>> check_gradients(x * y + x.exp())
    input         value            analytic             numeric  verdict
    x                 3        18.085536923          18.0855369  ok
    y                -2                   3                   3  ok
    """
    nodes = graph_of(output)
    leaves = [v for v in nodes if v.op is None]
    now = replay(nodes, {v: v.data for v in leaves})[output]
    if now != output.data and not math.isnan(now):
        raise ValueError(f"the output is {output.data}, but its leaves give {now}: call output.forward() first")
    wanted = leaves if inputs is None else flatten(inputs)
    lines = []
    for i, (x, gradient) in enumerate(zip(wanted, grad(output, wanted), strict=True)):
        numeric, verdict = _judge(as_function(output, x, nodes), x.data, output.data, gradient.data)
        if verdict == "wrong" and math.isnan(gradient.data) and _has_a_singularity(nodes):
            verdict = "kink"  # the chain rule came to 0 * inf
        lines.append(CheckedGradient(x.label or f"input {i}", x.data, gradient.data, numeric, verdict))
    table = CheckedGradients(lines)
    wrong = sum(line.verdict == "wrong" for line in table)
    if wrong:
        raise GradientMismatch(f"{wrong} of {len(table)} gradients disagree with their numeric check\n{table!r}")
    return table


def _has_a_singularity(nodes: Sequence[Value]) -> bool:
    """Whether a local gradient on the way does not exist or is infinite, as at sqrt(0) or asin(1)."""
    return any(
        isinstance(x, Value) and not math.isfinite(local) for v in nodes for x, local in zip(v.args, local_gradients(v))
    )


def _judge(f: Callable[[float], float], x: float, here: float, analytic: float) -> tuple[float, str]:
    """The numeric gradient of f at x, where f(x) is `here`, and whether the analytic one agrees with it."""

    def slopes(h: float) -> tuple[float, float, float]:
        below, above = f(x - h), f(x + h)
        return (here - below) / h, (above - below) / (2 * h), (above - here) / h

    widest = _EPSILON ** (1 / 3) * max(1.0, abs(x))
    reported = math.nan
    vertical = edge = False
    for h in (widest, widest / 8, widest / 64, widest / 512, widest / 4096):
        left, numeric, right = slopes(h)
        near_left, near, near_right = slopes(h / 2)
        reported = numeric if h == widest else reported
        rounding = 4 * _EPSILON * abs(here) / h
        scale = max(abs(numeric), abs(analytic))
        if h < widest and rounding > _RTOL * scale:
            break  # smaller nudges drown in rounding
        # A corner or a jump: the slopes on both sides differ, as much for half the nudge, and the analytic one is
        # between. On a smooth function their difference is h f'', half of it for half the nudge.
        gap, near_gap = abs(right - left), abs(near_right - near_left)
        between = math.isnan(analytic) or min(left, right) - rounding <= analytic <= max(left, right) + rounding
        if between and near_gap > 0.75 * gap and gap > 4 * rounding + 1e-4 * max(abs(left), abs(right)):
            return reported, "kink"
        # The truncation error goes with h², so it is 4/3 of the difference to half the nudge.
        if math.isfinite(scale) and abs(numeric - analytic) <= _RTOL * scale + 1.5 * abs(numeric - near) + rounding:
            return numeric, "ok"
        edge = not math.isfinite(numeric)  # a neighbour is outside the domain, or infinite
        vertical = math.isinf(analytic) and abs(near) > 1.1 * abs(numeric)  # grows as the nudge shrinks
    return reported, "kink" if edge or vertical else "wrong"
