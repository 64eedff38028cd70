"""Regression: a network of tanh neurons learns one period of the sine from noisy samples."""

import argparse
import math
import random
from importlib.util import find_spec
from pathlib import Path

from autograd import fit, nn, optim

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--output", default="sine.png", help="where to save the picture, if matplotlib is installed (%(default)s)"
)
arguments = parser.parse_args()

rng = random.Random(1)
xs = [rng.uniform(-math.pi, math.pi) for _ in range(200)]
ys = [math.sin(x) + rng.gauss(0.0, 0.05) for x in xs]

model = nn.MLP(1, [16, 16, 1], activation="tanh", init="xavier", rng=rng)
history = fit(model, xs, ys, loss=nn.mse, optimizer=optim.Adam(lr=0.01), epochs=400, batch_size=50, seed=1)

grid = [-3 + i / 20 for i in range(121)]
predicted = [model(x).data for x in grid]
error = max(abs(y - math.sin(x)) for x, y in zip(grid, predicted))
print(f"the loss is as low as the noise: {history.losses[-1] < 2 * 0.05**2}")
# prints the loss is as low as the noise: True
print(f"the error is below 0.1 everywhere: {error < 0.1}")  # prints the error is below 0.1 everywhere: True

if find_spec("matplotlib"):
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.scatter(xs, ys, s=8, color="tab:gray", label="samples")
    left.plot(grid, predicted, color="tab:blue", label="learned")
    left.legend()
    history.plot(right)
    figure.savefig(Path(arguments.output))
