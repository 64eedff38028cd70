"""A root as an operation: Newton's method finds it, the implicit function theorem differentiates it.

Where is a planet on its orbit? Kepler's equation E - e sin(E) = M, with the time M and the eccentricity e, has no
solution in a formula. Where f(E, M, e) = 0, the theorem says dE/dM = -(∂f/∂M) / (∂f/∂E), and the same for e. So the
steps of the search are no part of the graph, and E is one node.
"""

from typing import Any

from autograd import Value, check_gradients, div, draw, grad, sin
from autograd.ops import Op


def f(anomaly: Any, time: Any, eccentricity: Any) -> Any:
    return anomaly - eccentricity * sin(anomaly) - time


along_anomaly, along_time, along_eccentricity = (grad(f, place) for place in range(3))


def root(time: float, eccentricity: float) -> float:
    anomaly = time
    for _ in range(20):
        anomaly -= f(anomaly, time, eccentricity) / along_anomaly(anomaly, time, eccentricity)
    return anomaly


# The gradients of f are functions of any number: of floats in backward(), of Values in grad. So there are second ones.
kepler = Op(
    "kepler({}, {})",
    root,
    lambda g, z, x, y: -g * div(along_time(z, x, y), along_anomaly(z, x, y)),
    lambda g, z, x, y: -g * div(along_eccentricity(z, x, y), along_anomaly(z, x, y)),
)

time, eccentricity = Value(1.0, "time"), Value(0.3, "eccentricity")
anomaly = kepler(time, eccentricity)
print(f"{anomaly:.12f}", abs(f(anomaly.data, 1.0, 0.3)) < 1e-15)  # prints 1.288091313212 True
anomaly.backward()
print(f"{time.grad:.9f} {eccentricity.grad:.9f}")  # prints 1.091329301 1.048008305
print([line.verdict for line in check_gradients(anomaly)])  # prints ['ok', 'ok']
print(f"{grad(grad(anomaly, time), time):.6f}")  # prints -0.374453
print(f"{(root(1.001, 0.3) - 2 * root(1.0, 0.3) + root(0.999, 0.3)) / 0.001**2:.6f}")  # prints -0.374453
print("kepler(time, eccentricity)" in draw(anomaly).source)  # prints True
