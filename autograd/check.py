"""Compute numeric gradients, by perturbing a number and replaying the graph, and check the rules against them.

A numeric gradient knows nothing of derivative rules, so its agreement with `backward()` is evidence, not repetition.

`check_gradients` judges each operation alone: the derivative of what it computes by one operand, at the operands that
were recorded, against its rule with g = 1 (`differences.py` does that). If each rule on the way is right, and linear in
g, their chain is right by the chain rule, whatever the size of the other numbers in the graph. So a wrong rule cannot
hide behind a large constant or the rounding of another operation, it can be named, and ten thousand parameters cost a
few calls of each operation, not ten thousand replays.
"""

import math
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, cast

from autograd.choices import Choice, choices_of, known_as, warn_of_changes
from autograd.differences import RELATIVE_TOLERANCE, Judgement, judge
from autograd.engine import Value, graph_of, numbers_of, replay
from autograd.errors import GradientMismatch
from autograd.events import unobserved
from autograd.floats import number
from autograd.hints import no_input
from autograd.operands import flatten
from autograd.ops import Op
from autograd.staleness import check_current
from autograd.swapped import warn_if_swapped
from autograd.text import decimals, quoted, significant, table, visible, with_printable_repr

_EPSILON = sys.float_info.epsilon
_SMALLEST = sys.float_info.min  # below this, numbers have few digits
_CLOSE = 1e-3  # relative: farther apart, two compared numbers do not change places under a perturbation of 6e-6
_MOST_REPLAYED = 1_000_000  # results and choices, to see whether perturbations change these: a second


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
        UserWarning: `wrt` was made from `output`: the arguments are swapped.

    Raises:
        TypeError: `output` or `wrt` is not a Value, or `tiny` not a number.
        ValueError: `tiny` is zero or not finite, or the method is unknown.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> round(faux_gradient(y, x), 6), round(faux_gradient(y, x, method="central"), 6)
    (6.0001, 6.0)
    """
    if type(wrt) is not Value:
        raise TypeError(no_input(wrt, "wrt is the Value to perturb"))
    tiny = number(tiny)
    if not 0 < abs(tiny) < math.inf:
        raise ValueError(f"tiny is the size of the perturbation: a small number, not {tiny}")
    if method not in ("forward", "central"):
        raise ValueError(f"method is 'forward' or 'central', got {quoted(method)}")
    nodes, x = graph_of(output), wrt.data
    warn_if_swapped("faux_gradient", output, [wrt])
    f, forward = _as_function(output, wrt, nodes), method == "forward"
    _warn_of_changes(choices_of(nodes, [wrt]), [wrt], lambda x: [x + tiny] if forward else [x - tiny, x + tiny])
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
    moved = [x for x in inputs if x in inside or x.op is not None]  # choices know a result by its expression
    moved = moved[: 1 + _MOST_REPLAYED // (len(nodes) + len(choices))]
    replays = (
        {**replay(part, {x: number}), **dict.fromkeys(known_as(x), number)}
        for x in moved
        for number in perturbed(x.data)
    )
    warn_of_changes(choices, replays, "with the perturbation")


def _warn_of_close_choices(nodes: Sequence[Value], inputs: Sequence[Value]) -> None:
    """Warn if a choice comes out differently now, or if it is close and the perturbation of an input changes it."""

    def is_close(choice: Choice) -> bool:
        left, right = choice.numbers({})
        changed = choice.kind(left, right) is not choice.holds
        return changed or abs(left - right) <= _CLOSE * max(abs(x) for x in (left, right, *numbers_of(choice.values)))

    def perturbed(x: float) -> tuple[float, float]:
        h = _EPSILON ** (1 / 3) * (abs(x) or 1.0)
        return x - h, x + h

    _warn_of_changes([*filter(is_close, choices_of(nodes, inputs))], inputs, perturbed)


@with_printable_repr
class CheckedGradient(NamedTuple):
    """One line of `check_gradients`: an input, its analytic and its numeric gradient, and the verdict.

    `numeric` is the chain of the numeric derivatives of the operations. `verdict` is "ok", "wrong", "kink" or "unsure".
    Wrong: a rule on the way from the input to the output is. Kink: an operation on the way has a corner, a jump, a
    vertical tangent, a pole or the edge of its domain here, and its rule gives one of the numbers that can be chosen
    there. Unsure: rounding, overflow or a lack of digits hides what an operation does, as in `(x + 1e16) - 1e16`, and
    that matters for more than a millionth of the gradient.
    """

    name: str
    value: float
    analytic: float
    numeric: float
    verdict: str


class CheckedGradients(tuple[CheckedGradient, ...]):
    """The table that `check_gradients` returns: a sequence of lines, printed as a table."""

    def __repr__(self) -> str:
        rows = []
        for name, value, analytic, numeric, verdict in self:
            gradients = [significant(analytic, 11), significant(numeric, 9)]
            rows.append([visible(name), decimals(value), *gradients, verdict])
        return "\n".join(table(rows, flush_right={1, 2, 3}, head=["input", "value", "analytic", "numeric", "verdict"]))


@unobserved
def check_gradients(output: Value, inputs: Any = None) -> CheckedGradients:
    """Compare the gradients of `output` by the rules with numeric ones.

    Each operation between the inputs and the output is judged alone: its rule with g = 1 against central differences
    of what it computes, whose widths are scaled to the operand and to where the operation changes, with a relative
    tolerance of 1e-6. Rules are linear in g, so each is called with other gradients from above too; and each kind of
    operation is judged at a few other operands, because some mistakes are hidden at some (swapped rules where both
    operands are equal). A derivative of 0 further up or down the way silences whatever is wrong or unsure beyond it.

    Arguments:
        output: the result whose gradients are checked. Nothing in its graph changes.
        inputs: a Value or a tree of them (nested lists), leaves or intermediate; by default, all leaves of the graph.

    Returns a sequence of lines (name, value, analytic, numeric, verdict), whose `repr` is a table.

    Warns:
        FrozenChoiceWarning: as `faux_gradient`. Inputs are perturbed for this where a comparison was close.
        UserWarning: an input was made from the output: the arguments are swapped.

    Raises:
        GradientMismatch: a gradient is wrong; the message names the first operation whose rule is wrong, with what the
            rule and a perturbation give, and contains the table.
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
    warn_if_swapped("check_gradients", output, wanted)
    _warn_of_close_choices(nodes, wanted)
    chains, mistake = _chains(nodes, output, set(wanted))
    lines = []
    for i, x in enumerate(wanted, start=1):
        chain = chains.get(x, _Chain())
        lines.append(CheckedGradient(x.label or f"input{i}", x.data, chain.analytic, chain.numeric, chain.verdict))
    checked = CheckedGradients(lines)
    wrong = sum(line.verdict == "wrong" for line in checked)
    if wrong:
        raise GradientMismatch(
            f"{wrong} of {len(checked)} gradients disagree with their numeric check: {mistake}\n{checked!r}"
        )
    return checked


# The chain rule ------------------------------------------------------------------------------------------------------


class _Chain:
    """What is known of the derivative of the output by one Value, summed over all paths between them."""

    __slots__ = ("analytic", "doubt", "numeric", "silent", "worst")

    def __init__(self, seed: float = 0.0) -> None:
        self.analytic = seed  # by the rules, as backward() adds it up
        self.numeric = seed
        self.doubt = 0.0  # how far the two may be apart because operations are unsure
        self.worst = "ok"
        self.silent = not seed  # a derivative on each path is exactly 0

    def add(self, above: "_Chain", pull: float, slope: float, judged: Judgement) -> None:
        """Add the paths through an operation: what its rule pulls, its local gradient, and the judgement of that."""
        self.analytic += pull
        lost = abs(pull - _product(slope, above.analytic))  # by under- or overflow inside the rule
        if lost > RELATIVE_TOLERANCE * abs(pull) + _SMALLEST:
            self.doubt += lost
            self.worst = max(self.worst, "unsure", key=_SEVERITY.index)
        elif slope == 0 and judged.verdict == "ok":
            return  # what is wrong, a kink or unsure further up is multiplied by 0
        self.silent = False
        self.numeric += _product(judged.numeric, above.numeric)
        self.doubt += _product(abs(slope), above.doubt) + _product(judged.doubt, abs(above.analytic))
        self.worst = max(self.worst, above.worst, judged.verdict, key=_SEVERITY.index)

    @property
    def verdict(self) -> str:
        """The verdict on the derivative."""
        if self.worst == "ok":  # right rules, but their product may overflow
            return "ok" if math.isfinite(self.analytic) else "unsure"
        if self.worst == "unsure":
            negligible = self.doubt < RELATIVE_TOLERANCE * max(abs(self.analytic), abs(self.numeric))
            return "ok" if negligible else "unsure"
        return self.worst


_SEVERITY = ["ok", "unsure", "kink", "wrong"]


def _product(x: float, y: float) -> float:
    """Return x * y, 0 if one of them is 0."""
    return x * y if x and y else 0.0


def _chains(nodes: Sequence[Value], output: Value, wanted: set[Value]) -> tuple[dict[Value, _Chain], str]:
    """Return what is known of the derivative of the output by each Value, and the mistake in the oldest wrong rule.

    Only results that depend on a wanted Value are judged, and only those that matter to the output.
    """
    leading = set(wanted)
    for v in nodes:
        if v.op is not None and not v.op.stops and any(isinstance(x, Value) and x in leading for x in v.args):
            leading.add(v)
    chains = {output: _Chain(1.0)}
    oldest = ""
    elsewhere: dict[Op, dict[int, str]] = {}  # the mistakes that each kind of operation makes at other operands
    for v in reversed(nodes):
        op, above = v.op, chains.get(v)
        if op is None or op.stops or above is None or v not in leading:
            continue
        operands = numbers_of(v.args)
        pulls = op.pulls(above.analytic, v.data, *operands)
        if above.silent and not any(pulls):
            continue
        slopes = op.pulls(1.0, v.data, *operands)
        if op not in elsewhere:
            elsewhere[op] = _mistakes_elsewhere(op, operands) or _kept_numbers(op, operands)
        mistakes = elsewhere[op] | _not_linear(op, v.data, operands, slopes, (above.analytic, pulls))
        places = [i for i, x in enumerate(v.args) if isinstance(x, Value) and x in leading]
        for place, judged in zip(places, _judgements(op, operands, slopes, places), strict=True):
            slope = slopes[place]
            if judged.verdict == "wrong":
                mistakes[place] = _disagreement(op, operands, place, slope, judged.numeric)
            verdict = "wrong" if place in mistakes or _EVERY in mistakes else judged.verdict
            chain = chains.setdefault(cast(Value, v.args[place]), _Chain())
            chain.add(above, pulls[place] or 0.0, slope or 0.0, judged._replace(verdict=verdict))
        if mistakes:
            oldest = mistakes[min(mistakes)]
    return chains, oldest


# One operation -------------------------------------------------------------------------------------------------------


_NO_VALUE = Exception  # at operands that are not those of the graph, a user's function or rule may raise anything
_TERMS_AT_ONCE = 32  # of many operands: each is judged in the company of so many
_ALIKE = 1e3
_MOST_PARTS = 4 * _TERMS_AT_ONCE
_Pull = float | None
_Pulls = Sequence[_Pull]


def _judgements(op: Op, operands: Sequence[float], slopes: _Pulls, places: Sequence[int]) -> list[Judgement]:
    """Judge the local gradients of an operation at these places.

    An operation on many operands costs as much as they are. So a term of a long `sum` or `dot` is judged in a part of
    the sum, to which the rest is added. The operands of another long operation are judged in groups, each moved in one
    direction; a group that is not "ok" is divided, as long as parts are not too many. So n operands cost up to about
    160 judgements, and 200 more where the terms span all floats. One takes seven calls if it is "ok", else some 300.
    """
    if len(operands) <= 2 * _TERMS_AT_ONCE:
        return [_judge_place(op, operands, place, slopes[place]) for place in places]
    if op.adds:
        parts = _Parts(op, operands)
        return [parts.judge(place, slopes[place] or 0.0) for place in places]
    found: dict[int, Judgement] = {}
    groups = deque(_groups(operands, slopes, places))
    most = len(groups) + _MOST_PARTS
    while groups:
        group = groups.popleft()
        judgements = _judge_group(op, operands, group, slopes)
        most -= 1
        if len(group) > 1 and most > len(groups) and judgements[0].verdict != "ok":
            part = len(group) // 2 if len(group) > 4 else 1
            groups += [group[start : start + part] for start in range(0, len(group), part)]
        else:
            found.update(zip(group, judgements, strict=True))
    return [found[place] for place in places]


def _groups(operands: Sequence[float], slopes: _Pulls, places: Sequence[int]) -> list[list[int]]:
    """Divide the places into groups whose terms are alike, so that none of them hides another.

    A term is what moving an operand by its size adds to the result, by its slope.
    """
    terms = {place: abs(slopes[place] or 0.0) * _size(operands[place]) for place in places}
    most = math.ceil(len(places) / _TERMS_AT_ONCE)
    groups: list[list[int]] = []
    for place in sorted(places, key=lambda place: -math.inf if math.isnan(terms[place]) else -terms[place]):
        if groups and len(groups[-1]) < most and terms[groups[-1][0]] <= _ALIKE * terms[place]:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _size(x: float) -> float:
    return abs(x) or 1.0


def _judge_place(op: Op, operands: Sequence[float], place: int, slope: _Pull) -> Judgement:
    computes, before, after = op.computes, operands[:place], operands[place + 1 :]

    def f(x: float) -> float:
        try:
            return computes(*before, x, *after)
        except _NO_VALUE:
            return math.nan

    def rule(x: float) -> float:
        try:
            return op.pulls(1.0, f(x), *before, x, *after)[place] or 0.0
        except _NO_VALUE:
            return math.nan

    judged = judge(f, operands[place], slope or 0.0, rule, _to_kink(op, operands, place))
    hidden = math.isnan(slope or 0.0) and not _is_inside(op, operands)  # nothing is smooth there, as (-2) ** y by y
    if (judged.verdict == "wrong" and hidden) or _kinks_are_closer_than_floats(op, operands):
        return judged._replace(verdict="unsure", doubt=math.inf)
    return judged


def _kink(op: Op, operands: Sequence[float]) -> float:
    """Return how far operands are from a kink, by what the row declares; nan where it has no value or declares none."""
    try:
        return abs(op.kink(*operands)) if op.kink is not None else math.nan
    except _NO_VALUE:
        return math.nan


def _to_kink(op: Op, operands: Sequence[float], place: int) -> float:
    """Return about how far an operand is from where the derivative jumps; infinity if it does not, or jumps there."""
    if not (here := _kink(op, operands)) > 0:
        return math.inf
    x = operands[place]
    beside = _kink(op, [*operands[:place], x + math.ulp(x), *operands[place + 1 :]])
    step = abs(beside - here)
    return here / step * math.ulp(x) if step > 0 else math.inf  # one step of Newton's method


def _kinks_are_closer_than_floats(op: Op, operands: Sequence[float]) -> bool:
    """Return True where floats cannot tell what the operation does between its kinks, as `floor` beyond 2**49.

    There all floats around an operand are at a kink. So they are where the operand has no part in it, as the cases of
    `where` with the condition 0; then it has none beside other numbers either. Multiples of a power of two, as the
    kinks of `x % 1`, are all floats only beside that very number.
    """
    if op.kink is None or op.variadic or not all(map(math.isfinite, operands)):  # of many operands it would take n**2
        return False
    beside = [3 * x or 1.0 for x in operands]
    for place, x in enumerate(operands):
        near = [x + many * math.ulp(x) for many in (-1009, -31, 0, 31, 1009)]
        if all(_kink(op, [*operands[:place], at, *operands[place + 1 :]]) <= 16 * math.ulp(x) for at in near) and (
            len(operands) == 1 or len({_kink(op, [*beside[:place], at, *beside[place + 1 :]]) for at in near}) > 1
        ):
            return True
    return False


def _is_inside(op: Op, operands: Sequence[float]) -> bool:
    """Return True if the operands are finite, and in the domain on which the operation is smooth."""
    domain = op.domain if op.arity else op.domain * len(operands)
    return all(low < x < high for (low, high), x in zip(domain, operands, strict=True))


def _judge_group(op: Op, operands: Sequence[float], group: Sequence[int], slopes: _Pulls) -> list[Judgement]:
    """Judge the local gradients at these places by the derivative in one direction, in which all of them move.

    Each moves so far that its slope adds about as much to that derivative as the others do, and with the same sign.
    """
    if len(group) == 1:
        return [_judge_place(op, operands, group[0], slopes[group[0]])]
    least = min(abs(slopes[place] or 0.0) * _size(operands[place]) for place in group)
    shares = {}
    for i, place in enumerate(group):
        slope = slopes[place] or 0.0
        far = least / slope if slope and 0 < least < math.inf else _size(operands[place])
        shares[place] = far * (1 + i / len(group)) / 2  # different, to notice rules that are swapped

    def moved(factor: float) -> list[float]:
        found = [*operands]
        for place, share in shares.items():
            found[place] += (factor - 1) * share
        return found

    def along(slopes: _Pulls) -> float:
        return math.fsum((slopes[place] or 0.0) * share for place, share in shares.items())

    def f(factor: float) -> float:
        try:
            return op.computes(*moved(factor))
        except _NO_VALUE:
            return math.nan

    def rule(factor: float) -> float:
        try:
            return along(op.pulls(1.0, f(factor), *moved(factor)))
        except _NO_VALUE:
            return math.nan

    analytic = along(slopes)
    judged = judge(f, 1.0, analytic, rule)
    ratio = judged.numeric / analytic if analytic else 1.0
    return [judged._replace(numeric=(slopes[place] or 0.0) * ratio) for place in group]


class _Parts:
    """A long `sum` or `dot` in parts, so that a part can be computed again without the rest."""

    def __init__(self, op: Op, operands: Sequence[float]) -> None:
        self.op = op
        self.lists = op.lists(operands)
        self.terms = len(self.lists[0])
        sums = [op.computes(*self.part(start)) for start in range(0, self.terms, _TERMS_AT_ONCE)]
        before = accumulate(sums, initial=0.0)
        after = [*accumulate(reversed(sums), initial=0.0)][-2::-1]
        self.rests = [x + y for x, y in zip(before, after)]

    def part(self, start: int) -> list[float]:
        """Return the operands of the terms from one place on."""
        return [x for terms in self.lists for x in terms[start : start + _TERMS_AT_ONCE]]

    def judge(self, place: int, slope: float) -> Judgement:
        """Judge the local gradient of the operand at a place."""
        row, term = divmod(place, self.terms)
        number, within = divmod(term, _TERMS_AT_ONCE)
        part, rest = self.part(number * _TERMS_AT_ONCE), self.rests[number]
        within += row * len(part) // len(self.lists)

        def f(x: float) -> float:
            part[within] = x
            return rest + self.op.computes(*part)

        return judge(f, part[within], slope, lambda x: slope)  # linear in each operand: the slope is one number


_EVERY = -1  # in place of an operand: a mistake that concerns all


def _not_linear(
    op: Op, z: float, operands: Sequence[float], slopes: _Pulls, known: tuple[float, _Pulls]
) -> dict[int, str]:
    """Return how rules of the operation fail to be linear in g here, by the places of their operands.

    They are called with g = -4, a power of two, because then each rounding in a rule is that with g = 1.

    Arguments:
        slopes: what the rules give for g = 1.
        known: another gradient g, and what the rules give for it.
    """
    return linearity_mistakes(op, z, operands, slopes, [(-4.0, op.pulls(-4.0, z, *operands)), known])


_LIFTS = 2.0**61, 2.0**500  # the first makes all subnormal numbers normal; the second also products of small ones


def linearity_mistakes(
    op: Op, z: float, operands: Sequence[float], slopes: _Pulls, known: Iterable[tuple[float, _Pulls]]
) -> dict[int, str]:
    """Return where rules certainly do not give g times what they give for 1, as sentences by the places of operands.

    What a rule gives for one g may have lost its digits, or vanished, on the way through subnormal numbers, which are
    rounded to multiples of 5e-324. So where there are such numbers, or a pull is not g times the slope, the rule is
    called again with larger gradients. It is acquitted of a mistake if it is linear there, but for g = 0, with which
    nothing is lost: a term without g, which larger gradients outweigh, is left.

    Arguments:
        z: the result of the operation.
        slopes: what the rules give for g = 1.
        known: other gradients g, and what the rules give for them.

    >>> from autograd.ops import atan, mul
    >>> linearity_mistakes(mul, 6.0, [2.0, 3.0], [3.0, 2.0], [(5.0, [15.0, 10.0])])
    {}
    >>> forgetful = Op("forgetful({})", atan, lambda g, z, x: 1 / (1 + x * x))
    >>> linearity_mistakes(forgetful, forgetful(0.0), [0.0], [1.0], [(5.0, [1.0])])
    {0: 'rules are linear in g, but the rule of forgetful at forgetful(0.0) gives 1 for g = 1 and 1 for g = 5'}
    """
    mistakes: dict[tuple[int, float], str] = {}
    linear: set[tuple[int, float]] = set()

    def compare(unit: float, slopes: _Pulls, g: float, larger: float, pulls: _Pulls) -> None:
        for place, (slope, pull) in enumerate(zip(slopes, pulls, strict=True)):
            found = None if slope is None or pull is None else _is_linear(slope, larger / unit, pull)
            if found:
                linear.add((place, g))
            elif found is False:
                sentence = (
                    f"rules are linear in g, but {_rule_name(op, place)} at {_reading(op, operands)} gives "
                    f"{significant(slope or 0.0, 11)} for g = {significant(unit, 11)} and "
                    f"{significant(pull or 0.0, 11)} for g = {significant(larger, 11)}"
                )
                mistakes.setdefault((place, g), sentence)

    def pulls_of(g: float) -> _Pulls:
        try:
            return op.pulls(g, z, *operands)
        except _NO_VALUE:  # an overflow of Python's own **
            return [None] * len(operands)

    known = [*known]
    for g, pulls in known:
        compare(1.0, slopes, g, g, pulls)
    if mistakes or any(0 < abs(x or 0.0) < _SMALLEST for x in (z, *operands, *slopes)):
        compare(1.0, slopes, 0.0, 0.0, pulls_of(0.0))
        for unit in _LIFTS:
            lifted = pulls_of(unit)
            for g, _ in known:
                larger = 4 * unit * math.frexp(g)[0]
                compare(unit, lifted, g, larger, pulls_of(larger))
    certain: dict[int, str] = {}
    for (place, g), sentence in mistakes.items():
        if (place, g) not in linear:
            certain.setdefault(place, sentence)
    return certain


def _is_linear(slope: float, ratio: float, pull: float) -> bool | None:
    """Return True if the pull is that ratio of the slope; None if overflow or a lack of digits hides that."""
    expected = ratio * slope
    if math.isinf(expected) and math.isinf(pull) and expected != pull:  # at a pole the sign of g must show
        return False
    if not (math.isfinite(expected) and math.isfinite(pull)):
        return None
    # Each of both numbers may be off by as much as the smallest one that has all digits, but nothing is lost with 0.
    blur = (1 + abs(ratio)) * _SMALLEST if ratio else 0.0
    if abs(pull - expected) > RELATIVE_TOLERANCE * abs(expected) + blur:
        return False
    return True if abs(expected) > 2 * blur else None


def _mistakes_elsewhere(op: Op, operands: Sequence[float]) -> dict[int, str]:
    """Return what is certainly wrong with the rules of an operation at operands other than these, by their places."""
    for others in _other_operands(op, operands):
        try:
            z = op.computes(*others)
            slopes = op.pulls(1.0, z, *others)
            mistakes = _not_linear(op, z, others, slopes, (2.0, op.pulls(2.0, z, *others)))
            for place in _first_places(op, len(others)):
                judged = _judge_place(op, others, place, slopes[place])
                if judged.verdict == "wrong":
                    mistakes.setdefault(place, _disagreement(op, others, place, slopes[place], judged.numeric))
        except _NO_VALUE:
            continue
        if mistakes:
            return {_EVERY: mistakes[min(mistakes)]} if op.variadic else mistakes
    return {}


def _kept_numbers(op: Op, operands: Sequence[float]) -> dict[int, str]:
    """Return which rules of a user's operation keep numbers of these operands in the graph of a gradient, by places.

    A rule that reads `x.data`, say, is right on floats, but what it records on Values does not follow them.
    """
    if op.built_in:
        return {}
    g, *values = [Value(x) for x in (1.0, *operands)]
    try:
        z = Value(op.computes(*operands))
        pulls = op.pulls(g, z, *values)
    except Exception:  # any: the rule needs plain numbers, and says so when a gradient is recorded
        return {}
    nodes = graph_of(*(pull for pull in pulls if isinstance(pull, Value)))
    keeps: dict[int, str] = {}
    for beside in (-_BESIDE, _BESIDE):  # on both sides, because an `if` may take the other branch on one
        moved = [x * (1 + beside) if x else beside for x in operands]
        try:
            result = op.computes(*moved)
            expected = op.pulls(1.0, result, *moved)
            data = replay(nodes, {z: result, **dict(zip(values, moved))})
        except _NO_VALUE:
            return {}
        kept = {}
        for place, (slope, pull) in enumerate(zip(expected, pulls, strict=True)):
            found = data.get(pull, pull.data) if isinstance(pull, Value) else pull
            if slope is None or found is None or not math.isfinite(slope) or not math.isfinite(found):
                continue
            if abs(slope - found) > RELATIVE_TOLERANCE * max(abs(slope), abs(found)) + _SMALLEST:
                kept[place] = (
                    f"{_rule_name(op, place)} keeps numbers in the graph of a gradient: recorded at "
                    f"{_reading(op, operands)} and replayed at {_reading(op, moved)}, it gives "
                    f"{significant(found, 11)} for g = 1, called there {significant(slope, 11)}. "
                    "Write it with autograd's operations, without .data, float(...) or `if`"
                )
        keeps = kept if beside < 0 else {place: keeps[place] for place in keeps.keys() & kept.keys()}
    return {_EVERY: keeps[min(keeps)]} if op.variadic and keeps else keeps


_BESIDE = 2.0**-10  # relative: far enough to tell numbers from their neighbours, and mostly on the same branch


def _other_operands(op: Op, operands: Sequence[float]) -> Iterator[list[float]]:
    """Yield operands in the neighbourhood, and ordinary ones inside the domain, all different from each other."""
    if op.variadic and op.built_in:  # a user's row may need as many operands as it has here
        operands = [operands[place] for place in _first_places(op, len(operands))]
    domain = op.domain if op.arity else op.domain * len(operands)
    neighbours = [x * (0.75 + 0.5 * _spread(i)) for i, x in enumerate(operands)]
    if all(map(math.isfinite, neighbours)):
        yield neighbours
    for turn in (1, 2, 3):  # the larger operand is once the first of two, and once the second
        yield [_inside(low, high, _spread(i + turn * len(operands))) for i, (low, high) in enumerate(domain)]


def _first_places(op: Op, operands: int) -> list[int]:
    """Return the places to judge at other operands: of an operation on lists, the first four of each."""
    places = range(operands)
    return [place for row in op.lists(places) for place in row[:4]] if op.variadic else [*places]


def _spread(i: int) -> float:
    """Return the i-th of numbers between 0 and 1 that keep their distance, by the golden ratio."""
    return (0.3 + i * (math.sqrt(5) - 1) / 2) % 1


def _inside(low: float, high: float, part: float) -> float:
    """Return a number between the bounds, by its part of the way; where they are infinite, an ordinary one."""
    if math.isinf(low):
        low = min(-2.0, high - 2)
    return low + part * min(high - low, 4.0)


def _disagreement(op: Op, operands: Sequence[float], place: int, slope: _Pull, numeric: float) -> str:
    gives = "is None" if slope is None else f"gives {significant(slope, 11)}"
    return (
        f"{_rule_name(op, place)} at {_reading(op, operands)} {gives} for g = 1; "
        f"a perturbation gives {significant(numeric, 9)}"
    )


def _rule_name(op: Op, place: int) -> str:
    return f"the rule of {op.name}" + ("" if op.arity == 1 else f" for operand {place + 1}")


def _reading(op: Op, operands: Sequence[float]) -> str:
    """Return the operation with its operands, if there are few."""
    return op.read(*map(repr, operands)) if len(operands) < 9 else f"{len(operands)} operands"
