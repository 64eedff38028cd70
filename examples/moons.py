"""micrograd's demo: two moons, a 2-16-16-1 network, a hundred steps on all points, and the decision boundary.

The points are generated here, without scikit-learn: two half circles with noise.
"""

import argparse
import math
import random
from importlib.util import find_spec
from pathlib import Path

import autograd
from autograd import Value, fit, nn, optim, plot_decision_boundary

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--output", default="moons.png", help="where to save the picture, if matplotlib is installed (%(default)s)"
)
arguments = parser.parse_args()

random.seed(1337)
points, labels = [], []
for i in range(100):
    angle = math.pi * (i // 2) / 49
    x, y = (math.cos(angle), math.sin(angle)) if i % 2 else (1 - math.cos(angle), 0.5 - math.sin(angle))
    points.append([x + random.gauss(0, 0.1), y + random.gauss(0, 0.1)])
    labels.append(1 if i % 2 else -1)

model = nn.MLP(2, [16, 16, 1])
print(f"{len(model.parameters())} parameters")  # prints 337 parameters


def decay(parameters: list[Value]) -> Value:
    """Return the demo's L2 penalty."""
    total: Value = 1e-4 * autograd.sum([p * p for p in parameters])
    return total


history = fit(
    model,
    points,
    labels,
    loss=nn.hinge,
    optimizer=optim.SGD(lr=lambda step: 1.0 - 0.9 * step / 100),
    regularizer=decay,
    epochs=100,
)
print(f"accuracy {history.accuracy[-1]:.0%}")  # prints accuracy 100%
print(f"loss below 0.05: {history.losses[-1] < 0.05}")  # prints loss below 0.05: True

if find_spec("matplotlib"):
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    plot_decision_boundary(model, points, labels, ax=left)
    history.plot(right)
    figure.savefig(Path(arguments.output))
