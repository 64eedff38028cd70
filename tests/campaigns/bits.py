"""Compare random graphs and programs with independent computations of the same numbers, bit by bit."""

from __future__ import annotations

import ctypes
import math
import operator
import random
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from string import Template
from typing import Any

import reference
from needs import BACKENDS, array_module, need_compiler
from odd_sizes import check_random
from programs import check_batch, check_program
from reference import POLYNOMIAL, bits, exact, exact_in_floats, leaves, record

import autograd
from autograd import Value, grad
from autograd.codegen.c import FLAGS
from autograd.codegen.c_build import built
from autograd.codegen.c_functions import LANES_TOGETHER

SPECIAL = [0.0, -0.0, 1.0, -1.0, 20.0, math.inf, -math.inf, math.nan, 5e-324, 1e-310, 1e308, -1e308]
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "neg": operator.neg,
}


def compiled(seed: int) -> int:
    """Compile random programs for every backend that promises bits, alone and in batches, and run them.

    Returns:
        the number of programs; each is a random expression with its gradients, and one for C is layers of odd sizes.
    """
    for backend in BACKENDS:
        rng = random.Random(f"{backend} {seed}")
        check_program(rng, backend, graphs=8, steps=30)
        check_batch(rng, backend, graphs=3, steps=25)
    check_random(random.Random(f"layers {seed}"))
    return len(BACKENDS) * (8 + 3) + 1


COMPARED = Template("""
/* Count the numbers for which the lanes of $name have other bits than the C library; out[1] is the first of them. */
void compare(double *out, long long seed, long long count)
{
    unsigned long long draw = 0x9e3779b97f4a7c15 * (seed + 1);
    out[0] = 0.0;
    for (long long n = 0; n < count; n += LANES) {
        V x;
        for (int i = 0; i < LANES; i++) {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17; /* Marsaglia's xorshift */
            int exponent = draw & 2 ? (int)(draw / 4 % 12) - 8 : (int)(draw / 4 % 68) - 58;
            x[i] = ldexp(1 + (draw >> 12) * 0x1p-52, exponent) * (draw & 1 ? 1 : -1);
            if (!($usual)) x[i] = ldexp(x[i], -12); /* else all lanes would be computed one by one */
        }
        V z = ${name}_each(x, 0);
        for (int i = 0; i < LANES; i++) {
            double one = z[i], other = $name(x[i]);
            if (memcmp(&one, &other, sizeof one) == 0) continue;
            if (out[0] == 0.0) out[1] = x[i];
            out[0] += 1.0;
        }
    }
}
""")


def lanes(seed: int, numbers: int = 2**20, functions: Iterable[str] = LANES_TOGETHER) -> int:
    """Compare functions of all lanes of a vector at once, in compiled C, with the C library's.

    Returns:
        the number of arguments, `numbers` for each function: half of them are between 2 ** -8 and 2 ** 4, the others
        between 2 ** -58 and 2 ** 10, both divided by 2 ** 12 where the C library's function is called.
    """
    need_compiler()
    total = 0
    for name in functions:
        x = Value(0.5)
        source = autograd.compile(getattr(x, name)(), x, in_axes=0, backend="c").source
        usual = LANES_TOGETHER[name].usual.replace("x0", "all(x[i])") or "1"
        library = built(source + COMPARED.substitute(name=name, usual=usual), ["-O2", *FLAGS])
        found = (ctypes.c_double * 2)()
        library.function("compare")(found, ctypes.c_longlong(seed), ctypes.c_longlong(numbers))
        assert found[0] == 0.0, f"{name}: {found[0]:.0f} of {numbers:,} differ, the first at {found[1].hex()}"
        total += numbers
    return total


def fractions(seed: int, graphs: int = 50) -> int:
    """Compare values, gradients and gradients of gradients of integer graphs with exact fractions.

    Returns:
        the number of graphs.
    """
    rng = random.Random(f"fractions {seed}")
    for _ in range(graphs):
        graph = reference.random_graph(rng, POLYNOMIAL, lambda: float(rng.randint(-4, 4)), exact_in_floats)
        nodes = record(graph)
        inputs = [nodes[i] for i in leaves(graph)]
        direction = [rng.randint(-4, 4) for _ in inputs]
        values, tangents = exact(graph, direction)
        assert [Fraction(v.data) for v in nodes] == [x.a for x in values], graph
        nodes[-1].backward()
        assert [Fraction(v.grad) for v in nodes] == [x.a for x in tangents[-1]], graph
        slope = autograd.dot(grad(nodes[-1], inputs), direction)
        assert [Fraction(g.data) for g in grad(slope, inputs)] == [tangents[-1][i].b for i in leaves(graph)], graph
    return graphs


def pytorch(seed: int, graphs: int = 50) -> int:
    """Compare values and gradients of graphs of + - * / with PyTorch's in float64.

    The sign of a zero gradient, and that of nan, are left out.

    Returns:
        the number of graphs.
    """
    torch = array_module("torch")
    rng = random.Random(f"pytorch {seed}")

    def number() -> float:
        scaled = rng.gauss(0, 1) * 10.0 ** rng.randint(-9, 9)
        huge = rng.choice([-1, 1]) * rng.uniform(0, sys.float_info.max)
        return rng.choice([rng.uniform(-3, 3), rng.uniform(-3, 3), scaled, huge, rng.choice(SPECIAL)])

    def constant(x: float) -> object:
        return torch.tensor(x, dtype=torch.float64)

    for _ in range(graphs):
        graph = reference.random_graph(rng, list(ARITHMETIC), number)
        nodes = record(graph)
        nodes[-1].backward()
        theirs: list[Any] = []
        for name, operands in graph:
            if name == "leaf":
                theirs.append(torch.tensor(operands[0], dtype=torch.float64, requires_grad=True))
            else:
                f = ARITHMETIC[name]
                theirs.append(f(*[theirs[x] if isinstance(x, int) else constant(x) for x in operands]))
                theirs[-1].retain_grad()
        theirs[-1].backward()
        assert [bits(v.data) for v in nodes] == [bits(v.item()) for v in theirs], graph
        assert [bits(v.grad) for v in nodes] == [bits(0.0 if v.grad is None else v.grad.item()) for v in theirs], graph
    return graphs
