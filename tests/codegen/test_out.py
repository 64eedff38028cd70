"""Compiled functions write their results into the caller's arrays: `out=`."""

from __future__ import annotations

import re
from array import array
from typing import Any

import numpy as np
import pytest
from needs import array_module, need_compiler

import autograd
from autograd import Value, grad, hessian


def value_and_gradients(backend: Any, **options: Any) -> Any:
    w, x = [Value(0.5), Value(-0.25), Value(2.0)], Value(0.75)
    y = (w[0] * x + w[1]).tanh() * w[2]
    return autograd.compile((y, grad(y, w)), (w, x), backend=backend, **options)


def rows(backend: Any) -> Any:
    """Return a Hessian of three numbers."""
    xs = [Value(0.5), Value(-0.25), Value(2.0)]
    return autograd.compile(hessian((xs[0] * xs[1]).exp() * xs[2] ** 3, xs), (xs,), backend=backend)


W, X = [0.5, -0.25, 2.0], 0.75


def test_each_flat_list_has_an_array(backend: str) -> None:
    f = value_and_gradients(backend)
    want = f(W, X)
    for arguments in ((W, X), (np.array(W), X), (tuple(W), np.float64(X)), (np.array(W), np.array(X))):
        out = np.full((), 7.0), np.full(3, 7.0)
        assert f(*arguments, out=out) is out
        assert (out[0].item(), out[1].tolist()) == want


def test_one_array_for_a_rectangle(backend: str) -> None:
    f = rows(backend)
    want = f(W)
    for argument in (W, np.array(W)):
        for out in (np.full((3, 3), 7.0), [np.full(3, 7.0) for _ in range(3)]):
            assert f(argument, out=out) is out
            assert np.array(out).tolist() == want


def test_a_part_that_is_none_is_returned(backend: str) -> None:
    f = value_and_gradients(backend)
    value, gradients = f(W, X)
    into = np.empty(3)
    for argument in (W, np.array(W)):
        found = f(argument, X, out=(None, into))
        assert type(found) is tuple and found[0] == value and found[1] is into
        assert into.tolist() == gradients
        into[:] = 0.0
    assert type(f(np.array(W), X, out=(np.empty(()), None))[1]) is np.ndarray
    assert type(f(W, X, out=(np.empty(()), None))[1]) is list
    assert f(W, X, out=[None, None])[0] == value
    assert f(W, X, out=None) == (value, gradients)


def test_what_is_written_may_be_an_argument(backend: str) -> None:
    w, x = [Value(0.5), Value(-0.25), Value(2.0)], Value(0.75)
    f = autograd.compile([w[1] * x, w[2] + w[0], w[0] * w[1]], (w, x), backend=backend)
    numbers = np.array([1.0, *W])
    want = f(W, X)
    assert f(numbers[1:], X, out=numbers[1:]).tolist() == want
    numbers[1:] = W
    assert f(numbers[1:], X, out=numbers[:3]).tolist() == want
    assert numbers.tolist() == [*want, W[2]]
    many = [Value(i / 40) for i in range(40)]
    reversing = autograd.compile([v.tanh() for v in reversed(many)], (many,), backend=backend)
    both = np.arange(40.0) / 40
    want = reversing(both.tolist())
    assert reversing(both, out=both).tolist() == want


def test_arrays_that_are_not_in_order_are_filled(backend: str) -> None:
    f = rows(backend)
    want = f(W)
    base = np.zeros((6, 6))
    assert f(W, out=base[::2, ::-2]).tolist() == want
    assert np.count_nonzero(base) == np.count_nonzero(want)
    assert f(np.array(W), out=np.zeros((3, 3)).T).tolist() == want


def test_without_numpy(backend: str) -> None:
    f = value_and_gradients(backend)
    out = (None, array("d", [0.0] * 3))
    value, gradients = f(W, X, out=out)
    assert (value, gradients.tolist()) == f(W, X)
    assert gradients is out[1]
    view = memoryview(bytearray(72)).cast("d", (3, 3))
    assert rows(backend)(W, out=view).tolist() == rows(backend)(W)


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_batches(reduce: str | None, backend: str) -> None:
    f = value_and_gradients(backend, in_axes=(None, 0), reduce=reduce)
    shape = (5,) if reduce is None else ()
    xs = np.linspace(-1, 1, 5)
    want = f(np.array(W), xs)
    for arguments in ((W, xs.tolist()), (np.array(W), xs), (W, xs[::-1][::-1])):
        out = [np.full(shape, 7.0), np.full((*shape, 3), 7.0)]
        assert f(*arguments, out=out) is out
        assert np.array_equal(out[0], want[0]) and np.array_equal(out[1], want[1])


def test_a_table_for_each_sample(backend: str) -> None:
    x, y = Value(1.0), Value(2.0)
    f = autograd.compile([[x, x * y], (y, x + y)], (x, y), in_axes=(0, None), backend=backend)
    out = np.empty((4, 2, 2))
    for xs in (np.arange(4.0), [0.0, 1.0, 2.0, 3.0]):
        out[:] = 7.0
        assert f(xs, 5.0, out=out).tolist() == [[[x, x * 5.0], [5.0, x + 5.0]] for x in range(4)]
    pair = autograd.compile((x, x * y), (x, y), in_axes=(0, None), backend=backend)
    assert pair(np.arange(3.0), 5.0, out=np.empty((3, 2))).tolist() == [[0.0, 0.0], [1.0, 5.0], [2.0, 10.0]]
    one = autograd.compile(x * y, (x, y), in_axes=(0, None), backend=backend)
    assert one(np.arange(4.0), 5.0, out=np.empty(4)).tolist() == [0.0, 5.0, 10.0, 15.0]


def test_parts_of_a_table_for_each_sample(backend: str) -> None:
    f = value_and_gradients(backend, in_axes=(None, 0))
    xs = np.linspace(-1, 1, 5)
    value, gradients = f(np.array(W), xs)
    table = np.full((5, 6), 7.0)
    f(np.array(W), xs, out=(table[:, 0], table[:, 2:5]))
    assert np.array_equal(table[:, 0], value) and np.array_equal(table[:, 2:5], gradients)
    assert np.all(table[:, [1, 5]] == 7.0)
    f(W, xs.tolist(), out=(table[::-1, 1], table[:, 4:1:-1]))
    assert np.array_equal(table[::-1, 1], value) and np.array_equal(table[:, 4:1:-1], gradients)


def test_a_batch_into_its_arguments_or_into_one_memory(backend: str) -> None:
    x, y = Value(1.0), Value(2.0)
    f = autograd.compile((x * y, [x, y]), (x, y), in_axes=0, backend=backend)
    product = autograd.compile(x * y + x, (x, y), in_axes=0, backend=backend)
    for n in (3, 1_000):
        xs, ys = np.arange(1.0, n + 1), np.arange(3.0, n + 3)
        wanted = xs * ys, np.stack([xs, ys], 1)
        a, b, pairs = xs.copy(), ys.copy(), np.empty((n, 2))
        f(a, b, out=(a, pairs))
        assert np.array_equal(a, wanted[0]) and np.array_equal(pairs, wanted[1])
        both = np.concatenate([xs, ys])
        f(both[:n], both[n:], out=(a, both.reshape(n, 2)))
        assert np.array_equal(a, wanted[0]) and np.array_equal(both.reshape(n, 2), wanted[1])
        memory = np.empty((n + 1, 2))
        f(xs, ys, out=(memory.ravel()[:n], memory[:n]))  # the last one that is written stays
        assert np.array_equal(memory[:n], wanted[1])
        f(xs, ys, out=(memory.ravel()[n : 2 * n], memory[:n]))
        assert np.array_equal(memory[:n], wanted[1])
        long = np.arange(1.0, n + 2)
        assert np.array_equal(product(long[:-1], ys, out=long[1:]), xs * ys + xs)


@pytest.mark.parametrize("name", ["numpy", "python", "c", "module"])
def test_numbers_that_are_passed_on_may_change_places(name: str) -> None:
    x, y = Value(1.0), Value(2.0)
    backend = {"module": np}.get(name, name)
    if name == "c":
        need_compiler()
    f = autograd.compile((y, x), (x, y), in_axes=0, backend=backend)
    xs, ys = np.arange(4.0), np.arange(4.0) * 3
    f(xs, ys, out=(xs, ys))
    assert (xs.tolist(), ys.tolist()) == ([0.0, 3.0, 6.0, 9.0], [0.0, 1.0, 2.0, 3.0])


def test_lists_of_different_lengths_have_an_array_each(backend: str) -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    f = autograd.compile([[a, b], [c]], (a, b, c), backend=backend)
    out = [np.empty(2), np.empty(1)]
    assert f(4.0, 5.0, 6.0, out=out) is out
    assert [part.tolist() for part in out] == [[4.0, 5.0], [6.0]]
    for wrong in (np.zeros((2, 2)), np.zeros((2, 1)), np.zeros(3)):
        with pytest.raises(ValueError, match="expected a list of 2 parts, got one array for nested lists"):
            f(4.0, 5.0, 6.0, out=wrong)
        assert not wrong.any()


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


class ReadOnlyOfOthers(bytes):
    """An array of another module's, as JAX's."""

    dtype = np.dtype(float)


@pytest.mark.parametrize("argument", [W, np.array(W)], ids=["list", "array"])
@pytest.mark.parametrize(
    ("last", "error", "said"),
    [
        (np.zeros(4), ValueError, "out[1]: expected an array of shape (3,), got one of shape (4,)"),
        (np.zeros((3, 1)), ValueError, "out[1]: expected an array of shape (3,), got one of shape (3, 1)"),
        (np.zeros(3, np.float32), TypeError, "out[1]: expected an array of float64, got a ndarray of float32"),
        (np.zeros(3, ">f8"), TypeError, "out[1]: expected an array of float64, got a ndarray of >f8"),
        (np.zeros(3, "M8[s]"), TypeError, "out[1]: expected an array of float64, got a ndarray of datetime64[s]"),
        (np.zeros(3, int), TypeError, "float64"),
        (np.zeros(3, object), TypeError, "float64"),
        (np.ma.zeros(3), TypeError, "masked"),
        (read_only(np.zeros(3)), ValueError, "out[1] is read-only: pass a writable array of NumPy's"),
        (ReadOnlyOfOthers(3), ValueError, "out[1] is read-only: pass a writable array of NumPy's"),
        (np.frombuffer(bytearray(25), np.uint8)[1:].view(float), ValueError, "out[1]: the array is not aligned in"),
        (bytes(24), TypeError, "out[1]: expected an array of float64, got a bytes"),
        ([0.0] * 3, TypeError, "out[1]: expected an array of shape (3,), got a list of numbers. out= takes writable"),
        ([None] * 3, TypeError, "out[1]: expected an array of shape (3,), got a list of numbers. out= takes writable"),
        ([0.0] * 2, ValueError, "out[1]: expected an array of shape (3,), got a list of 2"),
        (1.0, TypeError, "out[1]: expected an array of float64, got a float"),
    ],
    ids=lambda x: None if isinstance(x, str) else type(x).__name__,
)
def test_what_cannot_be_filled_is_refused_before_anything_is_written(
    last: Any, error: type[Exception], said: str, argument: Any, backend: str
) -> None:
    f = value_and_gradients(backend)
    first, before = np.full((), 7.0), str(last)
    with pytest.raises(error, match=re.escape(said)):
        f(argument, X, out=(first, last))
    assert first == 7.0
    assert str(last) == before


@pytest.mark.parametrize(
    ("out", "error", "said"),
    [
        (np.zeros(3), ValueError, "out: expected a tuple of 2 parts, got one array for nested lists of 4 numbers"),
        ((None,), ValueError, "out: expected a tuple of 2 parts, got a tuple of 1"),
        ((np.zeros(1), None), ValueError, "out[0]: expected an array of shape (), got one of shape (1,)"),
        (([], None), ValueError, "out[0]: expected an array of shape (), got a list of 0"),
        (3.0, TypeError, "out: expected an array of float64, got a float"),
    ],
)
def test_another_nesting_is_refused(out: Any, error: type[Exception], said: str, backend: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        value_and_gradients(backend)(W, X, out=out)


def test_wrong_arguments_write_nothing(backend: str) -> None:
    f, out = rows(backend), np.full((3, 3), 7.0)
    for wrong in ([1.0, 2.0], np.zeros(4), [1.0, 2.0, "3"], [10**400, 1.0, 1.0]):
        with pytest.raises((ValueError, TypeError, OverflowError), match="argument 1"):
            f(wrong, out=out)
    assert np.all(out == 7.0)


def test_nothing_to_write(backend: str) -> None:
    x = Value(1.0)
    assert autograd.compile((), x, backend=backend)(1.0, out=()) == ()
    assert autograd.compile([x, []], x, backend=backend)(2.0, out=[None, np.empty(0)])[0] == 2.0
    empty = np.empty(0)
    assert autograd.compile([], x, backend=backend)(2.0, out=empty) is empty


@pytest.mark.parametrize("name", ["numpy", "jax.numpy", "torch"])
def test_modules_of_arrays(name: str) -> None:
    module = array_module(name)
    f, out = value_and_gradients(module), (np.empty(()), np.empty(3))
    if name == "numpy":
        assert f(np.array(W), X, out=out) is out
        assert out[1].tolist() == pytest.approx(value_and_gradients("python")(W, X)[1])
    else:
        with pytest.raises(TypeError, match=f"out= is for NumPy's arrays: those of {name} are made"):
            f(np.array(W), X, out=out)
