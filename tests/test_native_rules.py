"""The table written as C for the native core, `autograd/_native/rules.h`: fresh, complete, and Python's bits."""

from __future__ import annotations

import ctypes
import itertools
import math
import random
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from make_rules import PLACES, PYTHON_COMPUTES, ROWS, RULES, rules
from needs import need_compiler

from autograd.codegen.c import FLAGS
from autograd.codegen.c_build import compiler_command
from autograd.ops import Op

FIXED = [op for op in ROWS if not op.variadic]
SPECIAL = [
    *(0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-160, 1e-50, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0, 2.5, 3.0, 40.0, 709.5),
    *(1e8, 2.0**53, 1e50, 1e200, 1.7976931348623157e308, math.inf, math.nan),
]
SIGNED = [sign * x for x in SPECIAL for sign in (1, -1)]
FEW = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 1e-310, 1e200, math.inf, -math.inf, math.nan]
GRADIENTS = [1.0, -2.5, 0.0, -0.0, 1e-310, 1e300, math.inf, math.nan]

# Called through a table, as the core calls them.
CALLS = """
#include "rules.h"
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


def differences(library: ctypes.CDLL, op: Op, points: Sequence[tuple[float, ...]], gs: Sequence[float]) -> list[str]:
    """Return where the C of a row differs from Python, on floats."""
    place_of_row = ROWS.index(op)
    results = [op.computes(*xs) for xs in points]
    found = []
    if op.name not in PYTHON_COMPUTES:
        got = called(library.compute, points, PLACES, place_of_row)
        found += [f"{op.name}{xs} = {z}, not {a}" for xs, z, a in zip(points, got, results) if not same(z, a)]
    for place, rule in enumerate(op.rules):
        if rule is not None:
            rows = [(g, z, *xs) for xs, z in zip(points, results) for g in gs]
            got = called(library.pull, rows, 2 + PLACES, place_of_row, place)
            found += [
                f"{op.name} pulls {row} to operand {place}: {pull}, not {want}"
                for row, pull in zip(rows, got)
                if not same(pull, want := rule(*row))
            ]
    return found


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
        assert bool(library.computes_there(i)) == (op in FIXED and op.name not in PYTHON_COMPUTES)
        passing = [op in FIXED and place < len(op.rules) and op.passes(place) for place in range(PLACES)]
        assert [bool(library.passes(i, place)) for place in range(PLACES)] == passing


@pytest.mark.parametrize("op", FIXED, ids=lambda op: op.name)
def test_the_bits_are_those_of_python(op: Op, library: ctypes.CDLL) -> None:
    assert differences(library, op, special(op), GRADIENTS if len(op.rules) < 3 else GRADIENTS[:4]) == []
    assert differences(library, op, list(scattered(op, 500)), [1.0, random.Random(op.name).gauss(0, 1)]) == []
