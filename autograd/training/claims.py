"""Ensure that only one `fit` at a time trains a parameter."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from autograd.engine import Value

_claims: dict[tuple[int, Value], object] = {}  # keyed by process too: a forked child has none of its parent's threads


@contextmanager
def claiming() -> Iterator[Callable[[Iterable[Value]], None]]:
    """Yield a function that claims parameters until the end of the body.

    It raises RuntimeError if one of them is claimed by others.

    >>> w = Value(1.0)
    >>> with claiming() as claim, claiming() as other:
    ...     claim([w])
    ...     other([w])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    RuntimeError: another fit is training this model, ...
    """
    this = object()

    def claim(parameters: Iterable[Value]) -> None:
        for p in parameters:
            if _claims.setdefault((os.getpid(), p), this) is not this:  # one atomic step
                raise RuntimeError(
                    "another fit is training this model, in another thread or around this callback: "
                    "wait until it ends, or train a copy.deepcopy(model)"
                )

    try:
        try:
            yield claim
        finally:
            _give_up(this)
    except BaseException:  # Ctrl-C in the line above would leave the parameters claimed for good
        _give_up(this)
        raise


def _give_up(this: object) -> None:
    for key in [key for key, owner in _claims.copy().items() if owner is this]:
        _claims.pop(key, None)
