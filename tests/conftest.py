"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograd import Value
from autograd.ops import TABLE


@pytest.fixture(autouse=True)
def operations_of_a_test_end_with_it() -> Iterator[None]:
    """Operations that a test adds do not reach the next one."""
    before = set(TABLE)
    yield
    for name in set(TABLE) - before:
        del TABLE[name]
        if hasattr(Value, name):
            delattr(Value, name)
