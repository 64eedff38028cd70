"""Check and flatten what users pass to operations and to `grad`, and check what their own operations return.

A mistake is reported where it was made, not three calls later.
"""

import inspect
import keyword
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

from autograd.floats import number
from autograd.hints import no_input
from autograd.text import quoted
from autograd.trees import tree_leaves


def flatten(inputs: Any) -> list[Any]:
    """Return the Values in a tree of them, from left to right.

    Raises:
        TypeError: a leaf of the tree is not a Value.

    >>> from autograd import Value
    >>> flatten([Value(1.0), (Value(2.0), [])])
    [Value(data=1.0, grad=0.0), Value(data=2.0, grad=0.0)]
    """
    values = tree_leaves(inputs)
    for x in values:
        if not hasattr(type(x), "__record__"):
            raise TypeError(no_input(x))
    return values


def list_of_values(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the operands of an operation on one list.

    Raises:
        TypeError: `values` is not a list, or the like.

    >>> list_of_values([1.0, 2.0])
    (1.0, 2.0)
    """
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"expected a list of values, got {type(values).__name__}") from None


def nonempty(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the operands of an operation on one list that cannot be empty.

    Raises:
        TypeError: `values` is not a list, or the like.
        ValueError: it is empty.

    >>> nonempty([])
    Traceback (most recent call last):
        ...
    ValueError: expected at least one value, got an empty list
    """
    operands = list_of_values(values)
    if not operands:
        raise ValueError(f"expected at least one value, got an empty {type(values).__name__}")
    return operands


def any_number(*values: Any, **default: Any) -> tuple[Any, ...]:
    """Return the operands of `max` and `min`, which take one list or several values, as Python's functions do.

    Raises:
        TypeError: there are none, or there is a default beside several values, or another argument.
        ValueError: the list is empty, and there is no default.

    >>> any_number([1.0, 2.0, 3.0]), any_number(1.0, 2.0, 3.0), any_number([], default=0.0)
    ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), (0.0,))
    """
    unknown = [name for name in default if name != "default"]
    if unknown:
        raise TypeError(f"got an unexpected keyword argument {quoted(unknown[0])}")
    if len(values) == 1:
        return list_of_values(values[0]) or ((default["default"],) if default else nonempty(values[0]))
    if default or not values:
        raise TypeError("a default is for an empty list, not beside several values" if values else "got no values")
    return values


def two_lists(xs: Iterable[Any], ys: Iterable[Any]) -> tuple[Any, ...]:
    """Return the operands of an operation on two lists, those of the first list first.

    Raises:
        TypeError: one of them is not a list, or the like.
        ValueError: their lengths differ.

    >>> two_lists([1.0, 2.0], [3.0, 4.0])
    (1.0, 2.0, 3.0, 4.0)
    """
    xs, ys = list_of_values(xs), list_of_values(ys)
    if len(xs) != len(ys):
        raise ValueError(f"expected two lists of the same length, got {len(xs)} and {len(ys)} values")
    return xs + ys


def number_and_bounds(x: Any, low: Any = -inf, high: Any = inf) -> tuple[Any, ...]:
    """Return the operands of `clip`; None stands for a bound that is none, as in NumPy.

    >>> number_and_bounds(3.0, 0.0, None)
    (3.0, 0.0, inf)
    """
    return x, -inf if low is None else low, inf if high is None else high


def condition_and_cases(c: Any, x: Any, y: Any) -> tuple[Any, ...]:
    """Return the operands of `where`.

    Raises:
        TypeError: the condition is a bool.
    """
    if isinstance(c, bool) or type(c).__name__ in ("bool_", "bool"):  # NumPy's, by name: it need not be installed
        raise TypeError(
            "the condition is a bool: pass the number itself, where(x, a, b), "
            "because `x > 0` has already forgotten the graph (for x > y pass x - y)"
        )
    return c, x, y


def check_row(
    reads: str,
    name: str,
    computes: Any,
    rules: Sequence[Any],
    *,
    domain: Sequence[Any],
    variadic: bool,
) -> None:
    """Check what a row of the table consists of.

    Raises:
        TypeError: the function, or a rule, is none.
        ValueError: there is no name, or the numbers of rules or intervals do not match the operands.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"no name in {quoted(reads)}: write it as 'name({{}})', or pass name=...")
    if not callable(computes) or not all(rule is None or callable(rule) for rule in rules):
        raise TypeError(f"{quoted(reads)} takes functions; None in place of a rule where no gradient passes")
    places = reads.count("{}")
    if places == 0 or not rules or len(rules) != (1 if variadic else places) or (variadic and not any(rules)):
        raise ValueError(
            f"{quoted(reads)} has {places} operands {{}} and needs as many rules (one if variadic), got {len(rules)}"
        )
    if len(domain) != len(rules):
        raise ValueError(f"{quoted(reads)} needs one interval for each of its operands, got {len(domain)}")


def checked_function(computes: Callable[..., Any]) -> Callable[..., float]:
    """Wrap the function of a user's operation so that its result is a float.

    >>> checked_function(lambda x: 3)(0.5)
    3.0
    """
    return lambda *operands: number(computes(*operands))


def checked_rule(name: str, arity: int | None, rule: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a rule so that its results are floats or recorded, one for each operand.

    Arguments:
        name: the name of the operation.
        arity: its number of operands; None if it is variadic.
        rule: the rule of one operand, or of all if it is variadic.

    Raises:
        ValueError: the rule does not take `g`, `z` and the operands. The wrapped rule raises TypeError if it fails on
            Values, which is said at the first gradient that is a graph: on floats, `backward()` may call it.

    >>> import math
    >>> from autograd import Value
    >>> rule = checked_rule("exp", 1, lambda g, z, x: g * math.exp(x))
    >>> rule(1.0, 1.0, 0.0)
    1.0
    >>> rule(1.0, Value(1.0), Value(0.0))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    TypeError: a rule of exp fails on Values: see the error above. ...
    """
    signature = inspect.signature(rule)
    try:
        signature.bind(*range(2 + (arity or 3)))
    except TypeError:
        raise ValueError(f"a rule of {name} is called with g, z and the operands, which it does not take") from None
    if arity and any(p.kind is p.VAR_POSITIONAL for p in [*signature.parameters.values()][2:]):
        raise ValueError(f"a rule of {name} takes any number of operands, with *args: pass variadic=True")

    def checked(g: Any, z: Any, *operands: Any) -> Any:
        recorded = any(hasattr(x, "__record__") for x in (g, z, *operands))

        def pull(p: Any) -> Any:
            return p if recorded and hasattr(p, "__record__") else number(p)

        try:
            found = rule(g, z, *operands)
        except TypeError as problem:
            if not recorded:
                raise
            raise TypeError(
                f"a rule of {name} fails on Values: see the error above. grad() and all that needs it, such as "
                "compiled gradients, calls rules on Values. Write it with autograd's operations: autograd.exp(x), not "
                "math.exp(x); autograd.where(x, a, b), not `if x`; and no .data, which would be that number for good"
            ) from problem
        if arity is not None:
            return pull(found)
        pulls = [None if p is None else pull(p) for p in found]
        if len(pulls) != len(operands):
            raise ValueError(f"the rule of {name} returned {len(pulls)} pulls for {len(operands)} operands")
        return pulls

    checked.__signature__ = signature  # type: ignore[attr-defined]  # an attribute that inspect reads
    return checked


def checked_rules(name: str, arity: int | None, rules: Iterable[Any]) -> tuple[Any, ...]:
    """Return each rule as `checked_rule` does; None, where no gradient passes, stays."""
    return tuple(rule and checked_rule(name, arity, rule) for rule in rules)
