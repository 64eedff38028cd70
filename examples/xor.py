"""Exclusive or: no single neuron can learn it, but two layers can."""

import random

from autograd import fit, nn, optim

inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
outputs = [0, 1, 1, 0]


def learn(model: nn.Module) -> float:
    """Train the model; return the fraction of the four answers that are right."""
    optimizer = optim.Adam(lr=0.1)
    history = fit(model, inputs, outputs, loss=nn.binary_cross_entropy, optimizer=optimizer, epochs=300)
    return history.accuracy[-1]


neuron = nn.Neuron(2, activation="linear", rng=random.Random(0))
print(learn(neuron) <= 0.75)  # prints True

network = nn.MLP(2, [4, 1], activation="tanh", rng=random.Random(0))
print(learn(network))  # prints 1.0
for x in inputs:
    print(x, int(network(x).data > 0))
# prints [0, 0] 0
# prints [0, 1] 1
# prints [1, 0] 1
# prints [1, 1] 0
