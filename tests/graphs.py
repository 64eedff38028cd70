"""Graphs for the tests of explanations and outlines."""

from __future__ import annotations

import random
from typing import Any

import autograd
from autograd import Value
from autograd.ops import BUILT_IN, TABLE


def neuron() -> Value:
    """Return the loss of the neuron in the first article."""
    input, weight, bias = Value(0.4, "input"), Value(0.5, "weight"), Value(0.6, "bias")
    net = input * weight + bias
    output = autograd.tanh(net)
    error = output - 0.7
    loss = error**2 / 2
    net.label, output.label, error.label, loss.label = "net", "output", "error", "loss"
    return loss


def random_graph(seed: int, size: int = 12) -> Value:
    """Return a graph of random operations, with much sharing; some of its results have labels."""
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(0.1, 0.9), f"x{i}") for i in range(3)]
    some = sorted(BUILT_IN)
    for i in range(size):
        op = TABLE[rng.choice(some)]
        picked: list[Any] = [rng.choice([*nodes[-4:], *nodes[-4:], rng.uniform(-2, 2)]) for _ in range(op.arity or 4)]
        picked[2 if op.variadic else 0] = nodes[-1]
        nodes.append(op(*op.lists(picked)) if op.variadic else op(*picked))
        if rng.random() < 0.4:
            nodes[-1].label = f"r{i}"
    return nodes[-1]
