"""Neurons are found in a graph by the labels of their parameters, however their sums are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace

import pytest
from networks import WAYS, Network, loss_of

from autograd import Value, ops
from autograd.engine import graph_of
from autograd.names import names_of
from autograd.nn import MLP, Layer, Module, Neuron
from autograd.views.network import FoundLayer, FoundNeuron, find_layers


def found(output: Value) -> list[FoundNeuron]:
    return [neuron for layer in find_layers(graph_of(output)) for neuron in layer.neurons]


def sizes(layers: Iterable[FoundLayer]) -> list[tuple[str, int]]:
    """Return the name of each layer and the number of its neurons."""
    return [(layer.name, len(layer.neurons)) for layer in layers]


def neurons(layers: Iterable[FoundLayer]) -> list[str]:
    return [neuron.name for layer in layers for neuron in layer.neurons]


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
    first, second = Neuron(1), Neuron(1)  # two neurons whose parameters have the same labels
    both = second(first(x))
    assert neurons(find_layers(graph_of(both))) == ["first", "second"]
    assert neurons(find_layers(graph_of(both), variables=False)) == ["neuron", "neuron#2"]
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


@pytest.mark.parametrize("weigh", WAYS)
@pytest.mark.parametrize(
    "labels",
    [
        ["b1", "b2"],
        ["w1", "w2"],
        ["weight", "bias"],
        ["height", "weight"],
        ["weight2", "weight1"],
        ["weights1.2", "biases1"],
        ["neuron1.weight1", "neuron1.bias"],
        ["neuron1.b", "neuron1.w"],
    ],
)
def test_inputs_may_have_labels_like_those_of_parameters(labels: list[str], weigh: Callable[..., Value]) -> None:
    xs = [Value(0.5, label) for label in labels]
    network = Network(2, [3, 1], weigh)
    layers = find_layers(graph_of((network(xs)[0] - 1) ** 2))
    assert sizes(layers) == [("layer1", 3), ("layer2", 1)]
    assert [[x for _, x in neuron.terms] for neuron in layers[0].neurons] == [xs] * 3
    for x in xs:
        [first, second] = find_layers(graph_of(Network(1, [2, 1], weigh)([x])[0]))
        assert [neuron.terms[0][1] for neuron in first.neurons] == [x, x]
        assert len(second.neurons) == 1


def test_samples_may_have_labels_like_those_of_parameters() -> None:
    """As the inputs of a pair of samples, or of a batch: a1, a2, ..., b1, b2, ..."""
    network = Network(2, [3, 2])
    samples = [[Value(0.1 * i, f"{letter}{i}") for i in (1, 2)] for letter in "abcw"]
    layers = find_layers(graph_of(ops.sum([y for xs in samples for y in network(xs)])))
    assert sizes(layers) == [("layer1", 3), ("layer2", 2)] * 4


def test_of_two_readings_the_one_with_a_bias_or_an_owner_is_meant() -> None:
    weight, feature = Value(0.5, "own.weight"), Value(0.25, "weight")
    assert neurons(find_layers(graph_of((weight * feature).tanh()))) == ["own"]
    assert neurons(find_layers(graph_of((weight * feature + Value(1.0, "bias")).tanh()))) == ["neuron"]
    assert found(weight * Value(0.25, "other.weight")) == []
    [neuron] = found(ops.dot([weight], [Value(1.0, "own.weight1")]))
    assert neuron.terms[0][1] is weight  # no weight of several is without a number


# Which neuron it is --------------------------------------------------------------------------------------------------


def test_two_networks_with_the_same_labels_are_two() -> None:
    encoder, decoder = MLP(2, [3, 1]), MLP(1, [3, 2])
    graph = graph_of(ops.sum(decoder(encoder([0.5, 0.25]))))
    assert sizes(find_layers(graph)) == [
        ("encoder.layer1", 3),
        ("encoder.layer2", 1),
        ("decoder.layer1", 3),
        ("decoder.layer2", 2),
    ]
    assert sizes(find_layers(graph, variables=False)) == [
        ("layer1", 3),
        ("layer2", 1),
        ("layer1#2", 3),
        ("layer2#2", 2),
    ]
    assert neurons(find_layers(graph))[0] == "encoder.layer1.neuron1"
    assert neurons(find_layers(graph, variables=False))[4] == "layer1#2.neuron1"
    assert names_of(graph)[decoder.layers[0].neurons[2].b] == "decoder.layer1.neuron3.bias"


def test_a_network_alone_is_not_named_after_its_variable() -> None:
    model = MLP(2, [3, 1])
    assert sizes(find_layers(graph_of(model([0.5, 0.25])))) == [("layer1", 3), ("layer2", 1)]


def test_an_ensemble_is_as_many_networks() -> None:
    members, x = [MLP(1, [2, 1]) for _ in range(3)], Value(0.5)
    for mean in (sum(member(x) for member in members), ops.sum([member(x) for member in members])):
        assert sizes(find_layers(graph_of(mean))) == [
            (f"members[{i}].layer{k}", n) for i in range(3) for k, n in ((1, 2), (2, 1))
        ]  # though all have the same input
    interleaved = [neuron(x) for pair in zip(*(member.layers[0].neurons for member in members)) for neuron in pair]
    assert sizes(find_layers(graph_of(ops.sum(interleaved)))) == [(f"members[{i}].layer1", 2) for i in range(3)]


def test_the_variable_of_a_loop_names_none_of_its_list() -> None:
    layers, x = [Layer(1, 2), Layer(2, 2), Layer(2, 1)], [Value(0.5)]
    for layer in layers:
        x = layer([*x])
    assert sizes(find_layers(graph_of(ops.sum([x])))) == [(f"layers[{i}]", n) for i, n in enumerate([2, 2, 1])]
    nets, total = {"a": MLP(1, [2, 1]), "b": MLP(1, [2, 1])}, Value(0.0)
    for net in nets.values():
        total = net(0.5) + total
    names = [f"nets['{key}'].layer{i}" for key in "ab" for i in (1, 2)]
    assert [name for name, _ in sizes(find_layers(graph_of(total)))] == names


def test_a_list_of_networks_that_all_have_variables_names_none() -> None:
    encoder, decoder = Layer(1, 2), Layer(2, 1)
    both = [encoder, decoder]
    assert sizes(find_layers(graph_of(both[1](both[0]([0.5]))))) == [("encoder", 2), ("decoder", 1)]


def test_networks_in_plain_objects_and_in_lists_in_them_have_names() -> None:
    holder, others = SimpleNamespace(enc=Layer(1, 2), dec=[Layer(2, 1)], _hidden=Layer(1, 1)), {1: [Layer(1, 1)]}
    output = others[1][0]([holder.dec[0](holder.enc([0.5]))])
    assert sizes(find_layers(graph_of(output))) == [("holder.enc", 2), ("holder.dec[0]", 1), ("others[1][0]", 1)]


def test_networks_in_a_module_are_named_by_their_paths() -> None:
    class Autoencoder(Module):
        def __init__(self) -> None:
            self.encoder, self.decoder = MLP(2, [1]), MLP(1, [2])

        def __call__(self, x: list[float]) -> Value:
            total: Value = ops.sum(self.decoder([self.encoder(x)]))
            return total

    assert sizes(find_layers(graph_of(Autoencoder()([0.5, 0.25])))) == [("encoder.layer1", 1), ("decoder.layer1", 2)]
    both = [Autoencoder(), Autoencoder()]
    assert sizes(find_layers(graph_of(both[0]([0.5, 0.25]) + both[1]([0.5, 0.25]))))[:3] == [
        ("both[0].encoder.layer1", 1),
        ("both[0].decoder.layer1", 2),
        ("both[1].encoder.layer1", 1),
    ]


def test_layers_alone_and_frozen_ones() -> None:
    one, other = Layer(2, 2).freeze(), Layer(2, 2)
    graph = graph_of(ops.sum(other(one([0.5, 0.25]))))
    assert sizes(find_layers(graph)) == [("one", 2), ("other", 2)]
    assert neurons(find_layers(graph))[::2] == ["one.neuron1", "other.neuron1"]
    assert sizes(find_layers(graph, variables=False)) == [("layer", 2), ("layer#2", 2)]
    assert neurons(find_layers(graph, variables=False))[::2] == ["neuron1", "layer#2.neuron1"]


def test_shared_and_recurrent_layers_are_one_that_is_used_again() -> None:
    cell, first = Layer(3, 2, "tanh"), [Value(0.0), Value(0.0)]
    state = first
    for x in (0.5, 0.25, -0.5):
        state = cell([x, *state])
    assert sizes(find_layers(graph_of(ops.sum(state)))) == [("layer", 2)] * 3
    assert len({neuron.identity for neuron in found(ops.sum(state))}) == 2
    twin = MLP(1, [2, 1])
    assert sizes(find_layers(graph_of(twin(0.5) - twin(0.25)))) == [("layer1", 2), ("layer2", 1)] * 2


def test_a_model_that_cannot_say_what_it_holds_names_nothing() -> None:
    class Broken(Module):
        def __init__(self) -> None:
            self.inner = Neuron(1)

        def parameters(self) -> list[Value]:
            raise RuntimeError

    one, other, broken = Neuron(1), Neuron(1), Broken()
    assert sizes(find_layers(graph_of(one(0.5) + other(0.25) + broken.inner(0.125)))) == [
        ("one", 1),
        ("other", 1),
        ("inner", 1),
    ]
    broken.inner = one  # a second name for it, by a variable that is met later
    assert sizes(find_layers(graph_of(one(0.5) + other(0.25)))) == [("one", 1), ("other", 1)]


def test_weights_with_the_same_label_are_of_two_neurons() -> None:
    w, other = Value(0.5, "weight1"), Value(0.25, "weight1")
    assert [len(neuron.terms) for neuron in found(ops.dot([1.0], [w]) + ops.dot([2.0], [other]))] == [1, 1]


@pytest.mark.parametrize(
    "activation",
    [
        ops.tanh,
        ops.relu,
        ops.leaky_relu,
        ops.elu,
        ops.gelu,
        lambda x: ops.leaky_relu(x, 0.2),
        lambda x: ops.clip(x, -1, 1),
        lambda x: ops.max(x, 0.0),
    ],
)
def test_any_function_of_the_net_alone_is_an_activation(activation: Callable[[Value], Value]) -> None:
    x = Value(0.4)
    output = activation(x * Value(0.5, "weight") + Value(0.6, "bias"))
    [neuron] = found(output * 2)
    assert neuron.output is output
    assert neuron.activation is output.op


def test_what_has_another_operand_is_no_activation() -> None:
    x = Value(0.4)
    net = x * Value(0.5, "weight") + Value(0.6, "bias")
    for output in (ops.max(net, x), net**2, net - 1, net * 2, ops.sum([net])):
        [neuron] = found(output)
        assert neuron.activation is None


# Classes that users write --------------------------------------------------------------------------------------------


def weighted(weights: Iterable[Value], xs: Iterable[Value | float]) -> Value:
    total: Value = ops.dot(list(xs), list(weights))
    return total


class OwnNeuron(Module):
    def __init__(self, nin: int) -> None:
        self.w, self.b = [Value(0.5) for _ in range(nin)], Value(0.25)

    def __call__(self, xs: list[Value]) -> Value:
        net: Value = sum((w * x for w, x in zip(self.w, xs, strict=True)), self.b)
        return net.tanh()


class OwnLayer(Module):
    def __init__(self, nin: int, nout: int) -> None:
        self.neurons = [OwnNeuron(nin) for _ in range(nout)]

    def __call__(self, xs: list[Value]) -> list[Value]:
        return [neuron(xs) for neuron in self.neurons]


class Matrix(Module):
    def __init__(self, nin: int, nout: int) -> None:
        self.weights = [[Value(0.5) for _ in range(nin)] for _ in range(nout)]
        self.biases = [Value(0.25) for _ in range(nout)]

    def __call__(self, xs: list[Value]) -> list[Value]:
        return [(weighted(row, xs) + bias).relu() for row, bias in zip(self.weights, self.biases, strict=True)]


class Skipping(Module):
    """A network whose input goes to its last layer as well, and one of whose layers is used twice."""

    def __init__(self, kind: Callable[[int, int], Module]) -> None:
        self.first, self.twice, self.last = kind(2, 3), kind(3, 3), kind(5, 1)

    def __call__(self, xs: list[Value]) -> Value:
        outputs: list[Value] = self.last([*self.twice(self.twice(self.first(xs))), *xs])
        return outputs[0]


@pytest.mark.parametrize("kind", [OwnLayer, Matrix, lambda nin, nout: Layer(nin, nout, squeeze=False)])
def test_networks_of_classes_that_users_write_are_found(kind: Callable[[int, int], Module]) -> None:
    model, xs = Skipping(kind), [Value(0.5, "x1"), Value(0.25, "x2")]
    output = model(xs)
    layers = find_layers(graph_of(output))
    assert sizes(layers) == [("first", 3), ("twice", 3), ("twice", 3), ("last", 1)]
    assert [p for layer in (layers[0], layers[1], layers[3]) for n in layer.neurons for p in n.parameters] == [
        p for layer in (model.first, model.twice, model.last) for p in sorted_by_neuron(layer)
    ]
    [last] = layers[3].neurons
    assert last.output is output
    assert [x for _, x in last.terms][-2:] == xs


def sorted_by_neuron(layer: Module) -> list[Value]:
    """Return the parameters of each neuron, its bias at the end."""
    if isinstance(layer, Matrix):
        return [p for row, bias in zip(layer.weights, layer.biases, strict=True) for p in [*row, bias]]
    return layer.parameters()


@pytest.mark.parametrize("label", ["w", "b", "w1", "x.v1", "x.ww1", "x.bias_1", "weight1.x", "x.gain1", "x.w1.2.3.b"])
def test_other_labels_are_of_no_parameter(label: str) -> None:
    x, w, b = Value(0.4), Value(0.5, label), Value(0.6, "bias")
    assert found((x * w + b).tanh()) == []


def test_a_function_of_some_samples_alone_is_no_activation() -> None:
    """The loss of a class may be the softplus of an output, that of another the softplus of its negative."""
    model = Neuron(1, "linear")
    outputs = [model([0.1 * i]) for i in range(4)]
    losses = [z.softplus() if i % 2 else (-z).softplus() for i, z in enumerate(outputs)]
    found = [neuron for layer in find_layers(graph_of(ops.sum(losses))) for neuron in layer.neurons]
    assert [neuron.output for neuron in found] == outputs
    assert [neuron.activation for neuron in found] == [None] * 4
    assert not set(losses) & {v for neuron in found for v in neuron.nodes}
