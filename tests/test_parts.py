"""Parts of models that training leaves as they are: frozen ones, constants, and what a class leaves out."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_module import Net, OwnParameters, names, objects, values

from autograd import Value, fit, nn, optim
from autograd.collecting import walk as walking
from autograd.nn import MLP, Constant, Layer, Module, Neuron
from autograd.trees import tree_map


class Halves(Module):
    def __init__(self) -> None:
        self.encoder, self.head = Layer(2, 2, "tanh"), Neuron(2, "linear")

    def __call__(self, x: Any) -> Any:
        return self.head(self.encoder(x))


class HeadOnly(Halves):
    def parameters(self) -> list[Value]:
        return self.head.parameters()


class NoParameters(MLP):
    def parameters(self) -> list[Value]:
        return []


XS, YS = [[0.5, -1.0], [1.0, 2.0], [-1.0, 0.5]], [1.0, -1.0, 0.5]


def trained(model: Any, **options: Any) -> Any:
    return fit(model, XS, YS, loss="mse", optimizer=optim.SGD(0.1), epochs=3, progress=False, **options)


def numbers(part: Any) -> list[float]:
    return [p.data for p in part.parameters()]


# -------------------------------------------------------------------------------------------------------------- frozen


@pytest.mark.parametrize("backend", ["python", "numpy", "eager"])
def test_a_frozen_part_stays_as_it_is(backend: str) -> None:
    model = Halves()
    before, head = numbers(model.encoder), numbers(model.head)
    assert model.encoder.freeze() is model.encoder
    assert model.parameters() == model.head.parameters()
    assert names(model) == ["head.weight1", "head.weight2", "head.bias"]
    trained(model, backend=backend)
    assert model.predict(XS) == [model(x).data for x in XS]
    assert numbers(model.head) != head
    assert model.encoder.unfreeze() is model.encoder
    assert numbers(model.encoder) == before
    trained(model, backend=backend)
    assert numbers(model.encoder) != before
    assert model.predict(XS) == pytest.approx([model(x).data for x in XS], rel=1e-12)


def test_freezing_is_that_of_all_inside_and_unfreezing_too() -> None:
    model = Net(part={"a": [Halves()]}, w=Value(1.0))
    inner = model.part["a"][0]
    model.freeze()
    assert model.parameters() == inner.parameters() == []
    inner.head.unfreeze()
    assert model.parameters() == inner.parameters() == inner.head.parameters()
    model.unfreeze()
    assert len(model.parameters()) == 10


def test_a_shared_leaf_is_frozen_if_one_of_its_holders_is() -> None:
    shared = Value(1.0)
    for first in (True, False):
        frozen, other = Net(w=[shared], own=Value(2.0)).freeze(), Net(w=shared, own=Value(3.0))
        model = Net(a=frozen, b=other) if first else Net(a=other, b=frozen)
        assert model.parameters() == [other.own]
        assert other.parameters() == [shared, other.own]


def test_a_shared_list_is_frozen_if_one_of_its_holders_is() -> None:
    listed = values(2)
    assert Net(a=Net(w=listed), b=Net(w=listed).freeze()).parameters() == []


def parts_of(model: Any) -> list[Any]:
    """Return the Modules that hold the leaves of one of these models."""
    if isinstance(model, MLP):
        return model.layers
    return [model.encoder, model.head] if isinstance(model, Halves) else parts_of(model.a)


@pytest.mark.parametrize("make", [Halves, HeadOnly, lambda: MLP(2, [2, 1]), lambda: Net(a=NoParameters(2, [1]))])
def test_a_file_is_whole_whatever_is_frozen(make: Callable[[], Any], tmp_path: Path) -> None:
    models = make(), make()
    model_leaves, twin_leaves = ([p for part in parts_of(model) for p in part.parameters()] for model in models)
    outputs = [i / 10 for i in range(len(model_leaves))]
    for p, number in zip(model_leaves, outputs):
        p.data = number
    model, twin = models
    model.save(tmp_path / "before.json")
    for part in parts_of(model):
        part.freeze()
    assert model.parameters() == []
    model.save(tmp_path / "after.json")
    before, after = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("before", "after"))
    assert before == {key: x for key, x in after.items() if key != "frozen"}
    twin.load(tmp_path / "after.json")
    assert [p.data for p in twin_leaves] == outputs
    for p in model_leaves:
        p.data = -1.0
    model.load(tmp_path / "before.json")
    assert [p.data for p in model_leaves] == outputs


def test_a_frozen_teacher_follows_its_student() -> None:
    student = Halves()
    teacher = copy.deepcopy(student).freeze()
    for p in student.parameters():
        p.data += 1.0
    before = numbers(student)
    assert teacher.parameters() == []
    pairs = list(zip(student.parameters(), teacher.all_parameters(), strict=True))
    for s, t in pairs:
        t.data = 0.5 * t.data + 0.5 * s.data
    assert [t.data for _, t in pairs] == [number - 0.5 for number in before]
    assert [p.label for p in teacher.all_parameters()] == names(student)
    assert student.all_parameters() == student.parameters()


def test_all_parameters_of_a_class_that_overrides_parameters_are_its_own() -> None:
    model = HeadOnly()
    head = model.parameters()
    model.head.freeze()
    outer = Net(a=model)
    assert outer.parameters() == model.parameters() == []
    assert outer.all_parameters() == model.all_parameters() == head


class Named(Halves):
    def architecture(self) -> dict[str, Any]:
        return {}


def frozen_in_file(path: Path) -> Any:
    return json.loads(path.read_text()).get("frozen")


FREEZE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "nothing": (lambda model: None, None),
    "a part": (lambda model: model.encoder.freeze(), {"encoder": True}),
    "all but a part": (lambda model: (model.freeze(), model.head.unfreeze()), {"": True, "head": False}),
    "a neuron": (lambda model: model.encoder.neurons[1].freeze(), {"encoder.neuron2": True}),
    "within": (
        lambda model: (model.encoder.freeze(), model.encoder.neurons[0].unfreeze()),
        {"encoder": True, "encoder.neuron1": False},
    ),
}


@pytest.mark.parametrize("what", FREEZE)
def test_a_file_remembers_for_nn_load_what_is_frozen(what: str, tmp_path: Path) -> None:
    freeze, written = FREEZE[what]
    model, path = Named(), tmp_path / "model.json"
    freeze(model)
    model.save(path)
    assert frozen_in_file(path) == written
    twin: Any = nn.load(path, classes=[Named])
    assert names(twin) == names(model)
    assert [part._marks for part in (twin, *parts_of(twin))] == [part._marks for part in (model, *parts_of(model))]
    twin.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    other = Named()
    other.head.freeze()
    marked = names(other)
    other.load(path)  # whose marks stay its own
    assert names(other) == marked


def test_a_shared_part_is_frozen_as_it_was(tmp_path: Path) -> None:
    class Twice(Module):
        def __init__(self) -> None:
            self.a = Net(shared=Neuron(1))
            self.b = Net(shared=self.a.shared, own=Neuron(1))

        def architecture(self) -> dict[str, Any]:
            return {}

    model = Twice()
    model.a.freeze()
    model.b.freeze()
    model.a.shared.unfreeze()
    assert names(model) == ["a.shared.weight1", "a.shared.bias"]
    model.save(tmp_path / "model.json")
    assert frozen_in_file(tmp_path / "model.json") == {"a": True, "a.shared": False, "b": True}
    assert names(nn.load(tmp_path / "model.json", classes=[Twice])) == names(model)


@pytest.mark.parametrize(
    ("frozen", "said"),
    [
        ([], "no parts"),
        ({"head": 1}, "no parts"),
        ({"tail\n": True}, r"frozen part 'tail\\n', which this network lacks"),
    ],
)
def test_what_is_frozen_in_a_damaged_file_is_refused(frozen: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    Named().save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"frozen": frozen}))
    with pytest.raises(ValueError, match=f"cannot load .*{said}"):
        nn.load(path, classes=[Named])
    Named().load(path)  # which asks for the numbers alone


def test_a_lone_neuron_has_the_same_numbers_in_its_file_frozen_or_not(tmp_path: Path) -> None:
    neuron = Neuron(1, weights=[0.5], bias=0.25)
    neuron.freeze().save(tmp_path / "frozen.json")
    assert json.loads((tmp_path / "frozen.json").read_text())["parameters"] == {"weight": 0.5, "bias": 0.25}
    twin: Any = nn.load(tmp_path / "frozen.json")
    assert (twin.w[0].data, twin.parameters()) == (0.5, [])


@pytest.mark.parametrize(
    "twin_of",
    [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "deep", "pickle"],
)
def test_a_copy_is_frozen_where_its_original_is(twin_of: Any) -> None:
    model = Halves()
    model.encoder.freeze()
    twin = twin_of(model)
    assert names(twin) == names(model) == ["head.weight1", "head.weight2", "head.bias"]
    twin.unfreeze()
    assert len(twin.parameters()) == 9
    assert len(model.parameters()) == (9 if twin.encoder is model.encoder else 3)


def test_what_is_frozen_still_gets_gradients_and_they_are_set_to_zero() -> None:
    model = Halves()
    model.encoder.freeze()
    model([1.0, 2.0]).backward()
    w = model.encoder.neurons[0].w[0]
    assert w.grad != 0
    model.zero_grad()
    assert w.grad == 0


def test_a_frozen_model_says_so() -> None:
    model = MLP(8, [12, 2])
    model.layers[0].freeze()
    assert repr(model).splitlines()[:2] == [
        "MLP with 134 parameters, 108 of them frozen",
        "  layer1: 12 ReLUNeuron(8), 108 parameters, 108 of them frozen",
    ]
    assert repr(Net(a=model, w=Value(1.0))) == "Net with 135 parameters, 108 of them frozen: 134 in a, 1 in w"


def test_with_nothing_left_to_train_fit_says_what_to_do() -> None:
    with pytest.raises(
        ValueError, match="all parameters of the model are frozen, so there is nothing to learn: call unfreeze"
    ):
        trained(Halves().freeze())


def test_an_optimizer_follows_what_is_unfrozen() -> None:
    model, optimizer = Halves(), optim.Adam(0.1)
    model.encoder.freeze()
    options: Any = {"loss": "mse", "optimizer": optimizer, "epochs": 1, "progress": False}
    fit(model, XS, YS, **options)
    model.unfreeze()
    optimizer.follow(model.parameters())
    fit(model, XS, YS, **options)
    assert optimizer.steps == 2


def test_a_callback_of_fit_may_unfreeze() -> None:
    model = Halves()
    before = numbers(model.encoder)
    model.encoder.freeze()
    trained(model, callback=lambda epoch, history: model.unfreeze() and None)
    assert numbers(model.encoder) != before


# ------------------------------------------------------------------------------------------- what a class leaves out


def test_a_parent_respects_what_a_class_leaves_out() -> None:
    model = Net(encoder=NoParameters(2, [2]), head=Neuron(2))
    assert model.parameters() == model.head.parameters()
    decoder: Any = Net()
    tied = Net(encoder=NoParameters(2, [2]), decoder=decoder)
    decoder.w = tied.encoder.layers[0].neurons[0].w
    assert tied.parameters() == decoder.w


def test_parameters_may_be_yielded() -> None:
    class Yielding(Halves):
        def parameters(self) -> Any:
            yield from self.head.parameters()

    model: Any = Yielding()
    assert repr(model) == "Yielding with 3 parameters: 6 in encoder, 3 in head"
    assert model.all_parameters() == model.head.parameters() == Net(inner=model).parameters()
    model.zero_grad()
    trained(model)
    assert list(model.freeze().parameters()) == [] and len(model.all_parameters()) == 3
    assert repr(model).startswith("Yielding with 3 parameters, 3 of them frozen")


def test_a_parent_respects_an_attribute_parameters() -> None:
    inner: Any = Net(w=Value(1.0), b=Value(2.0))
    inner.parameters = lambda: [inner.b]
    assert Net(inner=inner).parameters() == inner.parameters()
    assert names(Net(inner=inner)) == ["inner.b"]


def test_what_a_class_keeps_anywhere_is_saved_and_frozen(tmp_path: Path) -> None:
    model = Net(inner=OwnParameters(), w=Value(1.0))
    model.save(tmp_path / "net.json")
    assert list(json.loads((tmp_path / "net.json").read_text())["parameters"]) == [
        "inner.parameter1", "inner.parameter2", "w",
    ]  # fmt: skip
    with pytest.raises(
        TypeError, match=r"^OwnParameters overrides parameters\(\), which returns Value\(data=1.0.* delete"
    ):
        model.inner.freeze()
    assert model.parameters() == [model.w]


# ----------------------------------------------------------------------------------------------------------- constants


class Centred(Module):
    def __init__(self, mean: Any) -> None:
        self.mean, self.scale = Constant(mean), Value(0.5)

    def __call__(self, xs: Any) -> Any:
        return self.scale * (xs[0] - self.mean.value[0] + xs[1] - self.mean.value[1])


@pytest.mark.parametrize("backend", ["python", "numpy", "eager"])
def test_constants_are_computed_with_but_not_trained(backend: str) -> None:
    model = Centred([1.0, 2.0])
    assert model.parameters() == [model.scale]
    trained(model, backend=backend)
    assert model.mean.value == [1.0, 2.0]
    assert model.predict(XS, backend=backend) == [model(x).data for x in XS]
    model.mean.value = [0.0, 0.0]
    assert model.predict(XS, backend=backend) == [model(x).data for x in XS]


VALUES: dict[str, tuple[Any, Any, list[str]]] = {
    "a number": (3, 3.0, ["c"]),
    "a list": ([1, 2.0], [1.0, 2.0], ["c1", "c2"]),
    "a tuple": ((1.0, (2.0,)), [1.0, [2.0]], ["c1", "c2.1"]),
    "a table": (np.array([[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]], ["c1.1", "c1.2", "c2.1", "c2.2"]),
    "no numbers": ([], [], []),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_constant_is_saved_loaded_and_copied(kind: str, tmp_path: Path) -> None:
    value, plain, want = VALUES[kind]
    model = Net(c=Constant(value), w=Value(1.0))
    assert model.c.value == plain
    assert repr(model.c) == f"Constant({plain})"
    assert names(model) == ["w"] and repr(model) == "Net with 1 parameter: 1 in w"
    model.save(tmp_path / "net.json")
    assert list(json.loads((tmp_path / "net.json").read_text())["parameters"]) == ["w", *want]
    twin = copy.deepcopy(model)
    twin.c.value = tree_map(lambda x: x + 1, plain)
    assert model.c.value == plain
    twin.load(tmp_path / "net.json")
    assert twin.c.value == plain
    assert pickle.loads(pickle.dumps(model)).c.value == plain


@pytest.mark.parametrize("wrong", ["text", {"a": 1.0}, None, [1.0, {2.0}], 1j])
def test_other_things_are_no_constants(wrong: Any) -> None:
    with pytest.raises(TypeError):
        Constant(wrong)
    kept = Constant(1.0)
    with pytest.raises(TypeError):
        kept.value = wrong
    assert kept.value == 1.0


def test_a_constant_keeps_values(tmp_path: Path) -> None:
    leaf, w = Value(2.0), Value(3.0)
    model = Net(state=Constant([leaf, leaf * w, 1.0]), w=w, leaf=leaf)
    assert model.state.value[:1] == [leaf] and model.state.value[2] == 1.0
    assert model.parameters() == [w], "what a constant keeps is no parameter elsewhere either"
    model.save(tmp_path / "net.json")
    assert json.loads((tmp_path / "net.json").read_text())["parameters"] == {
        "w": 3.0, "state1": 2.0, "state2": 6.0, "state3": 1.0,
    }  # fmt: skip
    model.state.value = [leaf, leaf * 100, 5.0]
    model.load(tmp_path / "net.json")
    assert [float(x.data if isinstance(x, Value) else x) for x in model.state.value] == [2.0, 6.0, 1.0]
    assert model.state.value[0] is leaf
    assert model.state.value[1].op is None, "a number that was loaded is no result any more"


def test_running_statistics_are_kept_in_a_constant() -> None:
    class Running(Module):
        def __init__(self) -> None:
            self.mean, self.w = Constant(0.0), Value(1.0)

        def __call__(self, x: Any) -> Any:
            if self.training:
                self.mean.value = 0.5 * self.mean.value + 0.5 * x.data
            return self.w * (x - self.mean.value)

    model = Running()
    assert model(Value(4.0)).data == 2.0
    assert names(model) == ["w"]
    model.eval()
    assert model(Value(4.0)).data == 2.0
    assert copy.deepcopy(model).mean.value == 2.0


def test_elements_of_a_constant_are_assigned_and_saved(tmp_path: Path) -> None:
    model = Net(stats=Constant([[1.0, 2.0], [3.0, 4.0]]), w=Value(1.0))
    row = model.stats.value[1]
    row[0] = 7
    model.stats.value[0][1] += model.w * 2
    assert [row[0], model.stats.value[0][1].data] == [7.0, 4.0]
    assert model.parameters() == [model.w]
    model.save(tmp_path / "net.json")
    twin = Net(stats=Constant([[0.0, 0.0], [0.0, 0.0]]), w=Value(0.0))
    twin.load(tmp_path / "net.json")
    assert twin.stats.value == [[1.0, 4.0], [7.0, 4.0]]
    model.stats.value[1][1] = "text"
    with pytest.raises(TypeError, match="expected a real number, got str 'text'"):
        model.save(tmp_path / "other.json")


def test_frozen_modules_are_walked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential([nn.Layer(2, 2) for _ in range(5)])
    walks = list[Any]()
    walk = walking.Walk.__init__

    def counted(self: Any, *arguments: Any, **named: Any) -> None:
        walks.append(self)
        walk(self, *arguments, **named)

    neuron = model.freeze().modules[3].neurons[1].unfreeze()  # type: ignore[attr-defined]  # else any function
    monkeypatch.setattr(walking.Walk, "__init__", counted)
    assert model.parameters() == [*neuron.w, neuron.b]
    assert len(walks) == 2


def test_what_was_assigned_to_a_constant_is_its_own() -> None:
    numbers = [1.0, 2.0]
    kept = Constant(numbers)
    numbers[0] = 5.0
    assert kept.value == [1.0, 2.0] and kept.value is kept.value


def test_parameters_of_a_model_do_not_visit_numbers_of_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Net(c=Constant([0.0] * 100), w=Value(1.0))
    monkeypatch.delattr(walking, "_kept_in")
    assert model.parameters() == [model.w]


def test_constants_in_lists_and_alone(tmp_path: Path) -> None:
    model = Net(stats=[Constant([1.0]), Constant(2.0)], table={"a": Constant(3.0)}, held=objects(Constant(4.0)))
    model.save(tmp_path / "net.json")
    assert json.loads((tmp_path / "net.json").read_text())["parameters"] == {
        "stats1.1": 1.0, "stats2": 2.0, "table.a": 3.0, "held1": 4.0,
    }  # fmt: skip
    for value, want in ((5.0, {"value": 5.0}), ([5.0, [6.0]], {"value1": 5.0, "value2.1": 6.0})):
        Constant(value).save(tmp_path / "alone.json")
        assert json.loads((tmp_path / "alone.json").read_text())["parameters"] == want


def test_a_subclass_of_a_constant_is_one() -> None:
    class Mine(Constant):
        pass

    assert Net(c=Mine(1.0)).parameters() == []
    assert repr(Mine(1.0)) == "Mine(1.0)"
