"""Explain forward mode: how a nudge of one Value travels to the output, step by step.

Forward, a step is the derivative of a stage with respect to the Value that is nudged: the sum, over the stages that it
uses and that move, of the local gradient times how fast they move. Local gradients are those of backward mode, because
each rule of the table, given the speed of an operand in place of the gradient of the result, gives what that operand
adds to the speed of the result.

The numbers are those of `jvp` to the bit: an operand that does not move adds nothing, not even 0 × inf, while one whose
speed happens to be 0 is multiplied as any other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from math import isclose
from typing import Any, NamedTuple, cast

from autograd.codegen.typesetting import Typeset
from autograd.engine import Value, created, graph_of, local_gradients, numbers_of
from autograd.folds import Folding
from autograd.hints import no_input
from autograd.ops import Op
from autograd.text import and_joined, significant, with_printable_repr
from autograd.views.chain_rule import (
    ChainRule,
    Path,
    Stage,
    Step,
    Written,
    after,
    chain_rule,
    check_linear,
    numbered,
)
from autograd.views.equations import Equation
from autograd.views.gradients import LocalGradient
from autograd.views.limits import listed
from autograd.views.true_arithmetic import added


@with_printable_repr
class Nudge(NamedTuple):
    """How a nudge of one Value travels: its name, and the chain rule from it to the output."""

    start: str
    steps: tuple[ChainRule, ...]

    @property
    def introduction(self) -> str:
        """What the steps are, in words."""
        return (
            f"Forward, step by step, starting at {self.start}: how fast each stage changes when {self.start} is "
            "nudged. Each comes after all stages that it uses, because their parts add up to its own."
        )

    def __str__(self) -> str:
        return "\n".join(numbered(self.introduction, self.steps))


def values_to_nudge(forward: Any, nodes: Sequence[Value], names: Mapping[Value, str]) -> list[Value]:
    """Return the Values whose nudges are to be explained, each once.

    Arguments:
        forward: one, nested lists and tuples of them, or another iterable; None for none.
        nodes: the graph of the output, which is the last of them.
        names: theirs.

    Raises:
        TypeError: one is not a Value.
        ValueError: one is not in the graph.
    """
    values = [] if forward is None else listed(forward)
    inside = set(nodes)
    for x in values:
        if type(x) is not Value:
            takes = "forward is the Value to nudge, or a list of them"
            if isinstance(x, bool):
                raise TypeError(f"{takes}, got bool {x}: name it, as in explain(loss, forward=x)")
            if hasattr(x, "parameters"):
                raise TypeError(f"{takes}, got {type(x).__name__}: for a walk from each parameter, its parameters()")
            raise TypeError(no_input(x, takes))
        if x not in inside:
            output = nodes[-1]
            advice = "pass a Value that the output was computed from"
            if output in graph_of(x):
                advice = f"it was computed from {names[output]}, so the arguments are swapped"
            raise ValueError(f"{x} is not in the graph of {names[output]}, which no nudge of it reaches: {advice}")
    return [*dict.fromkeys(values)]


def nudged(
    starts: Sequence[Value],
    nodes: Sequence[Value],
    stages: Sequence[Stage],
    gradients: Mapping[Value, float],
    written: Written,
) -> list[tuple[Nudge, list[Equation]]]:
    """Return how a nudge of each of some Values travels to the output, as text and typeset.

    Arguments:
        starts: Values of the graph, which have a stage.
        nodes: the graph of the output, which is the last of them.
        stages: all of them, in the order of creation.
        gradients: what backward mode gives for each Value.
        written: how names and numbers are written.

    Raises:
        GradientMismatch: a rule is not linear in the gradient.
    """
    slopes = cache(_slopes)
    return [_nudge(_Walk(start, nodes, slopes), stages, gradients, written) for start in starts]


def _nudge(
    walk: "_Walk", stages: Sequence[Stage], gradients: Mapping[Value, float], written: Written
) -> tuple[Nudge, list[Equation]]:
    start, output = walk.start, walk.nodes[-1]
    steps, equations = list[ChainRule](), list[Equation]()
    for stage in stages:
        if stage.result in walk.speeds:
            step, equation = _step(stage, walk, written)
            if stage.result is output is not start:
                backward, forward = (written.slopes.text(x) for x in (gradients[start], walk.speeds[output]))
                gives = "backward gives the same"
                if backward != forward:
                    gives = _difference(walk, stage, gradients, backward)
                step = step._replace(why=f"{step.why}; {gives}")
            steps.append(step)
            equations.append(equation)
    return Nudge(written.names[start], tuple(steps)), equations


def _difference(walk: "_Walk", stage: Stage, gradients: Mapping[Value, float], backward: str) -> str:
    """Say why backward mode gives another number than forward mode, at the last stage.

    A rule that chooses, such as that of relu, passes 0 on one side whatever comes, where 0 × inf would be nan.
    """
    for v in walk.nodes:
        passing = local_gradients(v) if v in walk.speeds and v is not walk.start else ()
        for place, (x, slope) in enumerate(zip(v.args, passing)):
            if isinstance(x, Value) and x in walk.moving and slope is not None:
                if exception := _no_product(v, place, gradients[v], _pulled):
                    return f"backward gives {backward}: there {exception}"
                if exception := _no_product(v, place, walk.speeds[x], _pushed):
                    return (
                        f"backward gives {backward}" if v in stage.line else f"{exception}; backward gives {backward}"
                    )
    return f"backward, which multiplies and adds in another order, gives {backward}"


def _no_product(v: Value, place: int, known: float, passed: Callable[[Value, int, float], float]) -> str:
    """Say that what a rule passes on is not its local gradient times what is known; "" if it is."""
    local, part = passed(v, place, 1.0), passed(v, place, known)
    if repr(part + 0.0) == repr(local * known + 0.0) or isclose(part, local * known, rel_tol=1e-9):
        return ""
    rule = f"the rule of {cast(Op, v.op).name}"
    if local == part == 0:
        return f"{rule} passes 0, whatever comes"
    return (
        f"{rule} gives {significant(part, 4)}, not the product of {significant(local, 4)} and {significant(known, 4)}"
    )


def _step(stage: Stage, walk: "_Walk", written: Written) -> Step:
    v, start, names, speeds = stage.result, walk.start, written.names, walk.speeds

    def derivative(x: Value) -> tuple[str, Typeset]:
        return written.derivative(x, start)

    if v is start:
        return chain_rule(derivative(v), [], speeds[v], "first, because the nudge begins here", written)
    used = [(local, route) for local, route in _routes(stage) if local.operand in speeds]
    moving = [(local, route) for local, route in used if local.operand in walk.moving]
    passing = [(local, route) for local, route in moving if local.number is not None]
    paths = [
        Path(x, derivative(x), speeds[x], local, walk.along(route, speeds[x]), v)
        for local, route in passing
        for x in [local.operand]
    ]
    if paths:
        neighbours = [names[path.neighbour] for path in paths]
        total, exception = added(*(path.part for path in paths)), ""
        if not _is_near(total, speeds[v], paths):
            parts = and_joined([written.slopes.text(path.part) for path in paths])
            exception = f"; the line of {names[v]} gives {written.slopes.text(speeds[v])}, not the sum of {parts}"
            neighbours, paths = [*dict.fromkeys(neighbours)], []
        why = after(neighbours, "which it uses", "which it uses") + exception
    else:
        behind = {local.operand for local, _ in moving}
        stopped, still = (
            ", ".join(dict.fromkeys(names[local.operand] for local, _ in used if (local.operand in behind) == stops))
            for stops in (True, False)
        )
        reasons = [f"no nudge passes to it from {stopped}"] if stopped else []
        reasons += [f"nothing moves in {still}, which it uses"] if still else []
        why = "; ".join(reasons)
    return chain_rule(derivative(v), paths, speeds[v], why, written)


def _is_near(total: float, result: float, paths: Sequence[Path]) -> bool:
    """Return True if a sum over paths is a result that was added in another order, but for rounding."""
    largest = max(abs(path.part) for path in paths)
    return repr(total + 0.0) == repr(result + 0.0) or isclose(total, result, rel_tol=1e-9, abs_tol=1e-9 * largest)


_Use = tuple[Value, int]  # a result, and the place of the operand that is meant


def _routes(stage: Stage) -> Iterator[tuple[LocalGradient, list[_Use]]]:
    """Yield the local gradients of a stage, from left to right in its formula, each with its way to the result."""
    line = set(stage.line)
    uses = [(v, place) for v in reversed(stage.line) for place, x in enumerate(v.args) if isinstance(x, Value)]
    above = {v.args[place]: (v, place) for v, place in uses if v.args[place] in line}
    outer = [(v, place) for v, place in uses if v.args[place] not in line]
    found = list[tuple[LocalGradient, list[_Use]]]()
    for local, use in zip(stage.local_gradients, outer, strict=True):
        route = [use]
        while route[-1][0] in above:
            route.append(above[route[-1][0]])
        found.append((local, route))
    yield from sorted(found, key=lambda item: [place for _, place in reversed(item[1])])


class _Walk:
    """How fast the Values of a graph change with one of them.

    Attributes:
        nodes: those of the graph.
        speeds: of that one and of all that depend on it.
        moving: those of them that have one, if only by chance 0: all but those behind rules that are None, or that give
            a constant 0, as that of `floor`.
    """

    def __init__(self, start: Value, nodes: Sequence[Value], slopes_of: Callable[[Value], Sequence[Any]]) -> None:
        self.start = start
        self.nodes = nodes
        self.speeds = {start: 1.0}
        self.moving = {start}
        self._still = set[_Use]()  # where a rule gives a constant 0
        for v in nodes:
            uses = [(place, x) for place, x in enumerate(v.args) if isinstance(x, Value) and x in self.speeds]
            if not uses or v is start:
                continue
            slopes = slopes_of(v)
            pushed = {place: self.speeds[x] for place, x in uses if x in self.moving and slopes[place] is not None}
            check_linear(v, dict.fromkeys(pushed.values()))
            still = {place for place in pushed if type(slopes[place]) is float and slopes[place] == 0}
            self._still.update((v, place) for place in still)
            moving = [self.along([(v, place)], speed) for place, speed in pushed.items() if place not in still]
            self.speeds[v] = added(*moving)
            if moving:
                self.moving.add(v)

    def along(self, route: Sequence[_Use], speed: float) -> float:
        """Return what an operand of that speed adds to that of a stage, along one way to its result."""
        for v, place in route:
            if (v, place) in self._still:
                return 0.0
            speed = _pushed(v, place, speed)
        return speed


def _pulled(v: Value, place: int, g: float) -> float:
    """Return what the gradient of a result gives to one of its operands, to which one passes."""
    return float(cast(float, cast(Op, v.op).pulls(g, v.data, *numbers_of(v.args))[place]))


def _pushed(v: Value, place: int, speed: float) -> float:
    """Return what the speed of one operand adds to that of a result; as `jvp`, it calls a rule of many of them once."""
    return speed * _pulled(v, place, 1.0) if cast(Op, v.op).variadic else _pulled(v, place, speed)


def _slopes(v: Value) -> Sequence[Any]:
    """Return the local gradients of a result as Values; constants are floats, and None where no gradient passes."""
    op, one = cast(Op, v.op), Value(1.0)
    try:
        pulls = op.pulls(one, v, *v.args)
        fold = Folding(created(v), created)
        return [*map(fold, pulls)]
    except Exception:  # any: a user's rule may ask its operands for anything
        return [None if pull is None else one for pull in local_gradients(v)]
