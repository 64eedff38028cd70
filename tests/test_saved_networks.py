"""`save` writes the architecture, `nn.load` makes the network from it: the same to the bit, or a clear error."""

from __future__ import annotations

import copy
import errno
import functools
import json
import math
import os
import pickle
import random
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, fit, nn, ops
from autograd.activations import settled
from autograd.ops import Op

STORED = Path(__file__).parent / "data" / "parameters.json"  # of a version that wrote no architecture
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "neuron": lambda: nn.Neuron(3),
    "neuron of one input": lambda: nn.Neuron(1, "sigmoid"),
    "micrograd's neuron": lambda: nn.Neuron(2, nonlin=False),
    "labelled neuron": lambda: nn.Neuron(2, labels=["width", "größe\n", "offset"]),
    "layer": lambda: nn.Layer(2, 3),
    "micrograd's layer": lambda: nn.Layer(2, 3, nonlin=False),
    "layer of one": lambda: nn.Layer(1, 1, "gelu"),
    "network": lambda: nn.MLP(2, [4, 3, 1], "tanh"),
    "network of one layer": lambda: nn.MLP(1, [1]),
    "activations": lambda: nn.MLP(2, [2, 2, 2, 2], ["LeakyReLU", "swish", None, "sigmoid"]),
    "layer of one, a list": lambda: nn.Layer(1, 1, "gelu", squeeze=False),
    "network of one output, a list": lambda: nn.MLP(2, [3, 1], squeeze=False),
    "a function of the table": lambda: nn.MLP(2, [2, 1], [Value.tanh, ops.TABLE["elu"]]),
}


def saved(model: nn.Module, folder: Path) -> Path:
    model.save(folder / "model.json")
    return folder / "model.json"


def state(model: nn.Module) -> list[tuple[str, str, str]]:
    return [(name, p.data.hex(), p.label) for name, p in model.named_parameters()]


def neurons(model: Any) -> list[nn.Neuron]:
    if isinstance(model, nn.Neuron):
        return [model]
    return [
        neuron for part in (model.layers if isinstance(model, nn.MLP) else model.neurons) for neuron in neurons(part)
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back(name: str, tmp_path: Path) -> None:
    model: Any = NETWORKS[name]()
    for p, x in zip(model.parameters(), [math.inf, -math.nan, -0.0, 5e-324]):
        p.data = x
    path = saved(model, tmp_path)
    before = random.getstate()
    twin = nn.load(path)
    assert random.getstate() == before
    assert type(twin) is type(model)
    assert (state(twin), repr(twin)) == (state(model), repr(model))
    assert [neuron.activation for neuron in neurons(twin)] == [neuron.activation for neuron in neurons(model)]
    xs = [0.5] * len(neurons(model)[0].w)
    assert repr(twin(xs)) == repr(model(xs))
    assert [p.grad for p in twin.parameters()] == [0.0] * len(model.parameters())
    twin.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def is_activation(name: str) -> bool:
    try:
        return settled(name) == name
    except ValueError:
        return False


ACTIVATIONS = [name for name, op in ops.TABLE.items() if op.built_in and is_activation(name)]


@given(st.data())
def test_networks_of_all_shapes_come_back(data: st.DataObject) -> None:
    nin, nouts = data.draw(st.integers(1, 4)), data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    model = nn.MLP(nin, nouts, [data.draw(st.sampled_from(ACTIVATIONS)) for _ in nouts])
    architecture = json.loads(json.dumps(model.architecture()))
    twin = nn.MLP.from_architecture(architecture, len(model.parameters()))
    assert twin.architecture() == model.architecture()
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in model.named_parameters()]
    with pytest.raises(ValueError, match="more parameters than the file has numbers"):
        nn.MLP.from_architecture(architecture, len(model.parameters()) - 1)


def test_the_file_reads_well(tmp_path: Path) -> None:
    document = json.loads(saved(nn.MLP(2, [3, 1], "tanh"), tmp_path).read_text())
    assert list(document) == ["format", "version", "architecture", "parameters"]
    assert document["architecture"] == {"class": "MLP", "nin": 2, "nouts": [3, 1], "activation": ["tanh", "linear"]}
    assert document["version"] == 1  # which programs that know no architecture read, too


def test_load_takes_files_with_and_without_an_architecture(tmp_path: Path) -> None:
    model = nn.MLP(2, [2, 1], "tanh")
    model.load(STORED)
    twin = nn.MLP(2, [2, 1], "tanh")
    twin.load(saved(model, tmp_path))
    assert state(twin) == state(model) == state(nn.load(saved(model, tmp_path)))


class Holder(nn.Module):
    def __init__(self) -> None:
        self.w = Value(2.0)


def changed(change: Callable[[Any], object]) -> nn.Module:
    model = nn.MLP(2, [2, 2])
    change(model)
    return model


NO_ARCHITECTURE: dict[str, Callable[[], nn.Module]] = {
    "a function": lambda: nn.MLP(2, [2, 1], lambda net: net.leaky_relu(0.2)),
    "a partial": lambda: nn.Neuron(2, cast(Any, functools.partial(ops.TABLE["leaky_relu"], slope=0.2))),
    "neurons of two kinds": lambda: changed(lambda m: m.layers[0].neurons.append(nn.Neuron(2, "sin"))),
    "neurons of two sizes": lambda: changed(lambda m: m.layers[0].neurons[0].w.pop()),
    "layers that do not fit": lambda: changed(lambda m: m.layers.append(nn.Layer(3, 1))),
    "a neuron as a layer": lambda: changed(lambda m: m.layers.append(nn.Neuron(2))),
    "no layers": lambda: changed(lambda m: m.layers.clear()),
    "no neurons": lambda: changed(lambda m: m.layers[0].neurons.clear()),
    "another function": lambda: changed(lambda m: setattr(m.layers[0].neurons[0], "_activate", Value.sin)),
    "one's own": Holder,
}


@pytest.mark.parametrize("name", NO_ARCHITECTURE)
def test_other_networks_are_saved_without_and_the_error_says_what_to_do(name: str, tmp_path: Path) -> None:
    model = NO_ARCHITECTURE[name]()
    path = saved(model, tmp_path)
    assert list(json.loads(path.read_text())) == ["format", "version", "without_architecture", "parameters"]
    twin = NO_ARCHITECTURE[name]()
    twin.load(path)
    assert [x for _, x, _ in state(twin)] == [x for _, x, _ in state(model)]
    lacks = "Holder, which has no" if name == "one's own" else r"\w+, whose"
    said = rf"model.json: it has parameters, but no architecture, because of {lacks} architecture\(\)( is None)?: make "
    with pytest.raises(ValueError, match=said + r"the network as it was made before, and call model\.load\(path\)"):
        nn.load(path)


def test_a_file_of_an_earlier_version_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"no architecture: make the network .* call model.load\(path\)"):
        nn.load(STORED)


def test_a_row_of_ones_own_is_looked_up_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Op("bent({})", lambda x: x * x, lambda g, z, x: g * 2 * x, name="bent")
    path = saved(nn.MLP(2, [2, 1], "bent"), tmp_path)
    assert nn.load(path).layers[0].neurons[0].activation == "bent"
    monkeypatch.delitem(ops.TABLE, "bent")
    with pytest.raises(ValueError, match=r"unknown activation 'bent'.*; if 'bent' is an operation of your own, define"):
        nn.load(path)


# Classes of one's own ------------------------------------------------------------------------------------------------


class Scaled(nn.Module):
    """A network behind a constant."""

    def __init__(self, factor: float, inner: Any) -> None:
        self.factor, self.inner = factor, inner

    def __call__(self, x: Any) -> Any:
        return self.inner([self.factor * number for number in x])

    def architecture(self) -> dict[str, Any]:
        return {"factor": self.factor, "inner": self.inner}


class Chain(nn.Module):
    def __init__(self, parts: list[Any], name: str) -> None:
        self.parts, self.name = parts, name

    def architecture(self) -> dict[str, Any]:
        return {"parts": self.parts, "name": self.name}


def test_modules_within_modules_come_back(tmp_path: Path) -> None:
    model = Chain([Scaled(0.5, nn.MLP(2, [2, 2])), nn.Neuron(2)], "größe")
    path = saved(model, tmp_path)
    assert "labels" not in json.loads(path.read_text())  # those of the parts, which are the ends of their names here
    twin = nn.load(path, [Chain, Scaled])
    assert (state(twin), twin.name, twin.parts[0].factor) == (state(model), "größe", 0.5)
    assert repr(twin.parts[0]([1.0, 2.0])) == repr(model.parts[0]([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"the class 'Scaled', which is none of Chain, .*Sequential, .*: pass it in"):
        nn.load(path, classes=[Chain])
    with pytest.raises(TypeError, match=r"classes are subclasses of nn\.Module, got <class 'str'>"):
        nn.load(path, classes=[str])  # type: ignore[list-item]  # the mistake


def test_what_no_file_can_hold_leaves_the_architecture_out(tmp_path: Path) -> None:
    shared = nn.Neuron(2)
    for parts in ([shared, shared], [nn.Neuron(2), Holder()], [nn.Neuron(2, Value.sin), nn.Neuron(2, lambda x: x)]):
        assert "architecture" not in json.loads(saved(Chain(parts, ""), tmp_path).read_text())


class Anything(nn.Module):
    def __init__(self, x: Any) -> None:
        self.x, self.weight = x, Value(0.5)

    def architecture(self) -> dict[str, Any]:
        return {"x": self.x}


@pytest.mark.parametrize("x", [
    None, True, "tanh", [None, [1, "a"]], math.inf, -math.inf, [0.5, math.nan], autograd.tanh, [autograd.relu, None],
    np.float64(0.25), np.int64(3), 2**70,
], ids=repr)  # fmt: skip
def test_arguments_that_a_file_can_hold(x: Any, tmp_path: Path) -> None:
    twin = nn.load(saved(Anything(x), tmp_path), classes=[Anything])
    assert repr(cast(Anything, twin).x) == repr(x.item() if isinstance(x, np.generic) else x)


@pytest.mark.parametrize(
    "x", [object(), {1}, {"a": 1}, [Value(0.5)], lambda x: x, 1j, np.ones(2)], ids=lambda x: type(x).__name__
)
def test_arguments_that_a_file_cannot_hold_are_refused_when_the_module_is_made(x: Any) -> None:
    said = r"^Anything\.architecture\(\) returns .* as 'x', which a file cannot hold: return numbers, text, None, op"
    with pytest.raises(TypeError, match=said):
        Anything(x)
    model = Anything(0.5)
    model.x = x
    with pytest.raises(TypeError, match=said):
        nn.Sequential(model).save("never.json")


@pytest.mark.parametrize("argument", [
    {"operation": "eval"}, {"operation": ["tanh"]}, {"operation": "tanh", "more": 1}, {"number": "1"}, {"number": []},
    {"number": "inf", "more": 1}, {},
], ids=repr)  # fmt: skip
def test_arguments_of_a_damaged_file_are_refused(argument: Any, tmp_path: Path) -> None:
    path = saved(Anything(None), tmp_path)
    document = json.loads(path.read_text())
    document["architecture"]["x"] = argument
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"cannot load .*(no operation|its architecture has the class)"):
        nn.load(path, classes=[Anything])


def test_an_architecture_may_need_what_is_assigned_later(tmp_path: Path) -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            self.weight = Value(0.5)

        def architecture(self) -> dict[str, Any]:
            return {"x": self.later}  # type: ignore[attr-defined]  # assigned below

    model = Late()
    with pytest.raises(AttributeError):
        model.save(tmp_path / "model.json")
    model.later = None  # type: ignore[attr-defined]
    assert "architecture" in json.loads(saved(model, tmp_path).read_text())


def test_a_subclass_with_its_arguments(tmp_path: Path) -> None:
    class Wide(nn.MLP):
        def __init__(self, nin: int = 2) -> None:
            super().__init__(nin, [8, 1])

        def architecture(self) -> dict[str, Any]:
            return {"nin": len(self.layers[0].neurons[0].w)}

        @classmethod
        def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
            return cls(**arguments)

    model = Wide(3)
    path = saved(model, tmp_path)
    assert state(nn.load(path, classes=[Wide])) == state(model)
    with pytest.raises(ValueError, match="the class 'Wide', which is none of"):
        nn.load(path)


# Names of classes ----------------------------------------------------------------------------------------------------


class Own(nn.Module):
    """A model of one's own, with two scores."""

    def __init__(self, **attributes: Any) -> None:
        self.w = [Value(0.5), Value(-0.5)]
        vars(self).update(attributes)

    def __call__(self, x: Any) -> list[Value]:
        return [x * w for w in self.w]


class Slotted(Own):
    """One that has a method of the name, and no room for an attribute."""

    __slots__ = ()

    def classes(self) -> int:
        return 7


@dataclass(frozen=True)
class Frozen(nn.Module):
    """One that refuses attributes."""

    w: list[Value] = field(default_factory=lambda: [Value(0.5), Value(-0.5)])

    def __call__(self, x: Any) -> list[Value]:
        return [x * w for w in self.w]


def trained(model: Any, ys: Any, **options: Any) -> Any:
    defaults: dict[str, Any] = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "progress": False}
    fit(model, [1.0, -1.0, 2.0], ys, backend="python", **(defaults | options))
    return model


ANIMALS = ["cat", "dog", "cat"]

CLASSIFIERS: dict[str, tuple[Callable[[], Any], str, bool]] = {
    "network": (lambda: nn.MLP(1, [2, 2], "tanh"), "cross_entropy", True),
    "layer": (lambda: nn.Layer(1, 2, "linear"), "cross_entropy", True),
    "neuron": (lambda: nn.Neuron(1, "linear"), "hinge", True),
    "sequence": (lambda: nn.Sequential(nn.Standardize([0.0], [2.0]), nn.Neuron(1)), "binary_cross_entropy", True),
    "with a function": (lambda: nn.Sequential(nn.Layer(1, 2), autograd.log_softmax), "cross_entropy", False),
    "one's own": (Own, "cross_entropy", False),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_names_of_classes_come_back(name: str, tmp_path: Path) -> None:
    make, loss, remade = CLASSIFIERS[name]
    model = make()
    assert list(model.classes) == []
    model.save(tmp_path / "before.json")
    trained(model, ANIMALS, loss=loss)
    path = saved(model, tmp_path)
    twin = make()
    twin.load(path)
    assert json.loads(path.read_text())["classes"] == model.classes == twin.classes == ["cat", "dog"]
    assert copy.deepcopy(model).classes == pickle.loads(pickle.dumps(model)).classes == model.classes
    if remade:
        assert nn.load(path).classes == model.classes
    assert [x for x, _ in twin.named_parameters()] == [x for x, _ in make().named_parameters()]
    twin.load(tmp_path / "before.json")  # as files of earlier versions
    assert list(twin.classes) == []
    assert "classes" not in json.loads(saved(twin, tmp_path).read_text())


@pytest.mark.parametrize("make", [lambda: nn.Layer(1, 2, "linear"), Own])
def test_names_are_those_of_the_latest_run_or_the_users(make: Callable[[], Any], tmp_path: Path) -> None:
    model = trained(trained(make(), ANIMALS), ["ox", "ox", "yak"])
    assert model.classes == ["ox", "yak"]
    assert list(trained(model, [0, 1, 0]).classes) == []  # what they are called is unknown
    model.classes = ["red", "blue"]
    trained(model, [0, 1, 0])
    twin = make()
    twin.load(saved(model, tmp_path))
    assert twin.classes == model.classes == ["red", "blue"]
    model.classes = np.array(["red", "blue"])  # as scikit-learn's target_names
    assert json.loads(saved(model, tmp_path).read_text())["classes"] == ["red", "blue"]


def test_the_names_are_there_during_training(tmp_path: Path) -> None:
    def keep(epoch: int, history: Any) -> None:
        model.save(tmp_path / "best.json")

    model = nn.Layer(1, 2)
    trained(model, ANIMALS, callback=keep)
    assert nn.load(tmp_path / "best.json").classes == ["cat", "dog"]
    with pytest.raises(ValueError, match="each sample needs a target"):
        trained(model, ["ox", "yak"])
    assert model.classes == ["cat", "dog"]


@pytest.mark.parametrize("make", [lambda: Own(classes=2), lambda: Own(classes=["a", "b"]), Slotted, Frozen])
def test_a_class_of_ones_own_keeps_its_attribute_or_gets_none(make: Callable[[], Any], tmp_path: Path) -> None:
    model, twin = make(), make()
    attributes = list(vars(model))
    trained(model, ANIMALS)
    assert list(vars(model)) == attributes
    assert callable(model.classes) or model.classes == twin.classes
    assert ("classes" in json.loads(saved(model, tmp_path).read_text())) == (model.classes == ["a", "b"])
    twin.load(tmp_path / "model.json")
    assert list(vars(twin)) == attributes


def test_what_is_no_list_of_names_is_neither_saved_nor_loaded(tmp_path: Path) -> None:
    model = nn.Layer(1, 2)
    model.classes = ["cat", "lone \ud800"]
    with pytest.raises(ValueError, match=r"the lone surrogate in the name 'lone \\ud800'"):
        model.save(tmp_path / "model.json")
    model.classes = [1, 2]
    document = json.loads(saved(model, tmp_path).read_text())
    assert "classes" not in document
    for damaged in (["cat", 2], "cat", {"cat": 0}, None):
        (tmp_path / "damaged.json").write_text(json.dumps(document | {"classes": damaged}))
        for load in (nn.load, model.load):
            with pytest.raises(ValueError, match="the file is damaged: its classes are no names"):
                load(tmp_path / "damaged.json")
    with pytest.raises(TypeError, match="got 'cat'; the names of what a model tells apart are in its file"):
        nn.load(tmp_path / "model.json", ["cat"])  # type: ignore[list-item]  # the mistake


# Labels --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["mine", "", *HOSTILE, "lone \ud800"])
def test_labels_come_back(label: str, tmp_path: Path) -> None:
    model = nn.MLP(2, [2, 1])
    model.parameters()[1].label = label
    twin = nn.load(saved(model, tmp_path))
    kept = label and label == label.encode(errors="ignore").decode()
    assert twin.parameters()[1].label == (label if kept else "layer1.neuron1.weight2")
    twin.parameters()[1].label = label
    assert state(twin) == state(model)


# Damaged and hostile -------------------------------------------------------------------------------------------------

GOOD = {"class": "MLP", "nin": 1, "nouts": [1], "activation": ["tanh"]}
BAD: dict[str, tuple[Any, str]] = {
    "text": ("MLP", "its architecture is none"),
    "a list": ([GOOD], "its architecture is none"),
    "null": (None, "no architecture"),
    "no class": ({"nin": 1}, "the class <class 'NoneType'>, which is none of Constant, Dropout, Layer"),
    "an unknown class": (GOOD | {"class": "os.system"}, "the class 'os.system', which is none of"),
    "the base": (GOOD | {"class": "Module"}, "the class 'Module', which is none of"),
    "a long class": (GOOD | {"class": "x" * 10**6}, "the class 'xxx"),
    "escape sequences": (GOOD | {"class": "\x1b[31m\n"}, r"the class '\\x1b\[31m\\n', which"),
    "a class that is none": (GOOD | {"class": ["MLP"]}, "the class <class 'list'>, which is none of"),
    "an argument lacks": ({"class": "MLP", "nin": 1}, "makes no MLP: it takes nin, nouts, activation, and "),
    "an argument too many": (GOOD | {"rng": "x"}, "it takes nin, nouts, activation, and nothing else"),
    "weights": (GOOD | {"weights": [1.0]}, "it takes nin, nouts, activation, and nothing else"),
    "another size": (GOOD | {"nouts": [2]}, "more parameters than the file has numbers"),
    "huge": (GOOD | {"nin": 10**9, "nouts": [10**9] * 9}, "more parameters than the file has numbers"),
    "beyond floats": (GOOD | {"nin": 10**400}, "more parameters than the file has numbers"),
    "many layers": (GOOD | {"nouts": [1] * 10**5, "activation": ["tanh"] * 10**5}, "more parameters than the file has"),
    "negative": (GOOD | {"nin": -1}, "its sizes are no positive integers"),
    "zero": (GOOD | {"nouts": [0]}, "its sizes are no positive integers"),
    "no layers": (GOOD | {"nouts": [], "activation": []}, "a network has at least one layer"),
    "a float": (GOOD | {"nin": 1.0}, "its sizes are no positive integers"),
    "a bool": (GOOD | {"nin": True}, "its sizes are no positive integers"),
    "no list": (GOOD | {"nouts": 1}, "a list has become something else"),
    "no activations": (GOOD | {"activation": []}, "one for each layer"),
    "one activation": (GOOD | {"activation": "tanh"}, "a list has become something else"),
    "a number": (GOOD | {"activation": [1]}, "an activation is no name"),
    "an unknown activation": (GOOD | {"activation": ["eval"]}, "unknown activation 'eval'"),
    "an operation that is none": (GOOD | {"activation": ["dot"]}, "dot is no activation"),
    "a module in its place": (GOOD | {"nin": GOOD}, "its sizes are no positive integers"),
    "another kind": ({"class": "Neuron", "nin": 1, "activation": "tanh"}, "does not fit its numbers: it has 2 p"),
    "a part": ({"class": "Layer", "nin": 1, "nout": 1, "activation": "tanh"}, "does not fit its numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_architecture_is_refused(name: str, tmp_path: Path) -> None:
    architecture, said = BAD[name]
    path = saved(nn.MLP(1, [1], ["tanh"]), tmp_path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"architecture": architecture}))
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"cannot load .*model.json: .*{said}") as caught:
        nn.load(path)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    message = str(caught.value).replace(str(path), "")
    assert len(message) < 700
    assert message.isprintable()
    nn.MLP(1, [1]).load(path)  # which asks for the numbers alone


@pytest.mark.parametrize("labels", [[], "x", {"layer1.neuron1.weight1": 1}, {"layer1.neuron1.weight1": None}])
def test_bad_labels_are_refused(labels: Any, tmp_path: Path) -> None:
    path = saved(nn.MLP(1, [1]), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": labels}))
    with pytest.raises(ValueError, match="its labels are no text"):
        nn.load(path)


HEAD = '{"format": "scalar-autograd parameters", "version": 1, "parameters": {}, "architecture": '


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "damaged"),
        ("[1]", "not a parameter file"),
        ('{"format": "scalar-autograd parameters", "version": 2}', "its version is 2, this program reads 1"),
        ("[" * 10**5, "damaged"),
        ('{"architecture":' * 10**5, "damaged"),
        (HEAD + '{"class": "MLP", "nin": ' * 400 + "1" + "}" * 400 + "}", "makes no MLP"),
        (HEAD + "[" * 900 + "]" * 900 + "}", "its architecture is none|recursion"),
    ],
    ids=["empty", "list", "later version", "nested", "open", "nested modules", "nested lists"],
)
def test_a_bad_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"cannot load .*bad.json: .*({said})") as caught:
        nn.load(path)
    assert len(str(caught.value).replace(str(path), "")) < 700


def test_a_file_cut_off_or_changed_anywhere_makes_nothing_else(tmp_path: Path) -> None:
    path = saved(nn.MLP(1, [2, 1], "tanh"), tmp_path)
    text = path.read_text()
    rng, refused = random.Random(0), 0
    for _ in range(300):
        i = rng.randrange(len(text) - 2)
        path.write_text(rng.choice([text[:i], text[:i] + rng.choice('0"]}{[,:a') + text[i + 1 :]]))
        try:
            found = nn.load(path)
        except ValueError as problem:
            refused += 1
            assert "cannot load" in str(problem)
        else:  # a digit or a space is another one
            assert found.architecture() == {"nin": 1, "nouts": [2, 1], "activation": ["tanh", "linear"]}
    assert 200 < refused < 300


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(ValueError, match=r"1,073,741,824 bytes, more than nn.load reads: make the network"):
        nn.load(path)


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    model = nn.Neuron(2)
    for load in (nn.load, model.load):
        said = f"cannot load {tmp_path / 'none.json'}: there is no such file in {tmp_path}: name one that model.save"
        with pytest.raises(FileNotFoundError, match=re.escape(said)) as caught:
            load(tmp_path / "none.json")
        assert caught.value.errno == errno.ENOENT
        with pytest.raises(FileNotFoundError, match=re.escape(f"there is no folder {tmp_path / 'no'}")):
            load(tmp_path / "no" / "none.json")
        with pytest.raises((IsADirectoryError, PermissionError), match="it is a folder, name a file in it"):
            load(tmp_path)
        closed = saved(model, tmp_path)
        with pytest.MonkeyPatch.context() as patch:  # root may read everything
            patch.setattr("builtins.open", refuse)
            with pytest.raises(PermissionError, match=r"model\.json: this user may not read it"):
                load(closed)
        if os.path.exists("/proc"):
            with pytest.raises(NotADirectoryError, match="Not a directory"):
                load(closed / "model.json")


def refuse(*_: Any, **__: Any) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="Unix")
def test_a_device_is_read_as_far_as_files_may_be_large() -> None:
    with pytest.raises(ValueError, match=r"cannot load /dev/zero: .* more than nn.load reads"):
        nn.load("/dev/zero")


def test_names_that_clash_since_a_model_was_made_are_refused(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.fc = [nn.Layer(1, 1)]

    model = Own()
    model.fc1 = nn.Layer(1, 1)  # type: ignore[attr-defined]  # that is the point
    said = r"^Own\.fc\[0\].* and Own\.fc1.* would have the same name, 'fc1\.neuron1\.weight"
    with pytest.raises(ValueError, match=said):
        model.save(tmp_path / "model.json")
    assert not (tmp_path / "model.json").exists()
