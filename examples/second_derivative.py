"""Gradients of gradients: Newton's method finds the minimum of a curve in a few steps."""

from autograd import Value, exp, grad

x = Value(1.0, label="x")
y = exp(x) - 3 * x  # its minimum is where exp(x) = 3, at log(3) = 1.0986122886681...

slope = grad(y, x)  # a graph like any other ...
curvature = grad(slope, x)  # ... so it has a gradient too

for _ in range(6):
    x.data -= slope.data / curvature.data
    slope.forward()
    curvature.forward()

print(f"{x:.12f}")  # prints 1.098612288668
print(abs(slope.data) < 1e-12, f"{curvature:.4f}")  # prints True 3.0000

t = Value(0.5, label="t")
z = t.tanh()
derivatives = []
for _ in range(4):
    z = grad(z, t)
    derivatives.append(round(z.data, 6))
print(derivatives)  # prints [0.786448, -0.726862, -0.565209, 3.95222]
