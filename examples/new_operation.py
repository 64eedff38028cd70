"""Add your own operation as one row: how it reads, what it computes, how it pulls a gradient back.

Mish, x tanh(softplus(x)), is an activation function of networks that detect objects in images (Misra, "Mish: A Self
Regularized Non-Monotonic Activation Function", 2019, arXiv:1908.08681). With t = tanh(softplus(x)) its derivative is
t + x (1 - t²) sigmoid(x).
"""

from typing import Any

from autograd import Value, check_gradients, compile, draw, grad, sigmoid, softplus, tanh
from autograd.nn import Neuron
from autograd.ops import Op


# Both functions call autograd's operations (tanh, softplus), not math's. So the rule works on floats and on Values
# alike, and what the first one records on Values can be compiled for every target.
def slope(x: Any) -> Any:
    t = tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


mish = Op("mish({})", lambda x: x * tanh(softplus(x)), lambda g, z, x: g * slope(x))

x = Value(0.5, label="x")
y = mish(x)  # a function
print(f"{y:.6f}")  # prints 0.375245
by_method = x.mish()  # type: ignore[attr-defined]  # ... and a method, which type checkers cannot see
print(by_method.data == y.data == mish(0.5))  # prints True
y.backward()  # ... with a gradient, and a second derivative
print(f"{x.grad:.6f}")  # prints 0.886424
print(f"{grad(grad(y, x), x):.6f}")  # prints 0.468053
print(check_gradients(y)[0].verdict)  # prints ok
print("mish(x)" in draw(y).source)  # prints True
neuron = Neuron(2, activation="mish", weights=[0.5, -1.0])
print(f"{neuron([1.0, 0.25]):.6f}")  # prints 0.169572
compiled = compile((y, grad(y, x)), x, backend="numpy")
print(compiled(0.5) == (y.data, x.grad))  # prints True
