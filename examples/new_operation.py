"""Add your own operation as one row: how it reads, what it computes, how it pulls a gradient back.

GELU, x Φ(x) with Φ the normal distribution function, is an activation function of large language models (Hendrycks and
Gimpel, "Gaussian Error Linear Units", 2016, arXiv:1606.08415). Its derivative is Φ(x) + x φ(x) with φ the normal
density.
"""

import math

from autograd import Value, check_gradients, compile, draw, erf, exp, grad
from autograd.nn import Neuron
from autograd.ops import Op

# Both functions call autograd's operations (erf, exp), not math's. So the rule works on floats and on Values alike, and
# what the first one records on Values can be compiled for every target.
gelu = Op(
    "gelu({})",
    lambda x: x / 2 * (1 + erf(x / math.sqrt(2))),
    lambda g, z, x: g * ((1 + erf(x * math.sqrt(0.5))) / 2 + x * exp(-x * x / 2) * (1 / math.sqrt(2 * math.pi))),
)

x = Value(0.5, label="x")
y = gelu(x)  # a function
print(f"{y:.6f}")  # prints 0.345731
by_method = x.gelu()  # type: ignore[attr-defined]  # ... and a method, which type checkers cannot see
print(by_method.data == y.data == gelu(0.5))  # prints True
y.backward()  # ... with a gradient, and a second derivative
print(f"{x.grad:.6f}")  # prints 0.867495
print(f"{grad(grad(y, x), x):.6f}")  # prints 0.616114
print(check_gradients(y)[0].verdict)  # prints ok
print("gelu(x)" in draw(y).source)  # prints True
neuron = Neuron(2, activation="gelu", weights=[0.5, -1.0])
print(f"{neuron([1.0, 0.25]):.6f}")  # prints 0.149677
compiled = compile((y, grad(y, x)), x, backend="numpy")
print(compiled(0.5) == (y.data, x.grad))  # prints True
