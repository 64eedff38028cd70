"""Numeric gradients, by perturbing one number and replaying the graph, and the check of the rules against them.

A numeric gradient knows nothing of derivative rules, so its agreement with `backward()` is evidence, not repetition.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from autograd.engine import Value, flatten, grad, graph_of, local_gradients, replay
from autograd.errors import GradientMismatch
from autograd.floats import number
from autograd.text import decimals, significant, table, visible

_EPSILON = sys.float_info.epsilon
_RTOL = 1e-6


def faux_gradient(output: Value, wrt: Value, tiny: float = 1e-4, method: str = "forward") -> float:
    """Return the numeric gradient of `output` with respect to `wrt`: perturb it, and see how far the output moves.

        faux gradient of f at x = (f(x + tiny) - f(x)) / tiny

    The term is that of the article "Gradients for a single neuron"; the field says finite difference. The graph is
    replayed on copies of its numbers: no `.data` changes. A `stop_gradient` holds its number still.

    Arguments:
        output: a Value.
        wrt: the Value to perturb, a leaf or an intermediate one; what `wrt` itself is computed from does not change.
        tiny: the size of the perturbation.
        method: `"forward"`, the formula above, as in the article; or `"central"`,
            (f(x + tiny) - f(x - tiny)) / (2 tiny), whose error shrinks with the square of tiny.

    Returns 0.0 if `output` does not depend on `wrt`.

    Raises:
        TypeError: `output` or `wrt` is not a Value, or `tiny` not a number.
        ValueError: `tiny` is zero or not finite, or the method is unknown.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> round(faux_gradient(y, x), 6), round(faux_gradient(y, x, method="central"), 6)
    (6.0001, 6.0)
    """
    if type(wrt) is not Value:
        raise TypeError(f"wrt is the Value to perturb, got {type(wrt).__name__}")
    tiny = number(tiny)
    if not 0 < abs(tiny) < math.inf:
        raise ValueError(f"tiny is the size of the perturbation: a small number, not {tiny}")
    f, x = as_function(output, wrt), wrt.data
    if method == "forward":
        return (f(x + tiny) - f(x)) / tiny
    if method == "central":
        return (f(x + tiny) - f(x - tiny)) / (2 * tiny)
    raise ValueError(f"method is 'forward' or 'central', got {method!r}")


def moving(nodes: Iterable[Value]) -> list[Value]:
    """Return the nodes whose numbers a perturbation may change: all but those that stop gradients."""
    return [v for v in nodes if v.op is None or not v.op.stops]


def as_function(output: Value, wrt: Value, nodes: Sequence[Value] | None = None) -> Callable[[float], float]:
    """Return `output` as a function of the number of `wrt`, for finite differences.

    Arguments:
        output: a Value.
        wrt: the Value that becomes the argument, a leaf or an intermediate one. A `stop_gradient` of what depends on
            it keeps its number, as it does for derivatives.
        nodes: `graph_of(output)`, if the caller has it already.

    >>> x = Value(3.0)
    >>> as_function(x * x + x, x)(10.0)
    110.0
    """
    nodes = moving(graph_of(output) if nodes is None else nodes)

    def f(x: float) -> float:
        return replay(nodes, {wrt: x}).get(output, output.data)

    return f


class CheckedGradient(NamedTuple):
    """One line of `check_gradients`: an input, its analytic and its numeric gradient, and the verdict.

    `verdict` is "ok", "wrong", or "kink": the function, or an operation in it, has a corner, a jump, a vertical tangent
    or the edge of its domain here, so a numeric gradient says nothing about the rules.
    """

    name: str
    value: float
    analytic: float
    numeric: float
    verdict: str


class CheckedGradients(tuple[CheckedGradient, ...]):
    """The table that `check_gradients` returns: a sequence of lines, printed as a table."""

    def __repr__(self) -> str:
        rows = [["input", "value", "analytic", "numeric", "verdict"]]
        for name, value, analytic, numeric, verdict in self:
            gradients = [significant(analytic, 11), significant(numeric, 9)]
            rows.append([visible(name), decimals(value, 6), *gradients, verdict])
        return "\n".join(table(rows, flush_right={1, 2, 3}))


def check_gradients(output: Value, inputs: Any = None) -> CheckedGradients:
    """Compare the gradients of `output` by the rules with numeric ones.

    These are central differences with a perturbation of ε^⅓ · max(1, |x|), where truncation and rounding balance. The
    relative tolerance is 1e-6, plus the uncertainty of the numeric gradient itself. If the two disagree, smaller
    perturbations are tried before the verdict is "wrong", because the function may bend sharply.

    Arguments:
        output: the result whose gradients are checked. Nothing in its graph changes.
        inputs: a Value or a tree of them (nested lists), leaves or intermediate; by default, all leaves of the graph.

    Returns a sequence of lines (name, value, analytic, numeric, verdict), whose `repr` is a table.

    Raises:
        GradientMismatch: a gradient is wrong; the message is the table.
        ValueError: a number in the graph was changed without `forward()`, so that results do not match their operands.
        TypeError: `output` or an input is not a Value.

    >>> x, y = Value(3.0, "x"), Value(-2.0, "y")
    >>> check_gradients(x * y + x.exp())
    input  value      analytic     numeric  verdict
    x          3  18.085536923  18.0855369  ok
    y         -2             3           3  ok
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
            verdict = "kink"  # the chain rule gave 0 * inf
        lines.append(CheckedGradient(x.label or f"input {i}", x.data, gradient.data, numeric, verdict))
    checked = CheckedGradients(lines)
    wrong = sum(line.verdict == "wrong" for line in checked)
    if wrong:
        raise GradientMismatch(f"{wrong} of {len(checked)} gradients disagree with their numeric check\n{checked!r}")
    return checked


def _has_a_singularity(nodes: Sequence[Value]) -> bool:
    """Return True if a local gradient in the graph does not exist or is infinite, as at sqrt(0) or asin(1)."""
    return any(
        isinstance(x, Value) and local is not None and not math.isfinite(local)
        for v in nodes
        for x, local in zip(v.args, local_gradients(v))
    )


def _judge(f: Callable[[float], float], x: float, here: float, analytic: float) -> tuple[float, str]:
    """Return the numeric gradient of f at x, where f(x) is `here`, and the verdict on the analytic one."""

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
            break  # smaller perturbations drown in rounding
        # A corner or a jump: the slopes on both sides differ, by as much for half of h, and the analytic one lies
        # between them. On a smooth function they differ by h f'', which halves with h.
        gap, near_gap = abs(right - left), abs(near_right - near_left)
        between = math.isnan(analytic) or min(left, right) - rounding <= analytic <= max(left, right) + rounding
        if between and near_gap > 0.75 * gap and gap > 4 * rounding + 1e-4 * max(abs(left), abs(right)):
            return reported, "kink"
        # The truncation error goes with h², so it is 4/3 of the difference to the gradient for half of h.
        if math.isfinite(scale) and abs(numeric - analytic) <= _RTOL * scale + 1.5 * abs(numeric - near) + rounding:
            return numeric, "ok"
        edge = not math.isfinite(numeric)  # a neighbour is outside the domain, or infinite
        vertical = math.isinf(analytic) and abs(near) > 1.1 * abs(numeric)  # grows as h shrinks
    return reported, "kink" if edge or vertical else "wrong"
