"""The data of `fit`, and the arguments of compiled functions: what is not a number is refused, and all is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from needs import EAGER_AND_COMPILED, FIT_BACKENDS

import autograd
from autograd import History, Value, fit, nn, optim
from autograd.floats import number

NO_NUMBERS: dict[str, Any] = {
    "a masked array": np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]),
    "a masked array without masked numbers": np.ma.array([1.0, 2.0, 3.0]),
    "dates in nanoseconds": np.array(["2020-01-01"] * 3, dtype="M8[ns]"),
    "dates in days": np.array(["2020-01-01"] * 3, dtype="M8[D]"),
    "intervals": np.array([1, 2, 3], dtype="m8[ns]"),
    "a list of dates": [np.datetime64(5, "ns")] * 3,
    "a list of intervals": [np.timedelta64(5, "ns")] * 3,
    "a list with a masked number": [np.ma.masked, 1.0, 2.0],
}
NO_ROWS: dict[str, Any] = {name: [x, x, x] for name, x in NO_NUMBERS.items() if "without" not in name} | {
    "a masked table": np.ma.array(np.ones((3, 3)), mask=np.eye(3) > 0),
    "a table of intervals": np.ones((3, 3), dtype="m8[s]"),
}


def trained(xs: Any, ys: Any, **options: Any) -> History:
    rows = isinstance(xs[0], list) or getattr(xs[0], "ndim", 0) == 1
    model = nn.Neuron(len(xs[0]) if rows else 1, "linear", weights=[0.5] * (len(xs[0]) if rows else 1))
    defaults: dict[str, Any] = {"loss": nn.mse, "optimizer": optim.SGD(0.1), "epochs": 4, "progress": False}
    return fit(model, xs, ys, **(defaults | options))


@pytest.mark.parametrize("name", NO_NUMBERS)
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_fit_refuses_what_is_not_a_number(name: str, backend: str) -> None:
    for xs, ys in ((NO_NUMBERS[name], [1.0] * 3), ([1.0] * 3, NO_NUMBERS[name])):
        with pytest.raises(TypeError):
            trained(xs, ys, backend=backend)


@pytest.mark.parametrize("name", NO_ROWS)
def test_fit_refuses_rows_of_what_is_not_a_number(name: str) -> None:
    for xs, ys in ((NO_ROWS[name], [1.0] * 3), ([[1.0] * 3] * 3, NO_ROWS[name])):
        with pytest.raises(TypeError):
            trained(xs, ys, backend="python")


def test_compiled_functions_refuse_what_is_not_a_number(backend: str) -> None:
    xs = [Value(1.0), Value(2.0), Value(3.0)]
    total = autograd.sum(xs)
    row = autograd.compile(total, (xs,), backend=backend)
    batch = autograd.compile(xs[0] * 2, (xs[0],), in_axes=0, backend=backend)
    table = autograd.compile(total, (xs,), in_axes=0, backend=backend)
    for f, arguments in ((row, NO_NUMBERS), (batch, NO_NUMBERS), (table, NO_ROWS)):
        for name, argument in arguments.items():
            with pytest.raises(TypeError):
                f(argument)
                pytest.fail(name)


@pytest.mark.parametrize(
    "x", [np.ma.masked, np.ma.array(1.0), np.datetime64(5, "ns"), np.timedelta64(5, "ns"), np.timedelta64("NaT", "ns")]
)
def test_a_date_an_interval_and_a_masked_number_are_not_numbers(x: Any) -> None:
    with pytest.raises(TypeError, match="expected a real number"):
        number(x)
    with pytest.raises(TypeError):
        Value(x)


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("convert", [np.array, np.float32, lambda xs: [list(x) for x in xs]])
def test_data_are_copied(convert: Any, batch_size: int | None, backend: str) -> None:
    """What the callback does to arrays and lists changes nothing."""
    rows, targets = [[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]], [[1.0], [2.0], [3.0]]
    xs, ys = convert(rows), convert(targets)

    def callback(epoch: int, history: History) -> None:
        for data in (xs, ys):
            for row in data:
                row[0] = 1e6

    options: dict[str, Any] = {"batch_size": batch_size, "backend": backend, "seed": 0, "loss": first_mse}
    changed = trained(xs, ys, callback=callback, validation=(xs, ys), **options)
    same = trained(rows, targets, validation=(rows, targets), **options)
    assert (changed.losses, changed.validation_losses) == (same.losses, same.validation_losses)


def first_mse(output: Any, target: Any) -> Any:
    return nn.mse(output, target[0])
