"""Newton's method trains a neuron: its loss has a gradient and a Hessian, both of them graphs like the loss itself.

Near the minimum, each step doubles the number of digits that are right; a step of gradient descent adds a fraction of
one.
"""

from collections.abc import Callable

from autograd import Value, compile, grad, hessian, mean, tanh

inputs = [-1.0, 0.4, 2.0]
targets = [tanh(0.9 * x + 0.2) for x in inputs]  # what a neuron with weight 0.9 and bias 0.2 gives

weight, bias = Value(0.5, "weight"), Value(0.6, "bias")
loss = mean([(tanh(weight * x + bias) - target) ** 2 for x, target in zip(inputs, targets)])
derivatives = compile((grad(loss, [weight, bias]), hessian(loss, [weight, bias])), (weight, bias))


def newton(w: float, b: float) -> tuple[float, float]:
    """Return weight and bias after a step to where the gradient would be 0, if the curvature stayed as it is."""
    (along_w, along_b), ((ww, wb), (bw, bb)) = derivatives(w, b)
    determinant = ww * bb - wb * bw
    return w - (bb * along_w - wb * along_b) / determinant, b - (ww * along_b - bw * along_w) / determinant


def descend(w: float, b: float) -> tuple[float, float]:
    """Return them after a step of gradient descent."""
    (along_w, along_b), _ = derivatives(w, b)
    return w - 0.5 * along_w, b - 0.5 * along_b


def errors(step: Callable[[float, float], tuple[float, float]]) -> str:
    """Return how far the weight is from 0.9 after each of five steps."""
    w, b = 0.5, 0.6
    found = []
    for _ in range(5):
        w, b = step(w, b)
        found.append(f"{abs(w - 0.9):.0e}")
    return ", ".join(found)


print(errors(newton))  # prints 9e-02, 3e-02, 1e-03, 4e-06, 3e-11
print(errors(descend))  # prints 2e-01, 1e-01, 8e-02, 6e-02, 5e-02
