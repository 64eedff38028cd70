"""The functions on the page of recipes: values and two derivatives against mpmath, at 50 digits."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mpmath as mp
import pytest
from needs import lacking

import autograd
from autograd import Value, grad, nn
from autograd.trees import tree_leaves, tree_map

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"

LINE = [-40.25, -6.5, -1.25, -0.4, 0.3, 0.9, 1.75, 5.5, 30.25]
POSITIVE = [1e-3, 0.4, 1.5, 7.25, 1e3]
UNIT = [1e-6, 0.2, 0.5, 0.9, 0.999]
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
    "softsign": (lambda x: x / (1 + abs(x)), [*LINE, 1e200]),
    "tanhshrink": (lambda x: x - mp.tanh(x), LINE),
    "hardtanh": (lambda x: cut(x, -1, 1), LINE),
    "relu6": (lambda x: cut(x, 0, 6), LINE),
    "hardsigmoid": (lambda x: cut(x + 3, 0, 6) / 6, LINE),
    "hardswish": (lambda x: x * cut(x + 3, 0, 6) / 6, LINE),
    "square": (lambda x: x * x, LINE),
    "reciprocal": (lambda x: 1 / x, LINE),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), POSITIVE),
    "norm": (lambda xs: mp.sqrt(mp.fsum(x * x for x in xs)), [*LISTS, ([3e200, 4e200],)]),
    "fast_norm": (lambda xs: mp.sqrt(mp.fsum(x * x for x in xs)), LISTS),
    "cosine_similarity": (
        lambda xs, ys: mp.fdot(xs, ys) / mp.sqrt(mp.fdot(xs, xs) * mp.fdot(ys, ys)),
        PAIRS_OF_LISTS,
    ),
    "product": (product, LISTS),
    "sec": (mp.sec, LINE),
    "csc": (mp.csc, LINE),
    "cot": (mp.cot, LINE),
    "asec": (mp.asec, [-7.0, -1.5, 1.25, 40.0]),
    "sech": (mp.sech, [*LINE, 700.0]),
    "degrees": (mp.degrees, LINE),
    "radians": (mp.radians, LINE),
    "trunc": (lambda x: mp.floor(x) if x > 0 else mp.ceil(x), LINE),
    "fraction": (lambda x: x - (mp.floor(x) if x > 0 else mp.ceil(x)), LINE),
    "fmod": (lambda x, y: x - y * (mp.floor if x / y > 0 else mp.ceil)(x / y), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0)]),
    "heaviside": (lambda x, at_0=0.5: mp.mpf(x > 0), LINE),
    "round_to": (lambda x, digits: mp.nint(x * 100) / 100, [(x + 0.123, 2) for x in LINE]),
    "smallest": (min, LISTS),
    "variance": (lambda xs: mean([(x - mean(xs)) ** 2 for x in xs]), LISTS),
    "softmin": (lambda xs: [mp.exp(-x) / mp.fsum(mp.exp(-y) for y in xs) for x in xs], LISTS),
    "logit": (lambda p: mp.log(p / (1 - p)), UNIT),
    "normal_density": (mp.npdf, LINE[1:-1]),
    "normal_distribution": (mp.ncdf, LINE[1:-1]),
    "huber": (lambda e, d=1: e * e / 2 if abs(e) < d else d * (abs(e) - mp.mpf(d) / 2), [*LINE, (3.0, 5.0)]),
    "polygamma": (lambda n, x: mp.psi(int(n), x), [(0, 0.5), (1, 2.5), (2, 7.0)]),
    "lgamma": (mp.loggamma, [0.25, 1.5, 4.0, 30.0]),
    "digamma": (mp.digamma, [0.25, 1.5, 4.0, 30.0]),
}
NOT_DIFFERENTIATED = {("polygamma", 0), ("round_to", 1), ("heaviside", 1)}
"""Arguments by their places that are no variables."""

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


def derivatives(reference: Callable[..., Any], case: Sequence[Any], place: tuple[int, int], n: int) -> list[float]:
    """Return the n-th result of a reference and its first two derivatives by the variable at a place.

    A place is the argument and the number in it: (0, 2) is the third number of a list in front.
    """

    def along(t: Any) -> Any:
        moved = [
            [t if (k, i) == place else mp.mpf(x) for i, x in enumerate(tree_leaves(part))]
            for k, part in enumerate(case)
        ]
        result = reference(*[xs if isinstance(part, list) else xs[0] for xs, part in zip(moved, case)])
        return result[n] if isinstance(result, list) else result

    at = tree_leaves(case[place[0]])[place[1]]
    with mp.workdps(50 if abs(at) < 1e50 else 500):
        return [float(mp.diff(along, mp.mpf(at), order, relative=True)) for order in range(3)]


def check(function: Callable[..., Any], name: str) -> None:
    """Compare a recipe with its reference: values, and the first two derivatives by each variable."""
    reference, cases = RECIPES[name]
    for given in cases:
        case = given if isinstance(given, tuple) else (given,)
        variables = tree_map(Value, case)
        for n, z in enumerate(tree_leaves(function(*variables))):
            for k, part in enumerate(variables):
                for i, x in enumerate(tree_leaves(part) if (name, k) not in NOT_DIFFERENTIATED else []):
                    first = grad(z, x)
                    value, slope, curvature = derivatives(reference, case, (k, i), n)
                    assert z.data == pytest.approx(value, rel=1e-12, abs=0), case
                    assert first.data == pytest.approx(slope, rel=1e-10, abs=0), f"first derivative at {case}"
                    second = grad(first, x).data
                    assert second == pytest.approx(curvature, rel=1e-7, abs=1e-13), f"second derivative at {case}"


def test_each_function_of_the_page_has_a_reference() -> None:
    assert {function or row for function, row in DEFINED} == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_right(name: str) -> None:
    check(recipe(name), name)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("mish", "tanh(softplus(x))", "tanh(x)"),
        ("sech", "z = exp(where(x, -x, x))", "z = exp(where(x, -x, x)); return 1 / autograd.cosh(x)"),
        ("norm", "reduce(hypot, xs, 0.0)", "sqrt(dot(xs, xs))"),
        ("fmod", "-(-x % abs(y))", "(-x % abs(y))"),
        ("lgamma", "g * polygamma(0, x)", "g * polygamma(1, x)"),
        ("polygamma", "polygamma(n + 1, x)", "polygamma(n, x)"),
    ],
)
def test_a_mistake_is_found(name: str, right: str, wrong: str) -> None:
    assert right in CODE
    with pytest.raises(AssertionError):
        check(recipe(name, CODE.replace(right, wrong)), name)


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
