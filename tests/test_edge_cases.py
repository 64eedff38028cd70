"""The edge cases, decided: one table row each, for values, gradients, types, comparison, conversion, copies, arrays.

The general rule is IEEE arithmetic as PyTorch float64 has it, a TypeError for anything that is not a real number, and
nothing lost.
"""

import builtins
import copy
import math
import numbers
import operator
import pickle
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, grad, nn
from autograd.engine import graph_of

inf, nan = math.inf, math.nan
TINY = 5e-324  # the smallest subnormal
SMALLEST_NORMAL = 2.2250738585072014e-308
LOG_2 = math.log(2)
TANH_10 = math.tanh(10)

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "%": operator.mod,
    "//": operator.floordiv,
    "neg": operator.neg,
}
ARITHMETIC = ["+", "-", "*", "/", "**"]


def function(name: str) -> Callable[..., Any]:
    """The operator of that name, or else the package's function."""
    found: Callable[..., Any] = OPERATORS[name] if name in OPERATORS else getattr(autograd, name)
    return found


def same(got: float, expected: float) -> bool:
    """Equal, nan to nan too, within 2 ULP; a zero exactly."""
    if math.isnan(expected):
        return math.isnan(got)
    return got == expected or math.isclose(got, expected, rel_tol=5e-16)


# ------------------------------------------------------------------------------------------- values and gradients

# operation, operands, value, gradient of each operand (None: not decided)
Row = tuple[str, tuple[float, ...], float, tuple[float | None, ...]]

VALUES: list[Row] = [
    # powers
    ("**", (0.0, 0.0), 1.0, (0.0, 0.0)),
    ("**", (nan, 0.0), 1.0, (0.0, nan)),
    ("**", (inf, 0.0), 1.0, (0.0, None)),
    ("**", (0.0, 0.5), 0.0, (inf, 0.0)),
    ("**", (0.0, 1.0), 0.0, (1.0, 0.0)),
    ("**", (0.0, 2.0), 0.0, (0.0, 0.0)),
    ("**", (0.0, 3.0), 0.0, (0.0, 0.0)),
    ("**", (0.0, -1.0), inf, (-inf, -inf)),
    ("**", (-2.0, 3.0), -8.0, (12.0, nan)),
    ("**", (-2.0, 2.0), 4.0, (-4.0, nan)),
    ("**", (-2.0, 0.5), nan, (nan, nan)),
    ("**", (-8.0, 1 / 3), nan, (nan, nan)),
    ("**", (2.0, 3.0), 8.0, (12.0, 8 * LOG_2)),
    ("**", (1.0, nan), 1.0, (None, 0.0)),
    ("**", (nan, 1.0), nan, (None, None)),
    ("**", (10.0, 309.0), inf, (inf, inf)),
    ("**", (-10.0, 309.0), -inf, (None, nan)),
    ("**", (10.0, -400.0), 0.0, (0.0, 0.0)),
    ("**", (-0.0, -1.0), -inf, (-inf, None)),
    ("**", (-0.0, -2.0), inf, (None, None)),
    ("**", (-0.2551, 2.0), 0.06507601, (-0.5102, nan)),  # glibc's pow: 0.06507600999999999
    ("**", (-1.2189, -1.0), -0.820411846747067, (None, nan)),  # glibc's pow: -0.8204118467470669
    ("**", (-inf, -1.0), -0.0, (None, nan)),
    ("**", (-5e-324, -1.0), -inf, (None, nan)),
    ("**", (1e200, 2.0), inf, (2e200, inf)),
    ("**", (0.5, inf), 0.0, (None, None)),
    # division
    ("/", (1.0, 0.0), inf, (inf, -inf)),
    ("/", (-1.0, 0.0), -inf, (inf, inf)),
    ("/", (1.0, -0.0), -inf, (-inf, -inf)),
    ("/", (0.0, 0.0), nan, (inf, nan)),
    ("/", (nan, 0.0), nan, (inf, nan)),
    ("/", (inf, inf), nan, (0.0, nan)),
    ("/", (1.0, TINY), inf, (inf, -inf)),
    ("/", (3.0, 1e200), 3e-200, (1e-200, 0.0)),
    ("/", (1e200, 1e200), 1.0, (1e-200, -1e-200)),  # 1e200**2 would overflow
    ("/", (1e-200, 1e-200), 1.0, (1e200, -1e200)),  # 1e-200**2 would underflow
    ("/", (1e308, 1e-10), inf, (1e10, -inf)),
    # IEEE: overflow, inf - inf, 0 * inf, subnormals
    ("+", (inf, -inf), nan, (1.0, 1.0)),
    ("+", (1e308, 1e308), inf, (1.0, 1.0)),
    ("+", (TINY, TINY), 2 * TINY, (1.0, 1.0)),
    ("-", (inf, inf), nan, (1.0, -1.0)),
    ("-", (SMALLEST_NORMAL, 2.225073858507201e-308), TINY, (1.0, -1.0)),
    ("*", (0.0, inf), nan, (inf, 0.0)),
    ("*", (1e308, 10.0), inf, (10.0, 1e308)),
    ("*", (SMALLEST_NORMAL, 0.5), 1.1125369292536007e-308, (0.5, SMALLEST_NORMAL)),
    ("*", (TINY, 1.0), TINY, (1.0, TINY)),
    # remainders and whole quotients: Python's, whose sign is that of y; of 0, PyTorch's
    ("%", (7.5, 2.0), 1.5, (1.0, -3.0)),
    ("%", (-7.5, 2.0), 0.5, (1.0, 4.0)),
    ("%", (7.5, -2.0), -0.5, (1.0, 4.0)),
    ("%", (1.0, 0.1), 0.09999999999999995, (1.0, -9.0)),  # 0.1 is above a tenth: floor(1.0 / 0.1) would be 10
    ("%", (-1e-20, 1.0), 1.0, (1.0, 1.0)),
    ("%", (1e308, 3.0), 2.0, (1.0, -3.333333333333333e307)),
    ("%", (3.0, TINY), 0.0, (1.0, -inf)),
    ("%", (1e308, TINY), 0.0, (1.0, -inf)),
    ("%", (-5.0, inf), inf, (1.0, 1.0)),
    ("%", (5.0, inf), 5.0, (1.0, 0.0)),
    ("%", (inf, 2.0), nan, (1.0, nan)),
    ("%", (1.0, 0.0), nan, (1.0, -inf)),
    ("%", (0.0, 0.0), nan, (1.0, nan)),
    ("%", (nan, 2.0), nan, (1.0, nan)),
    ("//", (7.5, 2.0), 3.0, (0.0, 0.0)),
    ("//", (-7.5, 2.0), -4.0, (0.0, 0.0)),
    ("//", (1.0, 0.1), 9.0, (0.0, 0.0)),
    ("//", (-5.0, inf), -1.0, (0.0, 0.0)),
    ("//", (1.0, TINY), inf, (0.0, 0.0)),
    ("//", (inf, 2.0), nan, (0.0, 0.0)),
    ("//", (1.0, 0.0), inf, (0.0, 0.0)),
    ("//", (1.0, -0.0), -inf, (0.0, 0.0)),
    ("//", (0.0, 0.0), nan, (0.0, 0.0)),
    # exponentials and logarithms
    ("exp", (710.0,), inf, (inf,)),
    ("exp", (1000.0,), inf, (inf,)),
    ("exp", (-1000.0,), 0.0, (0.0,)),
    ("exp", (-inf,), 0.0, (0.0,)),
    ("expm1", (1000.0,), inf, (inf,)),
    ("exp2", (2000.0,), inf, (inf,)),
    ("log", (0.0,), -inf, (inf,)),
    ("log", (-1.0,), nan, (-1.0,)),
    ("log", (inf,), inf, (0.0,)),
    ("log2", (0.0,), -inf, (inf,)),
    ("log2", (-1.0,), nan, (None,)),
    ("log10", (0.0,), -inf, (inf,)),
    ("log10", (-1.0,), nan, (None,)),
    ("log1p", (-1.0,), -inf, (inf,)),
    ("log1p", (-2.0,), nan, (-1.0,)),
    # roots
    ("sqrt", (0.0,), 0.0, (inf,)),
    ("sqrt", (-1.0,), nan, (nan,)),
    ("sqrt", (inf,), inf, (0.0,)),
    ("cbrt", (0.0,), 0.0, (inf,)),
    ("cbrt", (-8.0,), -2.0, (1 / 12,)),
    ("hypot", (3.0, 4.0), 5.0, (0.6, 0.8)),
    ("hypot", (3e200, 4e200), 5e200, (0.6, 0.8)),
    ("hypot", (inf, nan), inf, (None, None)),
    ("hypot", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("hypot", (nan, 1.0), nan, (nan, nan)),
    # trigonometry
    ("sin", (inf,), nan, (nan,)),
    ("sin", (-inf,), nan, (nan,)),
    ("cos", (inf,), nan, (nan,)),
    ("tan", (inf,), nan, (nan,)),
    ("asin", (1.0,), math.pi / 2, (inf,)),
    ("asin", (2.0,), nan, (nan,)),
    ("acos", (-1.0,), math.pi, (-inf,)),
    ("acos", (2.0,), nan, (nan,)),
    ("atan", (inf,), math.pi / 2, (0.0,)),
    ("atan2", (1.0, 0.0), math.pi / 2, (0.0, -1.0)),
    ("atan2", (0.0, -1.0), math.pi, (-1.0, 0.0)),
    ("atan2", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("atan2", (1e-200, 1e-200), math.pi / 4, (5e199, -5e199)),
    ("atan2", (3e200, 4e200), math.atan2(3, 4), (1.6e-201, -1.2e-201)),
    ("atan2", (inf, 1.0), math.pi / 2, (0.0, nan)),
    ("atan2", (nan, 1.0), nan, (nan, nan)),
    # hyperbolic functions
    ("sinh", (1000.0,), inf, (inf,)),
    ("sinh", (-1000.0,), -inf, (inf,)),
    ("cosh", (-1000.0,), inf, (-inf,)),
    ("tanh", (0.0,), 0.0, (1.0,)),
    ("tanh", (10.0,), TANH_10, (1 - TANH_10 * TANH_10,)),
    ("tanh", (20.0,), 1.0, (0.0,)),
    ("tanh", (-20.0,), -1.0, (0.0,)),
    ("tanh", (1e308,), 1.0, (0.0,)),
    ("tanh", (-1e308,), -1.0, (0.0,)),
    ("tanh", (inf,), 1.0, (0.0,)),
    ("tanh", (nan,), nan, (nan,)),
    ("asinh", (1e160,), math.asinh(1e160), (1e-160,)),
    ("asinh", (-1e300,), -math.asinh(1e300), (1e-300,)),
    ("acosh", (1.0,), 0.0, (inf,)),
    ("acosh", (0.5,), nan, (nan,)),
    ("atanh", (1.0,), inf, (inf,)),
    ("atanh", (-1.0,), -inf, (inf,)),
    ("atanh", (2.0,), nan, (None,)),
    ("erf", (inf,), 1.0, (0.0,)),
    ("erfc", (inf,), 0.0, (0.0,)),
    # kinks and saturation
    ("relu", (0.0,), 0.0, (0.0,)),
    ("relu", (-0.0,), 0.0, (0.0,)),
    ("relu", (nan,), nan, (0.0,)),  # PyTorch: 1
    ("relu", (inf,), inf, (1.0,)),
    ("relu", (-inf,), 0.0, (0.0,)),
    ("abs", (0.0,), 0.0, (0.0,)),
    ("abs", (-0.0,), 0.0, (0.0,)),
    ("abs", (-3.0,), 3.0, (-1.0,)),
    ("abs", (-inf,), inf, (-1.0,)),
    ("abs", (nan,), nan, (nan,)),  # PyTorch: 0
    ("sign", (-3.0,), -1.0, (0.0,)),
    ("sign", (0.0,), 0.0, (0.0,)),
    ("step", (3.0,), 1.0, (0.0,)),
    ("step", (-3.0,), 0.0, (0.0,)),
    ("floor", (2.5,), 2.0, (0.0,)),
    ("floor", (-2.5,), -3.0, (0.0,)),
    ("floor", (-TINY,), -1.0, (0.0,)),
    ("floor", (4503599627370495.5,), 4503599627370495.0, (0.0,)),  # the largest float with a fraction
    ("floor", (-1e308,), -1e308, (0.0,)),
    ("floor", (-inf,), -inf, (0.0,)),
    ("floor", (nan,), nan, (0.0,)),
    ("ceil", (2.5,), 3.0, (0.0,)),
    ("ceil", (-2.5,), -2.0, (0.0,)),
    ("ceil", (TINY,), 1.0, (0.0,)),
    ("ceil", (1e308,), 1e308, (0.0,)),
    ("ceil", (inf,), inf, (0.0,)),
    ("round", (0.5,), 0.0, (0.0,)),
    ("round", (1.5,), 2.0, (0.0,)),
    ("round", (2.5,), 2.0, (0.0,)),
    ("round", (-2.5,), -2.0, (0.0,)),
    ("round", (0.49999999999999994,), 0.0, (0.0,)),  # floor(x + 0.5) would be 1
    ("round", (4503599627370495.5,), 4503599627370496.0, (0.0,)),
    ("round", (4503599627370497.0,), 4503599627370497.0, (0.0,)),
    ("round", (nan,), nan, (0.0,)),
    ("sigmoid", (1000.0,), 1.0, (0.0,)),
    ("sigmoid", (-1000.0,), 0.0, (0.0,)),
    ("softplus", (1000.0,), 1000.0, (1.0,)),
    ("softplus", (-1000.0,), 0.0, (0.0,)),
    ("leaky_relu", (3.0, 0.01), 3.0, (1.0, 0.0)),
    ("leaky_relu", (-3.0, 0.01), -0.03, (0.01, -3.0)),
    ("leaky_relu", (0.0, 0.01), 0.0, (0.01, 0.0)),
    ("leaky_relu", (inf, 0.0), inf, (1.0, 0.0)),
    ("leaky_relu", (-inf, 0.01), -inf, (0.01, -inf)),
    ("leaky_relu", (nan, 0.01), nan, (0.01, nan)),  # PyTorch's gradient too
    ("elu", (0.0, 2.0), 0.0, (2.0, 0.0)),
    ("elu", (1000.0, 2.0), 1000.0, (1.0, 0.0)),  # exp(1000) is inf, but not taken
    ("elu", (-1000.0, 2.0), -2.0, (0.0, -1.0)),
    ("elu", (-1.0, 2.0), -1.2642411176571153, (0.7357588823428847, -0.6321205588285577)),
    ("elu", (-1e-10, 1.0), -9.9999999995e-11, (0.9999999999, -9.9999999995e-11)),
    ("elu", (-740.0, 1e300), -1e300, (4.188739880048049e-22, -1.0)),  # exp(-740) is subnormal
    ("elu", (-inf, 1.0), -1.0, (0.0, -1.0)),
    ("elu", (inf, 1.0), inf, (1.0, 0.0)),
    ("elu", (nan, 1.0), nan, (nan, nan)),
    ("gelu", (0.0,), 0.0, (0.5,)),
    ("gelu", (1.0,), 0.8413447460685429, (1.0833154705876864,)),
    ("gelu", (40.0,), 40.0, (1.0,)),
    ("gelu", (-40.0,), 0.0, (0.0,)),
    ("gelu", (1e300,), 1e300, (1.0,)),  # x * x overflows
    ("gelu", (-1e300,), 0.0, (0.0,)),
    ("gelu", (inf,), inf, (1.0,)),  # PyTorch's gradient: nan
    ("gelu", (-inf,), 0.0, (0.0,)),  # PyTorch: nan
    ("gelu", (nan,), nan, (nan,)),
    ("silu", (0.0,), 0.0, (0.5,)),
    ("silu", (1.0,), 0.7310585786300049, (0.9276705118714867,)),
    ("silu", (-20.0,), -4.122307236380407e-08, (-3.9161918660646786e-08,)),
    ("silu", (-700.0,), -6.90177358063184e-302, (-6.891913904088079e-302,)),
    ("silu", (1000.0,), 1000.0, (1.0,)),
    ("silu", (-1000.0,), 0.0, (0.0,)),
    ("silu", (1e308,), 1e308, (1.0,)),
    ("silu", (-1e308,), 0.0, (0.0,)),
    ("silu", (inf,), inf, (1.0,)),  # PyTorch's gradient: nan
    ("silu", (-inf,), 0.0, (0.0,)),  # PyTorch: nan
    ("log_sigmoid", (-1e308,), -1e308, (1.0,)),
    ("log_sigmoid", (-30.0,), -30.000000000000092, (0.9999999999999064,)),
    ("log_sigmoid", (0.0,), -LOG_2, (0.5,)),
    ("log_sigmoid", (700.0,), -9.85967654375977e-305, (9.85967654375977e-305,)),
    ("log_sigmoid", (1e308,), 0.0, (0.0,)),
    ("log_sigmoid", (-inf,), -inf, (1.0,)),
    ("log_sigmoid", (inf,), 0.0, (0.0,)),
    ("logaddexp", (0.0, 0.0), LOG_2, (0.5, 0.5)),
    ("logaddexp", (1.0, 2.0), 2.313261687518223, (0.2689414213699951, 0.7310585786300049)),
    ("logaddexp", (0.0, -40.0), 4.248354255291589e-18, (1.0, 4.248354255291589e-18)),
    ("logaddexp", (1e308, -1e308), 1e308, (1.0, 0.0)),
    ("logaddexp", (1000.0, 1000.0), 1000 + LOG_2, (0.5, 0.5)),
    ("logaddexp", (3.0, -inf), 3.0, (1.0, 0.0)),
    ("logaddexp", (inf, 3.0), inf, (1.0, 0.0)),
    ("logaddexp", (inf, -inf), inf, (1.0, 0.0)),
    ("logaddexp", (inf, inf), inf, (0.5, 0.5)),  # PyTorch's gradients: nan
    ("logaddexp", (-inf, -inf), -inf, (0.5, 0.5)),
    ("logaddexp", (nan, 1.0), nan, (nan, nan)),
    ("clip", (0.5, 0.0, 1.0), 0.5, (1.0, 0.0, 0.0)),
    ("clip", (0.0, 0.0, 1.0), 0.0, (1.0, 0.0, 0.0)),
    ("clip", (1.0, 0.0, 1.0), 1.0, (1.0, 0.0, 0.0)),
    ("clip", (-1.0, 0.0, 1.0), 0.0, (0.0, 1.0, 0.0)),
    ("clip", (2.0, 0.0, 1.0), 1.0, (0.0, 0.0, 1.0)),
    ("clip", (0.5, 1.0, 0.0), 0.0, (0.0, 0.0, 1.0)),  # low above high: high, as in NumPy and PyTorch
    ("clip", (2.0, 1.0, 0.0), 0.0, (0.0, 0.0, 1.0)),
    ("clip", (-1.0, 1.0, 0.0), 0.0, (0.0, 0.0, 1.0)),
    ("clip", (3.0, 1.0, 1.0), 1.0, (0.0, 0.0, 1.0)),
    ("clip", (inf, 0.0, inf), inf, (1.0, 0.0, 0.0)),
    ("clip", (-inf, -inf, inf), -inf, (1.0, 0.0, 0.0)),
    ("clip", (nan, 0.0, 1.0), nan, (None, 0.0, 0.0)),
    ("clip", (0.5, nan, 1.0), nan, (None, None, None)),
    ("clip", (0.5, 0.0, nan), nan, (None, None, None)),
    ("max", (1.0, 1.0), 1.0, (0.5, 0.5)),
    ("max", (inf, inf), inf, (0.5, 0.5)),
    ("max", (0.0, -0.0), 0.0, (0.5, 0.5)),
    ("max", (2.0, 1.0), 2.0, (1.0, 0.0)),
    ("max", (1.0, 2.0), 2.0, (0.0, 1.0)),
    ("max", (nan, 1.0), nan, (0.5, 0.5)),  # PyTorch: 1, 1
    ("max", (1.0, nan), nan, (0.5, 0.5)),
    ("min", (1.0, 1.0), 1.0, (0.5, 0.5)),
    ("min", (-inf, -inf), -inf, (0.5, 0.5)),
    ("min", (2.0, 1.0), 1.0, (0.0, 1.0)),
    ("min", (1.0, 2.0), 1.0, (1.0, 0.0)),
    ("min", (nan, 1.0), nan, (0.5, 0.5)),  # PyTorch: 1, 1
    ("min", (1.0, nan), nan, (0.5, 0.5)),
    ("where", (1.0, 2.0, 3.0), 2.0, (0.0, 1.0, 0.0)),
    ("where", (0.0, 2.0, 3.0), 3.0, (0.0, 0.0, 1.0)),
    ("where", (-1.0, 2.0, 3.0), 3.0, (0.0, 0.0, 1.0)),
    ("where", (nan, 2.0, 3.0), 3.0, (0.0, 0.0, 1.0)),
]
VALUES += [("pow", *rest) for name, *rest in VALUES if name == "**"]  # type: ignore[misc]


@pytest.mark.parametrize("name, at, value, gradient", VALUES, ids=str)
def test_value_and_gradients_are_as_decided(
    name: str, at: tuple[float, ...], value: float, gradient: tuple[float | None, ...]
) -> None:
    for recorded in product([True, False], repeat=len(at)):  # every mixture of Values and constants, on every side
        if not any(recorded):
            continue
        operands = [Value(x) if r else x for x, r in zip(at, recorded, strict=True)]
        z = function(name)(*operands)
        assert isinstance(z, Value) and type(z.data) is float
        assert same(z.data, value), recorded
        z.forward()
        assert same(z.data, value), f"replayed, {recorded}"
        leaves = [x for x in operands if isinstance(x, Value)]
        decided = [g for g, r in zip(gradient, recorded, strict=True) if r]
        graphs = grad(z, leaves)
        z.backward()
        for x, graph, expected in zip(leaves, graphs, decided, strict=True):
            assert type(x.grad) is float and type(graph.data) is float
            if expected is not None:
                assert same(x.grad, expected), f"backward(): {x.grad}, {recorded}"
                assert same(graph.data, expected), f"grad(): {graph.data}, {recorded}"


@pytest.mark.parametrize("name, at, value", [row[:3] for row in VALUES if row[0] not in OPERATORS], ids=str)
def test_functions_of_plain_floats_give_plain_floats_of_the_same_value(
    name: str, at: tuple[float, ...], value: float
) -> None:
    z = function(name)(*at)
    assert type(z) is float and same(z, value)
    method = getattr(Value(at[0]), name)
    assert same(method(*at[1:]).data, value)


@pytest.mark.parametrize(
    "z, sign",
    [
        (lambda: -Value(0.0), -1),
        (lambda: Value(-0.0) * 1.0, -1),
        (lambda: Value(0.0) * -1.0, -1),
        (lambda: -1.0 * Value(0.0), -1),
        (lambda: Value(-0.0) + 0.0, 1),
        (lambda: Value(-0.0) + -0.0, -1),
        (lambda: 0 - Value(0.0), 1),
        (lambda: Value(-0.0) - 0, -1),
        (lambda: Value(0.0) / -1.0, -1),
        (lambda: 1.0 / Value(-inf), -1),
        (lambda: Value(-TINY) * 0.5, -1),
        (lambda: autograd.sqrt(Value(-0.0)), -1),
        (lambda: autograd.tanh(Value(-0.0)), -1),
        (lambda: abs(Value(-0.0)), 1),
        (lambda: Value(-0.0) ** 3, -1),
        (lambda: Value(-0.0) ** 2, 1),
        (lambda: autograd.leaky_relu(Value(-0.0)), -1),
        (lambda: autograd.elu(Value(-0.0)), -1),
        (lambda: autograd.gelu(Value(-0.0)), -1),
        (lambda: autograd.gelu(Value(-inf)), -1),
        (lambda: autograd.silu(Value(-0.0)), -1),
        (lambda: autograd.silu(Value(-1e300)), -1),
        (lambda: autograd.log_sigmoid(Value(inf)), -1),
        (lambda: autograd.clip(Value(-0.0), 0.0, 1.0), -1),
        (lambda: autograd.clip(Value(0.0), -1.0, -0.0), 1),
        (lambda: autograd.floor(Value(-0.0)), -1),
        (lambda: autograd.floor(Value(0.5)), 1),
        (lambda: autograd.ceil(Value(-0.5)), -1),
        (lambda: autograd.round(Value(-0.3)), -1),
        (lambda: autograd.round(Value(0.5)), 1),
        (lambda: Value(-4.0) % 2.0, 1),
        (lambda: Value(4.0) % -2.0, -1),
        (lambda: Value(-0.0) % 3.0, 1),
        (lambda: Value(-0.0) // 3.0, -1),
        (lambda: Value(0.0) // -inf, -1),
    ],
)
def test_zeros_keep_the_sign_ieee_gives_them(z: Callable[[], Value], sign: int) -> None:
    assert z().data == 0.0 and math.copysign(1.0, z().data) == sign


@pytest.mark.parametrize(
    "name, x, value, derivative",  # to 17 digits, by mpmath; 0.75 and 1.28 are near where the derivatives are 0
    [
        ("gelu", -0.75, -0.16997051428265115, 0.00077427826076489563),
        ("gelu", -1.0, -0.15865525393145705, -0.0833154705876863),
        ("gelu", -8.0, -4.976768459417427e-15, -3.979607261086796e-14),
        ("gelu", -20.0, -5.507248237212468e-88, -1.1014360483133464e-86),
        ("gelu", -37.0, -2.118461352334093e-298, -7.838298669418516e-297),
        ("silu", -1.28, -0.278464286178416, -0.00033409488523572033),
        ("silu", -714.0, -5.8538034039465517e-308, -5.8456047997393436e-308),
    ],
)
def test_gelu_and_silu_keep_their_digits_in_the_tail(name: str, x: float, value: float, derivative: float) -> None:
    """An error of x in its last place is one of x * x (gelu) or x (silu) places in the result."""
    v = Value(x)
    z = function(name)(v)
    z.backward()
    rtol = 4e-16 * (2 + (x * x if name == "gelu" else abs(x)))
    assert z.data == pytest.approx(value, rel=rtol, abs=0.0)
    assert v.grad == pytest.approx(derivative, rel=rtol + 8e-16 / abs(derivative / value), abs=0.0)


@pytest.mark.parametrize(
    "f, at, derivatives",
    [
        (lambda x: x**1.0, 0.0, [1.0, 0.0]),
        (lambda x: x**1, 0.0, [1.0, 0.0, 0.0]),
        (lambda x: x**0, 0.0, [0.0, 0.0]),
        (lambda x: x**2, 0.0, [0.0, 2.0, 0.0]),
        (lambda x: x**3.0, 0.0, [0.0, 0.0, 6.0, 0.0]),
        (lambda x: x**4, 2.0, [32.0, 48.0, 48.0, 24.0, 0.0]),
        (lambda x: x * x * x, 0.0, [0.0, 0.0, 6.0, 0.0]),
        (lambda x: 1 / x, 2.0, [-1 / 4, 1 / 4, -3 / 8]),
        (lambda x: x**x, 2.0, [4 * (1 + LOG_2), 4 * (1 + LOG_2) ** 2 + 2]),
        (lambda x: 2**x, 3.0, [8 * LOG_2, 8 * LOG_2**2, 8 * LOG_2**3]),
        (abs, 0.0, [0.0, 0.0]),
        (lambda x: x.relu(), 0.0, [0.0, 0.0]),
        (lambda x: x.relu(), 2.0, [1.0, 0.0]),
        (autograd.leaky_relu, -2.0, [0.01, 0.0]),
        (autograd.elu, 1e308, [1.0, 0.0, 0.0]),  # not 0 * exp(1e308)
        (lambda x: autograd.elu(x, x), 1e308, [1.0, 0.0, 0.0]),
        (autograd.elu, 0.0, [1.0, 1.0, 1.0]),
        (autograd.gelu, 0.0, [0.5, math.sqrt(2 / math.pi), 0.0, -4 / math.sqrt(2 * math.pi)]),
        (autograd.gelu, 1e300, [1.0, 0.0, 0.0]),
        (autograd.gelu, -inf, [0.0, 0.0, 0.0]),
        (autograd.silu, 0.0, [0.5, 0.5, 0.0, -0.5]),
        (autograd.silu, 1e308, [1.0, 0.0, 0.0]),
        (autograd.silu, -inf, [0.0, 0.0, 0.0]),
        (autograd.log_sigmoid, 0.0, [0.5, -0.25, 0.0]),
        (autograd.log_sigmoid, -1e308, [1.0, 0.0, 0.0]),
        (lambda x: autograd.logaddexp(x, 3 * x), 0.0, [2.0, 1.0, 0.0]),
        (lambda x: autograd.logaddexp(x, x), inf, [1.0, 0.0]),
        (lambda x: autograd.clip(x * x, -1.0, 4.0), 2.0, [4.0, 2.0, 0.0]),
        (lambda x: (x * x) % 3.0, 2.0, [4.0, 2.0, 0.0]),
        (lambda x: x % (x * x), 0.75, [1 - 1.5, -2.0, 0.0]),
        (lambda x: x * (x // 2.0) * x.round(), 5.2, [10.0, 0.0]),
        (autograd.tanh, 0.0, [1.0, 0.0, -2.0]),
        (lambda x: autograd.max(x, 1.0), 2.0, [1.0, 0.0]),
    ],
)
def test_derivatives_of_derivatives_at_edges(f: Callable[[Value], Value], at: float, derivatives: list[float]) -> None:
    x = Value(at)
    z = f(x)
    for expected in derivatives:
        z = grad(z, x)
        assert z.data == pytest.approx(expected, rel=1e-14, abs=0.0)


# ------------------------------------------------------------------------------------- sums of any number of terms


def test_an_exponent_just_above_minus_1_is_not_odd() -> None:
    """Its remainder by 2 is rounded to 1. (No row of the table above: spreadsheets have 15 digits, and see -1.)"""
    z = (x := Value(-0.0)) ** -0.9999999999999999
    assert z.data == autograd.pow(-0.0, -0.9999999999999999) == inf
    z.backward()
    assert x.grad == -inf


@pytest.mark.parametrize(
    "terms, expected",
    [
        ([], 0.0),
        ([1e16, 1.0, -1e16], 0.0),  # a compensated sum gives 1.0
        ([0.1] * 10, 0.9999999999999999),
        ([1e308, 1e308, -1e308], inf),
        ([1, 2.5, True], 4.5),
    ],
)
def test_sum_adds_strictly_left_to_right(terms: list[float], expected: float) -> None:
    ones = [1.0] * len(terms)
    for total in (autograd.sum(terms), autograd.sum(x for x in terms), autograd.dot(terms, ones)):
        assert type(total) is float and total == expected
    if terms:
        leaves = [Value(x) for x in terms]
        for node in (autograd.sum(leaves), autograd.sum(x for x in leaves), autograd.dot(leaves, ones)):
            assert node.data == expected
            assert [x for x in node.args if isinstance(x, Value)] == leaves, "one node, operands in order"
            node.forward()
            assert node.data == expected


def test_sum_and_dot_are_one_node_with_operands_in_order() -> None:
    u, v, w = Value(2.0), Value(3.0), Value(4.0)
    total = autograd.sum([u, 5, v, u])
    assert total.data == 12.0
    assert list(map(id, total.args[::2])) == [id(u), id(v)] and total.args[3] is u and type(total.args[1]) is float
    total.backward()
    assert (u.grad, v.grad) == (2.0, 1.0)
    product = autograd.dot([u, 7], [v, w])
    assert product.data == 34.0 and len(product.args) == 4
    assert product.args[0] is u and product.args[2] is v and product.args[3] is w
    gradients = grad(product, [u, v, w])
    assert [g.data for g in gradients] == [3.0, 2.0, 7.0]


@pytest.mark.parametrize("xs, ys", [([1.0, 2.0], [3.0]), ([], [1.0]), ([1.0], [])])
def test_dot_of_unequal_lengths_is_an_error_that_says_so(xs: list[float], ys: list[float]) -> None:
    for left in (xs, [Value(x) for x in xs]):
        with pytest.raises(ValueError, match=rf"{len(xs)}\D+{len(ys)}|length"):
            autograd.dot(left, ys)


# ---------------------------------------------------------------------------------------------------------- types


class Half:
    """A third-party type that is `numbers.Real`."""

    def __float__(self) -> float:
        return 0.5

    def __repr__(self) -> str:  # the tests' names, the same in every process
        return "Half()"


numbers.Real.register(Half)

REALS: list[Any] = [
    3,
    True,
    0.1,
    Fraction(1, 3),
    np.float64(0.1),
    np.float32(0.1),
    np.int64(-7),
    np.uint8(200),
    Half(),
]
# ... and what the message must name: the way out, or what was met
UNREAL: list[tuple[Any, str]] = [
    (Decimal("0.5"), r"float"),
    ("0.5", r"float"),
    (None, r"None"),
    (1j, r"complex|real"),
    ([1.0], r"list"),
]


@pytest.mark.parametrize(
    "at, value, gradient",
    [
        ([1.0, 3.0, 2.0], 3.0, [0.0, 1.0, 0.0]),
        ([-5.0], -5.0, [1.0]),
        ([2.0, 2.0], 2.0, [0.5, 0.5]),
        ([4.0, 1.0, 4.0, 4.0], 4.0, [1 / 3, 0.0, 1 / 3, 1 / 3]),
        ([0.0, -0.0, -1.0], -0.0, [0.5, 0.5, 0.0]),
        ([TINY, 0.0], TINY, [1.0, 0.0]),
        ([-1.7e308, 1.7e308], 1.7e308, [0.0, 1.0]),
        ([inf, 0.0, inf], inf, [0.5, 0.0, 0.5]),
        ([-inf, -inf, -inf], -inf, [1 / 3] * 3),
        ([-inf, 0.0], 0.0, [0.0, 1.0]),
        ([nan, 1.0], nan, [0.5, 0.5]),
        ([1.0, nan, 2.0, -inf], nan, [0.25] * 4),
    ],
)
def test_largest_shares_its_gradient_equally_at_a_tie(at: list[float], value: float, gradient: list[float]) -> None:
    _check_shares(autograd.largest, autograd.max, at, value, gradient)
    _check_shares(autograd.smallest, autograd.min, [-x for x in at], -value, gradient)


def _check_shares(op: Any, of_many: Any, at: list[float], value: float, gradient: list[float]) -> None:
    assert same(op(at), value) and math.copysign(1, op(at)) == math.copysign(1, value)
    values = [Value(x) for x in at]
    z = op(values)
    assert z.op is op and z.args == tuple(values) and same(z.data, value)
    for many in (of_many(values), of_many(iter(values)), *([of_many(*values)] if len(values) > 2 else [])):
        assert many.op is op and many.args == tuple(values)
    of_floats = of_many(*at) if len(at) > 1 else of_many(at)
    assert type(of_floats) is float and same(of_floats, value)
    graphs = grad(z, values)
    z.backward()
    assert [x.grad for x in values] == [g.data for g in graphs] == gradient
    squared = grad(z * z, values)  # a higher derivative takes nothing from the differences, which are inf and nan
    if math.isfinite(value):
        for g, share in zip(squared, gradient, strict=True):
            seconds = [second.data for second in grad(g, values)]
            assert seconds == [2 * share * other for other in gradient]
    for g in graphs:
        assert [second.data for second in grad(g, values)] == [0.0] * len(at)


def test_largest_takes_constants_and_any_number_of_operands() -> None:
    x = Value(2.0)
    z = autograd.largest((x, 2, 0.5))
    assert z.args == (x, 2.0, 0.5) and grad(z, x).data == 0.5
    many = [Value(float(i % 1000)) for i in range(2500)]
    z = autograd.largest(np.array(many))
    z.backward()
    assert z.data == 999 and [x.grad for x in many[999:2000:1000]] == [0.5, 0.5] and many[2499].grad == 0
    made = len(graph_of(*grad(z, many)))
    assert made <= 6 * len(many)  # linear: no operand is compared with any other


@pytest.mark.parametrize(
    "nothing, said", [([], "an empty list"), ((), "an empty tuple"), (np.array([]), "an empty ndarray")]
)
def test_the_largest_of_nothing_is_an_error_that_says_so(nothing: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^expected at least one value, got {said}$"):
        autograd.largest(nothing)
    for op in autograd.smallest, autograd.max, autograd.min:
        with pytest.raises(ValueError, match=f"^expected at least one value, got {said}$"):
            op(nothing)
    with pytest.raises(TypeError, match=r"^largest\(\) takes \(values\)"):
        autograd.largest(1.0, 2.0)
    with pytest.raises(TypeError, match=r"^smallest\(\) takes \(values\).*autograd\.smallest\(\[x, y\]\)$"):
        autograd.smallest(1.0, 2.0)


@pytest.mark.parametrize("name", ["max", "min"])
def test_max_and_min_take_what_pythons_take(name: str) -> None:
    op, pythons = getattr(autograd, name), getattr(builtins, name)
    x, y = Value(2.0), Value(-3.0)
    for arguments in [(1, 2.5), (3, True, 2.5), ([1, 2.5, -3],), ((4,),), (range(5),), ({1.0: 2, 7.0: 1},)]:
        found = op(*arguments)
        assert type(found) is float and found == pythons(*arguments)
    for array in (np.array([3.0, 1.0, 2.0]), np.array([3, 1, 2])):
        assert op(array) == pythons(array) and type(op(array)) is float
    of_two = op(x, y)  # the row of two, as ever; of a list of two, that of many
    assert of_two.op is op and of_two.args == (x, y) and op(y=y, x=x).args == (x, y)
    of_many = autograd.largest if name == "max" else autograd.smallest
    for z in (op([x, y]), op(v for v in (x, y)), op(np.array([x, y])), op({x: 0, y: 1})):
        assert z.op is of_many and z.args == (x, y) and z.data == of_two.data
    assert op([x, 1.5, y]).args == op(x, 1.5, y).args == x.__class__.__record__(of_many, (x, 1.5, y)).args
    assert getattr(x, name)(y, 0.5).args == (x, y, 0.5)
    assert op([], default=0) == 0.0 and op([x, y], default=0).args == (x, y)
    left = op([], default=x)
    assert left.data == 2.0 and grad(left, x).data == 1.0
    for wrong, said in [
        (op, "takes .*: got no values$"),
        (lambda: op(x), r"takes \(x, y\), more operands, or a list of them: expected a list of values, got Value$"),
        (lambda: op(2.0), "expected a list of values, got float$"),
        (lambda: op(x, y, default=0.0), "a default is for an empty list, not beside several values$"),
        (
            lambda: op([x, y], key=abs),
            "unexpected keyword argument 'key'; write Python's own with key=lambda v: v.data",
        ),
        (lambda: op(x, y, key=abs), "unexpected keyword argument 'key'; write Python's own with key=lambda v: v.data"),
        (lambda: op([x, "y"]), "^expected a real number, got str 'y'"),
        (lambda: op([], default=None), "^expected a real number, got NoneType"),
        (lambda: op([[x, y], [y, x]]), "^expected a real number, got list"),
    ]:
        with pytest.raises(TypeError, match=said):
            wrong()
    key = eval(f"{name}(values, key=lambda v: v.data)", {name: pythons, "values": [x, y]})
    assert key is (x if name == "max" else y)


@pytest.mark.parametrize("x", REALS, ids=repr)
def test_every_real_number_becomes_a_plain_float(x: Any) -> None:
    v = Value(x)
    assert type(v.data) is float and v.data == float(x)
    v = Value(1.0)
    v.data = x
    assert type(v.data) is float and v.data == float(x)
    v.backward(x)
    assert v.grad == float(x)
    assert isinstance(autograd.tanh(x), float) and autograd.tanh(x) == math.tanh(float(x))


@pytest.mark.parametrize("size", [1e-40, 1.0, 1e40])
def test_atan2_scales_no_squares_that_it_need_not_scale(size: float) -> None:
    """Scaling costs the last digit, so the gradients of ordinary numbers have the bits of the textbook's formula."""
    rng = random.Random(0)
    for _ in range(100):
        g, y, x = (size * rng.uniform(-3, 3) for _ in range(3))
        square = x * x + y * y
        assert autograd.ops.atan2.pulls(g, math.atan2(y, x), y, x) == (g * (x / square), -g * (y / square))


@pytest.mark.parametrize("name", [*ARITHMETIC, "max", "atan2"])
@pytest.mark.parametrize("x", REALS, ids=repr)
def test_every_real_number_is_an_operand_on_either_side(name: str, x: Any) -> None:
    f, v = function(name), Value(1.5)
    for mixed, plain, place in [(f(v, x), f(v, float(x)), 1), (f(x, v), f(float(x), v), 0)]:
        assert isinstance(mixed, Value) and type(mixed.data) is float
        assert same(mixed.data, plain.data)
        assert type(mixed.args[place]) is float and mixed.args[place] == float(x)
        assert mixed.args[1 - place] is v


@pytest.mark.parametrize("x, advice", UNREAL, ids=repr)
def test_what_is_not_a_real_number_is_a_type_error_that_says_what_to_do(x: Any, advice: str) -> None:
    v = Value(2.0)

    def assign_data() -> None:
        v.data = x

    attempts: list[Callable[[], object]] = [
        lambda: Value(x),
        assign_data,
        lambda: autograd.tanh(x),
        lambda: autograd.max(v, x),
        lambda: autograd.atan2(x, v),
        lambda: autograd.sum([v, x]),
        lambda: autograd.dot([v], [x]),
        lambda: autograd.where(v, x, 1.0),
    ]
    for name in ARITHMETIC:
        f = OPERATORS[name]
        attempts += [lambda f=f: f(v, x), lambda f=f: f(x, v)]  # type: ignore[misc]
    for attempt in attempts:
        with pytest.raises(TypeError, match=advice):
            attempt()
    assert v.data == 2.0 and v.grad == 0.0


@pytest.mark.parametrize("x", [10**400, -(10**400), Fraction(10**400)], ids=["int", "negative", "Fraction"])
def test_what_no_float_can_hold_is_an_overflow_error_at_entry(x: Any) -> None:
    v = Value(2.0)

    def assign_data() -> None:
        v.data = x

    attempts: list[Callable[[], object]] = [lambda: Value(x), assign_data, lambda: autograd.max(v, x)]
    for name in ARITHMETIC:
        f = OPERATORS[name]
        attempts += [lambda f=f: f(v, x), lambda f=f: f(x, v)]  # type: ignore[misc]
    for attempt in attempts:
        with pytest.raises(OverflowError):
            attempt()
    assert v.data == 2.0


@pytest.mark.parametrize("condition", [True, False, Value(1.0) > 0, Value(1.0) < 0])
def test_where_refuses_a_bool_because_it_has_forgotten_the_graph(condition: bool) -> None:
    with pytest.raises(TypeError, match="number"):
        autograd.where(condition, Value(1.0), 2.0)  # type: ignore[arg-type, call-overload, unused-ignore]


# ----------------------------------------------------------------------------------------------------- comparison


@pytest.mark.parametrize("relation", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("x, y", [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (nan, 1.0), (-0.0, 0.0), (inf, inf)])
def test_order_is_by_value_and_a_plain_bool(relation: Callable[[Any, Any], bool], x: float, y: float) -> None:
    for left, right in [(Value(x), Value(y)), (Value(x), y), (x, Value(y))]:
        assert relation(left, right) is relation(x, y)


def test_builtin_max_min_and_sorted_order_values_and_return_them() -> None:
    u, v, w = Value(3.0), Value(1.0), Value(2.0)
    assert builtins.max([u, v, w]) is u and builtins.min(u, v, w) is v
    assert list(map(id, sorted([u, v, w]))) == [id(v), id(w), id(u)]


@pytest.mark.parametrize("number", [2.0, 2, True, Fraction(2), np.int64(2)], ids=repr)
def test_equality_with_a_number_is_a_type_error_that_says_compare_data(number: Any) -> None:
    v = Value(2.0)
    attempts: list[Callable[[], object]] = [
        lambda: v == number,
        lambda: v != number,
        lambda: number in [v],
        lambda: [v].index(number),
    ]
    if not isinstance(number, np.generic):  # on the left, NumPy's own == runs first
        attempts += [lambda: number == v, lambda: number != v, lambda: v in [number]]
    for attempt in attempts:
        with pytest.raises(TypeError, match=r"compare.*\.data"):
            attempt()


def test_equality_and_hash_are_by_identity() -> None:
    @dataclass
    class Pair:
        first: Value
        second: Value

    v, w = Value(2.0), Value(2.0)
    same = v
    assert v == same and v != w
    assert (v == w) is False and (v != same) is False and (v == "2.0") is False
    assert v in [w, v] and v not in [w] and [w, v].index(v) == 1
    assert len({v, w, v}) == 2 and {v: "v", w: "w"}[w] == "w"
    assert Pair(v, w) == Pair(v, w) and Pair(v, w) != Pair(w, v)
    before = hash(v)
    v.data = 7.0
    assert hash(v) == before


# ----------------------------------------------------------------------------------------------------- conversion


@pytest.mark.parametrize("convert", [float, int, complex, math.tanh, math.sqrt, math.isnan], ids=lambda f: f.__name__)
def test_a_conversion_that_would_drop_the_gradient_names_the_way_out(convert: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as error:
        convert(Value(2.0))
    assert ".data" in str(error.value) and "autograd.tanh" in str(error.value)


@pytest.mark.parametrize(
    "call, code",
    [
        (lambda vs: random.choices("ab", weights=vs), 'random.choices("ab", weights={})'),
        (lambda vs: random.choices("ab", cum_weights=vs), 'random.choices("ab", cum_weights={})'),
        (lambda vs: np.random.default_rng(0).choice(2, p=vs), "np.random.default_rng(0).choice(2, p={})"),
        (lambda vs: np.random.default_rng(0).multinomial(1, vs), "np.random.default_rng(0).multinomial(1, {})"),
        (lambda vs: np.array(vs, float), "np.array({}, float)"),
        (lambda vs: np.array(vs).astype(float), "np.array({}).astype(float)"),
        (statistics.mean, "statistics.mean({})"),
        (statistics.pstdev, "statistics.pstdev({})"),
        (math.fsum, "math.fsum({})"),
    ],
)
def test_where_plain_numbers_are_wanted_the_error_says_how_to_pass_them(call: Any, code: str) -> None:
    values = [Value(0.25), Value(0.75)]
    with pytest.raises(TypeError, match="Where a number is meant") as caught:
        call(values)
    [numbers] = re.findall(r"\[[^]]*\]", str(caught.value))
    names = {"values": values, "random": random, "np": np, "statistics": statistics, "math": math}
    eval(code.format(numbers), names)


@pytest.mark.parametrize("call", [range, [1.0, 2.0].__getitem__, time.sleep], ids=["range", "index", "sleep"])
def test_an_index_says_how_to_make_one(call: Any) -> None:
    with pytest.raises(TypeError, match=r"a Value is no index.*nn\.one_hot.*as in range, int\(t\.data\)$"):
        call(Value(0.0))


@pytest.mark.parametrize(
    "inputs, said",
    [
        (0.5, r"got float 0\.5: a plain number is in no graph\. Write x = Value\(0\.5\), compute"),
        ([2], r"got int 2: a plain number is in no graph\. Write x = Value\(2\), compute"),
        (np.float64(0.5), "got float64 .*a plain number is in no graph"),
        (np.array([0.5, 1.0]), r"got ndarray .*pass a list of Values, array\.tolist\(\) for an array of them$"),
        ({"x": 0.5}, r"got dict .*pass list\(d\.values\(\)\)$"),
        ("x", "got str 'x'$"),
        (None, "got NoneType None$"),
        (math.tanh, r"got a function, tanh, which is called first: pass tanh\(x\)$"),
    ],
)
def test_inputs_of_grad_that_are_no_values(inputs: Any, said: str) -> None:
    x = Value(2.0)
    functions: list[Any] = [grad, *([autograd.check_gradients] if inputs is not None else [])]  # None: all inputs
    for function in functions:
        with pytest.raises(TypeError, match=f"^inputs are Values, or lists of Values, {said}"):
            function(x * x, inputs)
    written = re.search(r"Write x = (Value\(.*?\)),", said.replace("\\", ""))
    if written:
        x = eval(written[1], {"Value": Value})
        assert grad(x * x, x).data == 2 * x.data
    if inputs is math.tanh:
        said = r"got Value .*: grad\(f\) is a function, .*\. Write grad\(f\)\(x\); or grad\(f\(x\), x\) if x is a Value"
        with pytest.raises(TypeError, match=said):
            grad(inputs, x)
        return
    with pytest.raises(
        TypeError, match=r"^expected a Value as output, got .*: only Values remember how they were made"
    ):
        grad(inputs, x)


@pytest.mark.parametrize("number", [0.0, 2.0])
def test_truth_of_a_value_is_a_type_error_that_names_data(number: float) -> None:
    v = Value(number)
    attempts: list[Callable[[], object]] = [
        lambda: bool(v),
        lambda: not v,
        lambda: v and 1.0,
        lambda: 1.0 if v else 2.0,
        lambda: any([v]),
    ]
    for attempt in attempts:
        with pytest.raises(TypeError, match=r"\.data"):
            attempt()


@pytest.mark.parametrize("spec", [".4f", ">12.3e", "+.1f", "08.2f", ".3g", "%"])
def test_a_format_formats_the_data(spec: str) -> None:
    assert format(Value(0.123456), spec) == format(0.123456, spec)
    assert f"{Value(0.123456):.4f}" == "0.1235"


# ----------------------------------------------------------------------------------------- operators and rebinding


def test_the_builtin_sum_works_from_its_int_zero() -> None:
    v, w = Value(2.0), Value(3.0)
    total = builtins.sum([v, w, v])
    assert isinstance(total, Value) and total.data == 7.0
    total.backward()
    assert (v.grad, w.grad) == (2.0, 1.0)


@pytest.mark.parametrize(
    "update, data, gradient",
    [
        (operator.iadd, 5.0, 1.0),
        (operator.isub, 1.0, 1.0),
        (operator.imul, 6.0, 2.0),
        (operator.itruediv, 1.5, 0.5),
        (operator.ipow, 9.0, 6.0),
    ],
)
def test_an_augmented_assignment_rebinds_and_changes_no_node(
    update: Callable[[Any, Any], Any], data: float, gradient: float
) -> None:
    old = Value(3.0)
    user = old * 10
    new = update(old, 2)
    assert new is not old and new.data == data and new.args[0] is old
    assert old.data == 3.0 and old.op is None and user.args[0] is old
    new.backward()
    assert old.grad == gradient


def test_a_square_written_as_a_product_has_two_operands() -> None:
    x = Value(3.0)
    y = x * x
    assert len(y.args) == 2 and y.args[0] is x and y.args[1] is x and y._prev == (x, x)
    y.backward()
    assert x.grad == 6.0


def test_a_cycle_by_hand_is_impossible() -> None:
    x = Value(2.0)
    y = x * 3
    assert type(y.args) is tuple and x.args == ()
    for name, value in {"args": (y,), "_prev": (y,), "_op": "*"}.items():
        for node in (x, y):
            with pytest.raises(AttributeError):
                setattr(node, name, value)
            with pytest.raises(AttributeError):
                delattr(node, name)
    y.backward()
    assert x.grad == 3.0


# -------------------------------------------------------------------------------------------- backward, repeatedly


def test_backward_twice_accumulates_in_leaves_and_not_in_between() -> None:
    a = Value(2.0)
    square = a * a
    cube = square * a
    for total in (12.0, 24.0, 36.0):
        cube.backward()
        assert (a.grad, square.grad, cube.grad) == (total, 2.0, 1.0)
    cube.zero_grad()
    assert (a.grad, square.grad, cube.grad) == (0.0, 0.0, 0.0)


def test_two_losses_that_share_a_node_add_exactly() -> None:
    a = Value(3.0)
    shared = a * a
    first, second = shared * 2, shared * a
    first.backward()
    assert (a.grad, shared.grad) == (12.0, 2.0)
    second.backward()
    assert (a.grad, shared.grad) == (12.0 + 27.0, 3.0)


# ------------------------------------------------------------------------------------------------ copies, pickles


def pickled(x: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(x, protocol))


COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda x, p=p: pickled(x, p) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)},  # type: ignore[misc]
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=list(COPIES))
def test_a_copy_of_a_result_is_a_working_graph_of_its_own(copied: Callable[[Any], Any]) -> None:
    x, w = Value(0.5, label="x"), Value(-2.0, label="w")
    y = autograd.tanh(x * w + 3)
    y.label = "y"
    y.backward()
    x2, y2, w2 = copied([x, y, w])
    assert (y2.label, x2.label, w2.label, y2.op) == ("y", "x", "w", y.op)
    assert (y2.data, y2.grad, x2.grad, w2.grad) == (y.data, y.grad, x.grad, w.grad)
    assert len({x, y, w, x2, y2, w2}) == 6
    before = x.grad, w.grad
    y2.backward()
    assert (x2.grad, w2.grad) == (2 * before[0], 2 * before[1])
    assert (x.grad, w.grad) == before
    x2.data = 1.0
    y2.forward()
    assert y2.data == math.tanh(1.0) and y.data == math.tanh(2.0)
    alone = copied(y)
    assert alone.args[0].args[0].args[0].label == "x" and alone.op is y.op


@pytest.mark.parametrize("copied", COPIES.values(), ids=list(COPIES))
def test_a_copy_can_be_built_upon_together_with_older_and_newer_values(copied: Callable[[Any], Any]) -> None:
    older = Value(2.0)
    x, y = copied([older, older * older])
    newer = older * x + y * older  # 2x + 2y: 4 + 8
    assert newer.data == 12.0
    newer.backward()
    assert (x.grad, y.grad, older.grad) == (2.0 + 8.0, 2.0, 2.0 + 4.0)


def test_a_pickle_from_a_long_running_process_works_in_a_fresh_one() -> None:
    x = Value(2.0)
    for _ in range(5_000):
        x * 1.0  # whatever counts nodes in this process is now far ahead
    script = (
        "import pickle, sys; x, y = pickle.load(sys.stdin.buffer); z = y * x; z = z * z * y; z.backward(); "
        "print(z.data, x.grad, y.grad)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps([x, x**3]), capture_output=True, check=True, timeout=60
    )
    # z = (x**3 * x)**2 * x**3 = x**11, and dz/dy at y = 8 is 3 x**2 y**2
    assert list(map(float, output.stdout.split())) == [2.0**11, 11 * 2.0**10, 768.0]


def test_a_shallow_copy_shares_its_operands() -> None:
    x = Value(3.0, label="x")
    y = x * x
    twin = copy.copy(y)
    assert twin is not y and twin.data == 9.0 and twin.op is y.op
    assert twin.args[0] is x and twin.args[1] is x
    twin.backward()
    assert x.grad == 6.0 and y.grad == 0.0
    leaf = copy.copy(x)
    assert leaf is not x and (leaf.data, leaf.grad, leaf.label) == (3.0, 6.0, "x")


@pytest.mark.parametrize("copied", COPIES.values(), ids=list(COPIES))
def test_a_neuron_is_copied_together_with_the_graphs_it_is_in(copied: Callable[[Any], Any]) -> None:
    neuron = nn.Neuron(2, weights=[0.5, -0.5], bias=0.1)
    loss = neuron([1.0, 2.0]) ** 2
    loss.backward()
    neuron2, loss2 = copied([neuron, loss])
    assert [p.data for p in neuron2.parameters()] == [p.data for p in neuron.parameters()]
    assert neuron2([1.0, 2.0]).data == neuron([1.0, 2.0]).data
    before = [p.grad for p in neuron.parameters()]
    loss2.backward()
    assert [p.grad for p in neuron2.parameters()] == [2 * g for g in before]
    assert [p.grad for p in neuron.parameters()] == before


# ---------------------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1,), (0,)])
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.float32])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_an_array_operand_gives_an_array_of_values_with_their_gradients(
    name: str, dtype: Any, shape: tuple[int, ...]
) -> None:
    def reflected(v: Any, x: Any) -> Any:
        return f(x, v)

    f = OPERATORS[name]
    array = np.arange(2, 2 + math.prod(shape)).astype(dtype).reshape(shape)
    for apply in (f, reflected):
        v, w = Value(1.5), Value(1.5)
        result = apply(v, array)
        assert isinstance(result, np.ndarray) and result.dtype == object and result.shape == shape
        expected = [apply(w, x) for x in array.ravel().tolist()]
        assert all(isinstance(z, Value) for z in result.flat)
        assert [z.data for z in result.flat] == [z.data for z in expected]
        for z, y in zip(result.flat, expected, strict=True):
            z.backward()
            y.backward()
        assert v.grad == w.grad and (v.grad != 0.0 or not expected)


@pytest.mark.parametrize("name", ["tanh", "exp", "log", "sqrt", "sin", "cos", "log1p", "expm1", "sinh", "cbrt"])
def test_numpy_functions_of_values_keep_the_gradients(name: str) -> None:
    v, w = Value(0.5), Value(2.0)
    array = np.array([v, w])
    assert array.dtype == object and array.shape == (2,)
    result = getattr(np, name)(array)
    assert all(isinstance(z, Value) and z.op is not None and z.op.name == name for z in result)
    for z, x in zip(result, [v, w], strict=True):
        assert z.data == getattr(autograd, name)(x.data)
        z.backward()
        assert x.grad == grad(getattr(x, name)(), x).data != 0.0
    alone = getattr(np, name)(v)
    assert isinstance(alone, Value) and alone.args[0] is v


def test_a_numpy_matrix_product_of_values_keeps_the_gradients() -> None:
    v, w = Value(0.5), Value(2.0)
    first, second = np.array([[1.0, 2.0], [3.0, 4.0]]) @ np.array([v, w])
    assert (first.data, second.data) == (4.5, 9.5)
    np.sum(np.array([first, second])).backward()
    assert (v.grad, w.grad) == (4.0, 6.0)


def test_numpy_refuses_to_turn_values_into_floats() -> None:
    with pytest.raises(TypeError):
        np.array([Value(1.0), Value(2.0)], dtype=float)


def test_both_derivatives_of_a_power_meet() -> None:
    """d²(x**y)/dxdy = x**(y-1) (1 + y log x), also where the rule for dx special-cases y = 0."""
    for at in ((2.0, 0.0), (2.0, 3.0), (0.5, -1.0)):
        x, y = Value(at[0]), Value(at[1])
        want = at[0] ** (at[1] - 1) * (1 + at[1] * math.log(at[0]))
        assert grad(grad(x**y, x), y).data == pytest.approx(want, rel=1e-12)
        assert grad(grad(x**y, y), x).data == pytest.approx(want, rel=1e-12)


def test_a_power_of_zero_has_no_gradient_however_small_the_base() -> None:
    for base in (1e-310, -1e-310, 5e-324, 0.0, -0.0, 1e300, math.nan):
        x = Value(base)
        (x**0).backward()
        assert x.grad == 0.0


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda x: setattr(x, "data", x - 0.1), r"\.data"),
        (lambda x: x.backward(x), r"\.data"),
        (lambda x: setattr(x, "label", 3), "label is a string"),
        (round, r"\.data"),
        (Value, "already a Value"),
    ],
)
def test_common_slips_are_explained(slip: Callable[[Value], object], said: str) -> None:
    x = Value(1.5)
    with pytest.raises(TypeError, match=said):
        slip(x)
    assert (x.data, x.grad, x.label) == (1.5, 0.0, "")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_a_list_of_all_results_is_copied_once_each(copied: Callable[[Any], Any]) -> None:
    x = Value(1.0)
    results = [x]
    for _ in range(3_000):
        results.append(results[-1] + x)
    twins = copied(results)
    assert all(twin.args == (before, twins[0]) for before, twin in pairwise(twins))
    assert len(pickle.dumps(results)) < 150 * len(results)
