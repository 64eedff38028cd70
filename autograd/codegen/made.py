"""What a backend makes of a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Made(NamedTuple):
    """A program's text and its functions."""

    text: str
    call: Callable[..., Any]
    repeat: Callable[..., Any] | None = None  # where the outputs can be fed back


def repeating(call: Callable[..., Any]) -> Callable[..., Any]:
    """`repeat` for a backend that has no loop of its own."""

    def repeat(n: int, state: Any, *rest: Any) -> Any:
        for _ in range(n):
            state = call(state, *rest)
        return state

    return repeat
