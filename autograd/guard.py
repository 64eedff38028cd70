"""A watch over the functions in rows that users add: a mistake is said where it is made, not three calls later."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from autograd.floats import number


def guarded_function(computes: Callable[..., Any]) -> Callable[..., float]:
    """A user's function from floats to a number, made one to a float."""
    return lambda *operands: number(computes(*operands))


def guarded_rule(name: str, arity: int | None, rule: Callable[..., Any]) -> Callable[..., Any]:
    """A user's rule that says so when it returns something else than it should.

    Arguments:
        name: of the operation.
        arity: its number of operands; None for any, with one rule that returns all pulls.

    Raises:
        ValueError: the rule does not take g, z and the operands; later, where it returns the wrong number of pulls.
    """
    some = arity or 3
    try:
        inspect.signature(rule).bind(*range(some + 2))
    except TypeError:
        raise ValueError(f"a rule of {name} is called with g, z and the operands, which it does not take") from None

    def checked(g: Any, z: Any, *operands: Any) -> Any:
        recorded = any(hasattr(x, "__record__") for x in (g, z, *operands))

        def pull(p: Any) -> Any:
            return p if recorded and hasattr(p, "__record__") else number(p)

        if arity is not None:
            return pull(rule(g, z, *operands))
        pulls = [pull(p) for p in rule(g, z, *operands)]
        if len(pulls) != len(operands):
            raise ValueError(f"the rule of {name} returned {len(pulls)} pulls for {len(operands)} operands")
        return pulls

    checked.__signature__ = inspect.signature(rule)  # type: ignore[attr-defined]  # an attribute that inspect reads
    return checked
