"""Compiled C is called by the native core as by Python: the same results, errors and manners; nothing is left."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import pydoc
import signal
import sys
import threading
import time
import tracemalloc
import warnings
import weakref
from array import array
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from needs import need_compiler

import autograd
from autograd import Value, grad
from autograd._native import core
from autograd.codegen import c, c_build, c_call, c_layout, c_library

need_core = pytest.mark.skipif(core is None, reason="there is no native core")


@pytest.fixture(autouse=True)
def compiler() -> None:
    need_compiler()


def neuron(**options: Any) -> Any:
    w, x = [Value(0.5), Value(-0.25)], Value(0.75)
    y = (w[0] * x + w[1]).tanh()
    return autograd.compile((y, grad(y, w), ([w[0] + x], x)), (w, x), backend="c", **options)


@pytest.fixture(params=["on the stack", "in memory"])
def arrays_of_programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs have their arrays on the stack, or in memory that they are given."""
    if request.param == "in memory":
        monkeypatch.setattr(c_layout, "DOUBLES_ON_THE_STACK", 0)


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


@pytest.mark.usefixtures("arrays_of_programs")
@pytest.mark.slice
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
    for size in (1_022, 1_023, 1_024, 1_900):  # 1,024 numbers are on the stack: these and the output
        many = [Value(float(i)) for i in range(size)]
        g = autograd.compile(autograd.sum(many), (many,), backend="c")
        assert g([x.data for x in many]) == size * (size - 1) / 2
    for count in (32, 33):
        g = autograd.compile(autograd.sum(xs[:count]), tuple(xs[:count]), backend="c")
        assert g(*range(count)) == sum(range(count))


# Batches into the caller's arrays ------------------------------------------------------------------------------------


def into_arrays(f: Any, *arguments: Any, shapes: Any) -> Any:
    """Return what a call writes into new arrays, the shapes of which are given."""

    def made(shapes: Any) -> Any:
        return [made(shape) for shape in shapes] if isinstance(shapes, list) else np.full(shapes, 7.0)

    out = made(shapes)
    assert f(*arguments, out=out) is out
    return described(out)


@pytest.mark.slice(most=2)
@pytest.mark.usefixtures("arrays_of_programs")
@pytest.mark.parametrize("terms", [2**22, 2**10])
def test_a_batch_is_written_by_chunks_and_slices(terms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c, "_TERMS_OF_A_CALL", terms)
    x, y = Value(0.5), [Value(2.0), Value(3.0)]
    once = y[0]
    for _ in range(40):
        once = once.tanh() + y[1]
    table: Any = [[x, x * y[0]], (once * x, x + y[1])]
    flat = x * y[0], [x, *y]
    cases: list[tuple[Any, bool, str | None, Any]] = [  # outputs, y is a batch, reduce, the shapes of `out`
        (table, False, None, lambda n: [(n, 2, 2), [(n, 2), (n, 2)], [(n, 2), [(n,), (n,)]]]),
        (flat, True, None, lambda n: [[(n,), (n, 3)]]),
        ([x * y[0] for _ in range(130)], False, None, lambda n: [(n, 130)]),
        (((x, y[0]),) * 65, False, None, lambda n: [(n, 65, 2)]),
        (flat, True, "sum", lambda n: [[(), (3,)]]),
    ]
    for outputs, both, reduce, forms in cases:
        f = autograd.compile(outputs, (x, y), in_axes=(0, 0 if both else None), reduce=reduce, backend="c")
        for n in (1, 7, 8, 9, 255, 256, 257, 1_000):
            xs = np.linspace(-1.0, 1.0, n)
            ys = np.linspace(0.0, 1.0, 2 * n).reshape(n, 2) if both else W
            for shapes in forms(n):
                assert into_arrays(f, xs, ys, shapes=shapes) == into_arrays(general(f), xs, ys, shapes=shapes)


@pytest.mark.usefixtures("arrays_of_programs")
@need_core
def test_nothing_is_made_where_arrays_are_filled() -> None:
    f, x = neuron(in_axes=(None, 0)), Value(0.5)
    many = autograd.compile([(x * 2.0, x)] * 20, x, backend="c")
    cases: list[Any] = [(many, (1.0,), [[np.empty(()), np.empty(())] for _ in range(20)])]
    for n in (10, 100_000):
        out = np.empty(n), np.empty((n, 2)), (np.empty((n, 1)), np.empty(n))
        cases.append((f, (W, np.linspace(-1.0, 1.0, n)), out))
    for g, arguments, arrays in cases:
        g(*arguments, out=arrays)
        tracemalloc.start()
        g(*arguments, out=arrays)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 150  # new lists would be more


def test_no_numbers_for_each_sample() -> None:
    x = Value(0.5)
    xs = np.ones(5)
    nothings: list[Any] = [(), [], [[], []], ([], ())]
    for nothing in nothings:
        f = autograd.compile((x, nothing), x, in_axes=0, backend="c")
        for shape in ((5, 0), (5, 2, 0), (0, 0), (5,), (0,)):
            out = np.empty(5), np.empty(shape)
            assert outcome(lambda: f(xs, out=out)) == outcome(lambda: general(f)(xs, out=out))  # noqa: B023


@need_core
def test_ctrl_c_between_two_slices() -> None:
    """The program presses Ctrl-C in its third call."""
    library = c_build.built(
        """#include <signal.h>
        void called(long long n, const double *const *a, double *out, char *work)
        {
            for (long long i = 0; i < n; i++) out[i] = a[0][i] + 1.0;
            if (a[0][0] == 16.0) raise(SIGINT);
        }""",
        [],
    )
    f = core.CompiledFunction(None, None, library, library.address("called"), 0, [0], 0, [True], True, 8, 8, 8)
    xs, out = np.arange(80.0), np.full(80, 7.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    try:
        with pytest.raises(KeyboardInterrupt):
            f(xs, out=out)
    finally:
        signal.signal(signal.SIGINT, before)
    assert out.tolist() == [*range(1, 25), *[7.0] * 56]
    assert f(xs[24:], out=out[24:]).tolist() == list(range(25, 81))


@need_core
def test_a_finalizer_may_change_the_list_that_is_filled() -> None:
    x = Value(0.5)
    f = autograd.compile([(x * 2.0,) for _ in range(20)], x, backend="c")
    out: list[Any] = []

    class Emptying:
        """Is in a cycle, so that the garbage collector meets it: while new tuples are made."""

        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            out.clear()

    thresholds = gc.get_threshold()
    try:
        gc.freeze()  # so that collections are quick
        for _ in range(20):
            gc.collect()
            out[:] = [[None] for _ in range(20)]
            Emptying()
            gc.set_threshold(1)
            found = f(1.0, out=out)
            gc.set_threshold(*thresholds)
            assert found == [(2.0,)] * 20
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


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


@pytest.mark.usefixtures("arrays_of_programs")
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


def test_many_calls_leave_no_memory() -> None:
    xs = [Value(float(i)) for i in range(1_500)]
    f = autograd.compile([autograd.sum(xs), xs[0]], (xs,), backend="c")
    rows = autograd.compile(((xs[0], xs[1]),) * 65, (xs[0], xs[1]), in_axes=0, backend="c")
    numbers, out, table = [x.data for x in xs], np.empty(2), np.empty((20, 65, 2))
    tracemalloc.start()
    sizes = []
    for _ in range(3):
        for _ in range(10):
            f(numbers)
            f(numbers, out=out)
            rows(table[0, :20, 0].copy(), np.ones(20), out=table)
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[2] - sizes[1] < 5_000  # the numbers of a single call are more


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


# Memory that a program works in --------------------------------------------------------------------------------------

WORK = 1 << 18  # bytes
WORKING = f"""#include <stdint.h>
#include <unistd.h>
long long running; /* calls */
/* Add one to each number, but 1000 if the memory is not aligned, or another call has written into it meanwhile.
   While the first number is negative, wait for another thread to change it: two seconds at most. */
void called(long long n, const double *const *a, double *out, char *work)
{{
    const volatile double *first = a[0];
    long long *numbers = (long long *)work, mine = (intptr_t)&first; /* another one in each call */
    int wrong = (uintptr_t)work % 64 != 0;
    for (int i = 0; i < {WORK // 8}; i++) numbers[i] = mine;
    __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
    for (int waited = 0; *first < 0.0 && waited < 2000; waited++) usleep(1000);
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < {WORK // 8}; i++) wrong |= numbers[i] != mine;
    for (long long i = 0; i < n; i++) out[i] = a[0][i] + (wrong ? 1000.0 : 1.0);
}}"""


def working(work: int = WORK, most: int = 100) -> Any:
    """Return a function of a batch of numbers that fills its memory, and whose `running` returns how many calls run."""
    library = c_build.built(WORKING, ["-O2"])
    address = library.address("called")
    f = core.CompiledFunction(None, lambda o, _: o, library, address, work, [0], 0, [True], True, most, 0, 8)
    f.running = functools.partial(library.integer, "running")
    return f


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds: at most for a second, in which the program still waits, too."""
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.001)
    pytest.fail("the condition never held")


def network(**options: Any) -> Any:
    """Compile a layer of tanh neurons and a sum of them, with the gradients of the weights."""
    layer = [[Value(0.1 * (i - j)) for j in range(8)] for i in range(20)]
    last, x = [Value(0.01 * i) for i in range(20)], [Value(0.5 * i) for i in range(8)]
    y = autograd.dot(last, [autograd.dot(row, x).tanh() for row in layer])
    return autograd.compile((y, grad(y, [layer, last])), ([layer, last], x), backend="c", **options)


def test_programs_with_memory_are_called_as_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_layout, "DOUBLES_ON_THE_STACK", 0)
    generator = np.random.default_rng(0)
    layer, last, rows = generator.normal(size=(20, 8)), generator.normal(size=20), generator.normal(size=(30, 8))
    cases: list[tuple[dict[str, Any], Any, Any]] = [
        ({}, rows[0], ()),
        ({"in_axes": (None, 0), "reduce": "mean"}, rows, ()),
        ({"in_axes": (None, 0)}, rows, (30,)),
    ]
    for options, x, n in cases:
        f = network(**options)
        assert f.program.work > 0
        assert core is None or type(f) is core.CompiledFunction
        for weights in ([layer.tolist(), last.tolist()], (layer, last), [layer, last], (layer.tolist(), (*last,))):
            for inputs in (x, x.tolist()):
                assert outcome(lambda: f(weights, inputs)) == outcome(lambda: general(f)(weights, inputs))  # noqa: B023
                shapes = [n, [(*n, 20, 8), (*n, 20)]]
                assert into_arrays(f, weights, inputs, shapes=shapes) == into_arrays(
                    general(f), weights, inputs, shapes=shapes
                )
        kept = described(f([layer, last], x))
        f([-layer, last], x)
        assert described(f([layer, last], x)) == kept  # what a call has left in the memory changes nothing


@need_core
def test_calls_at_once_work_in_memory_of_their_own() -> None:
    """Those that are in a call at once: the program waits for the number of another thread."""
    f = working()
    found = []
    waiting = [np.full(3, -1.0) for _ in range(4)]
    threads = [threading.Thread(target=lambda xs=xs: found.extend(f(xs).tolist())) for xs in waiting]
    for thread in threads:
        thread.start()
    wait_for(lambda: f.running() == 4)
    for _ in range(20):
        assert f(np.zeros(3)).tolist() == [1.0, 1.0, 1.0]
    for xs in waiting:
        xs[:] = 2.0
    for thread in threads:
        thread.join()
    assert found == [3.0] * 12
    wrong: list[float] = []

    def often() -> None:
        out = np.empty(30)
        for _ in range(100):
            wrong.extend({*f(np.zeros(3)), *f(np.zeros(30), out=out)} - {1.0})

    threads = [threading.Thread(target=often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@need_core
def test_memory_is_kept_for_the_next_call_and_freed_with_the_function() -> None:
    f, xs, many = working(most=8), np.zeros(3), np.zeros(80)
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]

        def traced() -> int:
            """Return how many whole pieces of memory there are."""
            return (tracemalloc.get_traced_memory()[0] - start) // WORK

        assert traced() == 0
        for _ in range(3):
            f(xs)
            f(many, out=many.copy())  # in slices
            assert traced() == 1
        running, waiting = f.running, [np.full(3, -1.0) for _ in range(3)]
        threads = [threading.Thread(target=f, args=(numbers,)) for numbers in waiting]
        for thread in threads:
            thread.start()
        wait_for(lambda: running() == 3)
        assert traced() == 3
        for numbers in waiting:
            numbers[:] = 1.0
        for thread in threads:
            thread.join()
        assert traced() == 1
        del f, threads, thread
        assert traced() == 0
    finally:
        tracemalloc.stop()


@need_core
def test_a_function_may_be_dropped_while_another_thread_runs_it() -> None:
    functions, found, waiting = [working()], [], np.full(3, -1.0)
    alive, running = weakref.ref(functions[0]), functions[0].running
    thread = threading.Thread(target=lambda: found.extend(functions.pop()(waiting).tolist()))
    thread.start()
    wait_for(lambda: running() == 1)
    gc.collect()
    waiting[:] = 1.0
    thread.join()
    assert found == [2.0, 2.0, 2.0]
    assert alive() is None


@need_core
def test_a_call_may_be_made_while_a_signal_interrupts_another() -> None:
    f = working(most=8)
    found = []
    before = signal.signal(signal.SIGINT, lambda *_: found.extend(f(np.zeros(20), out=np.empty(20)).tolist()))
    xs, out = np.zeros(80), np.empty(80)
    xs[0] = -1.0

    def press() -> None:
        wait_for(lambda: f.running() == 1)
        signal.raise_signal(signal.SIGINT)  # the handler runs in the main thread, between two slices
        xs[0] = 0.0

    thread = threading.Thread(target=press)
    try:
        thread.start()
        assert f(xs, out=out).tolist() == [1.0] * 80
        thread.join()
        assert found == [1.0] * 20
    finally:
        signal.signal(signal.SIGINT, before)


@need_core
def test_memory_that_cannot_be_had_is_an_error() -> None:
    f = working(work=sys.maxsize, most=8)
    xs, out = np.zeros(30), np.full(30, 7.0)
    references = sys.getrefcount(xs), sys.getrefcount(out)
    for _ in range(3):
        with pytest.raises(MemoryError):
            f(xs[:5])
        with pytest.raises(MemoryError):
            f(xs, out=out)
    assert set(out) == {7.0}
    assert (sys.getrefcount(xs), sys.getrefcount(out)) == references
    library = c_build.built(WORKING, [])
    one = core.CompiledFunction(
        None, None, library, library.address("called"), sys.maxsize, [0], 0, [False], False, 1, 0, 1
    )
    with pytest.raises(MemoryError):
        one(1.0)


# What lets other threads run -----------------------------------------------------------------------------------------


@need_core
def test_a_long_call_lets_other_threads_run_and_a_short_one_does_not() -> None:
    """The program waits for another thread, two seconds at most, and writes whether that has come."""
    library = c_build.built(
        """#include <time.h>
        void called(long long n, const double *const *a, double *out, char *work)
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
            None, None, library, library.address("called"), 0, [[0], 0], 0, [False, False], False, 8, alone, 8
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
    limits: list[c_library.CallLimits] = []
    functions = c_call.callable_functions

    def seen(library: Any, signature: Any, needs_work: bool, given: c_library.CallLimits) -> Any:
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
