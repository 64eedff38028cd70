"""The table of operations, row by row: every test here loops over the table, so a new row brings its tests with it."""

from __future__ import annotations

import itertools
import math
import pydoc
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import pytest
from make_stubs import summary
from mpmath import mp
from reference import spread

import autograd
from autograd import Value, engine, grad
from autograd.notes import NOTES
from autograd.ops import TABLE, Op

ROWS = list(TABLE.values())
ONE = mp.mpf(1)

# What mpmath has under no name of its own. Every row needs a function here or there.
REFERENCES: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: mp.mpf(2) ** x,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "relu": lambda x: max(x, 0),
    "sigmoid": lambda x: ONE / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "log_sigmoid": lambda x: -mp.log1p(mp.exp(-x)),
    "logaddexp": lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * mp.expm1(x),
    "gelu": lambda x: x * mp.ncdf(min(max(x, -(10**9)), 10**9)),  # as for erfc
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "clip": lambda x, low, high: min(max(x, low), high),
    "step": lambda x: ONE if x > 0 else 0 * ONE,
    "stop_gradient": lambda x: x,
    "where": lambda c, x, y: x if c > 0 else y,
    "dot": lambda xs, ys: sum((x * y for x, y in zip(xs, ys, strict=True)), 0 * ONE),
    "erfc": lambda x: mp.erfc(min(x, 10**9)),  # vanishes: mpmath cannot say how small it is
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "round": mp.nint,  # of two the even one
    "mod": lambda x, y: x % y if y else x / y,  # which raises
    "floordiv": lambda x, y: mp.floor(x / y),
    "log": mp.log,
    "abs": abs,
    "largest": max,
    "smallest": min,
    "max": max,
    "min": min,
    "sum": sum,
}
# How far rounding may take a value from the right one, where that is more than 2 ULP.
ULPS = {"cbrt": 5, "erfc": 5, "sigmoid": 4, "softplus": 4, "dot": 4, "sum": 4}
CONDITIONED = {"gelu", "logaddexp"}
"""Rows whose values are that near only per conditioning, 1 + the sum of |x * f'(x) / f(x)| over the operands."""
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 5e-324, 1e-160, 1e200, -1e308, math.inf, -math.inf, math.nan]


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    with mp.workdps(50):
        yield


def arity(op: Op) -> int:
    return op.arity or 4  # four stand for any number


def reference(op: Op) -> Callable[..., Any]:
    """Return the row's value at 50 digits: its formula, evaluated by mpmath."""
    function = REFERENCES.get(op.name, getattr(mpmath, op.name, None))
    if "(" not in op.reads and op.name in REFERENCES:  # an operator that mpmath's numbers lack
        return REFERENCES[op.name]
    names = [f"x{i}" for i in range(arity(op))]
    formula = op.read(*names)
    assert function or "(" not in op.reads, f"no reference for {op.name}: add it to REFERENCES"
    code = compile(formula, op.name, "eval")
    return lambda *xs: eval(code, {op.name: function, **dict(zip(names, xs, strict=True))})


def points(op: Op, n: int, wide: bool = False) -> list[list[float]]:
    """Points of the row's domain, away from its ends, its kinks and zero; `wide`: of all magnitudes, near them too."""
    rng = random.Random(op.name)
    domain = op.domain if op.arity else [(-math.inf, math.inf)] * arity(op)

    def pick(low: float, high: float) -> float:
        if not wide:
            return rng.uniform(max(low, -8.0), min(high, 8.0))
        origin, sign = max(low, 0.0), 1 if low >= 0 else rng.choice([-1, 1])
        reach = min((high if sign > 0 else -low) - origin, 300.0)
        return origin + sign * 10 ** rng.uniform(-10, math.log10(reach))

    def fits(xs: list[float]) -> bool:
        ends = [(x, end) for x, interval in zip(xs, domain, strict=True) for end in (*interval, 0.0)]
        clear = all(abs(x - end) > (1e-12 if wide and end else 0.0 if wide else 0.02) for x, end in ends)
        return clear and (op.kink is None or abs(op.kink(*xs)) > 0.1)

    tries = ([pick(low, high) for low, high in domain] for _ in range(100 * n))
    return list(itertools.islice(filter(fits, tries), n))


def record(op: Op, xs: list[float]) -> tuple[Value, list[Value]]:
    values = [Value(x) for x in xs]
    return engine.record(op, tuple(values)), values


def gradient(op: Op, xs: list[float]) -> list[float]:
    z, values = record(op, xs)
    return [g.data for g in grad(z, values)]


def differentiable(op: Op, f: Callable[..., Any], xs: Sequence[Any]) -> Callable[..., Any]:
    """Return f, or where the row stops gradients, the constant f(xs): that is what its derivatives are those of."""
    return (lambda *_: f(*xs)) if TABLE[op.name].stops else f


def close(got: float, want: Any, rtol: float) -> bool:
    return bool(abs(mp.mpf(got) - want) <= rtol * abs(want))


def check_derivatives_against_mpmath(op: Op, n: int = 12) -> None:
    for xs in points(op, n):
        at = tuple(map(mp.mpf, xs))
        f = differentiable(op, reference(op), at)
        z, values = record(op, xs)
        first = grad(z, values)
        z.backward()
        for i, g in enumerate(first):
            order = [int(k == i) for k in range(len(xs))]
            want = mp.diff(f, at, tuple(order))
            assert close(g.data, want, 1e-9), f"d{op.name}/dx{i} at {xs}: {g.data}, not {want}"
            assert values[i].grad == g.data, f"backward and grad differ in {op.name} at {xs}"
            for j, second in enumerate(grad(g, values)):
                orders = tuple(k + int(m == j) for m, k in enumerate(order))
                want = mp.diff(f, at, orders)
                known_zero = abs(want) < 1e-25  # what is 0 to 50 digits has no relative error
                good = abs(second.data) < 1e-12 if known_zero else close(second.data, want, 1e-9)
                assert good, f"d²{op.name}/dx{i}dx{j} at {xs}: {second.data}, not {want}"


def check_derivatives_against_differences(op: Op, n: int = 24) -> None:
    def slope(f: Callable[[float], float], x: float, h: float = 2e-3) -> float:
        """Five points, whose error is of order h⁴."""
        return (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)

    def near(got: float, want: float, scale: float) -> bool:
        return abs(got - want) <= 1e-6 * max(1.0, abs(want), scale)

    for xs in points(op, n):
        if any(abs(x - end) < 0.3 for x, d in zip(xs, op.domain, strict=False) for end in (*d, 0.0)):
            continue  # near a singularity, and 0 is one of many rows, the difference is wrong, not the rule
        for i, x in enumerate(xs):

            def moved(t: float, xs: list[float] = xs, i: int = i) -> list[float]:
                return [*xs[:i], t, *xs[i + 1 :]]

            f = differentiable(op, op.computes, xs)
            want = slope(lambda t: f(*moved(t)), x)  # noqa: B023  # called at once
            got = gradient(op, xs)[i]
            assert near(got, want, abs(op.computes(*xs))), f"d{op.name}/dx{i} at {xs}: {got}, not {want}"
            want = slope(lambda t: gradient(op, moved(t))[i], x)  # noqa: B023
            z, values = record(op, xs)
            second = grad(grad(z, values[i]), values[i]).data
            assert near(second, want, abs(got)), f"d²{op.name}/dx{i}² at {xs}: {second}, not {want}"


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_values_are_right_to_the_last_bits(op: Op) -> None:
    f, worst = reference(op), (0.0, "")
    for xs in points(op, 150) + points(op, 150, wide=True):
        got, want = op.computes(*xs), f(*map(mp.mpf, xs))
        if abs(want) > 1.7e308 or 0 < abs(want) < 1e-300:
            continue
        size = f(*(mp.mpf(abs(x)) for x in xs)) if op.variadic else want  # terms of either sign may cancel
        error = math.inf if math.isnan(got) else abs(mp.mpf(got) - want) / math.ulp(float(size))
        if error > 2 and op.name in CONDITIONED:
            orders = [tuple(int(k == i) for k in range(len(xs))) for i in range(len(xs))]
            slopes = [mp.diff(f, tuple(map(mp.mpf, xs)), order) for order in orders]
            error /= 1 + sum(abs(x * slope / want) for x, slope in zip(xs, slopes, strict=True))
        worst = max(worst, (error, f"{op.name}{xs} = {got}, not {mp.nstr(want, 20)}"))
    assert worst[0] <= ULPS.get(op.name, 2), f"off by up to {mp.nstr(worst[0], 4)} ULP, the most in {worst[1]}"


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_first_and_second_derivatives_against_fifty_digits(op: Op) -> None:
    check_derivatives_against_mpmath(op)


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_first_and_second_derivatives_against_differences(op: Op) -> None:
    check_derivatives_against_differences(op)


@pytest.mark.parametrize("op", [op for op in ROWS if op.arity == 1], ids=lambda op: op.name)
def test_at_the_ends_of_its_domain_the_derivative_is_its_limit(op: Op) -> None:
    f = reference(op)
    for end, inwards in ((op.domain[0][0], 1), (op.domain[0][1], -1)):
        if math.isinf(end) or not math.isfinite(end) or op.name == "tan":  # the float nearest to π/2 is no pole
            continue
        (got,) = gradient(op, [end])
        close_by, closer = (
            mp.diff(f, mp.mpf(end) + inwards * d, h=d / 1000) for d in (mp.mpf("1e-20"), mp.mpf("1e-24"))
        )
        if abs(closer) > 10 * abs(close_by):  # the limit is infinite
            assert abs(got) == math.inf, f"d{op.name} at {end}: {got}"
            assert got * closer > 0
        else:
            assert close(got, closer, 1e-9), f"d{op.name} at {end}: {got}, not {closer}"


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_no_float_makes_a_row_raise(op: Op) -> None:
    special = SPECIAL + [end for domain in op.domain for end in domain]
    for xs in itertools.product(special if arity(op) < 4 else SPECIAL[::4], repeat=arity(op)):
        z, values = record(op, list(xs))
        assert type(z.data) is float
        for g in grad(z, values):
            assert type(g.data) is float
            for second in grad(g, values):
                assert type(second.data) is float
        z.backward()


def with_rules(op: Op, *rules: Any) -> Op:
    """The row with other rules, in no table."""
    planted = object.__new__(Op)
    planted.__dict__.update(op.__dict__, rules=rules, stops=False)
    return planted


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_a_planted_wrong_rule_is_caught(op: Op) -> None:
    """The checks above, on rows with one rule slightly off: each has to object."""
    for i in range(len(op.rules)):

        def wrong(*args: Any, i: int = i) -> Any:
            rule = op.rules[i]
            pull: Any = 0.0 if rule is None else rule(*args)
            return [1.0001 * p + 1e-5 for p in pull] if op.variadic else 1.0001 * pull + 1e-5

        planted = with_rules(op, *op.rules[:i], wrong, *op.rules[i + 1 :])
        for check in (check_derivatives_against_mpmath, check_derivatives_against_differences):
            with pytest.raises(AssertionError, match="not"):
                check(planted)


def test_the_mpmath_check_sees_what_nudging_cannot() -> None:
    """The rule of tanh off by one part in a hundred million."""
    planted = with_rules(TABLE["tanh"], lambda g, z, x: g * (1 - z * z) * (1 + 1e-8))
    with pytest.raises(AssertionError, match="not"):
        check_derivatives_against_mpmath(planted)


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_a_row_is_a_function_and_a_method(op: Op) -> None:
    function = getattr(autograd, op.name)
    assert function is op
    xs = points(op, 1)[0]
    want = op.computes(*xs)
    if op.variadic:
        assert not hasattr(Value, op.name)
        function = spread(op)
    assert function(*xs) == want
    assert type(function(*xs)) is float
    values = [Value(x) for x in xs]
    assert function(*values).data == want
    if not op.variadic:
        by_method = getattr(values[0], op.name)(*values[1:])
        assert by_method.data == want
        assert by_method.op is op
        assert by_method.args == tuple(values)
    mixed = function(values[0], *xs[1:])
    assert mixed.data == want
    assert mixed.args == (values[0], *xs[1:])
    if not op.many:
        with pytest.raises(TypeError):
            op(*xs, 1.0, 2.0, 3.0)


def test_the_notes_are_those_of_the_rows_in_their_order() -> None:
    assert list(NOTES) == [op.name for op in ROWS]


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_a_row_explains_itself(op: Op) -> None:
    assert op.name in repr(op)
    assert "floats in, float out" in (op.__doc__ or "")
    words = re.findall(r"[A-Za-z]{2,}", summary(op))
    assert len(words) >= 2, "the first sentence of its note says in words what it is"
    assert op.note in pydoc.plain(pydoc.render_doc(op)).replace("\n    ", "\n")
    assert op.symbol
    assert op.read(*"abcd"[: arity(op)])
