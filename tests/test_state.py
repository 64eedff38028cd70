"""What a call keeps in a Module is state: neither collected nor saved, and what changes by that is said."""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
import gc
import pickle
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_module import Net, names, values

from autograd import ParameterWarning, Value, calls, fit, nn, optim
from autograd.nn import Layer, Module, Neuron

XS, YS = [[0.5, -1.0], [1.0, 2.0], [-1.0, 0.5]], [1.0, -1.0, 0.5]


class Keeping(Module):
    """It keeps its inputs and its output, assigned and added to containers."""

    def __init__(self) -> None:
        self.layer, self.seen, self.count = Layer(2, 1, "linear"), list[Any](), 0
        self.table, self.latest = dict[str, Any](), collections.deque[Any](maxlen=2)

    def __call__(self, x: Any) -> Any:
        self.x, self.y = x, self.layer(x)
        self.first = x[0]
        self.count += 1
        self.seen.append(x)
        self.table["x"] = x
        self.latest.extend(x)
        return self.y


class Forward(Keeping):
    def forward(self, x: Any) -> Any:
        return super().__call__(x)


class Slotted(Module):
    __slots__ = ("layer", "x")

    def __init__(self) -> None:
        self.layer = Layer(2, 1, "linear")

    def __call__(self, x: Any) -> Any:
        self.x = x
        return self.layer(x)


class SlottedFurther(Slotted):
    """One with slots and a dictionary."""

    def __call__(self, x: Any) -> Any:
        self.more = x
        return super().__call__(x)


@dataclasses.dataclass
class Fields(Module):
    layer: Any = dataclasses.field(default_factory=lambda: Layer(2, 1, "linear"))
    x: Any = None

    def __call__(self, x: Any) -> Any:
        self.x = x
        return self.layer(x)


class Listed(Module, list[Any]):
    def __init__(self) -> None:
        super().__init__()
        self.layer = Layer(2, 1, "linear")

    def __call__(self, x: Any) -> Any:
        self.x = x
        return self.layer(x)


KINDS = [Keeping, Forward, Slotted, SlottedFurther, Fields, Listed]


@pytest.mark.parametrize("make", KINDS)
def test_what_a_call_assigns_is_neither_collected_nor_saved(make: Any, tmp_path: Path) -> None:
    model = make()
    want, shown = names(model), repr(model)
    assert want == ["layer.neuron1.weight1", "layer.neuron1.weight2", "layer.neuron1.bias"]
    model.save(tmp_path / "before.json")
    x = [Value(1.0), Value(2.0)]
    for _ in range(2):
        model(x)
        assert names(model) == want
        assert repr(model) == shown or dataclasses.is_dataclass(make)
        for twin in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert names(twin) == want
    model.save(tmp_path / "after.json")
    assert (tmp_path / "after.json").read_text() == (tmp_path / "before.json").read_text()
    assert model.load(tmp_path / "after.json") is None and make().load(tmp_path / "after.json") is None


@pytest.mark.parametrize("backend", ["python", "eager"])
@pytest.mark.parametrize("make", [Slotted, Fields])
def test_state_is_no_parameter_after_fit_and_predict(make: Any, backend: str) -> None:
    model = make()
    options: Any = {"loss": "mse", "optimizer": optim.SGD(0.1), "epochs": 2, "progress": False, "backend": backend}
    fit(model, XS, YS, **options)
    model.predict(XS, backend=backend)
    assert model.parameters() == model.layer.parameters()
    fit(model, XS, YS, **options)


def test_what_fit_passes_in_counts_nowhere() -> None:
    class Outside(Module):
        def __init__(self, log: Any) -> None:
            self.layer, self.log = Layer(2, 1, "linear"), log

        def __call__(self, x: Any) -> Any:
            self.log.part = x
            self.log.listed.append(x)
            return self.layer(x)

    log = Net(listed=[], part=None)
    model = Outside(log)
    fit(model, XS, YS, loss="mse", optimizer="sgd", epochs=1, progress=False, backend="eager")
    assert log.listed
    assert log.parameters() == [] and model.parameters() == model.layer.parameters()


def test_state_that_fails_to_be_finished_is_state() -> None:
    class Failing(Module):
        def __call__(self, x: Any) -> Any:
            self.x = x
            raise ZeroDivisionError

    model = Failing()
    with pytest.raises(ZeroDivisionError):
        model(Value(1.0))
    assert model.parameters() == []


def test_a_parameter_that_is_passed_on_to_a_module_stays_one() -> None:
    class Cell(Module):
        def __call__(self, h: Any) -> Any:
            self.h = h
            return [v * 2 for v in h]

    class Outer(Module):
        def __init__(self) -> None:
            self.cell, self.h0 = Cell(), [Value(1.0), Value(2.0)]

        def __call__(self, x: Any) -> Any:
            return self.cell(self.h0)

    model = Outer()
    model(1.0)
    assert model.parameters() == model.h0


# --------------------------------------------------------------------------- the set of parameters differs after a call


class Recurrent(Module):
    def __init__(self) -> None:
        self.w, self.h = Value(0.5), [Value(0.0) for _ in range(2)]

    def __call__(self, x: Any) -> Any:
        self.h = [(self.w * x + h).tanh() for h in self.h]
        return self.h[0]


LOST = (
    r"^Recurrent\.h held 2 parameters when Recurrent was made, and a call has assigned it anew, so from now on it is "
    r"state, neither trained nor saved: a file that is saved now lacks (inner1\.)?h1 and (inner1\.)?h2\. Keep what a "
    r"call changes in a local variable, or, to save it, in an nn\.Const"
)


def test_parameters_that_a_call_replaces_are_noticed_once() -> None:
    model = Recurrent()
    assert names(model) == ["w", "h1", "h2"]
    with pytest.warns(ParameterWarning, match=LOST) as caught:
        model(1.0)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(1.0)
        copy.deepcopy(model)(1.0)
    assert names(model) == ["w"]


def test_a_file_from_before_says_which_and_why(tmp_path: Path) -> None:
    model = Net(inner=[Recurrent()])
    model.save(tmp_path / "before.json")
    with pytest.warns(ParameterWarning, match=LOST):
        model.inner[0](1.0)
    said = r"also has inner1\.h1 and inner1\.h2|also has inner1\.h1, inner1\.h2"
    with pytest.raises(ValueError, match=rf"({said})\. Calls have assigned inner1\.h since, which is state"):
        model.load(tmp_path / "before.json")


def test_in_a_constant_the_same_is_state_that_is_saved(tmp_path: Path) -> None:
    class Kept(Module):
        def __init__(self) -> None:
            self.w, self.h = Value(0.5), nn.Constant([0.0, 0.0])

        def __call__(self, x: Any) -> Any:
            self.h.value = [(self.w * x + h).tanh() for h in self.h.value]
            return self.h.value[0]

    model, twin = Kept(), Kept()
    model(1.0)
    model.save(tmp_path / "model.json")
    twin.load(tmp_path / "model.json")
    assert names(model) == ["w"]
    assert twin(1.0).data == model(1.0).data


def test_parameters_that_a_call_adds_to_a_list_are_noticed() -> None:
    class Growing(Module):
        def __init__(self) -> None:
            self.ws = [Value(1.0)]

        def __call__(self, x: Any) -> Any:
            self.ws.append(Value(2.0) if x > 0 else self.ws[0] * 2)
            return self.ws[-1] * x

    model = Growing()
    model(1.0)
    with pytest.warns(ParameterWarning, match=r"^Growing\.ws\[1\] has come since Growing was called, and is state"):
        assert model.parameters() == model.ws[:1]
    model = Growing()
    model(-1.0)
    assert len(model.parameters()) == 1


def test_parameters_that_a_call_replaces_in_a_list_are_noticed() -> None:
    class Stepping(Module):
        def __init__(self) -> None:
            self.h = {"a": Value(1.0)}

        def __call__(self, x: Any) -> Any:
            self.h["a"] = self.h["a"] * x
            return self.h["a"]

    model = Stepping()
    model(1.0)
    with pytest.warns(ParameterWarning, match=r"^Stepping\.h held 1 parameter .* changed what is in it"):
        assert model.parameters() == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(1.0)
        assert model.parameters() == []


def test_an_alias_of_what_is_held_elsewhere_may_change() -> None:
    class Switching(Module):
        def __init__(self) -> None:
            self.parts = [Neuron(1), Neuron(1)]
            self.active = self.parts[0]

        def __call__(self, x: Any) -> Any:
            self.active = self.parts[1]
            return self.active(x)

    model = Switching()
    model([1.0])
    assert len(model.parameters()) == 4


def test_a_module_that_is_made_in_a_call_is_refused() -> None:
    class Late(Module):
        def __init__(self) -> None:
            self.w, self.layers = Value(1.0), list[Any]()

        def __call__(self, x: Any) -> Any:
            if not hasattr(self, "layer"):
                self.layer = Layer(len(x), 1)
                self.layers.append(Neuron(1))
            return self.layer(x)

    model = Late()
    model([1.0])
    with pytest.raises(TypeError, match=r"^Late\.layer is assigned in a call, so Value.* not be trained\. Make it"):
        Net(inner=model).inner.parameters()
    with pytest.raises(TypeError, match=r"^Net\.inner\.layer is assigned in a call, so Value.* would not be trained"):
        Net(inner=model).parameters()
    del model.layer
    with pytest.raises(TypeError, match=r"^Late\.layers\[0\] is made in a call, so Value.* Make it in __init__"):
        model.parameters()


def test_fit_says_that_what_a_call_assigns_is_no_parameter() -> None:
    class Late(Module):
        def __call__(self, x: Any) -> Any:
            self.w = getattr(self, "w", Value(1.0))
            return self.w * x

    model = Late()
    model(1.0)
    said = "no parameters, so there is nothing to learn: what a call assigns, w, is state, make it in __init__"
    with pytest.raises(ValueError, match=said):
        fit(model, [1.0], [2.0], loss="mse", optimizer="sgd", epochs=1, progress=False)


def test_calls_of_modules_are_those_that_their_authors_wrote() -> None:
    assert Keeping.__call__.__name__ == "__call__" and Keeping.__call__.__doc__ is None
    assert nn.MLP.__call__.__qualname__ == "MLP.__call__"


def test_what_a_later_call_assigns_is_state_too() -> None:
    class Later(Module):
        def __init__(self) -> None:
            self.w, self.calls = Value(0.5), [0]

        def __call__(self, x: Any) -> Any:
            self.calls[0] += 1
            if self.calls[0] == 2:
                self.h = Value(x)
            return self.w * x

    model = Later()
    for _ in range(3):
        model(1.0)
    assert names(model) == ["w"]


def _nested(self: Any, x: Any) -> None:
    self.table.setdefault("xs", []).append(x)


def _deeply(self: Any, x: Any) -> None:
    self.pair[1]["a"].extend(x)


def _later(self: Any, x: Any) -> None:
    if self.count > 1:
        self.seen.append(x)


def _in_a_part(self: Any, x: Any) -> None:
    self.part.x = x


def _in_a_part_of_a_list(self: Any, x: Any) -> None:
    if self.count > 1:
        self.parts[1].x = x


@pytest.mark.parametrize("keep", [_nested, _deeply, _later, _in_a_part, _in_a_part_of_a_list])
def test_what_a_call_collects_anywhere_is_state(keep: Any) -> None:
    class Part(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

    class Collecting(Module):
        def __init__(self) -> None:
            self.layer, self.count, self.seen = Layer(2, 1, "linear"), 0, list[Any]()
            self.table, self.pair = dict[str, Any](), [[], {"a": list[Any]()}]
            self.part, self.parts = Part(), [Part(), Part()]

        def __call__(self, x: Any) -> Any:
            self.count += 1
            keep(self, x)
            return self.layer(x)

    model = Collecting()
    want = names(model)
    for _ in range(4):
        model([Value(1.0), Value(2.0)])
        assert names(model) == want
    model.seen.append(Value(3.0))
    assert names(model) == [*want[:3], "seen4" if keep is _later else "seen1", *want[3:]]


def test_a_module_that_has_been_called_is_freed_with_its_parts() -> None:
    class Part(Module):
        def __init__(self, parent: Any) -> None:
            self.parent = parent

        def __call__(self, x: Any) -> Any:
            return x

    class Parent(Module):
        def __init__(self) -> None:
            self.part, self.seen = Part(self), list[Any]()

        def __call__(self, x: Any) -> Any:
            return self.part(x)

    model = Parent()
    model(1.0), model(2.0)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


class Detaching(Module):
    """A recurrent cell whose state is cut off by a method."""

    def __init__(self) -> None:
        self.w, self.h = Value(0.5), list[Any]([0.0, 0.0])

    def detach(self) -> None:
        self.h = [Value(h.data) for h in self.h]

    def __call__(self, x: Any) -> Any:
        self.h = [(self.w * x + h).tanh() for h in self.h]
        return self.h[0]


CAME = r"^Encoding\.last\[0\] and 1 more have come since Encoding was made, put there outside of its __init__"


class Encoding(Module):
    def __init__(self) -> None:
        self.layer = Layer(2, 1, "linear")

    def encode(self, x: Any) -> Any:
        self.last = x
        return self.layer(x)

    def __call__(self, x: Any) -> Any:
        return self.encode(x)


def test_what_another_method_keeps_is_said(tmp_path: Path) -> None:
    model = Encoding()
    model.encode([Value(1.0), Value(2.0)])
    with pytest.warns(ParameterWarning, match=CAME) as caught:
        model.save(tmp_path / "model.json")
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.raises(ValueError, match=r"also has last1, last2\. Was it assigned after the model had been made"):
        Encoding().load(tmp_path / "model.json")
    model.encode([Value(1.0), Value(2.0)])
    with pytest.warns(ParameterWarning, match=r"^Encoding.last held 2 parameters since Encoding was made, and a call"):
        model([1.0, 2.0])
    model = Encoding()
    model.encode([Value(1.0), Value(2.0)])
    with warnings.catch_warnings(record=True) as every:
        warnings.simplefilter("always")
        fit(model, XS, YS, loss="mse", optimizer="sgd", epochs=1, progress=False)
    assert str(every[0].message).startswith("Encoding.last[0] and 1 more have come since Encoding was made")


def test_state_that_is_cut_off_belongs_in_a_constant(tmp_path: Path) -> None:
    class Right(Detaching):
        def __init__(self) -> None:
            self.w, self.h = Value(0.5), nn.Constant([0.0, 0.0])  # type: ignore[assignment]

        def detach(self) -> None:
            self.h.value = [Value(getattr(h, "data", h)) for h in self.h.value]  # type: ignore[attr-defined]

        def __call__(self, x: Any) -> Any:
            self.h.value = [(self.w * x + h).tanh() for h in self.h.value]  # type: ignore[attr-defined]
            return self.h.value[0]  # type: ignore[attr-defined]

    right = Right()
    for _ in range(3):
        right.detach()
        assert right.parameters() == [right.w]
        (right(1.0) - 1).backward()
    right.save(tmp_path / "right.json")
    wrong = Detaching()
    wrong.h = [Value(0.0)]
    with pytest.warns(ParameterWarning, match=r"^Detaching\.h\[0\] has come since Detaching was made"):
        wrong.save(tmp_path / "wrong.json")


@pytest.mark.parametrize("backend", ["eager", "python"])
def test_the_warning_names_the_line_of_fit(backend: str) -> None:
    class Writes(Recurrent):
        def __call__(self, x: Any) -> Any:
            self.h = [self.w * x for _ in self.h]
            return self.h[0]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(Writes(), [0.5, 1.0], [1.0, 2.0], loss="mse", optimizer="sgd", epochs=1, progress=False, backend=backend)
    lost = [warning for warning in caught if "Writes.h held 2" in str(warning.message)]
    assert [warning.filename for warning in lost] == [__file__]


# ------------------------------------------------------------------------------- whatever is kept, wherever, whenever


@dataclasses.dataclass
class Cell:
    x: Any = None
    w: Any = None
    y: Any = None


class Part(Module):
    def __init__(self) -> None:
        self.w, self.seen = Value(1.0), list[Any]()


class Whole(Module):
    def __init__(self) -> None:
        self.part = Part()


KEPT: dict[str, tuple[Any, Any]] = {
    "a defaultdict": (lambda: collections.defaultdict(list), lambda s, x: s.a["x"].append(x)),
    "an OrderedDict": (collections.OrderedDict, lambda s, x: s.a.update(x=x)),
    "a UserList": (collections.UserList, lambda s, x: s.a.append(x)),
    "an array": (lambda: np.zeros(2, dtype=object), lambda s, x: s.a.__setitem__(0, x[0])),
    "a list in a tuple": (lambda: ([],), lambda s, x: s.a[0].append(x)),
    "a slot": (lambda: [None, None], lambda s, x: s.a.__setitem__(0, x)),
    "one of many lists": (lambda: [[] for _ in range(20)], lambda s, x: s.a[17].append(x)),
    "one of many entries": (lambda: {i: [] for i in range(20)}, lambda s, x: s.a[17].append(x)),
    "a field": (Cell, lambda s, x: setattr(s.a, "x", x)),
    "a field beside a parameter": (lambda: Cell(w=Value(1.0)), lambda s, x: setattr(s.a, "x", x)),
    "fields": (lambda: [Cell(w=values(1)), Cell()], lambda s, x: [vars(cell).update(x=x) for cell in s.a]),
    "a key beside a parameter": (lambda: {"w": Value(1.0)}, lambda s, x: s.a.update(x=x)),
    "a list in a part": (Part, lambda s, x: s.a.seen.append(x)),
    "an attribute of a part of a part": (Whole, lambda s, x: setattr(s.a.part, "x", x)),
    "a list in a part of a part": (Whole, lambda s, x: s.a.part.seen.append(x)),
    "an attribute of a part in lists": (lambda: {"a": [Part()]}, lambda s, x: setattr(s.a["a"][0], "x", x)),
    "results": (lambda: Cell(w=Value(1.0)), lambda s, x: setattr(s.a, "x", [v * 2 for v in x])),
    "the attributes themselves": (lambda: None, lambda s, x: s.__dict__.update(x=x)),
}


def keeping(kind: str, later: bool) -> type[Module]:
    make, keep = KEPT[kind]

    class Model(Module):
        def __init__(self) -> None:
            self.layer, self.a, self.calls = Layer(2, 1, "linear"), make(), 0

        def __call__(self, x: Any) -> Any:
            self.calls += 1
            if self.calls > later:
                keep(self, x)
            return self.layer(x)

    return Model


@pytest.mark.slice
@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("kind", KEPT)
def test_what_a_call_keeps_anywhere_is_neither_collected_nor_saved_nor_moved(
    kind: str, later: bool, tmp_path: Path
) -> None:
    make = keeping(kind, later)
    model, x = make(), [Value(1.0), Value(2.0)]
    want = names(model)
    for _ in range(3):
        model(x)
    with warnings.catch_warnings():  # in doubt, what it is is said
        warnings.simplefilter("ignore" if later and ("beside" in kind or kind == "fields") else "error")
        twins = copy.deepcopy(model), copy.copy(model)
        assert [names(twin) for twin in twins] == [want, want]
        for _ in range(2):
            model(x)
            model(x).backward()
            assert names(model) == want
            optim.SGD(0.1).step(model.parameters())
            model.save(tmp_path / "model.json")
    assert [v.data for v in x] == [1.0, 2.0]
    make().load(tmp_path / "model.json")
    assert names(pickle_twin(model)) == want


def pickle_twin(model: Any) -> Any:
    """Return what a pickle of its attributes gives, in a class that cannot be pickled."""
    twin = object.__new__(type(model))
    twin.__dict__.update(pickle.loads(pickle.dumps(model.__getstate__())))
    return twin


class CallMixin:
    def __call__(self, x: Any) -> Any:
        self.seen.append(x)  # type: ignore[attr-defined]
        return x


class Mixed(CallMixin, Part):
    pass


class Assigned(Part):
    pass


def _forward(self: Any, x: Any) -> Any:
    self.x = x
    self.seen.append(x)
    return x


Assigned.forward = _forward  # type: ignore[attr-defined]


class Dispatching(Part):
    @functools.singledispatchmethod
    def forward(self, x: Any) -> Any:
        return _forward(self, x)


class Own(Part):
    def __init__(self) -> None:
        super().__init__()
        self.forward = lambda x: _forward(self, x)


class AloneInsideAnother(Part):
    def __call__(self, x: Any) -> Any:
        return _forward(self, x)


@pytest.mark.parametrize("kind", [Mixed, Assigned, Dispatching, Own, AloneInsideAnother])
def test_calls_are_seen_wherever_they_are_defined(kind: Any) -> None:
    inner = kind()
    outer = Net(parts={"a": [inner]})
    for _ in range(3):
        inner(Value(1.0))
        assert names(outer) == ["parts.a1.w"]
        assert inner.parameters() == [inner.w]


@pytest.mark.parametrize("kind", [Assigned, Dispatching])
def test_a_call_of_forward_itself_is_one(kind: Any) -> None:
    model = kind()
    for _ in range(2):
        model.forward(Value(1.0))
        assert model.parameters() == [model.w]


def test_a_call_that_is_assigned_to_the_class_later_is_seen() -> None:
    class Later(Part):
        pass

    kind: Any = Later
    kind.__call__ = _forward
    model = kind()
    for _ in range(2):
        model(Value(1.0))
        assert model.parameters() == [model.w]


def test_what_a_call_collects_while_it_runs_is_state() -> None:
    class Collecting(Part):
        def __call__(self, x: Any) -> Any:
            before = self.parameters()
            self.seen.append(x)
            assert self.parameters() == before == [self.w]
            return x

    model = Collecting()
    for _ in range(3):
        model(Value(1.0))


def test_a_part_that_is_assigned_later_is_called_with_the_model() -> None:
    class Outer(Part):
        def __call__(self, x: Any) -> Any:
            for part in self.parts:
                part.seen.append(x)
            return x

        parts: Any = ()

    model = Outer()
    model(1.0)
    model.parts = [Part()]
    model.parameters()
    model(Value(1.0))
    assert names(model) == ["w", "parts1.w"]


def test_a_function_for_a_type_that_is_registered_later_is_called() -> None:
    def of_text(self: Any, x: Any) -> Any:
        self.text = [Value(float(len(x)))]
        return x

    kind: Any = Dispatching
    kind.forward.register(str, of_text)
    model = kind()
    assert model("ab") == "ab" and model.text[0].data == 2.0
    assert model.parameters() == [model.w]


def test_what_a_parent_keeps_in_a_part_is_state_to_the_part() -> None:
    class Parent(Module):
        def __init__(self) -> None:
            self.part = Part()

        def __call__(self, x: Any) -> Any:
            self.part.seen.append(x)
            return x

    model = Parent()
    for _ in range(3):
        model(Value(1.0))
        assert model.part.parameters() == [model.part.w]


@pytest.mark.parametrize("collect", [False, True])
def test_what_is_assigned_outside_is_a_parameter_whatever_runs_before_it_is_collected(collect: bool) -> None:
    model: Any = AloneInsideAnother()
    model(1.0)
    model.scale, model.others = Value(2.0), [Value(3.0)]
    if collect:
        model.parameters()
    model(1.0)
    assert names(model) == ["w", "scale", "others1"]
    model.w = Value(5.0)
    model(1.0)
    assert model.parameters()[0].data == 5.0


def test_leaves_that_are_replaced_by_hand_are_parameters() -> None:
    class Outer(Module):
        def __init__(self) -> None:
            self.net, self.ws = nn.MLP(1, [2, 1]), values(2)

        def __call__(self, x: Any) -> Any:
            return self.net(x)

    model = Outer()
    model([1.0])
    model.net.layers[0].neurons[0].w[0] = Value(0.5)
    model.parameters()
    model.ws[1] = Value(0.25)
    assert [p.data for p in model.parameters() if p.data in (0.5, 0.25)] == [0.5, 0.25]
    model([1.0])
    assert len(model.parameters()) == 9


def test_a_leaf_that_two_models_share_is_a_parameter_where_it_was_made_one() -> None:
    x = Value(1.0)
    attack, model = Net(delta=x), AloneInsideAnother()
    model(x)
    assert attack.parameters() == [x] and model.parameters() == [model.w]
    both = Net(model=model, attack=attack)
    assert both.parameters() == [model.w, x]


def test_a_parameter_that_a_call_puts_beside_others_counts_where_it_was() -> None:
    class Sharing(Module):
        def __init__(self) -> None:
            self.cell, self.layer, self.given = Cell(w=Value(1.0)), Layer(1, 1), Value(2.0)

        def __call__(self, x: Any) -> Any:
            self.cell.x = self.layer.neurons[0].b
            self.cell.y = [self.given, self.layer.neurons[0].w[0]]
            return x

    model = Sharing()
    want = model.parameters()
    model(1.0)
    assert set(model.parameters()) == set(want) and len(model.parameters()) == 4


def test_a_model_that_is_made_or_copied_in_a_call_is_one() -> None:
    class Meta(Module):
        def __init__(self) -> None:
            self.net = AloneInsideAnother()

        def __call__(self, x: Any) -> Any:
            twins: Any = copy.deepcopy(self.net), copy.copy(self.net), AloneInsideAnother()
            for fast in twins:
                self.net(x)
                fast.w = Value(2.0)
                fast.more = [Value(3.0)]
                assert len(fast.parameters()) == 2
            return [len(fast.parameters()) for fast in twins if [fast(x)]]

    model = Meta()
    for _ in range(2):
        assert model(Value(1.0)) == [2, 2, 2]
        assert model.parameters() == [model.net.w]


def test_a_call_in_another_thread_is_a_call() -> None:
    model: Any = AloneInsideAnother()
    for _ in range(2):
        worker = threading.Thread(target=model, args=(Value(1.0),))
        worker.start()
        worker.join()
        assert model.parameters() == [model.w]
    model.scale = Value(2.0)
    assert model.parameters() == [model.w, model.scale]


def test_what_calls_keep_is_forgotten_when_it_is_gone() -> None:
    class Replacing(Module):
        def __init__(self) -> None:
            self.cell, self.ws = Cell(w=Value(1.0)), values(1)

        def __call__(self, x: Any) -> Any:
            self.cell.x = x
            self.ws[0] = Value(2.0)
            return x

    model, gone = Replacing(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(200):
            x = Value(1.0)
            gone.append(weakref.ref(x))
            model(x)
            model.parameters()
    del x
    assert sum(ref() is not None for ref in gone) == 1
    memory: Any = model._marks.memory
    assert len(memory.held) < 5 and len(memory.state) < 130
    gc.collect()
    gc.disable()
    try:
        ref = weakref.ref(model)
        del model, memory
        assert ref() is None, "no cycle"
    finally:
        gc.enable()


def test_an_attribute_that_is_put_back_stays_what_it_was() -> None:
    class Scaling(Module):
        def __init__(self) -> None:
            self.scale = Value(2.0)

        def __call__(self, x: Any) -> Any:
            scale, self.scale = self.scale, self.scale * 0.5
            try:
                return self.scale * x
            finally:
                self.scale = scale

    model = Scaling()
    for _ in range(2):
        assert model(1.0).data == 1.0
        assert model.parameters() == [model.scale]


def test_a_frozen_dataclass_and_classes_with_own_setattr_are_modules() -> None:
    @dataclasses.dataclass(frozen=True)
    class Fixed(Module):
        w: Any
        seen: Any = dataclasses.field(default_factory=list)

        def __call__(self, x: Any) -> Any:
            self.seen.append(x)
            return x

    class Careful(AloneInsideAnother):
        def __setattr__(self, name: str, x: Any) -> None:
            object.__setattr__(self, name, x)

    for model in (Fixed(Value(1.0)), Careful()):
        for _ in range(2):
            model(Value(1.0))
            assert model.parameters() == [model.w]


MADE_IN_A_CALL = (
    r"^Growing\.table\['b'\] has come since Growing was called, and is state, neither trained nor saved\. "
    r"If it is to be trained, make it in __init__; else keep it elsewhere: in a local variable"
)


@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
def test_a_leaf_that_a_call_makes_beside_parameters_is_said_to_be_state(later: bool) -> None:
    class Growing(Module):
        def __init__(self) -> None:
            self.table, self.calls = {"a": Value(1.0)}, 0

        def __call__(self, x: Any) -> Any:
            self.calls += 1
            if self.calls > later and "b" not in self.table:
                self.table["b"] = Value(2.0)
            return x

    model = Growing()
    with pytest.warns(ParameterWarning, match=MADE_IN_A_CALL) as caught:
        for _ in range(3):
            model(1.0)
        assert model.parameters() == [model.table["a"]]
    assert [warning.filename for warning in caught] == [__file__]


def test_the_warning_of_what_has_come_does_not_depend_on_who_has_looked(tmp_path: Path) -> None:
    class Resetting(Part):
        def reset(self) -> None:
            self.h = [Value(0.0), Value(0.0)]

        def __call__(self, x: Any) -> Any:
            return self.w * x + self.h[0] * self.h[1]

    def reset() -> Any:
        model = Resetting()
        model.reset()
        assert names(model) == ["w", "h1", "h2"]
        repr(model)
        return model

    said = r"^Resetting\.h\[0\] and 1 more have come since Resetting was made"
    model = reset()
    with pytest.warns(ParameterWarning, match=said):
        model.save(tmp_path / "model.json")
    model.save(tmp_path / "model.json")  # once is enough
    with pytest.warns(ParameterWarning, match=said):
        copy.deepcopy(reset()).save(tmp_path / "model.json")
    model = reset()
    with warnings.catch_warnings(record=True) as every:
        warnings.simplefilter("always")
        fit(model, [1.0, 2.0], [1.0, 2.0], loss="mse", optimizer="sgd", epochs=1, progress=False)
    assert str(every[0].message).startswith("Resetting.h[0] and 1 more have come since Resetting was made")


def test_what_has_come_before_a_model_around_it_was_made_is_its_own(tmp_path: Path) -> None:
    part: Any = Part()
    part.scale = Value(2.0)
    nn.Sequential(part).save(tmp_path / "model.json")


def test_a_callback_and_what_follows_fit_are_outside_of_calls() -> None:
    class Blocks(Module):
        def __init__(self) -> None:
            self.w, self.scales = Value(0.5), list[Any]()

        def __call__(self, x: Any) -> Any:
            y = self.w * x
            for scale in self.scales:
                y = y * scale
            return y

    model = Blocks()
    options: Any = {"loss": "mse", "optimizer": optim.SGD(0.01), "epochs": 3, "progress": False}
    grow = [True]

    def callback(epoch: int, history: Any) -> None:
        if grow:
            model.scales.append(Value(float(grow.pop())))

    fit(model, [1.0, 2.0], [1.0, 2.0], callback=callback, **options)
    assert names(model) == ["w", "scales1"]
    model.scales.append(Value(1.5))
    fit(model, [1.0, 2.0], [1.0, 2.0], **options)
    assert names(model) == ["w", "scales1", "scales2"] and model.scales[1].data != 1.5


def test_a_file_of_another_size_is_not_said_to_have_come_late(tmp_path: Path) -> None:
    class Sized(Module):
        def __init__(self, n: int, late: bool = False) -> None:
            self.ws, self.parts = values(n), [Net(w=values(n))]
            self.constant = nn.Constant([0.0] * n)
            if late:
                vars(self.parts[0])["late"], self.last = [Value(1.0)], {"a": Value(1.0)}

    path = tmp_path / "model.json"
    for larger, smaller in ((nn.MLP(2, [4, 1]), nn.MLP(2, [3, 1])), (Sized(3), Sized(2))):
        larger.save(path)
        with pytest.raises(ValueError, match="it also has") as caught:
            smaller.load(path)
        assert "Was it assigned" not in str(caught.value)
    Sized(2, late=True).save(path)
    with pytest.raises(ValueError, match=r"also has parts1\.late1 and last\.a\. Was it assigned after|last\.a.*Was it"):
        Sized(2).load(path)


# ----------------------------------------------------------------------------------- what was passed to a call, or made


class Keeper(Module):
    def __init__(self) -> None:
        self.ws, self.seen, self.table = values(2), list[Any](), dict[str, Any]()

    def __call__(self, x: Any) -> Any:
        self.seen.append(x)
        self.table["last"] = [x]
        y = x
        for w in self.ws:
            y = w * y
        return y


@pytest.mark.parametrize("backend", ["eager", "python"])
def test_copies_and_pickles_have_the_parameters_of_the_original(backend: str) -> None:
    model = Keeper()
    fit(model, [1.0, 2.0], [1.0, 2.0], loss="mse", optimizer="sgd", epochs=2, progress=False, backend=backend)
    model.predict([1.0, 2.0], backend=backend)
    model(Value(1.0))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.deepcopy(copy.deepcopy(model))):
        assert len(twin.seen) == len(model.seen) and twin.parameters() == twin.ws
    assert copy.copy(model).parameters() == model.parameters() == model.ws


class Lazy(Module):
    def __init__(self, listed: bool) -> None:
        self.w: Any = [] if listed else None
        self.b = Value(0.0)

    def __call__(self, x: Any) -> Any:
        if self.w is None:
            self.w = values(len(x))
        elif not self.w:
            self.w.extend(values(len(x)))
        return self.w[0] * x[0] + self.w[1] * x[1] + self.b


@pytest.mark.slice
@pytest.mark.parametrize("backend", ["eager", "python"])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_fit_warns_of_leaves_that_a_call_has_made_and_kept(listed: bool, warm: bool, backend: str) -> None:
    model: Any = Lazy(listed)
    if warm:
        model([1.0, 2.0])
    said = r"^the model uses Value.* and Value.*, which a call of it has made and kept: so they are state.* in __init__"
    options: Any = {"loss": "mse", "optimizer": "sgd", "epochs": 2, "progress": False, "backend": backend}
    with pytest.warns(ParameterWarning, match=said) as caught:
        fit(model, XS, YS, **options)
    assert [warning.filename for warning in caught] == [__file__]
    assert model.parameters() == [model.b]
    model.w = values(2)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "the model uses")
        warnings.filterwarnings("ignore", "Lazy")
        fit(model, XS, YS, **options)
    model([1.0, 2.0])
    assert set(model.parameters()) == {model.b, *model.w}


def test_fit_does_not_warn_of_leaves_that_each_call_makes_anew() -> None:
    class Anew(Module):
        def __init__(self) -> None:
            self.w, self.fixed = Value(0.5), nn.Constant([Value(1.0)])

        def __call__(self, x: Any) -> Any:
            self.h = [Value(0.0), x]
            return self.w * x + self.h[0] + self.fixed.value[0]

    model = Anew()
    model(Value(1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for backend in ("eager", "python"):
            options: Any = {"loss": "mse", "optimizer": optim.SGD(0.1), "progress": False, "backend": backend}
            fit(model, [1.0, 2.0, 3.0], [2.0, 3.0, 4.0], epochs=20, **options)


def _of_another(model: Any) -> None:
    Keeper()(Value(1.0))


def _of_its_own(model: Any) -> None:
    model(Value(1.0))


def _predicting(model: Any) -> None:
    model.predict([1.0, 2.0])


def _in_a_thread(model: Any) -> None:
    worker = threading.Thread(target=model.predict, args=([1.0, 2.0],))
    worker.start()
    worker.join()


@pytest.mark.parametrize("call", [_of_another, _of_its_own, _predicting, _in_a_thread])
def test_what_is_put_into_a_list_outside_is_trained_whatever_is_called_before_it_is_collected(call: Any) -> None:
    model = Keeper()
    call(model)
    model.ws.append(Value(0.1))
    model.table["mine"] = Value(0.2)
    call(model)
    with warnings.catch_warnings():  # of "mine" it is in doubt, where the model itself has been called since
        warnings.simplefilter("ignore" if call in (_of_its_own, _predicting, _in_a_thread) else "error")
        assert model.parameters() == [*model.ws, model.table["mine"]]
    call(model)
    assert copy.deepcopy(model).parameters()[2].data == 0.1


def test_a_leaf_that_another_thread_makes_during_a_call_was_not_made_in_it() -> None:
    begun, put = threading.Event(), threading.Event()

    class Waiting(Module):
        def __call__(self, x: Any) -> Any:
            begun.set()
            assert put.wait(60)
            return x * 2

    model, worker = Keeper(), threading.Thread(target=Waiting(), args=(Value(1.0),))
    worker.start()
    assert begun.wait(60)
    model.ws.append(Value(0.1))
    put.set()
    worker.join()
    assert model.parameters() == model.ws and len(model.ws) == 3


class Restoring(Keeper):
    def __getstate__(self) -> Any:
        return self.ws

    def __setstate__(self, state: Any) -> None:
        self.ws, self.seen, self.table = state, [], {}


class OwnCopy(Keeper):
    def __deepcopy__(self, memo: Any) -> Any:
        return OwnCopy.of(copy.deepcopy(self.ws, memo))

    @classmethod
    def of(cls, ws: Any) -> Any:
        new = cls.__new__(cls)
        new.ws, new.seen, new.table = ws, [], {}
        return new


MADE_OTHERWISE: dict[str, Any] = {
    "pickled": lambda: pickle.loads(pickle.dumps(Restoring())),
    "copied": lambda: copy.deepcopy(OwnCopy()),
    "a class method": lambda: OwnCopy.of(values(2)),
}


@pytest.mark.parametrize("how", MADE_OTHERWISE)
def test_a_module_that_was_made_without_its_class_being_called_has_state(how: str) -> None:
    model = MADE_OTHERWISE[how]()
    kind = type(model)

    class Assigning(kind):  # type: ignore[misc, valid-type]
        def __call__(self, x: Any) -> Any:
            self.h = x
            return super().__call__(x)

    model.__class__ = Assigning
    for _ in range(2):
        model(Value(1.0))
        assert model.parameters() == model.ws
    model.more = Value(3.0)
    assert model.parameters() == [*model.ws, model.more]


def test_a_copy_of_a_users_own_kind_that_is_made_in_a_call_has_parameters() -> None:
    class Inner(Module):
        def __init__(self) -> None:
            self.net = OwnCopy()

        def __call__(self, x: Any) -> Any:
            fast = copy.deepcopy(self.net)
            assert fast.parameters() == fast.ws
            fast(x)
            assert fast.parameters() == fast.ws
            return fast.ws[0] * x

    model = Inner()
    for _ in range(2):
        model(Value(1.0))
        assert model.parameters() == model.net.ws


def test_what_a_call_in_the_making_keeps_is_state() -> None:
    class Warmed(Keeper):
        def __init__(self, given: Any) -> None:
            super().__init__()
            self.given = given
            self(Value(1.0))
            self.later = Value(2.0)

    given = Value(4.0)
    Keeper()(given)
    model = Warmed(given)
    assert model.parameters() == [*model.ws, given, model.later]
    assert copy.deepcopy(model).parameters()[-1].data == 2.0


@pytest.mark.parametrize("make", [Keeper, lambda: nn.Sequential(nn.Neuron(1))])
def test_a_module_that_is_passed_in_is_no_part_of_the_model(make: Any, tmp_path: Path) -> None:
    class Taking(Module):
        def __init__(self) -> None:
            self.w, self.parts, self.calls = Value(1.0), list[Any](), 0

        def __call__(self, *parts: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls > 1:
                self.parts += [part for part in parts[0]["a"][0] if part is not None]
                self.parts.append(named["last"])
            return self.w * 2

    model, part = Taking(), make()
    for _ in range(3):
        model({"a": [(part, None)]}, last=Cell(x=[part]))
        assert model.parameters() == [model.w]
        assert names(copy.deepcopy(model)) == ["w"]
    assert part.parameters()


def test_leaves_are_found_at_any_depth_of_what_is_passed() -> None:
    class Storing(Module):
        def __init__(self) -> None:
            self.w, self.seen = Value(1.0), list[Any]()

        def __call__(self, *x: Any, **named: Any) -> Any:
            self.seen += [*x, named]
            return self.w * 2

    leaves = values(7)
    array = np.array([[leaves[0], 1.0]], dtype=object)
    model = Storing()
    model(array, (leaves[1], [leaves[2]]), {"a": {1: leaves[3]}}, Cell(x=leaves[4], y=[0.5, leaves[5]]), k=leaves[6])
    assert model.parameters() == [model.w]


def test_calls_that_are_forgotten_have_told_what_was_made_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_MOST_CALLS", 4)
    monkeypatch.setattr(calls, "_over", [])

    class Making(Module):
        def __init__(self) -> None:
            self.w, self.seen = Value(1.0), list[Any]()

        def __call__(self, x: Any) -> Any:
            if not self.seen:
                self.seen.append(Value(2.0))
            return self.w * x

    models = Making(), Making()
    for _ in range(10):
        for model in models:
            model(Value(1.0) * 2)
    assert len(calls._over) <= 4
    assert [model.parameters() for model in models] == [[model.w] for model in models]


def test_what_is_made_outside_between_calls_is_not_forgotten_to_be_a_parameter() -> None:
    class Holding(Module):
        def __init__(self) -> None:
            self.ws = values(1)

        def __call__(self, x: Any) -> Any:
            return self.ws[0] * x

    model = Holding()
    for _ in range(5):
        model(1.0)
        model.ws.append(Value(1.0))
        model(1.0)
    assert len(model.parameters()) == 6


def test_many_results_and_many_assignments_take_little() -> None:
    class Filling(Module):
        def __init__(self) -> None:
            self.d: dict[str, Any] = {"w": values(2000), "out": None}
            self.reset()

        def reset(self) -> None:
            self.h = values(10)

        def __call__(self, x: Any) -> Any:
            self.d["out"] = [w * x for w in self.d["w"]]
            return x

    model: Any = Filling()
    model.parameters()
    model.d["w"] = model.d["w"][:3]
    for _ in range(100):
        model.reset()
        model(1.0)
    assert len(model._marks.memory.held) < 200
    assert len(model.parameters()) == 13
    assert len(model._marks.memory.state) < 150


# ------------------------------------------------------------------------------------- who has put it there, and when


class Penalty(Module):
    def __call__(self, ws: Any) -> Any:
        return [w * w for w in ws]


class Table(Module):
    """Rows that are made when they are asked for, in calls or outside of them."""

    def __init__(self) -> None:
        self.rows = {"a": values(1)}

    def row(self, key: str) -> Any:
        return self.rows.setdefault(key, values(1))

    def __call__(self, key: Any) -> Any:
        return (self.row(key) if isinstance(key, str) else key)[0] * 2


def _appended_and_passed() -> tuple[Any, int]:
    model = Keeper()
    model.ws.append(Value(0.3))
    Penalty()(model.ws)
    return model, 3


def _passed_and_appended() -> tuple[Any, int]:
    model, w = Keeper(), Value(0.3)
    model(w), Penalty()([w])
    other = Keeper()
    other.ws.append(w)
    return other, 3


def _of_another_model() -> tuple[Any, int]:
    one, other = Keeper(), Keeper()
    Penalty()(other.ws)
    one.ws.append(other.ws[0])
    return one, 3


def _made_on_demand() -> tuple[Any, int]:
    model = Table()
    Penalty()(model.row("b"))
    return model, 2


def _replaced_and_passed_to_a_part() -> tuple[Any, int]:
    model = Net(ws=values(2), part=Penalty())
    model.ws[0] = Value(0.5)
    model.part([model.ws[0]])
    return model, 2


def _a_module_that_was_passed() -> tuple[Any, int]:
    model, layer = Net(parts=[]), Layer(1, 1)
    Keeper()(layer.neurons[0].b)
    Net(inner=Keeper()).inner(layer.neurons[0].w[0])
    Penalty()([layer.neurons[0].b])
    model.parts.append(layer)
    return model, 2


def _after_its_own_call() -> tuple[Any, int]:
    model, layer = Keeper(), Layer(1, 1)
    model(Value(1.0))
    model.seen.append(layer)
    model.table["mine"] = [values(1)]
    copy.deepcopy(model)
    model(Value(1.0))
    return model, 5


@pytest.mark.parametrize("collect", [False, True])
@pytest.mark.parametrize(
    "put",
    [
        _appended_and_passed,
        _passed_and_appended,
        _of_another_model,
        _made_on_demand,
        _replaced_and_passed_to_a_part,
        _a_module_that_was_passed,
        _after_its_own_call,
    ],
)
def test_what_the_user_puts_into_a_model_is_trained_and_saved_whatever_it_is_passed_to(
    put: Any, collect: bool, tmp_path: Path
) -> None:
    model, n = put()
    if collect:
        copy.deepcopy(model)
    assert len(model.parameters()) == n
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "model.json")
    assert (tmp_path / "model.json").read_text().count('": ') >= n
    assert len(copy.deepcopy(model).parameters()) == len(copy.copy(model).parameters()) == n


DATA = [Value(1.0), Value(2.0), Value(3.0)]


class Batch:
    def __init__(self, xs: Any) -> None:
        self.xs = xs


def _whatever(xs: Any) -> Any:
    return xs


WAYS: dict[str, Any] = {
    "a set": lambda: set(DATA),
    "a view": lambda: dict(enumerate(DATA)).values(),
    "an object": lambda: Batch(DATA),
    "a dataclass": lambda: Cell(x=DATA),
    "objects in objects": lambda: Batch([Batch(DATA)]),
}

UNSEEN: dict[str, Any] = {
    "a generator": lambda: (v for v in DATA),
    "a map": lambda: map(_whatever, DATA),
    "an iterator": lambda: iter(DATA),
    "a closure": lambda: lambda: iter(DATA),
    "nothing, they are global": lambda: None,
}


class Window(Module):
    """It keeps what it sees, wherever the samples come from, in containers of several kinds."""

    def __init__(self) -> None:
        self.w, self.seen, self.latest = Value(0.5), list[Any](), collections.deque[Any](maxlen=2)
        self.known, self.ever, self.matrix = dict[int, Any](), set[Any](), [[0.0, 0.0], [0.0, 0.0]]

    def keep(self, x: Any) -> None:
        self.seen.append(x)
        self.latest.append(x)
        self.known[len(self.known)] = [x]
        self.ever.add(x)
        self.matrix[0][1] = x

    def __call__(self, xs: Any) -> Any:
        while isinstance(xs, (Batch, Cell)) or (isinstance(xs, list) and isinstance(xs[0], Batch)):
            xs = xs[0] if isinstance(xs, list) else xs.x if isinstance(xs, Cell) else xs.xs
        xs = DATA if xs is None else xs() if callable(xs) else xs
        y = Value(0.0)
        for x in xs:
            self.keep(x)
            y = y + self.w * x
        return y


class Around(Module):
    def __init__(self) -> None:
        self.parts = [{"a": Window()}]

    def __call__(self, xs: Any) -> Any:
        return self.parts[0]["a"](xs)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_call_keeps_is_state_however_it_has_come_by_it(way: str) -> None:
    alone, around = Window(), Around()
    for _ in range(3):
        for model, window in ((alone, alone), (around, around.parts[0]["a"])):
            model(WAYS[way]())
            assert window.parameters() == model.parameters() == [window.w]
    for twin in (copy.deepcopy(alone), copy.copy(alone), pickle.loads(pickle.dumps(alone))):
        assert [p.data for p in twin.parameters()] == [0.5]


@pytest.mark.parametrize("way", UNSEEN)
def test_leaves_of_which_nobody_knows_who_has_put_them_there_are_said_to_be_parameters(way: str) -> None:
    model = Window()
    model(UNSEEN[way]())
    with pytest.warns(
        ParameterWarning, match=r"^Window\.\w+\[\d\]\S* and 2 more have come since Window was made, and"
    ) as said:
        assert model.parameters() == [model.w, *DATA]
    assert [warning.filename for warning in said] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.parameters()


def test_growing_between_calls_is_not_in_doubt() -> None:
    model, table = Keeper(), Table()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            model.ws.append(Value(0.5))  # beside others
            model(1.0)
            table.row(f"b{len(table.rows)}")
            table("a")
            assert model.parameters() == model.ws
            assert len(table.parameters()) == len(table.rows)


def test_a_shallow_copy_knows_what_calls_of_the_original_put_into_the_lists_of_both() -> None:
    model = Keeper()
    twin = copy.copy(model)
    for _ in range(2):
        model(Value(1.0))
        twin(Value(2.0))
        assert model.parameters() == twin.parameters() == model.ws


def test_calls_in_several_threads_put_state() -> None:
    model, wrong = Keeper(), list[Any]()

    def call() -> None:
        for _ in range(200):
            try:
                model(Value(1.0))
            except Exception as problem:
                wrong.append(problem)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(model.seen) == 800 and model.parameters() == model.ws
    model.ws.append(Value(3.0))
    assert model.parameters() == model.ws


def test_a_leaf_that_one_call_makes_and_the_next_ones_use_is_said_to_be_untrained_in_a_loop_of_ones_own() -> None:
    def steps(model: Any, n: int) -> None:
        for _ in range(n):
            (model([1.0, 2.0]) - 1).backward()
            optim.SGD(0.1).step(model.parameters())

    for listed in (False, True):
        lazy: Any = Lazy(listed)
        with pytest.warns(
            ParameterWarning, match=r"^Lazy\.w has Value.*, which a call of Lazy has made and kept"
        ) as said:
            steps(lazy, 4)
        assert len(said) == 1 and said[0].filename == __file__

    class Anew(Module):
        def __init__(self) -> None:
            self.w = Value(0.5)

        def __call__(self, x: Any) -> Any:
            self.h = [Value(0.0), self.w * x[0]]
            return self.w * x[1] + self.h[0] * self.h[1]

    losses = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        anew = Anew()
        for _ in range(4):
            losses.append(anew([1.0, 2.0]))
            losses[-1].backward()


class Logging(Module):
    def __init__(self, log: Any) -> None:
        self.w, self.log = Value(0.5), log

    def __call__(self, x: Any) -> Any:
        self.log.append(x)
        return self.w * x


class Sharing(Module):
    def __init__(self) -> None:
        self.log = list[Any]()
        self.a, self.b = Logging(self.log), Logging(self.log)

    def __call__(self, x: Any) -> Any:
        return self.b(self.a(x))


def test_a_list_that_several_modules_have_is_filled_by_calls_of_each() -> None:
    model = Sharing()
    queue = list[Any]()
    one, other = Logging(queue), Net(inner=[Logging(queue)])
    for _ in range(3):
        model(Value(1.0)), model.a(Value(2.0))
        other.inner[0](Value(3.0))
        assert names(model) == ["a.w", "b.w"] and names(copy.deepcopy(model)) == ["a.w", "b.w"]
        assert one.parameters() == [one.w] and names(other) == ["inner1.w"]
    queue.append(Value(4.0))
    other.inner[0](queue[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(one.parameters()) == len(other.parameters()) == 2


BUFFERS: dict[str, Any] = {
    "a long list": (lambda: [None] * 2000, lambda s, x: s.buffer.__setitem__(s.calls % 2000, x)),
    "a long deque": (lambda: collections.deque([0.0] * 1500, 1500), lambda s, x: s.buffer.append(x)),
    "many lists": (lambda: [[0.0] * 3 for _ in range(300)], lambda s, x: s.buffer[s.calls].__setitem__(1, x)),
    "many entries": (lambda: {i: {"h": 0.0} for i in range(400)}, lambda s, x: s.buffer[s.calls].update(h=x)),
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_buffers_of_any_size_hold_state(kind: str) -> None:
    make, keep = BUFFERS[kind]

    class Buffering(Module):
        def __init__(self) -> None:
            self.w, self.buffer, self.calls = Value(0.5), make(), 0

        def __call__(self, x: Any) -> Any:
            self.calls += 1
            keep(self, x)
            return self.w * x

    model = Buffering()
    for _ in range(3):
        model(Value(1.0))
        assert model.parameters() == [model.w]


def _takes_the_next(self: Any) -> None:
    if self.todo:
        self.now = self.todo.pop(0)


def _deletes_and_assigns(self: Any) -> None:
    w = self.w
    del self.w
    self.w = w


def _swaps(self: Any) -> None:
    self.a, self.b = self.b, self.a


def _reverses(self: Any) -> None:
    self.todo = self.todo[::-1]


def _makes_a_list_of_others(self: Any) -> None:
    self.lists = {"a": [self.todo[0], [self.a]]}
    del self.a


@pytest.mark.parametrize("move", [_takes_the_next, _deletes_and_assigns, _swaps, _reverses, _makes_a_list_of_others])
def test_parameters_that_a_call_moves_stay_parameters(move: Any, tmp_path: Path) -> None:
    class Moving(Module):
        def __init__(self) -> None:
            self.w, self.a, self.b = Value(0.5), Value(1.0), Neuron(1)
            self.now, self.todo = None, [Layer(1, 1), Part()]

        def __call__(self, x: Any) -> Any:
            move(self)
            return self.w * x

    model = Moving()
    want = model.parameters()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(1 if move in (_takes_the_next, _makes_a_list_of_others) else 2):
            model(1.0)
            assert sorted(map(id, model.parameters())) == sorted(map(id, want))
        model.save(tmp_path / "model.json")
        assert sorted(p.data for p in copy.deepcopy(model).parameters()) == sorted(p.data for p in want)


def test_parameters_that_a_later_call_leaves_out_are_noticed() -> None:
    class Moving(Module):
        def __init__(self) -> None:
            self.todo = [Layer(1, 1), Layer(1, 1)]

        def __call__(self, x: Any) -> Any:
            self.now = self.todo.pop(0)
            return self.now(x)

    model = Moving()
    model([1.0])
    assert len(model.parameters()) == 4
    with pytest.warns(ParameterWarning, match=r"^Moving\.now held 2 parameters when Moving was made, and a call has"):
        model([1.0])
    assert len(model.parameters()) == 2


def test_what_a_call_leaves_out_of_a_list_is_no_parameter_any_more() -> None:
    class Pruning(Module):
        def __init__(self) -> None:
            self.ws = values(3)

        def __call__(self, x: Any) -> Any:
            self.ws = self.ws[:2]
            return self.ws[0] * x

    model = Pruning()
    with pytest.warns(ParameterWarning, match=r"^Pruning\.ws held 3 parameters when Pruning was made"):
        model(1.0)
    assert model.parameters() == model.ws and len(model.ws) == 2


def test_a_called_model_keeps_nothing_alive() -> None:
    model = Keeper()
    x = Value(1.0)
    gone = weakref.ref(x)
    gc.disable()
    try:
        y = model(x)
        del x, y
        model.seen.clear()
        model.table.clear()
        assert gone() is None
        parts = weakref.ref(model), weakref.ref(model.ws[0])
        del model
        assert [ref() for ref in parts] == [None, None]
    finally:
        gc.enable()


class Distance(Module):
    """A loss that is a Module, and is passed the model."""

    def __call__(self, net: Any, x: Any) -> Any:
        return (net(x) - 2.0) ** 2


class Program(Module):
    """All there is to do, in a call that reaches the model elsewhere."""

    def __call__(self, x: Any) -> Any:
        return MODEL[0](x)


MODEL: list[Any] = [None]


@pytest.mark.parametrize("around", [Distance, lambda: lambda m, x: Program()(x)])
def test_what_a_call_passes_on_to_a_model_that_it_does_not_hold_is_state_there(around: Any) -> None:
    model, kept = Logging([]), Distance()
    MODEL[0] = model
    for _ in range(3):
        around()(model, Value(1.0)), kept(model, Value(1.0))
        assert model.parameters() == [model.w]


def test_a_copy_that_takes_over_a_list_knows_what_calls_have_put_there() -> None:
    @dataclasses.dataclass
    class Config(Module):
        w: Any
        seen: Any
        rate: float = 0.1

        def __call__(self, x: Any) -> Any:
            self.seen.append(x)
            return self.w * x

    class Head(Module):
        def __init__(self, body: Any) -> None:
            self.seen, self.body = body.seen, body

    model = Config(Value(0.5), [])
    model(Value(1.0))
    assert dataclasses.replace(model, rate=0.2).parameters() == [model.w]
    assert names(Head(model)) == ["body.w"]


def test_what_another_module_makes_is_a_parameter_of_that_into_which_the_user_puts_it() -> None:
    class Sampler(Module):
        def __call__(self) -> Any:
            return nn.MLP(1, [2, 1]), [Value(0.5), Value(1.5)]

    sampler = Sampler()
    model, (net, leaves) = Net(parts=[], more=[]), sampler()
    model.parts.append(net)
    model.more.extend(leaves)
    model.parts.append(Sampler()()[0])
    assert len(model.parameters()) == 7 + 2 + 7


def test_noise_that_each_call_makes_and_keeps_is_not_said_to_be_untrained() -> None:
    class Noisy(Module):
        def __init__(self) -> None:
            self.w, self.noise = Value(0.5), list[Any]()

        def __call__(self, x: Any) -> Any:
            self.noise.append(Value(0.1))
            return self.w * (x + self.noise[-1])

    model = Noisy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            (model(1.0) + model(2.0)).backward()
            assert model.parameters() == [model.w]


def test_a_module_that_was_evaluated_may_be_added_whatever_has_come_between() -> None:
    class Ensemble(Module):
        def __init__(self) -> None:
            self.parts, self.h = list[Any](), [Value(1.0)]

        def __call__(self, part: Any, x: Any) -> Any:
            self.h = [part([x])]
            return self.h[0]

    model, layer = Ensemble(), Layer(1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ParameterWarning, match="held 1 parameter"):
            model(layer, 1.0)
        model(layer, 1.0)
    model.parts.append(layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(model.parameters()) == 2


class Slots:
    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x


@pytest.mark.parametrize("make", [lambda xs: ([[0.5]] * 1_500, xs), lambda xs: [[x] for x in xs], Slots])
def test_large_and_small_arguments_are_looked_into(make: Any) -> None:
    class Storing(Module):
        def __init__(self) -> None:
            self.w, self.seen = Value(1.0), list[Any]()

        def __call__(self, x: Any) -> Any:
            self.seen += [x.x] if isinstance(x, Slots) else [*x]
            return self.w * 2

    model = Storing()
    model(make(values(1_500)))
    assert model.parameters() == [model.w]


def test_leaves_in_doubt_are_said_once_for_each_attribute() -> None:
    class Banking(Module):
        def __init__(self) -> None:
            self.w, self.bank, self.other = Value(1.0), list[Any](), list[Any]()

        def __call__(self, i: Any) -> Any:
            self.bank.append(DATA[i])
            if i:
                self.other.append([others[i]])
            return self.w * DATA[i]

    others = values(3)
    model = Banking()
    with pytest.warns(ParameterWarning, match="as is what comes there later") as said:
        for i in range(3):
            model(i)
            model.parameters()
    assert len(said) == 2 and ".bank[0]" in str(said[0].message) and ".other[0][0]" in str(said[1].message)


def test_what_is_passed_is_looked_for_in_the_first_calls_and_in_some() -> None:
    model, looked = Keeper(), list[int]()
    for i in range(40):
        model.seen.clear()
        w = Value(0.5)
        if i % 4 == 3:
            model.ws.append(w)
        model(w)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert model.parameters() == model.ws
        memory: Any = model._marks.memory
        looked.append(memory.looked)
    assert max(looked) <= 4  # found again and again
    for _ in range(100):
        model(Value(1.0))
        assert model.parameters() == model.ws


class Step:
    """A step of a game, in a class of the user's."""

    def __init__(self, state: Any, action: int) -> None:
        self.state, self.action = state, action


KEPT_ELSEWHERE: dict[str, Any] = {
    "an object of a class": lambda s, x: s.buffer.append(Step(x, 0)),
    "objects in objects": lambda s, x: s.buffer.append(Step([Step(x, 1)], 0)),
    "a set": lambda s, x: s.buffer.append(frozenset([x])),
    "a key": lambda s, x: s.table.update({x: 1.0}),
    "an iterator": lambda s, x: s.buffer.append(iter([x])),
}


@pytest.mark.parametrize("kind", KEPT_ELSEWHERE)
def test_inputs_that_a_call_keeps_where_nothing_is_collected_are_no_lost_parameters(kind: str) -> None:
    class Acting(Module):
        def __init__(self) -> None:
            self.w, self.buffer, self.table = Value(0.5), list[Any](), dict[Any, Any]()

        def __call__(self, x: Any) -> Any:
            KEPT_ELSEWHERE[kind](self, x)
            return self.w * x

    model = Acting()
    for _ in range(2):
        model(Value(1.0))
        assert model.parameters() == [model.w]
    KEPT_ELSEWHERE[kind](model, Value(2.0))  # this one the user may take for a parameter
    with pytest.raises(TypeError, match=r"Value\(data=2\.0.* would not be trained"):
        model.parameters()


def test_a_frozen_copy_that_a_call_keeps_is_state() -> None:
    class Teaching(Module):
        def __init__(self) -> None:
            self.net, self.teachers = Layer(1, 1), list[Any]()

        def __call__(self, x: Any) -> Any:
            self.teacher = copy.deepcopy(self.net).freeze()
            self.teachers.append(copy.deepcopy(self.net).freeze())
            return self.net(x)

    model = Teaching()
    for _ in range(2):
        model([1.0])
        assert model.parameters() == model.net.parameters()
