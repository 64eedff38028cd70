"""Neurons, layers, networks, and their files."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import math
import os
import pickle
import random
import re
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interrupts import interrupted

import autograd
from autograd import Value, check_gradients, dot, fit, nn
from autograd.files import numbers_from_text, numbers_to_text
from autograd.nn import MLP, Layer, Module, Neuron
from autograd.ops import TABLE, Op


def test_it_starts_as_micrograd_does() -> None:
    random.seed(1337)
    want = [random.uniform(-1, 1) for _ in range(3)]
    random.seed(1337)
    neuron = Neuron(3)
    assert [w.data for w in neuron.w] == want
    assert neuron.b.data == 0.0
    assert neuron.parameters() == [*neuron.w, neuron.b]


def test_the_weighted_sum_is_one_dot_node() -> None:
    neuron = Neuron(3, weights=[0.5, -1.0, 2.0], bias=0.25)
    output = neuron([1.0, 2.0, 3.0])
    (net,) = output.args
    assert isinstance(net, Value)
    weighted, bias = net.args
    assert isinstance(weighted, Value)
    assert weighted.op is dot
    assert weighted.args == (1.0, 2.0, 3.0, *neuron.w)
    assert bias is neuron.b
    assert output.data == math.tanh(0.5 - 2.0 + 6.0 + 0.25)


def test_a_single_input_makes_a_product() -> None:
    neuron = Neuron(1, weights=[0.5], bias=0.6)
    x = Value(0.4)
    for inputs in (x, [x], (x,)):
        (net,) = neuron(inputs).args
        assert isinstance(net, Value)
        product = net.args[0]
        assert isinstance(product, Value)
        assert product.args == (x, neuron.w[0])


def test_labels() -> None:
    assert [p.label for p in Neuron(1).parameters()] == ["weight", "bias"]
    assert [p.label for p in Neuron(2).parameters()] == ["weight1", "weight2", "bias"]
    assert [p.label for p in Neuron(2, labels=["a", "b", "c"]).parameters()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("activation", "want"),
    [("relu", 1.1), ("linear", 1.1), (None, 1.1), ("sigmoid", 1 / (1 + math.exp(-1.1))), (lambda v: v * 2, 2.2)],
)
def test_activations(activation: Any, want: float) -> None:
    assert Neuron(1, activation, weights=[0.5], bias=0.6)(1.0).data == pytest.approx(want, rel=1e-15)


@pytest.mark.parametrize(
    ("activation", "want", "name"),  # of -1.1
    [
        ("leaky_relu", -0.011, "LeakyReLU"),
        ("elu", math.expm1(-1.1), "ELU"),
        ("gelu", -0.55 * math.erfc(1.1 / math.sqrt(2)), "GELU"),
        ("silu", -1.1 / (1 + math.exp(1.1)), "SiLU"),
        ("log_sigmoid", -math.log(1 + math.exp(1.1)), "LogSigmoid"),
    ],
)
def test_activations_by_pytorchs_names(activation: str, want: float, name: str, tmp_path: Path) -> None:
    neuron = Neuron(1, activation, weights=[0.5], bias=-0.6)
    assert neuron(-1.0).data == pytest.approx(want, rel=1e-15)
    assert repr(neuron) == f"{name}Neuron(1)"
    model, twin = (MLP(2, [2, 1], activation, rng=random.Random(seed)) for seed in (1, 2))
    model.save(tmp_path / "model.json")
    twin.load(tmp_path / "model.json")
    assert model([0.5, -2.0]).data == twin([0.5, -2.0]).data


@pytest.mark.parametrize(
    ("activation", "own"),
    [
        ("ReLU", "relu"), ("LeakyReLU", "leaky_relu"), ("leaky-relu", "leaky_relu"), ("lrelu", "leaky_relu"),
        ("swish", "silu"), ("SiLU", "silu"), ("GELU", "gelu"), ("Tanh", "tanh"), ("LogSigmoid", "log_sigmoid"),
        ("Identity", "linear"), ("Linear", "linear"), ("logistic", "sigmoid"), (None, "linear"),
        (autograd.gelu, "gelu"), (Value.gelu, "gelu"), (autograd.leaky_relu, "leaky_relu"),
    ],
)  # fmt: skip
def test_an_activation_by_another_name_or_as_a_function_is_that_of_the_table(activation: Any, own: str) -> None:
    model = MLP(2, [2, 1], [activation, None], rng=random.Random(0))
    named = MLP(2, [2, 1], own, rng=random.Random(0))
    assert repr(model) == repr(named) and model.layers[0].neurons[0].activation == own
    assert model([0.5, -2.0]).data == named([0.5, -2.0]).data
    assert pickle.loads(pickle.dumps(model))([0.5, -2.0]).data == named([0.5, -2.0]).data


def test_nonlin_can_be_set_as_in_micrograd() -> None:
    neuron = Neuron(1, weights=[1.0])
    for nonlin, name, output in ((False, "LinearNeuron(1)", -2.0), (True, "ReLUNeuron(1)", 0.0)):
        neuron.nonlin = nonlin
        assert (repr(neuron), neuron(-2.0).data, neuron.nonlin) == (name, output, nonlin)


def test_every_activation_of_the_message_is_one() -> None:
    with pytest.raises(ValueError, match="Pass one of") as problem:
        Neuron(1, "softmax")
    listed = str(problem.value).partition("Pass one of ")[2].replace("a function of a Value, or one of", "")
    names = re.findall(r"\w+", listed)
    assert len(names) > 30
    for name in names:
        assert name == "linear" or Neuron(1, name, weights=[1.0])(1.0).data == TABLE[name](1.0)


def test_a_row_of_ones_own_shows_its_name() -> None:
    bump = Op("bump({})", lambda x: autograd.exp(-x * x), lambda g, z, x: g * z * -2 * x)
    try:
        neurons = [Neuron(1, activation, weights=[1.0]) for activation in (bump, "bump", "Bump", Value.bump)]  # type: ignore[attr-defined]
        assert {repr(neuron) for neuron in neurons} == {"BumpNeuron(1)"}
        assert {neuron(0.5).data for neuron in neurons} == {math.exp(-0.25)}
        old = bump
        Op("bump({})", lambda x: autograd.exp(-2 * x * x), lambda g, z, x: g * z * -4 * x)
        assert Neuron(1, old, weights=[1.0])(0.5).data == math.exp(-0.25)  # the function that was passed
        assert repr(Neuron(1, old)) == "BumpNeuron(1)"
    finally:
        del TABLE["bump"]
        delattr(Value, "bump")
    steep: Any = functools.partial(autograd.leaky_relu, slope=0.5)
    partial = Neuron(1, steep, weights=[1.0])
    assert (repr(partial), partial(-2.0).data) == ("LeakyReLUNeuron(1)", -1.0)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", "leaky_relu", "gelu"])
def test_a_neuron_can_be_copied_and_pickled(activation: str) -> None:
    neuron = Neuron(2, activation, weights=[0.5, -1.0], bias=0.25)
    for twin in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
        assert twin([1.0, 2.0]).data == neuron([1.0, 2.0]).data
        assert twin.w[0] is not neuron.w[0]


def test_numpy_inputs() -> None:
    neuron = Neuron(2, weights=np.array([0.5, -1.0]), bias=np.float64(0.25))
    assert neuron(np.array([1.0, 2.0])).data == math.tanh(0.5 - 2.0 + 0.25)
    assert Neuron(np.int64(1), weights=0.5)(np.array(1.0)).data == math.tanh(0.5)


def test_zero_grad() -> None:
    neuron = Neuron(2)
    neuron([1.0, 2.0]).backward()
    assert any(p.grad for p in neuron.parameters())
    neuron.zero_grad()
    assert all(p.grad == 0 for p in neuron.parameters())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Neuron(-1), "at least one input"),
        (lambda: Neuron(0), "at least one input"),
        (lambda: Neuron(2, weights=[1.0]), "2 weights, got 1"),
        (lambda: Neuron(2, labels=["a"]), "3 names, got 1"),
        (lambda: Neuron(2, activation="tahn"), "unknown activation 'tahn'.*relu.*'linear'.*cosh"),
        (lambda: Neuron(2, activation="max"), "max is no activation: it takes more than one operand.*relu, tanh"),
        *[
            (lambda name=name: Neuron(2, activation=name), f"{name} is no activation: .*always the same.*relu, tanh")
            for name in ("clip", "floor", "ceil", "round", "sign", "step", "neg", "stop_gradient")
        ],
        (lambda: Neuron(2, activation=autograd.floor), "floor is no activation: its derivative is 0"),
        (
            lambda: Neuron(2, activation=autograd.clip),
            r"defaults, \(x, low=-inf, high=inf\), .*; pass .*lambda v: autograd.clip",
        ),
        (lambda: Neuron(2, activation="mish"), "copy mish from docs/recipes.md, and pass the function"),
        (lambda: Neuron(2, activation="Hard_Tanh"), "copy hardtanh from docs/recipes.md"),
        (lambda: Neuron(2, activation="softmax"), "leave the last layer linear"),
        (lambda: Neuron(2)([1.0]), "takes 2 inputs, got 1"),
    ],
)
def test_mistakes_are_explained(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


# ------------------------------------------------------------------------------------------------------------ networks


def test_a_layer_and_a_network_start_as_micrograd_does() -> None:
    random.seed(1337)
    want = [[random.uniform(-1, 1) for _ in range(nin)] for nin in [2] * 3 + [3] * 2]
    random.seed(1337)
    model = MLP(2, [3, 2])
    neurons = [neuron for layer in model.layers for neuron in layer.neurons]
    assert [[w.data for w in neuron.w] for neuron in neurons] == want
    assert all(neuron.b.data == 0.0 for neuron in neurons)
    assert model.parameters() == [p for neuron in neurons for p in (*neuron.w, neuron.b)]


def test_hidden_layers_are_activated_and_the_last_is_linear() -> None:
    assert [layer.neurons[0].activation for layer in MLP(2, [3, 3, 1]).layers] == ["relu", "relu", "linear"]
    assert [layer.neurons[0].activation for layer in MLP(2, [3, 1], "sigmoid").layers] == ["sigmoid", "linear"]
    assert [n.activation for n in Layer(2, 2).neurons] == ["relu", "relu"]
    assert [n.activation for n in Layer(2, 2, "tanh").neurons] == ["tanh", "tanh"]


def test_what_a_network_calculates() -> None:
    model = MLP(2, [2, 1])
    for i, p in enumerate(model.parameters()):
        p.data = (i - 4) / 4
    hidden = [max(-1.0 * 2 - 0.75 * 3 - 0.5, 0.0), max(-0.25 * 2 + 0.0 * 3 + 0.25, 0.0)]
    assert model([2.0, 3.0]).data == 0.5 * hidden[0] + 0.75 * hidden[1] + 1.0
    inputs = [Value(2.0), Value(-3.0)]
    check_gradients(model(inputs), [*inputs, *model.parameters()])


def test_one_neuron_gives_a_lone_value_and_takes_one() -> None:
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert isinstance(MLP(1, [1, 1])(0.5), Value)
    assert [type(v) for v in MLP(1, [1, 2])(Value(0.5))] == [Value, Value]
    assert MLP(2, (3, 1))(np.array([1.0, 2.0])).op is not None
    assert isinstance(MLP(np.int64(2), list(np.array([3, 1])))((1, 2)), Value)


@pytest.mark.parametrize("nonlin, want", [(True, "relu"), (False, "linear")])
def test_nonlin_means_what_it_means_in_micrograd(nonlin: bool, want: str) -> None:
    made = [
        Neuron(2, nonlin=nonlin),
        Neuron(2, nonlin),
        *Layer(2, 1, nonlin=nonlin).neurons,
        *Layer(2, 1, nonlin).neurons,
    ]
    assert [(neuron.activation, neuron.nonlin) for neuron in made] == [(want, nonlin)] * 4


def test_names_and_labels_of_parameters() -> None:
    model = MLP(2, [3, 1])
    named = dict(model.named_parameters())
    assert named["layer1.neuron3.weight2"] is model.layers[0].neurons[2].w[1]
    assert named["layer1.neuron3.bias"] is model.layers[0].neurons[2].b
    assert list(named.values()) == model.parameters()
    assert [p.label for p in model.parameters()] == list(named)
    assert [p.label for p in Layer(1, 2).parameters()] == [
        "neuron1.weight1", "neuron1.bias", "neuron2.weight1", "neuron2.bias",
    ]  # fmt: skip
    for net in (Layer(2, 2), Neuron(1), Neuron(3)):
        assert [p.label for p in net.parameters()] == [name for name, _ in net.named_parameters()]


@pytest.mark.parametrize("init, bound", [("uniform", 1.0), ("xavier", math.sqrt(6 / 48)), ("he", math.sqrt(6 / 40))])
def test_how_weights_begin(init: str, bound: float) -> None:
    model = MLP(40, [8], init=init, rng=random.Random(5))
    weights = [w.data for neuron in model.layers[0].neurons for w in neuron.w]
    assert 0.98 * bound < max(map(abs, weights)) <= bound
    assert np.var(weights) == pytest.approx(bound**2 / 3, rel=0.1)
    dice = random.Random(5)
    assert weights == [dice.uniform(-bound, bound) for _ in weights]
    assert len(Neuron(3, init=init).w) == 3


def test_a_generator_of_your_own() -> None:
    state = random.getstate()
    for make in (lambda: random.Random(3), lambda: np.random.default_rng(3)):
        first, second = (MLP(2, [3, 1], rng=make()) for _ in range(2))
        assert [p.data for p in first.parameters()] == [p.data for p in second.parameters()]
    assert random.getstate() == state


def test_each_layer_may_have_its_own_activation(tmp_path: Path) -> None:
    def double(v: Value) -> Value:
        return v * 2

    activations: list[Any] = ["tanh", "relu", None, double]
    model = MLP(2, [3, 2, 2, 1], activation=activations, rng=random.Random(5))
    assert [layer.neurons[0].activation for layer in model.layers] == ["tanh", "relu", "linear", double]
    assert [len({n.activation for n in layer.neurons}) for layer in model.layers] == [1] * 4
    by_hand: Any = [0.5, -1.0]
    functions: list[Any] = [autograd.tanh, autograd.relu, lambda net: net, double]
    for layer, activate in zip(model.layers, functions):
        by_hand = [activate(dot(by_hand, neuron.w) + neuron.b) for neuron in layer.neurons]
    output = model([0.5, -1.0])
    assert output.data == by_hand[0].data
    assert check_gradients(output)
    twin = MLP(2, (3, 2, 2, 1), tuple(activations), rng=random.Random(6))
    model.save(tmp_path / "net.json")
    twin.load(tmp_path / "net.json")
    assert twin([0.5, -1.0]).data == output.data
    assert copy.deepcopy(model)([0.5, -1.0]).data == output.data
    for text in (repr(model), autograd.draw(output, detail="layer").source, autograd.to_text(output)):
        assert "tanh" in text.lower() and "relu" in text.lower()
    same = MLP(2, [3, 1], ["relu", "linear"], rng=random.Random(7))
    assert repr(same) == repr(MLP(2, [3, 1]))
    assert bits(same) == bits(MLP(2, [3, 1], rng=random.Random(7)))


def test_an_activation_may_be_a_function_or_have_parameters() -> None:
    class Leaky(Module):
        def __init__(self) -> None:
            self.slope = Value(0.1, "slope")

        def __call__(self, v: Value) -> Value:
            return v.relu() - self.slope * (-v).relu()

    leaky = Leaky()
    model = MLP(2, [2, 1], leaky)
    assert model.parameters().count(leaky.slope) == 1
    assert ("layer1.neuron1.activation.slope", leaky.slope) in list(model.named_parameters())
    assert leaky.slope.label == "layer1.neuron1.activation.slope"
    assert "LeakyNeuron(2)" in repr(model)
    model([1.0, -1.0]).backward()
    assert Neuron(1, lambda v: v * 3, weights=[2.0])(1.0).data == 6.0


class Net(Module):
    """As users write it: Values and Modules in attributes, lists, tuples and dictionaries."""

    def __init__(self) -> None:
        self.scale = Value(2.0)
        self.body = MLP(1, [1])
        self.offsets = [Value(1.0), Value(2.0)]
        self.table = ([Value(3.0)], [Value(4.0), Value(5.0)])
        self.heads = {"left": Neuron(1), "right": self.body}
        self.again = self.scale
        self.result = self.scale * 2
        self.name, self.size = "net", 3
        self.parent = self


def test_a_module_of_your_own() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "scale", "body.layer1.neuron1.weight1", "body.layer1.neuron1.bias", "offsets1", "offsets2",
        "table1.1", "table2.1", "table2.2", "heads.left.weight1", "heads.left.bias",
    ]  # fmt: skip
    for p in net.parameters():
        p.grad = 1.0
    net.zero_grad()
    assert not any(p.grad for p in net.parameters())
    assert repr(net).startswith("Net with 10 parameters: 1 in scale, 2 in body")


def test_modules_with_slots_and_subclasses_of_networks() -> None:
    class Slotted(Module):
        __slots__ = ("first", "second", "unset")

        def __init__(self) -> None:
            self.second, self.first = Value(2.0), Value(1.0)

    class Scaled(MLP):
        def __init__(self) -> None:
            super().__init__(1, [1])
            self.scale = Value(1.0)

    assert [name for name, _ in Slotted().named_parameters()] == ["first", "second"]
    assert [name for name, _ in Scaled().named_parameters()][-1] == "scale"


def test_a_parameters_method_of_your_own_counts() -> None:
    class Own(Module):
        def __init__(self) -> None:
            self.kept, self.other = Value(1.0), Value(2.0)
            self._hidden = lambda: extra

        def parameters(self) -> list[Value]:
            return [extra, self.kept]

    extra = Value(3.0)
    own = Own()
    assert list(own.named_parameters()) == [("parameter1", extra), ("kept", own.kept)]


def test_networks_of_less_than_a_dozen_neurons_read_as_micrograds_and_others_are_summed_up() -> None:
    assert repr(MLP(2, [2, 1])) == "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    assert repr(Neuron(3)) == "TanhNeuron(3)"
    assert repr(MLP(1000, [1])) == "MLP of [Layer of [LinearNeuron(1000)]]"
    assert repr(MLP(2, [10, 1])).count("Neuron") == 11
    assert repr(MLP(2, [11, 1])).splitlines() == [
        "MLP with 45 parameters",
        "  layer1: 11 ReLUNeuron(2), 33 parameters",
        "  layer2: 1 LinearNeuron(11), 12 parameters",
    ]
    assert repr(Layer(2, 11)).count("Neuron") == 11
    assert repr(Layer(2, 12)) == "Layer of 12 ReLUNeuron(2): 36 parameters"
    mixed = MLP(2, [12])
    mixed.layers[0].neurons[3] = Neuron(2)
    mixed.layers += cast(Any, [Neuron(12), len])
    assert repr(mixed).splitlines() == [
        "MLP with 49 parameters",
        "  layer1: 12 LinearNeuron(2) / TanhNeuron(2), 36 parameters",
        "  layer2: TanhNeuron(12)",
        "  layer3: <built-in function len>",
    ]
    assert repr(MLP(64, [32, 10], "tanh")).splitlines() == [
        "MLP with 2,410 parameters",
        "  layer1: 32 TanhNeuron(64), 2,080 parameters",
        "  layer2: 10 LinearNeuron(32), 330 parameters",
    ]
    assert repr(Layer(64, 32)) == "Layer of 32 ReLUNeuron(64): 2,080 parameters"


def test_a_network_can_be_copied_and_pickled() -> None:
    model = MLP(2, [3, 1])
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin([1.0, 2.0]).data == model([1.0, 2.0]).data
        assert [p.label for p in twin.parameters()] == [p.label for p in model.parameters()]
        assert not set(twin.parameters()) & set(model.parameters())


def wrong(x: Any) -> Any:
    """A mistake that a type checker would see."""
    return x


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: MLP(2, wrong(3)), TypeError, r"a list.*\[3\] for a single one"),
        (lambda: MLP(2, []), ValueError, "nouts is empty"),
        (lambda: MLP(2, [3, 1], ["relu"]), ValueError, "one for each layer, .*'linear' for none.*: nouts has 2, got 1"),
        (lambda: MLP(2, [1], []), ValueError, "nouts has 1, got 0"),
        (lambda: MLP(2, [3, 1], ["relu", "tahn"]), ValueError, "unknown activation 'tahn'"),
        (
            lambda: Layer(2, 3, wrong(["relu", "tanh"])),
            ValueError,
            r"one activation, got .*\['relu', 'tanh'\]: nn.MLP takes",
        ),
        (lambda: MLP(2, [1], "nonsense"), ValueError, "unknown activation 'nonsense'"),
        (lambda: MLP(2, [1], activations=wrong(["relu"])), TypeError, "argument 'activations'; write activation$"),
        (lambda: MLP(2, [1], nonlin=wrong(True)), TypeError, "argument 'nonlin'; write activation$"),
        (lambda: MLP(2, [1], seed=wrong(0)), TypeError, r"; write rng=random.Random\(0\)$"),
        (lambda: Layer(2, 1, act=wrong("relu")), TypeError, "^Layer.*; write activation$"),
        (lambda: Neuron(2, bais=wrong(1)), TypeError, r"^Neuron\(\) got an unexpected keyword argument 'bais'$"),
        (lambda: MLP(2, [3, 0]), ValueError, "at least one neuron, got nout=0"),
        (lambda: MLP(0, [1]), ValueError, "at least one input, got nin=0"),
        (lambda: MLP(wrong(2.5), [1]), TypeError, "is an integer, got "),
        (lambda: MLP(True, [1]), TypeError, "nin is an integer, got True"),
        (lambda: Layer(2, 2, "tahn"), ValueError, "unknown activation 'tahn'"),
        (lambda: Layer(2, 2, init="glorot"), ValueError, "'uniform', 'xavier', 'he'"),
        (lambda: Layer(2, 2, rng=42), TypeError, r"random.Random\(0\), got int 42"),
        (lambda: MLP(2, [3, 1])([1.0]), ValueError, "layer1.neuron1 has 2 weights, so it takes 2 inputs, got 1"),
    ],
)
def test_mistakes_with_networks_are_explained(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


# ------------------------------------------------------------------------------------------------------- save and load

SPECIAL = [math.inf, -math.inf, math.nan, -0.0, 0.0, 5e-324, -2.2250738585072009e-308, 1.7976931348623157e308, 0.1]
STORED = Path(__file__).parent / "data" / "parameters.json"  # written on 2026-11-21 by the first version of save()


def bits(net: Module) -> list[str]:
    return [p.data.hex() for p in net.parameters()]


@given(st.lists(st.floats(), min_size=9, max_size=9))
def test_text_and_back_to_the_bit(numbers: list[float]) -> None:
    for these in (numbers, SPECIAL):
        named = {f"p{i}": x for i, x in enumerate(these)}
        assert [x.hex() for x in numbers_from_text(numbers_to_text(named)).values()] == [x.hex() for x in these]


def test_a_file_is_strict_json_and_read_back_to_the_bit(tmp_path: Path) -> None:
    model, twin = MLP(2, [3]), MLP(2, [3])
    for p, x in zip(model.parameters(), SPECIAL, strict=True):
        p.data = x
    model.save(tmp_path / "net.json")
    document = json.loads((tmp_path / "net.json").read_text(), parse_constant=pytest.fail)
    assert (document["format"], document["version"]) == ("scalar-autograd parameters", 1)
    assert document["parameters"]["layer1.neuron1.bias"] == "nan"
    assert [p.grad for p in twin.parameters()] == [0.0] * 9
    twin.load(str(tmp_path / "net.json"))
    assert bits(twin) == bits(model)
    assert os.listdir(tmp_path) == ["net.json"]


def test_a_file_of_an_earlier_run_loads_to_the_bit() -> None:
    model = MLP(2, [2, 1], "tanh")
    model.load(STORED)
    want = ["0x1.e1b4f8a3dbe53p-4", "-0x1.0000000000000p+0", "inf", "nan", "-0x0.0p+0", "0x0.0000000000001p-1022"]
    assert bits(model) == [*want, "-inf", "0x1.fffffffffffffp+1023", "0x1.999999999999ap-4"]


TEXT = numbers_to_text({name: 0.5 for name, _ in MLP(1, [1]).named_parameters()})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "damaged"),
        (TEXT[:-3], "damaged"),
        (TEXT.replace("0.5", "0.5.5", 1), "damaged"),
        (TEXT.replace("0.5", "NaN", 1), "NaN is not JSON"),
        (TEXT.replace("0.5", "1e999", 1), "weight1 is inf"),
        (TEXT.replace("0.5", "9" * 400, 1), "weight1 is 999"),
        (TEXT.replace("0.5", "true", 1), "weight1 is True"),
        (TEXT.replace("0.5", "null", 1), "weight1 is None"),
        (TEXT.replace("0.5", '"0.5"', 1), "weight1 is '0.5'"),
        (TEXT.replace("0.5", "[0.5]", 1), r"weight1 is \[0.5\]"),
        (TEXT.replace("bias", "weight1"), "a name occurs twice"),
        (TEXT.replace("bias", "bios"), "lacks layer1.neuron1.bias and also has layer1.neuron1.bios"),
        (TEXT.replace('"version": 1', '"version": 2'), "version is 2, this program reads 1"),
        (TEXT.replace("parameters", "weights"), "not a parameter file"),
        (TEXT.replace('"parameters":', '"numbers":'), "has no parameters"),
        ("[1, 2]", "not a parameter file"),
        ("[" * 100_000, "damaged"),
        ("\udcff", "damaged: 'utf-8'"),
        (numbers_to_text({f"layer1.neuron{i}.bias": 1.0 for i in range(1, 9)}), "8 parameters, this network 2"),
    ],
)
def test_a_bad_file_changes_nothing(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    model = MLP(1, [1])
    before = bits(model)
    with pytest.raises(ValueError, match=f"cannot load .*bad.json: .*({said}).*nothing was changed"):
        model.load(path)
    assert bits(model) == before


@pytest.mark.parametrize("odd", ["x" * 1_000_000, "\ud800x", "\x1b[31m\n\x00", "\N{RIGHT-TO-LEFT OVERRIDE}"])
@pytest.mark.parametrize("place", ["name", "number", "name of a bad number", "version"])
def test_what_stands_in_a_file_is_quoted_shortly_and_on_one_line(odd: str, place: str, tmp_path: Path) -> None:
    document = json.loads(TEXT)
    parameters = document["parameters"]
    name = next(iter(parameters))
    match place:
        case "name":
            parameters[odd] = parameters.pop(name)
        case "number":
            parameters[name] = odd
        case "name of a bad number":
            parameters[odd] = [0.5]
        case "version":
            document["version"] = odd
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ValueError, match="cannot load") as caught:
        MLP(1, [1]).load(path)
    said = str(caught.value).replace(str(path), "")
    assert len(said) < 400
    assert said.isprintable()


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(244_000_000)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"244,000,000 bytes, far more than 2 parameters need; nothing was changed"):
        MLP(1, [1]).load(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="Unix")
def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot load /dev/zero: .* far more than 2 parameters need"):
        MLP(1, [1]).load("/dev/zero")


def test_a_name_with_a_lone_surrogate_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    class Holder(Module):
        def __init__(self) -> None:
            self.d = {"z\ud800": Value(1.0)}

    path = tmp_path / "net.json"
    path.write_text("old")
    with pytest.raises(ValueError, match=r"lone surrogate in the name 'd\.z\\ud800': rename it"):
        Holder().save(path)
    assert path.read_text() == "old"


@given(st.integers(0, len(TEXT) - 3))
def test_a_file_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="damaged"):
        numbers_from_text(TEXT[:length])


def test_another_shape_is_explained(tmp_path: Path) -> None:
    MLP(2, [16, 1]).save(tmp_path / "net.json")
    with pytest.raises(ValueError, match=r"65 parameters, this network 49: it also has layer1.neuron13.weight1, "):
        MLP(2, [12, 1]).load(tmp_path / "net.json")
    with pytest.raises(FileNotFoundError):
        MLP(2, [12, 1]).load(tmp_path / "none.json")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_while_saving_leaves_the_old_file(
    failing: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = MLP(1, [1]), tmp_path / "net.json"
    model.save(path)
    old = path.read_bytes()
    model.parameters()[0].data = 42.0

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        model.save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["net.json"]


SAVE_FOREVER = """
import itertools, sys
from autograd.nn import MLP
model = MLP(10, [40, 10])
for i in itertools.count():
    for p in model.parameters():
        p.data = float(i)
    model.save(sys.argv[1])
    print(i, flush=True)
"""


def test_a_process_killed_while_saving_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    for delay in (0.0, 0.003, 0.011):
        with subprocess.Popen([sys.executable, "-c", SAVE_FOREVER, path], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        model = MLP(10, [40, 10])
        model.load(path)
        assert len({p.data for p in model.parameters()}) == 1  # of one save, not of two


def test_links_stay_links_and_files_keep_their_mode(tmp_path: Path) -> None:
    model, link = MLP(1, [1]), tmp_path / "link.json"
    (tmp_path / "net.json").write_text("old")
    (tmp_path / "net.json").chmod(0o640)
    link.symlink_to("net.json")
    model.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE((tmp_path / "net.json").stat().st_mode) == 0o640
    MLP(1, [1]).load(link)


def test_two_parameters_of_one_name_are_not_saved(tmp_path: Path) -> None:
    class Twins(Module): ...

    twins = Twins()
    vars(twins).update({"w": [Value(1.0)], "w[0]": Value(2.0), "w1": Value(3.0)})
    with pytest.raises(ValueError, match=r"^Twins\.w\[0\] and Twins\.w1 would have the same name, 'w1'"):
        twins.save(tmp_path / "net.json")
    assert not list(tmp_path.iterdir())
    Neuron(1).save(tmp_path / "net.json")
    with pytest.raises(ValueError, match=r"two parameters have the name 'w\[0\]': rename"):
        twins.load(tmp_path / "net.json")


def test_loading_commits_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt at any point of load() leaves all numbers old or all new."""
    path = tmp_path / "net.json"
    Neuron(1).save(path)
    content = path.read_bytes()
    monkeypatch.setattr(
        "autograd.module.read_at_most", lambda path, most: (len(content), content)
    )  # no file is open when the interrupt comes
    seen = set()
    for at in itertools.count(1, 11):
        model = Neuron(1)  # small: each interrupt costs a whole run up to it
        for p in model.parameters():
            p.data = 77.0
        over = not interrupted(functools.partial(model.load, path), at)
        old = [p.data == 77.0 for p in model.parameters()]
        assert all(old) or not any(old)
        seen.add(any(old))
        if over:
            break
    assert seen == {True, False}


def test_a_negative_nan_comes_back(tmp_path: Path) -> None:
    neuron, twin = Neuron(1), Neuron(1)
    for nan in (math.nan, math.copysign(math.nan, -1.0)):
        neuron.b.data = nan
        neuron.save(tmp_path / "nan.json")
        twin.load(tmp_path / "nan.json")
        assert math.isnan(twin.b.data)
        assert math.copysign(1, twin.b.data) == math.copysign(1, nan)


@pytest.mark.parametrize("make", [Layer, lambda nin, nout, **named: MLP(nin, [2, nout], **named)])
def test_a_list_of_one_is_kept_where_that_is_asked_for(make: Any) -> None:
    listed, alone = make(3, 1, squeeze=False, rng=random.Random(0)), make(3, 1, rng=random.Random(0))
    [output] = listed([1.0, 2.0, 3.0])
    assert output.data == alone([1.0, 2.0, 3.0]).data
    assert listed.predict([[1.0, 2.0, 3.0]]) == [[output.data]]
    for model in (copy.deepcopy(listed), pickle.loads(pickle.dumps(listed))):
        assert len(model([1.0, 2.0, 3.0])) == 1 and repr(model) == repr(listed)
    assert "Layer(squeeze=False) of [" in repr(listed) and "squeeze" not in repr(alone)
    assert "1 LinearNeuron(16) in a list, 17 parameters" in repr(MLP(2, [16, 1], squeeze=False))
    assert "squeeze" not in alone.architecture() and "squeeze" not in make(3, 2).architecture()
    assert len(make(3, 2, squeeze=False)([1.0, 2.0, 3.0])) == 2
    wider = MLP(3, [1, 1], squeeze=False)([1.0, 2.0, 3.0])  # a layer takes a list of one from the one before
    assert len(wider) == 1
    fit(listed, [[0.0, 1.0, 2.0]], [[0.5]], loss="mse", optimizer="sgd", epochs=2, progress=False)


def test_a_file_says_true_or_false_for_a_list_of_one(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    Layer(2, 1, squeeze=False).save(path)
    document = json.loads(path.read_text())
    assert document["architecture"]["squeeze"] is False
    for wrong in ("no", 0, None):
        document["architecture"]["squeeze"] = wrong
        path.write_text(json.dumps(document))
        with pytest.raises(ValueError, match=r"cannot load .*squeeze is neither true nor false"):
            nn.load(path)
