"""What a backend makes of a program."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from autograd.floats import number
from autograd.trees import tree_map


class Made(NamedTuple):
    """A program's text and its functions."""

    text: str
    call: Callable[..., Any]
    repeat: Callable[..., Any] | None = None  # where the outputs can be fed back


def repeating(function: FunctionType) -> Callable[..., Any]:
    """`repeat` for a backend that has no loop of its own."""
    call = FunctionType(function.__code__, function.__globals__)  # a twin: the function will hold what is returned

    def repeat(n: int, state: Any, *rest: Any) -> Any:
        if n == 0:
            call(state, *rest)  # to refuse what it would refuse otherwise
            return state.astype(float) if hasattr(state, "astype") else tree_map(number, state)
        for _ in range(n):
            state = call(state, *rest)
        return state

    return repeat
