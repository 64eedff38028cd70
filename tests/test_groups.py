"""Optimizers of their own for parts of a model: each moves its part as it would alone, in loops and in `fit`."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from interrupts import interrupted
from needs import FIT_BACKENDS

from autograd import TrainingWarning, Value, fit, nn, optim
from autograd.optim import SGD, Adam, AdamW, Groups, Optimizer


def falling(step: int) -> float:
    return 0.1 / (1 + step)


class Coder(nn.Module):
    """An encoder between two other parts: the parameters of the group in the middle, and around it, are in two runs."""

    def __init__(self) -> None:
        rng = random.Random(0)
        self.scale = Value(0.9)
        self.encoder = nn.Layer(2, 3, "tanh", rng=rng)
        self.head = nn.Layer(3, 1, "linear", rng=rng)

    def __call__(self, x: Any) -> Any:
        return self.head(self.encoder(x)) * self.scale


XS = [[0.5, -1.0], [1.0, 2.0], [-0.75, 0.25], [0.0, 1.5], [2.0, -0.5]]
YS = [0.5, -1.0, 0.25, 1.0, -0.5]
MADE: dict[str, tuple[Callable[[], Optimizer], Callable[[], Optimizer]]] = {
    "rates": (lambda: SGD(0.01), lambda: SGD(0.1)),
    "kinds": (lambda: SGD(0.05, momentum=0.9), lambda: AdamW(0.02)),
    "functions of the step": (lambda: Adam(falling), lambda: SGD(falling, clip_norm=0.1)),
    "frozen by a rate of 0": (lambda: SGD(0.0), lambda: Adam(0.05, clip_norm=0.5)),
}


def data(model: nn.Module) -> list[float]:
    return [p.data for p in model.parameters()]


def backward(model: Any) -> None:
    model.zero_grad()
    for x, y in zip(XS, YS, strict=True):
        ((model(x) - y) ** 2).backward()


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("make", [None, list, np.array])
def test_each_optimizer_moves_its_group_as_it_would_alone(name: str, make: Any) -> None:
    inner, rest = MADE[name]
    ours, alone = Coder(), Coder()
    optimizer, first, second = Groups((ours.encoder, inner()), (ours, rest())), inner(), rest()
    numbers = make and make(data(ours))
    if make:
        optimizer.attach(ours.parameters())
    for _ in range(4):
        backward(ours)
        if make:
            numbers = optimizer.update(numbers, make([p.grad for p in ours.parameters()]))
            assert type(numbers) is type(make([]))
            for p, x in zip(ours.parameters(), numbers, strict=True):
                p.data = x
        else:
            optimizer.step(ours.parameters())
        backward(alone)
        first.step(alone.encoder.parameters())
        second.step([alone.scale, *alone.head.parameters()])
        assert data(ours) == data(alone)
    assert optimizer.steps == 4


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS)
@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_fit_gives_every_backend_the_numbers_of_a_loop(backend: str, batch_size: int | None) -> None:
    model, by_hand = Coder(), Coder()
    make = [SGD(0.05, momentum=0.9), AdamW(falling, clip_norm=0.2)]
    optimizer = Groups((model.encoder, copy.copy(make[0])), (model, copy.copy(make[1])), clip_norm=0.5)
    options: dict[str, Any] = {"loss": nn.mse, "seed": 0, "progress": False, "batch_size": batch_size}
    history = fit(model, XS, YS, optimizer=optimizer, epochs=3, backend=backend, **options)
    expected = fit(
        by_hand,
        XS,
        YS,
        optimizer=Groups(([by_hand.encoder], make[0]), ([by_hand.scale, [by_hand.head]], make[1]), clip_norm=0.5),
        epochs=3,
        backend="eager",
        **options,
    )
    assert optimizer.steps == len(history.losses) * math.ceil(len(XS) / (batch_size or len(XS)))
    assert history.losses == pytest.approx(expected.losses, rel=1e-12)
    assert data(model) == pytest.approx(data(by_hand), rel=1e-12)
    if batch_size == 1:  # larger batches may be added in another order
        assert history.losses == expected.losses and data(model) == data(by_hand)
    fit(model, XS, YS, optimizer=optimizer, epochs=1, backend=backend, **options)  # goes on
    assert optimizer.groups[0][1].steps == optimizer.steps


def test_the_vector_of_all_gradients_is_clipped_before_those_of_the_groups() -> None:
    x, y = Value(0.0), Value(0.0)
    x.grad, y.grad = 3.0, 4.0
    Groups((x, SGD(1.0)), (y, SGD(1.0, clip_norm=0.2)), clip_norm=1.0).step([x, y])
    assert (x.data, y.data) == pytest.approx((-0.6, -0.2), rel=1e-5)
    x.data = y.data = 0.0
    Groups((x, SGD(1.0)), (y, SGD(1.0))).step([x, y])
    assert (x.data, y.data) == (-3.0, -4.0)


@pytest.mark.parametrize("frozen", ["encoder", "head"])
def test_a_frozen_part_is_left_alone(frozen: str) -> None:
    model = Coder()
    part = getattr(model, frozen)
    part.freeze()
    before = [p.data for p in [*part.neurons[0].w, part.neurons[0].b]]
    optimizer = Groups((model.encoder, Adam(0.1)), (model, Adam(0.1)))
    for backend in FIT_BACKENDS:
        fit(model, XS, YS, loss="mse", optimizer=optimizer, epochs=2, progress=False, backend=backend)
    backward(model)
    optimizer.step(model.parameters())
    assert [p.data for p in [*part.neurons[0].w, part.neurons[0].b]] == before
    assert optimizer.steps == 2 * len(FIT_BACKENDS) + 1 and data(model) != data(Coder())
    part.unfreeze()
    if part is model.head:  # the optimizer of the encoder had none
        with pytest.raises(ValueError, match=r"holds state for other .* optimizer\.follow\(model\.parameters\(\)\)"):
            optimizer.step(model.parameters())
        optimizer.follow(model.parameters())
    backward(model)
    optimizer.step(model.parameters())
    assert [p.data for p in [*part.neurons[0].w, part.neurons[0].b]] != before


@pytest.mark.parametrize("backend", ["eager", "python"])
def test_a_group_follows_a_model_that_a_callback_changes(backend: str) -> None:
    model = nn.Sequential(nn.Layer(2, 2, "tanh", rng=random.Random(0)), nn.Layer(2, 1, "linear", rng=random.Random(1)))
    optimizer = Groups((model.modules[0], Adam(0.05)), (model, SGD(0.1, momentum=0.5)))

    def wider(epoch: int, history: Any) -> None:
        if epoch == 1:
            model.modules.insert(1, nn.Layer(2, 2, "tanh", rng=random.Random(2)))

    fit(model, XS, YS, loss="mse", optimizer=optimizer, epochs=4, callback=wider, progress=False, backend=backend)
    first, second = (kind for _, kind in optimizer.groups)
    assert [len(column) for column in first.state()["_memory"]] == [6, 6]
    assert [len(column) for column in second.state()["_memory"]] == [3 + 6]
    assert second.steps == optimizer.steps == 4


def test_a_state_can_be_restored() -> None:
    model = Coder()
    optimizer = Groups((model.encoder, Adam(0.1)), (model, SGD(falling, momentum=0.5)))
    optimizer.attach(model.parameters())
    numbers, gradients = data(model), [1.0] * len(data(model))
    optimizer.update(numbers, gradients)
    state = optimizer.state()
    second = optimizer.update(numbers, gradients)
    assert optimizer.update(numbers, gradients) != second
    optimizer.restore(state)
    assert optimizer.steps == 1 and optimizer.update(numbers, gradients) == second
    optimizer.reset()
    assert [kind.steps for _, kind in optimizer.groups] == [0, 0] and optimizer.steps == 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_of_model_and_optimizer_goes_on(copied: Any) -> None:
    model = Coder()
    optimizer = Groups((model.encoder, Adam(0.1)), (model, SGD(0.1, momentum=0.5)))
    twin, its = copied((model, optimizer))
    for one, kind in ((model, optimizer), (twin, its)):
        for _ in range(3):
            backward(one)
            kind.step(one.parameters())
    assert data(twin) == data(model) != data(Coder()) and its.steps == 3
    going, on = copied((model, optimizer))  # in the middle
    for one, kind in ((model, optimizer), (going, on)):
        backward(one)
        kind.step(one.parameters())
    assert data(going) == data(model) != data(twin)
    assert [kind.steps for _, kind in on.groups] == [4, 4]


def test_ctrl_c_at_any_time_leaves_groups_and_parameters_together() -> None:
    for at in itertools.count(1, 5):
        xs = [Value(1.0), Value(2.0)]
        optimizer = Groups((xs[0], Adam(0.5)), (xs[1], SGD(0.5)))
        for x in xs:
            x.grad = 1.0
        over = not interrupted(functools.partial(optimizer.step, xs), at)
        moved = [x.data != start for x, start in zip(xs, [1.0, 2.0], strict=True)]
        assert moved == [kind.steps == 1 for _, kind in optimizer.groups] == [optimizer.steps == 1] * 2
        if over:
            break
    assert moved == [True, True]


def test_an_error_moves_nothing() -> None:
    def bad(step: int) -> float:
        return math.nan

    xs = [Value(1.0), Value(2.0)]
    xs[0].grad = 1.0
    optimizer = Groups((xs[0], SGD(0.5)), (xs[1], SGD(bad)))
    with pytest.raises(ValueError, match="a learning rate is a finite number from 0, got nan at step 0"):
        optimizer.step(xs)
    assert [x.data for x in xs] == [1.0, 2.0] and optimizer.steps == optimizer.groups[0][1].steps == 0


def test_mistakes_are_explained() -> None:
    model: Any = Coder()
    wrong: list[tuple[Any, type[Exception], str]] = [
        (Groups, TypeError, r"takes one pair or more: optim\.Groups\(\(model\.encoder, "),
        (lambda: Groups(model, SGD(0.1)), TypeError, r"a group is a pair \(part, optimizer\), got Coder"),  # type: ignore[arg-type]
        (lambda: Groups([model, SGD(0.1)]), TypeError, "a group is a pair"),  # type: ignore[arg-type]
        (lambda: Groups({"params": model.parameters(), "lr": 0.1}), TypeError, "a group is a pair"),  # type: ignore[arg-type]
        (lambda: Groups((model, SGD)), TypeError, r"the class SGD: make one of it, such as SGD\(lr=0\.1\)"),  # type: ignore[arg-type]
        (lambda: Groups((model, Groups((model, SGD(0.1))))), TypeError, "not optim.Groups itself"),
        (lambda: Groups((model, "adamm")), ValueError, "no optimizer 'adamm'"),
        (lambda: Groups(("encoder", SGD(0.1))), TypeError, r"a part in optim\.Groups is .* got str 'encoder'"),
        (lambda: Groups((Coder, SGD(0.1))), TypeError, r"a part in optim\.Groups is .* got .*class .*Coder"),
        (lambda: Groups((model, SGD(0.1)), clip_norm=0.0), ValueError, "clip_norm is a positive number"),
        (lambda: Groups((model, SGD(0.1))).step(), TypeError, r"write optimizer\.step\(model\.parameters\(\)\)"),  # type: ignore[call-arg]
        (lambda: Groups((model, SGD(0.1))).lr, AttributeError, r"write optimizer\.groups\[0\]\[1\]\.lr$"),
        (lambda: Groups((model, SGD(0.1))).update([0.1], [0.1]), ValueError, r"call attach\(parameters\) before"),
        (lambda: optim.SGD([{"params": model.parameters()}], lr=0.1), TypeError, r"other parts, optim\.Groups\(\("),  # type: ignore[misc, arg-type]
    ]
    for make, error, said in wrong:
        with pytest.raises(error, match=said):
            make()
    same = SGD(0.1)
    with pytest.raises(ValueError, match="an optimizer of its own"):
        Groups((model.encoder, same), (model, same))
    with pytest.raises(ValueError, match=r"all parameters of group 2 are in groups before it: .* put a part before"):
        Groups((model, SGD(0.1)), (model.encoder, SGD(0.1))).step(model.parameters())
    model.head.neurons[0].b.label = "the bias"
    lost = Groups(([model.encoder, model.scale, model.head.neurons[0].w], SGD(0.1)))
    with pytest.raises(ValueError, match=r"^'the bias' is in no group: add a last group for the rest"):
        lost.step(model.parameters())
    with pytest.raises(ValueError, match=r"^'scale' and 4 others are in no group"):
        fit(model, XS, YS, loss="mse", optimizer=Groups((model.encoder, "sgd")), epochs=1)
    attached = Groups((model, Adam(0.1)))
    attached.attach(model.parameters())
    with pytest.raises(ValueError, match=r"the groups have 14 parameters, got 2: call attach"):
        attached.update([0.1, 0.2], [0.1, 0.2])
    attached.update(data(model), data(model))
    with pytest.raises(ValueError, match="holds state for other parameters"):
        attached.step(model.encoder.parameters())


def test_reset_forgets_which_parameter_is_in_which_group() -> None:
    model = Coder()
    optimizer = Groups((model.encoder, SGD(0.0)), (model, SGD(0.1)))
    backward(model)
    optimizer.step(model.parameters())
    optimizer.reset()
    with pytest.raises(ValueError, match=r"call attach\(parameters\) before"):
        optimizer.update(data(model), data(model))
    optimizer.groups[0] = (model.head, optimizer.groups[0][1])
    before = [p.data for p in model.head.parameters()]
    optimizer.step(model.parameters())
    assert [p.data for p in model.head.parameters()] == before


@pytest.mark.parametrize("part", [lambda model: model.encoder, lambda model: [model.head.neurons[0].w, model.scale]])
def test_a_group_of_another_model_is_named(part: Any) -> None:
    model = Coder()
    other = copy.deepcopy(model)
    optimizer = Groups((part(model), SGD(0.01)), (other, SGD(0.1)))
    backward(other)
    said = r"group 1 of optim\.Groups holds no parameter .* copy\.deepcopy\(\(model, optimizer\)\)"
    with pytest.warns(TrainingWarning, match=said) as heard:
        optimizer.step(other.parameters())
        optimizer.step(other.parameters())
    assert len(heard) == 1 and heard[0].filename == __file__
    with pytest.warns(TrainingWarning, match=said) as heard:
        fit(other, XS, YS, loss="mse", optimizer=optimizer, epochs=1, progress=False, backend="python")
    assert len(heard) == 1 and heard[0].filename == __file__


def test_how_it_reads() -> None:
    model = Coder()
    text = repr(Groups((model.encoder, SGD(0.1)), ([model.head], Adam())))
    assert text.startswith("Groups((Layer, SGD(lr=0.1, ") and "(list, Adam(lr=0.001, " in text
    optimizer = Groups((model.encoder, "adam"), (model, SGD(0.1)))
    optimizer.groups[0][1].lr = 0.5
    assert optimizer.groups[0][1].rate() == 0.5


@pytest.mark.parametrize("first", ["encoder", "head"])
def test_the_rest_of_a_model_may_be_frozen(first: str) -> None:
    model, alone = Coder(), Coder()
    part = getattr(model, first)
    optimizer = Groups((part, Adam(0.1)), (model, SGD(0.01)))
    for each in (model, alone):
        each.freeze()
        getattr(each, first).unfreeze()
    fit(model, XS, YS, loss="mse", optimizer=optimizer, epochs=3, progress=False)
    fit(alone, XS, YS, loss="mse", optimizer=Adam(0.1), epochs=3, progress=False)
    assert data(model) == data(alone)
    model.unfreeze()
    optimizer.follow(model.parameters())
    before = model.scale.data
    fit(model, XS, YS, loss="mse", optimizer=optimizer, epochs=3, progress=False)
    assert model.scale.data != before
