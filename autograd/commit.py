"""New numbers for many Values at once: all of them change, or none does."""

from __future__ import annotations

from collections.abc import Iterable

from autograd.engine import Value, _at_once, _set_data


def commit_data(values: Iterable[Value], data: Iterable[float], *others: Iterable[None]) -> None:
    """Give every Value its new number, in one step of the interpreter that Ctrl-C cannot tear.

    Arguments:
        values: Values, and nothing else: check it before.
        data: floats, as many.
        others: further maps of C functions to run in the same step.

    >>> x, y = Value(1.0), Value(2.0)
    >>> commit_data([x, y], [3.0, 4.0])
    >>> x.data, y.data
    (3.0, 4.0)
    """
    _at_once(map(_set_data, values, data), *others)
