"""Compiled C: built once, kept where only its user can write, rebuilt when damaged, explained when it cannot be."""

from __future__ import annotations

import gc
import linecache
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import need_compiler

import autograd
from autograd import Value, grad
from autograd.codegen import c, c_build, c_call
from autograd.errors import CompilerError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and a compiler that is asked anew."""
    need_compiler()
    folder = tmp_path / "cache"
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(folder))
    yield folder


def neuron(bias: float = 0.5) -> Any:
    w, b, x = Value(0.5), Value(bias), Value(0.25)
    y = (w * x + b).tanh() * bias
    return autograd.compile((y, grad(y, [w, b])), ([w, b], x), backend="c")


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_the_same_function_is_built_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    want = neuron()([0.1, 0.2], 0.3)
    (entry,) = entries(cache)
    monkeypatch.setattr(c_build, "run", lambda command: pytest.fail(f"run again: {command}"))
    assert neuron()([0.1, 0.2], 0.3) == want
    assert entries(cache) == [entry]


def test_a_damaged_entry_is_built_anew(cache: Path) -> None:
    want = neuron()([0.1, 0.2], 0.3)
    (entry,) = entries(cache)
    for damaged in (b"", entry.read_bytes()[: entry.stat().st_size // 2], b"\0" * 100):
        entry.unlink()
        entry.write_bytes(damaged)
        assert neuron()([0.1, 0.2], 0.3) == want
        (entry,) = entries(cache)
        assert len(entry.read_bytes()) > len(damaged)


def test_what_decides_the_code_decides_the_entry(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    neuron()
    monkeypatch.setattr(c_build, "processor", lambda: "another processor")
    neuron()
    assert len(entries(cache)) == 2
    monkeypatch.setattr(platform, "libc_ver", lambda: ("another", "C library"))
    neuron()
    assert len(entries(cache)) == 3
    monkeypatch.setattr(c_build, "version_of", lambda compiler: "another compiler")
    neuron()
    assert len(entries(cache)) == 4


def test_the_folder_is_its_user_s_alone(cache: Path) -> None:
    neuron()
    if hasattr(os, "getuid"):
        assert cache.stat().st_mode & 0o777 == 0o700
        cache.chmod(0o777)
        with pytest.raises(PermissionError, match="chmod 700"):
            neuron()


def test_without_a_home_it_works_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_compiler()
    monkeypatch.delenv("AUTOGRAD_CACHE_DIR", raising=False)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert neuron()([0.5, 0.5], 0.25)


def test_threads_and_processes_build_at_once(cache: Path) -> None:
    program = (
        "import autograd; from autograd import Value; x = Value(1.0);"
        "print(autograd.compile(x.tanh(), x, backend='c')(0.5))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}
    processes = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert {process.communicate()[0] for process in processes} == {f"{math.tanh(0.5)}\n"}
    with ThreadPoolExecutor(4) as pool:
        functions = list(pool.map(lambda _: neuron(0.125), range(8)))
    assert len({str(f([0.5, 0.5], 0.25)) for f in functions}) == 1
    assert not [entry for entry in entries(cache) if entry.is_dir()]


def test_one_function_in_many_threads(cache: Path) -> None:
    x = [Value(float(i)) for i in range(300)]
    y = autograd.sum([v.tanh() * w for v in x[:20] for w in x])
    f = autograd.compile((y, grad(y, x)), x, backend="c")
    assert "work" in f.source
    arguments = [[float(i + j) / 100 for i in range(300)] for j in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(f, arguments)) == [f(argument) for argument in arguments]


def test_the_source_compiles_alone(cache: Path, tmp_path: Path) -> None:
    w, x = [Value(0.5), Value(-0.25)], [Value(1.0), Value(2.0)]
    y = autograd.dot(w, x).sigmoid()
    f = autograd.compile((y, grad(y, w)), (w, x), in_axes=(None, 0), reduce="mean", backend="c")
    path = f.write(tmp_path / "graph.c")
    assert path.read_text(encoding="utf-8") == f.source
    (compiler,) = c_build.compiler_command("")
    subprocess.run([compiler, "-Wall", "-Werror", "-Wno-psabi", "-c", "-o", tmp_path / "graph.o", path], check=True)


def test_no_compiler_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(CompilerError, match=r"no-such-compiler(.|\n)*apt install gcc(.|\n)*python.*needs none"):
        neuron()
    monkeypatch.delenv("CC")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CompilerError, match=r"no C compiler"):
        neuron()


def test_a_compiler_that_fails_is_quoted(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\ncase $1 in --version) exit 0;; esac\necho out of patience >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("CC", str(failing))
    with pytest.raises(CompilerError, match=r"failed: (.|\n)*out of patience"):
        neuron()
    assert entries(cache) == []


def test_the_environment_chooses_the_compiler(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper, log = tmp_path / "wrapper", tmp_path / "log"
    (compiler,) = c_build.compiler_command("")
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {compiler} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("CC", f"{wrapper} -DCHOSEN")
    neuron()([0.5, 0.5], 0.25)
    assert "-DCHOSEN" in log.read_text()
    assert "-ffp-contract=off" in log.read_text()


@pytest.mark.parametrize("n", [5_000, 10_000])
def test_long_straight_programs_are_built_in_parts(cache: Path, n: int) -> None:
    x, w = Value(1.0), Value(1.0001)
    y = x
    for _ in range(n // 2):
        y = (y * w).sin()
    start = time.monotonic()
    f: Any = autograd.compile(y, (x, w), backend="c")
    assert f(x.data, w.data) == y.data
    assert time.monotonic() - start < 60  # as one function, 20,000 statements take minutes
    assert f.source.count("noinline") >= n // 600


# Loaded, unloaded, interrupted ---------------------------------------------------------------------------------------


def maps(cache: Path) -> int:
    """The number of maps that libraries of the cache have in this process."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        return sum(str(cache.resolve()) in line for line in file)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/maps is Linux's")
def test_a_library_is_unloaded_with_its_last_function(cache: Path) -> None:
    x = Value(1.0)
    gc.disable()  # no reference cycle keeps it
    try:
        functions = [autograd.compile(x * c + 1.0, x, backend="c") for c in (2.0, 3.0, 3.0)]
        each = maps(cache) // 2  # the second and the third share a library
        assert each > 0
        del functions[1]
        assert maps(cache) == 2 * each
        repeat = functions.pop().repeat
        assert maps(cache) == 2 * each, "`repeat` alone keeps it too"
        assert repeat(2, 1.0) == 13.0
        del repeat
        assert maps(cache) == each
        assert functions.pop()(5.0) == 11.0
        assert maps(cache) == 0
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/maps is Linux's")
def test_a_running_function_keeps_its_library(cache: Path) -> None:
    x = Value(1.0)
    functions = [autograd.compile((x * 0.5).sin() + 1.0, x, backend="c")]
    want = functions[0].repeat(1_000, 0.5)
    results: list[float] = []
    running = threading.Event()

    def run(repeat: Any) -> None:
        running.set()
        results.append(repeat(3_000_000, 0.5))

    thread = threading.Thread(target=run, args=[functions[0].repeat])
    thread.start()
    running.wait()
    del functions[:]
    assert maps(cache) > 0
    thread.join()
    assert results == [want], "a fixed point long before"
    del thread
    assert maps(cache) == 0


@pytest.mark.parametrize("backend", ["python", "numpy", "c"])
def test_compiling_leaves_nothing_behind(backend: str, cache: Path) -> None:
    """But for types of arrays, one for each length, that ctypes and Python share among all."""

    def compiled() -> None:
        x = [Value(1.0), Value(2.0)]
        f: Any = autograd.compile(grad(x[0] * x[1] + x[0], x), (x,), backend=backend)
        f([1.0, 2.0]), f.repeat(3, [1.0, 2.0])

    for _ in range(3):
        compiled()
    gc.collect()
    sources = len(linecache.cache)
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(30):
            compiled()
        assert len(gc.get_objects()) - before < 15
        assert len(linecache.cache) == sources
    finally:
        gc.enable()


def test_ctrl_c_does_not_wait_for_repeat(cache: Path) -> None:
    x = Value(1.0)
    f = autograd.compile((x * 1.5).sin(), x, backend="c")
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            f.repeat(10**12, 0.5)  # hours
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 1_000, 30_011])
def test_a_repeat_in_slices_is_one_repeat(n: int, arrays: bool, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    w, x = [Value(0.5), Value(-0.25)], Value(0.3)
    step = [w[0] * 0.999 + w[1] * x, (w[1] - w[0] * 0.01).sin()]
    state = np.array([0.5, -0.25]) if arrays else [0.5, -0.25]
    whole, sliced = (autograd.compile(step, (w, x), backend="c") for _ in range(2))
    monkeypatch.setattr(c_call, "_FIRST_SLICE", 10**9)
    want = whole.repeat(n, state, 0.3)
    monkeypatch.setattr(c_call, "_FIRST_SLICE", 4)
    monkeypatch.setattr(c_call, "_SECONDS_OF_A_SLICE", 1e-4)
    got = sliced.repeat(n, state, 0.3)
    assert type(got) is type(want)
    assert list(got) == list(want)


def test_slices_convert_the_arguments_once(cache: Path) -> None:
    w, x = Value(0.5), [Value(1.0), Value(2.0)]
    f = autograd.compile(w * x[0] + x[1], (w, x), backend="c")
    assert f.repeat(1_000, 0.5, iter([0.75, 0.25])) == f.repeat(1_000, 0.5, [0.75, 0.25]), "an iterator is read once"


def test_slices_leave_the_caller_s_memory_alone(cache: Path) -> None:
    w = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    f = autograd.compile([[v * 0.5 for v in row] for row in w], (w,), backend="c")
    state = np.array([[1.0, 2.0], [3.0, 4.0]])
    for n in (1, 16, 17, 1_000):
        got = f.repeat(n, state)
        assert all(type(row) is np.ndarray for row in got), "arrays in, arrays out, however many slices"
        assert np.array_equal(got, np.ldexp([[1.0, 2.0], [3.0, 4.0]], -n))
    assert state.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("on_the_stack", [False, True])
@pytest.mark.parametrize("arrays", [False, True])
def test_slices_of_a_batch(on_the_stack: bool, arrays: bool, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With numbers on the stack, and in memory that is passed as one more argument."""
    monkeypatch.setattr(c, "DOUBLES_ON_THE_STACK", 1_000 if on_the_stack else 1)
    w, x = [Value(1.0), Value(2.0), Value(3.0)], Value(0.5)
    f = autograd.compile([v * 0.75 + x for v in w], (w, x), in_axes=(None, 0), reduce="mean", backend="c")
    assert ("work_bytes" in f.source) != on_the_stack
    want: list[Any] = [v.data for v in w]
    xs: list[float] = [0.5, 0.25, -1.0]
    state: Any = np.array(want) if arrays else want
    monkeypatch.setattr(c_call, "_SECONDS_OF_A_SLICE", 0.0)  # slices of one round
    got = f.repeat(25, state, xs)
    for _ in range(25):
        want = f(want, xs)
    assert type(got) is type(state)
    assert list(got) == want


def test_slices_of_an_empty_state(cache: Path) -> None:
    f = autograd.compile([], ([], Value(1.0)), backend="c")
    assert f.repeat(1_000, [], 1.0) == []
    assert f.repeat(1_000, np.zeros(0), 1.0).shape == (0,)
