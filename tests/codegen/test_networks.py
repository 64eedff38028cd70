"""Networks that were recorded in scalars, compiled for every backend: what they compute is what Python computes."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from cases import cases
from needs import array_module
from programs import same
from scalar_networks import NETWORKS, ScalarNetwork, random_network

FOR_OTHER_MODULES = [
    "mlp, one sample",
    "tied",
    "maxout",
    "skips",
    "attention",
    "outputs of all kinds",
]
"""JAX takes a while to prepare the operations of each: a few networks will do."""


@cache
def in_python(name: str) -> tuple[ScalarNetwork, Any]:
    """Return a network and its results."""
    network = NETWORKS[name]()
    return network, network.compile("python")(*network.arguments)


def lists_compared(got: Any, want: Any) -> Iterator[tuple[list[float], list[float]]]:
    """Yield each flat list of results with what it should be."""
    if isinstance(want, (list, tuple)) and any(isinstance(part, (list, tuple)) for part in want):
        assert len(got) == len(want)
        for part, wanted in zip(got, want, strict=True):
            yield from lists_compared(part, wanted)
    else:
        yield np.ravel(got).tolist(), np.ravel(want).tolist()


def is_close(got: Sequence[float], want: Sequence[float], tolerance: float = 1e-12) -> bool:
    """Compare numbers relative to the largest of their list: a gradient may be the small difference of large terms."""
    size = max((abs(x) for x in want if math.isfinite(x)), default=0.0)
    return all(
        same(x, y) or (math.isfinite(y) and abs(x - y) <= tolerance * size) for x, y in zip(got, want, strict=True)
    )


@pytest.mark.slice(most=28)
@pytest.mark.parametrize("name", NETWORKS)
def test_numpy_has_the_bits(name: str) -> None:
    network, want = in_python(name)
    got = network.compile("numpy")(*network.arguments)
    for numbers, wanted in lists_compared(got, want):
        if network.options.get("reduce"):
            assert is_close(numbers, wanted)
        else:
            assert all(map(same, numbers, wanted))


def check_module(name: str, xp: ModuleType) -> None:
    network, want = in_python(name)
    for numbers, wanted in lists_compared(network.compile(xp)(*network.arguments), want):
        assert is_close(numbers, wanted)


@pytest.mark.slice(most=14)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, when infinities and nans are results
@pytest.mark.parametrize("name", cases([*NETWORKS][::2], campaign=[*NETWORKS][1::2]))
def test_numpy_as_a_module_is_close(name: str) -> None:
    check_module(name, np)


SEEDS = [
    *range(16),
    469,  # the largest of numbers of which only some vary
    3318,  # a lone number that is put together with others
    21902,  # zeros around an array of which a constant is the last element
]


@pytest.mark.slice(most=7)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks(seed: int) -> None:
    network = random_network(random.Random(seed))
    want, got, close = (network.compile(backend)(*network.arguments) for backend in ("python", "numpy", np))
    for numbers, wanted in lists_compared(got, want):
        if network.options.get("reduce"):
            assert numbers == pytest.approx(wanted, rel=1e-11, abs=1e-13)
        else:
            assert all(map(same, numbers, wanted))
    for numbers, wanted in lists_compared(close, want):
        assert numbers == pytest.approx(wanted, rel=1e-10, abs=1e-12)


def test_jax_is_close() -> None:
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    for name in FOR_OTHER_MODULES:
        network, want = in_python(name)
        f = jax.jit(network.compile(jnp))  # which is ready in a third of the time that f itself takes
        for numbers, wanted in lists_compared(f(*map(jnp.asarray, network.arguments)), want):
            assert is_close(numbers, wanted)


def test_torch_is_close() -> None:
    torch = array_module("torch")
    for name in FOR_OTHER_MODULES:
        check_module(name, torch)
