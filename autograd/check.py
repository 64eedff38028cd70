"""Compute numeric gradients, by perturbing a number and replaying the graph, and check the rules against them.

A numeric gradient knows nothing of derivative rules, so its agreement with `backward()` is evidence, not repetition.

`check_gradients` takes its differences region by region. If all paths from a Value to the output pass through another
one, the first of these is its exit (its immediate post-dominator, in the terms of compilers). Only the region between
the two is replayed; the derivative at the exit follows from the exit's region, and the chain rule multiplies the two.
So ten thousand parameters do not cost ten thousand replays of the graph.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, cast

from autograd.choices import Choice, choices_of, warn_of_changes
from autograd.engine import Value, flatten, grad, graph_of, replay, unobserved
from autograd.errors import GradientMismatch
from autograd.floats import number
from autograd.ops import TABLE, Op
from autograd.text import decimals, significant, table, visible
from autograd.validation import check_current

_EPSILON = sys.float_info.epsilon
_SMALLEST = sys.float_info.min  # below this, numbers have few digits
_RTOL = 1e-6
_CLOSE = 1e-3  # relative: farther apart, two compared numbers do not change places under a perturbation of 6e-6
_MOST_REPLAYED = 1_000_000  # results, to see whether perturbations change choices: half a second


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

    Warns:
        FrozenChoiceWarning: a comparison of Values that shaped the graph comes out differently now, or with the
            perturbation, so the graph is not the function that was written.

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
    if method not in ("forward", "central"):
        raise ValueError(f"method is 'forward' or 'central', got {method!r}")
    nodes, x = graph_of(output), wrt.data
    f, forward = _as_function(output, wrt, nodes), method == "forward"
    _warn_of_changes(choices_of(nodes), [wrt], lambda x: [x + tiny] if forward else [x - tiny, x + tiny])
    return _forward_difference(f, x, tiny) if forward else (f(x + tiny) - f(x - tiny)) / (2 * tiny)


def faux_gradients(output: Value, values: Iterable[Value], tiny: float = 1e-4) -> list[float]:
    """Return the `faux_gradient` of `output` with respect to each of the values, which belong to its graph.

    The graph is walked once for all of them, and for each only the results after it are replayed.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> faux_gradients(y, [x, y]) == [faux_gradient(y, x), faux_gradient(y, y)]
    True
    """
    nodes = graph_of(output)
    places = {v: i for i, v in enumerate(nodes)}
    return [_forward_difference(_as_function(output, v, nodes[places[v] :]), v.data, tiny) for v in values]


def _forward_difference(f: Callable[[float], float], x: float, tiny: float) -> float:
    return (f(x + tiny) - f(x)) / tiny


def moving(nodes: Iterable[Value]) -> list[Value]:
    """Return the nodes whose numbers a perturbation may change: all but those that stop gradients."""
    return [v for v in nodes if v.op is None or not v.op.stops]


def as_function(output: Value, wrt: Value) -> Callable[[float], float]:
    """Return `output` as a function of the number of `wrt`, for finite differences.

    Arguments:
        output: a Value.
        wrt: the Value that becomes the argument, a leaf or an intermediate one. A `stop_gradient` of what depends on
            it keeps its number, as it does for derivatives.

    >>> x = Value(3.0)
    >>> as_function(x * x + x, x)(10.0)
    110.0
    """
    return _as_function(output, wrt, graph_of(output))


def _as_function(output: Value, wrt: Value, nodes: Iterable[Value]) -> Callable[[float], float]:
    """Return `output` as a function of `wrt`; `nodes` holds all results on the way from the one to the other."""
    nodes = moving(nodes)

    def f(x: float) -> float:
        return replay(nodes, {wrt: x}).get(output, output.data)

    return f


def _warn_of_changes(
    choices: Sequence[Choice], inputs: Sequence[Value], perturbed: Callable[[float], Iterable[float]]
) -> None:
    """Warn if choices come out differently now, or with one of the inputs perturbed.

    Arguments:
        choices: those that may have shaped an output.
        inputs: the Values to perturb, one at a time.
        perturbed: returns the other numbers for that of an input.
    """
    if not choices or warn_of_changes(choices, [{}]):
        return
    nodes = graph_of(*(v for choice in choices for v in choice.values))
    part, inside = moving(nodes), set(nodes)
    moved = [x for x in inputs if x in inside][: 1 + _MOST_REPLAYED // len(nodes)]
    replays = (replay(part, {x: number}) for x in moved for number in perturbed(x.data))
    warn_of_changes(choices, replays, "with the perturbation")


def _warn_of_close_choices(nodes: Sequence[Value], inputs: Sequence[Value]) -> None:
    """Warn if a choice comes out differently now, or if it is close and the perturbation of an input changes it."""

    def is_close(choice: Choice) -> bool:
        left, right = choice.numbers({})
        changed = choice.kind(left, right) is not choice.taken.holds
        return changed or abs(left - right) <= _CLOSE * max(1.0, abs(left), abs(right))

    def perturbed(x: float) -> tuple[float, float]:
        h = _EPSILON ** (1 / 3) * max(1.0, abs(x))
        return x - h, x + h

    _warn_of_changes([*filter(is_close, choices_of(nodes))], inputs, perturbed)


class CheckedGradient(NamedTuple):
    """One line of `check_gradients`: an input, its analytic and its numeric gradient, and the verdict.

    `verdict` is "ok", "wrong", "kink" or "unsure". Kink: the function, or an operation in it, has a corner, a jump, a
    vertical tangent or the edge of its domain here, so a numeric gradient says nothing about the rules. Unsure:
    rounding drowns the differences, as in `(x + 1e16) - 1e16`.
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
            rows.append([visible(name), decimals(value), *gradients, verdict])
        return "\n".join(table(rows, flush_right={1, 2, 3}))


@unobserved
def check_gradients(output: Value, inputs: Any = None) -> CheckedGradients:
    """Compare the gradients of `output` by the rules with numeric ones.

    These are central differences with a perturbation of ε^⅓ · max(1, |x|), where truncation and rounding balance. The
    relative tolerance is 1e-6, plus the uncertainty of both: the truncation of the difference, the rounding of the
    numbers on the way divided by the perturbation, and the rounding of the terms that the chain rule adds. If the two
    disagree, smaller perturbations are tried before the verdict is "wrong", because the function may bend sharply.

    Arguments:
        output: the result whose gradients are checked. Nothing in its graph changes.
        inputs: a Value or a tree of them (nested lists), leaves or intermediate; by default, all leaves of the graph.

    Returns a sequence of lines (name, value, analytic, numeric, verdict), whose `repr` is a table.

    Warns:
        FrozenChoiceWarning: as `faux_gradient`. Inputs are perturbed for this where a comparison was close.

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
    check_current(nodes)
    wanted = [v for v in nodes if v.op is None] if inputs is None else flatten(inputs)
    _warn_of_close_choices(nodes, wanted)
    derivatives = _NumericDerivatives(nodes, output)
    lines = []
    for i, (x, gradient) in enumerate(zip(wanted, grad(output, wanted), strict=True), start=1):
        numeric, verdict = derivatives.judge(x, gradient.data)
        lines.append(CheckedGradient(x.label or f"input{i}", x.data, gradient.data, numeric, verdict))
    checked = CheckedGradients(lines)
    wrong = sum(line.verdict == "wrong" for line in checked)
    if wrong:
        raise GradientMismatch(f"{wrong} of {len(checked)} gradients disagree with their numeric check\n{checked!r}")
    return checked


class _NumericDerivative(NamedTuple):
    """A numeric derivative, how far it may be off, and the verdict on the rules between the two ends."""

    numeric: float
    uncertainty: float
    verdict: str


_SEVERITY = ["still", "ok", "unsure", "kink", "wrong"]  # still: it does not move, whatever comes after it
_TERMS_AT_ONCE = 32  # of a sum that is replayed at once: one term among ten thousand costs three such sums


class _NumericDerivatives:
    """The graph of an output, prepared for numeric derivatives of the output by any of its Values.

    Nodes are numbered in the order of creation; operands are numbers of nodes (`int`) and constants (`float`). Long
    sums are taken in parts. A node from which no perturbation reaches the output has no exit.
    """

    def __init__(self, nodes: Sequence[Value], output: Value) -> None:
        self.ops: list[Op | None] = []
        self.args: list[tuple[int | float, ...]] = []
        self.data: list[float] = []
        self.places: dict[Value, int] = {}
        for v in nodes:
            args = tuple(self.places[x] if isinstance(x, Value) else x for x in v.args)
            self.places[v] = self._add(v.op, args, v.data)
        self.last = self.places[output]
        self.users: list[list[int]] = [[] for _ in self.ops]  # those through which a perturbation reaches the output
        self.exits = [-1] * len(self.ops)
        for i in range(self.last, -1, -1):
            if i == self.last or self.users[i]:
                self.exits[i] = self._exit(i)
                op = self.ops[i]
                if op is not None and not op.stops:
                    for j in {x for x in self.args[i] if type(x) is int}:
                        self.users[j].append(i)
        self.found = {self.last: _NumericDerivative(1.0, 0.0, "ok")}

    def _add(self, op: Op | None, args: tuple[int | float, ...], data: float) -> int:
        while op is not None and op.adds and len(args) > 2 * _TERMS_AT_ONCE:
            lists = op.lists(args)
            starts = range(0, len(lists[0]), _TERMS_AT_ONCE)
            parts = [tuple(x for terms in lists for x in terms[start : start + _TERMS_AT_ONCE]) for start in starts]
            args = tuple(self._add(op, part, self._computed(op, part)) for part in parts)
            op = TABLE["sum"]
            data = self._computed(op, args)
        self.ops.append(op)
        self.args.append(args)
        self.data.append(data)
        return len(self.ops) - 1

    def _computed(self, op: Op, args: tuple[int | float, ...]) -> float:
        return op.computes(*self._numbers(args))

    def _exit(self, i: int) -> int:
        """Return the first node after i that all paths from i to the output share, given those of later nodes."""
        if i == self.last:
            return i
        end = self.users[i][0]
        for user in self.users[i][1:]:
            other = user
            while end != other:
                if end < other:
                    end = self.exits[end]
                else:
                    other = self.exits[other]
        return end

    def judge(self, x: Value, analytic: float) -> tuple[float, str]:
        """Return the numeric derivative of the output by x, and the verdict on the analytic one."""
        place = self.places.get(x, -1)
        if place < 0 or self.exits[place] < 0:
            return 0.0, "ok" if analytic == 0 else "wrong"
        path = [place]
        while path[-1] not in self.found:
            path.append(self.exits[path[-1]])
        known = self.found[path.pop()]
        for i in reversed(path):
            known = self.found[i] = _chained(self._region(i), known)
        numeric, uncertainty, verdict = known
        tolerance = _RTOL * max(abs(numeric), abs(analytic)) + uncertainty + _SMALLEST
        if abs(numeric - analytic) <= tolerance:
            return numeric, "ok" if verdict == "still" else verdict
        if math.isnan(analytic) and self.is_singular:
            return numeric, "kink"  # the chain rule gave 0 * inf
        return numeric, verdict if verdict == "kink" else "wrong"

    @cached_property
    def is_singular(self) -> bool:
        """True if a local gradient in the graph does not exist or is infinite, as at sqrt(0) or asin(1)."""
        return any(
            type(x) is int and local is not None and not math.isfinite(local)
            for i, args in enumerate(self.args)
            for x, local in zip(args, self._local_gradients(i))
        )

    def _local_gradients(self, i: int) -> Sequence[float | None]:
        op = self.ops[i]
        return () if op is None else op.pulls(1.0, self.data[i], *self._numbers(self.args[i]))

    def _numbers(self, args: Iterable[int | float]) -> list[float]:
        return [self.data[x] if type(x) is int else x for x in args]

    def _region(self, i: int) -> _NumericDerivative:
        """Return the derivative of the exit of node i by i, from replays of the region between them."""
        end, data = self.exits[i], self.data
        between, waiting = {end}, [i]
        while waiting:
            for j in self.users[waiting.pop()]:
                if j not in between:
                    between.add(j)
                    waiting.append(j)
        steps = [(j, cast(Op, self.ops[j]), self.args[j]) for j in sorted(between)]

        def f(x: float) -> float:
            moved = {i: x}
            for j, op, args in steps:
                moved[j] = op.computes(*[moved.get(a, data[a]) if type(a) is int else a for a in args])
            return moved[end]

        # The rules, backward through the region: the derivative, and how much rounding there is in it and in f.
        gradients, sizes = {end: 1.0}, {end: 1.0}
        noise = 0.0
        for j, _, args in reversed(steps):
            if j in gradients:
                g, size = gradients[j], sizes[j]
                noise = math.hypot(noise, data[j] * g * math.sqrt(len(args)))
                for a, local in zip(args, self._local_gradients(j)):
                    if local and type(a) is int and (a == i or a in between):  # not 0: times infinity, it is nan
                        gradients[a] = gradients.get(a, 0.0) + g * local
                        sizes[a] = math.hypot(sizes.get(a, 0.0), size * local, gradients[a])
        analytic, size = gradients.get(i, 0.0), sizes.get(i, 0.0)
        noise = noise if math.isfinite(noise) else abs(data[end])
        found = _judge(f, data[i], data[end], analytic, noise=noise, size=size if math.isfinite(size) else 0.0)
        if found.verdict == "wrong" and math.isnan(analytic) and self.is_singular:
            return found._replace(verdict="kink")
        return found


def _chained(inner: _NumericDerivative, outer: _NumericDerivative) -> _NumericDerivative:
    """Return the derivative of a composition: by the chain rule, the product."""
    (n, u, v), (m, w, x) = inner, outer
    if v == "still":
        return _NumericDerivative(0.0, abs(m) * u if math.isfinite(m) else 0.0, v)
    return _NumericDerivative(n * m, abs(m) * u + abs(n) * w + u * w, max(v, x, key=_SEVERITY.index))


def _judge(
    f: Callable[[float], float], x: float, here: float, analytic: float, *, noise: float, size: float
) -> _NumericDerivative:
    """Return the numeric derivative of f at x, where f(x) is `here`, and the verdict on the analytic one.

    Arguments:
        noise: the root of the sum of the squares of the numbers whose rounding shows in f(x).
        size: the same for the terms that add up to the analytic derivative, and for their partial sums.
    """

    def slopes(h: float) -> tuple[float, float, float]:
        low, high = x - h, x + h
        below, above = f(low), f(high)
        return (here - below) / (x - low), (above - below) / (high - low), (above - here) / (high - x)

    widest = _EPSILON ** (1 / 3) * max(1.0, abs(x))
    reported = math.nan
    vertical = edge = False
    for h in (widest, widest / 8, widest / 64, widest / 512, widest / 4096):
        left, numeric, right = slopes(h)
        reported = numeric if h == widest else reported
        rounding = 4 * _EPSILON * (noise / h + size)
        scale = max(abs(numeric), abs(analytic))
        if h < widest and rounding > _RTOL * scale:
            break  # smaller perturbations drown in rounding
        gap, off = abs(right - left), abs(numeric - analytic)
        bends = gap > 4 * rounding + 1e-4 * max(abs(left), abs(right))
        if bends or not (math.isfinite(scale) and off <= _RTOL * scale + rounding + _SMALLEST):
            near_left, near, near_right = slopes(h / 2)
            # A corner or a jump: the slopes on both sides differ, by as much for half of h, and the analytic one lies
            # between them. On a smooth function they differ by h f'', which halves with h.
            between = math.isnan(analytic) or min(left, right) - rounding <= analytic <= max(left, right) + rounding
            if between and bends and abs(near_right - near_left) > 0.75 * gap:
                return _NumericDerivative(reported, 0.0, "kink")
        else:
            near = numeric
        # The truncation error grows with h², so it is 4/3 of the difference to the gradient for half of h.
        uncertainty = 1.5 * abs(numeric - near) + rounding
        if math.isfinite(scale) and off <= _RTOL * scale + uncertainty + _SMALLEST:
            still = left == right == 0
            zero = abs(analytic) <= 16 * _EPSILON * size  # within its own rounding
            drowns = rounding > 1e-3 * (size if zero else scale) or 0 < scale < _SMALLEST
            sure = not drowns or (still and analytic == 0)
            verdict = "still" if still and sure else "ok" if sure else "unsure"
            return _NumericDerivative(numeric, off + rounding, verdict)
        edge = not math.isfinite(numeric)  # a neighbour is outside the domain, or infinite
        vertical = math.isinf(analytic) and abs(near) > 1.1 * abs(numeric)  # grows as h shrinks
    return _NumericDerivative(reported, 0.0, "kink" if edge or vertical else "wrong")
