"""The functions on the page of recipes: values and two derivatives against mpmath, at 50 digits and more."""

from __future__ import annotations

import math
import random
import re
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mpmath as mp
import pytest
from cases import cases
from needs import lacking

import autograd
from autograd import Value, grad, nn
from autograd.trees import tree_leaves, tree_map

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"

NEAR = [-40.25, -6.5, -1.25, -0.4, 0.0, 0.3, 0.9, 1.75, 5.5, 30.25]
TINY, LARGE = [1e-300, 1e-9, 1e-4], [110.25, 710.5, 1e5, 1e10, 1e154, 1e200, 1e308]
FAR = [sign * x for sign in (-1, 1) for x in [*TINY, *LARGE]]
LINE = [*NEAR, *FAR]
NOT_0 = [x for x in LINE if x]
NOT_SUBNORMAL = [x for x in LINE if not 37 < abs(x) < 40.5]  # of densities: the others are subnormal there, or 0
POSITIVE = [*TINY, 0.4, 1.5, 7.25, 1e3, *LARGE]
UNIT = [*TINY, 0.2, 0.5, 0.9, 0.999]
LISTS = [([3.0, -4.0, 12.0],), ([0.5, 0.25, 8.0, -2.0],)]
PAIRS_OF_LISTS = [([1.0, 2.0, -0.5], [0.5, 3.0, 2.0])]


def cut(x: Any, low: float, high: float) -> Any:
    return min(max(x, mp.mpf(low)), mp.mpf(high))


def product(xs: Any) -> Any:
    return mp.fprod(xs)


def mean(xs: Any) -> Any:
    return mp.fsum(xs) / len(xs)


# For each recipe: a reference, and the arguments to compare at.
RECIPES: dict[str, tuple[Callable[..., Any], Sequence[Any]]] = {
    "mish": (lambda x: x * mp.tanh(mp.log1p(mp.exp(x))), LINE),
    "selu": (
        lambda x: mp.mpf("1.0507009873554805") * (x if x > 0 else mp.mpf("1.6732632423543772") * mp.expm1(x)),
        LINE,
    ),
    "celu": (lambda x, a=1: x if x > 0 else a * mp.expm1(x / mp.mpf(a)), [*LINE, (-3.0, 2.0), (3.0, 2.0)]),
    "softsign": (lambda x: x / (1 + abs(x)), [*LINE, 1.0, -1.0]),
    "tanhshrink": (lambda x: x - mp.tanh(x), [x for x in LINE if abs(x) > 0.1 or x == 0]),
    "hardtanh": (lambda x: cut(x, -1, 1), LINE),
    "relu6": (lambda x: cut(x, 0, 6), LINE),
    "hardsigmoid": (lambda x: cut(x + 3, 0, 6) / 6, LINE),
    "hardswish": (lambda x: x * cut(x + 3, 0, 6) / 6, LINE),
    "square": (lambda x: x * x, LINE),
    "reciprocal": (lambda x: 1 / x, NOT_0),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), POSITIVE),
    "norm": (lambda xs: mp.sqrt(mp.fsum(x * x for x in xs)), [*LISTS, ([3e200, 4e200],), ([],)]),
    "fast_norm": (lambda xs: mp.sqrt(mp.fsum(x * x for x in xs)), LISTS),
    "cosine_similarity": (
        lambda xs, ys: mp.fdot(xs, ys) / mp.sqrt(mp.fdot(xs, xs) * mp.fdot(ys, ys)),
        PAIRS_OF_LISTS,
    ),
    "product": (product, [*LISTS, ([],)]),
    "sec": (mp.sec, LINE),
    "csc": (mp.csc, NOT_0),
    "cot": (mp.cot, NOT_0),
    "asec": (mp.asec, [-7.0, -1.5, 1.25, 40.0, 1e10]),
    "sech": (mp.sech, [*LINE, 700.0, 1.0]),
    "degrees": (mp.degrees, LINE),
    "radians": (mp.radians, LINE),
    "trunc": (lambda x: mp.floor(x) if x > 0 else mp.ceil(x), LINE),
    "fraction": (lambda x: x - (mp.floor(x) if x > 0 else mp.ceil(x)), LINE),
    "fmod": (lambda x, y: x - y * (mp.floor if x / y > 0 else mp.ceil)(x / y), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0)]),
    "heaviside": (lambda x, at_0=0.5: mp.mpf(x > 0 if x else at_0), [*LINE, (0.0, 0.75), (2.5, 0.75), (-2.5, 0.75)]),
    "round_to": (lambda x, digits: mp.nint(x * 100) / 100, [(x + 0.123, 2) for x in NEAR]),
    "variance": (lambda xs: mean([(x - mean(xs)) ** 2 for x in xs]), LISTS),
    "softmin": (lambda xs: [mp.exp(-x) / mp.fsum(mp.exp(-y) for y in xs) for x in xs], LISTS),
    "logit": (lambda p: mp.log(p / (1 - p)), UNIT),
    "normal_density": (mp.npdf, NOT_SUBNORMAL),
    "normal_distribution": (
        lambda x: mp.erfc(-x / mp.sqrt(2)) / 2 if abs(x) < 50 else mp.mpf(x > 0),
        NOT_SUBNORMAL,
    ),
    "huber": (lambda e, d=1: e * e / 2 if abs(e) < d else d * (abs(e) - mp.mpf(d) / 2), [*LINE, (3.0, 5.0)]),
    "polygamma": (lambda n, x: mp.psi(int(n), x), [(0, 0.5), (1, 2.5), (2, 7.0)]),
    "lgamma": (mp.loggamma, [0.25, 1.5, 4.0, 30.0]),
    "digamma": (mp.digamma, [0.25, 1.5, 4.0, 30.0]),
}
NOT_DIFFERENTIATED = {("polygamma", 0), ("round_to", 1)}
"""Arguments by their places that are no variables."""

KINKS = {
    **{key: {0.0} for key in ("selu", "celu", "relu6", "heaviside")},
    **{key: {x for x in LINE if x.is_integer()} for key in ("fraction", "trunc")},
    "softsign": {0.0},  # of its derivative
}
"""Numbers at which a first derivative, or the second one, does not exist: only the value is compared."""

CODE = "\n".join(
    block
    for block in re.findall("^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if not block.startswith(">>>")
)
DEFINED = re.findall(r"^def (\w+)\(|^(\w+) = Op\(", CODE, re.MULTILINE)


def recipe(name: str, code: str = CODE) -> Callable[..., Any]:
    """Return a function of the page. Its rows are those of one test: `conftest.py` removes them."""
    if find_spec("scipy") is None:
        lacking("the last of the recipes needs scipy")
    names: dict[str, Any] = {}
    exec(code, names)
    function: Callable[..., Any] = names[name]
    return function


KNOWN: dict[str, list[float]] = {}
"""Of the references, which takes most of the time, for the tests of mistakes that follow."""


def derivatives(name: str, case: Sequence[Any], place: tuple[int, int], n: int) -> list[float]:
    """Return the n-th result of a reference and its first two derivatives by the variable at a place.

    A place is the argument and the number in it: (0, 2) is the third number of a list in front.
    """

    key = repr((name, case, place, n))
    if key in KNOWN:
        return KNOWN[key]
    reference, _ = RECIPES[name]

    def along(t: Any) -> Any:
        moved = [
            [t if (k, i) == place else mp.mpf(x) for i, x in enumerate(tree_leaves(part))]
            for k, part in enumerate(case)
        ]
        result = reference(*[xs if isinstance(part, list) else xs[0] for xs, part in zip(moved, case)])
        return result[n] if isinstance(result, list) else result

    at = tree_leaves(case[place[0]])[place[1]]
    with mp.workdps(250 if 1e-5 < abs(at) < 100 else 1000):
        KNOWN[key] = [as_float(mp.re(x)) for x in mp.diffs(along, mp.mpf(at), 2, relative=at != 0)]
    return KNOWN[key]


def as_float(x: Any) -> float:
    """Return the number as a float, infinite where it is too large for one."""
    return float(x) if abs(x) < sys.float_info.max else math.copysign(math.inf, x)


def check(function: Callable[..., Any], name: str, start: int = 0, stride: int = 1) -> None:
    """Compare a recipe with its reference: values, and the first two derivatives by each variable."""
    _, points = RECIPES[name]
    for given in points[start::stride] if len(points) > 5 else points:
        case = given if isinstance(given, tuple) else (given,)
        variables = tree_map(Value, case)
        for n, z in enumerate(tree_leaves(function(*variables))):
            for k, part in enumerate(variables):
                for i, x in enumerate(tree_leaves(part) if (name, k) not in NOT_DIFFERENTIATED else []):
                    first = grad(z, x)
                    value, slope, curvature = derivatives(name, case, (k, i), n)
                    assert z.data == pytest.approx(value, rel=1e-12, abs=1e-300), case
                    if k == 0 and x.data in KINKS.get(name, ()):
                        continue
                    assert first.data == pytest.approx(slope, rel=1e-10, abs=1e-300), f"first derivative at {case}"
                    second = grad(first, x).data
                    assert second == pytest.approx(curvature, rel=1e-7, abs=1e-13), f"second derivative at {case}"


def test_each_function_of_the_page_has_a_reference() -> None:
    assert {function or row for function, row in DEFINED} == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("start", cases([0], campaign=[1]))
def test_a_recipe_is_right(name: str, start: int) -> None:
    check(recipe(name), name, start, 2)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("mish", "tanh(softplus(autograd.min(x, 40)))", "tanh(autograd.min(x, 40))"),
        ("mish", "autograd.min(x, 40)", "x"),
        ("softsign", "where(size - 1, far, x / (1 + size))", "x / (1 + size)"),
        ("softsign", "where(size - 1, far, x / (1 + size))", "far"),
        ("sech", "where(abs(x) - 1, 2 * z / (1 + z * z), 1 / cosh(clip(x, -1, 1)))", "2 * z / (1 + z * z)"),
        ("sech", "where(abs(x) - 1, 2 * z / (1 + z * z), 1 / cosh(clip(x, -1, 1)))", "1 / cosh(x)"),
        ("norm", "reduce(hypot, xs, 0.0)", "sqrt(dot(xs, xs))"),
        ("fmod", "-mod(-x, abs(y))", "mod(-x, abs(y))"),
        ("heaviside", "at_0 + step(x)", "0.0"),
        ("heaviside", "where(-x, 0.0, at_0 + step(x))", "at_0"),
        ("normal_density", "x = clip(x, -40, 40)", "pass"),
        ("lgamma", "g * polygamma(0, x)", "g * polygamma(1, x)"),
        ("polygamma", "polygamma(n + 1, x)", "polygamma(n, x)"),
    ],
)
def test_a_mistake_is_found(name: str, right: str, wrong: str) -> None:
    assert right in CODE
    with pytest.raises(AssertionError):
        check(recipe(name, CODE.replace(right, wrong)), name)


@pytest.mark.parametrize("kind", [float, Value])
def test_no_recipe_raises_where_python_would_divide_by_0(kind: type[Any]) -> None:
    zero, three = kind(0.0), kind(3.0)
    at_0 = {"reciprocal": math.inf, "rsqrt": math.inf, "csc": math.inf, "cot": math.inf, "asec": math.nan, "sech": 1.0}
    expected = {(name, (zero,)): result for name, result in at_0.items()} | {
        ("cosine_similarity", ((zero, zero), (three, three))): math.nan,
        ("fmod", (three, zero)): math.nan,
        ("heaviside", (kind(math.nan),)): math.nan,
        ("trunc", (kind(math.nan),)): math.nan,
    }
    for (name, arguments), result in expected.items():
        found = recipe(name)(*arguments)
        number = found.data if isinstance(found, Value) else found
        assert number == pytest.approx(result, nan_ok=True), name


def test_numbers_give_numbers() -> None:
    for name in sorted(RECIPES.keys() - {"polygamma", "lgamma", "digamma"}):
        case = RECIPES[name][1][1 % len(RECIPES[name][1])]
        arguments = case if isinstance(case, tuple) else (case,)
        numbers, values = (tree_leaves(recipe(name)(*tree_map(kind, arguments))) for kind in (float, Value))
        assert [x if isinstance(x, float) else None for x in numbers] == [v.data for v in values], name


@pytest.mark.parametrize("name", ["mish", "selu", "hardswish", "softsign"])
def test_an_activation_of_the_page_serves_a_network(name: str) -> None:
    model = nn.MLP(2, [3, 1], activation=recipe(name), rng=random.Random(0))
    x = [Value(0.5), Value(-1.0)]
    output = model(x)
    compiled = autograd.compile((output, grad(output, x)), x, backend="numpy")
    assert compiled([0.5, -1.0]) == (output.data, [g.data for g in grad(output, x)])
