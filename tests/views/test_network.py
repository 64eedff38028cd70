"""Neurons are found in a graph by the labels of their parameters, however their sums are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from networks import WAYS, Network, loss_of

from autograd import Value, ops
from autograd.engine import graph_of
from autograd.nn import Neuron
from autograd.views.network import FoundNeuron, find_layers


def found(output: Value) -> list[FoundNeuron]:
    return [neuron for layer in find_layers(graph_of(output)) for neuron in layer.neurons]


@pytest.mark.parametrize("weigh", WAYS)
@pytest.mark.parametrize("nin", [1, 2, 5])
def test_a_network_is_found_however_its_sums_are_written(nin: int, weigh: Callable[..., Value]) -> None:
    network = Network(nin, [3, 2, 1], weigh)
    loss = loss_of(network, nin=nin)
    layers = find_layers(graph_of(loss))
    assert [(layer.name, [neuron.name for neuron in layer.neurons]) for layer in layers] == [
        (f"layer{i}", [f"layer{i}.neuron{k}" for k in range(1, n + 1)]) for i, n in enumerate([3, 2, 1], start=1)
    ]
    for layer, trainable in zip(layers, network.layers, strict=True):
        for neuron, of in zip(layer.neurons, trainable, strict=True):
            assert neuron.parameters == of.parameters()
            assert neuron.net.data == pytest.approx(
                sum(w.data * (x.data if isinstance(x, Value) else x) for w, x in neuron.terms) + of.b.data
            )
            assert neuron.activation is (None if layer is layers[-1] else ops.relu)
    hidden = [v for layer in layers for neuron in layer.neurons for v in neuron.nodes]
    assert len(hidden) == len(set(hidden))
    outside = set(graph_of(loss)) - set(hidden) - set(network.parameters())
    assert len(outside) == nin + 4  # the inputs, a zero, error, its square, the loss: nothing of a neuron is left


def test_several_samples_are_as_many_layers() -> None:
    layers = find_layers(graph_of(loss_of(Network(2, [3, 1]), samples=4)))
    assert [(layer.name, len(layer.neurons)) for layer in layers] == [("layer1", 3), ("layer2", 1)] * 4
    network = Network(2, [3, 1])
    twice_the_same = network([0.1, 0.2])[0] + network([0.1, 0.2])[0]
    assert [len(layer.neurons) for layer in find_layers(graph_of(twice_the_same))] == [3, 1, 3, 1]


def test_a_lone_neuron_and_hand_made_ones() -> None:
    x = Value(0.4)
    assert [(n.name, n.layer, len(n.terms)) for n in found(Neuron(2)([x, 1.0]))] == [("neuron", "neuron", 2)]
    by_hand = (x * Value(0.5, "hidden.weight") + Value(0.6, "hidden.bias")).tanh()
    assert [(n.name, n.layer) for n in found(by_hand)] == [("hidden", "hidden")]
    both = Neuron(1)(Neuron(1)(x))  # two neurons whose parameters have the same labels
    assert [n.name for n in found(both)] == ["neuron", "neuron"]
    linear = Neuron(1, "linear")(x) + Neuron(1, "linear")(x)
    assert len(found(linear)) == 2


def test_without_a_bias() -> None:
    x = Value(1.0)
    [neuron] = found(ops.dot([x, 2.0], [Value(1.0, "weight1"), Value(2.0, "weight2")]).tanh())
    assert (neuron.bias, len(neuron.terms)) == (None, 2)


def test_the_same_neuron_again_on_its_own_output() -> None:
    neuron = Neuron(1, "linear")
    first, second = found(neuron(neuron(Value(0.5))))
    assert second.terms[0][1] is first.output


def test_a_node_with_other_uses_is_not_hidden() -> None:
    x, w, b = Value(0.4), Value(0.5, "weight"), Value(0.6, "bias")
    product = x * w
    net = product + b
    assert found(net.tanh() + product) == []
    [neuron] = found(net.tanh() + net)
    assert neuron.output is net  # the net has another use than the tanh


def test_a_sum_that_only_looks_like_a_neuron_is_none() -> None:
    x = Value(0.4)
    w, w2, b = Value(0.5, "weight1"), Value(0.6, "weight2"), Value(0.7, "bias")
    assert found(w * w2 + b) == []
    assert found(w * x + w * x + b) == []
    assert [n.net.data for n in found(w * x + b + b)] == [0.5 * 0.4 + 0.7]  # the second one is added to the neuron
    assert found(b * x + w) == []
    assert found(w * x + b * 2) == []
    assert found(ops.dot([w, x], [x, b]) + b) == []
    assert found(ops.sum([p * p for p in (w, w2, b)])) == []  # a penalty on large weights
    assert found(0.1 * w + 0.1 * w2) != []  # it cannot be told from a neuron without a bias on constant inputs
    other = Value(0.5, "neuron2.weight1")
    assert [n.name for n in found(w * x + other * x + b)] == ["neuron2"]  # which has no bias here
    assert found(Value(1.0, "weight" + "9" * 5000) * x) == []


def test_a_long_chain_is_found_in_time_that_grows_with_it() -> None:
    n = 20_000
    net = Value(0.0, "bias")
    for i in range(1, n + 1):
        net = net + Value(1.0, f"weight{i}") * 0.5
    [neuron] = found(net)
    assert len(neuron.terms) == n
    assert neuron.terms[-1][0].label == f"weight{n}"
