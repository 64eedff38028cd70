"""A step that loses its numbers: the error says at which sample, by which operation, with which numbers, and where."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
from needs import BACKENDS, EAGER_AND_COMPILED, FIT_BACKENDS

import autograd
from autograd import AnomalyError, DivergenceError, fit, nn, optim
from autograd.events import listening

XS, YS = [[1.0], [2.0], [3.0], [4.0]], [5.0, 3.0, 3.0, 1.0]


def distance(output: Any, target: Any) -> Any:  # its derivative is nan where they are equal
    return autograd.sqrt((output - target) ** 2)


WHERE = f"{__file__}:{inspect.getsourcelines(distance)[1] + 1}: return autograd.sqrt((output - target) ** 2)"


def line() -> nn.Neuron:
    return nn.Neuron(1, "linear", weights=[1.0], bias=0.0)


def error_of(model: Any, xs: Any = XS, ys: Any = YS, **options: Any) -> DivergenceError:
    defaults: dict[str, Any] = {"loss": distance, "optimizer": optim.SGD(0.1), "epochs": 30, "seed": 0}
    with pytest.raises(DivergenceError) as caught:
        fit(model, xs, ys, **(defaults | {"progress": False} | options))
    return caught.value


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS)
@pytest.mark.parametrize("batch_size", [None, 2, 1])
@pytest.mark.parametrize("make", [list, np.array])
def test_the_operation_is_named_with_its_numbers_and_its_line(make: Any, batch_size: int | None, backend: str) -> None:
    model = line()
    error = error_of(model, make(XS), make(YS), batch_size=batch_size, backend=backend, optimizer=optim.SGD(0.0))
    message = str(error)
    assert "the gradient of weight became nan at step " in message
    assert "Sample 2 of xs, once more: inf produced in the backward pass by sqrt" in message
    assert "local gradient: inf" in message and "= 0.0" in message
    assert WHERE in message
    assert "a smaller learning rate does not help" in message and "clip_norm" not in message
    assert isinstance(error.anomaly, AnomalyError)
    assert error.anomaly.node.op.name == "sqrt" and error.anomaly.source == WHERE
    assert [(p.data, p.grad) for p in model.parameters()] == [(1.0, 0.0), (0.0, 0.0)]


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_an_infinite_derivative_in_a_later_step_takes_no_smaller_rate(backend: str) -> None:
    xs, ys = [[float(i)] for i in range(8)], [9.0] * 7 + [7.0]
    message = str(error_of(line(), xs, ys, batch_size=1, backend=backend, optimizer=optim.SGD(0.0)))
    assert "at step 0" not in message and "the numbers have not grown, so a smaller learning rate" in message
    assert "Sample 7 of xs, once more: " in message and WHERE in message


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_numbers_that_grow_take_a_smaller_rate(backend: str) -> None:
    error = error_of(line(), loss="mse", optimizer=optim.SGD(3.0), epochs=1000, backend=backend)
    message = str(error)
    assert "smaller learning rate or the optimizer's clip_norm=1.0" in message and "does not help" not in message
    assert message.endswith("Sample 0 of xs, once more: inf produced in the forward pass by mul (*): v8 = v7 * v7")
    assert error.anomaly is not None and "recorded at" in str(error.anomaly)


def test_a_rate_that_throws_a_parameter_out_at_once_takes_a_smaller_one() -> None:
    """The gradients of the first step are finite, so no operation is named."""
    error = error_of(line(), loss="mse", optimizer=optim.SGD(1e308), backend="python")
    assert "at step 0" in str(error) and "smaller learning rate" in str(error) and error.anomaly is None


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_a_loss_that_is_infinite_at_the_start(backend: str) -> None:
    error = error_of(line(), loss=lambda output, target: autograd.log(output - 2.0) * target, backend=backend)
    message = str(error)
    assert "the loss became nan at step 0" in message
    assert "Sample 0 of xs, once more: nan produced in the forward pass by log" in message
    assert "no step has moved the parameters yet" in message


def test_large_inputs_are_said_to_be_the_reason() -> None:
    error = error_of(line(), [[1000.0], [2.0]], [1.0, 1.0], loss=lambda o, t: autograd.exp(o), backend="python")
    assert "xs has numbers up to 1000" in str(error) and "by exp" in str(error)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_target_that_is_no_class_shows_where_it_was_not_recorded(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 3,000 samples, some are recorded; the first loss is that of all."""
    monkeypatch.setattr("autograd.training.consistency.Consistency.compare_batch", lambda *_: None)
    ys = [i % 3 for i in range(3000)]
    ys[1234] = 1.5  # type: ignore[call-overload]  # the mistake

    def wrapped(output: Any, t: Any) -> Any:
        return nn.cross_entropy(output, t)

    error = error_of(nn.Layer(1, 3, "linear"), [[0.5]] * 3000, ys, loss=wrapped, backend=backend, epochs=1)
    message = str(error)
    assert "the model or the loss refuses a sample" in message
    assert "Sample 1234 of xs, once more: ValueError: a class index is an integer, got 1.5" in message


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_the_regularizer_is_named(backend: str) -> None:
    error = error_of(line(), loss="mse", regularizer=lambda ps: autograd.log(ps[1]), backend=backend)
    assert "The regularizer, once more: -inf produced in the forward pass by log" in str(error)
    error = error_of(line(), loss="mse", regularizer=lambda ps: autograd.sqrt(ps[1] * ps[1]), backend=backend)
    assert "The regularizer, once more: inf produced in the backward pass by sqrt" in str(error)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_samples_of_several_shapes(backend: str) -> None:
    class Sum(nn.Neuron):
        def __call__(self, xs: Any) -> Any:
            return super().__call__([autograd.sum(xs)])

    xs, ys = [[1.0], [1.0, 1.0], [3.0], [2.0, 2.0]], [5.0, 3.0, 1.0, 4.0]
    error = error_of(Sum(1, "linear", weights=[1.0], bias=0.0), xs, ys, backend=backend, optimizer=optim.SGD(0.0))
    assert "Sample 3 of xs, once more: " in str(error)


@pytest.mark.slice(most=3)
@pytest.mark.parametrize(
    "operation, remedy",
    [
        (lambda v: autograd.exp(v * 1000), "autograd.exp(autograd.min(x, 50.0)) does"),
        (lambda v: v * 1e200 * 1e200, "autograd.clip(x, -1e3, 1e3) does"),
        (lambda v: autograd.log(v - v), "autograd.log(x + 1e-12) does"),
        (lambda v: autograd.log(-v), "autograd.log(autograd.max(x, 1e-12)) does"),
        (lambda v: v / (v - v), "x / (y + 1e-12) does"),
        (lambda v: autograd.sqrt(v - v), "autograd.sqrt(x + 1e-12) does"),
    ],
)
def test_the_remedy_is_that_of_the_operation(operation: Any, remedy: str) -> None:
    class Last(nn.Neuron):
        def __call__(self, x: Any) -> Any:
            return operation(super().__call__(x))

    model = Last(1, "linear", weights=[1.0], bias=0.0)
    assert remedy in str(error_of(model, [[1.0], [2.0]], [0.0, 1.0], loss=lambda o, t: o - t, optimizer=optim.SGD(0.1)))


def test_what_a_model_computes_in_training_only_is_computed_again() -> None:
    class Rooted(nn.Neuron):
        def __call__(self, x: Any) -> Any:
            output = super().__call__(x)
            return autograd.sqrt(output - output) if self.training else output

    error = error_of(Rooted(1, "linear"), [[1.0], [2.0]], [0.0, 1.0], loss="mse", optimizer=optim.SGD(0.1))
    assert error.anomaly is not None and error.anomaly.node.op.name == "sqrt"


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_what_was_drawn_is_drawn_again(batch_size: int, backend: str) -> None:
    """One draw in some is the cause: with others, there would be nothing to see."""

    class Rare(nn.Neuron):
        def __call__(self, x: Any) -> Any:
            [u] = nn.uniform(1)
            return super().__call__(x) + autograd.where(u - 0.9, autograd.sqrt(autograd.max(0.0, 0.9 - u)), u)

    model = Rare(1, "linear", weights=[1.0], bias=0.0)

    def loss(output: Any, target: Any) -> Any:
        [u] = nn.uniform(1)
        return output * target + autograd.log(autograd.max(u - 0.05, 0.0)) * output

    error = error_of(model, [[float(i)] for i in range(8)], [0.0] * 8, loss=loss, batch_size=batch_size,
                     backend=backend, optimizer=optim.SGD(0.0))  # fmt: skip
    assert error.anomaly is not None and error.anomaly.node.op.name == "log"
    expected = error_of(model, [[float(i)] for i in range(8)], [0.0] * 8, loss=loss, batch_size=batch_size,
                        backend="eager", optimizer=optim.SGD(0.0))  # fmt: skip
    assert str(error) == str(expected)


def test_listeners_of_the_user_hear_nothing_of_the_second_run() -> None:
    heard = []
    with listening(recorded=lambda v: heard.append(v.op.name)):
        error_of(line(), XS[2:3], YS[2:3], backend="eager")
    assert heard.count("sqrt") == 1


def test_a_large_batch_is_not_watched_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled function says which sample it is: the model is called for that one."""
    calls = []

    class Counted(nn.Neuron):
        def __call__(self, x: Any) -> Any:
            calls.append(x)
            return super().__call__(x)

    def found(*_: Any) -> None:
        calls.clear()

    monkeypatch.setattr("autograd.training.consistency.Consistency.compare_batch", found)
    ys = [7.0] * 999 + [1.0]
    error = error_of(Counted(1, "linear", weights=[1.0], bias=0.0), [[1.0]] * 1000, ys, backend="python")
    assert "Sample 999 of xs" in str(error) and len(calls) == 1


def test_data_that_are_not_finite_come_first() -> None:
    """Before training some of them are tried: infinities that mask something are taken."""

    class Fading(nn.Neuron):
        def __call__(self, inputs: Any) -> Any:
            return super().__call__([inputs[0]]) + autograd.exp(-inputs[1])

    xs = [[1.0, math.inf]] * 3 + [[1.0, -math.inf]]
    error = error_of(Fading(1, "linear", weights=[1.0]), xs, [1.0] * 4, loss="mse", backend="python")
    assert "sample 0 of xs is not finite" in str(error) and error.anomaly is None


@pytest.mark.parametrize("label", ["a\nb", "\x1b[31m"])
def test_labels_are_made_visible(label: str) -> None:
    error = error_of(
        nn.Neuron(1, "linear", weights=[1.0], bias=0.0, labels=[label, "b"]), loss=lambda o, t: autograd.sqrt(o - 3.0)
    )
    assert all(map(str.isprintable, str(error).split("\n")))


def test_an_interrupt_in_the_second_run_ends_the_run() -> None:
    model = line()

    def loss(output: Any, target: Any) -> Any:
        seen.append(output)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return distance(output, target)

    seen: list[Any] = []
    history = fit(model, XS[2:3], YS[2:3], loss=loss, optimizer="sgd", epochs=3, backend="eager", progress=False)
    assert history.interrupted and len(seen) == 2 and history.losses == []
