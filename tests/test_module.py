"""The parameters of modules: where they are collected, what they are called, and what raises instead of hiding them."""

from __future__ import annotations

import array
import collections
import contextvars
import dataclasses
import enum
import functools
import gc
import itertools
import json
import logging
import operator
import queue
import random
import re
import shelve
import threading
import tracemalloc
import types
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest

import autograd
from autograd import ParameterWarning, Value, fit, nn, optim
from autograd.nn import MLP, Layer, Module, Neuron


class Net(Module):
    """A module with the attributes that it is given."""

    def __getattr__(self, name: str) -> Any:  # for type checkers, who do not know the attributes
        raise AttributeError(name)

    def __init__(self, **attributes: Any) -> None:
        for name, part in attributes.items():
            setattr(self, name, part)

    def __call__(self, x: Any) -> Any:
        return autograd.sum([p * x for p in self.parameters()])


def values(n: int) -> list[Value]:
    return [Value(float(i)) for i in range(1, n + 1)]


def objects(*parts: Any) -> Any:
    """Return an array of these objects."""
    made = np.empty(len(parts), dtype=object)
    made[:] = parts
    return made


def table(rows: int, columns: int) -> Any:
    return objects(*values(rows * columns)).reshape(rows, columns)


def structured() -> Any:
    made = np.zeros(2, dtype=[("w", object), ("n", int), ("b", object)])
    made["w"], made["b"] = objects(*values(2)), objects(*values(2))
    return made


def names(module: Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


@dataclasses.dataclass
class Pair:
    weight: Any
    bias: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    weight: Any
    bias: Any


@dataclasses.dataclass
class Late:
    bias: Any = dataclasses.field(init=False)
    weight: Any = dataclasses.field(default_factory=lambda: Value(1.0))
    shared: Any = dataclasses.field(default=Value(2.0), init=False)

    def __post_init__(self) -> None:
        self.extra = Value(4.0)
        self.bias = Value(3.0)


class WithAttributes:
    """What the package attrs makes of a class: its fields are listed, in order."""

    __attrs_attrs__ = (SimpleNamespace(name="weight"), SimpleNamespace(name="bias"))
    __slots__ = ("bias", "weight")

    def __init__(self) -> None:
        self.bias, self.weight = values(2)


class Point(NamedTuple):
    x: Any
    y: Any


class Listed(Sequence[Any]):
    """A sequence of the user's own."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __getitem__(self, i: Any) -> Any:
        return self.parts[i]

    def __len__(self) -> int:
        return len(self.parts)


class Mapped(Mapping[str, Any]):
    """A mapping of the user's own."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def __getitem__(self, key: str) -> Any:
        return self.parts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


class Color(enum.Enum):
    RED = 1


class OwnParameters(Module):
    """A module that says itself what its parameters are, and keeps them where no one else would find them."""

    def __init__(self) -> None:
        self.bag = set(values(2))

    def parameters(self) -> list[Value]:
        return sorted(self.bag, key=lambda p: p.data)


class Stack(Module, list[Any]):
    def __init__(self, *parts: Any) -> None:
        super().__init__(parts)
        self.scale = Value(1.0)


class Private(Module):
    __slots__ = ("__w", "_b", "unset")

    def __init__(self) -> None:
        self.__w, self._b = values(2)


COLLECTED: list[tuple[str, Callable[[], Any], list[str]]] = [
    ("a Value", lambda: Value(1.0), ["part"]),
    ("a module", lambda: Neuron(2), ["part.weight1", "part.weight2", "part.bias"]),
    ("a list", lambda: values(2), ["part1", "part2"]),
    ("lists in a list", lambda: [values(2), values(1)], ["part1.1", "part1.2", "part2.1"]),
    ("a tuple", lambda: tuple(values(2)), ["part1", "part2"]),
    ("a named tuple", lambda: Point(*values(2)), ["part1", "part2"]),
    ("a deque", lambda: collections.deque(values(2)), ["part1", "part2"]),
    ("a UserList", lambda: collections.UserList(values(2)), ["part1", "part2"]),
    ("a sequence", lambda: Listed(*values(2)), ["part1", "part2"]),
    ("modules in a sequence", lambda: Listed(Neuron(1)), ["part1.weight1", "part1.bias"]),
    ("an array", lambda: objects(*values(3)), ["part1", "part2", "part3"]),
    ("a table", lambda: table(2, 2), ["part1.1", "part1.2", "part2.1", "part2.2"]),
    ("a cube", lambda: table(2, 2).reshape(1, 2, 2), ["part1.1.1", "part1.1.2", "part1.2.1", "part1.2.2"]),
    ("a column of a table", lambda: table(2, 2)[:, 1], ["part1", "part2"]),
    ("a transposed table", lambda: table(1, 2).T, ["part1.1", "part2.1"]),
    ("an array without dimensions", lambda: np.array(Value(1.0), dtype=object), ["part.()"]),
    ("an array of modules", lambda: objects(Neuron(1)), ["part1.weight1", "part1.bias"]),
    ("an array of lists", lambda: objects(values(2), values(1)), ["part1.1", "part1.2", "part2.1"]),
    ("arrays in an array", lambda: objects(table(1, 2), table(1, 1)), ["part1.1.1", "part1.1.2", "part2.1.1"]),
    ("arrays in a list", lambda: [table(1, 2), objects(*values(1))], ["part1.1.1", "part1.1.2", "part2.1"]),
    ("arrays in a dictionary", lambda: {"a": table(1, 2)}, ["part.a1.1", "part.a1.2"]),
    ("a structured array", structured, ["part.w1", "part.w2", "part.b1", "part.b2"]),
    ("a record", lambda: structured()[0], ["part.w", "part.b"]),
    ("a dictionary", lambda: dict(zip("ba", values(2))), ["part.b", "part.a"]),
    ("a dictionary with other keys", lambda: dict(zip([2, (1, "x"), None, Color.RED], values(4))), [
        "part.2", "part.(1, 'x')", "part.None", "part.Color.RED",
    ]),
    ("a dictionary with keys without a text", lambda: {object(): Value(1.0)}, ["part.1"]),
    ("an OrderedDict", lambda: collections.OrderedDict(b=Value(1.0), a=Value(2.0)), ["part.b", "part.a"]),
    ("a defaultdict", lambda: collections.defaultdict(list, b=values(1)), ["part.b1"]),
    ("a UserDict", lambda: collections.UserDict(b=Value(1.0)), ["part.b"]),
    ("a ChainMap", lambda: collections.ChainMap({"b": Value(1.0)}, {"a": Value(2.0)}), ["part.a", "part.b"]),
    ("a MappingProxyType", lambda: types.MappingProxyType({"b": Value(1.0)}), ["part.b"]),
    ("a mapping", lambda: Mapped(b=Value(1.0), a=values(2)), ["part.b", "part.a1", "part.a2"]),
    ("a dataclass", lambda: Pair(*values(2)), ["part.weight", "part.bias"]),
    ("a frozen dataclass with slots", lambda: Frozen(*values(2)), ["part.weight", "part.bias"]),
    ("a dataclass with later attributes", Late, ["part.bias", "part.weight", "part.shared", "part.extra"]),
    ("a module in a dataclass", lambda: Pair(Neuron(1), objects(*values(1))), [
        "part.weight.weight1", "part.weight.bias", "part.bias1",
    ]),
    ("dataclasses in a dictionary of arrays", lambda: {"a": objects(Pair(*values(2)))}, [
        "part.a1.weight", "part.a1.bias",
    ]),
    ("a class of the package attrs", WithAttributes, ["part.weight", "part.bias"]),
    ("a module with its own parameters", OwnParameters, ["part.parameter1", "part.parameter2"]),
    ("a module that is a list", lambda: Stack(*values(2)), ["part.scale", "part1", "part2"]),
    ("private slots", Private, ["part._Private__w", "part._b"]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "want"), [row[1:] for row in COLLECTED], ids=[row[0] for row in COLLECTED])
def test_what_has_an_order_is_collected_trained_and_saved(
    make: Callable[[], Any], want: list[str], tmp_path: Path
) -> None:
    net = Net(part=make())
    assert names(net) == want
    assert len(set(net.parameters())) == len(want)
    assert [p for _, p in net.named_parameters()] == net.parameters()
    assert repr(net).startswith(f"Net with {len(want)} parameter")

    net(2.0).backward()
    assert [p.grad for p in net.parameters()] == [2.0] * len(want)
    net.zero_grad()
    assert not any(p.grad for p in net.parameters())

    net.save(tmp_path / "net.json")
    before = [p.data for p in net.parameters()]
    assert list(json.loads((tmp_path / "net.json").read_text())["parameters"]) == want
    fit(net, [1.0], [7.0], loss=nn.mse, optimizer=optim.SGD(0.01), epochs=1, progress=False, backend="python")
    assert all(p.data != old for p, old in zip(net.parameters(), before))
    net.load(tmp_path / "net.json")
    assert [p.data for p in net.parameters()] == before


def test_names_do_not_depend_on_addresses() -> None:
    keys = [Value(1.0), Neuron(1), object(), (Value(1.0), 2)]
    net = Net(keys=keys, table={key: Value(2.0) for key in keys})
    assert names(net)[-4:] == ["table.1", "table.2", "table.3", "table.4"]


TWINS: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "an element and an attribute": ({"w1": Value(1.0), "w": values(1)}, ["w1", "w[0]"], "w1"),
    "layers": (
        {"fc": [Layer(2, 2)], "fc1": Layer(2, 2)},
        ["fc[0].neurons[0].w[0]", "fc1.neurons[0].w[0]"],
        "fc1.neuron1.weight1",
    ),
    "keys": ({"keys": {1: Value(1.0), "1": Value(2.0)}}, ["keys[1]", "keys['1']"], "keys.1"),
    "dots": ({"x": {"a.b": Value(1.0), "a": {"b": Value(2.0)}}}, ["x['a.b']", "x['a']['b']"], "x.a.b"),
    "a constant": ({"c": [nn.Constant(1.0)], "c1": Value(1.0)}, ["c1", "c[0]"], "c1"),
}


@pytest.mark.parametrize("kind", TWINS)
def test_parameters_of_one_name_are_refused_when_a_module_is_made(kind: str) -> None:
    attributes, (one, other), name = TWINS[kind]
    said = f"Net.{one} and Net.{other} would have the same name, '{name}', in files, errors and drawings: rename one"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        Net(**attributes)


def test_parameters_of_one_name_that_come_later_are_told_apart() -> None:
    net = Net()
    vars(net).update(
        w1=Value(1.0),
        w=values(1),
        keys={1: Value(1.0), "1": Value(2.0)},
        dots={"a.b": Value(1.0), "a": {"b": Value(2.0)}},
        free=Value(1.0),
    )
    assert names(net) == ["w1", "w[0]", "keys[1]", "keys['1']", "dots['a.b']", "dots['a']['b']", "free"]


def test_parameters_of_one_name_that_come_later_are_refused_before_training() -> None:
    said = r"^Net\.fc\[0\]\.neurons\[0\]\.w\[0\] and Net\.fc1\.neurons\[0\]\.w\[0\] would have the same name"
    net: Any = Net(fc=[Layer(1, 1)])
    net.fc1 = Layer(1, 1)
    own: Any = OwnParameters()
    own.w, own.w1 = values(1), Value(2.0)
    for use in (net.parameters, net.zero_grad, lambda: trained(net)):
        with pytest.raises(ValueError, match=said):
            use()
    with pytest.raises(ValueError, match="would have the same name"):
        trained(own)
    assert len(names(net)) == 4 and repr(net).startswith("Net with 4 parameters")
    net.fc_1 = net.fc1
    del net.fc1
    assert len(net.parameters()) == 4


def trained(net: Any) -> Any:
    return fit(net, [[1.0]], [1.0], loss="mse", optimizer="sgd", epochs=1, progress=False)


ONE: dict[str, tuple[Callable[[Value], Any], str]] = {
    "a tuple": (lambda v: (v,) * 3, "Net.w has one Value 3 times, .* write tuple(Value(0.0) for _ in range(3)) in"),
    "entries": (lambda v: dict.fromkeys("abc", v), "Net.w has one Value 3 times, .* write {key: Value(0.0) for key in"),
    "an array": (lambda v: np.full(3, v), "Net.w has one Value 3 times, .*, and make of it the ndarray"),
    "a table": (lambda v: np.full((2, 3), v), "Net.w[0] has one Value 3 times"),
    "a deque": (lambda v: collections.deque([v] * 2), "Net.w has one Value 2 times, .*, and make of it the deque"),
    "lists": (lambda v: ([v],) * 2, "Net.w has one list 2 times, .* write tuple([Value(0.0)] for _ in range(2)) in"),
}


@pytest.mark.parametrize("kind", ONE)
def test_a_value_that_is_repeated_in_any_container_is_said_to_be_one(kind: str) -> None:
    make, said = ONE[kind]
    with pytest.warns(ParameterWarning, match="^" + re.escape(said).replace(r"\.\*", ".*")) as caught:
        Net(w=make(Value(0.0)))
    assert len(caught) == 1


@pytest.mark.parametrize("w", [(Value(1.0),), {"a": Value(1.0)}, [Layer(1, 1)] * 3, (1.0, 1.0), np.full(3, 1.0)])
def test_what_is_no_repeated_value_is_not_warned_of(w: Any) -> None:
    Net(w=w)


def test_a_shared_parameter_counts_once_where_it_is_met_first() -> None:
    shared = Value(1.0)
    with pytest.warns(ParameterWarning, match=r"^Net\.first has one Value 2 times"):
        net = Net(first=objects(shared, shared), second={"a": shared}, third=Pair(shared, [shared]))
    assert names(net) == ["first1"]


def test_results_are_not_parameters() -> None:
    leaf = Value(2.0)
    result = leaf * 3
    assert Net(a=result, b=objects(result), c={result}, d=SimpleNamespace(x=result)).parameters() == []


def lost_squares() -> list[Value]:
    x = Value(3.0, "lost")
    return [x * x, -x]


LOST: dict[str, tuple[Callable[[], Any], str]] = {
    "a result": (lambda: Value(2.0, "lost") / 10, r" is a result of div"),
    "a list": (lambda: [Value(1.0), Value(2.0, "lost") / 10], r"\[1\] is a result of div"),
    "an array times a number": (lambda: objects(Value(1.0, "lost"), Value(2.0)) * 0.1, r"\[0\] is a result of mul"),
    "a table": (lambda: np.outer([1.0, 2.0], objects(Value(1.0, "lost"))), r"\[0\]\[0\] is a result of mul"),
    "a leaf used twice, by two": (lost_squares, r"\[0\] is a result of mul"),
    "a result of results": (lambda: autograd.sum([Value(1.0, "lost").exp(), 2.0]).tanh(), " is a result of tanh"),
    "a dataclass": (lambda: Pair(-Value(1.0, "lost")), r"\.weight is a result of neg"),
    "a submodule": (lambda: Net(w=-Value(1.0, "lost")), r"\.w is a result of neg"),
}


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("others", [{}, {"b": Value(0.0)}, {"m": Neuron(2)}], ids=["alone", "leaf", "module"])
def test_a_result_in_place_of_a_parameter_raises(kind: str, others: dict[str, Any]) -> None:
    make, said = LOST[kind]
    net = Net(**others, part=make())
    for use in (net.parameters, lambda: names(net), net.zero_grad):
        with pytest.raises(
            TypeError, match=rf"^Net\.part{said}.*'lost'\), which nothing else holds: neither would be trained\. \w"
        ):
            use()
    assert repr(net).startswith("Net with")


def test_rescaled_weights_raise() -> None:
    """The new weights are results of the old ones, which are no parameters any more."""
    net = Neuron(2)
    assert len(net.parameters()) == 3
    net.w = [w * 0.1 for w in net.w]
    with pytest.raises(TypeError, match=r"Neuron\.w\[0\] is a result of mul, .* Value\(v\.data\)"):
        net.parameters()
    net.w = [Value(w.data) for w in net.w]
    assert len(net.parameters()) == 3


class Keeping(Module):
    """It keeps what it computes, of its inputs alone too."""

    def __init__(self) -> None:
        self.w, self.kept = Value(1.0), dict[str, Any]()
        self.other: Any = None

    def __call__(self, x: Any) -> Any:
        scaled = (x - 3.0) / 2
        self.kept.update(input=[scaled], output=objects(scaled * self.w), of_weights=self.w.exp())
        return scaled * self.w

    @functools.cached_property
    def doubled(self) -> Value:
        return self.w * 2


class Activation(Module):
    def __call__(self, xs: list[Value]) -> list[Value]:
        self.out = [x.tanh() for x in xs]
        return self.out


@pytest.mark.parametrize("backend", ["numpy", "eager"])
def test_kept_activations_raise_nothing(backend: Any) -> None:
    net = Keeping()
    fit(net, [1.0, 2.0], [1.0, 2.0], loss=nn.mse, optimizer=optim.SGD(0.1), epochs=1, progress=False, backend=backend)
    assert net.parameters() == [net.w]
    net.predict([1.0, 2.0], backend=backend)
    assert net.parameters() == [net.w]

    x = Value(1.0)
    net(x).backward()
    assert net.doubled.data == 2 * net.w.data
    assert net.parameters() == [net.w]

    layer, activation = Layer(2, 2), Activation()
    activation(layer([1.0, 2.0]))
    assert Net(layer=layer, activation=activation).parameters() == layer.parameters()
    assert activation.parameters() == []


def test_of_an_input_that_nobody_has_a_result_is_state_if_a_call_keeps_it() -> None:
    net = Keeping()
    net(Value(1.0, "lost"))
    assert net.parameters() == [net.w]
    net.other = net.kept
    with pytest.raises(TypeError, match=r"Keeping\.kept\['input'\]\[0\] is a result of div, .* assign v\.data"):
        net.parameters()


# ------------------------------------------------------------------------------------------- what cannot be collected


class Plain:
    def __init__(self, part: Any) -> None:
        self.part = part

    def method(self) -> None:
        """Do nothing."""


class Slotted:
    __slots__ = ("part",)

    def __init__(self, part: Any) -> None:
        self.part = part


class Facade(Sequence[Any]):
    """A sequence that does not list what it holds."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __getitem__(self, i: Any) -> Any:
        return [1.0][i]

    def __len__(self) -> int:
        return 1


class ListWithMore(list[Any]):
    def __init__(self, held: Any) -> None:
        super().__init__()
        self.held = held


def closure(part: Any) -> Callable[[], Any]:
    return lambda: part


def generator(part: Any) -> Iterator[Any]:
    yield part


def with_default(part: Any) -> Callable[..., Any]:
    def function(x: Any = part) -> Any:
        return x

    return function


def masked(part: Any) -> Any:
    return np.ma.MaskedArray(objects(part, part), mask=[True, False])


def variable(part: Any) -> Any:
    made = contextvars.ContextVar[Any]("x")
    made.set(part)
    return made


def context(part: Any) -> Any:
    made = contextvars.Context()
    made.run(variable, part)
    return made


def thread_local(part: Any) -> Any:
    made = threading.local()
    made.part = part
    return made


def enumeration(part: Any) -> Any:
    return enum.Enum("Shared", {"A": [part]})


def cache(part: Any) -> Any:
    made = functools.cache(closure(part))
    made()
    return made


SET, FUNCTION, ITERATOR = "a set, whose order", "a function, which hides", "an iterator, which can be read only once"
REFUSED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("a set", lambda v: {v}, SET),
    ("a frozen set", lambda v: frozenset([v]), SET),
    ("a set in a list", lambda v: [1.0, {v}], SET),
    ("a view of values", lambda v: {"a": v}.values(), "a view of a dictionary"),
    ("a view of items", lambda v: {"a": v}.items(), "a view of a dictionary"),
    ("a view of keys", lambda v: {v: 1.0}.keys(), "a view of a dictionary"),
    ("a key", lambda v: {v: 1.0}, "a mapping, of which only the values"),
    ("a key that is a tuple", lambda v: {(1, v): 1.0}, "a mapping, of which only the values"),
    ("a hidden map", lambda v: collections.ChainMap({"a": 1.0}, {"a": v}), "a mapping, of which only the values"),
    ("a factory", lambda v: collections.defaultdict(closure(v)), "a mapping, of which only the values"),
    ("an iterator", lambda v: iter([v]), ITERATOR),
    ("a generator", generator, ITERATOR),
    ("a map", lambda v: map(abs, [v]), ITERATOR),
    ("itertools.cycle", lambda v: itertools.cycle([v]), ITERATOR),
    ("a closure", closure, FUNCTION),
    ("a default", with_default, FUNCTION),
    ("a partial", lambda v: functools.partial(max, v), FUNCTION),
    ("a bound method", lambda v: Plain(v).method, FUNCTION),
    ("a method of a list", lambda v: [v].append, FUNCTION),
    ("an object", Plain, "an instance of Plain, neither a Module nor a dataclass"),
    ("an object with slots", Slotted, "an instance of Slotted"),
    ("a namespace", lambda v: SimpleNamespace(x=[v]), "an instance of SimpleNamespace"),
    ("an array in an object", lambda v: Plain(objects(v)), "an instance of Plain"),
    ("an object in an object", lambda v: Plain({"a": [Plain(v)]}), "an instance of Plain"),
    ("an object in an array", lambda v: objects(Plain(v)), "an instance of Plain"),
    ("a sequence that hides it", Facade, "an instance of Facade"),
    ("a list with an attribute", ListWithMore, "an instance of ListWithMore"),
    ("a masked array", masked, "a masked array"),
    ("a queue", lambda v: collections.deque([queue_of(v)]), "an instance of SimpleQueue"),
    ("a class", lambda v: type("Shared", (), {"x": v}), "a class, whose attributes all instances share"),
    ("a base class", lambda v: type("Sub", (type("Shared", (), {"x": [v]}),), {}), "a class, whose attributes"),
    ("a class in a list", lambda v: [type("Shared", (Module,), {"x": v})], "a class, whose attributes"),
    ("an enumeration", enumeration, "a class, whose attributes all instances share"),
    ("a member of one", lambda v: enumeration(v).A, "an instance of Shared"),
    ("a context variable", variable, "a context variable, which has another value in each context"),
    ("its default", lambda v: contextvars.ContextVar("x", default=v), "a context variable"),
    ("a context", context, "an instance of Context"),
    ("a thread's own", thread_local, "an instance of _local"),
    ("a cache", cache, "an instance of _lru_cache_wrapper"),
    ("a flat array", lambda v: objects(v).flat, ITERATOR),
    ("an enumerated array", lambda v: np.ndenumerate(objects(v)), ITERATOR),
    ("an error", ValueError, "an instance of ValueError"),
    ("a method call", lambda v: operator.methodcaller("f", v), "an instance of methodcaller"),
    ("a cell", types.CellType, "an instance of cell"),
]


def test_a_class_of_the_users_may_become_a_module_one_of_python_not() -> None:
    with pytest.raises(TypeError, match=r"trained\. Make Plain a Module or a dataclass, or use a list"):
        Net(part=Plain(Value(1.0))).parameters()
    for part in (types.CellType(Value(1.0)), slice(Value(1.0), None), thread_local(Value(1.0)), ValueError(Value(1.0))):
        with pytest.raises(TypeError, match=r"trained\. Assign its Values and Modules themselves, or a list of them"):
            Net(part=part).parameters()


def test_an_object_with_parameters_that_is_no_module_says_how_to_make_it_one() -> None:
    class Linear(Plain):
        def parameters(self) -> list[Value]:
            return [self.part]

    with pytest.raises(TypeError, match=r"neither a Module nor .* is not asked: write class Linear\(nn\.Module\), or"):
        Net(part=Linear(Value(1.0))).parameters()


def queue_of(part: Any) -> Any:
    made: Any = queue.SimpleQueue()
    made.put(part)
    return made


@pytest.mark.parametrize("content", ["a Value", "a module"])
@pytest.mark.parametrize(("make", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_collected_raises(make: Callable[[Any], Any], said: str, content: str, tmp_path: Path) -> None:
    leaf = Value(1.0, "lost")
    part = make(leaf if content == "a Value" else Net(w=leaf))
    deep = Net(deep=[Pair(Net(part=part))])
    net, file = Net(part=part), tmp_path / "net.json"
    uses = [net.parameters, lambda: names(net), net.zero_grad, lambda: net.save(file), lambda: net.load(file)]
    for use, where in [(deep.parameters, r"Net\.deep\[0\]\.weight\.part"), *((use, r"Net\.part") for use in uses)]:
        with pytest.raises(TypeError, match=rf"^{where}(\[\d\])? is {said}.*'lost'\) in it would not be trained\. \w"):
            use()
    assert repr(net) == "Net with 0 parameters"
    assert not list(tmp_path.iterdir())

    found_elsewhere = Net(part=part, kept=[leaf])
    assert found_elsewhere.parameters() == [leaf]


WEAK: list[tuple[str, Callable[[Value], Any], str]] = [
    ("a reference", weakref.ref, "a weak reference, which keeps nothing alive"),
    ("a set", lambda v: weakref.WeakSet([v]), "a weak set, which keeps nothing alive"),
    ("values", lambda v: weakref.WeakValueDictionary({"a": v}), "a weak dictionary, which keeps nothing alive"),
    ("keys", lambda v: weakref.WeakKeyDictionary({v: 1.0}), "a mapping, of which only the values"),
    ("a list of references", lambda v: [[weakref.ref(v)]], "a weak reference, which keeps nothing alive"),
]


@pytest.mark.parametrize(("make", "said"), [row[1:] for row in WEAK], ids=[row[0] for row in WEAK])
def test_weak_references_to_values_raise_where_a_module_has_them(make: Callable[[Value], Any], said: str) -> None:
    leaf = Value(1.0, "lost")
    net = Net(part=make(leaf))
    with pytest.raises(TypeError, match=rf"^Net\.part.* is {said}.*'lost'\) in it would not be trained\. \w"):
        net.parameters()
    assert Net(part=net.part, kept=leaf).parameters() == [leaf]
    result = leaf * 2
    assert Net(part=net.part, of_a_result=weakref.ref(result), kept=leaf).parameters() == [leaf]
    del leaf, result
    assert net.parameters() == []


@pytest.mark.parametrize("kind", [Plain, Slotted, Pair, Facade])
def test_an_attribute_of_the_class_of_another_object_raises(kind: type) -> None:
    sub: Any = type("Sub", (kind,), {"shared": Value(1.0, "lost")})
    for net, where in ((Net(part=sub(0.5)), "Net.part.shared"), (Net(part=[sub(0.5)]), r"Net.part\[0\].shared")):
        with pytest.raises(TypeError, match=f"^{where} is an attribute of the class, which all instances share"):
            net.parameters()
    assert Net(part=sub(0.5), shared=sub.shared).parameters() == [sub.shared]


@pytest.mark.parametrize("first", [True, False])
def test_an_attribute_of_a_plain_base_class_raises(first: bool) -> None:
    class Plain:
        slope = Value(1.0)

    kind = type("Line", (Plain, Module) if first else (Module, Plain), {})
    with pytest.raises(TypeError, match=r"Line\.slope is an attribute of the class"):
        kind().parameters()


def test_an_attribute_of_the_class_raises() -> None:
    class Line(Module):
        slope, offsets = Value(1.0), [Value(2.0)]

    with pytest.raises(TypeError, match=r"Line\.slope is an attribute of the class, .* Assign it in __init__, or"):
        Line().parameters()
    line = Line()
    line.slope = Value(3.0)
    with pytest.raises(TypeError, match=r"Line\.offsets is an attribute of the class"):
        line.parameters()
    line.offsets = []
    assert line.parameters() == [line.slope]


def test_a_class_that_overrides_parameters_decides(tmp_path: Path) -> None:
    own = OwnParameters()
    assert names(own) == ["parameter1", "parameter2"]
    own.save(tmp_path / "own.json")
    assert repr(own) == "OwnParameters with 2 parameters"

    class More(Module):
        def __init__(self) -> None:
            self.w, self.bag = Value(1.0), {Value(2.0)}

        def parameters(self) -> list[Value]:
            return [*super().parameters(), *self.bag]

    more = More()
    assert more.parameters() == [more.w, *more.bag]
    assert names(Net(part=more)) == ["part.w", "part.parameter2"]


def test_an_activation_that_hides_a_parameter_is_refused() -> None:
    slope = Value(0.1)
    with pytest.raises(TypeError, match=r"Layer.neurons\[0\].activation is a function|Neuron.activation is a function"):
        Layer(2, 2, lambda v: v.relu() - slope * (-v).relu())


# ----------------------------------------------------------------------------------------------------- no false alarms


class Tricky:
    """It answers to every name, and everything it is asked costs too much."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AssertionError(f"asked for {name}")

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("listed")

    def __len__(self) -> int:
        raise AssertionError("measured")


class AnswersToAll(type):
    def __getattr__(cls, name: str) -> Any:
        return 3


class TrickyClass(metaclass=AnswersToAll):
    """A class that answers to every name, too."""


class Lazy(Sequence[Any]):
    """A data set that reads a file for each of its billion rows."""

    def __getitem__(self, i: Any) -> Any:
        raise AssertionError("read")

    def __len__(self) -> int:
        return 10**9


def compiled() -> Any:
    x = Value(1.0)
    return autograd.compile(x * x, x)


FOREIGN = Value(1.0)
OTHER = Net(w=FOREIGN)


def stepped(optimizer: Any) -> Any:
    FOREIGN.grad = 1.0
    optimizer.step([FOREIGN])
    return optimizer


def caught() -> Exception:
    here = Value(1.0)  # a local variable of the frame that the error refers to
    try:
        return Exception(f"{here.op}", 1 / 0)
    except ZeroDivisionError as error:
        return error


HARMLESS: dict[str, Callable[[], Any]] = {
    "a random generator": random.Random,
    "NumPy's generator": np.random.default_rng,
    "an array of numbers": lambda: np.zeros((100, 100)),
    "an array of text": lambda: np.array(["a", None], dtype=object),
    "a masked array of numbers": lambda: np.ma.MaskedArray([1.0, 2.0], mask=[True, False]),
    "a logger": lambda: logging.getLogger("autograd.tests"),
    "a compiled function": compiled,
    "an optimizer": lambda: optim.Adam(lr=lambda step: 0.1 / (step + 1)),
    "a trained optimizer": lambda: stepped(optim.Adam(0.1)),
    "a module of Python": lambda: autograd,
    "a class": lambda: Net,
    "a function": lambda: autograd.tanh,
    "a function of Python's": lambda: closure(1.0),
    "a lock": threading.Lock,
    "a thread": threading.Thread,
    "a range": lambda: range(10**9),
    "an array of bytes": lambda: array.array("d", [1.0]),
    "a weak reference to a module": lambda: weakref.ref(OTHER),
    "a weak set of modules": lambda: weakref.WeakSet([OTHER]),
    "a weak dictionary of modules": lambda: weakref.WeakValueDictionary({"a": OTHER}),
    "a weak method": lambda: weakref.WeakMethod(OTHER.parameters),
    "a weak reference in an object": lambda: Pair(weakref.ref(FOREIGN)),
    "a weak set in an object": lambda: Plain(weakref.WeakSet([FOREIGN])),
    "a context variable": lambda: contextvars.ContextVar("other", default=1.0),
    "an iterator over an array": lambda: np.zeros(3).flat,
    "a class of NumPy's": lambda: np.float64,
    "an abstract class": lambda: collections.abc.Mapping,
    "a list of types": lambda: [int, Value, Module, list[Value]],
    "an object that answers to everything": Tricky,
    "an object of such a class": TrickyClass,
    "a mock": mock.MagicMock,
    "a lazy data set": Lazy,
    "an error": caught,
    "text": lambda: "text" * 1000,
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_other_attributes_raise_nothing_and_are_left_alone(kind: str) -> None:
    w = Value(1.0)
    assert Net(other=HARMLESS[kind](), listed=[HARMLESS[kind]()], w=w).parameters() == [w]


def test_files_are_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "log.txt").open("w") as file, shelve.open(str(tmp_path / "shelf")) as shelf:
        shelf["a"] = 1.0
        assert Net(file=file, shelf=shelf).parameters() == []


def test_cycles_and_back_references_end() -> None:
    w, items = Value(1.0), list[Any]()
    items.append(items)
    net = Net(w=w, items=items)
    vars(net).update(itself=net, trainer=Plain(net), act=net.__call__, loss=closure(net))
    assert net.parameters() == [w]


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}, Pair, objects])
def test_a_deep_nesting_is_no_recursion(wrap: Callable[[Any], Any]) -> None:
    w = part = Value(1.0)
    for _ in range(3_000):
        part = wrap(part)
    net = Net(part=part)
    assert net.parameters() == [w]
    assert len(names(net)) == 1
    with pytest.raises(TypeError, match="is a set"):
        Net(part={closure(part)}).parameters()


def test_a_million_numbers_are_no_effort() -> None:
    """They are passed over together: a name or a tuple for each would take a hundred megabytes, and seconds."""
    net = Net(w=Value(1.0), xs=[0.5] * 1_000_000, rows=[[0.5] * 100] * 1000, held=Plain([0.5] * 1_000_000))
    tracemalloc.start()
    try:
        assert net.parameters() == [net.w]
        assert tracemalloc.get_traced_memory()[1] < 20_000_000  # one list of what the object refers to takes 8
    finally:
        tracemalloc.stop()


def test_classes_that_come_and_go_are_forgotten() -> None:
    """A notebook defines its classes again and again; what is remembered of them is bounded."""

    def used() -> weakref.ref[type]:
        kind = type("Part", (Plain,), {})
        assert Net(part=kind(1.0)).parameters() == []
        return weakref.ref(kind)

    kinds = [used() for _ in range(1_500)]
    gc.collect()
    assert sum(kind() is not None for kind in kinds) <= 1_000


def test_values_repeated_in_a_list_count_once() -> None:
    w, shared = values(2)
    assert names(Net(a=[w, shared, w, shared * 2], b=[shared, Value(3.0)])) == ["a1", "a2", "b2"]


def test_the_search_of_an_object_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    chain: Any = None
    for _ in range(30_000):
        chain = [chain]
    levels, get_referents = [], gc.get_referents

    def counted(*parts: Any) -> list[Any]:
        levels.append(len(parts))
        return get_referents(*parts)

    monkeypatch.setattr(gc, "get_referents", counted)
    assert Net(held=Plain(chain)).parameters() == []
    assert 9_000 < sum(levels) < 11_000


def test_names_of_networks_stay() -> None:
    assert names(MLP(1, [2, 1]))[:3] == ["layer1.neuron1.weight1", "layer1.neuron1.bias", "layer1.neuron2.weight1"]


# ------------------------------------------------------------------------------------------------- names of methods


METHODS = sorted(name for name in dir(Module) if callable(getattr(Module, name, None)) and not name.startswith("_"))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "part", [0.5, Value(0.5), [Value(0.5)], Neuron(1), None], ids=["number", "Value", "list", "Module", "None"]
)
def test_an_attribute_in_place_of_a_method_is_refused_when_the_module_is_made(name: str, part: Any) -> None:
    said = rf"^Net\.{name} is .*, in place of the method {name}\(\) of every Module: rename .*, to self\.{name}_ or"
    with pytest.raises(TypeError, match=said):
        Net(**{name: part})


def test_the_methods_are_known() -> None:
    assert [
        *("all_parameters", "architecture", "eval", "freeze", "from_architecture", "load", "named_parameters"),
        *("parameters", "predict", "save", "train", "unfreeze", "zero_grad"),
    ] == METHODS


def test_a_field_or_a_slot_in_place_of_a_method_is_refused() -> None:
    @dataclasses.dataclass
    class Fields(Module):
        train: float = 0.5  # type: ignore[assignment]  # the mistake

    class Slots(Module):
        __slots__ = ("save",)

        def __init__(self) -> None:
            self.save = 3  # type: ignore[assignment]  # the mistake

    for kind in (Fields, Slots):
        with pytest.raises(TypeError, match="in place of the method"):
            kind()


def test_other_names_and_functions_are_not_refused() -> None:
    w = Value(0.5)
    model = Net(classes=["a"], training=False, forward=Neuron(1), parameters=lambda: [w], predict=len)
    assert (model.classes, model.training, model.parameters()) == (["a"], False, [w])
