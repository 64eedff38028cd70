"""`predict`: the outputs that a loop over the model gives, bit for bit, of all samples at once; kept compiled."""

from __future__ import annotations

import copy
import dataclasses
import gc
import itertools
import math
import pickle
import random
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from interrupts import interrupted
from needs import BACKENDS, need_backend

import autograd
from autograd import RecordingError, Value, fit, nn, optim
from autograd.codegen.compile import compile_recorded
from autograd.engine import commit_data
from autograd.ops import Op
from autograd.samples import backends, prediction
from autograd.samples.rows import samples
from autograd.trees import tree_map

EVERY = ["auto", *BACKENDS, "eager"]


@pytest.fixture(params=EVERY)
def every(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    need_backend(name)
    return name


def network(seed: int = 0, nin: int = 3, nouts: tuple[int, ...] = (8, 4)) -> nn.MLP:
    return nn.MLP(nin, list(nouts), "tanh", rng=random.Random(seed))


def table(n: int = 50, width: int = 3) -> Any:
    return np.random.default_rng(0).normal(size=(n, width))


def looped(model: Any, xs: Any) -> Any:
    """Compute what `predict` returns, by a loop."""

    def number(output: Any) -> Any:
        return [number(x) for x in output] if isinstance(output, (list, np.ndarray)) else output.data

    return [number(model(tree_map(Value, x))) for x in (xs.tolist() if hasattr(xs, "tolist") else xs)]


class Function(nn.Module):
    """A model with a weight that computes what it is told."""

    def __init__(self, function: Any, weight: float = 2.0) -> None:
        self.weight, self.function = Value(weight), function
        self.calls = 0

    def parameters(self) -> list[Value]:  # and not what the function uses
        return [self.weight]

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self.function(self.weight, x)


# Inputs and outputs --------------------------------------------------------------------------------------------------


class Frame:
    """A table as pandas has it: it converts to an array, and lists its labels."""

    def __init__(self, rows: Any) -> None:
        self.rows = np.asarray(rows)
        self.shape = self.rows.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.rows if dtype is None else self.rows.astype(dtype)

    def __iter__(self) -> Iterator[str]:
        return iter("abc")


@pytest.mark.parametrize(
    "convert",
    [np.asarray, Frame, np.asfortranarray, lambda xs: xs.astype(object), lambda xs: Frame(xs.astype(object))],
    ids=["array", "table", "by column", "of objects", "table of objects"],
)
def test_arrays_give_an_array(convert: Callable[[Any], Any], every: str) -> None:
    model, xs = network(), table()
    found = model.predict(convert(xs), every)
    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (np.float64, (50, 4))
    assert found.tolist() == looped(model, xs)


@pytest.mark.parametrize(
    "convert", [list, tuple, iter, lambda rows: (tuple(row) for row in rows), lambda rows: np.array(rows).data]
)
def test_lists_give_lists(convert: Callable[[Any], Any], every: str) -> None:
    model, rows = network(), table().tolist()
    found = model.predict(convert(rows), every)
    assert (type(found), type(found[0]), type(found[0][0])) == (list, list, float)
    assert found == looped(model, rows)


def test_integers_bools_and_single_precision(every: str) -> None:
    model = network()
    for xs in (
        [[1, True, 0]],
        np.array([[1, 1, 0]]),
        np.array([[True, True, False]]),
        np.array([[1, 1, 0]], dtype=np.float32),
    ):
        assert np.asarray(model.predict(xs, every)).tolist() == looped(model, [[1.0, 1.0, 0.0]])


def test_nan_and_infinity_are_numbers(every: str) -> None:
    rows = [[math.nan, 1.0], [math.inf, 1.0], [-math.inf, 0.0], [2.0, 3.0]]
    found = Function(lambda w, x: w * x[0] + x[1]).predict(rows, every)
    assert [repr(x) for x in found] == ["nan", "inf", "-inf", "7.0"]


def test_more_samples_than_are_computed_together(every: str) -> None:
    model, xs = network(nouts=(2,)), table(2 * prediction._TOGETHER + 1)
    assert model.predict(xs, every).tolist() == looped(model, xs)


class Named(NamedTuple):
    mean: Any
    spread: Any


OUTPUTS: dict[str, tuple[Callable[[Value, Any], Any], Callable[[float, float], Any]]] = {
    "a number": (lambda w, x: w * x, lambda w, x: w * x),
    "a list of one": (lambda w, x: [w * x], lambda w, x: [w * x]),
    "a list": (lambda w, x: [w * x, x, w], lambda w, x: [w * x, x, w]),
    "a table": (lambda w, x: [[w * x, x], [w, x * x]], lambda w, x: [[w * x, x], [w, x * x]]),
    "an array": (lambda w, x: np.array([[w * x, x]]), lambda w, x: [[w * x, x]]),
    "nothing": (lambda w, x: [], lambda w, x: []),
    "the input": (lambda w, x: x, lambda w, x: x),
    "the weight": (lambda w, x: w, lambda w, x: w),
    "a constant": (lambda w, x: [w * x, Value(3.0)], lambda w, x: [w * x, 3.0]),
    "only a constant": (lambda w, x: Value(3.0), lambda w, x: 3.0),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_shape_of_a_sample_follows_the_number_of_samples(name: str, every: str) -> None:
    of_values, of_numbers = OUTPUTS[name]
    model, xs = Function(of_values), [1.0, 2.0, -0.5]
    expected = [of_numbers(2.0, x) for x in xs]
    found = model.predict(xs, every)
    assert found == expected
    as_array = model.predict(np.array(xs), every)
    assert as_array.tolist() == expected
    assert as_array.shape == np.array(expected).shape


def test_parts_keep_their_nesting(every: str) -> None:
    xs = [1.0, 2.0]
    cases: list[tuple[Callable[[Value, Any], Any], Any]] = [
        (lambda w, x: (w * x, [x, w]), ([2.0, 4.0], [[1.0, 2.0], [2.0, 2.0]])),
        (lambda w, x: {"mean": w * x, "all": [x, w]}, {"mean": [2.0, 4.0], "all": [[1.0, 2.0], [2.0, 2.0]]}),
        (lambda w, x: Named(w * x, x), Named([2.0, 4.0], [1.0, 2.0])),
        (lambda w, x: [w * x, [x, w]], [[2.0, 4.0], [[1.0, 2.0], [2.0, 2.0]]]),
        (lambda w, x: [(x, w), x], [([1.0, 2.0], [2.0, 2.0]), [1.0, 2.0]]),
    ]
    for function, expected in cases:
        found = Function(function).predict(xs, every)
        assert found == expected
        assert type(found) is type(expected)
    arrays = Function(cases[1][0]).predict(np.array(xs), every)
    assert {key: (type(x), x.tolist()) for key, x in arrays.items()} == {
        "mean": (np.ndarray, [2.0, 4.0]),
        "all": (np.ndarray, [[1.0, 2.0], [2.0, 2.0]]),
    }


def test_samples_may_be_tables_or_uneven(every: str) -> None:
    even = Function(lambda w, x: w * x[0][1] + x[1][0])
    rows = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    assert even.predict(rows, every) == [7.0, 19.0]
    assert even.predict(np.array(rows), every).tolist() == [7.0, 19.0]
    uneven = Function(lambda w, x: w * x[0] + x[1][1])
    assert uneven.predict([[1, [2, 3]], [4, [5, 6]]], every) == [5.0, 14.0]


def test_the_model_may_change_its_list(every: str) -> None:
    def popping(w: Value, x: Any) -> Any:
        return w * x.pop() + x.pop()

    assert Function(popping).predict([[1.0, 2.0], [3.0, 4.0]], every) == [5.0, 11.0]


@pytest.mark.parametrize(
    ("xs", "kind", "message"),
    [
        ([], ValueError, "xs is empty: pass at least one sample"),
        (np.ones((0, 3)), ValueError, "xs is empty: pass at least one sample"),
        ([[1.0, 2.0]], ValueError, "has 3 weights, so it takes 3 inputs, got 2"),
        ([1.0, 2.0, 3.0], ValueError, "has 3 weights, so it takes 3 inputs, got 1"),
        ([[1.0, 2.0, 3.0], [1.0]], ValueError, "differ in shape"),
        ([[1.0, 2.0, "x"]], TypeError, "holds text: 'x'"),
        ({"a": 1.0}, TypeError, "got dict"),
        (None, TypeError, "got NoneType"),
        (1.0, TypeError, "got float"),
        (np.array(1.0), TypeError, "xs is a list or an array"),
        (np.ones((2, 3, 3)), ValueError, "expected the inputs of one sample, got 3 rows"),
        (np.ma.array(np.ones((2, 3))), TypeError, "masked"),
        ([[1.0, 2.0, Value(3.0)]], TypeError, "Value"),
    ],
)
def test_what_is_no_list_of_samples_is_refused(xs: Any, kind: type[Exception], message: str, every: str) -> None:
    model = network()
    for _ in range(2):
        with pytest.raises(kind, match=re.escape(message)):
            model.predict(xs, every)
        model.predict(table(), every)  # and again when it is kept


def test_a_single_sample_by_itself_gets_advice() -> None:
    model = network()
    hint = "Each number in xs is a sample: for a single sample of several, write [x]"
    with pytest.raises(ValueError, match="3 weights") as caught:
        model.predict([1.0, 2.0, 3.0])
    assert str(caught.value).endswith(f"so it takes 3 inputs, got 1. {hint}")
    scaled = nn.Sequential(nn.Standardize([0.0, 1.0], [1.0, 1.0]), nn.Neuron(2))
    with pytest.raises(ValueError, match=re.escape(f"takes 2 inputs, got 1. {hint}")):
        scaled.predict(np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match=re.escape(f"is not subscriptable. {hint}")) as of_ones_own:
        nn.Sequential(lambda x: x[0], nn.Neuron(1)).predict((1.0, 2.0))
    assert of_ones_own.traceback[-1].name == "<lambda>"  # the user's line stays the last
    with pytest.raises(ValueError, match=re.escape(hint)):
        fit(model, [1.0, 2.0, 3.0], [0.0] * 3, loss="mse", optimizer="sgd", epochs=1)
    with pytest.raises(ValueError, match="3 weights") as caught:
        model.predict([[1.0, 2.0]])
    assert "[x]" not in str(caught.value)
    assert np.shape(model.predict([[1.0, 2.0, 3.0]])) == (1, 4)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="no backend 'cuda': there are 'auto', 'python', 'numpy', 'c', 'eager'"):
        network().predict([[1.0] * 3], "cuda")
    with pytest.raises(TypeError, match=r"Module cannot be called: define Module.__call__"):
        nn.Module().predict([1.0])


@pytest.mark.parametrize("output", [None, "setosa", [1j], object()])
def test_what_is_no_number_is_not_returned(output: Any, every: str) -> None:
    with pytest.raises(TypeError, match=r"a model returns Values or numbers, .* got (NoneType|str|complex|object) "):
        Function(lambda w, x: output).predict([1.0], every)


# Kept ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The backends for which something is compiled."""
    found = list[str]()

    def noted(*args: Any, backend: str, **options: Any) -> Any:
        found.append(backend)
        return compile_recorded(*args, backend=backend, **options)

    monkeypatch.setattr(prediction, "compile_recorded", noted)
    return found


def test_training_is_followed_without_compiling(compiled: list[str], backend: str) -> None:
    model, xs = network(nouts=(4, 1)), table()
    first = model.predict(xs, backend)
    fit(model, xs, xs[:, 0], loss=nn.mse, optimizer=optim.SGD(0.1), epochs=2, progress=False)
    then = model.predict(xs, backend)
    assert then.tolist() == looped(model, xs) != first.tolist()
    model.parameters()[0].data = 7.0
    assert model.predict(xs, backend).tolist() == looped(model, xs)
    assert compiled == [backend]


def test_a_later_call_calls_the_model_once(backend: str) -> None:
    model = Function(lambda w, x: w * x)
    xs = [*map(float, range(100))]
    model.predict(xs, backend)
    assert 2 <= model.calls < 20
    model.calls = 0
    for _ in range(5):
        model.predict(xs, backend)
    assert model.calls == 5


def test_a_changed_model_is_compiled_anew(compiled: list[str], backend: str) -> None:
    model, xs = network(), table()
    layer, last = model.layers

    def check(changes: int) -> None:
        assert model.predict(xs, backend).tolist() == looped(model, xs)
        assert len(compiled) == changes + 1

    check(0)
    layer.neurons[0]._activate = Value.sin
    check(1)
    model.layers.append(nn.Layer(4, 2))
    check(2)
    layer.neurons.pop()
    for neuron in last.neurons:
        neuron.w.pop()
    check(3)
    last.neurons[0].b = Value(5.0)  # another parameter in its place
    check(4)
    last.neurons[0].b.data = 6.0
    check(4)


def test_a_constant_that_changes_is_read_anew(backend: str) -> None:
    constant = Value(3.0)
    model = Function(lambda w, x: w * x + constant)
    assert model.predict([1.0, 2.0], backend) == [5.0, 7.0]
    constant.data = 4.0
    assert model.predict([1.0, 2.0], backend) == [6.0, 8.0]
    model.function = lambda w, x: [w * x, constant]
    assert model.predict([1.0, 2.0], backend) == [[2.0, 4.0], [4.0, 4.0]]


def test_samples_of_several_shapes_are_kept(compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = Function(lambda w, x: w * x if isinstance(x, Value) else w * autograd.sum(x))
    for _ in range(3):
        assert model.predict([1.0, 2.0]) == [2.0, 4.0]
        assert model.predict([[1.0, 2.0]]) == [6.0]
        assert model.predict([[1.0, 2.0]], "python") == [6.0]
    assert len(compiled) == 3
    monkeypatch.setattr(prediction, "_MOST_KEPT", 5)
    for width in range(3, 12):
        assert model.predict([[1.0] * width]) == [2.0 * width]
        assert len(prediction._kept[id(model)][1]) == min(width + 1, 5)
    compiled.clear()
    for width in range(7, 12):  # the latest are those that are kept
        model.predict([[1.0] * width])
    assert not compiled


def test_samples_of_several_shapes_in_an_array_of_objects() -> None:
    model = Function(lambda w, x: w * autograd.sum(x))
    xs = np.empty(2, object)
    xs[:] = [[1.0], [2.0, 3.0]]
    found = model.predict(xs)
    assert type(found) is np.ndarray
    assert found.tolist() == [2.0, 10.0]
    model.function = lambda w, x: w * x[0] if len(x) > 1 else [w]
    assert model.predict(xs) == [[2.0], 4.0]


def test_what_is_compiled_is_no_part_of_the_model(every: str) -> None:
    @dataclasses.dataclass
    class Line(nn.Module):  # neither hashable nor compared by identity
        slope: Value

        def __call__(self, x: Any) -> Any:
            return self.slope * x

    for model, xs in ((network(), table()), (Function(Value.__mul__), table()[:, 0]), (Line(Value(2.0)), [1.0, 2.0])):
        model.predict(xs, "eager")  # what a call leaves in it is there before
        names = [name for name, _ in model.named_parameters()]
        state, size = vars(model).copy() if hasattr(model, "__dict__") else {}, len(repr(model))
        pickled = None if isinstance(model, (Function, Line)) else pickle.dumps(model)
        model.predict(xs, every)
        assert [name for name, _ in model.named_parameters()] == names
        assert (vars(model) if state else {}).keys() == state.keys()
        assert len(repr(model)) == size
        assert pickled is None or pickle.dumps(model) == pickled
        twin = copy.deepcopy(model)
        assert id(twin) not in prediction._kept
        twin.parameters()[0].data = -3.0
        assert np.asarray(twin.predict(xs, every)).tolist() == looped(twin, xs) != looped(model, xs)
        assert np.asarray(model.predict(xs, every)).tolist() == looped(model, xs)


def test_it_goes_when_the_model_goes(backend: str) -> None:
    gc.disable()
    try:
        before = len(prediction._kept)
        model = network()
        model.predict(table(), backend)
        assert len(prediction._kept) == before + 1
        parameter, compute = (
            weakref.ref(model.parameters()[0]),
            weakref.ref(next(iter(prediction._kept[id(model)][1].values())).compute),
        )
        del model
        assert len(prediction._kept) == before
        assert parameter() is None
        assert compute() is None
    finally:
        gc.enable()


def test_modules_with_slots_and_with_other_bases() -> None:
    class Slotted(nn.Module):
        __slots__ = ("w",)

        def __init__(self) -> None:
            self.w = Value(2.0)

        def __call__(self, x: Any) -> Any:
            return self.w * x

    class Listed(nn.Module, list[float]):
        w: Value

        def __call__(self, x: Any) -> Any:
            return self.parameters()[0] * x

    listed = Listed([1.0])
    listed.w = Value(2.0)
    for model in (Slotted(), listed):
        assert [model.predict([1.0, 3.0]) for _ in range(2)] == [[2.0, 6.0]] * 2
    assert pickle.loads(pickle.dumps(nn.Module(), 0)).parameters() == []  # a protocol that knows no slots


def test_gradients_and_numbers_stay(every: str) -> None:
    model = network()
    model([1.0, 2.0, 3.0])[0].backward()
    before = [(p.data, p.grad) for p in model.parameters()]
    model.predict(table(), every)
    assert [(p.data, p.grad) for p in model.parameters()] == before


def test_a_subset_of_parameters_may_be_named() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            self.body, self.head = network(), nn.Neuron(4)

        def parameters(self) -> list[Value]:
            return self.head.parameters()

        def __call__(self, x: Any) -> Any:
            return self.head(self.body(x))

    model, xs = Frozen(), table()
    for part in (model.head, model.body):
        assert model.predict(xs).tolist() == looped(model, xs)
        part.parameters()[0].data += 0.5
        assert model.predict(xs).tolist() == looped(model, xs)


def test_without_numpy_and_without_parameters(monkeypatch: pytest.MonkeyPatch, compiled: list[str]) -> None:
    monkeypatch.setattr(backends, "has_numpy", lambda: False)
    monkeypatch.setattr(prediction, "has_numpy", lambda: False)

    class Square(nn.Module):
        def __call__(self, x: Any) -> Any:
            return x * x

    assert Square().predict([1.0, 2.0]) == [1.0, 4.0]
    assert network().predict([[1.0] * 3]) == looped(network(), [[1.0] * 3])
    assert compiled == ["python", "python"]


def test_auto_finds_a_backend_for_an_own_operation(compiled: list[str]) -> None:
    Op("twice_by_math({})", lambda x: math.ldexp(x, 1), lambda g, z, x: 2 * g, name="twice_by_math")
    assert Function(lambda w, x: (w * x).twice_by_math()).predict([1.0, 2.0]) == [4.0, 8.0]


# Models that no graph can express ------------------------------------------------------------------------------------

COMPARING: dict[str, Callable[[Value, Any], Any]] = {
    "if": lambda w, x: w * x if x > 0 else -x,
    "max": lambda w, x: max(w * x, x - 1),
    "sorted": lambda w, x: sorted([w * x, x, w]),
    "numpy": lambda w, x: np.sort(np.array([w * x, x - 1])),
    "late": lambda w, x: w * x if x.data < 1 or x > 2 else x,
}


@pytest.mark.parametrize("name", COMPARING)
def test_a_model_that_compares_values_runs_sample_by_sample(name: str, compiled: list[str]) -> None:
    model, xs = Function(COMPARING[name]), [0.5, -2.0, 3.0, 1.5, 0.0]
    for _ in range(2):
        assert model.predict(xs) == looped(model, xs)
        assert model.predict(np.array(xs)).tolist() == looped(model, xs)
    assert model.predict(xs, "eager") == looped(model, xs)
    assert not compiled
    for backend in ("python", "numpy"):
        with pytest.raises(RecordingError, match=r'Values are compared .* or pass backend="eager"'):
            model.predict(xs, backend)
    assert Value(1.0) < 2  # nobody is recording now


def test_a_model_that_returns_numbers_runs_sample_by_sample() -> None:
    cases: list[tuple[Callable[[Value, Any], Any], list[Any]]] = [
        (lambda w, x: (w * x).data, [2.0, -4.0]),
        (lambda w, x: 1 if (w * x).data > 0 else 0, [1.0, 0.0]),
        (lambda w, x: x.data > 0, [1.0, 0.0]),
        (lambda w, x: [w * x, np.float64(1.5)], [[2.0, 1.5], [-4.0, 1.5]]),
    ]
    for function, expected in cases:
        assert Function(function).predict([1.0, -2.0]) == expected
        with pytest.raises(RecordingError, match=r'the model returns the .* or pass backend="eager"'):
            Function(function).predict([1.0, -2.0], "python")


REFUSED: dict[str, tuple[Callable[[Value, Any], Any], str]] = {
    "reads": (lambda w, x: w * x if x.data > 0 else -x, "The model reads numbers"),
    "freezes": (lambda w, x: w * Value(x.data), "The model reads numbers"),
    "draws": (lambda w, x: w * x * random.random(), "It draws random numbers"),
    "nests": (
        lambda w, x: [w, x] if x.data > 0 else [w],
        "2 numbers for sample 0 of xs, a list of 1 number for sample 1",
    ),
    "nests otherwise": (lambda w, x: (w, x) if x.data > 0 else [w, x], r"\(\.\.\., \.\.\.\) for sample 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_whose_samples_differ_is_refused(name: str, backend: str) -> None:
    function, message = REFUSED[name]
    model = Function(function)
    for choice in ("auto", backend):
        with pytest.raises(RecordingError, match=message) as caught:
            model.predict([1.0, -2.0, 3.0], choice)
        assert "one recorded graph cannot stand for all samples" in str(caught.value)
    if "nests" in name:
        with pytest.raises(ValueError, match=message):
            model.predict([1.0, -2.0], "eager")
    else:
        assert len(model.predict([1.0, -2.0], "eager")) == 2
    if name != "draws":
        assert model.predict([1.0, 1.0], backend) == model.predict([1.0, 1.0], "eager")


def test_a_model_that_differs_later_is_refused_then(backend: str) -> None:
    """What the first call cannot see is compiled anew, and found, as soon as a recorded sample shows it."""
    model = Function(lambda w, x: w * x if x.data < 10 else -x)
    assert model.predict([1.0, 2.0], backend) == [2.0, 4.0]
    assert model.predict([11.0, 12.0], backend) == [-11.0, -12.0]
    with pytest.raises(RecordingError, match="The model reads numbers"):
        for _ in range(20):  # each call records one sample, at random
            model.predict([1.0, 12.0], backend)


@pytest.mark.slice
@pytest.mark.parametrize("later", [-3.0, 20.0])
@pytest.mark.parametrize("arrays", [True, False])
def test_numbers_beyond_the_earlier_ones_are_compared(later: float, arrays: bool, backend: str) -> None:
    """The one sample among a thousand that a recording at random would miss, at every later call that has it."""
    model = Function(lambda w, x: w * x[1] if 0 < x[1].data < 10 else -x[1])
    xs = np.linspace((5.0, 1.0), (6.0, 9.0), 1000)
    known, other = (a if arrays else a.tolist() for a in (xs, np.concatenate([xs[:500], [[5.0, later]], xs[500:]])))
    expected = model.predict(known, backend)
    for _ in range(2):
        with pytest.raises(RecordingError, match=r"sample 500 of xs: .*\n(The model|.*\n)"):
            model.predict(other, backend)
    assert np.array_equal(model.predict(known, backend), expected)


def test_numbers_beyond_are_compared_once(backend: str) -> None:
    model = Function(lambda w, x: w * x[0] + x[1][0])
    xs = [[i, [math.nan]] for i in range(100)]
    further = [[-1.0, [math.nan]], *xs, [200.0, [math.nan]]]
    model.predict(xs, backend)
    for calls in (2, 1, 1):
        model.calls = 0
        model.predict(further, backend)
        assert model.calls == calls
    model.calls = 0
    model.predict([[0.0, [2.0]], [0.0, [math.nan]], [0.0, [1.0]]], backend)
    assert model.calls == 2  # the first numbers in this place


def test_of_many_numbers_beyond_some_are_compared() -> None:
    model = Function(lambda w, x: autograd.sum(x))
    model.predict(np.zeros((100, 50)))
    model.calls = 0
    model.predict(np.eye(100, 50))
    assert 2 <= model.calls <= 20


def test_a_model_that_reads_its_parameters_is_compiled_anew(compiled: list[str]) -> None:
    model = Function(lambda w, x: x * w.data)
    assert model.predict([1.0, 2.0]) == [2.0, 4.0]
    model.weight.data = 3.0
    assert model.predict([1.0, 2.0]) == [3.0, 6.0]
    assert len(compiled) == 2


def test_a_result_that_the_model_keeps_is_refused(backend: str) -> None:
    model = Function(lambda w, x: x)
    kept = model.weight * 2
    model.function = lambda w, x: kept * x
    with pytest.raises(RecordingError, match="the model keeps Value"):
        model.predict([1.0, 2.0], backend)


def test_an_operation_that_reads_more_than_its_operands(backend: str) -> None:
    factor = [2.0]
    scaled = Op("scaled({})", lambda x: x * factor[0], lambda g, z, x: g * factor[0], name="scaled")
    model = Function(lambda w, x: scaled(w * x))
    assert model.predict([1.0, 2.0], backend) == [4.0, 8.0]
    factor[0] = 3.0
    if backend != "python":  # others are compiled from what the function recorded
        with pytest.raises(RecordingError, match=r"output 0 of sample . of xs is .* in compiled code, but"):
            model.predict([1.0, 2.0], backend)
    else:
        assert model.predict([1.0, 2.0], backend) == [6.0, 12.0]


def test_cancelled_rounding_is_no_difference() -> None:
    """C's hypot differs in its last digits, which are all that this difference has."""
    need_backend("c")
    model = Function(lambda w, x: autograd.hypot(x[0], x[1]) - autograd.hypot(x[1] * w / 2, x[0]))
    rows = table(200, 2).tolist()
    assert max(map(abs, model.predict(rows, "c"))) < 1e-12


# Threads and Ctrl-C --------------------------------------------------------------------------------------------------


def test_predictions_while_another_thread_trains(backend: str) -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            self.terms = [Value(1.0) for _ in range(500)]

        def __call__(self, x: Any) -> Any:
            return autograd.sum(self.terms) * x

    model = Sum()
    stop = threading.Event()

    def train() -> None:
        for i in itertools.cycle(range(1, 1000)):
            commit_data(model.terms, [float(i)] * 500)
            if stop.is_set():
                break

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(50):
            [a, b] = model.predict([1.0, -1.0], backend)
            assert a == -b
            assert a % 500 == 0  # of one state of the parameters, never half of one and half of the next
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)


def test_parameters_are_read_in_one_step() -> None:
    """Whatever another thread may do between two instructions of Python: it comes before, or after."""
    model = network()
    recording = prediction._Recording(model, samples("xs", table()), [])
    turn = itertools.count(1.0)

    def trace(frame: Any, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes = True
        commit_data(model.parameters(), [next(turn)] * len(model.parameters()))
        return trace

    sys.settrace(trace)
    try:
        numbers = recording.numbers_now()
    finally:
        sys.settrace(None)
    assert len(set(numbers)) == 1


def test_predictions_in_several_threads(backend: str) -> None:
    model, xs = network(), table()
    expected, problems = looped(model, xs), list[object]()

    def work() -> None:
        try:
            for _ in range(20):
                if model.predict(xs, backend).tolist() != expected:
                    problems.append("another result")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


@pytest.mark.parametrize("choice", ["python", "numpy", "eager"])
def test_an_interrupt_leaves_nothing_behind(choice: str) -> None:
    xs = [[1.0, 2.0], [3.0, 4.0]]
    for at in itertools.count(1, 499):
        model = nn.Neuron(2, rng=random.Random(0))
        over = not interrupted(partial(model.predict, xs, choice), at)
        assert Value(1.0) < 2  # nobody is recording now
        assert model.predict(xs, choice) == looped(model, xs)
        if over:
            break
    assert at > 1


# What points to it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [nn.Neuron(3), nn.Layer(3, 2), nn.MLP(3, [2, 1]), nn.Neuron(1), nn.MLP(1, [1])])
@pytest.mark.parametrize(
    "xs",
    [
        np.ones((3, 3)),
        np.ones((2, 3)),
        np.ones((1, 3)),
        np.ones((3, 1)),
        np.ones((1, 1)),
        [[1.0] * 3] * 3,
        [(1.0,) * 3] * 2,
        [[1.0] * 3],
        [np.ones(3)] * 3,
        [[1.0]],
        Frame(np.ones((3, 3))),
    ],
    ids=lambda xs: f"{type(xs).__name__} {getattr(xs, 'shape', len(xs) if isinstance(xs, list) else '')}",
)
def test_a_list_of_rows_points_to_predict(model: Any, xs: Any) -> None:
    with pytest.raises(ValueError, match=r"called with one sample; model.predict\(xs\) computes many"):
        model(xs)


def test_a_list_of_numbers_for_a_single_input_points_to_predict() -> None:
    with pytest.raises(ValueError, match=r"it takes 1 input, got 3. .* model.predict\(xs\) computes many"):
        nn.Neuron(1)([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"it takes 2 inputs, got 3$"):
        nn.Neuron(2)([1.0, 2.0, 3.0])


@pytest.mark.parametrize("make", [list, np.array])
def test_samples_that_are_tables_are_told_how_to_flatten(make: Any) -> None:
    images = make([[[0.5, 1.0], [0.0, 2.0]], [[1.0, 0.5], [2.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]])
    options: dict[str, Any] = {"loss": "mse", "optimizer": "sgd", "epochs": 1, "progress": False}
    for model in (nn.MLP(4, [3, 1]), nn.MLP(2, [3, 1])):
        trained: Any = partial(fit, model, ys=[0, 1, 2], **options)
        for use in (model.predict, trained):
            with pytest.raises(ValueError, match=r"A sample of xs is .*2.*: to flatten") as caught:
                use(images)
            assert "predict" not in str(caught.value)
    names: dict[str, Any] = {"xs": images, "np": np}
    exec(str(caught.value).split("write ")[1], names)
    assert nn.MLP(4, [3, 1]).predict(names["xs"]).shape == (3,)


def test_samples_of_another_width_are_not_told_to_predict() -> None:
    with pytest.raises(ValueError, match=r"takes 1 input, got 2\. A sample of xs is .*2"):
        nn.Neuron(1).predict([[1.0, 2.0]])
