"""Optimizers that read the parameters of the model, or their gradients, see those of the step in every backend."""

from __future__ import annotations

import functools
import itertools
import math
import random
import struct
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from needs import need_compiler

from autograd import History, Value, fit, nn, optim
from autograd.training import run
from autograd.training.reads import may_read

pytestmark = pytest.mark.filterwarnings("ignore::autograd.errors.TrainingWarning")  # what is trained need not learn

X, Y = [0.5, -1.0], 0.75
STEPS = 20
READS = "its learning rate or its rule may read the parameters, or their gradients, before each step"
here = SimpleNamespace()  # a global that holds the model


def made() -> nn.MLP:
    model = here.model = nn.MLP(2, [3, 1], "tanh", rng=random.Random(1))
    return model


def rate_of(parameters: Any) -> float:
    norm: float = sum(abs(p.data) for p in parameters)
    return 0.1 / (1.0 + norm)


class Schedule:
    def __init__(self, kept: Any) -> None:
        self.kept = kept

    def __call__(self, step: int) -> float:
        return rate_of(self.kept.parameters() if isinstance(self.kept, nn.Module) else self.kept)


def generated(model: Any) -> Iterator[float]:
    while True:
        yield rate_of(model.parameters())


def taken_from(rates: Iterator[float]) -> Callable[[int], float]:
    return lambda step: next(rates)


def of_reference(ref: Any, step: int) -> float:
    return rate_of(ref().parameters())


def with_default(model: Any) -> Callable[[int], float]:
    def rate(step: int, kept: Any = model) -> float:
        return rate_of(kept.parameters())

    return rate


class OwnRate(optim.SGD):
    """Which knows its parameters by the references that tie it to them."""

    def rate(self) -> float:
        return rate_of([known() for known in self._known or ()])


class OwnUpdate(optim.SGD):
    def __init__(self, model: Any) -> None:
        super().__init__(0.1, momentum=0.5)
        self.model = model

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        return super().rule(rate_of(self.model.parameters()), step, sqrt)


READING: dict[str, Callable[[Any], Any]] = {
    "closure": lambda model: optim.SGD(lambda step: rate_of(model.parameters())),
    "a list": lambda model: optim.SGD(Schedule(model.parameters())),
    "a method": lambda model: optim.Adam(Schedule(model).__call__),
    "a partial": lambda model: optim.SGD(functools.partial(lambda m, step: rate_of(m.parameters()), model)),
    "a global": lambda model: optim.SGD(lambda step: rate_of(here.model.parameters())),
    "a generator": lambda model: optim.SGD(taken_from(generated(model))),
    "a default": lambda model: optim.SGD(with_default(model)),
    "weakly": lambda model: optim.SGD(functools.partial(of_reference, weakref.ref(model))),
    "globals()": lambda model: optim.SGD(lambda step: rate_of(globals()["here"].model.parameters())),
    "gradients": lambda model: optim.SGD(
        lambda step: 0.1 / (0.1 + math.sqrt(sum(p.grad**2 for p in model.parameters())))
    ),
    "a rule": OwnUpdate,
    "in a group": lambda model: optim.Groups((model.layers[0], optim.SGD(Schedule(model))), (model, optim.Adam())),
}


def by_hand(optimizer: Any, model: Any) -> None:
    for _ in range(STEPS):
        model.zero_grad()
        nn.mse(model(X), Value(Y)).backward()
        optimizer.step(model.parameters())


def bits(model: Any) -> bytes:
    numbers = [p.data for p in model.parameters()]
    return struct.pack(f"{len(numbers)}d", *numbers)


@pytest.mark.parametrize("backend", ["c", "numpy", "python", "eager"])
@pytest.mark.parametrize("name", READING)
def test_what_reads_parameters_sees_those_of_the_step(name: str, backend: str) -> None:
    if backend == "c":
        need_compiler()
    model, twin = made(), made()
    here.model = model
    optimizer = READING[name](model)
    history = fit(model, [X], [Y], loss="mse", optimizer=optimizer, epochs=STEPS, backend=backend, progress=False)
    here.model = twin
    by_hand(READING[name](twin), twin)
    assert bits(model) == bits(twin)
    assert history.steps_in_python == (READS if backend == "c" else f"the backend is {backend!r}")
    assert {p.grad for p in model.parameters()} == {0.0}


def test_the_numbers_are_others_where_nobody_notices_that_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the tests above would fail."""
    monkeypatch.setattr(run, "may_read", lambda *_: False)
    for backend in ("numpy", "python"):
        with pytest.raises(AssertionError):
            test_what_reads_parameters_sees_those_of_the_step("closure", backend)


def test_a_callback_that_sets_a_rate_that_reads_ends_the_steps_in_c() -> None:
    need_compiler()
    model, twin = made(), made()
    optimizer, other = optim.SGD(0.1, momentum=0.5), optim.SGD(0.1, momentum=0.5)

    def change(epoch: int, history: History) -> None:
        if epoch == 4:
            optimizer.lr = Schedule(model)

    options: dict[str, Any] = {"loss": "mse", "epochs": STEPS, "backend": "c", "progress": False}
    history = fit(model, [X], [Y], optimizer=optimizer, callback=change, **options)
    assert history.steps_in_python == READS
    calls = itertools.count()
    other.lr = lambda step: 0.1 if next(calls) < 5 else rate_of(twin.parameters())
    by_hand(other, twin)
    assert bits(model) == bits(twin)


def constant_and_time(step: int) -> float:
    return 0.1 * (1 - min(step, STEPS) / STEPS)


def cosine(step: int) -> float:
    from math import cos  # noqa: PLC0415  # what is tested

    return 0.1 * cos(step * np.pi / 200)


class Counted:
    def __init__(self) -> None:
        self.calls, self.best = 0, [math.inf]

    def __call__(self, step: int) -> float:
        self.calls += 1
        return 0.1 / self.calls


class ByItsSteps(optim.SGD):
    def rate(self) -> float:
        return 0.1 / (1 + self.steps)


def numbers() -> Iterator[float]:
    while True:
        yield from (0.1, 0.2)


OTHERS: dict[str, Callable[[], Any]] = {
    "a number": lambda: optim.SGD(0.1, momentum=0.5),
    "a function": lambda: optim.Adam(constant_and_time),
    "cosine": lambda: optim.SGD(cosine),
    "an object": lambda: optim.SGD(Counted()),
    "an iterator": lambda: optim.SGD(taken_from(itertools.cycle([0.1, 0.2]))),
    "a generator": lambda: optim.SGD(taken_from(numbers())),
    "a draw": lambda: optim.SGD(lambda step: random.random() / 10),
    "its steps": lambda: ByItsSteps(0.1),
    "another model": lambda: optim.SGD(Schedule([Value(0.01)])),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_rates_are_asked_in_advance(name: str) -> None:
    need_compiler()
    model = made()
    options: dict[str, Any] = {"loss": "mse", "optimizer": OTHERS[name](), "epochs": STEPS, "backend": "c"}
    assert fit(model, [X], [Y], progress=False, **options).steps_in_python == ""


_variable: ContextVar[Any] = ContextVar("model")


@functools.wraps(math.cos)
def cosine_of_global(step: int) -> float:
    return rate_of(here.model.parameters())


def of_a_module(module: Any) -> Any:
    """Return rates that find the model in a module: through a closure, by a name in parts, and by one of several."""
    space = {"rate_of": rate_of, "module": module}
    exec(  # without __name__, as in some shells: what is defined says that it is of builtins
        "class Rate:\n    def __call__(self, step): return rate_of(module.net.parameters())\n"
        "def by_parts(step): return rate_of(getattr(module, 'n' + step).parameters())\n"
        "def by_one(step): return [getattr(module, name) for name in ('net', 'other')]\n",
        space,
    )
    return [lambda step: rate_of(module.net.parameters()), space["Rate"](), space["by_parts"], space["by_one"]]


def test_what_leads_to_parameters() -> None:
    model = made()
    parameters = model.parameters()
    array = np.array(parameters, dtype=object)
    result = parameters[0] * 2.0
    _variable.set(model)
    module = ModuleType("of_a_user")
    vars(module)["net"] = model
    for leads in (
        *of_a_module(module),
        cosine_of_global,
        Schedule(weakref.proxy(model)),
        lambda step: array[0].data,
        lambda step: result.data,
        lambda step: _variable.get().layers,
        lambda step: getattr(here, "model"),  # noqa: B009  # a name that is written as text
        functools.lru_cache(lambda step: model),
        {"a": [(parameters[3],)]}.get,
    ):
        assert may_read(optim.SGD(leads), parameters)
    held = optim.Groups((model, optim.SGD(0.1)))
    assert not may_read(held, parameters)
    held.own = model  # type: ignore[attr-defined]  # as a subclass may
    assert may_read(held, parameters)
    assert may_read(type("Own", (optim.SGD,), {"rate": lambda self: rate_of(here.model.parameters())})(0.1), parameters)
    assert not may_read(optim.SGD(lambda step: Value(0.5).data), parameters)
    many = [[] for _ in range(20_000)]  # type: ignore[var-annotated]
    assert may_read(optim.SGD(lambda step: len(many)), parameters)  # too much to search


def test_own_rate_by_its_references() -> None:
    model = made()
    fitted = OwnRate(0.1, momentum=0.5)
    fit(model, [X], [Y], loss="mse", optimizer=fitted, epochs=STEPS, backend="numpy", progress=False)
    twin = made()
    other = OwnRate(0.1, momentum=0.5)
    other.attach(twin.parameters())
    by_hand(other, twin)
    assert bits(model) == bits(twin)
