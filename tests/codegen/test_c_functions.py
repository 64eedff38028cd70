"""Functions of all lanes of a vector at once: the bits of the C library, whose own functions are called elsewhere."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from needs import need_compiler

import autograd
from autograd import Value, ops
from autograd.codegen import c_build
from autograd.codegen.c import FLAGS
from autograd.codegen.c_functions import LANES_TOGETHER

CPU = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
LN2 = math.log(2)
NAMES = sorted(LANES_TOGETHER)
SPECIAL = [0.0, 5e-324, 1e-310, 2.0**-1022, 1.0, 1e300, math.inf, math.nan, 2.0**-55, 2.0**-54, 2.0**-29]
BOUNDS = {  # numbers where a formula changes, and some that once told a mistake
    # The first told a coefficient that was wrong by 5e-12 of it, the only one of three billion numbers.
    "tanh": [0.11624096221946292, LN2 / 4, 22.0, *((n + 0.5) * LN2 / 2 for n in range(64))],
    "exp": [512.0, 709.0, 1024 * LN2, 1022 * LN2, 1075 * LN2, *((n + 0.5) * LN2 / 128 for n in range(-300, 300))],
    "expm1": [0.25 + LN2, 56 * LN2, 700.0, 1024 * LN2, *((n + 0.5) * LN2 for n in range(64))],
    "log1p": [
        0.29289340972900390625,
        0.5**0.5,
        2.0**53,
        *(2.0**n - 1 for n in range(-6, 60)),
        *(0.5 * n for n in range(20)),
    ],
}

WITHOUT_FMA = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-FMA_Usable,-AVX2_Usable"}

only_together = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or platform.machine() != "x86_64" or " avx " not in CPU,
    reason="lanes are computed together with glibc on x86, in vectors of AVX, alone",
)
for_each_function = pytest.mark.parametrize("name", NAMES)


@cache
def compiled(name: str) -> Any:
    need_compiler()
    x = Value(0.5)
    return autograd.compile(getattr(x, name)(), x, in_axes=0, backend="c")


def way(name: str, source: str) -> str:
    """Return the function that a compiled file takes for the lanes of an operation."""
    names = ["NULL", f"{name}_fused", f"{name}_apart"]
    which = " : ".join(f"lanes_of_{name} == {one} ? {n}.0" for n, one in enumerate(names))
    library = c_build.built(f"{source}\nvoid which(double *out) {{ *out = {which} : 9.0; }}\n", ["-O2", *FLAGS])
    out = ctypes.c_double()
    library.function("which")(ctypes.byref(out))
    return names[int(out.value)]


def bits(x: float) -> str:
    return "nan" if math.isnan(x) else x.hex()


def check(name: str, xs: Sequence[float]) -> None:
    zs, function = compiled(name)(xs), getattr(ops, name)
    wrong = [x for x, z in zip(xs, zs, strict=True) if bits(z) != bits(function(x))]
    assert not wrong, f"{len(wrong)} of {len(xs)} differ, the first at {wrong[0].hex()}"


@for_each_function
def test_where_the_formula_changes(name: str) -> None:
    near = [x * (1 + ulps * 2.0**-52) for x in BOUNDS[name] for ulps in range(-40, 41)]
    xs = [*SPECIAL, *near]
    check(name, [*xs, *(-x for x in xs)])


@for_each_function
@pytest.mark.parametrize("exponents", [(-60, 11), (-6, 2)])
def test_many_numbers(name: str, exponents: tuple[int, int]) -> None:
    draw = random.Random(f"{name} {exponents}")
    check(name, [draw.choice([-1, 1]) * 2.0 ** draw.uniform(*exponents) for _ in range(100_000)])


@for_each_function
def test_unusual_numbers_beside_usual_ones(name: str) -> None:
    """All lanes of such a vector are computed one by one, or all together."""
    draw = random.Random(name)
    check(name, [draw.choice([0.5, -0.5, 3.0, -3.0, 600.0, -600.0, 1e9, -1e9, math.inf, math.nan]) for _ in range(999)])


@for_each_function
@pytest.mark.parametrize("samples", range(1, 20))
def test_few_samples(name: str, samples: int) -> None:
    check(name, [0.3 * k - 2 for k in range(samples)])


@pytest.mark.slice(most=8)
@for_each_function
@pytest.mark.parametrize("rows, columns, used", [(1, 400, 400), (1, 407, 403), (40, 13, 9), (30, 20, 15), (50, 8, 8)])
def test_adjacent_numbers(name: str, rows: int, columns: int, used: int) -> None:
    """Without a batch; each row is one call, whose last vector may overlap the one before."""
    need_compiler()
    xs = [[Value(0.1 * (i - k) + 1e-3 * i * k) for k in range(columns)] for i in range(rows)]
    zs = [[getattr(x, name)() for x in row[:used]] for row in xs]
    f = autograd.compile(zs, xs, backend="c")
    assert f"    {name}_row(&" in f.source
    got = f([[x.data for x in row] for row in xs])
    assert [list(map(bits, row)) for row in got] == [[bits(z.data) for z in row] for row in zs]


def test_powers_in_the_table_of_exp_are_the_nearest_floats() -> None:
    """Exactly: the 128th powers of what is half a unit in the last place less, and more, enclose a power of two."""

    def is_nearest(x: float, k: int, factor: Fraction, offset: int) -> bool:
        half = Fraction(math.ulp(x)) / 2
        low, high = (factor * (offset + Fraction(x) + side * half) for side in (-1, 1))
        return bool(low**128 < 2**k < high**128)

    (table,) = re.findall(r"powers\[128\]\[2\] = \{\{(.*)\}\};", compiled("exp").source)
    rows = [tuple(map(float.fromhex, row.split(", "))) for row in table.split("}, {")]
    assert (len(rows), rows[0]) == (128, (1.0, 0.0))
    for k, (power, share) in enumerate(rows[1:], 1):
        assert is_nearest(power, k, Fraction(1), 0)
        assert is_nearest(share, k, Fraction(power), 1)


def test_what_a_program_does_not_call_is_not_in_it() -> None:
    x = Value(0.5)
    source = autograd.compile(x.sin(), x, in_axes=0, backend="c").source
    assert not any(text in source for text in ("_fused", "powers", "within(", "constructor"))
    assert "powers" not in compiled("tanh").source
    assert "tanh_by" not in compiled("expm1").source


@only_together
@for_each_function
def test_glibc_computes_in_one_of_the_two_ways(name: str) -> None:
    """Later versions may have another: then the loop over the lanes is right, and this test says that it is slow."""
    fused = " fma " in CPU and WITHOUT_FMA["GLIBC_TUNABLES"] not in os.environ.get("GLIBC_TUNABLES", "")
    assert way(name, compiled(name).source) == f"{name}_{'fused' if fused else 'apart'}"


@only_together
@pytest.mark.skipif(" fma " not in CPU, reason="all tests do without fused multiply-add")
def test_with_the_glibc_of_processors_without_fused_multiply_add() -> None:
    """The same file finds the other way when it is loaded."""
    tests = f"{test_glibc_computes_in_one_of_the_two_ways.__name__} or {test_where_the_formula_changes.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", __file__, "-k", tests]
    done = subprocess.run(command, env={**os.environ, **WITHOUT_FMA}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "." * (2 * len(NAMES)) in done.stdout, "all have run"


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


PLANTED = {
    ("tanh", "a coefficient"): ("0x1.a01a019fe5585p-10", "0x1.a01a0ap-10"),
    ("tanh", "a part of ln 2"): ("0x1.a39ef35793c76p-33", "0x1.a39efp-33"),
    ("tanh", "a bound of n = 0"): ("size < 0x1.62e43p-2", "size < 0x1.62e42p-2"),
    ("tanh", "the bound of large numbers"): ("size >= 1,", "size >= 1.01,"),
    ("tanh", "the bound of tiny numbers"): ("size >= 0x1p-55", "size >= 0x1p-25"),
    ("tanh", "numbers beyond 22"): ("size > 22, all(22), size", "size > 1e9, all(1e9), size"),
    ("tanh", "the order for n = -1"): ("n == -1", "n == -4"),
    ("tanh", "the order for n = 0"): ("n == 0", "n == -4"),
    ("tanh", "the error of r"): ("(high - r) - low;", "all(0);"),
    ("tanh", "the sign"): ("1 - ratio, ratio) | ((M)x & SIGN)", "1 - ratio, ratio)"),
    ("exp", "a coefficient"): ("0x1.55555cf172b91p-5", "0x1.55555p-5"),
    ("exp", "a power"): ("{0x1.0163da9fb3335p+0,", "{0x1.0163da9fb3334p+0,"),
    ("exp", "the last power"): ("{0x1.fd3c22b8f71f1p+0,", "{0x1.fd3c22b8f71f2p+0,"),
    ("exp", "the low part of a power"): (", 0x1.b3b4f1a88bf6ep-54}", ", 0x0.0p+0}"),
    ("exp", "a part of ln 2"): ("0x1.cf79abc9e3b3ap-47", "0x1.cf79p-47"),
    ("exp", "128 / ln 2"): ("0x1.71547652b82fep7", "0x1.7154765p7"),
    ("exp", "infinite results"): ("x0, 709)", "x0, 712)"),
    ("exp", "subnormal results"): ("within(-512,", "within(-742,"),
    ("exp", "nan"): ("if (lanes_of_exp && from <= LANES - 3 && within(-512, x0, 709))", "if (lanes_of_exp)"),
    ("expm1", "a coefficient"): ("0x1.a01a019fe5585p-10", "0x1.a01a0ap-10"),
    ("expm1", "the order for n = 1"): ("(n == 1)", "(n == 99)"),
    ("expm1", "the order for n = 20"): ("n >= 20", "n >= 57"),
    ("expm1", "the order for n = 57"): ("n <= 56", "n <= 99"),
    ("expm1", "the sign of zero"): ("expm1_of(x, plus, 1) | ((M)x & SIGN)", "expm1_of(x, plus, 1)"),
    ("expm1", "infinite results"): ("within(-700, x0, 700)", "within(-700, x0, 900)"),
    ("log1p", "a coefficient"): ("0x1.7466496cb03dep-3", "0x1.74664ap-3"),
    ("log1p", "a part of ln 2"): ("0x1.a39ef35793c76p-33", "0x1.a39efp-33"),
    ("log1p", "1 + x rounded"): ("c = pick(n == 0, all(0), c)", "c = all(0)"),
    ("log1p", "no error with n = 0"): ("c = pick(n == 0, all(0), c);", ""),
    ("log1p", "the bound of small numbers"): ("x < 0x1.a827ap-2", "x < 0x1.a828p-2"),
    ("log1p", "tiny numbers"): ("(x < 0x1p-29)", "(x < 0x1p-99)"),
    ("log1p", "large numbers"): ("x0, 0x1p53)", "x0, 0x1p60)"),
    ("log1p", "numbers beyond -1"): ("within(-1, x0,", "within(-9, x0,"),
}


@pytest.mark.slice(most=12)
@only_together
@pytest.mark.parametrize("name, mistake", PLANTED)
def test_a_function_with_other_bits_is_not_taken(name: str, mistake: str) -> None:
    assert way(name, replaced(compiled(name).source, *PLANTED[name, mistake])) == "NULL"


@only_together
@for_each_function
def test_each_way_is_told_from_the_other(name: str) -> None:
    """With one of the two alone, the C library's way is found or none is."""
    source = compiled(name).source
    same, used = f"is_same({name}_each, {name}, numbers)", way(name, source)
    without = {
        f"{name}_fused": replaced(source, f"CAN_FUSE && {same}", "0"),
        f"{name}_apart": replaced(source, f"if (!{same})", "if (1)"),
    }
    for one, changed in without.items():
        assert way(name, changed) == ("NULL" if one == used else used)


@only_together
def test_only_functions_named_so_may_fuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is built once with such functions, and again without AVX-512 if another one fuses."""
    source = compiled("tanh").source
    commands: list[Sequence[str]] = []
    run = c_build.run

    def recorded(command: Sequence[str], *rest: Any) -> Any:
        commands.append(command)
        return run(command, *rest)

    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(c_build, "run", recorded)
    for name, times in (("square_fused", 1), ("square", 2)):
        commands.clear()
        fusing = f'__attribute__((target("fma"))) double {name}(double x) {{ return __builtin_fma(x, x, x); }}'
        c_build.built(f"{fusing}\n{source}", ["-O2", *FLAGS])
        assert sum("-shared" in command for command in commands) == times
    assert "-mno-avx512f" in commands[-1]
