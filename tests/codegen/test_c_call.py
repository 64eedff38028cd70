"""Compiled functions as objects: Ctrl-C ends a long call, libraries go with their functions, nothing is left."""

from __future__ import annotations

import gc
import linecache
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interrupts import ctrl_c_after
from needs import need_compiler

import autograd
from autograd import Value
from autograd.codegen import c, c_call, c_layout


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache for all tests of this file."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(folder))
    return folder


def line(k: float = 0.25, backend: str = "c") -> Any:
    x = Value(1.0)
    return autograd.compile(x * 0.999 + k, x, backend=backend)


# Calls in slices ---------------------------------------------------------------------------------------------------


def test_slices_change_no_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    need_compiler()
    w, x = [Value(0.5), Value(-0.25)], Value(0.75)
    y = (w[0] * x + w[1]).tanh()
    monkeypatch.setattr(c_layout, "DOUBLES_ON_THE_STACK", 0)  # those of `many` have memory that is allocated
    many = [Value(i / 500) for i in range(500)]
    mixed = [v * 0.9 + u * 0.1 for v, u in zip(many, many[1:] + many[:1])]
    xs = [0.1, 0.2, 0.3]

    def results() -> list[Any]:
        pair = autograd.compile([w[0] - 0.1 * y, w[1] * y], (w, x), backend="c")
        mean = autograd.compile([w[0] - y, w[1] + y], (w, x), in_axes=(None, 0), reduce="mean", backend="c")
        tree = autograd.compile((w[0] - y, [w[1] * y]), ((w[0], [w[1]]), x), backend="c")
        long = autograd.compile(mixed, many, backend="c")
        assert "work" in long.source
        return [
            *(pair.repeat(n, [0.5, -0.25], 0.75) for n in (0, 1, 2, 40)),
            pair.repeat(40, np.array([0.5, -0.25]), np.float64(0.75)).tolist(),
            mean.repeat(40, [0.5, -0.25], xs),
            mean.repeat(40, np.array([0.5, -0.25]), np.array(xs)).tolist(),
            tree.repeat(40, (0.5, [-0.25]), 0.75),
            long.repeat(7, [v.data for v in many]),
        ]

    want = results()
    monkeypatch.setattr(c_call, "_FIRST_SLICE", 0)
    for seconds in (0.0, 1e-5, 0.05):
        monkeypatch.setattr(c_call, "_SECONDS_OF_A_SLICE", seconds)
        assert results() == want


def test_slices_keep_the_kinds_of_a_nested_state() -> None:
    need_compiler()
    state = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    f = autograd.compile([[v * 0.5 for v in row] for row in state], (state,), backend="c")
    for n in (1, 3_000_000):  # one slice, several
        assert [type(row) for row in f.repeat(n, np.ones((2, 2)))] == [np.ndarray, np.ndarray]
        assert [type(row) for row in f.repeat(n, [[1.0, 1.0], [1.0, 1.0]])] == [list, list]


@pytest.mark.slice
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize(
    "doubles", [c_layout.DOUBLES_ON_THE_STACK, 0]
)  # arrays on the stack, or in memory that is allocated
def test_slices_of_a_batch_change_no_bits(reduce: str | None, doubles: int, monkeypatch: pytest.MonkeyPatch) -> None:
    need_compiler()
    monkeypatch.setattr(c_layout, "DOUBLES_ON_THE_STACK", doubles)
    w, x = [Value(0.5), Value(-0.25)], Value(0.75)
    y = (w[0] * x + w[1]).tanh()
    outputs = [w[0] - y, w[1] + y, [w[0] * w[1], Value(3.0)]]  # the last two are the same for all samples
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=n) for n in (1, 7, 8, 9, 15, 16, 17, 100, 1001)]

    def results() -> list[Any]:
        one = autograd.compile(outputs, (w, x), in_axes=(None, 0), reduce=reduce, backend="c")
        found = [[*map(np.array, one([0.5, -0.25], xs))] for xs in batches]
        found += [[*map(np.array, one([0.5, -0.25], xs.tolist()))] for xs in batches]
        if reduce:
            fed_back = autograd.compile(outputs[:2], (w, x), in_axes=(None, 0), reduce=reduce, backend="c")
            found += [[fed_back.repeat(times, [0.5, -0.25], xs)] for xs in batches for times in (0, 1, 2, 7)]
        return [[np.asarray(part).tobytes() for part in row] for row in found]

    want = results()
    for terms in (1, 60, 500):
        monkeypatch.setattr(c, "_TERMS_OF_A_CALL", terms)
        assert results() == want


Calls = tuple[Callable[[], Any], Callable[[], Any]]


def repeats(backend: str) -> Calls:
    """Return a call that takes minutes, and a short one."""
    f, state = line(backend=backend), np.array(1.5)
    return lambda: f.repeat(10**11, state), lambda: f.repeat(3, state)


def batches(backend: str) -> Calls:
    """Return a call that takes many seconds, and a short one."""
    y = x = Value(1.0)
    for k in range(1_000):
        y = (y + 1.0 / (k + 1)).tanh()
    f = autograd.compile(y, x, in_axes=0, backend=backend)
    xs = np.linspace(-1, 1, 2_000_000)
    return lambda: f(xs), lambda: f(xs[::400_000]).tolist()


@pytest.mark.parametrize("calls", [repeats, batches])
def test_ctrl_c_ends_a_long_call(calls: Callable[[str], Calls]) -> None:
    need_compiler()
    (long, short), (_, reference) = calls("c"), calls("python")
    assert short() == reference()
    with ctrl_c_after(0.2) as sent:
        with pytest.raises(KeyboardInterrupt):
            long()
        assert time.process_time() - sent[0] < 2  # 0.1
    assert short() == reference()


# What is left --------------------------------------------------------------------------------------------------------


def maps(folder: Path) -> int:
    text = Path("/proc/self/maps").read_text(encoding="utf-8")
    return sum(str(folder) in row for row in text.splitlines())


needs_maps = pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="only Linux lists what is loaded")


@needs_maps
def test_a_library_goes_with_the_last_of_its_functions(cache: Path, no_collector: None) -> None:
    need_compiler()
    before = maps(cache)
    first, second = line(0.125), line(0.125)  # one entry of the cache
    assert maps(cache) > before
    del first
    assert second(2.0) == 2.0 * 0.999 + 0.125
    repeat = second.repeat
    del second
    assert repeat(1, 2.0) == 2.0 * 0.999 + 0.125
    del repeat
    assert maps(cache) == before


@needs_maps
def test_a_library_stays_while_a_thread_runs_in_it(cache: Path, no_collector: None) -> None:
    need_compiler()
    n, before, results = 20_000_000, maps(cache), []
    want = line(0.375).repeat(n, 1.0)
    f = line(0.375)

    def run(repeat: Any) -> None:
        results.append(repeat(n, 1.0))

    thread = threading.Thread(target=run, args=(f.repeat,))
    thread.start()
    del f
    thread.join()
    del thread
    assert results == [want]
    assert maps(cache) == before


def test_a_compile_leaves_nothing_to_the_collector(backend: str, no_collector: None) -> None:
    def compile_and_call() -> None:
        w, x = [Value(0.5), Value(0.25)], Value(0.75)
        y = (w[0] * x + w[1]).tanh()
        f = autograd.compile([w[0] - y, w[1] * y], (w, x), backend=backend)
        f.repeat(2, f([0.5, 0.25], 0.75), 0.75)
        autograd.compile(y, (w, x), in_axes=(None, 0), backend=backend)([0.5, 0.25], [0.75, 0.5])

    compile_and_call()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        compile_and_call()
        gc.collect()
        assert [type(x) for x in gc.garbage] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_many_compiles_take_no_memory(backend: str) -> None:
    def blocks(compiles: int) -> int:
        for _ in range(compiles):
            line(backend=backend)(1.0)
        gc.collect()
        return sys.getallocatedblocks()

    before, sources = blocks(20), len(linecache.cache)  # caches are filled
    assert blocks(200) - before < 50
    assert len(linecache.cache) == sources
