"""Measure the derivatives of order 1, 2 and 3 of every row of the table, over the whole range of floats.

    python tests/sweep.py                                a few minutes on all processors; prints the table
    python tests/sweep.py --only atan2 pow --points 500  two rows, at more points
    python tests/sweep.py --gradient 1e200               first derivatives, with that gradient from above
    python tests/sweep.py --write docs/accuracy.md       the table of the page

The right values are differences of mpmath's function, with steps so small, and so many digits, that they are right to
more digits than a float has. The exit status is 1 if a derivative is beyond its bound, and the row's note does not say
so.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
from mpmath import mp
from reference import ROWS, spread
from test_table import differentiable, reference

from autograd import Value, grad
from autograd.ops import TABLE, Op

sys.path.append(str(Path(__file__).parent / "benchmarks"))
from turns import table

Point = tuple[float, ...]
Orders = tuple[int, ...]
"""How often to differentiate by each operand."""

SMALLEST_NORMAL, LARGEST, EPSILON = sys.float_info.min, sys.float_info.max, sys.float_info.epsilon
FIRST, HIGHER = 8 * EPSILON, 1e-9
"""The bounds of relative errors: of a first derivative, per conditioning; of a higher one."""

SINGULAR_AT_0 = {"cbrt", "hypot", "atan2"}
"""The rows whose derivatives have no limit where all operands are 0."""

NEARNESS = 40
"""Steps are 1e-40 of the distance to where a function is not smooth, so that their squares vanish beside 1e-16."""


class Loss(NamedTuple):
    """A loss of digits that the note of a row tells."""

    note: str
    """The words of the note."""
    covers: Callable[..., bool]
    """Takes the order and the operands."""


LOSSES: dict[str, Loss] = {
    "tanh": Loss("it loses digits as |x| grows", lambda order, x: abs(x) > 1),
    "div": Loss(
        "no more digits than x / y, where this is subnormal. Higher derivatives multiply powers of 1 / y, which may "
        "overflow on the way (|y| < 1e-100)",
        lambda order, x, y: (x != 0 and abs(x) < SMALLEST_NORMAL * abs(y)) or (order > 1 and abs(y) < 1e-100),
    ),
    **dict.fromkeys(
        ("atan2", "hypot"),
        Loss(
            "multiplies n - 1 factors of 1 / hypot(x, y), whose product may overflow on the way",
            lambda order, x, y: order > 1 and math.hypot(x, y) < 1e-308 ** (1 / (order - 1)),
        ),
    ),
    "pow": Loss(
        "where |y| < 0.1, rounding y - 1 loses digits, up to |log(x)| / 2 units in the last place, and where x is "
        "subnormal, 1 / x overflows. Higher derivatives multiply x**y by powers of y, log(x) and 1 / x, which may "
        "overflow or vanish on the way (|x| < 1e-100, |y| > 1e100, x**y above 1e300 or below 1e-300)",
        lambda order, x, y: (
            abs(x) < SMALLEST_NORMAL or 0 < abs(y) < 0.1
            if order == 1
            else abs(x) < 1e-100 or abs(y) > 1e100 or not 1e-300 < abs(TABLE["pow"](x, y)) < 1e300
        ),
    ),
}
"""What is exempt from the bounds: nothing but what the notes of the rows say."""


# ------------------------------------------------------------------------------------------------------ right values


def weights(order: int) -> dict[int, Any]:
    """Return the weight of the function at each multiple of the step, in the central difference of that order."""
    half = mp.mpf(1) / 2
    return {
        0: {0: 1},
        1: {1: half, -1: -half},
        2: {1: 1, 0: -2, -1: 1},
        3: {2: half, 1: -1, -1: 1, -2: -half},
        4: {2: 1, 1: -4, 0: 6, -1: -4, -2: 1},
    }[order]


def steps(op: Op, at: Point) -> list[Any]:
    """Return a step for each operand, short beside the distance to any point where the function is not smooth."""
    sizes, smooth = [abs(mp.mpf(x)) for x in at], []
    for i, x in enumerate(sizes):
        ends = [abs(x - abs(mp.mpf(end))) for domain in op.domain[i : i + 1] for end in domain if math.isfinite(end)]
        smooth.append(min([1, *filter(None, [*ends, x] if x else sizes)]))
    if op.name == "pow":  # x**y changes over x / y, and over 1 / log(x)
        x, y = sizes
        smooth = [smooth[0] / (1 + y), smooth[1] / (1 + abs(mp.log(x)) if x else 1)]
    if op.name in ("mod", "floordiv") and all(at):  # they jump where x / y is whole
        x, y = sizes
        jump = min(x % y, -x % y)
        smooth = [min(smooth[0], jump), min(smooth[1], jump * y / (x + y))]
    if op.name == "tan":
        smooth = [smooth[0] * abs(mp.cos(at[0]))]
    return [mp.mpf(10) ** -NEARNESS * size for size in smooth]


def difference(f: Callable[..., Any], at: Point, orders: Orders, h: Sequence[Any]) -> Any:
    """Return the central difference with these steps; None where the function is infinite, or not real."""
    total = mp.mpf(0)
    for places in itertools.product(*map(weights, orders)):
        weight = math.prod(weights(n)[i] for n, i in zip(orders, places, strict=True))
        try:
            z = f(*(mp.mpf(x) + i * step for x, i, step in zip(at, places, h, strict=True)))
        except (ZeroDivisionError, ValueError):
            return None
        if isinstance(z, mpmath.mpc) or not mp.isfinite(z):
            return None
        total += weight * z
    return total / math.prod(step**n for n, step in zip(orders, h, strict=True))


@functools.lru_cache(10_000)  # of one order for its own sake, and for the conditioning of the order below
def right_derivative(op: Op, at: Point, orders: Orders) -> Any:
    """Return the derivative, right to more digits than a float has; None where the function is not smooth."""
    with mp.workdps(400):  # for the distances to poles
        h = steps(op, at)
        lost = sum(n * -int(mp.log10(step)) for n, step in zip(orders, h, strict=True))
        large = sum(max(0, int(math.log10(abs(x)))) for x in at if x)
    with mp.workdps(2 * NEARNESS + 330 + lost + large):
        f = differentiable(op, reference(op), tuple(map(mp.mpf, at)))
        if difference(f, at, (0,) * len(at), h) is None:
            return None
        derivative, check = (difference(f, at, orders, [step / n for step in h]) for n in (1, 7))
        if derivative is None or check is None:
            return None
        near = abs(derivative - check) <= abs(check) * EPSILON / 100 + mp.mpf("1e-340")
        return derivative if near else None


def conditioning(op: Op, at: Point, orders: Orders, size: Any) -> Any:
    """Return 1 + the sum of |x * (df/dx)| / size over the operands, where f is the derivative of those orders."""
    total = mp.mpf(1)
    for i, x in enumerate(at):
        slope = right_derivative(op, at, tuple(n + (i == j) for j, n in enumerate(orders)))
        total += abs(x * slope) / size if slope else 0
    return total


# ------------------------------------------------------------------------------------------------------------ points


def of_any_size(rng: random.Random) -> float:
    return float(f"{rng.uniform(1, 10)}e{rng.randint(-323, 307)}")


def moderate(rng: random.Random) -> float:
    return rng.uniform(0, rng.choice([1, 5, 40]))


def near_one(rng: random.Random) -> float:
    return 1 + rng.choice([-1, 1]) * rng.uniform(1, 10) * 10.0 ** rng.randint(-16, -2)


def small(rng: random.Random) -> float:
    return rng.uniform(1, 10) * 10.0 ** rng.randint(-20, -1)


def large(rng: random.Random) -> float:
    return rng.uniform(1, 10) * 10.0 ** rng.randint(1, 20)


def where_exponentials_end(rng: random.Random) -> float:
    """Return a number near those where exp, exp2 or exp(-x * x) overflows or vanishes."""
    return rng.uniform(*rng.choice([(690, 750), (1018, 1027), (1018, 1076), (25, 28)]))


KINDS = [of_any_size, moderate, near_one, small, large, where_exponentials_end]
POSITIVE = [5e-324, 1e-310, 1e-160, 1e-80, 1e-10, 0.5, 1.0, 2.0, 3.0, 709.78, 1024.0, 1e10, 1e80, 1e102, 1e160, 1e300]
SPECIAL = [0.0, *POSITIVE, *(-x for x in POSITIVE)]


def any_number(rng: random.Random) -> float:
    return rng.choice([-1, 1]) * rng.choice(KINDS)(rng)


def any_pair(rng: random.Random) -> Point:
    """Return two operands, of sizes that have nothing or much to do with each other."""
    x, y = any_number(rng), any_number(rng)
    return rng.choice(
        [
            (x, y),
            (x, x * rng.choice([1, -1, near_one(rng), small(rng), large(rng)])),
            rng.choice([(x, 0.0), (0.0, y)]),
            (abs(x), rng.uniform(-800, 800) / (math.log(abs(x)) or 1.0)),  # where x**y is a float, or just not
            (x, rng.choice([-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])),
        ]
    )


def points(op: Op, count: int, seed: int = 0) -> list[Point]:
    """Return points of the row: special ones (of pairs, up to four times `count`), then `count` random ones."""
    rng = random.Random(f"{op.name} {seed}")
    n = op.arity or 4
    special = list(itertools.product(*[SPECIAL] * n)) if n < 3 else []
    special = rng.sample(special, min(len(special), max(len(SPECIAL), 4 * count)))
    low, high = op.domain[0]

    def number() -> float:
        x = any_number(rng)
        return x if low <= x <= high or op.name == "tan" else math.copysign(near_one(rng), x)

    scattered = [any_pair(rng) if n == 2 else tuple(number() for _ in range(n)) for _ in range(count)]
    finite = [at for at in special + scattered if all(map(math.isfinite, at))]
    return [at for at in finite if any(at) or op.name not in SINGULAR_AT_0]


# ------------------------------------------------------------------------------------------------------ measurements


class Measured(NamedTuple):
    """The error of one derivative."""

    excess: float
    """How many times its bound."""
    error: float
    """Relative to the right value; of a first derivative, per conditioning."""
    at: Point
    by: str
    got: float
    want: str


def error_of(op: Op, at: Point, orders: Orders, got: Any, want: Any) -> tuple[float, float]:
    """Return the error of a derivative, and how many times its bound that is.

    For right values below the normal numbers, 0 included, errors are relative to the smallest normal one. The bound is
    wider where the derivative itself is ill-conditioned: near its zeros.
    """
    if not mp.isfinite(got):
        return math.inf, math.inf
    size = max(abs(want), mp.mpf(SMALLEST_NORMAL))
    error = abs(got - want) / size
    bound = FIRST if sum(orders) == 1 and abs(want) == size else HIGHER
    if error > bound:
        error, bound = error / conditioning(op, at, orders, size), FIRST
    return float(error), float(error / bound)


def derivatives(op: Op, at: Point, order: int, factor: float) -> Iterator[tuple[Orders, str, float]]:
    """Return every derivative of `factor * op`, by every sequence of operands: its orders, the sequence, the number."""
    values = [Value(x) for x in at]
    graphs: dict[tuple[int, ...], Value] = {(): (op if op.arity else spread(op))(*values) * factor}
    for length in range(1, order + 1):
        for path in itertools.product(range(len(at)), repeat=length):
            graphs[path] = grad(graphs[path[:-1]], values[path[-1]])
            if length == order:
                orders = tuple(map(path.count, range(len(at))))
                yield orders, " ".join("d" + "xyzw"[i] for i in path), graphs[path].data


def measure(op: Op, order: int, ats: Iterable[Point], factor: float = 1.0) -> tuple[int, Measured | None]:
    """Return how many derivatives of that order are normal numbers or 0, and the one nearest to its bound, or beyond.

    Kinks, and what the row's note exempts, are left out. With a factor, the gradient that rules get from above is that,
    and what they return is divided by it; products with the factor that are not normal numbers are left out too.
    """
    loss, worst, tried = LOSSES.get(op.name), None, 0
    for at in ats:
        if (op.kink is not None and op.kink(*at) == 0) or (loss and loss.covers(order, *at)):
            continue
        right: dict[Orders, Any] = {}
        for orders, by, got in derivatives(op, at, order, factor):
            if orders not in right:
                right[orders] = right_derivative(op, at, orders)
            want = right[orders]
            if want is None or abs(want) > LARGEST:
                continue
            if factor != 1 and not (abs(want) >= SMALLEST_NORMAL and SMALLEST_NORMAL <= abs(want * factor) <= LARGEST):
                continue
            tried += 1
            error, excess = error_of(op, at, orders, mp.mpf(got) / factor, want)
            if worst is None or excess > worst.excess:
                worst = Measured(excess, error, at, by, got, mp.nstr(want, 17))
    return tried, worst


def job(name: str, order: int, count: int, seed: int, factor: float) -> tuple[int, Measured | None]:
    return measure(TABLE[name], order, points(TABLE[name], count, seed), factor)


# ------------------------------------------------------------------------------------------------------------- table

POINTS, SEED = 200, 0
"""The random points of each row, and their seed, on the page."""

FIGURES = re.compile("(?<=<!-- figures -->\n).*(?=<!-- end -->)", re.DOTALL)
"""The place of the table on the page."""


def cells(order: int, tried: int, worst: Measured | None) -> list[str]:
    if worst is None or worst.error == 0:
        return ["0", "", f"{tried:,}"]
    error = f"{worst.error / EPSILON:.2g} ε" if order == 1 else f"{worst.error:.1g}"
    return [error, f"{worst.by} at {', '.join(f'{x:.4g}' for x in worst.at)}", f"{tried:,}"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=[op.name for op in ROWS], metavar="row", help="rows to measure")
    parser.add_argument("--points", type=int, default=POINTS, help="random points for each row")
    parser.add_argument("--seed", type=int, default=SEED, help="of the random points")
    parser.add_argument("--gradient", type=float, default=1.0, help="from above; if it is not 1, for first derivatives")
    parser.add_argument("--write", type=Path, help="the page whose table to replace")
    options = parser.parse_args(arguments)
    orders = (1, 2, 3) if options.gradient == 1 else (1,)
    jobs = [(op.name, order) for op in ROWS if not options.only or op.name in options.only for order in orders]
    rows, broken = [], 0
    with ProcessPoolExecutor() as processes:
        same = (options.points, options.seed, options.gradient)
        results = processes.map(job, *zip(*jobs), *([x] * len(jobs) for x in same))
        for (name, order), (tried, worst) in zip(jobs, results):
            rows.append([f"`{name}`" + " (note)" * (name in LOSSES), f"{order}.", *cells(order, tried, worst)])
            if worst and worst.excess > 1:
                broken += 1
                print(
                    f"{name}: {worst.by} at {worst.at} is {worst.got!r}, not {worst.want}", file=sys.stderr, flush=True
                )
    figures = table(["row", "order", "error", "worst", "tried"], rows)
    print(figures)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(FIGURES.sub(lambda _: figures + "\n", page), encoding="utf-8")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
