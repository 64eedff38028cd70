"""One sample's graph, recorded for other numbers: what would be decided there and then, for good, is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autograd import engine
from autograd.engine import Value

_compare = engine._compare
_lock = threading.Lock()
_recording: dict[object, int] = {}  # what is being recorded, and in which thread


@contextmanager
def no_frozen_branch(otherwise: str) -> Iterator[None]:
    """Refuse to compare Values in this thread: what followed would be recorded for one sample and done for all.

    Arguments:
        otherwise: what else there is to do, for the end of the error's text.

    Raises:
        TypeError: at the comparison.

    >>> with no_frozen_branch("or leave it"):
    ...     Value(1.0) > 0  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    TypeError: Values are compared while a graph is recorded: one sample would decide for all. ...
    >>> Value(1.0) > 0
    True
    """

    def watched(v: Value, other: Any, holds: Callable[[float, float], bool]) -> bool:
        if threading.get_ident() not in _recording.values():
            return _compare(v, other, holds)
        raise TypeError(
            "Values are compared while a graph is recorded: one sample would decide for all. "
            f"Keep the choice in the graph with autograd.where(v, x, y), autograd.max or autograd.min; {otherwise}"
        )

    this = object()
    try:
        with _lock:
            _recording[this] = threading.get_ident()
            vars(engine)["_compare"] = watched
        yield
    finally:
        try:
            _end(this)
        except BaseException:  # Ctrl-C just here would forbid to compare for ever
            _end(this)
            raise


def _end(recording: object) -> None:
    with _lock:
        _recording.pop(recording, None)
        if not _recording:
            vars(engine)["_compare"] = _compare
