"""Exclusive or: no single neuron can learn it, but two layers can."""

import random

from autograd import fit, nn

xs, ys = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
model = nn.MLP(2, [8, 1], activation="tanh", rng=random.Random(0))
history = fit(model, xs, ys, loss="binary_cross_entropy", optimizer="adam", epochs=2000)
print(history.accuracy[-1])  # prints 1.0
print([int(score > 0) for score in model.predict(xs)])  # prints [0, 1, 1, 0]
