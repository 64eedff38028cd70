"""Fold operations: find those that equal one of their operands, or a constant, whatever the numbers are.

`grad` folds what rules record, so the derivative of x ** 3 reads 3 * x ** 2, and compiling folds the steps of a
program. What an operand is, is left to them: a Value of a graph, the place of a number in a program. A float is a
constant. Folds ask for the numbers of constants alone: graphs and programs are computed again, with others.

Each fold is exact for every float: the result has the bits of what it folds to, also at -0, infinities and nan. So
x + 0 stays, which is 0 for -0; so do x - (-0), and x * 0, which may be -0 or nan. To what a fold leaves out, as to the
base of x ** 0, rules would pull back 0, or nan where the gradient from above is infinite; now no gradient passes.
"""

from collections.abc import Callable
from math import copysign, inf
from operator import is_
from typing import Any

from autograd.ops import TABLE, Op


def folded(op: Op, operands: tuple[Any, ...]) -> Any:
    """Return the operand or the constant that an operation equals for all floats; None if it is needed.

    Arguments:
        op: the operation.
        operands: constants, which are floats, and others, each equal to itself alone.

    >>> mul, pow, sub, where = (TABLE[name] for name in ("mul", "pow", "sub", "where"))
    >>> folded(mul, (1.0, "x")), folded(pow, ("x", 0.0)), folded(where, (-2.0, "x", "y")), folded(mul, (2.0, 3.0))
    ('x', 1.0, 'y', 6.0)
    >>> folded(mul, (0.0, "x")), folded(sub, ("x", 0.0)), folded(sub, ("x", -0.0))
    (None, 'x', None)
    """
    fold = _FOLDS.get(op)
    if fold and (found := fold(*operands)) is not None:
        return found
    return computed(op, operands)


def computed(op: Op, operands: tuple[Any, ...]) -> float | None:
    """Return what an operation on constants alone equals; None if not all operands are constants."""
    for x in operands:
        if type(x) is not float:
            return None
    return op.computes(*operands)


class Folding:
    """Folds what the rules of one result record, for a gradient.

    Called with a rule's answer, it returns that without the operations that fold. Operations on what has changed are
    recorded again; nothing changes in place.

    Arguments:
        since: the place in the order of creation at which the rules are called. What is older is left as it is.
        created: returns the place of a Value.

    >>> from autograd import Value
    >>> from autograd.engine import created
    >>> x = Value(3.0)
    >>> fold = Folding(created(x), created)
    >>> product = fold(1 * (2 * x ** 1))
    >>> product.op.name, product.args
    ('mul', (2.0, Value(data=3.0, grad=0.0)))
    """

    __slots__ = ("_changed", "_created", "_known", "_since")

    def __init__(self, since: int, created: Callable[[Any], int]) -> None:
        self._since, self._created = since, created
        self._known: dict[Any, Any] = {}  # what became of each Value recorded since: answers may share some
        self._changed = False  # any of them

    def __call__(self, answer: Any) -> Any:
        since, created = self._since, self._created
        while answer is not None and type(answer) is not float and created(answer) > since:
            if answer in self._known:
                return self._known[answer]
            args = answer.args  # of most answers, such as 1 * x, the last operation alone may fold
            fold = _FOLDS.get(answer.op)
            z = fold(*args) if fold else None  # of operations on constants alone nothing is recorded
            if z is None:
                for x in args:
                    if type(x) is not float and created(x) > since:
                        return self._without_folds(answer)
                return answer
            answer = z
        return answer

    def _without_folds(self, answer: Any) -> Any:
        """Return an answer of several operations; the last of them does not fold."""
        since, created, known = self._since, self._created, self._known
        new, changed = [answer], self._changed
        known[answer] = answer
        for v in new:
            args, constant = v.args, False
            for x in args:
                if type(x) is float:
                    constant = True
                elif x not in known and created(x) > since:
                    known[x] = x
                    new.append(x)
            if not changed and (constant or len(args) > 2):
                fold = _FOLDS.get(v.op)
                changed = fold is not None and fold(*args) is not None
        if not changed:
            return answer
        new.sort(key=created)
        for v in new:
            old = v.args
            args = tuple([x if type(x) is float else known.get(x, x) for x in old])
            z = folded(v.op, args) if old else None  # not a leaf that the rule has made
            if z is not None:
                known[v], self._changed = z, True
            elif not all(map(is_, args, old)):
                known[v] = v.__record__(v.op, args)
        return known[answer]


# The folds -----------------------------------------------------------------------------------------------------------


def _either(constant: float) -> Callable[[Any, Any], Any]:
    """Return the fold of an operation in which that constant, on either side, leaves the other operand unchanged."""

    def fold(x: Any, y: Any) -> Any:
        if type(x) is float:
            return y if x == constant else None
        return x if type(y) is float and y == constant else None

    return fold


def _quotient(x: Any, y: Any) -> Any:
    return x if type(y) is float and y == 1 else None


def _difference(x: Any, y: Any) -> Any:
    return x if type(y) is float and y == 0 and copysign(1.0, y) > 0 else None


def _power(x: Any, y: Any) -> Any:
    if type(y) is float and y in (0.0, 1.0):
        return x if y else 1.0
    return None


def _choice(c: Any, x: Any, y: Any) -> Any:
    if type(c) is float:
        return x if c > 0 else y
    if type(x) is float is type(y):
        return x if x.hex() == y.hex() else None  # not ==, for which 0 is -0, and nan not nan
    return x if type(x) is type(y) and x == y else None


_FOLDS: dict[Op, Callable[..., Any]] = {
    TABLE["mul"]: _either(1.0),
    TABLE["div"]: _quotient,
    TABLE["sub"]: _difference,
    TABLE["pow"]: _power,
    TABLE["max"]: _either(-inf),
    TABLE["min"]: _either(inf),
    TABLE["where"]: _choice,
}
