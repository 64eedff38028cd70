"""Labels of parameters are their paths in the outermost Module: errors, explanations and drawings use them."""

from __future__ import annotations

import copy
import dataclasses
import functools
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_module import Net, Stack, values

import autograd
from autograd import ParameterWarning, Value, nn
from autograd.nn import MLP, Layer, Module, Neuron
from autograd.views.network import find_layers


def labels(module: Module) -> list[str]:
    return [p.label for p in module.parameters()]


def paths(module: Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


class Experts(Module):
    def __init__(self) -> None:
        self.experts = [MLP(2, [2, 1], "tanh") for _ in range(3)]
        self.scale = Value(1.0)

    def __call__(self, x: Any) -> Any:
        return self.scale * autograd.sum([expert(x) for expert in self.experts])


@dataclasses.dataclass
class Fields(Module):
    w: Any = dataclasses.field(default_factory=lambda: Value(2.0))
    inner: Any = dataclasses.field(default_factory=lambda: Net(b=values(2)))


MADE: list[Any] = [
    lambda: Neuron(2), lambda: Layer(2, 2), lambda: Layer(1, 1), lambda: MLP(1, [2, 1]), Experts, Fields,
    lambda: nn.Sequential(Neuron(1), nn.Standardize([0.0], [1.0])), lambda: Net(a={"b": [Neuron(1)]}),
    lambda: Stack(*values(2)), lambda: Net(outer=Net(inner=Experts())), lambda: nn.Sequential(nn.LayerNorm(2)),
]  # fmt: skip


@pytest.mark.parametrize("make", MADE)
def test_labels_are_paths_in_the_outermost_module(make: Any) -> None:
    model = make()
    assert labels(model) == paths(model)
    outer = Net(around=[model])
    assert labels(model) == labels(outer) == paths(outer)
    assert all(label.startswith("around1") for label in labels(model))


def test_constants_have_labels() -> None:
    kept = Value(2.0)
    Net(inner=Net(c=nn.Constant([1.0, kept, kept * 3])))
    assert kept.label == "inner.c2"


def test_a_label_that_the_user_has_chosen_stays() -> None:
    neuron = Neuron(2, labels=["width", "height", "offset"])
    own = Net(neuron=neuron, w=Value(1.0, "mass"), rate=Value(2.0, "rate"), b=Value(3.0, "other_b"))
    assert labels(own) == ["width", "height", "offset", "mass", "rate", "other_b"]
    assert labels(Net(inner=own))[3:] == ["mass", "inner.rate", "other_b"]


def test_a_shared_part_keeps_the_path_of_the_first_model_that_it_is_in() -> None:
    encoder = Layer(2, 2)
    Net(encoder=encoder)
    Net(other=encoder)
    assert labels(encoder)[0] == "encoder.neuron1.weight1"


def test_a_copy_has_the_labels_too() -> None:
    model = Experts()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert labels(twin) == paths(model)


def test_the_file_of_a_part_has_no_labels_of_the_whole(tmp_path: Path) -> None:
    model = Experts()
    model.experts[1].save(tmp_path / "expert.json")
    assert "labels" not in (tmp_path / "expert.json").read_text()
    assert labels(nn.load(tmp_path / "expert.json")) == paths(MLP(2, [2, 1]))
    neuron = Neuron(1)
    nn.Sequential(neuron)
    assert neuron.b.label == "module1.bias"
    neuron.save(tmp_path / "neuron.json")
    assert labels(nn.load(tmp_path / "neuron.json")) == ["weight", "bias"]


def test_an_error_an_explanation_and_a_drawing_name_the_path() -> None:
    model = Experts()
    output = model([1.0, -1.0])
    assert "experts2.layer1.neuron1.weight1" in str(autograd.explain(output, detail="value"))
    assert "experts2.layer1.neuron2" in autograd.draw(output, detail="neuron").source
    assert "experts3.layer1" in autograd.draw(output, detail="layer").source
    with pytest.raises(ValueError, match=r"^experts2\.layer1\.neuron1 has 2 weights"):
        model.experts[1].layers[0].neurons[0]([1.0])


def test_layers_are_found_by_longer_labels() -> None:
    model = Experts()
    found = find_layers(autograd.engine.graph_of(model([1.0, -1.0])))
    assert sorted(layer.name for layer in found) == [f"experts{i}.layer{j}" for i in (1, 2, 3) for j in (1, 2)]
    assert sorted(len(layer.neurons) for layer in found) == [1, 1, 1, 2, 2, 2]


# ------------------------------------------------------------------------------------ one Value several times in a list

ONE = r" has one Value 4 times, .* write \[Value\(0\.0\) for _ in range\(4\)\] in place of \[Value\(0\.0\)\] \* 4$"
ROWS = r" has one list 3 times, .* write \[\[Value\(0\.0\)\] for _ in range\(3\)\] in place of"


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (lambda: {"b": [Value(0.0)] * 4}, f"Net.b{ONE}"),
        (lambda: {"b": {"a": [[Value(0.0)] * 4]}}, rf"Net.b\['a'\]\[0\]{ONE}"),
        (lambda: {"rows": [[Value(0.0), Value(1.0)]] * 3}, f"Net.rows{ROWS}"),
    ],
)
def test_one_value_several_times_in_a_list_is_noticed(attributes: Any, said: str) -> None:
    with pytest.warns(ParameterWarning, match=f"^{said}") as caught:
        net = Net(**attributes())
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Net(inner=[net])


def test_other_lists_are_not() -> None:
    w, layer = Value(1.0), Layer(2, 2)
    Net(a=[w], b=[w, Value(2.0), w], c=[w * 2] * 3, d=[layer] * 3, e=[1.0] * 3, f=[[]] * 3, g=[[1.0]] * 3, h=[None] * 2)


def trained(model: Any, backend: str) -> None:
    options: dict[str, Any] = {"loss": "mse", "optimizer": "sgd", "epochs": 1, "progress": False}
    autograd.fit(model, [[1.0, 2.0]], [1.0], backend=backend, **options)


def test_parts_that_are_assigned_later_are_labelled_when_names_are_asked_for_and_in_fit() -> None:
    uses: list[Callable[[Any], object]] = [
        paths,
        *(functools.partial(trained, backend=backend) for backend in ("eager", "python")),
        lambda model: model.save(os.devnull),
    ]
    for use in uses:
        model = Experts()
        model.experts = [MLP(2, [1])]
        model.experts[0].layers[0].neurons[0].b.label = "mine"
        assert labels(model)[0] == "layer1.neuron1.weight1"
        model.experts[0].freeze()
        use(model)
        model.unfreeze()
        assert labels(model) == ["experts1.layer1.neuron1.weight1", "experts1.layer1.neuron1.weight2", "mine", "scale"]


def test_names_of_a_part_leave_the_labels_of_the_whole() -> None:
    model = Experts()
    before = labels(model)
    assert paths(model.experts[1])[0] == "layer1.neuron1.weight1"
    assert labels(model) == before == paths(model)
