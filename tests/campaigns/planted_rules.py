"""Measure `check_gradients` as a classifier of right rules and planted mistakes, over the whole range of floats.

    PYTHONPATH=tests python tests/campaigns/planted_rules.py --count 5000 --seed 1

A trial is a row of the table at a random point, alone or in a larger graph, where numbers before or after it are up to
1e200 times as large or small; some rows have a hundred operands. Half of the mistakes are made everywhere,
half only near that point. A planted rule counts if it differs there from the right one by more than the tolerance of
the check, or has no number where the right one has. At a corner all numbers between the slopes on its sides are right,
and so is 0 at a jump of `mod`. A verdict of "unsure" counts against the check inside the
domain of the row where the derivative is a normal number, and a term of many not too small beside the result: then
there is something to be sure of.

`--hard` draws what random points hardly meet instead: `%` and `//` whose divisor is a power of two, with numbers so
large that all floats are its multiples; poles; corners between curved sides, at which the function is not 0; functions
that drown in their own rounding, such as 1 - cos(x) at 1e-20; and functions beside a constant of 1e12 to 1e30.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sweep import LOSSES

import autograd
from autograd import GradientMismatch, Value, check_gradients
from autograd.engine import record
from autograd.ops import BUILT_IN, TABLE, Op

ROWS = sorted(name for name in BUILT_IN if not TABLE[name].stops)
_SMALLEST = sys.float_info.min
_TOLERANCE = 1e-6


def _sum_of_squares() -> Op:
    """Return a row on many operands as a user writes it, in no table."""
    row = object.__new__(Op)
    row.__dict__.update(
        TABLE["sum"].__dict__,
        name="sum_of_squares",
        reads="sum_of_squares([{}])",
        computes=lambda *xs: autograd.sum([x * x for x in xs]),
        rules=(lambda g, z, *xs: [g * 2 * x for x in xs],),
    )
    return row


OPERATIONS = [*map(TABLE.__getitem__, ROWS), _sum_of_squares()]


class Trial(NamedTuple):
    """A graph, the operation in it that is judged, and what was planted ("" for nothing)."""

    output: Value
    op: Op
    numbers: tuple[float, ...]
    mistake: str
    place: int  # of the operand whose rule it is in
    graph: str


# Points --------------------------------------------------------------------------------------------------------------


def number(rng: random.Random, low: float, high: float) -> float:
    """Draw a number between the bounds: ordinary ones, all magnitudes, subnormals, numbers near the bounds, 0.

    Among them are those at which functions saturate.
    """
    size = rng.choice(
        [
            rng.uniform(0, 1),
            rng.uniform(0.1, 3),
            rng.uniform(0.1, 3),
            10 ** rng.uniform(-12, 12),
            10 ** rng.uniform(1, 3),
            rng.uniform(0.1, 9) * 10.0 ** rng.choice([-160, 160, -300, 300, -10, 10, rng.randint(-320, 307)]),
            5e-324 * rng.randrange(1, 2**40),
            rng.choice([0.0, 1.0]),
        ]
    )
    if math.isfinite(low) and math.isfinite(high):
        near = min(size, (high - low) / 2)
        return rng.choice([low + near, high - near, low + (high - low) * rng.random()])
    return low + size if math.isfinite(low) else rng.choice([size, -size])


LONG = 100


def many_numbers(rng: random.Random, op: Op) -> tuple[float, ...]:
    """Draw many operands, all sizes: about as large as each other, or not, a few much larger, or none with a bound."""
    sizes: Callable[[], float] = rng.choice(
        [
            lambda: 1.0,
            lambda: rng.gauss(0, 1),
            lambda: rng.choice([-1, 1]) * 10 ** rng.uniform(-3, 3),
            lambda: rng.choice([1.0] * 20 + [1e4]) * rng.uniform(0.5, 1),
            lambda: number(rng, -math.inf, math.inf),
        ]
    )
    return tuple(sizes() for _ in range(LONG * op.reads.count("{}")))


def numbers(rng: random.Random, op: Op) -> tuple[float, ...]:
    """Draw operands of an operation; some are equal."""
    if op.arity is None and rng.random() < 0.6:
        return many_numbers(rng, op)
    domain = list(op.domain) if op.arity else [(-math.inf, math.inf)] * (2 * op.reads.count("{}"))
    found = [number(rng, low, high) for low, high in domain]
    if len(found) == 2 and op.arity and rng.random() < 0.2 and domain[0] == domain[1]:
        found[1] = found[0]
    return tuple(found)


# Mistakes ------------------------------------------------------------------------------------------------------------

Pulls = Sequence[float | None]


def _scaled(factor: float) -> Callable[[float, float], float]:
    return lambda pull, g: factor * pull


MISTAKES: dict[str, Callable[[float, float], float]] = {
    "half": _scaled(0.5),
    "double": _scaled(2.0),
    "sign": _scaled(-1.0),
    "1.001": _scaled(1.001),
    "1 + 1e-4": _scaled(1.0001),
    "missing term": lambda pull, g: pull - 0.25 * g,
    "additional term": lambda pull, g: pull + g,
    "nan": lambda pull, g: math.nan,
    "zero": lambda pull, g: 0.0,
    "g forgotten": lambda pull, g: pull / g if g else pull,
    "g twice": lambda pull, g: pull * g,
}
OTHERS = ["swapped operands", "wrong branch"]


def planted(op: Op, mistake: str, place: int, only_near: Sequence[float] | None = None) -> Op:
    """Return the row with a mistake in its rule for one operand, in no table, everywhere or only near some operands."""
    wrong = object.__new__(Op)

    def is_near(x: float, y: float) -> bool:
        return 0.6 <= x / y <= 1.7 if y else abs(x) < 0.01

    def changed(z: Any, operands: Any, g: Any, pulls: Pulls) -> list[float | None]:
        found = list(pulls)
        if only_near is not None and not all(map(is_near, operands, only_near)):
            return found
        at = min(place, len(found) - 1)
        if mistake == "swapped operands":
            found[0], found[-1] = found[-1], found[0]
        elif mistake == "wrong branch":
            elsewhere = [-x for x in operands]
            found[at] = op.pulls(g, op.computes(*elsewhere), *elsewhere)[at]
        else:
            pull = found[at]
            found[at] = None if pull is None else MISTAKES[mistake](pull, g)
        return found

    def rule(i: int) -> Callable[..., Any]:
        return lambda g, z, *operands: changed(z, operands, g, op.pulls(g, z, *operands))[i]

    rules: tuple[Any, ...]
    if op.variadic:
        rules = (lambda g, z, *operands: changed(z, operands, g, op.pulls(g, z, *operands)),)
    else:
        rules = tuple(rule(i) if op.rules[i] else None for i in range(len(op.rules)))
    wrong.__dict__.update(op.__dict__, rules=rules)
    return wrong


def _one_sided(op: Op, operands: Sequence[float], place: int) -> list[float]:
    """Return the local gradient at a place, here and beside."""
    slopes = []
    for x in (operands[place], math.nextafter(operands[place], math.inf), math.nextafter(operands[place], -math.inf)):
        moved = [*operands[:place], x, *operands[place + 1 :]]
        z = op.computes(*moved)
        if not math.isnan(z):
            slopes.append(op.pulls(1.0, z, *moved)[place] or 0.0)
    return slopes


def differs(op: Op, wrong: Op, operands: Sequence[float], mistake: str) -> bool:
    """Return True if a planted rule gives other numbers here, beyond the tolerance of the check."""
    z = op.computes(*operands)
    for g in (1.0, -4.0) if mistake.startswith("g ") else (1.0,):
        pulls = zip(op.pulls(g, z, *operands), wrong.pulls(g, z, *operands), strict=True)
        for place, (right, found) in enumerate(pulls):
            if right is None or found is None or math.isnan(right):
                continue
            beside = _one_sided(op, operands, place)
            if g == 1 and min(beside) <= found <= max(beside):  # at a corner any of these can be chosen
                continue
            if found == 0 and op.name == "mod" and op.kink and op.kink(*operands) == 0:
                continue
            if math.isinf(right):
                if found == right or (math.isinf(found) and str(operands[place]) == "-0.0"):  # 1 / -0.0 is -inf
                    continue
                return True
            if math.isnan(found) or abs(found - right) > 3 * _TOLERANCE * max(abs(right), abs(found)) > 3 * _SMALLEST:
                return True
    return False


def matters(op: Op, wrong: Op, operands: Sequence[float], place: int) -> bool:
    """Return True if a planted rule changes the gradient where a sum adds the operand itself."""
    z = op.computes(*operands)
    right, found = op.pulls(-4.0, z, *operands)[place], wrong.pulls(-4.0, z, *operands)[place]
    return right is None or found is None or not abs(found - right) <= 1e-4


# Graphs --------------------------------------------------------------------------------------------------------------


def _alone(op: Op, leaves: tuple[Value, ...], rng: random.Random) -> Value:
    z: Value = record(op, leaves)
    return z


def _with_a_constant(op: Op, leaves: tuple[Value, ...], rng: random.Random) -> Value:
    """The constant is 1e12 times the result, or less: the digits of the sum still show the operands' movements."""
    z: Value = record(op, leaves)
    return z + 1e12 * min(max(abs(z.data), 1e-300), 1e290)


def _with_a_fixed_constant(op: Op, leaves: tuple[Value, ...], rng: random.Random) -> Value:
    """Whatever the size of the result: often no digit of the sum shows it."""
    z: Value = record(op, leaves)
    return 1e12 + z


def _scaled_after(op: Op, leaves: tuple[Value, ...], rng: random.Random) -> Value:
    z: Value = record(op, leaves)
    return z * 10 ** rng.uniform(-200, 200)


def _scaled_before(op: Op, leaves: tuple[Value, ...], rng: random.Random) -> Value:
    """The operands are products, whose rounding may change them a little."""
    exponent = rng.uniform(-200, 200)
    z: Value = record(op, tuple((x * 10**-exponent) * 10**exponent for x in leaves))
    return z


def _chain(op: Op, leaves: tuple[Value, ...], rng: random.Random) -> Value:
    z: Value = record(op, tuple(x * 1.0 for x in leaves)) * rng.choice([0.5, -3.0])
    return z.tanh() * 0.5 + z.sigmoid() * 2.0 + z * 0.25


def _shared(op: Op, leaves: tuple[Value, ...], rng: random.Random) -> Value:
    z: Value = record(op, leaves)
    total: Value = autograd.sum([z, z * 0.5, *leaves, z])
    return total


GRAPHS = {
    "alone": _alone,
    "with a constant": _with_a_constant,
    "with 1e12": _with_a_fixed_constant,
    "scaled after": _scaled_after,
    "scaled before": _scaled_before,
    "chain": _chain,
    "shared": _shared,
}


def trials(seed: int) -> Iterator[Trial]:
    """Make trials without end, in turn with right rules and with mistakes."""
    rng = random.Random(f"planted rules {seed}")
    for with_mistake in itertools.cycle((False, True)):
        while True:
            trial = _draw(rng, rng.choice([*MISTAKES, *OTHERS]) if with_mistake else "")
            if trial is not None:
                yield trial
                break


def _is_lost(op: Op, operands: Sequence[float]) -> bool:
    """Return True where the row's note says that its own gradient overflows on the way: there it is no right rule."""
    slopes = op.pulls(1.0, op.computes(*operands), *operands)
    finite = all(slope is None or math.isfinite(slope) for slope in slopes)
    return not finite and op.name in LOSSES and LOSSES[op.name].covers(1, *operands)


def _draw(rng: random.Random, mistake: str) -> Trial | None:
    """Draw a trial; None if the result is not finite there, or the mistake makes no difference."""
    op = judged = rng.choice(OPERATIONS)
    operands, graph, place = numbers(rng, op), rng.choice([*GRAPHS, "alone"]), 0
    if not math.isfinite(op.computes(*operands)) or _is_lost(op, operands):
        return None
    if mistake:
        place = rng.choice([i for i in range(len(operands)) if op.passes(i)])
        judged = planted(op, mistake, place, operands if rng.random() < 0.5 else None)
        if not differs(op, judged, operands, mistake):
            return None
        if graph == "shared" and not matters(op, judged, operands, place):
            return None
    output = GRAPHS[graph](judged, tuple(map(Value, operands)), rng)
    if graph == "scaled after" and not math.isfinite(output.data):
        return None
    if graph == "scaled before":
        operands = tuple(v.data for v in output.args if isinstance(v, Value))
        if not math.isfinite(output.data) or (mistake and not differs(op, judged, operands, mistake)):
            return None
    return Trial(output, op, operands, mistake, place, graph)


# Hard ones -----------------------------------------------------------------------------------------------------------

Place = tuple[Op, tuple[float, ...]]


def own_row(computes: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Op:
    """Return an operation on one operand as a user writes it, in no table."""
    row = object.__new__(Op)
    row.__dict__.update(
        TABLE["sin"].__dict__,
        name="own",
        reads="own({})",
        computes=lambda x: float(computes(x)),
        rules=(lambda g, z, x: g * slope(x),),
    )
    return row


def _divided(rng: random.Random) -> Place:
    y = rng.choice([-1, 1]) * 2.0 ** rng.choice([0, 0, rng.randint(-900, 400)])
    return TABLE[rng.choice(["mod", "floordiv"])], (y * rng.uniform(1, 2) * 2.0 ** rng.randint(-10, 600), y)


POLES: dict[str, Callable[[random.Random], tuple[float, ...]]] = {
    "div": lambda rng: (rng.uniform(-3, 3), 0.0),
    "log": lambda rng: (0.0,),
    "log2": lambda rng: (0.0,),
    "log10": lambda rng: (0.0,),
    "log1p": lambda rng: (-1.0,),
    "atanh": lambda rng: (rng.choice([-1.0, 1.0]),),
    "pow": lambda rng: (0.0, rng.choice([-1.0, -2.0, -3.0, -0.5, -1.5])),
}


def _pole(rng: random.Random) -> Place:
    name = rng.choice([*POLES])
    return TABLE[name], POLES[name](rng)


def _corner(rng: random.Random) -> Place:
    """Two parabolas or exponentials meet; the rule gives the slope of one of them, or a mean, where they do."""
    at, level = rng.choice([0.0, 1.0, -3.0, rng.uniform(-9, 9), 400.0]), rng.choice([1.0, -7.0, rng.gauss(0, 1), 0.0])
    a, b, c, d = (rng.uniform(-2, 2) for _ in range(4))
    share = rng.choice([0.0, 1.0, rng.random()])
    bent = rng.random() < 0.5

    def side(u: float, first: float, second: float) -> float:
        return first * (math.expm1(second * u) / second if bent else u + second * u * u)

    def slope(u: float, first: float, second: float) -> float:
        return first * (math.exp(second * u) if bent else 1 + 2 * second * u)

    def computes(x: float) -> float:
        return level + (side(x - at, a, b) if x < at else side(x - at, c, d))

    def rule(x: float) -> float:
        part = share if x == at else float(x > at)
        return (1 - part) * slope(x - at, a, b) + part * slope(x - at, c, d)

    return own_row(computes, rule), (rng.choice([at, at, at, at + rng.gauss(0, 1)]),)


DROWNED: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda x: 1 - autograd.cos(x), autograd.sin),
    (lambda x: autograd.log(1 + x * x), lambda x: 2 * x / (1 + x * x)),
    (lambda x: autograd.sqrt(1 + x * x) - 1, lambda x: x / autograd.sqrt(1 + x * x)),
    (lambda x: autograd.exp(x) - 1 - x, autograd.expm1),
    (lambda x: (1 + x) * (1 + x) - 1, lambda x: 2 + 2 * x),
    (lambda x: autograd.cosh(x) - 1, autograd.sinh),
]


def _drowned(rng: random.Random) -> Place:
    return own_row(*rng.choice(DROWNED)), (
        rng.choice([-1, 1]) * 10 ** rng.choice([rng.uniform(-20, 0), -rng.random() * 160]),
    )


BOUNDED: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda x: x, lambda x: x * 0 + 1),
    (autograd.sin, autograd.cos),
    (autograd.atan, lambda x: 1 / (1 + x * x)),
    (lambda x: x * x, lambda x: 2 * x),
    (autograd.exp, autograd.exp),
]


def _beside_a_constant(rng: random.Random) -> Place:
    (computes, slope), large = rng.choice(BOUNDED), rng.choice([1e16, 1e20, 10 ** rng.uniform(12, 30)])
    return own_row(lambda x: computes(x) + large, slope), (rng.choice([1.0, rng.gauss(0, 1), rng.uniform(-30, 30)]),)


HARD: dict[str, Callable[[random.Random], Place]] = {
    "powers of two": _divided,
    "poles": _pole,
    "curved corners": _corner,
    "drowned": _drowned,
    "large constants": _beside_a_constant,
}


def hard_trials(seed: int) -> Iterator[Trial]:
    """Make hard trials without end, in turn with right rules and with mistakes."""
    rng = random.Random(f"hard {seed}")
    for kind in itertools.cycle(HARD):
        yield _draw_hard(rng, kind, with_mistake=False)
        yield _draw_hard(rng, kind, with_mistake=True)


def _draw_hard(rng: random.Random, kind: str, *, with_mistake: bool) -> Trial:
    while True:
        op, operands = HARD[kind](rng)
        judged, place, mistake = op, 0, ""
        if with_mistake:
            mistake = rng.choice([*MISTAKES])
            place = rng.choice([i for i in range(len(operands)) if op.passes(i)])
            judged = planted(op, mistake, place, operands if rng.random() < 0.5 else None)
            if not differs(op, judged, operands, mistake):
                continue
        return Trial(_alone(judged, tuple(map(Value, operands)), rng), op, operands, mistake, place, kind)


# Verdicts ------------------------------------------------------------------------------------------------------------


def verdict(trial: Trial) -> str:
    """Return the verdict of the check on the operand with the planted rule, or the worst one if there is none."""
    try:
        found = [line.verdict for line in check_gradients(trial.output)]
    except GradientMismatch:
        return "wrong"
    if trial.mistake:
        return "unsure" if trial.mistake == "swapped operands" and "unsure" in found else found[trial.place]
    return next(word for word in ("kink", "unsure", "ok") if word in found)


def has_something_to_be_sure_of(trial: Trial) -> bool:
    """Return True if the derivatives by the operands are normal numbers, and the operation is smooth there."""
    inside = all(low < x < high for x, (low, high) in zip(trial.numbers, trial.op.domain))
    if trial.op.name in ("mod", "floordiv"):  # jumps closer than floats are not smooth
        inside = abs(trial.numbers[0]) < 2.0**45 * abs(trial.numbers[1])
    z = trial.op.computes(*trial.numbers)
    slopes = trial.op.pulls(1.0, z, *trial.numbers)
    if trial.op.arity is None and any(abs(slope * x) < 1e-6 * abs(z) for slope, x in zip(slopes, trial.numbers)):
        return False
    return inside and all(slope is None or _SMALLEST <= abs(slope) < math.inf for slope in slopes)


def planted_rules(seed: int, count: int = 40) -> int:
    """Judge right and wrong rules. Returns the number of trials."""
    found = results(seed, count)
    assert not found.alarms, found.alarms
    assert not found.misses, found.misses
    return count


class Results(NamedTuple):
    """The verdicts on right and on planted rules, and the trials on which they are mistaken."""

    right: Counter[str]
    planted: Counter[str]
    unsure: int  # of the right rules where there is something to be sure of ...
    sure: int  # ... of so many
    alarms: list[Trial]
    misses: list[Trial]
    doubtful: list[Trial]
    planted_unsure: int  # of the planted rules where there is something to be sure of ...
    planted_sure: int  # ... of so many


def results(seed: int, count: int, drawn: Callable[[int], Iterator[Trial]] = trials) -> Results:
    """Judge so many trials."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    sure: Counter[bool] = Counter()
    unsure: Counter[bool] = Counter()
    alarms, misses, doubtful = [], [], []
    for _, trial in zip(range(count), drawn(seed)):
        word, is_planted = verdict(trial), bool(trial.mistake)
        (wrong if is_planted else right)[word] += 1
        if is_planted and word in ("ok", "kink"):
            misses.append(trial)
        if word == "wrong" and not is_planted:
            alarms.append(trial)
        if has_something_to_be_sure_of(trial):
            sure[is_planted] += 1
            unsure[is_planted] += word == "unsure"
            if word == "unsure":
                doubtful.append(trial)
    return Results(right, wrong, unsure[False], sure[False], alarms, misses, doubtful, unsure[True], sure[True])


def main() -> None:
    """Print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--hard", action="store_true")
    options = parser.parse_args()
    found = results(options.seed, options.count, hard_trials if options.hard else trials)
    print("right rules:", dict(found.right), f"; unsure {found.unsure} of {found.sure} with a normal derivative")
    print("planted rules:", dict(found.planted), f"; unsure {found.planted_unsure} of {found.planted_sure}")
    for name, trials_ in (("false alarms", found.alarms), ("misses", found.misses), ("unsure", found.doubtful)):
        print(f"{name}: {len(trials_)}")
        for trial in trials_[: options.show]:
            print("   ", trial.op.name, trial.numbers, trial.mistake, trial.graph)


if __name__ == "__main__":
    main()
