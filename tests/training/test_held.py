"""Leaves beside parameters and inputs, of frozen parts and of other models: a callback may change them at no cost."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
from needs import EAGER_AND_COMPILED, FIT_BACKENDS

import autograd
from autograd import History, RecordingError, Value, fit, nn, optim
from autograd.codegen.compile import compile_recorded

XS = [[random.Random(i).uniform(-1, 1), random.Random(-i).uniform(-1, 1)] for i in range(1, 9)]
YS = [a - b for a, b in XS]


class Taught(nn.Module):
    """A student, and a frozen teacher that answers outside of training."""

    def __init__(self) -> None:
        self.student = nn.MLP(2, [3, 1], "tanh", rng=random.Random(0))
        self.teacher = copy.deepcopy(self.student).freeze()

    def __call__(self, x: list[Value]) -> Any:
        return (self.student(x), self.teacher(x)) if self.training else (self.teacher(x), 0.0)

    def follow(self, *_: object) -> None:
        self.teacher.unfreeze()
        for slow, fast in zip(self.teacher.parameters(), self.student.parameters()):
            slow.data = 0.5 * slow.data + 0.5 * fast.data
        self.teacher.freeze()


def agreeing(outputs: Any, y: Value) -> Value:
    output, other = outputs
    loss: Value = (output - y) ** 2 + (output - other) ** 2
    return loss


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of what is compiled."""
    made: list[Any] = []

    def compile_and_keep(*arguments: Any, **options: Any) -> Any:
        made.append(compile_recorded(*arguments, **options))
        return made[-1]

    monkeypatch.setattr("autograd.training.steps.compile_recorded", compile_and_keep)
    return made


def trained(make: Callable[[], Any], backend: str, **options: Any) -> tuple[Any, History]:
    model = make()
    callback = options.pop("callback", lambda model: model.follow)(model)
    defaults: dict[str, Any] = {"loss": agreeing, "optimizer": optim.SGD(0.1), "epochs": 4, "batch_size": 1, "seed": 0}
    options = defaults | options
    return model, fit(model, XS, YS, backend=backend, progress=False, callback=callback, **options)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_teacher_that_a_callback_moves_is_compiled_once(backend: str, compiled: list[Any]) -> None:
    model, history = trained(Taught, backend, validation=(XS[:3], YS[:3]))
    other, theirs = trained(Taught, "eager", validation=(XS[:3], YS[:3]))
    assert history.losses == theirs.losses
    assert history.validation_losses == pytest.approx(theirs.validation_losses, rel=1e-14)
    assert [p.data for p in model.parameters()] == [p.data for p in other.parameters()]
    assert len(set(history.validation_losses)) == 4
    assert len(compiled) == (0 if backend == "eager" else 2)  # to learn, and to judge


@pytest.mark.slice
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_a_target_network_in_the_loss_is_compiled_once(backend: str, batch_size: int, compiled: list[Any]) -> None:
    """It, and a factor in the regularizer, are read anew after each callback."""

    def run(backend: str) -> History:
        target, strength = nn.Neuron(2, weights=[0.5, 0.5]).freeze(), Value(0.0)
        model = nn.Neuron(2, weights=[0.1, 0.2])

        def loss(output: Value, y: Value) -> Value:
            return (output - target([y, y]).stop_gradient()) ** 2

        def change(epoch: int, history: History) -> None:
            strength.data = 0.01 * epoch
            for ours, theirs in zip(target.w, model.parameters()):
                ours.data = theirs.data

        options: dict[str, Any] = {"batch_size": batch_size, "callback": lambda model: change}
        options["regularizer"] = lambda ps: strength.stop_gradient() * autograd.sum([p * p for p in ps])
        return trained(lambda: model, backend, loss=loss, **options)[1]

    assert run(backend).losses == pytest.approx(run("eager").losses, rel=1e-14)
    assert len(compiled) == (0 if backend == "eager" else 1)


def test_the_source_is_the_same_for_other_numbers_of_a_frozen_part(compiled: list[Any]) -> None:
    """So the C library is found in the cache."""
    for data in (0.5, 0.25):
        layer = nn.Layer(2, 2, rng=random.Random(0)).freeze()
        layer.neurons[0].w[0].data = data
        model = nn.Sequential(layer, nn.Neuron(2, rng=random.Random(0)))
        fit(model, XS, YS, loss="mse", optimizer="sgd", epochs=1, backend="python", progress=False)
    assert compiled[0].source == compiled[1].source


class Counting(nn.Module):
    def __init__(self) -> None:
        self.w, self.seen = Value(0.5), nn.Constant(Value(1.0))

    def __call__(self, x: list[Value]) -> Value:
        seen: Value = self.seen.value
        seen.data += 1.0
        return self.w * x[0] / seen


def test_a_leaf_that_a_call_changes_is_refused_by_name() -> None:
    with pytest.raises(RecordingError, match=r"sets seen.data while it is called"):
        fit(Counting(), XS, YS, loss="mse", optimizer="sgd", epochs=1, backend="python", progress=False)


class Kept(nn.Module):
    """A model that keeps what a frozen part gives for a sample from before the training."""

    def __init__(self) -> None:
        self.part = nn.Neuron(2, weights=[0.5, 0.5]).freeze()
        self.w = Value(0.5)
        self.first = nn.Constant(self.part([Value(1.0), Value(2.0)]))

    def __call__(self, x: list[Value]) -> Value:
        first: Value = self.first.value
        return self.w * x[0] + first

    def follow(self, epoch: int, history: History) -> None:
        self.part.w[0].data += 1.0


def test_what_was_computed_before_keeps_its_number() -> None:
    """Though the leaf that it was computed from changes. (Eager training refuses a graph that is out of date.)"""
    _, history = trained(Kept, "python", loss="mse")
    _, unchanged = trained(Kept, "python", loss="mse", callback=lambda model: lambda epoch, history: None)
    assert history.losses == unchanged.losses
