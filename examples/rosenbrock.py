"""The Hessian of Rosenbrock's function: exact, symmetric, and with no operation for an entry that is always 0.

The function is a curved, flat valley: at its lowest point the curvature across it is 2,508 times that along it (H. H.
Rosenbrock, An automatic method for finding the greatest or least value of a function, The Computer Journal 3, 1960).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from autograd import Value, grad, hessian, hvp
from autograd.engine import graph_of


def rosenbrock(x: Sequence[Any]) -> Any:
    return sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


(a, b), (c, d) = hessian(rosenbrock)([1.0, 1.0])
print([[a, b], [c, d]])  # prints [[802.0, -400.0], [-400.0, 200.0]]
root = ((a - d) ** 2 + 4 * b * c) ** 0.5
print(f"{(a + d + root) / (a + d - root):.0f}")  # prints 2508

# A product of the Hessian and a vector needs no Hessian: it is the gradient's change along the vector.
print(hvp(rosenbrock, ([1.0, 1.0],), ([1.0, 3.0],)))  # prints [-398.0, 200.0]

# Newton's method finds the lowest point from Rosenbrock's own start.
slopes, curvatures = grad(rosenbrock), hessian(rosenbrock)
x, y = -1.2, 1.0
for _ in range(7):
    (g, h), ((a, b), (c, d)) = slopes([x, y]), curvatures([x, y])
    x, y = x - (d * g - b * h) / (a * d - b * c), y - (a * h - c * g) / (a * d - b * c)
print(f"{x:.12f} {y:.12f}")  # prints 1.000000000000 1.000000000000

# Of twenty variables only neighbours meet, and the graph knows: 342 of the 400 entries are one and the same 0.
xs = [Value(1.0, f"x{i}") for i in range(20)]
output = rosenbrock(xs)
entries = [entry for row in hessian(output, xs) for entry in row]
zeros = [entry for entry in entries if entry.op is None and entry.data == 0]
print(len(zeros), len(set(zeros)))  # prints 342 1

# The nodes, each once: of the function, with its variables; of it and the Hessian; of it and gradients of gradients.
twice = [second for first in grad(output, xs) for second in grad(first, xs)]
print(*(len(graph_of(output, *others)) for others in ([], entries, twice)))  # prints 172 439 818
