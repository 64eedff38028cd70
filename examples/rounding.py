"""Train through rounding: the straight-through estimator, which rounds forward and passes the gradient on unchanged.

The derivative of `round` is 0 wherever there is one, so nothing could be learned through it. Here the difference that
rounding makes is a number for which no gradient is computed, and what is added to it passes its own (Y. Bengio, N.
Léonard and A. Courville, Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation,
2013, arXiv:1308.3432).
"""

from typing import Any

import autograd
from autograd import grad, stop_gradient, tanh


def rounded(w: Any) -> Any:
    """Return a weight, rounded to a quarter: what a chip of a few bits has."""
    return w + stop_gradient(autograd.round(4 * w) / 4 - w)


print(rounded(0.6), grad(rounded)(0.6), grad(autograd.round)(0.6))  # prints 0.5 1.0 0.0

inputs = [-1.0, 0.4, 2.0]
targets = [tanh(-1.25 * x + 0.75) for x in inputs]  # what quarters can give
w, b = 0.5, 0.6


def loss(w: Any, b: Any) -> Any:
    outputs = [tanh(rounded(w) * x + rounded(b)) for x in inputs]
    return sum((output - target) ** 2 for output, target in zip(outputs, targets)) / 2


slopes = grad(loss, argnums=(0, 1))
print(f"{loss(w, b):.3f}")  # prints 2.234
for _ in range(100):
    along_w, along_b = slopes(w, b)
    w, b = w - 0.3 * along_w, b - 0.3 * along_b
print(loss(w, b), rounded(w), rounded(b))  # prints 0.0 -1.25 0.75
