"""Compute a graph, its gradients and its second derivatives in any backend, to compare them with what is right.

Also what else tests of derivatives share: programs of JAX's, and calls that are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from needs import BACKENDS, array_module, need_backend

import autograd
from autograd import Value, grad

EVERYWHERE = ["eager", *BACKENDS, "jax.numpy", "torch"]
"""Where graphs can be computed: the engine, the backends of `compile`, and modules of arrays."""


def with_derivatives(outputs: Sequence[Value], inputs: Sequence[Value]) -> list[Value]:
    """Return the outputs, then the gradients of each, then the gradients of those: all with respect to the inputs."""
    first = [g for y in outputs for g in grad(y, list(inputs))]
    return [*outputs, *first, *(second for g in first for second in grad(g, list(inputs)))]


def computed(
    where: str, outputs: Sequence[Value], inputs: Sequence[Value], samples: Sequence[Sequence[float]]
) -> list[list[float]]:
    """Return the numbers of the outputs for each sample of numbers of the inputs; skip what is not installed."""
    if where == "eager":
        rows = []
        for sample in samples:
            for v, x in zip(inputs, sample, strict=True):
                v.data = x
            rows.append([v.forward().data for v in outputs])
        return rows
    if where in BACKENDS:
        need_backend(where)
    backend: Any = where if where in BACKENDS else array_module(where)
    f = autograd.compile(list(outputs), (list(inputs),), in_axes=0, backend=backend)
    return [list(map(float, row)) for row in f([list(sample) for sample in samples])]


def near(got: float, want: float, digits: int = 13) -> bool:
    """Return True for numbers that agree to so many digits, or to so many places near 0; nan agrees with nan."""
    if not math.isfinite(want):
        return math.isnan(got) if math.isnan(want) else got == want
    return abs(got - want) <= 10.0**-digits * max(1.0, abs(want))


def in_one_program(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of JAX's with everything in it compiled at once, which is what takes JAX long."""
    jax = array_module("jax")
    return jax.jit(call, compiler_options={"xla_backend_optimization_level": 0})(*arguments)


def each_raises(error: type[Exception], match: str | None, *calls: Callable[[], object]) -> None:
    """Check that each of these calls is refused, with such a message."""
    for call in calls:
        with pytest.raises(error, match=match):
            call()
