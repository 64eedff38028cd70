"""Modules that are called: by `forward`, too, and in the mode of training or not, which `fit` and `predict` set."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

import pytest
from interrupts import interrupted

from autograd import Value, draws, fit, modes, nn, optim, staleness
from autograd.contexts import in_own_context, setting
from autograd.modes import training_mode
from autograd.samples.recording import refuse_kept


class Doubling(nn.Module):
    def __init__(self) -> None:
        self.w = Value(2.0)

    def forward(self, x: Any) -> Any:
        return self.w * x


class Slotted(nn.Module):
    __slots__ = ("w",)

    def __init__(self) -> None:
        self.w = Value(2.0)


class SlottedByName(nn.Module):
    __slots__ = "w"  # noqa: PLC0205  # Python takes it

    def __init__(self) -> None:
        self.w = Value(2.0)


class SlottedFurther(Slotted):
    __slots__ = ("b",)


class SlottedWithHelp(nn.Module):
    __slots__ = {"w": "the weight"}

    def __init__(self) -> None:
        self.w = Value(2.0)


class Abstract(nn.Module, ABC):
    @abstractmethod
    def forward(self, x: Any) -> Any: ...


class Concrete(Abstract):
    def __init__(self) -> None:
        self.w = Value(2.0)

    def forward(self, x: Any) -> Any:
        return self.w * x


@dataclasses.dataclass
class Fields(nn.Module):
    w: Any = dataclasses.field(default_factory=lambda: Value(2.0))


@dataclasses.dataclass(frozen=True)
class FrozenFields(nn.Module):
    w: Any = dataclasses.field(default_factory=lambda: Value(2.0))


@dataclasses.dataclass(slots=True)
class SlottedFields(nn.Module):
    w: Any = dataclasses.field(default_factory=lambda: Value(2.0))


class Listed(nn.Module, list[Any]):
    pass


class Delegating(nn.Module):
    """A module that passes names on to another, which is in training."""

    __slots__ = ("inner",)

    def __init__(self) -> None:
        self.inner = Doubling()

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # as copies ask before they have it
            raise AttributeError(name)
        return getattr(self.inner, name)


KINDS = [
    *(Doubling, Slotted, SlottedByName, SlottedFurther, SlottedWithHelp, Concrete, Fields, FrozenFields),
    *(SlottedFields, Listed, Delegating, lambda: nn.Neuron(2), lambda: nn.MLP(2, [2, 1])),
]


# ------------------------------------------------------------------------------------------------------------- forward


def test_forward_is_called() -> None:
    model = Doubling()
    assert model(3.0).data == model.forward(3.0).data == 6.0
    assert model(x=3.0).data == 6.0
    history = fit(model, [1.0, 2.0], [3.0, 6.0], loss="mse", optimizer=optim.SGD(0.1), epochs=50, progress=False)
    assert history.losses[-1] < 1e-6
    assert model.predict([2.0]) == pytest.approx([6.0])


def test_forward_of_a_subclass_goes_before_the_call_of_its_base() -> None:
    class Residual(nn.MLP):
        def forward(self, xs: Any) -> Any:
            return [x + y for x, y in zip(xs, super().__call__(xs))]

    model, twin = Residual(2, [2]), nn.MLP(2, [2])
    for p, q in zip(model.parameters(), twin.parameters()):
        q.data = p.data
    assert [y.data for y in model([1.0, 2.0])] == [x + y.data for x, y in zip([1.0, 2.0], twin([1.0, 2.0]))]


def test_a_forward_from_elsewhere_is_called() -> None:
    class Forward:
        def forward(self, x: float) -> float:
            return x + 1

    class Mixed(Forward, nn.Module):
        pass

    assert Mixed()(1.0) == 2.0
    model: Any = Mixed()
    model.forward = lambda x: x + 2
    assert model(1.0) == 3.0


def test_a_module_that_computes_nothing_says_what_to_define() -> None:
    class Nothing(nn.Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

    said = r"^Nothing cannot be called: define Nothing\.__call__\(self, x\), which returns the outputs of x$"
    with pytest.raises(TypeError, match=said):
        Nothing()(1.0)
    with pytest.raises(TypeError, match=said):
        Nothing().predict([[1.0]])
    with pytest.raises(TypeError, match=said):
        fit(Nothing(), [[1.0]], [1.0], loss="mse", optimizer="sgd", epochs=1, progress=False)


def test_an_abstract_module_is_not_made() -> None:
    assert Concrete()(3.0).data == 6.0
    with pytest.raises(TypeError, match="abstract"):
        Abstract()  # type: ignore[abstract]


# ---------------------------------------------------------------------------------------------------------------- mode


@pytest.mark.parametrize("make", KINDS)
def test_a_mode_is_remembered_and_copied(make: Any) -> None:
    model = make()
    assert model.training
    assert model.eval() is model
    assert not model.training
    twins = [copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    assert [twin.training for twin in twins] == [False] * 3
    assert twins[0].train() is twins[0]
    assert twins[0].training and not model.training
    model.train()
    assert model.training and not twins[1].training
    assert make().training


def test_a_mode_adds_nothing_to_what_a_module_holds() -> None:
    model = Doubling().eval()
    assert [name for name, _ in model.named_parameters()] == ["w"]
    assert repr(Slotted().eval()) == "Slotted with 1 parameter: 1 in w"


def test_slots_still_refuse_other_names() -> None:
    models: list[Any] = [Slotted(), SlottedByName(), SlottedFurther(), nn.Neuron(2)]
    for model in models:
        with pytest.raises(AttributeError):
            model.typo = 1.0


def test_classes_with_and_without_slots_go_together() -> None:
    class Mixin(nn.Module):
        __slots__ = ()

    class Both(Mixin, Slotted):
        __slots__ = ("c",)

    assert not Both().eval().training
    with pytest.raises(TypeError, match=r"^Mixin has no room to remember training: delete its __slots__ = \(\)$"):
        Mixin().eval()
    assert Mixin().train().training


class Deep(nn.Module):
    def __init__(self, inner: Any) -> None:
        self.inner, self.table = [inner], {"a": Slotted()}

    def parameters(self) -> list[Value]:
        return []


def test_the_mode_is_that_of_all_modules_inside() -> None:
    inner = nn.MLP(2, [2])
    model = nn.Sequential(Deep(inner))
    model.eval()
    parts: list[Any] = [model, model.modules[0], inner, inner.layers[0], inner.layers[0].neurons[1]]
    assert not any(part.training for part in parts)
    inner.train()
    assert [part.training for part in parts] == [False, False, True, True, True]
    model.training = True
    assert [part.training for part in parts] == [True, False, True, True, True]


def test_a_context_goes_before_what_models_have_set() -> None:
    one, other = Doubling(), Doubling().eval()
    with training_mode(False):
        assert not one.training
        with training_mode(True):
            assert other.training
        assert not one.training
    assert one.training and not other.training


def test_a_context_is_that_of_a_thread() -> None:
    model, seen = Doubling(), list[bool]()
    with training_mode(False):
        thread = threading.Thread(target=lambda: seen.append(model.training))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_context_ends_with_an_error() -> None:
    model = Doubling()
    with pytest.raises(ZeroDivisionError), training_mode(False):
        1 / 0  # noqa: B018
    assert model.training


ENTERED: dict[str, tuple[Callable[[], setting[Any]], ContextVar[Any]]] = {
    "training_mode": (lambda: modes.training_mode(False), modes._training),
    "drawing_from": (lambda: draws.drawing_from(lambda n: []), draws._source),
    "refusing": (lambda: staleness.refusing(refuse_kept), staleness._refuse),
}


@pytest.mark.parametrize("name", ENTERED)
def test_an_interrupt_at_any_point_leaves_nothing_behind(name: str) -> None:
    enter, variable = ENTERED[name]
    before, inside = variable.get(), list[bool]()

    @in_own_context
    def work() -> None:
        with enter(), enter():
            inside.append(variable.get() is not before)

    for interrupts in itertools.count():
        if not interrupted(work, interrupts + 1):
            break
        assert variable.get() is before, f"bytecode {interrupts + 1}"
    assert interrupts > 50
    assert all(inside)
    assert len(inside) > 5


@runtime_checkable
class Rated(Protocol):
    """What has ratings, as a user may say it for a type checker."""

    def rating(self, x: Value) -> Value: ...


class Scorer(nn.Module, Rated):
    def __init__(self) -> None:
        self.w = Value(2.0)

    def rating(self, x: Value) -> Value:
        return self.w * x

    __call__ = rating


def test_a_module_may_follow_a_protocol() -> None:
    class Reversed(Rated, nn.Module):
        def __init__(self) -> None:
            self.w = Value(2.0)

        def rating(self, x: Value) -> Value:
            return self.w * x

        __call__ = rating

    class Rate(optim.SGD, Rated):
        def rating(self, x: Value) -> Value:
            return x

    for model in (Scorer(), Reversed()):
        assert isinstance(model, Rated)
        assert isinstance(model, nn.Module)
        assert not isinstance(nn.Neuron(1), (Rated, Scorer))
        assert model.predict([1.0, 2.0]) == [2.0, 4.0]
        fit(model, [1.0, 2.0], [3.0, 6.0], loss="mse", optimizer=Rate(0.1), epochs=50, progress=False)
        assert model.w.data == pytest.approx(3.0)
        assert not {"fit", "compile"} & {*dir(model), *dir(type(model))}, "hints are unlisted as elsewhere"
