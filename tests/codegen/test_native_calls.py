"""Compiled C is called by the native core as by Python: the same results, errors and manners; nothing is left."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import pydoc
import sys
import threading
import warnings
import weakref
from array import array
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import need_compiler

import autograd
from autograd import Value, grad
from autograd._native import core
from autograd.codegen import c, c_build, c_call

need_core = pytest.mark.skipif(core is None, reason="there is no native core")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache for all tests of this file."""
    need_compiler()
    folder = tmp_path_factory.getbasetemp() / "called"
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(folder))
    return folder


def neuron(**options: Any) -> Any:
    w, x = [Value(0.5), Value(-0.25)], Value(0.75)
    y = (w[0] * x + w[1]).tanh()
    return autograd.compile((y, grad(y, w), ([w[0] + x], x)), (w, x), backend="c", **options)


def general(f: Any) -> Any:
    """Return the function in Python that the native one is for."""
    return getattr(f, "__wrapped__", f)


class Loud(float):
    """A float that says another number when it is asked."""

    def __float__(self) -> float:
        return 3.0


class LoudInteger(int):
    """An integer that says another number when it is asked."""

    def __float__(self) -> float:
        return 3.0


class Named(list[float]):
    """A list of one's own."""


def described(result: Any) -> Any:
    """Describe a result so that equal descriptions mean equal types and bits."""
    if isinstance(result, (list, tuple)):
        return type(result), [described(part) for part in result]
    if isinstance(result, np.ndarray):
        return result.dtype.str, result.shape, result.tobytes()
    return type(result), np.float64(result).tobytes()


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns or raises."""
    try:
        return described(call())
    except (TypeError, ValueError, OverflowError) as problem:
        return type(problem), str(problem)


W = np.array([0.5, -0.25])
ROWS = np.arange(12.0).reshape(6, 2)
LISTS = [
    [0.5, -0.25], (0.5, -0.25), [1, -2], [True, 0.5], [np.float64(0.5), Loud(0.5)], [Fraction(1, 3), 0.5],
    Named([0.5, 2.0]), deque([0.5, 2.0]), range(2), array("d", [0.5, 2.0]), array("f", [0.5, 2.0]),
    memoryview(array("d", [0.5, 2.0])), W, W[::-1], ROWS[:, 1][:2], W.astype(np.float32), W.astype(">f8"),
    W.astype(int),
    np.array([0.5, "a"], object), np.array([0.5, 2.0], object), np.broadcast_to(np.float64(0.5), 2), np.ma.array(W),
    W.view(np.recarray), np.frombuffer(bytearray(17), np.uint8)[1:].view(float),
    [], [0.5], [0.5] * 3, [[0.5], [0.5]], [0.5, [0.5]], [0.5, "a"], [0.5, None], [0.5, 1j], [10**400, 0.5], 0.5, "ab",
    {0.5, 2.0}, {0.5: 1}, None, np.zeros(3), np.zeros((2, 1)), np.zeros((1, 2)), np.zeros(2, complex), Value(0.5),
    [Value(0.5), 0.5], [np.array(0.5), 0.5], [np.zeros(1), 0.5],
]  # fmt: skip
NUMBERS = [
    0.75, 3, -0.0, float("nan"), float("inf"), True, np.float64(0.75), np.float32(0.75), np.int64(3), Loud(0.5),
    LoudInteger(5),
    Fraction(1, 3), 10**400, 2**60 + 1, "1", None, [0.75], (), np.array(0.75), np.array([0.75]), Value(0.5), 1j,
]  # fmt: skip


@pytest.mark.parametrize("x", NUMBERS, ids=repr)
def test_numbers_are_taken_as_in_python(x: Any) -> None:
    f = neuron()
    for w in ([0.5, -0.25], W):
        assert outcome(lambda w=w: f(w, x)) == outcome(lambda w=w: general(f)(w, x))  # type: ignore[misc]


@pytest.mark.parametrize("k", range(len(LISTS)))
def test_lists_and_arrays_are_taken_as_in_python(k: int) -> None:
    f = neuron()
    assert outcome(lambda: f(LISTS[k], 0.75)) == outcome(lambda: general(f)(LISTS[k], 0.75))


@pytest.mark.parametrize("reduce", [None, "sum"])
@pytest.mark.parametrize(
    "arguments",
    [
        (W, ROWS[:, 0]), (W, ROWS[:, 0].copy()), ([0.5, 2], ROWS[0]), (W, [0.5, 2.0]), (W, np.zeros(0)), (W, 0.5),
        (W, np.array(0.5)), (W, np.zeros((2, 1))), (ROWS, ROWS), (W, W.astype(int)), (W, []), (W, [0.5, "a"]),
        ((0.5, 2.0), np.broadcast_to(0.5, 3)),
    ],
)  # fmt: skip
def test_batches_are_taken_as_in_python(arguments: Any, reduce: str | None) -> None:
    f = neuron(in_axes=(None, 0), reduce=reduce)
    assert outcome(lambda: f(*arguments)) == outcome(lambda: general(f)(*arguments))


def test_two_batches_have_one_size() -> None:
    x, y = Value(1.0), [Value(2.0), Value(3.0)]
    f = autograd.compile(x * y[0] + y[1], (x, y), in_axes=0, backend="c")
    for sizes in ((3, 3), (3, 2), (2, 3), (0, 3), (0, 0)):
        arrays = np.ones(sizes[0]), np.ones((sizes[1], 2))
        assert outcome(lambda a=arrays: f(*a)) == outcome(lambda a=arrays: general(f)(*a))  # type: ignore[misc]


@pytest.mark.parametrize(
    "call",
    [
        lambda f: f(),
        lambda f: f(W),
        lambda f: f(W, 0.5, 0.5),
        lambda f: f(W, b=0.5),
        lambda f: f(W, 0.5, result=None),
        lambda f: f(W, a1=0.5),
        lambda f: f(a1=0.5, a0=[0.5, 2.0]),
        lambda f: f(W, a1=0.5, out=None),
        lambda f: f(W, 0.5, out=None),
        lambda f: f(W, 0.5, out=3),
        lambda f: f(*[0.5] * 40),
    ],
)
def test_names_and_numbers_of_arguments(call: Callable[[Any], Any]) -> None:
    f = neuron()
    assert outcome(lambda: call(f)) == outcome(lambda: call(general(f)))


def test_nested_arguments_and_outputs() -> None:
    a, b, x = Value(1.0), Value(2.0), Value(3.0)
    tables: Any = [[a, b], [x, a * b], (b, x)], [], (([],),), [[], []], (a,)
    f = autograd.compile(tables, ([[a, b], (x,)],), backend="c")
    assert described(f([[1, 2.0], [3]])) == described(general(f)([[1, 2.0], (3.0,)]))
    assert described(f([(1, 2), [3]])) == described(f([[1.0, 2.0], (3.0,)]))
    assert outcome(lambda: f([[1.0, 2.0], (3.0, 4.0)])) == outcome(lambda: general(f)([[1.0, 2.0], (3.0, 4.0)]))
    table = autograd.compile([[x, a], (b, b)], ([[a, b, x], [Value(0.0), Value(0.0), Value(0.0)]],), backend="c")
    for argument in (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2).T, np.arange(6.0), [[0, 1, 2]] * 2):
        assert outcome(lambda g=argument: table(g)) == outcome(lambda g=argument: general(table)(g))  # type: ignore[misc]


def test_many_numbers_and_many_arguments() -> None:
    xs = [Value(float(i)) for i in range(300)]
    f = autograd.compile([x * 2 for x in xs], (xs,), backend="c")
    assert f([x.data for x in xs]) == [2.0 * i for i in range(300)]
    out = np.empty(300)
    out[:] = range(300)
    assert f(out, out=out).tolist() == [2.0 * i for i in range(300)]
    for count in (32, 33):
        g = autograd.compile(autograd.sum(xs[:count]), tuple(xs[:count]), backend="c")
        assert g(*range(count)) == sum(range(count))


# What a function is --------------------------------------------------------------------------------------------------


def test_it_is_inspected_as_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    f = neuron()
    assert str(inspect.signature(f)) == "(a0, a1, *, out=None)"
    assert (f.__name__, f.__qualname__, f.__doc__) == ("compiled", "compiled", None)
    assert f.__module__ == general(f).__module__
    assert repr(f).startswith("<function compiled at 0x")
    pydoc.plain(pydoc.render_doc(f))
    help(f)
    assert "compiled(a0, a1, *, out=None)" in capsys.readouterr().out
    assert "def compiled(a0, a1, *, out=None):" in inspect.getsource(f)
    assert f.source.startswith("/* A recorded graph as C")
    assert f.backend == "c"
    f.mine = 1
    assert vars(f)["mine"] == 1
    del f.mine
    assert callable(f) and not hasattr(f, "mine")


def test_it_is_wrapped_copied_and_bound_as_a_function() -> None:
    f = neuron()

    @functools.wraps(f)
    def wrapped(*arguments: Any) -> Any:
        return f(*arguments)

    assert wrapped.__name__ == "compiled" and wrapped.source == f.source  # type: ignore[attr-defined]
    assert copy.copy(f) is f and copy.deepcopy([f])[0] is f
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pickle looks for it in all modules that are loaded, whatever they say of that
        with pytest.raises((pickle.PicklingError, AttributeError), match="compiled"):
            pickle.dumps(f)

    x = Value(1.0)

    class Scale:
        """Has a compiled function as a method: its first argument would be the object."""

        doubled = autograd.compile(x * 2, x, backend="c")

    assert inspect.ismethod(Scale().doubled)
    assert Scale.doubled(2.0) == 4.0
    assert weakref.ref(f)() is f


def test_a_cycle_of_the_user_s_is_collected() -> None:
    f = neuron()
    f.mine = [f]
    alive = weakref.ref(f)
    del f
    gc.collect()
    assert alive() is None


# What is left behind -------------------------------------------------------------------------------------------------


def test_many_calls_leave_nothing() -> None:
    f, batch = neuron(), neuron(in_axes=(None, 0))
    w, x, rows = [0.5, -0.25], 0.75, np.ones(300)
    out = (np.empty(()), np.empty(2), [np.empty(1), None])
    full = (*out[:2], [np.empty(1), np.empty(())])
    whole = autograd.compile([Value(0.5)], Value(1.0), backend="c")
    into = np.empty(1)
    kept = (w, x, W, rows, *out[:2], out, full, into)

    def calls() -> None:
        for _ in range(20):
            f(w, x)
            f(W, x)
            f(tuple(w), 3)
            batch(W, rows)
            f(w, x, out=out)
            f(w, x, out=full)
            whole(x, out=into)
            for wrong in (
                lambda: f(w, "a"),
                lambda: f([0.5, 10**400], x),
                lambda: f(W, rows),
                lambda: f(W, x, out=(out[0], np.empty(3), None)),
                lambda: batch(W, rows[:0]),
                lambda: f(W),
                lambda: f(W, x, out=(out[0], b"", None)),
            ):
                outcome(wrong)

    def count() -> tuple[list[int], int]:
        gc.collect()
        return [sys.getrefcount(thing) for thing in kept], sys.getallocatedblocks()

    calls()
    references, blocks = count()
    for _ in range(5):
        calls()
    after, blocks_after = count()
    assert after == references
    assert blocks_after - blocks < 20


def test_it_may_be_called_while_it_is_called() -> None:
    f = neuron()

    class Half(float):
        """Calls the function when it is asked for its number."""

        def __float__(self) -> float:
            return float(f([0.5, -0.25], 0.75)[0])

    assert f([0.5, 0.5], Half()) == f([0.5, 0.5], f([0.5, -0.25], 0.75)[0])


def test_threads_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: list[Any] = []
    for terms in (0, 2**12):  # the lock is released in each call, or in none
        monkeypatch.setattr(c, "_TERMS_WITHOUT_OTHERS", terms)
        f = neuron()

        def run(x: float, f: Any = f) -> None:
            out = (np.empty(()), np.empty(2), None)
            want = general(f)(W, x)
            for _ in range(300):
                found = f(W, x, out=out)
                if described(f([0.5, -0.25], x)) != described(general(f)([0.5, -0.25], x)) or out[0] != want[0]:
                    wrong.append(x)
                if found[2][1] != x or out[1].tolist() != want[1].tolist():
                    wrong.append(x)

        threads = [threading.Thread(target=run, args=(0.1 * i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


@need_core
def test_a_long_call_lets_other_threads_run_and_a_short_one_does_not() -> None:
    """The program waits for another thread, two seconds at most, and writes whether that has come."""
    library = c_build.built(
        """#include <time.h>
        void called(long long n, const double *const *a, double *out)
        {
            double seconds = a[1][0];
            clock_t start = clock();
            while (*(volatile const double *)a[0] == 0.0 && clock() - start < seconds * CLOCKS_PER_SEC) {}
            *out = *(volatile const double *)a[0];
        }""",
        [],
    )
    for alone, seconds in ((0, 5.0), (1, 0.1)):
        f = core.CompiledFunction(
            None, None, library, library.address("called"), [[0], 0], 0, [False, False], False, 8, alone
        )
        flag = np.zeros(1)
        out = np.empty(())

        def come(flag: Any = flag) -> None:
            flag[0] = 1.0

        timer = threading.Timer(0.02, come)
        timer.start()
        f(flag, seconds, out=out)
        timer.join()
        assert out == (0.0 if alone else 1.0)


def test_what_takes_long_lets_other_threads_run(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[c_call.CallLimits] = []
    functions = c_call.callable_functions

    def seen(library: Any, signature: Any, needs_work: bool, given: c_call.CallLimits) -> Any:
        limits.append(given)
        return functions(library, signature, needs_work, given)

    monkeypatch.setattr(c, "callable_functions", seen)
    y = x = Value(0.5)
    for _ in range(2_100):
        y = y * 0.999 + 0.1
    f, _, _ = autograd.compile(y, x, backend="c"), neuron(), neuron(in_axes=(None, 0))
    assert f(0.5) == y.data
    long, short, batch = limits
    assert long.most_alone == 0
    assert short.most_alone > 0
    assert 10 < batch.most_alone < batch.most
