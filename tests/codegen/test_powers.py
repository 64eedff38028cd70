"""x ** 2 is x * x and x ** -1 is 1 / x, correctly rounded: the same bits eagerly and in every target."""

from __future__ import annotations

import importlib
import itertools
import math
import operator
import random
import struct
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from browser import Browser
from needs import ARRAY_MODULES, array_module

import autograd
from autograd import Value, draw, explain, grad, ops, to_text
from autograd.codegen import javascript
from autograd.codegen.program import expanded, lower

_ROOTS = [math.sqrt(x) for x in (sys.float_info.max, sys.float_info.min, 5e-324)]
EDGES = [
    0.0, 1.0, 3.0, -0.2551, -1.2189, 5e-324, 1e-310, sys.float_info.min, sys.float_info.max, math.inf, math.nan,
    *(math.nextafter(x, towards) for x in _ROOTS for towards in (-math.inf, x, math.inf)),
    *(math.nextafter(1 / sys.float_info.max, towards) for towards in (-math.inf, 1.0)),
]  # fmt: skip


def _numbers(count: int = 600) -> list[float]:
    """Return edges, numbers of everyday size, and floats with random bits: any exponent, subnormals, both signs."""
    rng = random.Random(7)
    any_bits: list[float] = [struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0] for _ in range(count)]
    subnormal = [rng.choice([-1, 1]) * rng.getrandbits(rng.randint(1, 52)) * 5e-324 for _ in range(100)]
    decimals = [round(rng.uniform(-3, 3), 4) for _ in range(count)]  # glibc's pow misses every thousandth
    return [*EDGES, *(-x for x in EDGES), *[rng.uniform(-3, 3) for _ in range(count)], *any_bits, *subnormal, *decimals]


NUMBERS = _numbers()
EXPONENTS = [2.0, -1.0]


def reciprocal(x: float) -> float:
    return 1 / x if x else math.copysign(math.inf, x)


def bits(x: float) -> str:
    return "nan" if math.isnan(x) else x.hex()


def wrong(got: Sequence[float], want: Sequence[float]) -> list[tuple[float, float, float]]:
    """Return the numbers whose results differ in a bit."""
    compared = zip(NUMBERS, got, want, strict=True)
    return [(x, result, wanted) for x, result, wanted in compared if bits(float(result)) != bits(wanted)]


SQUARES = [x * x for x in NUMBERS]
RECIPROCALS = [reciprocal(x) for x in NUMBERS]


def rounded(exact: Fraction) -> float:
    """Return the nearest float; Python divides integers with correct rounding, subnormal results included."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


EAGER: dict[str, Callable[[float, float], float]] = {
    "operator": lambda x, y: (Value(x) ** y).data,
    "operator with an int": lambda x, y: (Value(x) ** int(y)).data,
    "exponent a Value": lambda x, y: (Value(x) ** Value(y)).data,
    "constant base": lambda x, y: (x ** Value(y)).data,
    "function of floats": ops.pow,
    "method": lambda x, y: Value(x).pow(y).data,
    "replayed": lambda x, y: operator.pow(Value(x), Value(y)).forward().data,
}


@pytest.mark.parametrize("way", EAGER)
def test_eager_squares_and_reciprocals_are_products_and_quotients(way: str) -> None:
    power = EAGER[way]
    assert wrong([power(x, 2.0) for x in NUMBERS], SQUARES) == []
    assert wrong([power(x, -1.0) for x in NUMBERS], RECIPROCALS) == []


def test_they_are_the_fractions_nearest_to_the_exact_result() -> None:
    for x in NUMBERS:
        if math.isfinite(x):
            assert ops.pow(x, 2.0) == rounded(Fraction(x) ** 2), x
            assert x == 0 or ops.pow(x, -1.0) == rounded(1 / Fraction(x)), x


def test_the_gradient_of_a_square_is_a_product() -> None:
    for x in filter(math.isfinite, NUMBERS):
        v = Value(x)
        (v**2).backward()
        assert v.grad == 2 * x


def _powers(x: Value, y: Value, z: Value) -> list[Value]:
    """x to the constants 2 and -1, and to two exponents that are those only when the function runs."""
    return [x**2, x**-1, x**y, x**z]


WANTED = [SQUARES, RECIPROCALS, SQUARES, RECIPROCALS]


def test_compiled_squares_and_reciprocals(backend: str) -> None:
    """One by one; the exponents are constants, or arguments."""
    x, y, z = Value(0.7), Value(3.0), Value(0.5)
    f = autograd.compile(_powers(x, y, z), (x, y, z), backend=backend)
    results = zip(*[f(number, *EXPONENTS) for number in NUMBERS], strict=True)
    assert [wrong(got, want) for got, want in zip(results, WANTED, strict=True)] == [[]] * 4


def test_compiled_squares_and_reciprocals_of_a_batch(backend: str) -> None:
    """In vectors; the exponents are the same for all samples, differ between neighbours, or the base is the same."""
    x, y, z = Value(0.7), Value(3.0), Value(0.5)
    for axes in ((0, None, None), (0, 0, 0)):
        f = autograd.compile(_powers(x, y, z), (x, y, z), in_axes=axes, backend=backend)
        exponents = EXPONENTS if axes[1] is None else [np.full(len(NUMBERS), e) for e in EXPONENTS]
        results = f(np.array(NUMBERS), *exponents).T
        assert [wrong(got, want) for got, want in zip(results, WANTED, strict=True)] == [[]] * 4, axes
    lanes = [[2.0, -1.0, 3.0, 0.5, 1.0, 0.0, -2.0][i % 7] for i in range(len(NUMBERS))]
    f = autograd.compile(x**y, (x, y), in_axes=0, backend=backend)
    assert wrong(f(NUMBERS, lanes), [ops.pow(number, e) for number, e in zip(NUMBERS, lanes, strict=True)]) == []
    f = autograd.compile(x**y, (x, y), in_axes=(None, 0), backend=backend)
    for number in (-0.2551, -1.2189, 0.0, -0.0):
        assert list(map(bits, f(number, lanes))) == [bits(ops.pow(number, e)) for e in lanes]


@pytest.mark.slice
@pytest.mark.parametrize("batch", [False, True], ids=["one", "batch"])
def test_squares_and_reciprocals_in_loops(backend: str, batch: bool) -> None:
    """Of a program with so many powers that a loop computes them; the exponents are in a table."""
    n = len(NUMBERS)
    xs, ys, one = [Value(0.7) for _ in NUMBERS], [Value(3.0) for _ in NUMBERS], Value(1.0)
    outputs = [x**y for x, y in zip(xs, ys, strict=True)] + [(x**2) ** one for x in xs] + [x**-1 for x in xs]
    axes = (None, None, 0) if batch else None
    f = autograd.compile(outputs, (xs, ys, one), in_axes=axes, backend=backend)
    exponents = [(2.0, -1.0, 3.0)[i % 3] for i in range(n)]
    got = f(NUMBERS, exponents, [1.0] if batch else 1.0)
    got = got[0] if batch else got
    assert wrong(got[:n], [ops.pow(x, y) for x, y in zip(NUMBERS, exponents, strict=True)]) == []
    assert wrong(got[n : 2 * n], SQUARES) == []
    assert wrong(got[2 * n :], RECIPROCALS) == []


def is_subnormal(x: float) -> bool:
    return 0 < abs(x) < sys.float_info.min


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, when infinities and nans are results
@pytest.mark.parametrize("name", ARRAY_MODULES)
def test_squares_and_reciprocals_on_arrays(name: str) -> None:
    module = array_module(name)
    x, y, z = Value(0.7), Value(3.0), Value(0.5)
    for axes in ((0, None, None), (0, 0, 0)):
        f = autograd.compile(_powers(x, y, z), (x, y, z), in_axes=axes, backend=module)
        exponents = EXPONENTS if axes[1] is None else [[e] * len(NUMBERS) for e in EXPONENTS]
        results = zip(*f(NUMBERS, *exponents), strict=True)
        for got, want in zip(results, WANTED, strict=True):
            differing = wrong(got, want)
            if name == "jax.numpy":  # subnormal numbers are 0 to it
                differing = [(x, *_) for x, *_ in differing if not any(map(is_subnormal, (x, *_)))]
            assert differing == []


POINTS = [
    *itertools.product((1.7, -2.0, 0.0, 1e-200, 1e200, math.inf), EXPONENTS), (0.0, 3.0), (2.5, 0.5), (-2.0, 3.0),
]  # fmt: skip


def same(got: Sequence[Any], want: Sequence[Any]) -> bool:
    return [bits(float(x)) for x in got] == [bits(float(x)) for x in want]


def test_derivatives_by_jax_are_those_of_its_own_power() -> None:
    jnp = array_module("jax.numpy")
    jax = importlib.import_module("jax")
    x, y = Value(0.7), Value(3.0)
    f = autograd.compile(x**y, (x, y), backend=jnp)
    xs, ys = (jnp.array(numbers) for numbers in zip(*POINTS, strict=True))
    for order in (jax.grad, jax.hessian):
        ours, theirs = (jax.tree.leaves(jax.jit(jax.vmap(order(g, (0, 1))))(xs, ys)) for g in (f, operator.pow))
        for derivative, wanted in zip(ours, theirs, strict=True):
            assert same(derivative, wanted)


def test_derivatives_by_torch_are_those_of_its_own_power() -> None:
    torch = array_module("torch")
    x, y = Value(0.7), Value(3.0)

    def derivatives(f: Callable[..., Any], point: tuple[float, float]) -> list[Any]:
        leaves = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in point]
        first = torch.autograd.grad(f(*leaves), leaves, create_graph=True)
        second = [torch.autograd.grad(g, leaves, retain_graph=True, allow_unused=True) for g in first]
        return [*(g.item() for g in first), *(0.0 if h is None else h.item() for pair in second for h in pair)]

    f = autograd.compile(x**y, (x, y), backend=torch)
    for point in POINTS:
        assert same(derivatives(f, point), derivatives(operator.pow, point)), point


def test_squares_and_reciprocals_in_javascript(chromium: Browser) -> None:
    x, y, z = Value(0.7), Value(3.0), Value(0.5)
    program = expanded(lower(_powers(x, y, z), [x, y, z]), "javascript")
    chromium.run("location.href = 'about:blank'")
    script = f"""{javascript.helpers(step.op for step in program.steps)}
        {javascript.function(program, "powers")}
        const text = x => Object.is(x, -0) ? "-0.0" : String(x).replace("Infinity", "inf");
        return [{", ".join(map(javascript.number_literal, NUMBERS))}].map(x => powers([x, 2, -1]).map(text));"""
    results = zip(*[map(float, texts) for texts in chromium.run(script)], strict=True)
    assert [wrong(got, want) for got, want in zip(results, WANTED, strict=True)] == [[]] * 4


# Sources and views ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["python", "c", np])
def test_a_square_and_its_gradients_compile_to_products(backend: Any) -> None:
    """No call of pow, and no guard of its rule, is left."""
    x = Value(0.7)
    first = grad(x**2, x)
    source = autograd.compile((x**2, first, grad(first, x)), x, backend=backend).source
    assert not any(word in source for word in ("pow", "**", "where", "abs", "?", "if v"))
    assert source.count(" * ") == 2  # x * x, 2 * x
    source = autograd.compile(x**-1, x, backend=backend).source
    assert "pow" not in source
    assert "1.0 / " in source or "div(1.0, " in source


def test_a_square_and_a_product_are_one_step() -> None:
    x = Value(0.7)
    program = expanded(lower([x**2, x * x, x ** Value(2.0), x**-1, 1 / x], [x]), "python")
    assert [step.op.name for step in program.steps] == ["mul", "div"]
    assert program.outputs == [1, 1, 1, 2, 2]


def test_people_read_powers() -> None:
    x = Value(0.7, "x")
    y = x**2 + x**-1
    y.backward()
    assert "x ** 2" in draw(y).source
    for text in (to_text(y), str(explain(y))):
        assert "x ** 2" in text
        assert "x ** -1" in text or "x ** (-1)" in text
    assert [step.op.name for step in lower([y], [x]).steps] == ["pow", "pow", "add"]
