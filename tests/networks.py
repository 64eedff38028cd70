"""Small networks with the labels that parameters of layers have, for tests of views."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd import Value, ops
from autograd.nn import Neuron


def weighted_by_dot(neuron: Neuron, xs: Sequence[Any]) -> Value:
    weighted: Value = ops.dot(xs, neuron.w)
    return weighted + neuron.b


def weighted_by_micrograd(neuron: Neuron, xs: Sequence[Any]) -> Value:
    """Compute b + w1 x1 + w2 x2 ..., one node for each operation."""
    total = neuron.b
    for w, x in zip(neuron.w, xs, strict=True):
        total = total + w * x
    return total


def weighted_by_builtin_sum(neuron: Neuron, xs: Sequence[Any]) -> Value:
    """Compute 0 + x1 w1 + x2 w2 + ... + b."""
    products: list[Value] = [x * w for w, x in zip(neuron.w, xs, strict=True)]
    return sum(products) + neuron.b


def weighted_by_sum(neuron: Neuron, xs: Sequence[Any]) -> Value:
    total: Value = ops.sum([neuron.b, *(w * x for w, x in zip(neuron.w, xs, strict=True))])
    return total


def weighted_from_the_right(neuron: Neuron, xs: Sequence[Any]) -> Value:
    """Compute w1 x1 + (w2 x2 + (... + b))."""
    total = neuron.b
    for w, x in zip(reversed(neuron.w), reversed(xs), strict=True):
        total = w * x + total
    return total


WAYS: list[Callable[[Neuron, Sequence[Any]], Value]] = [
    weighted_by_dot,
    weighted_by_micrograd,
    weighted_by_builtin_sum,
    weighted_by_sum,
    weighted_from_the_right,
]


class Network:
    """Fully connected layers, with a relu in all but the last."""

    def __init__(self, nin: int, nouts: Sequence[int], weigh: Callable[..., Value] = weighted_by_dot) -> None:
        rng = random.Random(1)
        self.weigh = weigh
        self.layers = []
        for i, (n, nout) in enumerate(zip([nin, *nouts], nouts, strict=False), start=1):
            weights = ["weight"] if n == 1 else [f"weight{j}" for j in range(1, n + 1)]
            self.layers.append(
                [
                    Neuron(
                        n,
                        weights=[rng.uniform(-1, 1) for _ in range(n)],
                        bias=rng.uniform(-1, 1),
                        labels=[f"layer{i}.neuron{k}.{part}" for part in [*weights, "bias"]],
                    )
                    for k in range(1, nout + 1)
                ]
            )

    def __call__(self, xs: Sequence[Any]) -> list[Value]:
        for layer in self.layers:
            nets = [self.weigh(neuron, xs) for neuron in layer]
            xs = nets if layer is self.layers[-1] else [net.relu() for net in nets]
        return list(xs)

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for neuron in layer for p in neuron.parameters()]


def loss_of(network: Network, samples: int = 1, nin: int = 2) -> Value:
    """Return the sum of squared errors, after backward(). Inputs have labels in the first sample alone: x1, x2, ..."""
    total = Value(0.0, "zero")
    for sample in range(samples):
        xs = [Value(0.1 * (sample + i), f"x{i}" if sample == 0 else None) for i in range(1, nin + 1)]
        for output in network(xs):
            total = total + (output - 0.5) ** 2
    total.label = "loss"
    total.backward()
    return total
