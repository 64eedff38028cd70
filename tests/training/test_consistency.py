"""`fit` and `plot_decision_boundary` never compute another function than the model's: what one graph cannot hold."""

from __future__ import annotations

import dataclasses
import functools
import math
import random
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE
from needs import BACKENDS, EAGER_AND_COMPILED, FIT_BACKENDS

import autograd
from autograd import History, RecordingError, Value, fit, nn, optim
from autograd.errors import DivergenceError
from autograd.ops import Op

pytestmark = pytest.mark.filterwarnings("ignore::autograd.TrainingWarning")  # the inputs are numbers of samples


def quiet(model: Any, xs: Any, ys: Any, **options: Any) -> History:
    defaults: dict[str, Any] = {"loss": nn.mse, "optimizer": optim.SGD(0.01), "epochs": 5, "progress": False}
    return fit(model, xs, ys, **(defaults | options))


class Line(nn.Module):
    """w * x + b, with whatever a test does to it."""

    def __init__(self, change: Callable[[Line, Value], Any] = lambda line, x: x) -> None:
        self.w, self.b = Value(0.5), Value(0.25)
        self.change = change
        self.calls = 0
        self.scale = 1.0

    def __call__(self, x: Value) -> Value:
        y: Value = self.w * self.change(self, x) + self.b
        return y


XS = [x / 10 for x in range(-20, 20)]
YS = [2 * x + 1 for x in XS]
SIGNS = [1.0 if x > 0 else -1.0 for x in XS]


# ------------------------------------------------------------------------------------------ what shows between samples


def counted(line: Line, x: Value) -> Value:
    line.calls += 1
    return x * float(line.calls)


READS: dict[str, Callable[[Line, Value], Any]] = {
    "a branch on .data": lambda line, x: x if x.data > 0 else 3 * x,
    "a constant from .data": lambda line, x: x * x.data,
    "a table": lambda line, x: x * [0.25, 0.5, 1.0, 2.0][int(x.data) + 2],
    "a NumPy number": lambda line, x: x * float(np.tanh(x.data)),
    "a leaf made of .data": lambda line, x: Value(x.data) * x,
    "a number of terms": lambda line, x: autograd.sum([x] * (1 + int(abs(x.data)))),
    "an exception": lambda line, x: x * math.sqrt(x.data) if x.data >= 0 else x,
}
CHANGES: dict[str, Callable[[Line, Value], Any]] = {
    "a random number": lambda line, x: x * random.random(),
    "dropout": lambda line, x: x if random.random() < 0.5 else 0 * x,
    "a counter": counted,
}


@pytest.mark.parametrize("backend", [*BACKENDS, "auto"], indirect=True)
@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_a_branch_on_data_is_refused_with_both_operations(batch_size: int | None, backend: str) -> None:
    model = Line(READS["a branch on .data"])
    with pytest.raises(RecordingError) as caught:
        quiet(model, XS, YS, batch_size=batch_size, backend=backend)
    message = str(caught.value)
    assert re.search(r"sample 0 of xs:  w \* \(3\.0 \* x\)\n    sample \d\d of xs: w \* x\n", message)
    assert "autograd.where" in message and 'backend="eager"' in message and ".data" in message
    assert (model.w.data, model.b.data, caught.value.history) == (0.5, 0.25, None)
    assert Value(1.0) < Value(2.0)  # comparing is allowed again


@pytest.mark.parametrize("name", READS)
def test_a_model_that_reads_numbers_is_refused(name: str) -> None:
    with pytest.raises(RecordingError, match="reads numbers"):
        quiet(Line(READS[name]), XS, YS, backend="python", batch_size=4)
    assert len(quiet(Line(READS[name]), XS, YS, backend="eager").losses) == 5


@pytest.mark.parametrize("name", CHANGES)
def test_a_model_that_changes_from_call_to_call_is_refused(name: str) -> None:
    with pytest.raises(RecordingError, match="random numbers, or changes from call to call"):
        random.seed(1)
        quiet(Line(CHANGES[name]), XS, YS, backend="python", batch_size=4)


def test_a_single_sample_is_recorded_twice() -> None:
    with pytest.raises(RecordingError, match="sample 0 of xs, once more"):
        quiet(Line(CHANGES["a random number"]), [1.0], [2.0], backend="python", epochs=0)


def test_a_class_index_by_int_is_refused() -> None:
    """The targets of `cross_entropy` as they come, or eager: a recorded index would be that of the first sample."""
    xs = [[x, -x] for x in XS]
    ys = [int(x > 0) for x in XS]

    def loss(outputs: Any, target: Any) -> Any:
        return nn.cross_entropy(outputs, int(target.data))

    with pytest.raises(RecordingError, match="targets as they come"):
        quiet(nn.Layer(2, 2, "linear"), xs, ys, loss=loss, backend="python", batch_size=4)
    model = nn.Layer(2, 2, "linear")
    history = quiet(model, xs, ys, loss=nn.cross_entropy, backend="python", batch_size=4)
    assert history.losses[-1] < history.losses[0]


def test_class_weights_by_data_are_refused() -> None:
    def loss(output: Any, target: Any) -> Any:
        return {1.0: 0.25, -1.0: 4.0}[target.data] * nn.mse(output, target)

    with pytest.raises(RecordingError, match=r"0\.25"):
        quiet(Line(), XS, SIGNS, loss=loss, backend="python", batch_size=4)


def test_a_sample_held_out_that_differs_is_refused() -> None:
    model = Line(lambda line, x: x if x.data < 5 else 2 * x)
    with pytest.raises(RecordingError, match="sample 2 of validation xs"):
        quiet(model, XS, YS, backend="python", validation=([0.0, 1.0, 7.0], [0.0, 1.0, 7.0]))


def test_an_accuracy_that_reads_numbers_is_refused() -> None:
    @nn.loss(accuracy=lambda output, target: Value(float(output.data * target.data > 0)))
    def loss(output: Any, target: Any) -> Any:
        return nn.mse(output, target)

    with pytest.raises(RecordingError, match="reads numbers"):
        quiet(Line(), XS, SIGNS, loss=loss, backend="python")


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_the_history_says_what_the_checks_cost(backend: str) -> None:
    history = quiet(Line(), XS, YS, backend=backend, epochs=100)
    assert (history.check_seconds > 0) == (backend != "eager")
    assert history.seconds > 0 < history.compile_seconds


# ------------------------------------------------------------------------------------- what shows only while it trains


def test_a_regularizer_that_reads_numbers_is_refused() -> None:
    model = Line()
    with pytest.raises(RecordingError, match="the regularizer, now") as caught:
        quiet(model, XS, YS, backend="python", regularizer=lambda ps: autograd.sum([p.data * p for p in ps]))
    assert len(caught.value.history.losses) == 1  # the parameters have moved once, before which nothing differs
    assert model.w.data != 0.5


def test_a_model_that_reads_parameters_is_refused() -> None:
    with pytest.raises(RecordingError, match="reads the numbers of parameters"):
        quiet(Line(lambda line, x: x * abs(line.w.data)), XS, YS, backend="python")


def test_a_branch_that_only_the_last_batch_takes_is_refused() -> None:
    model = Line(lambda line, x: x if line.w.data < 0.7 else 2 * x)
    with pytest.raises(RecordingError, match="now") as caught:
        quiet(model, XS, YS, backend="python", epochs=7)  # epochs 1, 2, 4 are before it, and 8 is not reached
    assert len(caught.value.history.losses) == 7
    assert model.w.data > 0.7  # the state after the last step: nothing is lost


def test_only_the_samples_of_the_first_batch_differ() -> None:
    """Neither the extremes nor those at random, so that the batch is what shows it."""
    xs = [float(x) for x in range(2000)]
    order = list(range(2000))
    random.Random(3).shuffle(order)
    odd = float(order[5])
    model = Line(lambda line, x: x if x.data != odd else 2 * x)
    with pytest.raises(RecordingError, match="a sample of the first batch") as caught:
        quiet(model, xs, [1.0] * 2000, batch_size=50, seed=3, backend="python")
    assert caught.value.history.losses == []
    assert model.w.data == 0.5


def test_a_model_that_moves_its_parameters_is_refused() -> None:
    class Clipped(Line):
        def __call__(self, x: Value) -> Value:
            self.w.data = min(self.w.data, 0.25)
            return super().__call__(x)

    with pytest.raises(RecordingError, match=r"sets w\.data while it is called"):
        quiet(Clipped(), XS, YS, backend="python")


class Bare:
    """A model that is not a Module, and so has no path for its one parameter."""

    def __init__(self, label: str | None, use: Callable[[Value, Value], Value]) -> None:
        self.w, self.use = Value(0.5, label), use
        self.kept = self.w * 2.0

    def parameters(self) -> list[Value]:
        return [self.w]

    def __call__(self, x: Value) -> Value:
        return self.use(self.kept if self.use is stale else self.w, x)


class Listed(nn.Module):
    """A Module, which names its one parameter by its path."""

    def __init__(self, label: str | None, use: Callable[[Value, Value], Value]) -> None:
        self.w, self.use = [Value(0.5, label)], use

    def __call__(self, x: Value) -> Value:
        return self.use(self.w[0], x)


def moves(w: Value, x: Value) -> Value:
    w.data += 0.125
    return w * x


def forks(w: Value, x: Value) -> Value:
    return w * x if x.data > 0 else w + x


def diverges(w: Value, x: Value) -> Value:
    return (w * 0.0 * x).sqrt()


def stale(kept: Value, x: Value) -> Value:
    return kept * x


def refusal(model: Any) -> str:
    """Return the message of the error in which training the model ends."""
    with pytest.raises((RecordingError, DivergenceError)) as caught:
        quiet(model, XS, YS, backend="python")
    return str(caught.value)


@pytest.mark.parametrize("use", [moves, forks, diverges, stale])
def test_labels_do_not_break_out_of_messages(use: Callable[[Value, Value], Value]) -> None:
    lines = refusal(Bare("w", use)).count("\n")
    for label in [*HOSTILE, "w\nevil \x1b[31mred"]:
        shown = refusal(Bare(label, use)).split("\n")
        assert len(shown) == lines + 1 and all(map(str.isprintable, shown)), label


@pytest.mark.parametrize("use", [moves, forks, diverges])
@pytest.mark.parametrize(
    ("model", "label", "name"), [(Bare, None, "parameter1"), (Bare, "slope", "slope"), (Listed, "slope", "w1")]
)
def test_messages_agree_on_the_name_of_a_parameter(
    model: Callable[..., Any], label: str | None, name: str, use: Callable[[Value, Value], Value]
) -> None:
    assert re.search(rf"\b{name}\b", refusal(model(label, use)))


def test_a_result_of_a_constant_that_has_changed_is_refused() -> None:
    """The model uses the old number; compiled code would compute the new one. The graph is the same for each sample."""
    leaf = Value(1.0)
    half = leaf / 2
    leaf.data = 10.0
    with pytest.raises(RecordingError, match=r"the loss on the first batch is .* in compiled code"):
        quiet(Line(lambda line, x: x * half), XS, YS, backend="python")


# ----------------------------------------------------------------------------- the same loss, not the same gradient

ORDER = list(range(400))
random.Random(3).shuffle(ORDER)
ODD = float(ORDER[5])  # a sample of the first batch only, and none of those that are recorded before training

STOPS: dict[str, Callable[[Value], Value]] = {
    "a leaf with the number": lambda v: Value(v.data),
    "stop_gradient": autograd.stop_gradient,
    "a constant": lambda v: 0.0 * v + v.data,
    "half a gradient": lambda v: 0.5 * v + 0.5 * autograd.stop_gradient(v),
}


@pytest.mark.parametrize("name", STOPS)
def test_a_gradient_that_is_stopped_for_one_sample_of_a_batch_is_refused(name: str, backend: str) -> None:
    class Stopping(Line):
        def __call__(self, x: Value) -> Value:
            output = super().__call__(x)
            return STOPS[name](output) if x.data == ODD else output

    xs = [float(x) for x in range(400)]
    with pytest.raises(RecordingError, match="a sample of the first batch") as caught:
        quiet(Stopping(), xs, [1.0] * 400, batch_size=50, seed=3, backend=backend)
    assert caught.value.history.losses == []


def test_teacher_forcing_is_refused(backend: str) -> None:
    """The second output is computed from the first, or from the first target where they are far apart."""

    class Chain(nn.Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def __call__(self, x: Value) -> list[Value]:
            first = self.w * x
            taught = Value(first.data) if abs(first.data - 2 * x.data) > 1 else first
            return [first, self.w * taught]

    with pytest.raises(RecordingError, match="reads numbers"):
        quiet(Chain(), XS, [[2 * x, 4 * x] for x in XS], backend=backend, batch_size=8)


class Reversal:
    """The identity, whose gradient is multiplied by a strength that is not an operand."""

    def __init__(self) -> None:
        self.strength: Callable[[], float] = lambda: -1.0
        self.op = Op("reversed({})", lambda x: x * 1.0, lambda g, z, x: g * self.strength(), name="reversed")

    def __call__(self, line: Line, x: Value) -> Any:
        return self.op(line.w * x)


@pytest.mark.parametrize("batch_size", [None, 1, 16])
def test_a_rule_that_draws_at_random_is_refused(batch_size: int | None, backend: str) -> None:
    reversal = Reversal()
    reversal.strength = random.random
    with pytest.raises(
        RecordingError, match=r"the gradient with respect to w on the first batch is .* in compiled code"
    ):
        quiet(Line(reversal), XS, YS, backend=backend, batch_size=batch_size, seed=1)


@pytest.mark.parametrize("batch_size", [None, 1, 16])
def test_a_rule_that_reads_what_a_callback_changes_is_refused(batch_size: int | None, backend: str) -> None:
    """The gradient reversal of domain-adversarial training, whose strength grows."""
    options: dict[str, Any] = {"backend": backend, "seed": 1, "optimizer": optim.SGD(1e-4)}
    reversal, model = Reversal(), Line()
    model.change = reversal

    def callback(epoch: int, history: History) -> None:
        reversal.strength = lambda: -0.1 * epoch

    with pytest.raises(
        RecordingError, match=r"the gradient with respect to w on the last batch .* rule reads more than its operands"
    ):
        quiet(model, XS, YS, batch_size=batch_size, callback=callback, **options)
    reversal.strength = lambda: -1.0
    assert quiet(Line(reversal), XS, YS, batch_size=batch_size, **options).losses


def test_the_checks_leave_all_gradients(backend: str) -> None:
    factor = Value(1.0)
    half = factor / 2
    factor.grad, half.grad = 7.0, 8.0
    model = Line(lambda line, x: x * half)
    model.w.grad = 9.0
    quiet(model, XS, YS, backend=backend, regularizer=lambda ps: half * ps[0] * ps[0])
    assert (factor.grad, half.grad, model.w.grad, model.b.grad) == (7.0, 8.0, 0.0, 0.0)


def test_rounding_errors_are_not_refused_where_they_are_all_of_the_loss() -> None:
    """`hypot` differs in its last digits in C. So the model is right to the last digit, but the compiled one is not."""
    for seed in range(12):
        numbers = random.Random(seed)
        w, b = numbers.uniform(0.5, 2), numbers.uniform(-0.5, 0.5)
        model = Line()
        model.change = lambda line, x: autograd.hypot(line.w * x, 1.5) / line.w
        model.w.data, model.b.data = w, b
        ys = [model(Value(x)).data for x in XS]
        assert quiet(model, XS, ys, backend="c", optimizer=optim.SGD(0.0), epochs=1).losses[0] < 1e-30


# ----------------------------------------------------------------------------------------------------- samples held out


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_sample_held_out_that_is_not_recorded_before_training(epochs: int, backend: str) -> None:
    held_out = [x / 100 for x in range(-15, 15)]
    model = Line(lambda line, x: x if x.data != 0.03 else 1.5 * x)
    with pytest.raises(RecordingError, match="a sample of the validation data: ") as caught:
        quiet(model, XS, YS, backend=backend, validation=(held_out, held_out), epochs=epochs)
    assert len(caught.value.history.validation_losses) == 1


def test_samples_held_out_that_differ_at_the_end(backend: str) -> None:
    model = Line(lambda line, x: x if line.b.data < 0.28 or x.data != 0.03 else 1.5 * x)
    held_out = [x / 100 for x in range(-15, 15)]
    with pytest.raises(RecordingError, match="a sample of the validation data: ") as caught:
        quiet(model, XS, YS, backend=backend, validation=(held_out, held_out), epochs=3)
    assert len(caught.value.history.validation_losses) == 3


def test_right_models_pass_with_samples_held_out(backend: str) -> None:
    held_out = np.linspace(-1, 1, 100) if backend != "python" else [0.0] * 100
    history = quiet(
        Line(), XS, YS, backend=backend, validation=(held_out, held_out), batch_size=7,
        regularizer=lambda ps: autograd.sum([p * p for p in ps]),
    )  # fmt: skip
    assert len(history.validation_losses) == 5


# --------------------------------------------------------------------------------------------------------- callbacks


class Deep(nn.Module):
    def __init__(self) -> None:
        self.layers = [nn.Layer(1, 3, "tanh", rng=random.Random(1)), nn.Layer(3, 1, "linear", rng=random.Random(2))]

    def __call__(self, xs: Any) -> Any:
        for layer in self.layers:
            xs = layer(xs)
        return xs


@pytest.mark.parametrize(
    "make_optimizer", [lambda: optim.SGD(0.1), lambda: optim.SGD(0.1, momentum=0.5), lambda: optim.Adam(0.1)]
)
def test_layers_added_in_a_callback_are_trained(backend: str, make_optimizer: Callable[[], Any]) -> None:
    def trained(backend: str) -> tuple[list[float], list[float]]:
        model = Deep()

        def callback(epoch: int, history: History) -> None:
            if epoch == 2:
                model.layers.insert(1, nn.Layer(3, 3, "tanh", rng=random.Random(3)))

        history = quiet(
            model, [[x] for x in XS], YS, backend=backend, batch_size=16, seed=1, callback=callback, epochs=6,
            optimizer=make_optimizer(),
        )  # fmt: skip
        return history.losses, [p.data for p in model.parameters()]

    losses, parameters = trained(backend)
    expected, others = trained("eager")
    assert losses == pytest.approx(expected, rel=1e-12)
    assert parameters == pytest.approx(others, rel=1e-10)
    fresh = [p.data for p in nn.Layer(3, 3, "tanh", rng=random.Random(3)).parameters()]
    assert all(p != q for p, q in zip(parameters[6:18], fresh))


def test_what_a_callback_changes_counts_from_then_on(backend: str) -> None:
    def trained(backend: str) -> list[float]:
        model, strength = Line(lambda line, x: x * line.scale), [0.0]

        def callback(epoch: int, history: History) -> None:
            model.scale = 1.0 + epoch // 2
            if epoch == 3:
                model.b = Value(-1.0)
            strength[0] = 0.1 * (epoch == 4)

        return quiet(
            model, XS, YS, backend=backend, batch_size=16, seed=1, callback=callback, epochs=6,
            regularizer=lambda ps: strength[0] * autograd.sum([p * p for p in ps]),
        ).losses  # fmt: skip

    assert trained(backend) == pytest.approx(trained("eager"), rel=1e-12)


def test_a_callback_that_stops_may_change_the_model() -> None:
    model = Deep()

    def callback(epoch: int, history: History) -> bool:
        model.layers.pop()
        return True

    assert len(quiet(model, [[x] for x in XS], YS, backend="python", callback=callback).losses) == 1


def test_a_callback_that_stops_may_leave_a_model_that_cannot_be_recorded() -> None:
    model = Line()

    def callback(epoch: int, history: History) -> bool:
        model.change = lambda line, x: x if x > 0 else -x
        return True

    assert len(quiet(model, XS, YS, backend="python", callback=callback).losses) == 1

    def go_on(epoch: int, history: History) -> None:
        model.change = lambda line, x: x if x > 0 else -x

    model.change = lambda line, x: x
    with pytest.raises(RecordingError, match="Values are compared"):
        quiet(model, XS, YS, backend="python", callback=go_on)


def test_a_callback_cannot_make_a_model_depend_on_numbers() -> None:
    model = Line()

    def callback(epoch: int, history: History) -> None:
        if epoch == 1:
            model.change = READS["a branch on .data"]

    with pytest.raises(RecordingError, match="reads numbers") as caught:
        quiet(model, XS, YS, backend="python", callback=callback)
    assert len(caught.value.history.losses) == 2


@pytest.mark.parametrize("place", ["model", "regularizer"])
def test_a_draw_that_comes_out_otherwise_after_a_callback_is_not_its_doing(place: str) -> None:
    draws = [1.0]

    def drawn() -> float:
        return draws.pop() if len(draws) > 1 else draws[0]

    def callback(epoch: int, history: History) -> None:
        draws.append(2.0)  # the next one, and only that

    def penalty(ps: list[Value]) -> Value:
        squares: Value = autograd.sum([p * p for p in ps])
        return squares * drawn() if place == "regularizer" else squares

    model = Line(lambda line, x: x * drawn()) if place == "model" else Line()
    with pytest.raises(RecordingError, match="draws random numbers") as caught:
        quiet(model, XS, YS, backend="python", callback=callback, regularizer=penalty)
    assert len(caught.value.history.losses) == 1


def test_an_operation_made_in_each_call_is_named_as_the_cause() -> None:
    def square(line: Line, x: Value) -> Value:
        made = Op("made_anew({})", lambda x: x * x, lambda g, z, x: g * 2 * x)
        return made(x)

    with pytest.raises(RecordingError, match="another operation of that name"):
        quiet(Line(square), XS, YS, backend="python")


class Wrapped(nn.Module):
    def __init__(self, net: nn.Module, called: Callable[[Any], Any]) -> None:
        self.net, self.called = net, called

    def __call__(self, xs: Any) -> Any:
        return self.called(xs)


IN_PLACE: dict[str, Callable[[list[Value]], object]] = {
    "replaces": lambda xs: xs.__setitem__(0, xs[0] * 2),
    "reverses": lambda xs: xs.reverse(),
    "appends": lambda xs: xs.append(Value(1.0)),
    "pops": lambda xs: xs.pop(),
}


@pytest.mark.slice
@pytest.mark.parametrize("change", IN_PLACE)
@pytest.mark.parametrize("place", ["model", "loss", "accuracy", "regularizer"])
def test_lists_that_are_passed_may_be_changed_in_place(change: str, place: str) -> None:
    def losses(backend: str) -> list[float]:
        model = nn.MLP(2, [2, 2], rng=random.Random(0))

        def called(xs: list[Value]) -> Any:
            outputs = model([xs[0], xs[1]])
            if place == "model":
                IN_PLACE[change](xs)
                outputs[0] += xs[0]
            return outputs

        def right(outputs: list[Value], targets: list[Value]) -> Value:
            if place == "accuracy":
                IN_PLACE[change](targets)
            return autograd.where(outputs[0] - targets[0], 1.0, 0.0)

        @nn.loss(accuracy=right)
        def loss(outputs: list[Value], targets: list[Value]) -> Value:
            if place == "loss":
                IN_PLACE[change](targets)
            squares: Value = autograd.sum([(output - target) ** 2 for output, target in zip(outputs, targets)])
            return squares

        def penalty(ps: list[Value]) -> Value:
            if place == "regularizer":
                IN_PLACE[change](ps)
            squares: Value = autograd.sum([p * p for p in ps])
            return squares

        whole = Wrapped(model, called)
        pairs = [[x, 1 - x] for x in XS]
        run = quiet(whole, pairs, pairs, loss=loss, regularizer=penalty, backend=backend, batch_size=16, seed=1)
        return run.losses

    assert losses("python") == pytest.approx(losses("eager"), rel=1e-12)


# ------------------------------------------------------------------------------------------- results that are kept


class Kept(nn.Module):
    def __init__(self) -> None:
        self.a, self.b = Value(2.0), Value(3.0)
        self.w = self.a * self.b

    def __call__(self, x: Value) -> Value:
        return self.w * x


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_a_result_from_before_the_call_is_refused(backend: str) -> None:
    model = Kept()
    with pytest.raises(RecordingError, match=r"which mul computed from parameters earlier.*each call of the model"):
        quiet(model, XS, YS, backend=backend)
    assert (model.a.data, model.b.data) == (2.0, 3.0)


class Cached(nn.Module):
    def __init__(self) -> None:
        self.a, self.b = Value(2.0), Value(3.0)

    @functools.cached_property
    def w(self) -> Value:
        return self.a * self.b

    def __call__(self, x: Value) -> Value:
        return self.w * x


class Lazy(Cached):
    def __call__(self, x: Value) -> Value:
        if not hasattr(self, "kept"):
            self.kept = self.a * self.b
        return self.kept * x


class Late(Cached):
    """Keeps a result from its call number `start` on."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self.calls, self.start = 0, start

    def __call__(self, x: Value) -> Value:
        self.calls += 1
        if self.calls <= self.start:
            self.__dict__.pop("w", None)
        return self.w * x


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("make", [Cached, Lazy])
@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_a_result_kept_by_the_first_call_is_refused(batch_size: int | None, make: type[Cached], backend: str) -> None:
    model = make()
    with pytest.raises(RecordingError, match="mul computed from parameters earlier"):
        quiet(model, XS, YS, backend=backend, batch_size=batch_size)


@pytest.mark.parametrize(("batch_size", "start"), [(1, 100), (1, 199), (None, 41), (None, 160), (7, 170)])
def test_a_result_that_is_kept_in_the_middle_of_eager_training_is_refused(batch_size: int | None, start: int) -> None:
    """At the next of the 200, 5 or 30 steps."""
    with pytest.raises(RecordingError, match="mul computed from parameters earlier"):
        quiet(Late(start), XS, YS, backend="eager", batch_size=batch_size, optimizer=optim.SGD(1e-5))


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("epoch", [0, 2, 5])
def test_a_result_kept_by_a_callback_is_refused(epoch: int, backend: str) -> None:
    model = Line()
    use = Value(0.0)

    def callback(now: int, history: History) -> None:
        if now == epoch:
            kept = model.w * use
            model.change = lambda line, x: x + kept

    with pytest.raises(RecordingError, match="mul computed from parameters earlier") as caught:
        quiet(model, XS, YS, backend=backend, batch_size=10, callback=callback, epochs=9)
    assert len(caught.value.history.losses) == epoch + 1


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_cache_that_a_callback_empties_is_refused(backend: str) -> None:
    model = Cached()
    with pytest.raises(RecordingError, match="mul computed from parameters earlier"):
        quiet(model, XS, YS, backend=backend, batch_size=20, callback=lambda *_: model.__dict__.pop("w") and None)


def test_a_regularizer_that_keeps_a_result_is_refused() -> None:
    model, kept = Line(), list[Value]()

    def penalty(ps: list[Value]) -> Value:
        kept.append(ps[0] * ps[0])
        return kept[0] * 0.5

    with pytest.raises(RecordingError, match="mul computed from parameters earlier"):
        quiet(model, XS, YS, backend="eager", regularizer=penalty)


def test_a_state_carried_from_step_to_step_is_refused_in_eager_training() -> None:
    states: list[Value] = []

    def carried(line: Line, x: Value) -> Value:
        states.append(((states[-1] if states else 0.0) * line.w + x).tanh())
        return states[-1]

    with pytest.raises(RecordingError, match="computed from parameters earlier"):
        quiet(Line(carried), XS, YS, backend="eager", batch_size=4)


def test_what_is_computed_once_for_each_step_is_right_in_eager_training() -> None:
    """A result is kept for the samples of a batch, and computed again when the parameters have changed."""

    class Renewed(Cached):
        def __call__(self, x: Value) -> Value:
            numbers = self.a.data, self.b.data
            if self.__dict__.get("of") != numbers:
                self.__dict__.pop("w", None)
                self.of = numbers
            return self.w * x

    class Plain(Cached):
        def __call__(self, x: Value) -> Value:
            return self.a * self.b * x

    once, always = (quiet(m, XS, YS, backend="eager", batch_size=8, seed=1).losses for m in (Renewed(), Plain()))
    assert once == pytest.approx(always, rel=1e-12)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_result_of_a_regularizer_from_before_is_refused(backend: str) -> None:
    model = Line()
    square = model.w * model.w
    with pytest.raises(RecordingError, match="mul computed from parameters earlier"):
        quiet(model, XS, YS, backend=backend, regularizer=lambda ps: square * 1.0)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_result_of_constants_may_be_kept(backend: str) -> None:
    half = Value(1.0) / 2
    assert quiet(Line(lambda line, x: x * half), XS, YS, backend=backend).losses


def test_a_state_carried_from_sample_to_sample_is_refused() -> None:
    states: list[Value] = []

    def carried(line: Line, x: Value) -> Value:
        states.append(((states[-1] if states else 0.0) * line.w + x).tanh())
        return states[-1]

    with pytest.raises(RecordingError):
        quiet(Line(carried), XS, YS, backend="python")


# --------------------------------------------------------------------------------------------- two runs, other losses


def test_a_second_fit_of_a_model_that_is_trained_is_refused() -> None:
    model = Line()
    refused = []

    def callback(epoch: int, history: History) -> None:
        for backend in EAGER_AND_COMPILED:
            with pytest.raises(RuntimeError, match="another fit is training this model") as caught:
                quiet(model, XS, YS, backend=backend)
            refused.append(caught.value)
        quiet(Line(), XS, YS, backend="python")  # of another model

    quiet(model, XS, YS, backend="python", callback=callback)
    assert len(refused) == 10
    quiet(model, XS, YS, backend="python")  # the first is over
    with pytest.raises(ValueError, match="no backend"):
        quiet(model, XS, YS, backend="no")
    with pytest.raises(RecordingError):
        quiet(model, XS, YS, loss=lambda o, t: nn.mse(o, t) * t.data, backend="python")
    quiet(model, XS, YS, backend="python")  # and so are those that failed


def test_a_second_fit_in_another_thread_is_refused() -> None:
    model, inside, refused = Line(), threading.Event(), threading.Event()

    def callback(epoch: int, history: History) -> None:
        inside.set()
        assert refused.wait(60)

    thread = threading.Thread(target=quiet, args=(model, XS, YS), kwargs={"callback": callback, "backend": "python"})
    thread.start()
    try:
        assert inside.wait(60)
        with pytest.raises(RuntimeError, match="in another thread"):
            quiet(model, XS, YS, backend="python")
    finally:
        refused.set()
        thread.join()
    quiet(model, XS, YS, backend="python")


@dataclasses.dataclass
class Scaled:
    """A loss that cannot be hashed."""

    scale: float

    def __call__(self, output: Any, target: Any) -> Any:
        return self.scale * nn.mse(output, target)


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_a_loss_that_cannot_be_hashed(backend: str) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Scaled(2.0))
    assert len(quiet(Line(), XS, YS, loss=Scaled(2.0), backend=backend).losses) == 5


def test_a_callback_does_not_hide_that_the_model_reads_its_parameters() -> None:
    """What differs before the callback is not its doing, so the model is refused instead of recorded again."""

    class Reads:
        def __init__(self) -> None:
            self.w, self.b = Value(-1.0), Value(0.0)

        def parameters(self) -> list[Value]:
            return [self.w, self.b]

        def __call__(self, x: Value) -> Value:
            return self.w * x * (1.0 if self.w.data < 0.5 else 0.5) + self.b

    rng = random.Random(3)
    xs = [rng.uniform(-2, 2) for _ in range(64)]
    for callback in (lambda epoch, history: None, lambda epoch, history: epoch == 14):
        with pytest.raises(RecordingError):
            fit(
                Reads(), xs, [2 * x + 1 for x in xs], loss=nn.mse, optimizer=optim.SGD(0.0009), epochs=16,
                batch_size=1, seed=0, progress=False, callback=callback,
            )  # fmt: skip
