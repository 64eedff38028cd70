"""Random numbers that belong to a sample."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

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
    assert nn.uniform(0) == []


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
    with pytest.raises(problem, match=said):
        nn.uniform(n)


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
