"""Functions of all lanes of a vector at once: the bits of the C library, whose own functions are called elsewhere."""

from __future__ import annotations

import ctypes
import math
import platform
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import need_compiler

import autograd
from autograd import Value
from autograd.codegen import c_build
from autograd.codegen.c import FLAGS

GLIBC_ON_X86 = platform.libc_ver()[0] == "glibc" and platform.machine() == "x86_64"
LN2 = math.log(2)
# The last one told a coefficient that was wrong by 5e-12 of it, the only one of three billion numbers.
SPECIAL = [0.0, 5e-324, 1e-310, 2.0**-1022, 1.0, 1e300, math.inf, math.nan, 0.11624096221946292]
BOUNDS = [2.0**-55, LN2 / 4, 1.0, 22.0, *((n + 0.5) * LN2 / 2 for n in range(64))]


@pytest.fixture(scope="module")
def f() -> Any:
    need_compiler()
    x = Value(0.5)
    return autograd.compile(x.tanh(), x, in_axes=0, backend="c")


def way(source: str) -> str:
    """Return the function that a compiled file takes for the lanes of tanh."""
    names = ["NULL", "tanh_fused", "tanh_apart"]
    which = " : ".join(f"lanes_of_tanh == {name} ? {n}.0" for n, name in enumerate(names))
    library = c_build.built(f"{source}\nvoid which(double *out) {{ *out = {which} : 9.0; }}\n", ["-O2", *FLAGS])
    out = ctypes.c_double()
    library.function("which")(ctypes.byref(out))
    return names[int(out.value)]


def check(f: Any, xs: Sequence[float]) -> None:
    got = np.array(f(xs)).view(np.int64)
    wrong = np.flatnonzero(got != np.array([*map(math.tanh, xs)]).view(np.int64))
    assert not len(wrong), f"{len(wrong)} of {len(xs)} differ, the first at {xs[wrong[0]].hex()}"


def test_tanh_where_its_formula_changes(f: Any) -> None:
    near = [x * (1 + ulps * 2.0**-52) for x in BOUNDS for ulps in range(-40, 41)]
    xs = [*SPECIAL, *near]
    check(f, [*xs, *(-x for x in xs)])


@pytest.mark.parametrize("exponents", [(-60, 6), (-6, 2)])
def test_tanh_of_many_numbers(exponents: tuple[int, int], f: Any) -> None:
    draw = random.Random(exponents[0])
    check(f, [draw.choice([-1, 1]) * 2.0 ** draw.uniform(*exponents) for _ in range(200_000)])


@pytest.mark.parametrize("samples", range(1, 20))
def test_tanh_of_few_samples(samples: int, f: Any) -> None:
    check(f, [0.3 * k - 2 for k in range(samples)])


@pytest.mark.parametrize("rows, columns, used", [(1, 400, 400), (1, 407, 403), (40, 13, 9), (30, 20, 15), (50, 8, 8)])
def test_tanh_of_adjacent_numbers(rows: int, columns: int, used: int) -> None:
    """Without a batch; each row is one call, whose last vector may overlap the one before."""
    need_compiler()
    xs = [[Value(0.1 * (i - k) + 1e-3 * i * k) for k in range(columns)] for i in range(rows)]
    zs = [[x.tanh() for x in row[:used]] for row in xs]
    f = autograd.compile(zs, xs, backend="c")
    assert "    tanh_row(&" in f.source
    got = np.array(f([[x.data for x in row] for row in xs]))
    assert (got.view(np.int64) == np.array([[z.data for z in row] for row in zs]).view(np.int64)).all()


@pytest.mark.skipif(not GLIBC_ON_X86, reason="lanes are computed together with glibc on x86 alone")
def test_glibc_computes_tanh_in_one_of_the_two_ways(f: Any) -> None:
    """Later versions may have another: then the loop over the lanes is right, and this test says that it is slow."""
    fused = " fma " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    assert way(f.source) == ("tanh_fused" if fused else "tanh_apart")


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


PLANTED = {
    "a coefficient": ("0x1.a01a019fe5585p-10", "0x1.a01a0ap-10"),
    "a part of ln 2": ("0x1.a39ef35793c76p-33", "0x1.a39efp-33"),
    "a bound of n = 0": ("a < 0x1.62e43p-2", "a < 0x1.62e42p-2"),
    "the bound of large numbers": ("size >= 1,", "size >= 1.01,"),
    "the bound of tiny numbers": ("size >= 0x1p-55", "size >= 0x1p-25"),
    "numbers beyond 22": ("size > 22, all(22), size", "size > 1e9, all(1e9), size"),
    "the order for n = -1": ("n == -1", "n == -4"),
    "the order for n = 0": ("n == 0", "n == -4"),
    "the error of r": ("(high - r) - low;", "all(0);"),
    "the sign": ("| ((M)x & SIGN)", ""),
}


@pytest.mark.skipif(not GLIBC_ON_X86, reason="lanes are computed together with glibc on x86 alone")
@pytest.mark.parametrize("mistake", PLANTED)
def test_a_function_with_other_bits_is_not_taken(mistake: str, f: Any) -> None:
    assert way(replaced(f.source, *PLANTED[mistake])) == "NULL"


@pytest.mark.skipif(not GLIBC_ON_X86, reason="lanes are computed together with glibc on x86 alone")
def test_each_way_is_told_from_the_other(f: Any) -> None:
    """With one of the two alone, the C library's way is found or none is."""
    both = "CAN_FUSE && is_tanh(tanh_fused)", "is_tanh(tanh_apart)"
    used = way(f.source)
    for one in both:
        found = way(replaced(f.source, one, "0"))
        assert (found == "NULL") == (used in one)
        assert found == "NULL" or found in both[1 - both.index(one)]


@pytest.mark.skipif(not GLIBC_ON_X86, reason="lanes are computed together with glibc on x86 alone")
def test_only_functions_named_so_may_fuse(f: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is built once with such functions, and again without AVX-512 if another one fuses."""
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
        c_build.built(f"{fusing}\n{f.source}", ["-O2", *FLAGS])
        assert sum("-shared" in command for command in commands) == times
    assert "-mno-avx512f" in commands[-1]
