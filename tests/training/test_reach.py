"""`fit` refuses a loss that no parameter reaches, and warns of parameters that it leaves out."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from needs import EAGER_AND_COMPILED, FIT_BACKENDS

import autograd
from autograd import History, TrainingWarning, Value, fit, nn, optim


class Line(nn.Module):
    """A line whose two parameters are used as told."""

    def __init__(self, use: Callable[[Any, Any, Any], Any]) -> None:
        self.slope, self.offset = Value(2.0), Value(0.5)
        self.use = use

    def __call__(self, x: Any) -> Any:
        return self.use(self.slope, self.offset, x)

    def numbers(self) -> list[float]:
        return [self.slope.data, self.offset.data]


def trained(model: Any, **options: Any) -> History:
    defaults: dict[str, Any] = {"loss": nn.mse, "optimizer": optim.SGD(0.01), "epochs": 2, "progress": False}
    return fit(model, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], **(defaults | options))


IN_VAIN: dict[str, Callable[[Any, Any, Any], Any]] = {
    "reads numbers": lambda w, b, x: w.data * x + b.data,
    "makes Values of them": lambda w, b, x: Value(w.data) * x + Value(b.data),
    "stops gradients": lambda w, b, x: (w * x + b).stop_gradient(),
    "reaches them as a condition": lambda w, b, x: autograd.where(w, x, b.stop_gradient()),
    "ignores them": lambda w, b, x: x * 2.0,
}


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("name", IN_VAIN)
def test_a_loss_that_no_parameter_reaches_is_refused(name: str, batch_size: int | None, backend: str) -> None:
    model = Line(IN_VAIN[name])
    with pytest.raises(ValueError, match="the loss depends on no parameter of the model, so there is nothing to learn"):
        trained(model, backend=backend, batch_size=batch_size)
    assert model.numbers() == [2.0, 0.5]


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_so_is_a_loss_that_reads_the_output(backend: str) -> None:
    def loss(output: Value, target: Value) -> Value:
        return (Value(output.data) - target) ** 2

    with pytest.raises(ValueError, match="depends on no parameter"):
        trained(Line(lambda w, b, x: w * x + b), loss=loss, backend=backend)


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_a_regularizer_is_no_substitute(backend: str) -> None:
    model = Line(IN_VAIN["reads numbers"])
    with pytest.raises(ValueError, match="depends on no parameter"):
        trained(model, backend=backend, regularizer=lambda ps: autograd.sum([p * p for p in ps]))
    assert model.numbers() == [2.0, 0.5]


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_parameter_that_is_left_out_is_warned_of(batch_size: int | None, backend: str) -> None:
    model = Line(lambda w, b, x: w.data * x + b)
    with pytest.warns(TrainingWarning, match="the loss does not depend on slope, which therefore") as caught:
        trained(model, backend=backend, batch_size=batch_size)
    assert [warning.filename for warning in caught] == [__file__]
    assert model.slope.data == 2.0 != model.offset.data - 1.5


def test_many_parameters_are_counted() -> None:
    model: Any = nn.MLP(1, [3, 1])
    model.layers.append(nn.Layer(1, 2))
    model.layers[-1].__class__ = Skipped
    with pytest.warns(TrainingWarning, match=r"on layer3.neuron1.weight1, layer3.neuron1.bias, .* and 1 more, which"):
        fit(model, [[1.0]], [1.0], loss=nn.mse, optimizer=optim.SGD(0.01), epochs=1, progress=False)


class Skipped(nn.Layer):
    __slots__ = ()

    def __call__(self, inputs: Any) -> Any:
        return inputs


FINE: dict[str, Callable[[Any, Any, Any], Any]] = {
    "frozen on purpose": lambda w, b, x: w.stop_gradient() * x + b,
    "a slope of zero": lambda w, b, x: (w * 0.0) * x + (b - 100.0).relu(),
    "a function without slope": lambda w, b, x: (w * x + b).floor(),
    "one branch each": lambda w, b, x: autograd.where(x - 2.0, w * x, b),
}


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("name", FINE)
def test_what_depends_on_all_parameters_is_silent(name: str, backend: str) -> None:
    with warnings.catch_warnings(action="error"):
        trained(Line(FINE[name]), backend=backend)


def test_eager_training_asks_all_samples() -> None:
    """A model that decides for each sample may leave a parameter out of some of them."""

    def one_each(w: Any, b: Any, x: Any) -> Any:
        return w * x if x.data < 2 else b if x.data < 3 else Value(1.0)

    for batch_size in (None, 1, 2):
        with warnings.catch_warnings(action="error"):
            trained(Line(one_each), backend="eager", batch_size=batch_size, seed=0)


@pytest.mark.parametrize("backend", ["eager", "python"])
def test_a_regularizer_may_be_all_that_a_parameter_has(backend: str) -> None:
    model = Line(lambda w, b, x: w * x)
    with warnings.catch_warnings(action="error"):
        trained(model, backend=backend, regularizer=lambda ps: autograd.sum([p * p for p in ps]))
    assert model.offset.data < 0.5


@pytest.mark.parametrize("backend", ["eager", "python"])
def test_a_model_that_a_callback_changes_is_asked_again(backend: str) -> None:
    model = Line(lambda w, b, x: w * x + b)

    def callback(epoch: int, history: History) -> None:
        model.use = IN_VAIN["stops gradients"]
        model.offset = Value(1.0)  # another parameter, so that the model is prepared anew in eager training, too

    with pytest.raises(ValueError, match="depends on no parameter"):
        trained(model, backend=backend, callback=callback)


# Leaves of the loss that are not trained ------------------------------------------------------------------------------

STRANGE = "which is no parameter of the model and so stays as it is"


class Uncertain(nn.Module):
    """A loss with a parameter of its own, the logarithm of a variance."""

    def __init__(self) -> None:
        self.log_variance = Value(0.0)

    def __call__(self, output: Value, y: Value) -> Value:
        return (output - y) ** 2 * autograd.exp(-self.log_variance) + self.log_variance


def said_of(backend: str, loss: Any = "mse", model: Any = None, **options: Any) -> list[str]:
    model = model or nn.Neuron(1, "linear", weights=[0.5])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(
            model,
            [0.0, 1.0],
            [0.0, 1.0],
            loss=loss,
            optimizer="sgd",
            epochs=2,
            backend=backend,
            progress=False,
            **options,
        )
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_parameter_of_the_loss_is_not_trained_in_silence(backend: str) -> None:
    scale, lone, other = Value(2.0, "scale"), Value(3.0), nn.Neuron(1, "tanh", weights=[0.5])
    [text] = said_of(backend, Uncertain())
    assert text.startswith(f"the loss depends on log_variance, {STRANGE}. To train it, put it in the model")
    for loss, named in (
        (lambda o, y: scale * (o - y) ** 2, "scale"),
        (lambda o, y: lone * (o - y) ** 2, "Value(data=3.0, grad=0.0)"),
        (functools.partial(lambda w, o, y: w * (o - y) ** 2, scale), "scale"),
    ):
        [text] = said_of(backend, loss)
        assert f"depends on {named}, {STRANGE}" in text
    [text] = said_of(backend, lambda o, y: (other(o) - y) ** 2)
    assert "depends on weight and bias, which are no parameters" in text
    [text] = said_of(backend, regularizer=lambda ps: scale * ps[0] ** 2)
    assert f"depends on scale, {STRANGE}" in text


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_leaves_that_are_not_meant_to_be_trained_are_no_surprise(backend: str) -> None:
    teacher, other = nn.Neuron(1, weights=[0.5]).freeze(), nn.Neuron(1, weights=[0.5])
    weight, pair = nn.Constant(Value(2.0)), nn.Constant([1.0, 2.0])
    encoder = nn.Neuron(1, weights=[0.5])
    model = nn.Sequential(encoder.freeze(), nn.Neuron(1, weights=[0.5]))

    def loss(output: Value, y: Value) -> Value:
        error: Value = (output - y) ** 2 * weight.value * pair.value[1] + Value(2.0) * y
        return error + (teacher(output) - other(y).stop_gradient()) ** 2 + encoder.w[0] * output

    assert said_of(backend, loss, model) == []
    copied = copy.deepcopy(teacher)
    assert said_of(backend, lambda o, y: (copied(o) - y) ** 2) == []
