"""Regression: a network learns one period of the sine from noisy samples, and stops before it learns the noise."""

import math
import random

from autograd import fit, nn

rng = random.Random(1)
xs = [rng.uniform(-math.pi, math.pi) for _ in range(200)]
ys = [math.sin(x) + rng.gauss(0.0, 0.05) for x in xs]
model = nn.MLP(1, [16, 16, 1], activation="tanh", init="xavier", rng=rng)
history = fit(model, xs, ys, loss="mse", optimizer="adam", epochs=3000, validation=0.2, patience=100, seed=1)
print(f"as low as the noise: {min(history.validation_losses) < 2 * 0.05**2}")  # prints as low as the noise: True
print(all(abs(y - math.sin(x)) < 0.1 for x, y in zip(xs, model.predict(xs))))  # prints True
