"""NumPy's functions on Values, on arrays of Values, and on both: the graph is kept, or an error says what to write."""

from __future__ import annotations

import builtins
import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import autograd
from autograd import FrozenChoiceWarning, Value, grad, nn, optim
from autograd.hints import RECIPES
from autograd.ops import TABLE, Op
from autograd.ufuncs import FUNCTIONS, INSTEAD, METHODS

np: Any = numpy  # whose types know no Values

UFUNCS = {name: op for name, op in FUNCTIONS.items() if isinstance(getattr(np, name, None), np.ufunc)}
NOT_ON_ARRAYS = {"sign", "floor", "ceil", "maximum", "minimum", "logaddexp"}
"""Functions whose loops over objects lose the graph, or would: the guide lists them."""


def in_array(*values: Any) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def points(op: Op) -> list[list[float]]:
    """Some numbers in the domain of the operation: for each operand, three."""
    positive, others = [[1.25, 2.5, 4.0], [3.0, 0.5, 2.0]], [[-0.75, 0.25, 0.625], [0.5, -0.5, 0.75]]
    return [(positive if low >= 0 else others)[place] for place, (low, _) in enumerate(op.domain)]


def same(found: Any, want: Any, operands: list[Any]) -> None:
    """Check that two results have the same bits, and the same gradients."""
    assert type(found) is Value
    assert (found.op, repr(found.data)) == (want.op, repr(want.data))
    leaves = [x for x in operands if type(x) is Value]
    assert [g.data for g in grad(found, leaves)] == [g.data for g in grad(want, leaves)]


def test_the_table_has_numpys_names() -> None:
    rows = {"arcsin": "asin", "arctan2": "atan2", "rint": "round", "remainder": "mod", "abs": "abs", "log1p": "log1p"}
    assert {name: UFUNCS[name].name for name in rows} == rows
    assert {op.name for op in TABLE.values() if isinstance(getattr(np, op.name, None), np.ufunc)} <= {
        op.name for op in UFUNCS.values()
    }, "NumPy has a function of the name of a row, and the table of NumPy's names lacks it"


@pytest.mark.parametrize("name", UFUNCS)
def test_on_values_alone(name: str) -> None:
    op, function = UFUNCS[name], getattr(np, name)
    for numbers in zip(*points(op)):
        operands: list[Any] = [Value(x) for x in numbers]
        same(function(*operands), op(*operands), operands)
        assert function(*operands).data == pytest.approx(float(function(*numbers)), rel=1e-14, abs=1e-300)
        if op.arity == 2:
            for kind in (np.float64, np.float32, float, np.longdouble):
                for mixed in ([operands[0], kind(numbers[1])], [kind(numbers[0]), operands[1]]):
                    same(function(*mixed), op(*mixed), mixed)


@pytest.mark.parametrize("name", UFUNCS)
def test_on_values_beside_arrays(name: str) -> None:
    op, function = UFUNCS[name], getattr(np, name)
    if op.arity == 1:
        return
    first, second = points(op)
    x, y = Value(first[1]), Value(second[1])
    cases: list[list[Any]] = [[x, np.array(second)], [np.array(first), y], [x, second], [first, y]]
    for operands in cases:
        found = function(*operands)
        assert found.shape == (3,) and found.dtype == object
        for i, z in enumerate(found):
            alone = [v if type(v) is Value else v[i] for v in operands]
            same(z, op(*alone), alone)
    values = in_array(*map(Value, first))
    if name not in METHODS:  # else NumPy calls a method of the array's elements
        for i, z in enumerate(function(values, y)):
            same(z, op(values[i], y), [values[i], y])


@pytest.mark.parametrize("shape", [(3,), (1, 3), ()])
@pytest.mark.parametrize("name", sorted(UFUNCS.keys() - NOT_ON_ARRAYS))
def test_on_arrays_of_values(name: str, shape: tuple[int, ...]) -> None:
    op, function = UFUNCS[name], getattr(np, name)
    arrays = [in_array(*map(Value, xs))[: math.prod(shape)].reshape(shape) for xs in points(op)]
    found = np.asarray(function(*arrays), dtype=object)
    assert found.shape == shape
    for z, *operands in zip(found.flat, *(array.flat for array in arrays)):
        same(z, op(*operands), operands)


def test_a_replay_goes_through_what_numpy_recorded() -> None:
    x = Value(0.5)
    z = np.sign(x) * 3 + np.floor(x) + np.maximum(x, 0.25) + np.arctan2(1.0, x)
    x.data = -2.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert z.forward().data == -3 - 3 + 0.25 + math.atan2(1.0, -2.5)


def test_the_rounding_functions() -> None:
    x = Value(2.675)
    for rounded in (np.round(x, 1), np.around(in_array(x), 1)[0], np.round(in_array(x), decimals=1)[0]):
        assert rounded.data == 2.7 and grad(rounded, x).data == 0.0
    assert [np.round(v).data for v in map(Value, (0.5, 1.5, -2.5))] == [0.0, 2.0, -2.0]


def test_clip() -> None:
    v: Any
    for v in map(Value, (-1.0, 0.25, 3.0)):
        same(np.clip(v, -0.5, 2.0), autograd.clip(v, -0.5, 2.0), [v])
        same(np.clip(v, None, 2.0), autograd.clip(v, -math.inf, 2.0), [v])
        same(np.clip(v, min=0.0), autograd.clip(v, 0.0, math.inf), [v])
        same(v.clip(high=2, low=1), autograd.clip(v, 1.0, 2.0), [v])
        same(v.clip(None, 0.5), autograd.clip(v, high=0.5), [v])
        same(autograd.clip(v, 0, None), v.clip(low=0.0), [v])
    with pytest.raises(TypeError, match=r"clip\(\) takes \(x, low=-inf, high=inf\)"):
        v.clip(0, 1, 2)


def test_variance_and_norm_of_values() -> None:
    numbers = [1.0, 2.0, 4.0, 8.0]
    values = in_array(*map(Value, numbers))
    for reduce in (np.var, np.std, np.linalg.norm, np.mean, np.sum, np.prod, lambda x: np.vdot(x, x)):
        found = reduce(values)
        assert found.data == pytest.approx(reduce(np.array(numbers)), rel=1e-15)
        for i, g in enumerate(grad(found, list(values))):
            tiny = 1e-6 * (np.arange(4) == i)
            assert g.data == pytest.approx((reduce(numbers + tiny) - reduce(numbers - tiny)) / 2e-6, rel=1e-6)


def test_other_ways_to_call() -> None:
    v, w = Value(0.5), Value(0.25)
    for function, op in ((np.maximum, autograd.max), (np.multiply, autograd.mul), (np.arctan2, autograd.atan2)):
        found = function.outer(np.array([1.0, 2.0]), v)
        assert found.shape == (2,) and all(z.op is op for z in found)
        out = np.empty(2, object)
        assert function(np.array([1.0, 2.0]), v, out=out) is out and all(z.op is op for z in out)
    array = in_array(v, w)
    array += w
    np.add.at(array, [0], w)
    assert [z.data for z in array] == [1.0, 0.5]
    array *= np.array([2.0, 4.0])
    assert [z.data for z in array] == [2.0, 2.0]
    assert np.sum(v) is v and np.add.reduce([v, w]).data == 0.75
    assert np.linalg.norm(v).data == 0.5
    assert np.square(v).data == np.power(v, 2).data == 0.25 and np.reciprocal(v).data == 2.0
    assert not np.less(v, w) and np.greater(v, w)
    assert list(np.array([0.25, 0.75]) < v) == [True, False]


def test_another_function_of_the_same_name_is_called_itself() -> None:
    def sign(x: Any) -> Any:
        return x * 7

    assert np.frompyfunc(sign, 1, 1)(Value(2.0)).data == 14.0
    assert np.vectorize(sign)(Value(2.0)).item().data == 14.0


@pytest.mark.parametrize(
    "sign", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod]
)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8, np.bool_, np.longdouble])
def test_scalars_of_numpy_on_the_left(sign: Callable[..., Any], kind: Callable[[int], Any]) -> None:
    v = Value(0.75)
    same(sign(kind(1), v), sign(1.0, v), [v])
    array = np.array([kind(1), kind(0)])
    for i, x in enumerate([1.0, 0.0]):
        same(sign(array, v)[i], sign(x, v), [v])
        same(sign(v, array)[i], sign(v, x), [v])


@pytest.mark.parametrize(
    "wrong, said",
    [
        (np.timedelta64(5, "ns"), "timedelta64"),
        (np.datetime64("2020-01-01"), "datetime64"),
        (np.complex128(1j), "complex"),
        (np.str_("2"), "str"),
    ],
)
def test_scalars_that_are_no_real_numbers_are_refused(wrong: Any, said: str) -> None:
    with pytest.raises(TypeError, match=f"expected a real number, got .*{said}"):
        wrong + Value(1.0)


# ------------------------------------------------------------------------------------------------ where nothing is kept


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc"])
def test_an_integer_is_refused_with_what_to_write(name: str) -> None:
    v, array = Value(2.5), in_array(Value(2.5), Value(-1.5))
    for module, x in ((math, v), (np, array)):
        with pytest.raises(TypeError, match=rf"math.{name}\(v\), which np.{name} calls .* lose the gradient") as caught:
            getattr(module, name)(x)
    for_one, for_many = str(caught.value).partition("Write ")[2].split(", for an array of Values ")
    for_many, for_a_number = for_many.split(", for a plain number ")
    names = {"autograd": autograd, "np": np, "math": math, "array": array, "v": v}
    found = [eval(for_one, names), *eval(for_many, names)]
    assert [z.data for z in found] == [getattr(math, name)(x) for x in (2.5, 2.5, -1.5)]
    assert [grad(z, [v, *array])[0].data for z in found] == [0.0, 0.0, 0.0]
    assert eval(for_a_number, names) == getattr(math, name)(2.5)


@pytest.mark.parametrize("digits", [(), (1,)])
def test_round_is_refused_with_what_to_write(digits: tuple[int, ...]) -> None:
    v: Any = Value(2.5)
    with pytest.raises(TypeError, match=r"round.* write autograd\.round\(v\).*autograd\.round\(v \* 100\) / 100.*"):
        round(v, *digits)


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_largest_of_one_value_is_refused_with_what_to_write(name: str) -> None:
    v, w = Value(2.5), Value(1.5)
    method = getattr(v, name)
    for call in (getattr(np, name), getattr(np, f"a{name}"), lambda v: getattr(np, name)(v, axis=0)):
        with pytest.raises(TypeError, match=rf"np.{name} takes an array.* autograd\.{name}\(v, w\)") as caught:
            call(v)
    of_many = str(caught.value).rpartition("for many ")[2]
    of_three = eval(of_many, {"autograd": autograd, "values": [v, w, 2.0]})
    assert of_three.data == getattr(builtins, name)(2.5, 1.5, 2.0)
    same(method(w), getattr(autograd, name)(v, w), [v, w])
    same(method(y=w), getattr(autograd, name)(v, w), [v, w])
    with pytest.raises(TypeError, match=rf"{name}\(\) takes \(x, y\)"):
        method()


def test_what_numpy_compares_warns_when_it_would_come_out_differently() -> None:
    """NumPy's loops over objects compare, and return plain numbers or one of the operands."""
    for function in (np.sign, lambda array: np.maximum(array, 1.0), lambda array: np.fmax(array[0], 1.0)):
        v = Value(2.0, "v")
        z = autograd.sum(list(np.atleast_1d(function(in_array(v))) * np.array([v])))
        v.data = -2.0
        with pytest.warns(FrozenChoiceWarning, match=rf"v \(2\.0\).*{__file__}"):
            z.forward()


def test_training_refuses_what_numpy_compares() -> None:
    def loss(output: Value, target: Value) -> Any:
        return np.sign(in_array(output))[0] * (output - target) ** 2

    with pytest.raises(autograd.RecordingError, match="compared"):
        autograd.fit(nn.Neuron(1), [[1.0]], [1.0], loss=loss, optimizer=optim.SGD(0.1), epochs=1, progress=False)


@pytest.mark.parametrize("call", [np.logaddexp, np.logaddexp2, np.float_power, np.divmod])
def test_what_has_no_loop_over_objects_is_an_error(call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="not supported for the input types"):
        call(in_array(Value(1.0)), in_array(Value(1.0)))


@pytest.mark.parametrize("name", ["arctan2", "hypot"])
def test_a_method_is_not_found_on_numbers_in_front(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'float' object has no attribute '{name}'"):
        getattr(np, name)(np.array([1.0]), in_array(Value(1.0)))
    for_each = np.frompyfunc(UFUNCS[name], 2, 1)
    assert for_each(np.array([1.0]), in_array(Value(1.0)))[0].op is UFUNCS[name]


def test_an_anomaly_names_the_users_line() -> None:
    with autograd.detect_anomaly(), pytest.raises(autograd.AnomalyError) as caught:
        np.arctanh(Value(1.0))  # this line
    assert "np.arctanh(Value(1.0))  # this line" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["float_power", "logaddexp2", "copysign", "ldexp", "modf", "isnan", "isfinite", "signbit", "spacing", "invert"],
)
def test_a_function_that_is_no_row_says_what_to_write(name: str) -> None:
    v, w, n = Value(0.75), Value(-2.0), 3
    function = getattr(np, name)
    operands = [v, n if name == "ldexp" else w][: function.nin]
    with pytest.raises(TypeError, match=f"^np.{name} knows no Values: ") as problem:
        function(*operands)
    code = str(problem.value).partition(": write ")[2]
    if code:
        found = eval(code, {"autograd": autograd, "math": math, "v": v, "w": w, "n": n})
        numbers = [x.data if isinstance(x, Value) else x for x in operands]
        assert found.data == pytest.approx(float(function(*numbers)), rel=1e-14, nan_ok=True)
    else:
        assert "v.data" in str(problem.value) or "docs/recipes.md" in str(problem.value)


def test_the_table_of_what_to_write_has_functions_that_are_no_row() -> None:
    assert not INSTEAD.keys() & FUNCTIONS.keys()
    assert all(isinstance(getattr(np, name), np.ufunc) for name in INSTEAD.keys() - RECIPES.keys())


@pytest.mark.parametrize("name", ["deg2rad", "degrees", "radians", "rad2deg", "heaviside"])
def test_a_function_made_of_rows_says_where_it_is(name: str) -> None:
    function, v = getattr(np, name), Value(0.75)
    with pytest.raises(TypeError, match=f"^np.{name} knows no Values: see {RECIPES[name]} in docs/recipes.md$"):
        function(*[v] * function.nin)


def test_results_that_are_not_finite_come_without_a_warning_of_numpy() -> None:
    """NumPy looks at the processor's flags afterwards, which one engine sets and the other does not."""
    zero, array = Value(-0.0), np.array([1.0, 2.0])
    assert [v.data for v in array / zero] == [-math.inf, -math.inf]
    assert [v.data for v in np.add(array, Value(math.inf))] == [math.inf, math.inf]
    assert math.isnan((np.array(1.5) ** Value(math.nan)).data)
    assert math.isnan((array % zero)[0].data)
