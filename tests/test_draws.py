"""Random numbers that belong to a sample."""

from __future__ import annotations

import math
import random
import statistics
import threading
from typing import Any

import pytest

import autograd
from autograd import Value, nn
from autograd.draws import drawing_from


def test_numbers_are_those_of_the_module_random() -> None:
    random.seed(3)
    drawn = nn.uniform(2) + nn.uniform(3)
    random.seed(3)
    assert [u.data for u in drawn] == [random.random() for _ in range(5)]
    assert len(set(drawn)) == 5
    assert all(u.op is None for u in drawn)


def test_none_may_be_drawn() -> None:
    assert nn.uniform(0) == nn.normal(0) == []


def test_normal_numbers_are_those_of_box_and_muller() -> None:
    random.seed(5)
    drawn = nn.normal(3)
    random.seed(5)
    u, v, a, b = (random.random() for _ in range(4))
    expected = [
        math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v),
        math.sqrt(-2 * math.log(1 - u)) * math.sin(2 * math.pi * v),
        math.sqrt(-2 * math.log(1 - a)) * math.cos(2 * math.pi * b),
    ]
    assert [z.data for z in drawn] == expected


def test_normal_numbers_are_distributed_so() -> None:
    random.seed(0)
    numbers = sorted(z.data for z in nn.normal(4000))
    exact = statistics.NormalDist()
    furthest = max(abs(exact.cdf(z) - (i + 0.5) / 4000) for i, z in enumerate(numbers))
    assert furthest < 1.63 / math.sqrt(4000)  # Kolmogorov's test, at a hundredth
    drawn = [z.data for z in nn.normal(4000)]
    assert abs(statistics.correlation(drawn[::2], drawn[1::2])) < 0.06  # of the two that share their uniform ones


def test_no_uniform_number_makes_an_infinite_one() -> None:
    for u in (0.0, math.nextafter(1.0, 0.0)):
        with drawing_from(lambda n, u=u: [Value(u)] * n):  # type: ignore[misc]  # mypy takes u for an argument
            assert all(math.isfinite(z.data) for z in nn.normal(2))


@pytest.mark.parametrize("backend", ["python", "numpy", "c"])
def test_normal_numbers_are_the_same_in_every_backend(backend: str) -> None:
    def trained(backend: str) -> list[float]:
        model = nn.Sequential(nn.Neuron(1, "linear", weights=[0.5]), lambda y: y + 0.1 * nn.normal(3)[2])
        options: dict[str, Any] = {"loss": "mse", "optimizer": "sgd", "epochs": 3, "batch_size": 1, "seed": 1}
        history = autograd.fit(model, [1.0, 2.0, 3.0], [1.0, 0.5, 0.0], backend=backend, progress=False, **options)
        return [*history.losses, *(p.data for p in model.parameters())]

    assert trained(backend) == trained("eager")


@pytest.mark.parametrize(
    ("n", "problem", "said"),
    [
        (2.0, TypeError, "an integer, got float"),
        (None, TypeError, "an integer, got NoneType"),
        (-1, ValueError, "got -1"),
        (Value(2.0), TypeError, "got Value"),
    ],
)
def test_what_is_no_number_of_values_is_refused(n: Any, problem: type[Exception], said: str) -> None:
    for draw in (nn.uniform, nn.normal):
        with pytest.raises(problem, match=f"{draw.__name__} takes .*{said}"):
            draw(n)


def test_another_source_is_that_of_its_thread_alone() -> None:
    fixed = [Value(0.25), Value(0.75)]
    elsewhere: list[Value] = []
    with drawing_from(lambda n: fixed[:n]):
        thread = threading.Thread(target=lambda: elsewhere.extend(nn.uniform(2)))
        thread.start()
        thread.join()
        assert nn.uniform(2) == fixed
    assert not {*elsewhere} & {*fixed}
    assert not {*nn.uniform(2)} & {*fixed}


def test_a_source_ends_with_its_body_even_by_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), drawing_from(lambda n: [Value(0.5)] * n):
        raise KeyboardInterrupt
    assert len({*nn.uniform(2)}) == 2
