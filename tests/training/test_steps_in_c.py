"""Steps of training that C makes: to the bit those that Python makes, whatever happens to them, or Python says why."""

from __future__ import annotations

import itertools
import math
import random
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cases import cases, examples
from hypothesis import given
from hypothesis import strategies as st
from needs import need_compiler

import autograd
from autograd import History, Value, fit, nn, optim
from autograd.codegen import c
from autograd.errors import CompilerError, DivergenceError, RecordingError
from autograd.training import loop_in_c, run, steps_in_c
from autograd.training.rules_in_c import NotInCError, rule_in_c

pytestmark = [
    pytest.mark.usefixtures("compiler"),
    pytest.mark.filterwarnings("ignore::autograd.errors.TrainingWarning"),  # what is trained here need not learn
]


@pytest.fixture(scope="module")
def compiler() -> None:
    need_compiler()


@contextmanager
def python_steps() -> Iterator[None]:
    """Let Python make each step, as where an optimizer has no rule in C."""

    def refuse(*_: Any, **options: Any) -> None:
        raise NotInCError("for comparison")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "StepsInC", refuse)
        yield


def bits(numbers: Sequence[float]) -> bytes:
    return struct.pack(f"{len(numbers)}d", *numbers)


class Outcome:
    """All that a run leaves behind."""

    def __init__(self, train: Callable[[], tuple[Any, Any, History | Exception]]) -> None:
        random.seed(7)
        self.model, self.optimizer, end = train()
        self.error = f"{type(end).__name__}: {end}" if isinstance(end, Exception) else ""
        recorded = isinstance(end, (DivergenceError, RecordingError))
        self.history: History = end.history if recorded else end  # type: ignore[assignment,union-attr]
        self.random = random.random()  # the generator is where it would be

    def same_as(self, other: Outcome) -> None:
        assert self.error == other.error
        assert bits([p.data for p in self.model.parameters()]) == bits([p.data for p in other.model.parameters()])
        for one, two in zip(optimizers(self.optimizer), optimizers(other.optimizer), strict=True):
            assert one.steps == two.steps
            assert [bits(list(c)) for c in one._memory or ()] == [bits(list(c)) for c in two._memory or ()]
            assert [type(c) for c in one._memory or ()] == [type(c) for c in two._memory or ()]
        if isinstance(self.history, History):
            for name in ("losses", "accuracy", "validation_losses", "validation_accuracy"):
                assert bits(getattr(self.history, name)) == bits(getattr(other.history, name)), name
            assert self.history.best_epoch == other.history.best_epoch
            assert (self.history.backend, other.history.steps_in_python) == ("c", "for comparison")
        assert self.random == other.random


def optimizers(optimizer: Any) -> list[Any]:
    return [optimizer, *(one for _, one in optimizer.groups)] if isinstance(optimizer, optim.Groups) else [optimizer]


def compared(make: Callable[[], tuple[Any, Any, dict[str, Any]]], xs: Any, ys: Any, why: str | None = "") -> Outcome:
    """Train in C and in Python, compare all that there is, and return the outcome of C.

    Arguments:
        make: returns a new model, a new optimizer, and further arguments of `fit`.
        xs, ys: the samples.
        why: what the history says why Python makes the steps; None for anything.
    """

    def train() -> tuple[Any, Any, History | Exception]:
        model, optimizer, options = make()
        arguments: dict[str, Any] = {"loss": nn.mse, "epochs": 12, "backend": "c", "progress": False, **options}
        try:
            return model, optimizer, fit(model, xs, ys, optimizer=optimizer, **arguments)
        except (DivergenceError, RecordingError, RuntimeError, ValueError, ZeroDivisionError) as problem:
            return model, optimizer, problem

    mine = Outcome(train)
    with python_steps():
        theirs = Outcome(train)
    mine.same_as(theirs)
    if isinstance(mine.history, History) and why is not None:
        assert mine.history.steps_in_python == why
    return mine


def rows(n: int, width: int = 2, seed: int = 0) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.uniform(-1, 1) for _ in range(width)] for _ in range(n)]


def small() -> nn.MLP:  # its parameters are kept in lists, where a batch has one sample
    return nn.MLP(2, [2, 1], "tanh", rng=random.Random(1))


def large() -> nn.MLP:
    return nn.MLP(2, [12, 1], "tanh", rng=random.Random(1))


def decay(parameters: list[Value]) -> Value:
    penalty: Value = 1e-3 * autograd.sum([p * p for p in parameters])
    return penalty


def falling(step: int) -> float:
    return 0.1 / (1 + step)


def drawn_rate(step: int) -> float:
    return 0.01 * random.random()


# --------------------------------------------------------------------------------------------- the same to the bit


class Lion(optim.Optimizer):
    """A rule of a user's own, of a closure."""

    memories = 1

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        slow, fast = 0.9, 0.99

        def lion(x: Any, g: Any, mean: Any) -> Any:
            return x - lr * abs(slow * mean + (1 - slow) * g), fast * mean + (1 - fast) * g

        return lion


class RMSProp(optim.Optimizer):
    """Of the optimizer's attributes, and of a helper in the closure."""

    memories = 1
    share = 0.75

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        warm = 1 - 0.5 ** (step + 1)

        def root(square: Any) -> Any:
            return sqrt(square / warm) + 1e-8

        def rms(x: Any, g: Any, square: Any) -> Any:
            square = self.share * square + (1 - self.share) * (g * g)
            return x - lr * g / root(square), square

        return rms


class WarmUp(optim.Optimizer):
    """Numbers that Python alone can compute: by an `if` and by `math`."""

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        rate = lr * math.sqrt(step + 1) / 4 if step < 16 else lr
        return lambda x, g: (x - rate * g,)


class TwoPhases(optim.Optimizer):
    """A function for the first steps, another one for all others."""

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        if step < 5:
            return lambda x, g: (x - lr * g,)
        return lambda x, g: (x - lr * g - lr * 0.01 * x,)


class Corrected(optim.Optimizer):
    """Corrections by powers of numbers, where it moves a parameter: Python's powers, also beside arrays."""

    memories = 1

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        share = 0.9

        def move(x: Any, g: Any, mean: Any) -> Any:
            mean = share * mean + (1 - share) * g
            return x - lr * mean / (1 - share ** (step + 1)) ** 1.5, mean

        return move


def in_groups(model: Any) -> optim.Groups:
    return optim.Groups(
        (model.layers[0].neurons[0], optim.SGD(0.1, momentum=0.5)),
        ([n.b for n in model.layers[0].neurons], optim.Adam(falling)),
        (model, optim.Adam(0.02)),
    )


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda model: optim.SGD(0.125),
    "sgd, falling": lambda model: optim.SGD(falling),
    "momentum": lambda model: optim.SGD(0.05, momentum=0.9),
    "nesterov, drawn": lambda model: optim.SGD(drawn_rate, momentum=0.9, nesterov=True),
    "adam": lambda model: optim.Adam(0.05),
    "adam, falling": lambda model: optim.Adam(falling, betas=(0.8, 0.99), eps=1e-6),
    "adamw": lambda model: optim.AdamW(0.05),
    "lion": lambda model: Lion(0.05),
    "rmsprop": lambda model: RMSProp(0.01),
    "corrected": lambda model: Corrected(0.01),
    "warm-up": lambda model: WarmUp(0.1),
    "two phases": lambda model: TwoPhases(0.1),
    "groups": in_groups,
    "clipped": lambda model: optim.SGD(falling, momentum=0.5, clip_norm=0.05),
    "groups, clipped": lambda model: optim.Groups(
        ([n.b for n in model.layers[0].neurons], optim.Adam(falling, clip_norm=0.02)),
        (model, optim.SGD(0.02, clip_norm=0.03)),
        clip_norm=0.1,
    ),
}


@examples(60)
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    model=st.sampled_from([small, large]),
    samples=st.integers(1, 9),
    batch_size=st.sampled_from([None, 1, 2, 4, 9]),
    penalty=st.sampled_from([None, decay]),
    validation=st.sampled_from([None, 0.5]),
    patience=st.sampled_from([None, 1, 3]),
    callback=st.booleans(),
    seed=st.sampled_from([None, 3]),
    epochs=st.integers(0, 40),
)
def test_c_makes_the_steps_that_python_makes(
    *,
    optimizer: str,
    model: Callable[[], nn.MLP],
    samples: int,
    batch_size: int | None,
    penalty: Any,
    validation: float | None,
    patience: int | None,
    callback: bool,
    seed: int | None,
    epochs: int,
) -> None:
    xs = rows(samples)
    options = {"regularizer": penalty, "patience": patience, "seed": seed, "epochs": epochs, "batch_size": batch_size}
    if validation and samples > 1:
        options["validation"] = validation

    def make() -> tuple[Any, Any, dict[str, Any]]:
        trained = model()
        seen: list[Any] = []

        def look(epoch: int, history: History) -> None:
            seen.append((epoch, len(history.losses), [p.data for p in trained.parameters()]))
            assert epoch == len(history.losses) - 1 == len(seen) - 1

        return trained, OPTIMIZERS[optimizer](trained), {**options, **({"callback": look} if callback else {})}

    compared(make, xs, [a * b for a, b in xs])


@pytest.mark.slice
@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "binary_cross_entropy"])
@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_accuracies(loss: str, batch_size: int | None) -> None:
    xs = np.array(rows(10))
    ys = (
        [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
        if loss == "cross_entropy"
        else [(i % 2) * 2 - (loss == "hinge") for i in range(10)]
    )
    if loss == "binary_cross_entropy":
        ys = [y // 2 for y in ys]
    made = compared(
        lambda: (
            nn.MLP(2, [5, 3 if loss == "cross_entropy" else 1], rng=random.Random(0)),
            optim.Adam(0.05),
            {"loss": loss, "batch_size": batch_size, "validation": (xs, ys), "seed": 1, "epochs": 9},
        ),
        xs,
        ys,
    )
    assert len(made.history.accuracy) == 9


class Mean(nn.Module):
    """A model of rows of any length, with a leaf that is held."""

    def __init__(self) -> None:
        self.neuron, self.shift = nn.Neuron(1, "tanh", weights=[0.5]), nn.Constant(Value(0.25))

    def __call__(self, x: list[Value]) -> Value:
        y: Value = autograd.mean([self.neuron([v]) for v in x]) + self.shift.value
        return y


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_samples_of_several_shapes(batch_size: int | None) -> None:
    xs = [[1.0], [0.5, -0.5], [0.25], [1.0, 2.0], [0.75], [0.1, 0.2, 0.3]]
    compared(
        lambda: (Mean(), optim.SGD(0.1, momentum=0.5), {"batch_size": batch_size, "seed": 2}),
        xs,
        [0.5, 0.1, 0.2, 0.3, 0.4, 0.6],
    )


class Noisy(nn.Module):
    """A model of rows of any length that draws numbers, as many as there are, and has a leaf that is held."""

    def __init__(self, held: bool = False) -> None:
        self.neuron = nn.Neuron(1, "tanh", weights=[0.5])
        self.shift: Any = nn.Constant(Value(0.25)) if held else None

    def __call__(self, x: list[Value]) -> Value:
        y: Value = autograd.mean([self.neuron([v + u]) for v, u in zip(x, nn.uniform(len(x)))])
        return y + self.shift.value if self.shift else y


@examples(15)
@given(
    held=st.booleans(),
    lengths=st.lists(st.integers(1, 3), min_size=1, max_size=7),
    batch_size=st.sampled_from([None, 1, 2, 3]),
    validation=st.sampled_from([None, 0.5]),
    patience=st.sampled_from([None, 2]),
    callback=st.booleans(),
    rate=st.sampled_from([0.1, 1e80]),
    first=st.sampled_from([1, 5, 1000]),
    most=st.sampled_from([1, 20, 2**20]),
    steps=st.sampled_from(["as they are", "dropped", "one dropped"]),
)
def test_what_is_drawn_for_samples(
    *,
    held: bool,
    lengths: list[int],
    batch_size: int | None,
    validation: float | None,
    patience: int | None,
    callback: bool,
    rate: float,
    first: int,
    most: int,
    steps: str,
) -> None:
    """The same numbers as in steps of Python, also where C makes fewer steps than numbers are drawn for."""
    options: dict[str, Any] = {"batch_size": batch_size, "seed": 2, "epochs": 20, "patience": patience}
    if validation and len(lengths) > 2 and len(set(lengths)) == 1:
        options["validation"] = validation
    if callback:
        options["callback"] = lambda *_: None
    kinds = {"as they are": steps_in_c.StepsInC, "dropped": Dropping, "one dropped": DroppingOne}
    xs = [[0.25 * i + 0.5 * j for j in range(n)] for i, n in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_in_c, "_FIRST_SLICE", first)
        patch.setattr(steps_in_c, "_MOST_DRAWN", most)
        patch.setattr(run, "StepsInC", kinds[steps])
        make = partial(lambda: (Noisy(held), optim.SGD(rate, momentum=0.5), options))
        compared(make, xs, [0.1 * i for i in range(len(xs))], why=None if steps == "dropped" else "")


@pytest.mark.parametrize("batch_size", [None, 1])
def test_draws_for_samples_come_before_those_of_a_learning_rate(batch_size: int | None) -> None:
    """Both from the module `random`: the first one seeds the generator of the other."""
    options = {"batch_size": batch_size, "epochs": 20}
    compared(lambda: (Noisy(False), optim.SGD(drawn_rate), options), [[0.5], [1.0], [0.25]], [0.1, 0.2, 0.3])


class Pairs(nn.Module):
    """A model of nested inputs."""

    def __init__(self) -> None:
        self.neuron = nn.Neuron(3, "tanh", weights=[0.5, 0.25, -0.5])

    def __call__(self, x: Any) -> Value:
        (a, b), c = x
        y: Value = self.neuron([a, b, c])
        return y


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_nested_samples(batch_size: int | None) -> None:
    xs = [((a, b), a - b) for a, b in rows(5)]
    compared(lambda: (Pairs(), optim.SGD(0.1), {"batch_size": batch_size, "seed": 2}), xs, [0.5, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("batch_size", [None, 1])
def test_without_numpy(batch_size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd.samples import backends  # noqa: PLC0415
    from autograd.training import steps  # noqa: PLC0415

    for module in (backends, steps):
        monkeypatch.setattr(module, "has_numpy", lambda: False)
    xs = rows(6)
    made = compared(
        lambda: (large(), optim.Adam(falling), {"batch_size": batch_size, "seed": 1, "epochs": 40}), xs, [1.0] * 6
    )
    assert type(made.optimizer._memory[0]) is list


def test_a_run_goes_on_where_another_ended() -> None:
    xs = rows(6)

    def make() -> tuple[Any, Any, dict[str, Any]]:
        model, optimizer = large(), optim.Adam(0.01)
        fit(model, xs, [1.0] * 6, loss="mse", optimizer=optimizer, epochs=3, progress=False, backend="python")
        for p in model.parameters():
            p.grad = 1.0
        optimizer.step(model.parameters())
        return model, optimizer, {}

    assert compared(make, xs, [1.0] * 6).optimizer.steps == 16


# ------------------------------------------------------------------------------------------------- what callbacks do


def test_callbacks_change_parameters_optimizers_and_other_leaves() -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        model, optimizer = Mean(), optim.SGD(0.1, momentum=0.5)

        def change(epoch: int, history: History) -> bool:
            if epoch == 1:
                model.neuron.b.data = 0.5
            elif epoch == 2:
                optimizer.momentum, optimizer.lr = 0.75, falling
            elif epoch == 3:
                optimizer.nesterov = True
            elif epoch == 4:
                model.shift.value.data = 0.125
            elif epoch == 5:
                optimizer.momentum, optimizer.nesterov = 0.0, False
            elif epoch == 6:
                optimizer.reset()
            return epoch == 9

        return model, optimizer, {"callback": change, "epochs": 100}

    made = compared(make, [[1.0], [0.5], [-0.25]], [0.5, 0.25, 0.125])
    assert len(made.history.losses) == 10


def test_a_callback_that_sets_clip_norm() -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        optimizer = optim.SGD(0.1)

        def change(epoch: int, history: History) -> None:
            if epoch == 4:
                optimizer.clip_norm = 1e-3

        return large(), optimizer, {"callback": change}

    compared(make, rows(5), [1.0] * 5)


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-10, 1.0, 1e150, 1e200, 1e305])
@pytest.mark.parametrize("batch_size", [None, 1])
def test_gradients_of_all_sizes_are_clipped(size: float, batch_size: int | None) -> None:
    """Their squares may overflow, or be 0."""

    def loss(output: Value, target: Value) -> Value:
        y: Value = output * size * (1 + target)
        return y

    def make() -> tuple[Any, Any, dict[str, Any]]:
        model = nn.Neuron(2, "linear", weights=[0.5, 0.25])
        options = {"loss": loss, "batch_size": batch_size, "seed": 0, "epochs": 20}
        return model, optim.SGD(0.1, momentum=0.5, clip_norm=0.01), options

    made = compared(make, rows(5), [1.0, 0.5, 0.0, 0.25, -0.5])
    assert made.optimizer.steps >= 20


class ClippedOnce(optim.SGD):
    """A subclass that clips at one step."""

    @property
    def clip_norm(self) -> float | None:
        return 1e-3 if self.steps == 7 else None

    @clip_norm.setter
    def clip_norm(self, x: float | None) -> None:
        pass


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_clip_norm_that_is_computed(batch_size: int | None) -> None:
    options = {"batch_size": batch_size, "seed": 0, "epochs": 20}
    compared(lambda: (large(), ClippedOnce(0.1), options), rows(5), [1.0] * 5, why="ClippedOnce computes its clip_norm")


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_learning_rate_that_changes_the_optimizer_and_changes_it_back(batch_size: int | None) -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        optimizer = optim.SGD(0.1)

        def rate(step: int) -> float:
            optimizer.clip_norm = 1e-3 if step == 7 else None
            return 0.1

        optimizer.lr = rate
        return large(), optimizer, {"batch_size": batch_size, "seed": 0, "epochs": 20}

    compared(make, rows(5), [1.0] * 5, why="its rule changes the optimizer, or its learning rate does")


def test_a_model_that_a_callback_changes_is_trained_in_c_again() -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        model = large()

        def freeze(epoch: int, history: History) -> None:
            if epoch == 3:
                model.layers[0].freeze()

        return model, optim.Adam(0.05), {"callback": freeze}

    compared(make, rows(5), [1.0] * 5)


# ------------------------------------------------------------------------------------- what goes wrong in the middle


@pytest.mark.parametrize("rate", [1e3, 1e80])
@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_divergence_has_the_same_text_and_leaves_the_same_state(batch_size: int | None, rate: float) -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        return nn.Neuron(2, "linear", weights=[0.5, 0.25]), optim.SGD(rate, momentum=0.5), options

    options = {"batch_size": batch_size, "seed": 1, "epochs": 500}
    made = compared(make, rows(5), [1.0] * 5)
    assert "DivergenceError" in made.error and "at step" in made.error


@pytest.mark.slice
@pytest.mark.parametrize("k", cases([0, 17], campaign=[1, 2, 3, 30]))
@pytest.mark.parametrize("what", ["raises", "is negative", "is infinite", "is text", "interrupts", "diverges"])
@pytest.mark.parametrize("make_optimizer", [optim.SGD, optim.Adam, WarmUp])
def test_what_a_learning_rate_does_at_step_k(make_optimizer: Any, what: str, k: int) -> None:
    results: dict[str, Any] = {
        "is negative": -1.0, "is infinite": math.inf, "is text": "much", "diverges": 1e200,
    }  # fmt: skip
    asked: list[int] = []

    def rate(step: int) -> Any:
        asked.append(step)
        if step != k:
            return 0.01
        if what in results:
            return results[what]
        raise KeyboardInterrupt if what == "interrupts" else RuntimeError("enough")

    for batch_size in (None, 3):

        def make(batch_size: int | None = batch_size) -> tuple[Any, Any, dict[str, Any]]:
            asked.clear()
            return large(), make_optimizer(rate), {"epochs": 60, "batch_size": batch_size, "seed": 0}

        if what == "is text":
            with pytest.raises(TypeError, match="expected a real number"):
                compared(make, rows(7), [1.0] * 7)
            continue
        made = compared(make, rows(7), [1.0] * 7)
        if what == "interrupts":
            assert made.history.interrupted
        if what != "diverges":
            assert made.optimizer.steps == k
            assert asked == list(range(k + 1))  # each once


@pytest.mark.parametrize("lost", range(3))
@pytest.mark.parametrize("batch_size", [None, 1])
def test_each_parameter_that_alone_is_lost_ends_the_run(lost: int, batch_size: int | None) -> None:
    """At its step, though the loss stays finite: tanh of an infinity is 1."""

    def make() -> tuple[Any, Any, dict[str, Any]]:
        model = nn.Neuron(2, "tanh", weights=[0.5, 0.25], bias=0.125)
        alone = optim.SGD(lambda step: 1e308 if step == 7 else 0.0)
        optimizer = optim.Groups(([model.parameters()[lost]], alone), (model, optim.SGD(0.0)))
        return model, optimizer, {"batch_size": batch_size, "seed": 0 if batch_size else None}

    error = compared(make, [[0.5, -1.0], [0.75, -0.5]], [100.0, 200.0]).error
    assert "DivergenceError" in error and "inf" in error


def test_a_pole_in_the_loss_at_a_late_step() -> None:
    """The loss of a batch is not finite, at last, though no parameter is large."""

    def loss(output: Value, target: Value) -> Value:
        y: Value = (output - 0.25).log() + target
        return y

    def make() -> tuple[Any, Any, dict[str, Any]]:
        return nn.Neuron(1, "linear", weights=[1.0], bias=0.5), optim.SGD(0.01), {"loss": loss, "epochs": 1000}

    assert "DivergenceError" in compared(make, [[1.0], [0.5]], [0.0, 0.0]).error


class Interrupting:
    """The library's function, after whose call number n Ctrl-C comes, as while C computes."""

    def __init__(self, function: Any, calls: Iterator[int], n: int) -> None:
        self.function, self.calls, self.n = function, calls, n

    def __call__(self, *arguments: Any) -> None:
        self.function(*arguments)
        if next(self.calls) == self.n:
            raise KeyboardInterrupt


@pytest.mark.slice
@pytest.mark.parametrize("n", range(5))
@pytest.mark.parametrize("most", [1, 5])
@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("patience", [None, 2])
def test_an_interrupt_in_a_slice_keeps_its_steps(
    n: int, most: int, batch_size: int | None, patience: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_in_c, "_FIRST_SLICE", most)
    monkeypatch.setattr(steps_in_c, "_GROWTH", 1)
    xs, ys = rows(6), [1.0] * 6
    options: dict[str, Any] = {"loss": "mse", "batch_size": batch_size, "seed": 0, "progress": False, "backend": "c"}
    model, optimizer, calls = large(), optim.Adam(0.05), itertools.count()

    class Rude(steps_in_c.StepsInC):
        def _record(self) -> None:
            super()._record()
            self.run = Interrupting(self.run, calls, n)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "StepsInC", Rude)
        history = fit(model, xs, ys, optimizer=optimizer, epochs=64, patience=patience, **options)
    assert history.interrupted
    assert next(calls) == n + 1
    each = 1 if batch_size is None else 3
    if patience is None:
        assert optimizer.steps // each == len(history.losses)
        assert optimizer.steps > 0
    if patience is batch_size is None:  # all that C has made: the first slice begins with a step by itself
        assert optimizer.steps == (n + 1 if most == 1 else max(1, most * n))
    twin = large()
    epochs = -(-optimizer.steps // each)
    states: list[Any] = [[p.data for p in twin.parameters()]]

    class Noted(optim.Adam):
        def update(self, data: Any, gradients: Any) -> Any:
            moved = super().update(data, gradients)
            states.append(list(moved))
            return moved

    full = fit(twin, xs, ys, optimizer=Noted(0.05), epochs=max(epochs, len(history.losses)), **options)
    assert full.losses[: len(history.losses)] == history.losses
    assert bits([p.data for p in model.parameters()]) == bits(states[optimizer.steps])
    assert [p.grad for p in model.parameters()] == [0.0] * len(model.parameters())


@pytest.mark.parametrize("batch_size", [None, 1])
def test_slices_are_as_long_as_ctrl_c_can_wait_and_other_threads_run(batch_size: int | None) -> None:
    """A slice takes some 50 ms, by a clock to which each step is 0.1 ms."""
    ticks: list[float] = []
    over = threading.Event()
    clock = 0.0

    def tick() -> None:
        while not over.wait(0.001):
            ticks.append(0.0)

    thread = threading.Thread(target=tick)
    slices: list[tuple[int, int]] = []

    class Counted(steps_in_c.StepsInC):
        def _record(self) -> None:
            super()._record()
            function = self.run

            def call(argument: Any) -> None:
                nonlocal clock
                before, ticked = self.slice.done, len(ticks)
                function(argument)
                clock += 1e-4 * (self.slice.done - before)
                slices.append((self.slice.done - before, len(ticks) - ticked))

            self.run = call

    options: dict[str, Any] = {"epochs": 10_000 if batch_size is None else 1, "batch_size": batch_size}
    xs = rows(64 if batch_size is None else 10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "StepsInC", Counted)
        patch.setattr(steps_in_c, "time", SimpleNamespace(perf_counter=lambda: clock))
        thread.start()
        try:
            fit(large(), xs, [1.0] * len(xs), loss="mse", optimizer="adam", progress=False, backend="c", **options)
        finally:
            over.set()
            thread.join()
    steps, ticks_then = zip(*slices)
    assert sum(steps) == 10_000
    assert 490 <= max(steps) <= 501
    assert steps[0] == 1 and len(steps) <= 24  # with the first step by itself
    assert batch_size or max(ticks_then) > 1


class Turning(nn.Module):
    """A model that computes something else, and may interrupt, after so many calls."""

    def __init__(self, most: int, rude: bool = False) -> None:
        self.neuron, self.calls, self.most, self.rude = nn.Neuron(2, weights=[0.5, 0.25]), 0, most, rude

    def __call__(self, x: list[Value]) -> Value:
        self.calls += 1
        if self.rude and self.calls == self.most:
            raise KeyboardInterrupt
        y: Value = self.neuron(x) * (2.0 if self.calls > self.most else 1.0)
        return y


def test_a_check_that_fails_leaves_the_steps_before_it_though_c_has_made_more() -> None:
    lengths = set[int]()
    for most in range(20, 80, 3):
        make = partial(lambda calls: (Turning(calls), optim.Adam(0.05), {"epochs": 60}), most)
        made = compared(make, rows(5), [1.0] * 5)
        if made.error and made.history:
            lengths.add(len(made.history.losses))
    assert {4, 8, 16, 32} <= lengths


def test_an_interrupt_in_a_check_keeps_what_c_has_made() -> None:
    xs, ys = rows(5), [1.0] * 5
    lengths = set[int]()
    for most in range(20, 60, 3):
        model, optimizer = Turning(most, rude=True), optim.Adam(0.05)
        try:
            history = fit(model, xs, ys, loss="mse", optimizer=optimizer, epochs=60, progress=False, backend="c")
        except KeyboardInterrupt:  # before training
            continue
        if not history.interrupted:  # the last call came before
            break
        twin = Turning(10**9)
        n = len(history.losses)
        full = fit(twin, xs, ys, loss="mse", optimizer=optim.Adam(0.05), epochs=n, progress=False, backend="c")
        assert optimizer.steps == n
        assert history.losses == full.losses
        assert bits([p.data for p in model.parameters()]) == bits([p.data for p in twin.parameters()])
        lengths.add(n)
    assert 60 in lengths and lengths <= {0, 60}  # 0 where it comes in the check of the first batch


# ------------------------------------------------------------------------------------ rates are asked for in advance


class Overflowing(optim.Optimizer):
    """Numbers that become infinite in between, late: Python computes those steps."""

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        rate = lr + 1 / (1 + 3e306 * step)
        return lambda x, g: (x - rate * g,)


class Dropping(steps_in_c.StepsInC):
    """Slices that are dropped after training has begun, as where a rule has changed."""

    def _agrees(self, part: Any, **options: Any) -> bool:
        if not self.first and part.optimizer.steps == 0:
            raise NotInCError("dropped")
        return super()._agrees(part, **options)


class DroppingOne(steps_in_c.StepsInC):
    """A slice that is dropped as C has not computed the numbers of its steps, which Python computes from then on."""

    def _agrees(self, part: Any, **options: Any) -> bool:
        if not self.first and not part.by_python:
            part.by_python = True
            return False
        return super()._agrees(part, **options)


@pytest.mark.slice
@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("steps", [steps_in_c.StepsInC, Dropping, DroppingOne])
@pytest.mark.parametrize("kind", [optim.Adam, WarmUp, Overflowing, TwoPhases])
@pytest.mark.parametrize("grouped", [False, True])
def test_learning_rates_of_an_iterator_are_asked_for_once(
    kind: Any, steps: Any, batch_size: int | None, grouped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "StepsInC", steps)
    asked: list[int] = []

    def make() -> tuple[Any, Any, dict[str, Any]]:
        asked.clear()
        model, rates = large(), itertools.cycle([0.01, 0.02, 0.03, 0.01, 0.005])

        def rate(step: int) -> float:
            asked.append(step)
            return next(rates)

        optimizer = kind(rate)
        if grouped:
            optimizer = optim.Groups((model.layers[0], optim.SGD(0.01)), (model, optimizer))
        return model, optimizer, {"epochs": 40, "batch_size": batch_size, "seed": 0}

    xs = rows(5)
    made = compared(make, xs, [1.0] * 5, why="dropped" if steps is Dropping else "")
    each = -(-5 // (batch_size or 5))
    assert asked == list(range(40 * each)) and made.optimizer.steps == 40 * each
    make_again, optimizer, options = make()
    fit(make_again, xs, [1.0] * 5, loss="mse", optimizer=optimizer, progress=False, backend="c", **options)
    assert asked == list(range(40 * each))


@pytest.mark.parametrize("steps", [steps_in_c.StepsInC, Dropping, DroppingOne])
def test_a_learning_rate_that_fails_after_steps_that_are_dropped(steps: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "StepsInC", steps)

    def make() -> tuple[Any, Any, dict[str, Any]]:
        rates = iter([0.1] * 7)
        return large(), optim.Adam(lambda step: next(rates, "none left")), {"epochs": 40}  # type: ignore[arg-type,return-value]

    with pytest.raises(TypeError, match="none left"):
        compared(make, rows(5), [1.0] * 5)


# --------------------------------------------------------------------------------------------- why Python makes steps


class Counting(optim.SGD):
    """A rule that counts its calls."""

    calls = 0

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        self.calls += 1
        return super().rule(lr, step, sqrt)


class Hidden(optim.Optimizer):
    """A closure over a list that changes from step to step, as C cannot see."""

    def __init__(self, lr: Any) -> None:
        super().__init__(lr)
        self.scale = [1.0]

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        self.scale[0] = 1.0 if step < 6 else 0.5

        return lambda x, g: (x - lr * self.scale[0] * g,)


class Choosing(optim.Optimizer):
    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        return lambda x, g: (x - (lr if lr > 0.05 else 2 * lr) * g,)


class OwnUpdate(optim.SGD):
    def update(self, data: Any, gradients: Any) -> Any:
        return super().update(data, gradients)


class OfLists(optim.Optimizer):
    """An update that returns a list, also of arrays."""

    def update(self, data: Any, gradients: Any) -> Any:
        self.steps += 1
        return [x - 0.1 * g for x, g in zip(data, gradients)]


class Bound(optim.Optimizer):
    rate_now = 0.0

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        self.lr_now = lr
        return self.moved

    def moved(self, x: Any, g: Any) -> Any:
        return (x - self.lr_now * g,)


class OfArrays(optim.Optimizer):
    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        return lambda x, g: (x - lr * np.asarray(g, float),)


REASONS: dict[str, tuple[Callable[[], Any], str]] = {
    "counts": (lambda: Counting(0.1), "its rule changes the optimizer"),
    "hidden": (lambda: Hidden(0.1), "its attribute scale is a list"),
    "compares": (lambda: Choosing(0.1), "its rule compares numbers, where np.sign, np.maximum and np.clip would"),
    "update": (lambda: OwnUpdate(0.1), "OwnUpdate has a method update of its own"),
    "update of lists": (lambda: OfLists(0.1), "OfLists has a method update of its own"),
    "no closure": (lambda: Bound(0.1), "its rule changes the optimizer"),
    "arrays": (lambda: OfArrays(0.1), "its rule raises TypeError on Values"),
}


@pytest.mark.parametrize("name", REASONS)
def test_the_history_says_why_python_makes_the_steps(name: str) -> None:
    make, why = REASONS[name]
    xs, ys = rows(6), [1.0] * 6
    said: list[str] = []

    def train() -> tuple[Any, Any, dict[str, Any]]:
        model = large()
        return model, make(), {"epochs": 30}

    model, optimizer, options = train()
    history = fit(model, xs, ys, loss="mse", optimizer=optimizer, backend="c", progress=False, **options)
    assert history.steps_in_python.startswith(why)
    said.append(history.steps_in_python)
    compared(train, xs, ys, why=said[0])


class Rule(optim.Optimizer):
    """A function in place of a subclass."""

    def __init__(self, make: Callable[..., Any], memories: int = 0, **attributes: Any) -> None:
        super().__init__(0.1)
        self.make, self.count = make, memories
        self.__dict__.update(attributes)

    @property
    def memories(self) -> int:
        return self.count

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        return self.make(self, lr, step, sqrt)


def at_milestones(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    rate = lr / 4 if step in self.milestones else lr
    return lambda x, g: (x - rate * g,)


def by_table(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    rate = lr * dict(self.milestones).get(step, 1.0)
    return lambda x, g: (x - rate * g,)


def by_text(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    rate = lr / 4 if str(step) == "50" else lr
    return lambda x, g: (x - rate * g,)


def by_remainder(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    rate = lr if step % 51 != 50 else lr / 4
    return lambda x, g: (x - rate * g,)


def by_helper(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    shaped: Any = (lambda g: g) if step != 50 else (lambda g: g * abs(g))
    return lambda x, g: (x - lr * shaped(g),)


def restarted(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    def move(x: Any, g: Any, velocity: Any) -> Any:
        velocity = g if self.steps % 51 == 50 else 0.9 * velocity + g
        return x - lr * velocity, velocity

    return move


def counted(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    self.counts["t"] += 1
    rate = lr / self.counts["t"]
    return lambda x, g: (x - rate * g,)


def halved_at_times(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    if step % 51 == 50:
        self.share = self.share / 2
    return lambda x, g: (x - lr * self.share * g,)


def noisy(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    noise = random.gauss(0, 0.01)
    return lambda x, g: (x - lr * g + noise,)


def noisy_inside(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr * g + random.gauss(0, 0.01),)


def noisy_by_numpy(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr * g + np.random.normal(0, 0.01),)


def of_the_norm(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr * g / (sqrt(np.sum(g * g)) + 1e-3),)


def of_the_mean(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr * (g - np.mean(g)),)


def of_the_mean_state(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    """The state is 0 at first."""
    return lambda x, g, m: (x - lr * (g - np.mean(m)), 0.9 * m + 0.1 * g)


def of_the_number_of_parameters(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr / np.size(g) * g,)


def of_the_first(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr * (g + 1e-3 * np.ravel(g)[0]),)


def of_the_mean_at_some_steps(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    """The numbers hide it at the first step, and at the last one of each slice."""
    share = 0.0 if step % 2 or not step else 0.5
    return lambda x, g: (x - lr * (g - share * np.mean(g)),)


def of_the_norm_if_large(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    """No gradient alone is as large, nor are all of them after some steps."""
    return lambda x, g: (x - lr * g / autograd.max(1.0, sqrt(np.sum(g * g)) / 10.0),)


def of_powers(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr * abs(g) ** 0.3 * g,)


def of_tanh(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    return lambda x, g: (x - lr * np.tanh(g),)


def of_squares(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    two, half = 2, 0.5
    return lambda x, g: (x - 0.01 * lr * (g**2 + (g**two) ** half + (abs(g) + 1) ** -1 + abs(g) ** 0.5) * g,)


def of_its_own_steps(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    rate = lr / (1 + self.steps)
    return lambda x, g: (x - rate * g,)


def with_a_pole(self: Any, lr: float, step: int, sqrt: Any) -> Any:
    rate = lr / (1 + 1 / (step - 50) ** 2)
    return lambda x, g: (x - rate * g,)


RULES: dict[str, tuple[Callable[[], Any], str | None]] = {
    "milestones": (lambda: Rule(at_milestones, milestones=frozenset([50, 90])), ""),
    "table": (lambda: Rule(by_table, milestones=((50, 0.25), (90, 0.25))), ""),
    "text": (lambda: Rule(by_text), ""),
    "remainder": (lambda: Rule(by_remainder), ""),
    "helper": (lambda: Rule(by_helper), None),
    "restarts": (lambda: Rule(restarted, 1), "its rule raises TypeError on Values: a rule that is recorded compares"),
    "counter": (lambda: Rule(counted, counts={"t": 0}), "its attribute counts is a dict"),
    "halved": (lambda: Rule(halved_at_times, share=1.0), "its rule changes the optimizer"),
    "draws": (lambda: Rule(noisy), "its rule draws random numbers"),
    "draws inside": (lambda: Rule(noisy_inside), "its rule draws random numbers"),
    "numpy draws": (lambda: Rule(noisy_by_numpy), "its rule draws random numbers"),
    "norm": (lambda: Rule(of_the_norm), "C does not compute what its rule does"),
    "mean": (lambda: Rule(of_the_mean), "C does not compute what its rule does"),
    "mean of the state": (lambda: Rule(of_the_mean_state, 1), "C does not compute what its rule does"),
    "number of parameters": (lambda: Rule(of_the_number_of_parameters), "C does not compute what its rule does"),
    "the first": (lambda: Rule(of_the_first), "C does not compute what its rule does"),
    "mean at times": (lambda: Rule(of_the_mean_at_some_steps), "C does not compute what its rule does"),
    "large norm": (lambda: Rule(of_the_norm_if_large), "C does not compute what its rule does"),
    "powers": (lambda: Rule(of_powers), "a power in its rule has other bits in NumPy than in C"),
    "tanh": (lambda: Rule(of_tanh), "tanh in its rule has other bits in C"),
    "squares": (lambda: Rule(of_squares), ""),
    "own steps": (lambda: Rule(of_its_own_steps), ""),
    "pole": (lambda: Rule(with_a_pole), None),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("batch_size", cases([3], campaign=[None, 1]))
def test_rules_that_do_something_else_at_a_step_or_to_arrays(name: str, batch_size: int | None) -> None:
    """Seen, wherever in a slice the step is: what happens at step 50 only is not seen after the last step of most."""
    make, why = RULES[name]
    xs, ys = rows(6), [a * b for a, b in rows(6)]

    def train() -> tuple[Any, Any, dict[str, Any]]:
        np.random.seed(3)
        return large(), make(), {"epochs": 110, "batch_size": batch_size, "seed": 1}

    model, optimizer, options = train()
    said = ""
    if name != "pole":
        said = fit(
            model, xs, ys, loss="mse", optimizer=optimizer, backend="c", progress=False, **options
        ).steps_in_python
        assert why is None or (said.startswith(why) if why else said == "")
    made = compared(train, xs, ys, why=said)
    assert ("ZeroDivisionError" in made.error) == (name == "pole")


@pytest.mark.parametrize("name", ["squares", "powers"])
def test_powers_of_floats_are_those_of_python(name: str) -> None:
    xs = rows(6)
    compared(
        lambda: (small(), RULES[name][0](), {"epochs": 300, "batch_size": 1, "seed": 1}), xs, [a * b for a, b in xs]
    )


def test_powers_of_numbers_beside_arrays_are_those_of_python() -> None:
    made = compared(lambda: (large(), Corrected(0.01), {"epochs": 300}), rows(6), [1.0] * 6)
    assert type(made.optimizer._memory[0]) is np.ndarray


def test_a_learning_rate_that_changes_the_optimizer() -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        def rate(step: int) -> float:
            optimizer.momentum = 0.9 if step % 51 < 50 else 0.1
            return 0.05

        optimizer = optim.SGD(rate, momentum=0.5)
        return large(), optimizer, {"epochs": 110}

    compared(make, rows(6), [1.0] * 6, why="its rule changes the optimizer, or its learning rate does")


class Decaying(optim.SGD):
    """A learning rate that is neither a number nor a function, but a property."""

    @property
    def lr(self) -> Any:
        return 0.1 / (1 + self.steps)

    @lr.setter
    def lr(self, value: Any) -> None:
        pass


@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_learning_rate_that_is_a_property_is_asked_for_each_step(batch_size: int | None) -> None:
    compared(lambda: (large(), Decaying(0.0), {"batch_size": batch_size, "seed": 0}), rows(6), [1.0] * 6)


_scale = 1.0
CHANGED = (
    "C does not compute what its rule does: that reads something which changes from step to step, or moves parameters "
    "by those of others"
)


@pytest.mark.slice
@pytest.mark.parametrize("model", [small, large])
@pytest.mark.parametrize("epoch", [0, 1, 5, 9])
def test_a_global_that_a_callback_changes_is_seen_in_the_rule(model: Any, epoch: int) -> None:
    def scaled(self: Any, lr: float, step: int, sqrt: Any) -> Any:
        return lambda x, g: (x - lr * _scale * g,)

    def make() -> tuple[Any, Any, dict[str, Any]]:
        def change(now: int, history: History) -> None:
            global _scale  # noqa: PLW0603  # what is tested
            _scale = 0.5 if now >= epoch else 1.0

        change(-1, History())
        return model(), Rule(scaled), {"callback": change}

    compared(make, rows(6), [1.0] * 6, why=CHANGED)


def test_a_rule_that_counts_outside_of_it() -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        count = 0

        class Counted(optim.Optimizer):
            def rule(self, lr: float, step: int, sqrt: Any) -> Any:
                nonlocal count
                count += 1
                rate = lr / count
                return lambda x, g: (x - rate * g,)

        return large(), Counted(0.1), {}

    compared(make, rows(6), [1.0] * 6, why="its rule changes count, which is outside of it")


_count = {"calls": 0}


def test_a_rule_that_counts_in_a_global_dictionary() -> None:
    def counted(self: Any, lr: float, step: int, sqrt: Any) -> Any:
        _count["calls"] += 1
        rate = lr / _count["calls"]
        return lambda x, g: (x - rate * g,)

    class Counted(optim.Optimizer):
        rule = counted

    def make() -> tuple[Any, Any, dict[str, Any]]:
        _count["calls"] = 0
        return large(), Counted(0.1), {}

    compared(make, rows(6), [1.0] * 6, why="its rule reads _count, a dict, which may change from step to step")


_rng = random.Random(0)
_of_numpy = np.random.default_rng(0)
_gauss = _rng.gauss


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (lambda self, lr, step, sqrt: partial_rule(lr * _rng.random()), "_rng, a Random"),
        (lambda self, lr, step, sqrt: partial_rule(lr * _of_numpy.random()), "_of_numpy, a Generator"),
        (lambda self, lr, step, sqrt: partial_rule(lr * _gauss(1.0, 0.1)), "_gauss, a method"),
    ],
)
def test_a_rule_that_draws_by_a_generator_of_its_own(rule: Any, what: str) -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        global _of_numpy  # noqa: PLW0603  # for the same numbers again
        _rng.seed(0)
        _of_numpy = np.random.default_rng(0)
        return large(), type("Drawing", (optim.Optimizer,), {"rule": rule})(0.1), {}

    compared(make, rows(6), [1.0] * 6, why=f"its rule reads {what}, which may change from step to step")


def partial_rule(rate: float) -> Any:
    return lambda x, g: (x - rate * g,)


@pytest.mark.parametrize("epoch", [0, 5])
def test_an_optimizer_that_a_callback_gives_another_rule(epoch: int) -> None:
    for change in (
        lambda optimizer: setattr(optimizer, "__class__", Halving),
        lambda optimizer: setattr(optimizer, "rule", lambda lr, step, sqrt: lambda x, g: (x - lr / 2 * g,)),
    ):

        def make(change: Any = change) -> tuple[Any, Any, dict[str, Any]]:
            optimizer = optim.SGD(0.1)

            def callback(now: int, history: History) -> None:
                if now == epoch:
                    change(optimizer)

            return large(), optimizer, {"callback": callback}

        compared(make, rows(6), [1.0] * 6)


class Halving(optim.SGD):
    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        return lambda x, g: (x - lr / 2 * g,)


def test_an_optimizer_that_a_callback_puts_into_a_group() -> None:
    def make() -> tuple[Any, Any, dict[str, Any]]:
        model = large()
        optimizer = optim.Groups((model.layers[0], optim.SGD(0.1)), (model, optim.SGD(0.1)))

        def change(epoch: int, history: History) -> None:
            if epoch == 3:
                optimizer.groups[0] = optimizer.groups[0][0], optim.SGD(0.01)

        return model, optimizer, {"callback": change}

    compared(make, rows(6), [1.0] * 6)


def test_other_reasons() -> None:
    xs = rows(4)
    options: dict[str, Any] = {"loss": "mse", "optimizer": optim.SGD(0.1), "epochs": 3, "progress": False}
    for backend in ("python", "numpy", "eager"):
        assert fit(small(), xs, [1.0] * 4, backend=backend, **options).steps_in_python == f"the backend is '{backend}'"


def test_batches_that_c_computes_in_slices_are_steps_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between these slices Ctrl-C is answered."""
    monkeypatch.setattr(c, "_TERMS_OF_A_CALL", 1)
    why = "a batch takes so long that it is computed in slices"
    compared(lambda: (large(), optim.Adam(0.05), {}), rows(20), [1.0] * 20, why=why)
    compared(lambda: (large(), optim.Adam(0.05), {"batch_size": 4, "seed": 1}), rows(20), [1.0] * 20)


def test_a_compiler_that_fails_leaves_the_steps_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise CompilerError("no memory")

    monkeypatch.setattr(steps_in_c, "built", fails)
    why = "the optimizer's rule cannot be compiled: no memory"
    compared(lambda: (large(), optim.Adam(0.05), {}), rows(5), [1.0] * 5, why=why)


# ------------------------------------------------------------------------------------------------ mistakes are caught


def plant(wrong: str, right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the printed source of the loop.

    Raises, when it is printed:
        LookupError: it does not have this text. (An AssertionError would pass for the mistake that was caught.)
    """
    printed = loop_in_c.loop_source

    def mistaken(rules: Any) -> tuple[str, list[int]]:
        source, kinds = printed(rules)
        if wrong not in source:
            raise LookupError(f"the printed source has no {wrong!r}")
        return source.replace(wrong, right), kinds

    monkeypatch.setattr(steps_in_c, "loop_source", mistaken)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("v9 - v14", "v9 + v14"),  # of the update
        ("updates[r->kind](run[1],", "updates[r->kind](run[1] - 1,"),  # of the last parameter
        ("pow(c[1]", "pow(c[3]"),  # of the numbers of a step
        ("s->now + behind", "s->next + behind"),  # of the loop
        ("r->step + (double)s->done", "r->step"),
        ("+ batch[1], n, of->x_size", ", n, of->x_size"),  # of the batches
        ("g + run[0]", "g - 1 + run[0]"),
        ("total += ", "total += 1e-9 + "),  # of the norm
        ("norm + 1e-6", "norm"),
        ("share > 1.0", "share > 0.5"),
    ],
)
def test_a_mistake_in_the_printed_source_is_caught(wrong: str, right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the comparison with the rule, so that nothing wrong is kept; of batches, and at some steps, by this file."""

    def make() -> tuple[Any, Any, dict[str, Any]]:
        return large(), optim.Adam(0.05, betas=(0.5, 0.75), clip_norm=0.05), {"batch_size": 2, "seed": 0, "epochs": 20}

    plant(wrong, right, monkeypatch)
    if "batch" in wrong or "share" in wrong:
        with pytest.raises(AssertionError):
            compared(make, rows(7), [a + b for a, b in rows(7)])
    elif wrong.startswith(("pow", "r->step")):  # Python computes the numbers then
        compared(make, rows(7), [a + b for a, b in rows(7)])
    else:
        why = compared_reason(make)
        assert why.startswith("C does not compute what its rule does")


@pytest.mark.parametrize(
    ("wrong", "right"), [("+= n * of->draws;", "+= of->draws;"), ("a[3] = s->drawn;", "a[3] = s->drawn + 1;")]
)
def test_a_mistake_in_what_is_drawn_is_caught(wrong: str, right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(wrong, right, monkeypatch)
    with pytest.raises(AssertionError):
        compared(lambda: (Noisy(), optim.SGD(0.1), {}), rows(4), [1.0] * 4)


def compared_reason(make: Callable[[], tuple[Any, Any, dict[str, Any]]]) -> str:
    model, optimizer, options = make()
    xs = rows(7)
    history = fit(model, xs, [1.0] * 7, loss="mse", optimizer=optimizer, backend="c", progress=False, **options)
    compared(make, xs, [1.0] * 7, why=history.steps_in_python)
    return history.steps_in_python


def test_a_rule_is_printed_without_the_numbers_of_its_optimizer() -> None:
    """So all optimizers of a kind share a library."""
    one, other = (
        rule_in_c(optimizer, arrays=True)
        for optimizer in (optim.AdamW(0.1), optim.Adam(falling, betas=(0.5, 0.25), eps=1.0))
    )
    assert (one.update, one.numbers) == (other.update, other.numbers)
    assert one.constants != other.constants
    assert rule_in_c(optim.SGD(0.1, momentum=0.5), arrays=True).update != rule_in_c(optim.SGD(0.1), arrays=True).update
