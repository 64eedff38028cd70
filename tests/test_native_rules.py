"""The table written as C for the native core, `autograd/_native/rules.h`: fresh, complete, and Python's bits."""

from __future__ import annotations

import ctypes
import itertools
import math
import random
import re
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_rules import PLACES, ROWS, RULES, computes, is_in_c, pulls, rules
from needs import need_compiler

from autograd import ops
from autograd.codegen.c import FLAGS
from autograd.codegen.c_build import compiler_command
from autograd.ops import Op

FIXED = [op for op in ROWS if is_in_c(op)]
SPECIAL = [
    *(0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-160, 1e-50, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0, 2.5, 3.0, 40.0, 709.5),
    *(1e8, 2.0**53, 1e50, 1e200, 1.7976931348623157e308, math.inf, math.nan),
]
SIGNED = [sign * x for x in SPECIAL for sign in (1, -1)]
FEW = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 1e-310, 1e200, math.inf, -math.inf, math.nan]
GRADIENTS = [1.0, -2.5, 0.0, -0.0, 1e-310, 1e300, math.inf, math.nan]

# Called through the table, as the core calls them. The slow functions of the C library are counted.
CALLS = """
#include <math.h>
static int calls;
static double counted(double z) { calls++; return z; }
#define pow(x, y) counted(pow(x, y))
#define exp(x) counted(exp(x))
#define tanh(x) counted(tanh(x))
#include "rules.h"
int slow_calls(void) { return calls; }
int operands(int row) { return ROWS[row].operands; }
const char *name(int row) { return ROWS[row].name; }
int count(void) { return ROWS_COUNT; }
int computes_there(int row) { return ROWS[row].computes != NULL; }
int passes(int row, int place) { return ROWS[row].pulls[place] != NULL; }
void compute(int row, int n, const double *in, double *out)
{
    for (int i = 0; i < n; i++, in += 3) out[i] = ROWS[row].computes(in[0], in[1], in[2]);
}
void pull(int row, int place, int n, const double *in, double *out)
{
    for (int i = 0; i < n; i++, in += 5) out[i] = ROWS[row].pulls[place](in[0], in[1], in[2], in[3], in[4]);
}
"""


def built(header: str, folder: Path) -> ctypes.CDLL:
    """Return a library with the rules of a header."""
    need_compiler()
    (folder / "rules.h").write_text(header)
    (folder / "calls.c").write_text(CALLS)
    options = ["-O2", *FLAGS, "-Wall", "-Werror", "-shared", "-fPIC", "-o", "calls.so", "calls.c", "-lm"]
    subprocess.run([*compiler_command(""), *options], cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "calls.so"))
    library.name.restype = ctypes.c_char_p
    return library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return built(RULES.read_text(), tmp_path_factory.mktemp("rules"))


def same(x: float, y: float) -> bool:
    """Return True for equal bits; the sign of a nan is that of the processor's."""
    return (x == y and math.copysign(1, x) == math.copysign(1, y)) or (math.isnan(x) and math.isnan(y))


def called(function: Callable[..., None], rows: Sequence[Sequence[float]], width: int, *at: int) -> list[float]:
    """Return the results of a C function on rows of numbers, filled up with 0."""
    flat = [x for row in rows for x in (*row, *[0.0] * (width - len(row)))]
    out = (ctypes.c_double * len(rows))()
    function(*at, len(rows), (ctypes.c_double * len(flat))(*flat), out)
    return list(out)


def differences(
    library: ctypes.CDLL, op: Op, points: Sequence[tuple[float, ...]], gs: Sequence[float]
) -> dict[str, list[str]]:
    """Return where the C of a row differs from Python, on floats: for each function in C that does, the calls."""
    i = ROWS.index(op)
    results = [op.computes(*xs) for xs in points]
    rows = [(g, z, *xs) for xs, z in zip(points, results) for g in gs]
    found = {}
    if computes(op):
        found[computes(op)] = compared(called(library.compute, points, PLACES, i), results, points)
    for place, (name, rule) in enumerate(zip(pulls(op), op.rules)):
        if rule is not None:
            got = called(library.pull, rows, 2 + PLACES, i, place)
            found[name] = compared(got, [rule(*row) for row in rows], rows)
    return {name: calls for name, calls in found.items() if calls}


def compared(got: Sequence[float], wanted: Sequence[float], rows: Sequence[tuple[float, ...]]) -> list[str]:
    return [f"of {row}: {x}, not {y}" for row, x, y in zip(rows, got, wanted, strict=True) if not same(x, y)]


def special(op: Op) -> list[tuple[float, ...]]:
    of_each = {1: SIGNED, 2: SIGNED, 3: FEW}[len(op.rules)]
    return list(itertools.product(of_each, repeat=len(op.rules)))


def scattered(op: Op, n: int) -> Iterator[tuple[float, ...]]:
    """Yield operands of all exponents, of the usual ones, whole and half-integral ones, and equal ones."""
    rng = random.Random(op.name)
    numbers: list[Callable[[], float]] = [
        lambda: struct.unpack("d", rng.randbytes(8))[0],
        lambda: rng.uniform(-1, 1) * 10 ** rng.uniform(-8, 4),
        lambda: rng.gauss(0, 1),
        lambda: rng.randint(-20, 20) / 2,
    ]
    for _ in range(n):
        xs = [rng.choice(numbers)() for _ in op.rules]
        yield tuple(xs if rng.random() < 0.9 else xs[:1] * len(xs))


def test_the_file_is_fresh() -> None:
    assert RULES.read_text() == rules(), "run: python tests/make_rules.py"


def test_every_row_is_there_in_the_order_of_the_table(library: ctypes.CDLL) -> None:
    assert library.count() == len(ROWS)
    for i, op in enumerate(ROWS):
        assert library.name(i).decode() == op.name
        assert library.operands(i) == (0 if op.variadic else len(op.rules))
        assert bool(library.computes_there(i)) == (op in FIXED and op.name != "hypot")  # C's is within 2 ulp only
        passing = [op in FIXED and place < len(op.rules) and op.passes(place) for place in range(PLACES)]
        assert [bool(library.passes(i, place)) for place in range(PLACES)] == passing


@pytest.mark.parametrize("op", FIXED, ids=lambda op: op.name)
def test_the_bits_are_those_of_python(op: Op, library: ctypes.CDLL) -> None:
    assert differences(library, op, special(op), GRADIENTS if len(op.rules) < 3 else GRADIENTS[:4]) == {}
    assert differences(library, op, list(scattered(op, 500)), [1.0, random.Random(op.name).gauss(0, 1)]) == {}


@given(st.sampled_from(FIXED), st.lists(st.floats(), min_size=PLACES, max_size=PLACES), st.floats())
def test_the_bits_are_those_of_python_on_any_floats(library: ctypes.CDLL, op: Op, xs: list[float], g: float) -> None:
    assert differences(library, op, [tuple(xs[: len(op.rules)])], [g]) == {}


def test_a_wrong_sign_in_any_function_is_found(tmp_path: Path) -> None:
    head, functions = RULES.read_text().split("/* add: ")
    negated = re.sub(r"return (.*?);", r"return -(\1);", functions, flags=re.DOTALL)
    wrong = built(head + "/* add: " + negated, tmp_path)
    found = {name for op in FIXED for name in differences(wrong, op, special(op)[:100], [1.0])}
    assert found == {name for op in FIXED for name in (computes(op), *pulls(op)) if name}


# The gradient of x ** 2 needs no power, that of the sigmoid one exponential.
@pytest.mark.parametrize(
    ("op", "operands", "calls"),
    [
        (ops.pow, (0.7, 2.0), 0), (ops.pow, (0.7, 3.0), 0), (ops.pow, (0.7, 1.0), 1), (ops.pow, (0.7, -1.0), 1),
        (ops.pow, (0.7, 2.5), 1), (ops.sigmoid, (0.5,), 1), (ops.sigmoid, (-3.0,), 1), (ops.sigmoid, (3.0,), 1),
        (ops.softplus, (2.0,), 1), (ops.logaddexp, (2.0, 1.0), 1), (ops.elu, (2.0, 1.0), 0), (ops.elu, (-2.0, 1.0), 1),
        (ops.silu, (0.5,), 2), (ops.tanh, (0.5,), 0), (ops.exp, (0.5,), 0),
    ],
    ids=str,
)  # fmt: skip
def test_a_branch_that_is_not_taken_is_not_computed(
    library: ctypes.CDLL, op: Op, operands: tuple[float, ...], calls: int
) -> None:
    before = library.slow_calls()
    called(library.pull, [(1.0, op.computes(*operands), *operands)], 2 + PLACES, ROWS.index(op), 0)
    assert library.slow_calls() - before == calls
